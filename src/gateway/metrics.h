/* Counters and their text for Prometheus. Counting takes no lock and may be done anywhere; where metrics are not open (workers), it does nothing. */
#pragma once
#include "inside.h"

enum metric {
	METRIC_TAG_HITS,		/* tags answered from what is known */
	METRIC_TAG_MISSES,		/* tags asked upstream */
	METRIC_BLOB_HITS,		/* blobs whose admission was remembered */
	METRIC_BLOB_MISSES,
	METRIC_REJUDGED,		/* verdicts judged again by newer data */
	METRIC_GC_RUNS,			/* garbage collection on this node: runs, failed ones, what went, how long it took */
	METRIC_GC_ERRORS,
	METRIC_GC_BLOBS,
	METRIC_GC_BYTES,
	METRIC_GC_MANIFESTS,
	METRIC_GC_UPLOADS,
	METRIC_GC_MS,
	METRIC_N
};
[[nodiscard]] enum err_code metrics_open(struct gateway *g, struct err *e);	/* g->metrics */
void metrics_close(struct gateway *g);
void metrics_count(struct gateway *g, enum metric m, uint64_t n);
/* A request is over: from `done`. */
void metrics_request(struct gateway *g, const struct call *c, int status, uint64_t bytes_out, uint64_t elapsed_ns, bool complete);
/* Prometheus' text format 0.0.4. Asks the database; what that does not answer is left out, pabean_store_up is 0 then. */
void metrics_text(struct gateway *g, struct buf *out);
uint64_t metrics_get(struct gateway *g, enum metric m);
/* For pulls of manifests since the start: "admitted", "refused", … */
uint64_t metrics_outcome(struct gateway *g, const char *outcome);
