/* For people: the state of the registry. For machines: health, readiness, metrics. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "api_inside.h"
#include "gate.h"
#include "metrics.h"
#include "oci.h"
#include "os.h"

static enum err_code states(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	int64_t n[STATE_FAILED + 1] = { 0 };
	TRY(sql_query(tx, &rows, e, "SELECT state, COUNT(*) FROM verdict GROUP BY state", ""));
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		int64_t state = sql_int(rows, 0);
		if (state >= 0 && state <= STATE_FAILED)
			n[state] = sql_int(rows, 1);
	}
	js_key(&a->j, "verdicts");
	js_open(&a->j, '{');
	for (int i = 0; i <= STATE_FAILED; i++)
		js_kint(&a->j, store_state_name(i), n[i]);
	js_close(&a->j, '}');
	return OK;
}

static void gates(struct api *a)
{
	struct js *j = &a->j;
	js_key(j, "gate_not_enforced");
	js_open(j, '[');
	for (size_t i = 0; i < a->g->config->n_repositories; i++) {
		const struct config_repository *p = &a->g->config->repositories[i];
		if (p->gate == GATE_ENFORCE)
			continue;
		js_open(j, '{');
		js_ktext(j, "match", p->match);
		js_ktext(j, "gate", p->gate == GATE_OFF ? SL("off") : SL("warn"));
		js_close(j, '}');
	}
	js_close(j, ']');
	js_key(j, "upstreams");
	js_open(j, '[');
	for (size_t i = 0; i < a->g->config->n_upstreams; i++)
		js_text(j, a->g->config->upstreams[i].name);
	js_close(j, ']');
}

static enum err_code counts(struct api *a, struct sql_tx *tx, struct err *e)
{
	struct js *j = &a->j;
	struct store_queue q;
	int64_t n;
	static const struct { const char *key, *sql; } t[] = {
		{ "repositories", "SELECT COUNT(*) FROM repo" },
		{ "manifests", "SELECT COUNT(*) FROM manifest" },
		{ "blobs", "SELECT COUNT(*) FROM blob" },
		{ "blob_bytes", "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blob" },
		{ "requests_open", "SELECT COUNT(*) FROM request WHERE state = 0" },
		{ "dead_letters", "SELECT COUNT(*) FROM delivery WHERE state = 2" },
		{ "decisions", "SELECT COUNT(*) FROM decision WHERE ended_s = 0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		TRY(sql_one_int(tx, &n, e, t[i].sql, ""));
		js_kint(j, t[i].key, n);
	}
	TRY(store_queue_count(tx, &q, e));
	js_key(j, "queue");
	js_open(j, '{');
	js_kint(j, "waiting", (int64_t)q.waiting);
	js_kint(j, "running", (int64_t)q.leased);
	js_kint(j, "given_up", (int64_t)q.given_up);
	js_kint(j, "oldest_ms", (int64_t)q.oldest_ms);
	js_close(j, '}');
	return OK;
}

enum err_code api_status(struct api *a, struct sql_tx *tx, struct err *e)
{
	struct gateway *g = a->g;
	struct js *j = &a->j;
	AUTO_ARENA arena = ARENA(MIB);
	struct store_generation gen;
	struct httpd_counts http = { 0 };
	TRY(store_generation_get(tx, &arena, &gen, e));
	js_open(j, '{');
	js_ktext(j, "version", slice_str(g->run->version));
	js_ktext(j, "node", slice_str(g->node));
	js_ktext(j, "database", sql_kind_of(g->store.sql) == SQL_POSTGRES ? SL("postgresql") : SL("sqlite"));
	js_ktext(j, "blob_store", g->config->s3_endpoint.n ? SL("s3") : SL("directory"));
	js_kint(j, "generation", gen.number);
	js_ktext(j, "advisories", gen.advisories);
	js_ktext(j, "intelligence", gen.intel);
	js_kint(j, "waivers", gen.waivers);
	TRY(states(a, tx, e));
	TRY(counts(a, tx, e));
	if (g->httpd)
		httpd_count(g->httpd, &http);
	js_kint(j, "connections", (int64_t)http.connections);
	js_kint(j, "waiting", (int64_t)http.waiting);
	js_kint(j, "pulls_admitted", (int64_t)metrics_outcome(g, "admitted"));
	js_kint(j, "pulls_refused", (int64_t)metrics_outcome(g, "refused"));
	gates(a);
	js_key(j, "nodes");
	js_open(j, '{');
	int64_t nodes;
	TRY(sql_one_int(tx, &nodes, e, "SELECT COUNT(*) FROM node WHERE role = 'serve' AND seen_ms > ?1", "i", (int64_t)store_now_ms() - 30000));
	js_kint(j, "servers", nodes);
	TRY(sql_one_int(tx, &nodes, e, "SELECT COUNT(*) FROM node WHERE role = 'worker' AND seen_ms > ?1", "i", (int64_t)store_now_ms() - 30000));
	js_kint(j, "workers", nodes);
	js_close(j, '}');
	js_close(j, '}');
	return OK;
}

/* --- For machines -------------------------------------------------------------------------------------------------------------- */

