/* PostgreSQL: running statements, rows. One query at a time can be on the wire: its rows stream until another statement wants it, then the
 * rest is taken into memory first. */
#include <endian.h>
#include <stdlib.h>
#include "postgres_inside.h"

#define FILL_BYTES (64 * KIB)
#define HELD_MAX (128 * MIB)
#define NULL_CELL UINT32_MAX

struct params { const char *p[SQL_MAX_PARAMS]; int n[SQL_MAX_PARAMS], format[SQL_MAX_PARAMS]; uint64_t number[SQL_MAX_PARAMS]; };

static struct pg_conn *conn_of(struct sql_tx *tx) { return (struct pg_conn *)tx; }
static struct pg_rows *rows_of(struct sql_rows *rows) { return (struct pg_rows *)rows; }

/* All in binary: integers in network order, text and bytes as they are. */
static enum err_code take_params(struct params *to, const struct sql_value *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].s.n > 512 * MIB)
			return err_set(e, ERR_LIMIT, 0, "a value for the database is larger than 512 MiB");
		to->number[i] = htobe64((uint64_t)v[i].i);
		to->format[i] = 1;
		to->p[i] = v[i].null ? NULL : v[i].type == 'i' ? (const char *)&to->number[i] : (const char *)v[i].s.p;
		to->n[i] = v[i].type == 'i' ? 8 : (int)v[i].s.n;
	}
	return OK;
}

/* --- Rows on their way -------------------------------------------------------------------------------------------- */

static void put_bytea(struct buf *to, const char *p, size_t n)
{
	size_t half = n >= 2 ? (n - 2) / 2 : 0;	/* \x and two digits each */
	if (buf_reserve(to, half) && hex_decode(slice_of(p + 2, 2 * half), to->p + to->n, half, false))
		to->n += half;
	else
		to->failed = true;
}

static void hold_row(struct pg_rows *q, const PGresult *r)
{
	for (int i = 0; i < q->columns; i++) {
		if (PQgetisnull(r, 0, i)) {
			buf_put_le32(&q->held, NULL_CELL);
			continue;
		}
		const char *p = PQgetvalue(r, 0, i);
		size_t n = (size_t)PQgetlength(r, 0, i);
		if (PQftype(r, i) == PG_OID_BYTEA) {
			buf_put_le32(&q->held, (uint32_t)(n >= 2 ? (n - 2) / 2 : 0));
			put_bytea(&q->held, p, n);
		} else {
			if (PQftype(r, i) == PG_OID_BOOL)
				p = *p == 't' ? "1" : "0";
			buf_put_le32(&q->held, (uint32_t)n);
			buf_put(&q->held, p, n);
		}
		buf_putc(&q->held, 0);
	}
}

static void take_row(struct pg_rows *q, const PGresult *r)
{
	if (!q->cell) {
		q->columns = PQnfields(r);
		q->cell = calloc((size_t)q->columns + 1, sizeof(*q->cell));
	}
	if (!q->cell)
		q->failed = err_set(&q->why, ERR_NOMEM, 0, "no memory for rows");
	else
		hold_row(q, r);
	if (q->failed == OK)
		q->failed = buf_ok(&q->held, "rows of a query", &q->why);
}

/* Takes rows off the wire until there are that many bytes of them or they end; with a limit of 0 they are thrown away. */
static void fill(struct pg_rows *q, size_t bytes)
{
	struct pg_conn *c = q->c;
	while (!q->ended && (!bytes || q->failed != OK || q->held.n - q->at < bytes)) {
		PGresult *r = PQgetResult(c->h);
		ExecStatusType st = r ? PQresultStatus(r) : PGRES_COMMAND_OK;
		if (!r) {
			q->ended = true;
			c->live = NULL;
		} else if (st == PGRES_SINGLE_TUPLE) {
			if (bytes && q->failed == OK)
				take_row(q, r);
		} else if (st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK && q->failed == OK) {
			q->failed = sql_pg_error(c, r, q->sql, &q->why);
			sql_tx_fail(&c->tx, &q->why);
		}
		PQclear(r);
	}
}

/* Makes the wire free for another statement. */
static void drain(struct pg_conn *c)
{
	if (c->live)
		fill(c->live, SIZE_MAX);
}

/* --- Statements ------------------------------------------------------------------------------------------------------ */

static enum err_code ready(struct pg_conn *c, const char *sql, const struct sql_value *v, size_t n, struct params *to, struct pg_stmt **ret,
			   struct err *e)
{
	drain(c);
	if (c->tx.failed) {
		*e = c->tx.why;
		return e->code;
	}
	TRY(take_params(to, v, n, e));
	return sql_pg_prepare(c, sql, v, n, ret, e);
}

static int64_t changes_of(PGresult *r)
{
	const char *s = PQcmdStatus(r);
	bool changes = !strncmp(s, "INSERT", 6) || !strncmp(s, "UPDATE", 6) || !strncmp(s, "DELETE", 6);
	return changes ? strtoll(PQcmdTuples(r), NULL, 10) : 0;
}

