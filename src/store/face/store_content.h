/* Repositories, manifests, blobs, tags, uploads, referrers. Reads give ERR_NOT_FOUND for what is not there. */
#pragma once
#include "store.h"

enum store_kind { STORE_IMAGE, STORE_INDEX, STORE_ARTIFACT };
enum { STORE_REF_CONFIG, STORE_REF_LAYER, STORE_REF_CHILD };

/* --- Repositories --- */
typedef enum err_code store_name_fn(void *arg, struct slice name, struct err *e);
/* Made when missing and `create`. Names: distribution-spec grammar, at most 255 bytes; checked by the caller (store_name_valid). */
[[nodiscard]] enum err_code store_repo(struct sql_tx *tx, struct slice name, struct slice upstream, bool create, int64_t *ret_id, struct err *e);
bool store_name_valid(struct slice name);
bool store_tag_valid(struct slice tag);

/* --- Manifests --- */
struct store_ref {
	int kind;			/* STORE_REF_* */
	struct slice digest, media_type, platform /* "linux/amd64", "unknown/unknown", "" */;
	uint64_t size;
	bool foreign;			/* non-distributable: its bytes need not be here */
};
/* A manifest, parsed strictly: ATTACKS.md 1, 2, 5; GATE.md 6. */
struct store_manifest {
	/* artifact_type: as referrers are listed by it, so an image manifest without one has its config's media type here */
	struct slice digest, media_type, artifact_type, config_type, subject, annotations /* canonical JSON object */, body;
	enum store_kind kind;
	struct store_ref *refs;
	size_t n_refs, cap_refs;
	uint64_t gone_s;		/* as store_manifest_get tells: since when its content was let go (store_keep.h); 0: it is here, or was never fetched yet */
};
/* body is checked against digest (empty: sha256 is computed) and against the media type it came with (empty: unknown). ERR_FORMAT: not a manifest (MANIFEST_INVALID); ERR_DIGEST: other bytes;
 * ERR_LIMIT; ERR_UNSUPPORTED: schema 1. body is borrowed, the rest is the arena's. */
[[nodiscard]] enum err_code store_manifest_parse(struct slice body, struct slice media_type, struct slice digest, struct arena *a, struct store_manifest *ret, struct err *e);
/* Its row, its refs, its place in the repository. origin: 0 pushed, 1 upstream, 2 imported. *ret_new: was not in this repository. */
[[nodiscard]] enum err_code store_manifest_put(struct sql_tx *tx, int64_t repo_id, const struct store_manifest *m, int origin, struct slice account, bool *ret_new, struct err *e);
/* In this repository; body and refs only when asked for. */
enum { STORE_WITH_BODY = 1, STORE_WITH_REFS = 2 };
[[nodiscard]] enum err_code store_manifest_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, unsigned with, struct arena *a, struct store_manifest *ret, struct err *e);
/* Out of the repository, with its tags there. What nobody names any more goes with garbage collection. */
[[nodiscard]] enum err_code store_manifest_delete(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, struct err *e);

