/* What callers see: checks parameters and hands them to the database at hand. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include "inside.h"

enum err_code sql_open(const struct sql_options *o, struct sql **ret, struct err *e)
{
	if (o->connections > SQL_MAX_CONNECTIONS)
		return err_set(e, ERR_USAGE, 0, "at most %d database connections", SQL_MAX_CONNECTIONS);
	struct slice url = slice_str(o->url);
	struct sql *db = NULL;
	if (slice_has_prefix(url, SL("sqlite:")) && url.n > 7)
		TRY(sql_lite_open(o, o->url + 7, &db, e));
	else if (slice_has_prefix(url, SL("postgresql://")) || slice_has_prefix(url, SL("postgres://")))
		TRY(sql_pg_open(o, o->url, &db, e));
	else	/* not shown: there may be a password in it */
		return err_set(e, ERR_USAGE, 0, "a database is sqlite:PATH or postgresql://...");
	if (sql_migrate(db, o, e) != OK) {
		sql_close(db);
		return e->code;
	}
	*ret = db;
	return OK;
}

void sql_close(struct sql *db)
{
	if (db)
		db->ops->close(db);
}

enum sql_kind sql_kind_of(const struct sql *db) { return db->ops->kind; }

enum err_code sql_read(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e) { return db->ops->read(db, fn, arg, e); }
enum err_code sql_write(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e) { return db->ops->write(db, fn, arg, e); }
enum err_code sql_backup(struct sql *db, const char *path, struct err *e) { return db->ops->backup(db, path, e); }

/* --- Statements ------------------------------------------------------------------------------------------------- */

/* PostgreSQL takes no NUL and nothing but UTF-8 in text; so neither does SQLite here. */
static enum err_code check_text(struct slice s, size_t n, struct err *e)
{
	if (s.n && (memchr(s.p, 0, s.n) || !text_is_utf8(s)))
		return err_set(e, ERR_USAGE, 0, "text for the database is no UTF-8 or has a NUL in it (parameter %zu)", n + 1);
	return OK;
}

static enum err_code take_values(struct sql_value v[static SQL_MAX_PARAMS], size_t *ret_n, const char *types, va_list ap, struct err *e)
{
	size_t n = 0;
	for (; types && types[n]; n++) {
		if (n == SQL_MAX_PARAMS)
			return err_set(e, ERR_INTERNAL, 0, "more than %d SQL parameters", SQL_MAX_PARAMS);
		v[n] = (struct sql_value){ .type = types[n] };
		switch (types[n]) {
		case 'i':
			v[n].i = va_arg(ap, int64_t);
			break;
		case 't':
		case 'b':
			v[n].s = va_arg(ap, struct slice);
			break;
		case 'z': {
			const char *z = va_arg(ap, const char *);
			v[n].type = 't';
			v[n].null = !z;
			v[n].s = slice_str(z);
			break;
		}
		case 'n':
			v[n].null = true;
			break;
		default:
			return err_set(e, ERR_INTERNAL, 0, "unknown type '%c' of an SQL parameter", types[n]);
		}
		if (v[n].type == 't' && !v[n].null)
			TRY(check_text(v[n].s, n, e));
		if (!v[n].s.p)
			v[n].s.p = (const uint8_t *)"";
	}
	*ret_n = n;
	return OK;
}

static enum err_code may_go_on(struct sql_tx *tx, struct err *e)
{
	if (!tx->failed)
		return OK;
	*e = tx->why;
	return err_prefix(e, "the transaction has failed before");
}

/* Every statement begins so: its parameters are taken, and the transaction has not failed before. */
static enum err_code begin(struct sql_tx *tx, struct sql_value *v, size_t *n, const char *types, va_list ap, struct err *e)
{
	TRY(take_values(v, n, types, ap, e));
	return may_go_on(tx, e);
}

enum err_code sql_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const char *types, ...)
{
	struct sql_value v[SQL_MAX_PARAMS];
	size_t n;
	va_list ap;
	va_start(ap, types);
	enum err_code rc = begin(tx, v, &n, types, ap, e);
	va_end(ap);
	TRY(rc);
	int64_t changes;
	TRY(tx->db->ops->run(tx, &changes, e, sql, v, n));
	if (ret_changes)
		*ret_changes = changes;
	return OK;
}

enum err_code sql_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const char *types, ...)
{
	struct sql_value v[SQL_MAX_PARAMS];
	size_t n;
	va_list ap;
	va_start(ap, types);
	enum err_code rc = begin(tx, v, &n, types, ap, e);
	va_end(ap);
	TRY(rc);
	return tx->db->ops->query(tx, ret, e, sql, v, n);
}

enum err_code sql_one_int(struct sql_tx *tx, int64_t *ret, struct err *e, const char *sql, const char *types, ...)
{
	struct sql_value v[SQL_MAX_PARAMS];
	size_t n;
	va_list ap;
	va_start(ap, types);
	enum err_code rc = begin(tx, v, &n, types, ap, e);
	va_end(ap);
	TRY(rc);
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(tx->db->ops->query(tx, &rows, e, sql, v, n));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "no such record");
	*ret = sql_int(rows, 0);
	return OK;
}