enum err_code sql_pg_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const struct sql_value *v, size_t n)
{
	struct pg_conn *c = conn_of(tx);
	struct params p;
	struct pg_stmt *st;
	if (ready(c, sql, v, n, &p, &st, e) != OK)
		return sql_tx_fail(tx, e);
	PGresult *r = PQexecPrepared(c->h, st->name, (int)n, p.p, p.n, p.format, 0);
	ExecStatusType status = PQresultStatus(r);
	enum err_code rc = OK;
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		*ret_changes = changes_of(r);
	else {
		(void)sql_pg_error(c, r, sql, e);
		rc = sql_tx_fail(tx, e);
	}
	PQclear(r);
	return rc;
}

enum err_code sql_pg_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const struct sql_value *v, size_t n)
{
	struct pg_conn *c = conn_of(tx);
	struct params p;
	struct pg_stmt *st;
	if (ready(c, sql, v, n, &p, &st, e) != OK)
		return sql_tx_fail(tx, e);
	struct pg_rows *q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(e, ERR_NOMEM, 0, "no memory for rows");
	q->c = c;
	q->sql = sql;
	q->held = BUF(HELD_MAX);
	q->now = BUF(HELD_MAX);
	if (!PQsendQueryPrepared(c->h, st->name, (int)n, p.p, p.n, p.format, 0)) {
		(void)sql_pg_error(c, NULL, sql, e);
		free(q);
		return sql_tx_fail(tx, e);
	}
	(void)PQsetSingleRowMode(c->h);	/* without it all rows come at once, which fill takes as an error */
	sql_rows_opened(&q->rows, tx);
	c->live = q;
	fill(q, FILL_BYTES);
	if (q->failed != OK) {
		*e = q->why;
		sql_pg_rows_close(&q->rows);
		return e->code;
	}
	*ret = &q->rows;
	return OK;
}

static uint32_t le32_at(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* Moves the next row to a place where it stays while others are taken in. */
static enum err_code step(struct pg_rows *q, struct err *e)
{
	size_t at = q->at;
	for (int i = 0; i < q->columns; i++) {
		uint32_t n = le32_at(q->held.p + at);
		at += 4 + (n == NULL_CELL ? 0 : (size_t)n + 1);
	}
	buf_clear(&q->now);
	buf_put(&q->now, q->held.p + q->at, at - q->at);
	TRY(buf_ok(&q->now, "a row", e));
	q->at = at;
	const uint8_t *p = q->now.p;
	for (int i = 0; i < q->columns; i++) {
		uint32_t n = le32_at(p);
		q->cell[i] = n == NULL_CELL ? (struct pg_cell){ NULL, 0 } : (struct pg_cell){ p + 4, n };
		p += 4 + (n == NULL_CELL ? 0 : (size_t)n + 1);
	}
	q->on_row = true;
	return OK;
}

enum err_code sql_pg_next(struct sql_rows *rows, bool *ret_row, struct err *e)
{
	struct pg_rows *q = rows_of(rows);
	q->on_row = false;
	if (q->at == q->held.n) {
		buf_clear(&q->held);
		q->at = 0;
		fill(q, FILL_BYTES);
	}
	bool row = q->at < q->held.n;
	if (q->failed != OK) {
		*e = q->why;
		return e->code;
	}
	if (row)
		TRY(step(q, e));
	*ret_row = row;
	return OK;
}

void sql_pg_rows_close(struct sql_rows *rows)
{
	struct pg_rows *q = rows_of(rows);
	fill(q, 0);
	sql_rows_forget(rows);
	buf_free(&q->held);
	buf_free(&q->now);
	free(q->cell);
	free(q);
}

static const struct pg_cell *cell_of(struct sql_rows *rows, int column)
{
	static const struct pg_cell none;
	struct pg_rows *q = rows_of(rows);
	return q->on_row && column >= 0 && column < q->columns ? &q->cell[column] : &none;
}

bool sql_pg_is_null(struct sql_rows *rows, int column) { return !cell_of(rows, column)->p; }

int64_t sql_pg_int(struct sql_rows *rows, int column)
{
	const struct pg_cell *c = cell_of(rows, column);
	return c->p ? strtoll((const char *)c->p, NULL, 10) : 0;	/* a NUL stands behind it */
}

struct slice sql_pg_get(struct sql_rows *rows, int column, bool bytes)
{
	(void)bytes;
	const struct pg_cell *c = cell_of(rows, column);
	return slice_of(c->p, c->n);
}

enum err_code sql_pg_script(struct sql_tx *tx, const char *text, struct err *e)
{
	struct pg_conn *c = conn_of(tx);
	AUTO_BUF sql = BUF(SQL_TEXT_MAX);
	unsigned params;
	drain(c);
	TRY(sql_translate_script(text, SQL_POSTGRES, &sql, &params, e));
	PGresult *r = PQexec(c->h, (const char *)sql.p);
	ExecStatusType st = PQresultStatus(r);
	enum err_code rc = OK;
	if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
		(void)sql_pg_error(c, r, text, e);
		rc = sql_tx_fail(tx, e);
	}
	PQclear(r);
	return rc;
}
