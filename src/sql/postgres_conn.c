/* PostgreSQL connections: settings, prepared statements by literal, errors. */
#include <stdio.h>
#include <stdlib.h>
#include "postgres_inside.h"

static void no_notice(void *arg, const char *message) { (void)arg, (void)message; }

/* What stands before the address is overruled by it, what stands behind it is not. A dead network is noticed after 15 s. */
static const char *const keywords[] = { "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"fallback_application_name", "dbname", "client_encoding", NULL };
#define VALUES(url) { "5", "10", "5", "2", "15000", "pabean", (url), "UTF8", NULL }

PGconn *sql_pg_connect_start(const char *url)
{
	const char *const values[] = VALUES(url);
	PGconn *h = PQconnectStartParams(keywords, values, 1);
	if (h)
		PQsetNoticeProcessor(h, no_notice, NULL);
	return h;
}

static struct slice first_line(const char *s)
{
	struct slice rest = slice_str(s ? s : ""), line = SLICE_NULL;
	(void)slice_next_line(&rest, &line);
	return line;
}

static enum pg_way way_of(const PGconn *h, const char *state)
{
	static const struct { const char *prefix; enum pg_way way; } ways[] = { { "40001", PG_AGAIN }, { "40P01", PG_AGAIN }, { "26000", PG_STALE },
		{ "0A000", PG_STALE }, { "08", PG_LOST }, { "57P", PG_LOST }, { "53300", PG_LOST } };
	/* A failure without a code is not the server's: libpq noticed that there is none, though its status may not say so yet. */
	if (PQstatus(h) != CONNECTION_OK || !state)
		return PG_LOST;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (!strncmp(state, ways[i].prefix, strlen(ways[i].prefix)))
			return ways[i].way;
	return PG_FINAL;
}

/* By SQLSTATE (Appendix A of PostgreSQL's manual). */
static enum err_code code_of(const char *state)
{
	static const struct { const char *prefix; enum err_code code; } codes[] = { { "23", ERR_USAGE }, { "22021", ERR_USAGE }, { "22", ERR_INTERNAL },
		{ "25006", ERR_IO }, { "25", ERR_INTERNAL }, { "28", ERR_AUTH }, { "40", ERR_TIMEOUT }, { "42501", ERR_AUTH }, { "42", ERR_INTERNAL },
		{ "0A", ERR_INTERNAL }, { "55P03", ERR_TIMEOUT }, { "57014", ERR_TIMEOUT }, { "54", ERR_LIMIT }, { "P0001", ERR_USAGE } };
	for (size_t i = 0; state && i < ARRAY_LEN(codes); i++)
		if (!strncmp(state, codes[i].prefix, strlen(codes[i].prefix)))
			return codes[i].code;
	return ERR_IO;
}

enum err_code sql_pg_error(struct pg_conn *c, const PGresult *r, const char *sql, struct err *e)
{
	char text[160], where[90];
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	c->way = way_of(c->h, state);
	enum err_code code = c->way == PG_LOST ? ERR_IO : code_of(state);
	/* A write in sql_read is a mistake of the caller; on a server that takes none it is not. */
	if (state && !strcmp(state, "25006") && c->tx.read_only)
		code = ERR_INTERNAL;
	text_escape_to(text, sizeof(text), first_line(message ? message : PQerrorMessage(c->h)));
	if (!sql)
		return err_set(e, code, 0, "database: %s", text);
	text_escape_to(where, sizeof(where), slice_str(sql));
	return err_set(e, code, 0, "database: %s (%s)", text, where);
}

enum err_code sql_pg_exec(struct pg_conn *c, const char *sql, struct err *e)
{
	PGresult *r = PQexec(c->h, sql);
	ExecStatusType st = PQresultStatus(r);
	enum err_code rc = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? OK : sql_pg_error(c, r, sql, e);
	PQclear(r);
	return rc;
}

static enum err_code setup(struct pg_conn *c, struct err *e)
{
	char sql[400];
	if (PQserverVersion(c->h) < 130000)
		return err_set(e, ERR_UNSUPPORTED, 0, "PostgreSQL is older than 13");
	snprintf(sql, sizeof(sql), "SET lock_timeout = %llu; SET standard_conforming_strings = on; SET bytea_output = hex; SET tcp_keepalives_idle = 30;"
		"SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
		"SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_setting('server_encoding')",
		(unsigned long long)MIN(c->db->base.busy_ms, (uint64_t)INT32_MAX));
	PGresult *r = PQexec(c->h, sql);
	enum err_code rc = OK;
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
		rc = sql_pg_error(c, r, NULL, e);
	else if (strcmp(PQgetvalue(r, 0, 1), "UTF8"))
		rc = err_set(e, ERR_UNSUPPORTED, 0, "the database's encoding is not UTF8");
	else
		snprintf(c->server, sizeof(c->server), "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return rc;
}

enum err_code sql_pg_connect(struct pg_conn *c, struct err *e)
{
	const char *const values[] = VALUES(c->db->url);
	c->way = PG_FINAL;
	c->h = PQconnectdbParams(keywords, values, 1);
	if (!c->h)
		return err_set(e, ERR_NOMEM, 0, "no memory for a database connection");
	PQsetNoticeProcessor(c->h, no_notice, NULL);
	enum err_code rc;
	if (PQstatus(c->h) != CONNECTION_OK) {
		const char *m = PQerrorMessage(c->h);
		rc = sql_pg_error(c, NULL, NULL, e);
		/* No SQLSTATE comes with a refused connection, so this goes by words; where they are translated, it is tried a while. */
		if (strstr(m, "authentication failed") || strstr(m, "no password supplied") || strstr(m, "no pg_hba.conf entry"))
			c->way = PG_FINAL, rc = e->code = ERR_AUTH;
		else if (strstr(m, "does not exist"))
			c->way = PG_FINAL;
	} else
		rc = setup(c, e);
	if (rc != OK)
		sql_pg_disconnect(c);
	return rc;
}

static void forget_statements(struct pg_conn *c)
{
	for (size_t i = 0; i < PG_BUCKETS; i++)
		for (struct pg_stmt *st; (st = c->bucket[i]);) {
			c->bucket[i] = st->next;
			free(st->text);
			free(st);
		}
	c->statements = 0;
}

void sql_pg_disconnect(struct pg_conn *c)
{
	forget_statements(c);
	if (c->h)
		PQfinish(c->h);
	c->h = NULL;
	c->live = NULL;
}

static enum err_code compile(struct pg_conn *c, const char *sql, const struct sql_value *v, size_t n, struct pg_stmt *st, struct err *e)
{
	AUTO_BUF text = BUF(SQL_TEXT_MAX);
	unsigned params;
	Oid types[SQL_MAX_PARAMS];
	TRY(sql_translate(sql, SQL_POSTGRES, &text, &params, e));
	if (params != n)
		return err_set(e, ERR_INTERNAL, 0, "%zu parameters for %u places: %.60s", n, params, sql);
	for (size_t i = 0; i < n; i++) {
		st->types[i] = v[i].type;
		types[i] = v[i].type == 'i' ? PG_OID_INT8 : v[i].type == 't' ? PG_OID_TEXT : v[i].type == 'b' ? PG_OID_BYTEA : 0;
	}
	st->text = strdup(sql);
	if (!st->text)
		return err_set(e, ERR_NOMEM, 0, "no memory for a statement");
	snprintf(st->name, sizeof(st->name), "s%u", ++c->named);
	PGresult *r = PQprepare(c->h, st->name, (const char *)text.p, (int)n, types);
	enum err_code rc = PQresultStatus(r) == PGRES_COMMAND_OK ? OK : sql_pg_error(c, r, sql, e);
	PQclear(r);
	return rc;
}

static bool same_types(const struct pg_stmt *st, const struct sql_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (st->types[i] != v[i].type)
			return false;
	return !st->types[n];
}

enum err_code sql_pg_prepare(struct pg_conn *c, const char *sql, const struct sql_value *v, size_t n, struct pg_stmt **ret, struct err *e)
{
	struct pg_stmt **bucket = &c->bucket[((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 58];
	_Static_assert(PG_BUCKETS == 64, "six bits");
	for (struct pg_stmt *st = *bucket; st; st = st->next)
		if (st->key == sql && n < sizeof(st->types) && same_types(st, v, n)) {
			if (strcmp(st->text, sql))
				return err_set(e, ERR_INTERNAL, 0, "SQL text is not a string literal: %.60s", sql);
			*ret = st;
			return OK;
		}
	if (c->statements >= SQL_MAX_STATEMENTS) {
		TRY(sql_pg_exec(c, "DEALLOCATE ALL", e));
		forget_statements(c);
	}
	struct pg_stmt *st = calloc(1, sizeof(*st));
	if (!st)
		return err_set(e, ERR_NOMEM, 0, "no memory for a statement");
	if (compile(c, sql, v, n, st, e) != OK) {
		free(st->text);
		free(st);
		return e->code;
	}
	c->statements++;
	st->key = sql;
	st->next = *bucket;
	*bucket = st;
	*ret = st;
	return OK;
}