enum err_code sql_next(struct sql_rows *rows, bool *ret_row, struct err *e) { return rows->tx->db->ops->next(rows, ret_row, e); }

void sql_rows_close(struct sql_rows *rows)
{
	if (rows)
		rows->tx->db->ops->rows_close(rows);
}

bool sql_is_null(struct sql_rows *rows, int column) { return rows->tx->db->ops->is_null(rows, column); }
int64_t sql_int(struct sql_rows *rows, int column) { return rows->tx->db->ops->get_int(rows, column); }

struct slice sql_text(struct sql_rows *rows, int column)
{
	return sql_is_null(rows, column) ? SLICE_NULL : rows->tx->db->ops->get(rows, column, false);
}

struct slice sql_bytes(struct sql_rows *rows, int column)
{
	return sql_is_null(rows, column) ? SLICE_NULL : rows->tx->db->ops->get(rows, column, true);
}

enum err_code sql_announce(struct sql_tx *tx, struct err *e)
{
	TRY(may_go_on(tx, e));
	if (tx->announced)
		return OK;
	TRY(tx->db->ops->announce(tx, e));
	tx->announced = true;
	return OK;
}

/* --- Listeners ----------------------------------------------------------------------------------------------------- */

enum err_code sql_listen(struct sql *db, sql_change_fn *fn, void *arg, struct err *e)
{
	struct sql_listeners *l = &db->listeners;
	enum err_code rc = OK;
	pthread_mutex_lock(&l->mutex);
	unsigned n = l->n;
	if (n == SQL_MAX_LISTENERS)
		rc = err_set(e, ERR_LIMIT, 0, "at most %d listeners", SQL_MAX_LISTENERS);
	else {
		l->item[n].fn = fn;
		l->item[n].arg = arg;
		l->n = n + 1;
		if (!n && (rc = db->ops->listen(db, e)) != OK)
			l->n = 0;
	}
	pthread_mutex_unlock(&l->mutex);
	return rc;
}

void sql_unlisten(struct sql *db, sql_change_fn *fn, void *arg)
{
	struct sql_listeners *l = &db->listeners;
	pthread_mutex_lock(&l->telling);
	for (unsigned i = 0; i < l->n; i++)
		if (l->item[i].fn == fn && l->item[i].arg == arg)
			l->item[i].fn = NULL;
	pthread_mutex_unlock(&l->telling);
}

void sql_tell_listeners(struct sql *db, bool announced, bool alive)
{
	struct sql_listeners *l = &db->listeners;
	pthread_mutex_lock(&l->telling);
	for (unsigned i = 0; i < l->n; i++)	/* items are only ever added, and n counts them once they are complete */
		if (l->item[i].fn)
			l->item[i].fn(l->item[i].arg, announced, alive);
	pthread_mutex_unlock(&l->telling);
}

/* --- Shared by the backends ------------------------------------------------------------------------------------------ */

void sql_base_init(struct sql *db, const struct sql_backend *ops, const struct sql_options *o)
{
	db->ops = ops;
	db->connections = o->connections ? o->connections : 4;
	db->busy_ms = o->busy_ms ? o->busy_ms : SQL_BUSY_MS;
	pthread_mutex_init(&db->listeners.mutex, NULL);
	pthread_mutex_init(&db->listeners.telling, NULL);
}

void sql_base_destroy(struct sql *db)
{
	pthread_mutex_destroy(&db->listeners.mutex);
	pthread_mutex_destroy(&db->listeners.telling);
}

enum err_code sql_tx_fail(struct sql_tx *tx, const struct err *e)
{
	if (!tx->failed)
		tx->why = *e;
	tx->failed = true;
	return e->code;
}

void sql_tx_begin(struct sql_tx *tx, struct sql *db, bool read_only)
{
	tx->db = db;
	tx->open = NULL;
	tx->read_only = read_only;
	tx->announced = tx->failed = false;
}

enum err_code sql_tx_run(struct sql_tx *tx, sql_tx_fn *fn, void *arg, struct err *e)
{
	enum err_code rc = fn(tx, arg, e);
	while (tx->open)
		sql_rows_close(tx->open);
	if (rc != OK || !tx->failed)
		return rc;
	*e = tx->why;
	return e->code;
}

void sql_rows_opened(struct sql_rows *rows, struct sql_tx *tx)
{
	rows->tx = tx;
	rows->next_open = tx->open;
	tx->open = rows;
}

void sql_rows_forget(struct sql_rows *rows)
{
	for (struct sql_rows **at = &rows->tx->open; *at; at = &(*at)->next_open)
		if (*at == rows) {
			*at = rows->next_open;
			return;
		}
}

enum err_code sql_thread(pthread_t *ret, void *(*run)(void *), void *arg, struct err *e)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc ? err_set(e, ERR_IO, rc, "start a thread for the database") : OK;
}

void sql_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

struct timespec sql_time(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}