/* This process answers. */
void api_healthz(struct call *c) { http_respond(c->r, 200, "text/plain; charset=utf-8", SL("ok\n")); }

/* A file can be made where blobs are written. */
static bool can_write(struct gateway *g)
{
	char dir[4096];
	int fd;
	struct err e;
	struct statvfs v;
	snprintf(dir, sizeof(dir), "%.*s", SLICE_ARG(g->config->state));
	if (statvfs(dir, &v) != 0 || !v.f_bavail || os_unnamed_file(dir, &fd, &e) != OK)
		return false;
	bool good = os_write_all(fd, "x", 1, "a file", &e) == OK;
	close(fd);
	return good;
}

static enum err_code generation_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, arg, e, "SELECT COALESCE(MAX(number), 0) FROM generation", "");
}

static void ready(struct http_request *r, void *arg)
{
	struct call *c = arg;
	struct gateway *g = c->g;
	int64_t generation = 0;
	struct err e;
	uint64_t seen = atomic_load(&g->store_seen_ms), now = store_now_ms();
	bool recent = sql_read(g->store.sql, generation_tx, &generation, &e) == OK && (!seen || now < seen + g->config->max_staleness_ms);
	bool writable = can_write(g), known = generation > 0;
	AUTO_BUF b = BUF(KIB);
	buf_printf(&b, "database %s\nblob store %s\ngeneration %s\n", recent ? "ok" : "does not answer", writable ? "ok" : "cannot be written",
		   known ? "ok" : "is not known yet");
	http_respond(r, recent && writable && known && !http_stopping(r) ? 200 : 503, "text/plain; charset=utf-8", buf_slice(&b));
}

void api_readyz(struct call *c) { http_defer(c->r, ready, c); }

static void metrics(struct http_request *r, void *arg)
{
	struct call *c = arg;
	AUTO_BUF b = BUF(4 * MIB);
	metrics_text(c->g, &b);
	if (b.failed)
		answer_api_error(c, 503, "unavailable", "out of memory");
	else
		http_respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&b));
}

/* Names of repositories are in it: for accounts, and for who is on this machine (a proxy's forwarded requests are not). */
void api_metrics(struct call *c)
{
	char peer[64];
	bool here = !http_header(c->r, "X-Forwarded-For").p && !http_header(c->r, "Forwarded").p;
	http_peer_text(c->r, peer);
	here = here && (!strncmp(peer, "127.", 4) || !strcmp(peer, "::1") || !strcmp(peer, "unix"));
	if (c->who.anonymous && !c->who.socket && !here)
		answer_unauthorized(c, ACCESS_PULL, NULL);
	else
		http_defer(c->r, metrics, c);
}
