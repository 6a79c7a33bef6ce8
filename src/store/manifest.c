/* Manifests in the database. */
#include "store_content.h"
#include "os.h"

static enum err_code insert(struct sql_tx *tx, const struct store_manifest *m, int64_t *ret_changes, struct err *e)
{
	return sql_run(tx, ret_changes, e, "INSERT INTO manifest (digest, media_type, kind, artifact_type, subject, annotations, size, body, created_s)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (digest) DO NOTHING", "ttitttibi", m->digest, m->media_type, (int64_t)m->kind,
		       m->artifact_type, m->subject, m->annotations, (int64_t)m->body.n, m->body, (int64_t)os_now_s());
}

static enum err_code insert_refs(struct sql_tx *tx, const struct store_manifest *m, struct err *e)
{
	int64_t seq[3] = { 0 };
	for (size_t i = 0; i < m->n_refs; i++) {
		const struct store_ref *r = &m->refs[i];
		TRY(sql_run(tx, NULL, e, "INSERT INTO manifest_ref (digest, kind, seq, child, media_type, size, platform, is_foreign)"
			    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (digest, kind, seq) DO NOTHING", "tiittiti", m->digest, (int64_t)r->kind, seq[r->kind]++,
			    r->digest, r->media_type.p ? r->media_type : SL(""), (int64_t)r->size, r->platform.p ? r->platform : SL(""), (int64_t)r->foreign));
	}
	return OK;
}

/* The row stays while this transaction lasts: a row that is there already is touched, so that garbage collection on another node cannot take it meanwhile. */
static enum err_code put_row(struct sql_tx *tx, const struct store_manifest *m, struct err *e)
{
	int64_t changes;
	TRY(insert(tx, m, &changes, e));
	if (!changes) {
		TRY(sql_run(tx, &changes, e, "UPDATE manifest SET created_s = created_s WHERE digest = ?1", "t", m->digest));
		if (changes)
			return OK;
		TRY(insert(tx, m, &changes, e));
	}
	return insert_refs(tx, m, e);
}

enum { PUT_TRIES = 4 };

/* Pushed once more: who pushes may see it again for a while, and its age starts anew; its blobs are here, the pusher's transaction pinned them. */
static enum err_code touch(struct sql_tx *tx, int64_t repo_id, struct slice digest, int origin, struct slice who, int64_t now, int64_t *ret_changes, struct err *e)
{
	if (origin == 1)
		return sql_run(tx, ret_changes, e, "UPDATE repo_manifest SET untagged_s = 0 WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest);
	return sql_run(tx, ret_changes, e, "UPDATE repo_manifest SET account = CASE WHEN origin = 0 THEN ?3 ELSE account END, created_s = ?4, untagged_s = 0, gone_s = 0"
		       " WHERE repo_id = ?1 AND digest = ?2", "itti", repo_id, digest, who, now);
}

enum err_code store_manifest_put(struct sql_tx *tx, int64_t repo_id, const struct store_manifest *m, int origin, struct slice account, bool *ret_new, struct err *e)
{
	int64_t changes, now = (int64_t)os_now_s();
	struct slice who = account.p ? account : SL("");
	TRY(put_row(tx, m, e));
	/* A row that is there is touched in any case, so that garbage collection cannot take it meanwhile; if it was quicker, the row is made anew. */
	for (int i = 0; i < PUT_TRIES; i++) {
		TRY(sql_run(tx, &changes, e, "INSERT INTO repo_manifest (repo_id, digest, origin, account, created_s, pulled_s) VALUES (?1, ?2, ?3, ?4, ?5, 0)"
			    " ON CONFLICT (repo_id, digest) DO NOTHING", "ititi", repo_id, m->digest, (int64_t)origin, who, now));
		*ret_new = changes != 0;
		if (*ret_new)
			return OK;
		TRY(touch(tx, repo_id, m->digest, origin, who, now, &changes, e));
		if (changes)
			return OK;
	}
	return err_set(e, ERR_TIMEOUT, 0, "the manifest comes and goes");
}

static enum err_code read_refs(struct sql_tx *tx, struct arena *a, struct store_manifest *m, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT kind, child, media_type, size, platform, is_foreign FROM manifest_ref WHERE digest = ?1 ORDER BY kind, seq", "t", m->digest));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct store_ref *r = arena_push(a, &m->refs, &m->n_refs, &m->cap_refs, sizeof(*m->refs));
		if (!r)
			return arena_ok(a, "a manifest", e);
		*r = (struct store_ref){ (int)sql_int(rows, 0), arena_dup(a, sql_text(rows, 1)), arena_dup(a, sql_text(rows, 2)), arena_dup(a, sql_text(rows, 4)),
					 (uint64_t)sql_int(rows, 3), sql_int(rows, 5) != 0 };
		if (r->kind == STORE_REF_CONFIG)
			m->config_type = r->media_type;
	}
}