/* --- Tags --- */
struct store_tag { struct slice name, pushed_digest, served_digest; int64_t pushed_seq, served_seq; uint64_t updated_s, checked_ms; };
[[nodiscard]] enum err_code store_tag_get(struct sql_tx *tx, int64_t repo_id, struct slice name, struct arena *a, struct store_tag *ret, struct err *e);
/* The pushed side: history gets a row, which gives the new pushed_seq. what: 0 pushed, 1 seen upstream. Nothing changes when it has this digest already (checked_ms is set). */
[[nodiscard]] enum err_code store_tag_push(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, int what, struct slice account, int64_t *ret_seq, struct err *e);
/* The served side := the digest pushed with seq, unless a later one is served already or the manifest has left the repository. */
[[nodiscard]] enum err_code store_tag_serve(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, int64_t seq, bool *ret_changed, struct err *e);
[[nodiscard]] enum err_code store_tag_delete(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice account, struct err *e);
/* Names behind `last` in byte order, at most n. served_only: those that pulls get. */
[[nodiscard]] enum err_code store_tags(struct sql_tx *tx, int64_t repo_id, struct slice last, uint64_t n, bool served_only, store_name_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code store_repos(struct sql_tx *tx, struct slice last, uint64_t n, store_name_fn *fn, void *arg, struct err *e);
/* Was this digest served under the tag before the one that is served now? (roll-back, GATE.md 5) */
[[nodiscard]] enum err_code store_tag_is_rollback(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, bool *ret, struct err *e);

/* --- Blobs --- */
/* Visible now, with its size; state going or no row: ERR_NOT_FOUND. */
[[nodiscard]] enum err_code store_blob_size(struct sql_tx *tx, struct slice digest, uint64_t *ret, struct err *e);
/* After blob_upload_finish: the row, and a link by `account` in the repository (repo_id 0: none). ERR_CANCELLED: garbage collection is removing these very bytes: wait
 * until store_blob_going says no, look with blob_stat whether the bytes are still there, and put again, or upload again.
 *
 * Garbage collection, so that it never takes what somebody just relied on: (1) `UPDATE blob SET state = 1 WHERE digest = … AND used_s < (now - grace) AND <nothing names
 * it>`, committed; (2) blob_remove; (3) `DELETE FROM blob WHERE digest = … AND state = 1`. Who relies on a blob calls store_blob_pin in the transaction that names it, which
 * renews used_s and so makes (1) fail; several blobs are pinned in order of digest. */
[[nodiscard]] enum err_code store_blob_put(struct sql_tx *tx, int64_t repo_id, struct slice digest, uint64_t size, struct slice account, struct err *e);
[[nodiscard]] enum err_code store_blob_going(struct sql_tx *tx, struct slice digest, bool *ret, struct err *e);
/* Renews its grace. ERR_NOT_FOUND: not visible. */
[[nodiscard]] enum err_code store_blob_pin(struct sql_tx *tx, struct slice digest, uint64_t *ret_size /* may be NULL */, struct err *e);
/* When it was last renewed; ERR_NOT_FOUND: not visible. */
[[nodiscard]] enum err_code store_blob_used(struct sql_tx *tx, struct slice digest, uint64_t *ret_used_s, struct err *e);
/* Names of repositories, at most n, in which the blob is linked or named, whoever may see that. */
[[nodiscard]] enum err_code store_blob_repos(struct sql_tx *tx, struct slice digest, uint64_t n, store_name_fn *fn, void *arg, struct err *e);
/* Bytes of all distinct blobs linked or named in a repository, and of its manifests (quota). */
[[nodiscard]] enum err_code store_repo_bytes(struct sql_tx *tx, int64_t repo_id, uint64_t *ret, struct err *e);
[[nodiscard]] enum err_code store_blob_link(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, struct err *e);
/* account empty with any: linked by anybody. since_s: only links younger. */
[[nodiscard]] enum err_code store_blob_linked(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, bool any, uint64_t since_s, bool *ret, struct err *e);
/* In a WHERE: the manifest_ref speaks of a blob that was brought to the repository ?1. A layer that need not be there (is_foreign) is not asked for when the manifest is put,
 * so naming it shows nothing: it counts where the blob was uploaded or mounted. */
#define STORE_REF_HELD(ref) "(" ref ".is_foreign = 0 OR EXISTS (SELECT 1 FROM repo_blob held WHERE held.repo_id = ?1 AND held.digest = " ref ".child))"
/* Some manifest of this repository that names the blob, and the blob came with it. */
[[nodiscard]] enum err_code store_blob_named(struct sql_tx *tx, int64_t repo_id, struct slice digest, bool *ret, struct err *e);
[[nodiscard]] enum err_code store_blob_unlink(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e);	/* ERR_NOT_FOUND: no link */

/* --- Uploads --- */
struct store_upload { struct slice id, account, state; int64_t repo_id; uint64_t bytes, created_s, updated_s; };
[[nodiscard]] enum err_code store_upload_put(struct sql_tx *tx, const struct store_upload *u, struct err *e);	/* new, or its bytes and state */
/* The same, if the row still has old_bytes; ERR_CANCELLED: somebody else went on with this upload. */
[[nodiscard]] enum err_code store_upload_advance(struct sql_tx *tx, const struct store_upload *u, uint64_t old_bytes, struct err *e);
[[nodiscard]] enum err_code store_upload_get(struct sql_tx *tx, struct slice id, struct arena *a, struct store_upload *ret, struct err *e);
[[nodiscard]] enum err_code store_upload_delete(struct sql_tx *tx, struct slice id, struct err *e);
[[nodiscard]] enum err_code store_upload_count(struct sql_tx *tx, struct slice account, uint64_t *ret, struct err *e);

/* --- Referrers: manifests of this repository whose subject is `digest`, in order of digest. --- */
struct store_referrer { struct slice digest, media_type, artifact_type, annotations; uint64_t size; };
typedef enum err_code store_referrer_fn(void *arg, const struct store_referrer *r, struct err *e);
[[nodiscard]] enum err_code store_referrers(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice artifact_type, store_referrer_fn *fn, void *arg, struct err *e);
