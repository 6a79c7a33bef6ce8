/* SQLite connections: settings, prepared statements by literal, errors. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "sqlite_inside.h"

/* Another process has the lock: it is polled for often enough that whoever polls has a fair chance. */
static int on_busy(void *arg, int count)
{
	struct lite_conn *c = arg;
	uint64_t now = os_monotonic_ns();
	if (!count)
		c->busy_until_ns = now + c->busy_ms * 1000000;
	if (now >= (c->deadline_ns ? c->deadline_ns : c->busy_until_ns))
		return 0;
	uint64_t pause = (uint64_t)100000 << MIN(count, 5);
	struct timespec t = sql_time(pause + (now >> 4) % pause);
	nanosleep(&t, NULL);
	return 1;
}

static enum err_code code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:	return ERR_USAGE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:	return ERR_TIMEOUT;
	case SQLITE_NOMEM:	return ERR_NOMEM;
	case SQLITE_TOOBIG:	return ERR_LIMIT;
	case SQLITE_INTERRUPT:	return ERR_CANCELLED;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:	return ERR_IO;
	}
	return ERR_INTERNAL;
}

enum err_code sql_lite_error(struct lite_conn *c, int rc, const char *sql, struct err *e)
{
	char text[160], where[90];
	int sys = (rc & 0xff) == SQLITE_FULL ? ENOSPC : 0;
	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		sys = sqlite3_system_errno(c->h);
	enum err_code code = code_of(rc);
	/* A reader's connection refuses to write: that is a mistake of the caller, not of the disk. */
	if ((rc & 0xff) == SQLITE_READONLY && c->tx.read_only)
		code = ERR_INTERNAL;
	text_escape_to(text, sizeof(text), slice_str(sqlite3_errmsg(c->h)));
	if (!sql)
		return err_set(e, code, sys, "database: %s", text);
	text_escape_to(where, sizeof(where), slice_str(sql));
	return err_set(e, code, sys, "database: %s (%s)", text, where);
}

static enum err_code setup(struct lite_conn *c, bool read_only, struct err *e)
{
	sqlite3_extended_result_codes(c->h, 1);
	sqlite3_busy_handler(c->h, on_busy, c);
	sql_lite_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1);
	sql_lite_config(c->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
	sql_lite_config(c->h, SQLITE_DBCONFIG_DQS_DML, 0);
	sql_lite_config(c->h, SQLITE_DBCONFIG_DQS_DDL, 0);
	sql_lite_config(c->h, SQLITE_DBCONFIG_ENABLE_FKEY, 1);
	/* LIKE minds case as PostgreSQL's does. Checkpoints are the keeper's. 2 MiB of pages a connection. */
	static const char settings[] = "PRAGMA synchronous=FULL; PRAGMA cache_size=-2048; PRAGMA case_sensitive_like=ON;"
		"PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216";
	int rc = sqlite3_exec(c->h, settings, NULL, NULL, NULL);
	/* Switching to WAL does not call the busy handler, lest two wait for each other. */
	for (int count = 0; rc == SQLITE_OK && (rc = sqlite3_exec(c->h, "PRAGMA journal_mode=WAL", NULL, NULL, NULL)) != SQLITE_OK; count++) {
		if ((rc & 0xff) != SQLITE_BUSY || !on_busy(c, count))
			break;
		rc = SQLITE_OK;
	}
	if (rc == SQLITE_OK && read_only)
		rc = sqlite3_exec(c->h, "PRAGMA query_only=ON", NULL, NULL, NULL);
	return rc == SQLITE_OK ? OK : sql_lite_error(c, rc, NULL, e);
}

enum err_code sql_lite_connect(struct lite *db, bool read_only, struct lite_conn **ret, struct err *e)
{
	struct lite_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, 0, "no memory for a database connection");
	c->busy_ms = db->base.busy_ms;
	int rc = sqlite3_open_v2(db->path, &c->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK || setup(c, read_only, e) != OK) {
		enum err_code code = rc != SQLITE_OK ? sql_lite_error(c, rc, NULL, e) : e->code;
		sql_lite_disconnect(c);
		return code;
	}
	*ret = c;
	return OK;
}

static void drop_statement(struct lite_conn *c, struct lite_stmt *st)
{
	sqlite3_finalize(st->s);
	free(st->text);
	free(st);
	c->statements--;
}

static void drop_idle_statements(struct lite_conn *c)
{
	for (size_t i = 0; i < LITE_BUCKETS; i++)
		for (struct lite_stmt **at = &c->bucket[i], *st; (st = *at);) {
			if (st->busy) {
				at = &st->next;
				continue;
			}
			*at = st->next;
			drop_statement(c, st);
		}
}

void sql_lite_disconnect(struct lite_conn *c)
{
	if (!c)
		return;
	drop_idle_statements(c);
	sqlite3_close_v2(c->h);
	free(c);
}

static enum err_code compile(struct lite_conn *c, const char *sql, struct lite_stmt *st, struct err *e)
{
	AUTO_BUF text = BUF(SQL_TEXT_MAX);
	TRY(sql_translate(sql, SQL_SQLITE, &text, &st->params, e));
	const char *tail = NULL;
	int rc = sqlite3_prepare_v3(c->h, (const char *)text.p, -1, SQLITE_PREPARE_PERSISTENT, &st->s, &tail);
	if (rc != SQLITE_OK)
		return sql_lite_error(c, rc, sql, e);
	if (!st->s || slice_trim(slice_str(tail)).n)
		return err_set(e, ERR_INTERNAL, 0, "not one SQL statement: %.60s", sql);
	st->text = strdup(sql);
	return st->text ? OK : err_set(e, ERR_NOMEM, 0, "no memory for a statement");
}

enum err_code sql_lite_prepare(struct lite_conn *c, const char *sql, struct lite_stmt **ret, struct err *e)
{
	struct lite_stmt **bucket = &c->bucket[((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 58];
	_Static_assert(LITE_BUCKETS == 64, "six bits");
	/* One that has rows open (a loop in a loop) is not used twice: a second one is made. */
	for (struct lite_stmt *st = *bucket; st; st = st->next)
		if (st->key == sql && !st->busy) {
			if (strcmp(st->text, sql))
				return err_set(e, ERR_INTERNAL, 0, "SQL text is not a string literal: %.60s", sql);
			*ret = st;
			return OK;
		}
	if (c->statements >= SQL_MAX_STATEMENTS)
		drop_idle_statements(c);
	struct lite_stmt *st = calloc(1, sizeof(*st));
	if (!st)
		return err_set(e, ERR_NOMEM, 0, "no memory for a statement");
	c->statements++;
	if (compile(c, sql, st, e) != OK) {
		drop_statement(c, st);
		return e->code;
	}
	st->key = sql;
	st->next = *bucket;
	*bucket = st;
	*ret = st;
	return OK;
}

enum err_code sql_lite_exec(struct lite_conn *c, const char *sql, struct err *e)
{
	struct lite_stmt *st;
	TRY(sql_lite_prepare(c, sql, &st, e));
	int rc = sqlite3_step(st->s);
	enum err_code code = rc == SQLITE_DONE || rc == SQLITE_ROW ? OK : sql_lite_error(c, rc, sql, e);
	sqlite3_reset(st->s);
	return code;
}
