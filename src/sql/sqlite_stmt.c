/* SQLite: running statements, rows. */
#include "sqlite_inside.h"

static struct lite_conn *conn_of(struct sql_tx *tx) { return (struct lite_conn *)tx; }
static struct lite_stmt *stmt_of(struct sql_rows *rows) { return (struct lite_stmt *)rows; }

/* copy: the values must outlive the call. */
static int bind_one(sqlite3_stmt *s, int at, const struct sql_value *v, bool copy)
{
	void (*keep)(void *) = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
	if (v->null)
		return sqlite3_bind_null(s, at);
	if (v->type == 'i')
		return sqlite3_bind_int64(s, at, v->i);
	if (v->type == 't')
		return sqlite3_bind_text64(s, at, (const char *)v->s.p, v->s.n, keep, SQLITE_UTF8);
	return sqlite3_bind_blob64(s, at, v->s.p, v->s.n, keep);
}

static enum err_code ready(struct lite_conn *c, const char *sql, const struct sql_value *v, size_t n, bool copy, struct lite_stmt **ret,
			   struct err *e)
{
	struct lite_stmt *st;
	TRY(sql_lite_prepare(c, sql, &st, e));
	if (st->params != n)
		return err_set(e, ERR_INTERNAL, 0, "%zu parameters for %u places: %.60s", n, st->params, sql);
	for (size_t i = 0; i < n; i++) {
		int rc = bind_one(st->s, (int)i + 1, &v[i], copy);
		if (rc != SQLITE_OK)
			return sql_lite_error(c, rc, sql, e);
	}
	*ret = st;
	return OK;
}

static void done(struct lite_stmt *st)
{
	sqlite3_reset(st->s);
	sqlite3_clear_bindings(st->s);
}

enum err_code sql_lite_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const struct sql_value *v, size_t n)
{
	struct lite_conn *c = conn_of(tx);
	struct lite_stmt *st;
	int rc;
	if (ready(c, sql, v, n, false, &st, e) != OK)
		return sql_tx_fail(tx, e);
	int64_t before = sqlite3_total_changes64(c->h);
	while ((rc = sqlite3_step(st->s)) == SQLITE_ROW)
		;
	if (rc != SQLITE_DONE) {
		sql_lite_error(c, rc, sql, e);
		done(st);
		return sql_tx_fail(tx, e);
	}
	/* The total counts what cascades, too; the other stays from an earlier statement when this one changed nothing. */
	*ret_changes = sqlite3_total_changes64(c->h) == before ? 0 : sqlite3_changes64(c->h);
	done(st);
	return OK;
}

static enum err_code step(struct lite_stmt *st, struct sql_tx *tx, struct err *e)
{
	int rc = sqlite3_step(st->s);
	st->row = rc == SQLITE_ROW;
	st->ended = !st->row;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return OK;
	sql_lite_error(conn_of(tx), rc, st->key, e);
	return sql_tx_fail(tx, e);
}

enum err_code sql_lite_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const struct sql_value *v, size_t n)
{
	struct lite_stmt *st;
	if (ready(conn_of(tx), sql, v, n, true, &st, e) != OK)
		return sql_tx_fail(tx, e);
	/* The first step is made now: INSERT ... RETURNING happens although nobody asks for its rows, as on PostgreSQL. */
	if (step(st, tx, e) != OK) {
		done(st);
		return e->code;
	}
	st->busy = true;
	sql_rows_opened(&st->rows, tx);
	*ret = &st->rows;
	return OK;
}

enum err_code sql_lite_next(struct sql_rows *rows, bool *ret_row, struct err *e)
{
	struct lite_stmt *st = stmt_of(rows);
	if (!st->row && !st->ended)
		TRY(step(st, rows->tx, e));
	*ret_row = !st->ended;
	st->row = false;
	return OK;
}

void sql_lite_rows_close(struct sql_rows *rows)
{
	struct lite_stmt *st = stmt_of(rows);
	sql_rows_forget(rows);
	done(st);
	st->busy = false;
}

bool sql_lite_is_null(struct sql_rows *rows, int column)
{
	struct lite_stmt *st = stmt_of(rows);
	return st->ended || sqlite3_column_type(st->s, column) == SQLITE_NULL;
}

int64_t sql_lite_int(struct sql_rows *rows, int column)
{
	struct lite_stmt *st = stmt_of(rows);
	return st->ended ? 0 : sqlite3_column_int64(st->s, column);
}

struct slice sql_lite_get(struct sql_rows *rows, int column, bool bytes)
{
	sqlite3_stmt *s = stmt_of(rows)->s;
	const void *p = bytes ? sqlite3_column_blob(s, column) : (const void *)sqlite3_column_text(s, column);
	/* No bytes come as no pointer, which would mean null here. */
	return slice_of(p ? p : "", p ? (size_t)sqlite3_column_bytes(s, column) : 0);
}

enum err_code sql_lite_script(struct sql_tx *tx, const char *text, struct err *e)
{
	struct lite_conn *c = conn_of(tx);
	AUTO_BUF sql = BUF(SQL_TEXT_MAX);
	unsigned params;
	TRY(sql_translate_script(text, SQL_SQLITE, &sql, &params, e));
	const char *p = (const char *)sql.p;
	while (*p) {
		sqlite3_stmt *s = NULL;
		const char *tail = NULL;
		int rc = sqlite3_prepare_v3(c->h, p, -1, 0, &s, &tail);
		while (rc == SQLITE_OK && s && (rc = sqlite3_step(s)) == SQLITE_ROW)
			rc = SQLITE_OK;
		if (rc != SQLITE_OK && rc != SQLITE_DONE) {
			sql_lite_error(c, rc, p, e);
			sqlite3_finalize(s);
			return sql_tx_fail(tx, e);
		}
		sqlite3_finalize(s);
		p = tail;
	}
	return OK;
}
