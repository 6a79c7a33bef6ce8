/* Uploads between two requests. */
#include "store_content.h"
#include "os.h"

enum err_code store_upload_put(struct sql_tx *tx, const struct store_upload *u, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO upload (id, repo_id, account, bytes, state, created_s, updated_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
		       " ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, state = excluded.state, updated_s = excluded.updated_s", "tititi", u->id, u->repo_id,
		       u->account, (int64_t)u->bytes, u->state, (int64_t)os_now_s());
}

enum err_code store_upload_advance(struct sql_tx *tx, const struct store_upload *u, uint64_t old_bytes, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "UPDATE upload SET bytes = ?2, state = ?3, updated_s = ?4 WHERE id = ?1 AND bytes = ?5", "titii", u->id, (int64_t)u->bytes, u->state,
		    (int64_t)os_now_s(), (int64_t)old_bytes));
	return changes ? OK : err_set(e, ERR_CANCELLED, 0, "another request went on with this upload");
}

enum err_code store_upload_get(struct sql_tx *tx, struct slice id, struct arena *a, struct store_upload *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT account, state, repo_id, bytes, created_s, updated_s FROM upload WHERE id = ?1", "t", id));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "no such upload");
	*ret = (struct store_upload){ .id = arena_dup(a, id), .account = arena_dup(a, sql_text(rows, 0)), .state = arena_dup(a, sql_text(rows, 1)),
				      .repo_id = sql_int(rows, 2), .bytes = (uint64_t)sql_int(rows, 3), .created_s = (uint64_t)sql_int(rows, 4),
				      .updated_s = (uint64_t)sql_int(rows, 5) };
	return arena_ok(a, "an upload", e);
}

enum err_code store_upload_delete(struct sql_tx *tx, struct slice id, struct err *e)
{
	return sql_run(tx, NULL, e, "DELETE FROM upload WHERE id = ?1", "t", id);
}

enum err_code store_upload_count(struct sql_tx *tx, struct slice account, uint64_t *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM upload WHERE account = ?1", "t", account));
	*ret = (uint64_t)n;
	return OK;
}
