/* Within the worker: one job's inspection. */
#pragma once
#include "inside.h"
#include "scan.h"
#include "store_content.h"
#include "store_gate.h"

/* The account of links that say: this repository's upstream sent these bytes. No account can have this name. */
#define WORK_UPSTREAM_LINK "@upstream"

struct work {
	struct gateway *g;
	struct scan_engine *engine;
	struct store_job job;
	struct arena *arena;
	struct slice repository;
	bool upstream;			/* a pull-through repository */
	char reference[700];		/* by which names are judged */
	struct store_manifest manifest;
	struct store_verdict old;
	bool had_old;
	_Atomic bool *lost;		/* the lease is gone: stop */
	int64_t generation;		/* judged by */
	char data_id[330];
};

/* A blob's bytes: from the store, else from upstream and into the store on their way. The end is reached only by bytes with this digest; then the blob is
 * visible. */
[[nodiscard]] enum err_code work_blob_open(struct work *w, struct slice digest, uint64_t size, struct stream **ret, struct err *e);
/* Is it in the store? Fetches it if not. */
[[nodiscard]] enum err_code work_blob_ensure(struct work *w, struct slice digest, uint64_t size, struct err *e);
/* Is it judged by its type, not by what it would run? */
bool work_is_artifact(const struct work *w);
/* The report of a manifest that is no image (GATE.md 6): calls fn as scan_source does. */
[[nodiscard]] enum err_code work_artifact(struct work *w, scan_report_fn *fn, void *arg, struct err *e);
/* The last step, with the report: verdict stored, job done; arg is the work. ERR_CANCELLED: to be done again. */
[[nodiscard]] enum err_code work_conclude(void *arg, struct report *r, struct err *e);
/* The whole inspection: bytes, report, verdict, job done. */
[[nodiscard]] enum err_code work_inspect(struct work *w, struct err *e);
