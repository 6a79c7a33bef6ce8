/* PostgreSQL: opening, closing, transactions that are run again after a lost connection. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "postgres_inside.h"

enum { READING, WRITING };

static void pause_for(uint64_t ns)
{
	struct timespec t = sql_time(ns);
	nanosleep(&t, NULL);
}

/* --- One try ---------------------------------------------------------------------------------------------------------- */

/* The transaction's number is asked for together with its begin: with it the outcome of a commit can be found when the answer is lost. */
static enum err_code begin(struct pg_conn *c, bool read_only, struct err *e)
{
	if (read_only)
		return sql_pg_exec(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e);
	PGresult *r = PQexec(c->h, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_current_xact_id()::text");
	enum err_code rc = OK;
	if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
		snprintf(c->xid, sizeof(c->xid), "%s", PQgetvalue(r, 0, 0));
	else
		rc = sql_pg_error(c, r, NULL, e);
	PQclear(r);
	return rc;
}

enum outcome { COMMITTED, ABORTED, RUNNING, UNKNOWN };

static enum outcome ask_outcome(struct pg_conn *c, const char *xid, const char *server)
{
	const char *const v[] = { xid };
	PGresult *r = PQexecParams(c->h, "SELECT pg_xact_status($1::xid8)", 1, NULL, v, NULL, NULL, 0);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	enum outcome o = UNKNOWN;
	if (state && !strcmp(state, "22023"))	/* in the future: it did not outlive a crash */
		o = ABORTED;
	else if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 && !PQgetisnull(r, 0, 0)) {
		const char *s = PQgetvalue(r, 0, 0);
		o = !strcmp(s, "committed") ? COMMITTED : !strcmp(s, "aborted") ? ABORTED : RUNNING;
	}
	PQclear(r);
	/* After a crash the number may have been given again, to somebody else's transaction. */
	return o == COMMITTED && strcmp(server, c->server) ? UNKNOWN : o;
}

/* The connection was lost in COMMIT: was it committed? OK when it was; c->way says whether it can be run again. */
static enum err_code find_outcome(struct pg_conn *c, uint64_t until_ns, struct err *e)
{
	char xid[sizeof(c->xid)], server[sizeof(c->server)];
	struct err ignored;
	memcpy(xid, c->xid, sizeof(xid));
	memcpy(server, c->server, sizeof(server));
	sql_pg_disconnect(c);
	enum outcome o = UNKNOWN;
	do {
		if (!c->h && sql_pg_connect(c, &ignored) != OK) {
			pause_for(100000000);
			continue;
		}
		o = ask_outcome(c, xid, server);
		if (PQstatus(c->h) != CONNECTION_OK)
			sql_pg_disconnect(c);
		else if (o != RUNNING)
			break;
		pause_for(20000000);
	} while (os_monotonic_ns() < until_ns);
	if (o == COMMITTED)
		return OK;
	if (o == ABORTED) {
		c->way = PG_LOST;
		return e->code;
	}
	c->way = PG_FINAL;
	return err_set(e, ERR_IO, 0, "the connection to the database was lost during a commit: it may or may not have been done");
}

static enum err_code commit(struct pg_conn *c, uint64_t until_ns, struct err *e)
{
	PGresult *r = PQexec(c->h, "COMMIT");
	if (PQresultStatus(r) == PGRES_COMMAND_OK && !strcmp(PQcmdStatus(r), "COMMIT")) {
		PQclear(r);
		return OK;
	}
	if (PQresultStatus(r) == PGRES_COMMAND_OK)
		(void)err_set(e, ERR_INTERNAL, 0, "database: the transaction had failed");
	else
		(void)sql_pg_error(c, r, NULL, e);
	PQclear(r);
	if (c->way != PG_LOST)
		return e->code;
	return find_outcome(c, until_ns, e);
}

static enum err_code attempt(struct pg_conn *c, bool read_only, sql_tx_fn *fn, void *arg, uint64_t until_ns, struct err *e)
{
	struct err ignored;
	if (!c->h)
		TRY(sql_pg_connect(c, e));
	c->way = PG_FINAL;
	sql_tx_begin(&c->tx, &c->db->base, read_only);
	TRY(begin(c, read_only, e));
	enum err_code rc = sql_tx_run(&c->tx, fn, arg, e);
	if (rc == OK && !read_only)
		return commit(c, until_ns, e);
	if (rc == OK) {
		/* Nobody waits for the end of what only read: the answer is thrown away by the connection's next command. */
		if (!PQsendQuery(c->h, "COMMIT"))
			sql_pg_disconnect(c);
		return OK;
	}
	enum pg_way way = c->way;
	if (PQstatus(c->h) == CONNECTION_OK && sql_pg_exec(c, "ROLLBACK", &ignored) != OK)
		sql_pg_disconnect(c);
	c->way = way;
	/* Whatever fn made of the failure, the statement's counts. */
	if (c->tx.failed && way != PG_FINAL)
		*e = c->tx.why;
	return e->code;
}

/* --- Transactions -------------------------------------------------------------------------------------------------------- */