enum err_code store_manifest_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, unsigned with, struct arena *a, struct store_manifest *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	if (with & STORE_WITH_BODY)
		TRY(sql_query(tx, &rows, e, "SELECT m.media_type, m.kind, m.artifact_type, m.subject, m.annotations, r.gone_s, m.body FROM manifest m"
			      " JOIN repo_manifest r ON r.digest = m.digest WHERE r.repo_id = ?1 AND m.digest = ?2", "it", repo_id, digest));
	else
		TRY(sql_query(tx, &rows, e, "SELECT m.media_type, m.kind, m.artifact_type, m.subject, m.annotations, r.gone_s FROM manifest m"
			      " JOIN repo_manifest r ON r.digest = m.digest WHERE r.repo_id = ?1 AND m.digest = ?2", "it", repo_id, digest));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "no such manifest in this repository");
	struct store_manifest m = { .digest = arena_dup(a, digest), .media_type = arena_dup(a, sql_text(rows, 0)), .kind = (enum store_kind)sql_int(rows, 1),
				    .artifact_type = arena_dup(a, sql_text(rows, 2)), .subject = arena_dup(a, sql_text(rows, 3)),
				    .annotations = arena_dup(a, sql_text(rows, 4)), .config_type = SL(""), .gone_s = (uint64_t)sql_int(rows, 5) };
	if (with & STORE_WITH_BODY)
		m.body = arena_dup(a, sql_bytes(rows, 6));
	if (with & STORE_WITH_REFS)
		TRY(read_refs(tx, a, &m, e));
	TRY(arena_ok(a, "a manifest", e));
	*ret = m;
	return OK;
}

/* Tags lose the side that pointed there; one that has neither side left goes. */
static enum err_code untag(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "INSERT INTO tag_history (repo_id, name, digest, what, account, at_s) SELECT repo_id, name, ?2, 3, ?3, ?4 FROM tag"
		    " WHERE repo_id = ?1 AND (pushed_digest = ?2 OR served_digest = ?2)", "itti", repo_id, digest, account.p ? account : SL(""), (int64_t)os_now_s()));
	TRY(sql_run(tx, NULL, e, "DELETE FROM tag WHERE repo_id = ?1 AND pushed_digest = ?2 AND (served_digest = ?2 OR served_digest = '')", "it", repo_id, digest));
	TRY(sql_run(tx, NULL, e, "UPDATE tag SET pushed_digest = served_digest, pushed_seq = served_seq WHERE repo_id = ?1 AND pushed_digest = ?2", "it", repo_id, digest));
	return sql_run(tx, NULL, e, "UPDATE tag SET served_digest = '', served_seq = 0 WHERE repo_id = ?1 AND served_digest = ?2", "it", repo_id, digest);
}

enum err_code store_manifest_delete(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "DELETE FROM repo_manifest WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	if (!changes)
		return err_set(e, ERR_NOT_FOUND, 0, "no such manifest in this repository");
	/* One that runs notices by itself. */
	TRY(sql_run(tx, NULL, e, "DELETE FROM job WHERE kind = 'inspect' AND repo_id = ?1 AND digest = ?2 AND state <> 1", "it", repo_id, digest));
	return untag(tx, repo_id, digest, account, e);
}
