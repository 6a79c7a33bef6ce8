/* Tags: what they were last set to, and what pulls get (GATE.md 3). */
#include "store_content.h"
#include "os.h"

enum { TAG_SERVED = 2, TAG_DELETED = 3 };	/* tag_history.what */

enum err_code store_tag_get(struct sql_tx *tx, int64_t repo_id, struct slice name, struct arena *a, struct store_tag *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT pushed_digest, pushed_seq, served_digest, served_seq, updated_s, checked_ms FROM tag WHERE repo_id = ?1 AND name = ?2", "it",
		      repo_id, name));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "no such tag");
	*ret = (struct store_tag){ .name = arena_dup(a, name), .pushed_digest = arena_dup(a, sql_text(rows, 0)), .pushed_seq = sql_int(rows, 1),
				   .served_digest = arena_dup(a, sql_text(rows, 2)), .served_seq = sql_int(rows, 3), .updated_s = (uint64_t)sql_int(rows, 4),
				   .checked_ms = (uint64_t)sql_int(rows, 5) };
	return arena_ok(a, "a tag", e);
}

static enum err_code history(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, int what, struct slice account, int64_t *ret_seq, struct err *e)
{
	return sql_one_int(tx, ret_seq, e, "INSERT INTO tag_history (repo_id, name, digest, what, account, at_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING seq", "ittiti",
			   repo_id, name, digest, (int64_t)what, account.p ? account : SL(""), (int64_t)os_now_s());
}

/* What the tag says now, without an arena: digests are short. */
struct sides { char pushed[144], served[144]; int64_t pushed_seq, served_seq; bool there; };

static void keep(char dst[144], struct slice text)
{
	size_t n = MIN(text.n, (size_t)143);
	if (n)
		memcpy(dst, text.p, n);
	dst[n] = 0;
}

static enum err_code read_sides(struct sql_tx *tx, int64_t repo_id, struct slice name, struct sides *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	*ret = (struct sides){ 0 };
	TRY(sql_query(tx, &rows, e, "SELECT pushed_digest, pushed_seq, served_digest, served_seq FROM tag WHERE repo_id = ?1 AND name = ?2", "it", repo_id, name));
	TRY(sql_next(rows, &ret->there, e));
	if (!ret->there)
		return OK;
	keep(ret->pushed, sql_text(rows, 0));
	keep(ret->served, sql_text(rows, 2));
	ret->pushed_seq = sql_int(rows, 1);
	ret->served_seq = sql_int(rows, 3);
	return OK;
}

enum err_code store_tag_push(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, int what, struct slice account, int64_t *ret_seq, struct err *e)
{
	struct sides s;
	int64_t seq, now_ms = (int64_t)store_now_ms();
	TRY(read_sides(tx, repo_id, name, &s, e));
	if (s.there && slice_eqs(digest, s.pushed)) {
		*ret_seq = s.pushed_seq;
		return sql_run(tx, NULL, e, "UPDATE tag SET checked_ms = ?3 WHERE repo_id = ?1 AND name = ?2", "iti", repo_id, name, now_ms);
	}
	TRY(history(tx, repo_id, name, digest, what, account, &seq, e));
	/* Of two pushes at once the one with the later number stays, in whichever order they commit. */
	TRY(sql_run(tx, NULL, e, "INSERT INTO tag (repo_id, name, pushed_digest, pushed_seq, served_digest, served_seq, updated_s, checked_ms)"
		    " VALUES (?1, ?2, ?3, ?4, '', 0, ?5, ?6) ON CONFLICT (repo_id, name) DO UPDATE SET pushed_digest = excluded.pushed_digest,"
		    " pushed_seq = excluded.pushed_seq, updated_s = excluded.updated_s, checked_ms = excluded.checked_ms WHERE tag.pushed_seq < excluded.pushed_seq",
		    "ittiii", repo_id, name, digest, seq, (int64_t)os_now_s(), now_ms));
	*ret_seq = seq;
	return OK;
}

enum err_code store_tag_serve(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, int64_t seq, bool *ret_changed, struct err *e)
{
	struct sides s;
	int64_t changes, ignored;
	TRY(read_sides(tx, repo_id, name, &s, e));
	*ret_changed = false;
	if (!s.there || s.served_seq >= seq)
		return OK;
	TRY(sql_run(tx, &changes, e, "UPDATE tag SET served_digest = ?3, served_seq = ?4 WHERE repo_id = ?1 AND name = ?2 AND served_seq < ?4"
		    " AND EXISTS (SELECT 1 FROM repo_manifest WHERE repo_id = ?1 AND digest = ?3)", "itti", repo_id, name, digest, seq));
	if (!changes || slice_eqs(digest, s.served))
		return OK;
	*ret_changed = true;
	return history(tx, repo_id, name, digest, TAG_SERVED, SL(""), &ignored, e);
}

enum err_code store_tag_delete(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice account, struct err *e)
{
	struct sides s;
	int64_t ignored;
	TRY(read_sides(tx, repo_id, name, &s, e));
	if (!s.there)
		return err_set(e, ERR_NOT_FOUND, 0, "no such tag");
	TRY(sql_run(tx, NULL, e, "DELETE FROM tag WHERE repo_id = ?1 AND name = ?2", "it", repo_id, name));
	return history(tx, repo_id, name, slice_str(s.pushed), TAG_DELETED, account, &ignored, e);
}

enum err_code store_tag_is_rollback(struct sql_tx *tx, int64_t repo_id, struct slice name, struct slice digest, bool *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM tag t JOIN tag_history h ON h.repo_id = t.repo_id AND h.name = t.name WHERE t.repo_id = ?1 AND t.name = ?2"
			" AND t.served_digest <> '' AND t.served_digest <> ?3 AND h.digest = ?3 AND h.what = 2", "itt", repo_id, name, digest));
	*ret = n > 0;
	return OK;
}
