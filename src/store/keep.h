/* Within garbage collection.
 *   keep_run.c        the lease, the order of things      keep_tags.c      retention of tags
 *   keep_manifests.c  manifests that nothing keeps        keep_content.c   content let go, its manifest stays
 *   keep_blobs.c      blobs that nothing names            keep_uploads.c   uploads, and bytes without a row
 *   keep_rows.c       all else */
#pragma once
#include "store_keep.h"

enum { KEEP_BATCH = 64 };
struct keep_item { int64_t repo_id, number; struct slice digest, name; uint64_t size; };
struct keep {
	struct store *s;
	const struct store_keep_rules *r;
	const _Atomic bool *stop;
	char owner[64], machine[128], lease[256];
	uint64_t renewed_ms;
	int64_t now;
	struct store_keep_counts *counts;
	/* one batch: read, then done */
	struct arena *arena;
	struct keep_item *items;
	size_t n, cap;
	uint64_t done;			/* of the last transaction */
	int64_t after_repo;		/* where the next batch begins */
	char after[160];
};
/* Takes, or renews, the lease. */
[[nodiscard]] enum err_code keep_claim(struct keep *k, struct err *e);
/* Between two pieces: told to stop, or the lease is to be renewed. */
[[nodiscard]] enum err_code keep_pause(struct keep *k, struct err *e);
/* Pushes the row's columns: repo_id, digest, name, size, number as far as asked for. */
typedef void keep_row_fn(struct keep *k, struct sql_rows *rows, struct keep_item *to);
[[nodiscard]] enum err_code keep_collect(struct keep *k, struct sql_rows *rows, keep_row_fn *fn, struct err *e);
/* Fills k->items anew, in k->arena. */
[[nodiscard]] enum err_code keep_find(struct keep *k, sql_tx_fn *find, struct err *e);
/* Batches: `find` fills k->items (at most KEEP_BATCH, behind k->after_repo and k->after), `act` does it (NULL with dry); *count
 * grows by k->done, or by what was found with dry. Ends when find gives fewer than KEEP_BATCH. */
[[nodiscard]] enum err_code keep_batches(struct keep *k, sql_tx_fn *find, sql_tx_fn *act, uint64_t *count, struct err *e);
static inline int64_t keep_before(const struct keep *k, uint64_t age_s) { return k->now - (int64_t)MIN(age_s, (uint64_t)k->now); }

[[nodiscard]] enum err_code keep_tags(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_manifests(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_content(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_blobs(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_blobs_going(struct keep *k, struct err *e);	/* what somebody began */
[[nodiscard]] enum err_code keep_uploads(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_walk(struct keep *k, struct err *e);
[[nodiscard]] enum err_code keep_rows(struct keep *k, struct err *e);
