/* What the registry lets go: garbage collection, retention. Runs while others push and pull, on one node at a time, in short
 * transactions.
 *
 * What keeps what, from the roots on:
 *   a tag (pushed and served side)           its manifests;
 *   a manifest that is in its repository     the children it names, its referrers and its `sha256-<hex>…` tags there;
 *   a manifest whose content was not let     its blobs.
 *     go, or that waits for an inspection
 * A manifest that nothing keeps gets `untagged_s` and goes keep_untagged_s later, unless it was pulled or pushed again; its
 * children and referrers inherit that time. Content is let go without its manifest (refused, not pulled for long, beyond
 * max_bytes): `gone_s`; facts and verdict stay, and the gate fetches anew, or says that it is to be pushed again.
 *
 * How a blob goes, so that it never takes what somebody just relied on:
 *   1. one transaction: its row is locked (an UPDATE that changes nothing, only if used_s is older than the grace); only then,
 *      as a statement of its own and so on PostgreSQL with a snapshot of its own, it is asked whether anything names it; if
 *      not, state := 1 ("going"): nobody sees it any more;
 *   2. its bytes are removed;
 *   3. the row is deleted.
 * Who is about to rely on a blob calls store_blob_pin (or store_blob_put) in the transaction that names it: whichever of that and
 * 1 comes first makes the other one fail. A put that finds state 1 gets ERR_CANCELLED, waits until the row is gone and looks
 * whether its bytes are still there (store_blob_settle). Bytes without a row (a crash between the two) get a going row first.
 * After a crash whoever runs next goes on at 2: removing twice does no harm, since nothing can become visible while the row is
 * there. That no second node is at 2 with the same blob is the lease's part: it is renewed before each step 2, and taken over
 * only long after, or once its process is known to be dead.
 *
 * Locks are taken in the order manifests in a repository, manifests, blobs by digest; `sql` tries PostgreSQL's deadlocks again.
 * */
#pragma once
#include <stdatomic.h>
#include "store_content.h"

/* keep_last and keep_for_s 0: tags stay; enforced: what is refused is given to nobody */
struct store_retention { unsigned keep_last; uint64_t keep_for_s; bool enforced; };
/* All of 0: for ever, but for grace_s. */
struct store_keep_rules {
	uint64_t grace_s, upload_keep_s, keep_refused_s, keep_unpulled_s, keep_untagged_s, keep_pulls_s, max_bytes;
	bool walk;		/* also look for bytes and uploads that no row knows */
	bool dry;		/* only count what would go now */
	struct store_retention (*retention)(void *arg, struct slice repository);	/* NULL: enforced, tags stay */
	void *arg;
};
struct store_keep_counts {
	uint64_t tags, manifests /* out of repositories */, contents /* let go, manifest stays */, blobs, bytes, uploads, links,
		rows;
};
enum { STORE_KEEP_LEASE_MS = 180000, STORE_KEEP_FRESH_MS = 30000 };
/* Everything that is due. owner: this process, at most 63 bytes. ERR_NOT_FOUND: another process is at it; ERR_CANCELLED: *stop,
 * or the lease was lost. Counts are what was done, also on failure. */
[[nodiscard]] enum err_code store_keep_run(struct store *s, const struct store_keep_rules *r, const char *owner,
					   const _Atomic bool *stop, struct store_keep_counts *ret,
					   struct err *e);
/* Bytes that are in the store, hashed: waits while they are going, then makes them visible. ERR_TIMEOUT: they were removed
 * meanwhile: bring them again. */
[[nodiscard]] enum err_code store_blob_settle(struct store *s, int64_t repo_id, struct slice digest, uint64_t size,
					      struct slice account, struct err *e);
/* In the transaction that names or tags it: a manifest of this repository stays. ERR_NOT_FOUND: it is not there. */
[[nodiscard]] enum err_code store_manifest_pin(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e);
/* All bytes that the manifest names are visible, are pinned, and count as here. ERR_CANCELLED: some are not. */
[[nodiscard]] enum err_code store_manifest_here(struct sql_tx *tx, int64_t repo_id, const struct store_manifest *m,
						struct err *e);
/* The blob is going, and whatever names it, in all repositories, has lost its content. The caller takes the bytes and then the
 * row away; if not, garbage collection does. */
[[nodiscard]] enum err_code store_blob_lost(struct sql_tx *tx, struct slice digest, struct err *e);
