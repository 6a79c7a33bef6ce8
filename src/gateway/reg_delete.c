/* DELETE of manifests, tags and blobs. */
#include "registry.h"
#include "oci.h"

struct removal { struct call *c; bool named, fixed; };

static enum err_code manifest_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct removal *d = arg;
	struct call *c = d->c;
	int64_t repo_id, tags = 0;
	TRY(store_repo(tx, c->repository, SLICE_NULL, false, &repo_id, e));
	/* A tag goes with its manifest: that would be a way to set it anew. */
	if (c->rule->immutable_tags)
		TRY(sql_one_int(tx, &tags, e, "SELECT count(*) FROM tag WHERE repo_id = ?1 AND (pushed_digest = ?2 OR served_digest = ?2)", "it", repo_id, c->reference));
	d->fixed = tags > 0;
	if (d->fixed)
		return OK;
	if (c->is_digest)
		TRY(store_manifest_delete(tx, repo_id, c->reference, reg_account(c), e));
	else
		TRY(store_tag_delete(tx, repo_id, c->reference, reg_account(c), e));
	const char *what = c->is_digest ? "manifest.deleted" : "tag.deleted";
	TRY(audit_put(c->g, tx, &c->who, what, e, "ztzt", "repository", c->repository, "reference", c->reference));
	TRY(event_put(c->g, tx, what, c->repository, c->is_digest ? c->reference : SL(""), SL("{}"), e));
	return sql_announce(tx, e);
}

static enum err_code blob_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct removal *d = arg;
	struct call *c = d->c;
	int64_t repo_id;
	TRY(store_repo(tx, c->repository, SLICE_NULL, false, &repo_id, e));
	TRY(store_blob_named(tx, repo_id, c->reference, &d->named, e));
	if (d->named)
		return OK;
	TRY(store_blob_unlink(tx, repo_id, c->reference, e));
	TRY(audit_put(c->g, tx, &c->who, "blob.deleted", e, "ztzt", "repository", c->repository, "digest", c->reference));
	return sql_announce(tx, e);
}

static void answer(struct call *c, enum err_code code, const struct err *e, const char *unknown)
{
	if (code == OK) {
		c->outcome = "deleted";
		atomic_fetch_add(&c->g->changes, 1);	/* at once here, before the announcement comes round */
		http_respond(c->r, 202, NULL, SLICE_NULL);
	} else if (code == ERR_NOT_FOUND) {
		answer_error(c, 404, unknown, "nothing of that name in this repository");
	} else {
		answer_fault(c, e);
	}
}

static void delete_manifest(struct http_request *r, void *arg)
{
	struct removal *d = arg;
	struct err e = { 0 };
	(void)r;
	enum err_code code = sql_write(d->c->g->store.sql, manifest_tx, d, &e);
	if (code == OK && d->fixed)
		answer_error(d->c, 403, "DENIED", "a tag of this repository names it, and tags here cannot be removed (immutable_tags)");
	else
		answer(d->c, code, &e, "MANIFEST_UNKNOWN");
}

static void delete_blob(struct http_request *r, void *arg)
{
	struct removal *d = arg;
	struct err e = { 0 };
	(void)r;
	enum err_code code = sql_write(d->c->g->store.sql, blob_tx, d, &e);
	if (code == OK && d->named)
		answer_error(d->c, 405, "UNSUPPORTED", "a manifest of this repository names this blob: delete that first");
	else
		answer(d->c, code, &e, "BLOB_UNKNOWN");
}

static void start(struct call *c, http_fn *fn)
{
	struct removal *d = arena_new(http_arena(c->r), struct removal);
	if (c->by_mirror) {
		answer_error(c, 405, "UNSUPPORTED", "a mirror is read-only");
	} else if (!d) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
	} else {
		d->c = c;
		http_defer(c->r, fn, d);
	}
}

void reg_manifest_delete(struct call *c)
{
	if (!reg_reference_valid(c, 404, "MANIFEST_UNKNOWN"))
		return;
	if (!c->is_digest && c->rule->immutable_tags)
		answer_error(c, 403, "DENIED", "tags of this repository cannot be removed (immutable_tags)");
	else
		start(c, delete_manifest);
}

void reg_blob_delete(struct call *c)
{
	if (!oci_digest_valid(c->reference))
		answer_error(c, 400, "DIGEST_INVALID", "no digest looks like this");
	else
		start(c, delete_blob);
}