static uint64_t back_off_ns(enum pg_way way, unsigned tries)
{
	uint64_t ns = way == PG_LOST ? (uint64_t)20000000 << MIN(tries, 4u) : (uint64_t)500000 << MIN(tries, 7u);
	return tries || way != PG_LOST ? ns + (os_monotonic_ns() >> 3) % ns : 0;	/* a connection may just have been idle over a restart */
}

static enum err_code transact(struct pg *db, struct pg_conn *c, bool read_only, sql_tx_fn *fn, void *arg, struct err *e)
{
	uint64_t until = os_monotonic_ns() + db->base.busy_ms * 1000000;
	for (unsigned tries = 0;; tries++) {
		enum err_code rc = attempt(c, read_only, fn, arg, until, e);
		if (c->h && (PQstatus(c->h) != CONNECTION_OK || (rc != OK && (c->way == PG_STALE || c->way == PG_LOST))))
			sql_pg_disconnect(c);
		if (rc == OK || c->way == PG_FINAL || (c->way == PG_STALE && tries) || os_monotonic_ns() >= until)
			return rc;
		pause_for(back_off_ns(c->way, tries));
	}
}

static enum err_code take_and_run(struct pg *db, int which, sql_tx_fn *fn, void *arg, struct err *e)
{
	unsigned i;
	TRY(sql_pool_take(&db->pool[which], db->base.busy_ms, &i, e));
	enum err_code rc = transact(db, &db->conn[which][i], which == READING, fn, arg, e);
	sql_pool_give(&db->pool[which], i);
	return rc;
}

static enum err_code pg_read(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e)
{
	return take_and_run((struct pg *)db, READING, fn, arg, e);
}

static enum err_code pg_write(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e)
{
	return take_and_run((struct pg *)db, WRITING, fn, arg, e);
}

static enum err_code pg_migration_lock(struct sql_tx *tx, struct err *e)
{
	return sql_run(tx, NULL, e, "SELECT pg_advisory_xact_lock(8097662116)", "");	/* a number of our own */
}

static enum err_code pg_announce(struct sql_tx *tx, struct err *e)
{
	if (tx->read_only)
		return err_set(e, ERR_INTERNAL, 0, "an announcement in a transaction that only reads");
	return sql_run(tx, NULL, e, "SELECT pg_notify('" PG_CHANNEL "', '')", "");
}

static enum err_code pg_backup(struct sql *db, const char *path, struct err *e)
{
	(void)db, (void)path;
	return err_set(e, ERR_UNSUPPORTED, 0, "PostgreSQL is backed up with pg_dump");
}

static void pg_close(struct sql *base)
{
	struct pg *db = (struct pg *)base;
	if (db->listening) {
		atomic_store(&db->stop, true);
		eventfd_write(db->wake, 1);
		pthread_join(db->listener, NULL);
	}
	for (size_t w = 0; w < 2; w++) {
		for (size_t i = 0; i < SQL_MAX_CONNECTIONS; i++)
			sql_pg_disconnect(&db->conn[w][i]);
		sql_pool_destroy(&db->pool[w]);
	}
	fd_close(&db->wake);
	sql_base_destroy(base);
	free(db->url);
	free(db);
}

static const struct sql_backend pg_backend = {
	.kind = SQL_POSTGRES,
	.close = pg_close,
	.read = pg_read,
	.write = pg_write,
	.run = sql_pg_run,
	.query = sql_pg_query,
	.next = sql_pg_next,
	.rows_close = sql_pg_rows_close,
	.is_null = sql_pg_is_null,
	.get_int = sql_pg_int,
	.get = sql_pg_get,
	.script = sql_pg_script,
	.migration_lock = pg_migration_lock,
	.announce = pg_announce,
	.listen = sql_pg_listen,
	.backup = pg_backup,
	.has_table = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = ?1",
};

/* What libpq says of an address it does not understand is not shown: there may be a password in it. */
static enum err_code check_url(const char *url, struct err *e)
{
	char *msg = NULL;
	PQconninfoOption *o = PQconninfoParse(url, &msg);
	PQfreemem(msg);
	if (!o)
		return err_set(e, ERR_USAGE, 0, "the database's address is not what PostgreSQL takes (postgresql://user@host:port/database)");
	PQconninfoFree(o);
	return OK;
}

enum err_code sql_pg_open(const struct sql_options *o, const char *where, struct sql **ret, struct err *e)
{
	TRY(sql_pg_load(e));
	TRY(check_url(where, e));
	struct pg *db = calloc(1, sizeof(*db));
	char *url = strdup(where);
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!db || !url || wake < 0) {
		free(db);
		free(url);
		fd_close(&wake);
		return err_set(e, ERR_NOMEM, 0, "no memory for the database");
	}
	sql_base_init(&db->base, &pg_backend, o);
	db->url = url;
	db->wake = wake;
	for (size_t w = 0; w < 2; w++) {
		sql_pool_init(&db->pool[w], db->base.connections);
		for (size_t i = 0; i < SQL_MAX_CONNECTIONS; i++)
			db->conn[w][i].db = db;
	}
	*ret = &db->base;
	return OK;
}
