/* https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include <stdio.h>
#include "access.h"
#include "gate.h"
#include "metrics_inside.h"
#include "upstream.h"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP pabean_%s %s\n# TYPE pabean_%s %s\n", name, help, name, type);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
	head(out, name, type, help);
	buf_printf(out, "pabean_%s %llu\n", name, (unsigned long long)v);
}

static unsigned long long get(const _Atomic uint64_t *v) { return atomic_load_explicit(v, memory_order_relaxed); }

/* A label's value: text_escape leaves backslashes doubled already. */
static void label(struct buf *out, struct slice v)
{
	AUTO_BUF b = BUF(4 * KIB);
	text_escape(&b, slice_upto(v, 500));
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '"')
			buf_putc(out, '\\');
		buf_putc(out, b.p[i]);
	}
}

/* --- Requests ------------------------------------------------------------------------------------------------------------ */

static bool is_used(const struct metric_handler *h)
{
	for (size_t i = 0; i < METRIC_CLASSES; i++)
		if (get(&h->classes[i]))
			return true;
	return false;
}

static void requests(const struct metrics *m, struct buf *out)
{
	static const char *const classes[METRIC_CLASSES] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
	head(out, "requests_total", "counter", "Requests answered, by handler and class of status.");
	for (size_t i = 0; metric_handlers[i]; i++)
		for (size_t k = 0; k < METRIC_CLASSES; k++)
			if (get(&m->handlers[i].classes[k]))
				buf_printf(out, "pabean_requests_total{handler=\"%s\",status=\"%s\"} %llu\n", metric_handlers[i], classes[k],
					   get(&m->handlers[i].classes[k]));
	head(out, "response_bytes_total", "counter", "Bytes of answers sent.");
	for (size_t i = 0; metric_handlers[i]; i++)
		if (is_used(&m->handlers[i]))
			buf_printf(out, "pabean_response_bytes_total{handler=\"%s\"} %llu\n", metric_handlers[i], get(&m->handlers[i].bytes));
	head(out, "requests_broken_total", "counter", "Answers that did not go out whole.");
	for (size_t i = 0; metric_handlers[i]; i++)
		if (is_used(&m->handlers[i]))
			buf_printf(out, "pabean_requests_broken_total{handler=\"%s\"} %llu\n", metric_handlers[i], get(&m->handlers[i].broken));
	head(out, "pulls_total", "counter", "What the gate said, by handler.");
	for (size_t i = 0; metric_handlers[i]; i++)
		for (size_t k = 0; k < METRIC_OUTCOMES; k++)
			if (get(&m->handlers[i].outcomes[k]))
				buf_printf(out, "pabean_pulls_total{handler=\"%s\",outcome=\"%s\"} %llu\n", metric_handlers[i], metric_outcomes[k],
					   get(&m->handlers[i].outcomes[k]));
}

static void latencies(const struct metrics *m, struct buf *out)
{
	head(out, "request_seconds", "histogram", "From the request's head to the last byte of the answer.");
	for (size_t i = 0; metric_handlers[i]; i++) {
		const struct metric_handler *h = &m->handlers[i];
		unsigned long long n = 0;
		if (!is_used(h))
			continue;
		for (size_t k = 0; k < METRIC_BUCKETS; k++) {
			n += get(&h->buckets[k]);
			buf_printf(out, "pabean_request_seconds_bucket{handler=\"%s\",le=\"%g\"} %llu\n", metric_handlers[i], metric_bounds_s[k], n);
		}
		n += get(&h->buckets[METRIC_BUCKETS]);
		buf_printf(out, "pabean_request_seconds_bucket{handler=\"%s\",le=\"+Inf\"} %llu\n", metric_handlers[i], n);
		buf_printf(out, "pabean_request_seconds_sum{handler=\"%s\"} %.6f\n", metric_handlers[i], (double)get(&h->sum_us) / 1e6);
		buf_printf(out, "pabean_request_seconds_count{handler=\"%s\"} %llu\n", metric_handlers[i], n);
	}
}

static void counts(struct gateway *g, struct buf *out)
{
	static const struct { const char *name, *help; } t[METRIC_N] = {
		[METRIC_TAG_HITS] = { "tag_cache_hits_total", "Tags answered from what is known." },
		[METRIC_TAG_MISSES] = { "tag_cache_misses_total", "Tags asked upstream." },
		[METRIC_BLOB_HITS] = { "blob_memory_hits_total", "Blobs whose admission was remembered." },
		[METRIC_BLOB_MISSES] = { "blob_memory_misses_total", "Blobs whose admission was looked up." },
		[METRIC_REJUDGED] = { "rejudged_total", "Verdicts judged again by newer data." },
		[METRIC_GC_RUNS] = { "gc_runs_total", "Garbage collections of this node." },
		[METRIC_GC_ERRORS] = { "gc_errors_total", "Garbage collections that failed and were tried again." },
		[METRIC_GC_BLOBS] = { "gc_blobs_total", "Blobs that went." },
		[METRIC_GC_BYTES] = { "gc_bytes_total", "Bytes of blobs that went." },
		[METRIC_GC_MANIFESTS] = { "gc_manifests_total", "Manifests that left a repository because nothing kept them." },
		[METRIC_GC_UPLOADS] = { "gc_uploads_total", "Uploads that nobody went on with." },
		[METRIC_GC_MS] = { "gc_milliseconds_total", "Time spent in garbage collections." },
	};
	for (size_t i = 0; i < METRIC_N; i++)
		one(out, t[i].name, "counter", t[i].help, get(&g->metrics->counts[i]));
}

static void upstreams(struct gateway *g, struct buf *out)
{
	struct upstream_counts n = { 0 };
	if (!g->upstreams)
		return;
	upstreams_count(g, &n);
	one(out, "upstream_requests_total", "counter", "Requests to upstreams.", n.requests);
	one(out, "upstream_errors_total", "counter", "Requests to upstreams that failed.", n.errors);
	one(out, "upstream_limited_total", "counter", "Requests to upstreams that a rate limit stopped, theirs or ours.", n.limited);
	one(out, "upstream_fetched_total", "counter", "Manifests fetched from upstreams.", n.fetched);
	one(out, "upstream_blobs_total", "counter", "Blobs fetched from upstreams.", n.blobs);
	one(out, "upstream_waiting", "gauge", "Requests that wait for an upstream's answer that another one asked for.", n.waiting);
}

/* --- The server ------------------------------------------------------------------------------------------------------------ */

static void server(struct gateway *g, struct buf *out)
{
	struct httpd_counts n = { 0 };
	uint64_t denied = 0, slowed = 0;
	if (g->httpd)
		httpd_count(g->httpd, &n);
	if (g->access)
		access_count(g->access, &denied, &slowed);
	one(out, "connections", "gauge", "Connections now open.", n.connections);
	one(out, "http_requests_total", "counter", "Requests whose head was read.", n.requests);
	one(out, "requests_waiting", "gauge", "Requests that wait for a verdict or the like.", n.waiting);
	one(out, "pool_queued", "gauge", "Requests that wait for a thread.", n.pool_queued);
	one(out, "pool_busy", "gauge", "Threads at work.", n.pool_busy);
	one(out, "connections_dropped_slow_total", "counter", "Connections without enough progress.", n.dropped_slow);
	one(out, "connections_refused_total", "counter", "Connections over a limit.", n.refused_connections);
	one(out, "logins_denied_total", "counter", "Wrong credentials.", denied);
	one(out, "logins_slowed_total", "counter", "Logins held back after too many failures.", slowed);
	head(out, "gate_not_enforced", "gauge", "Repositories, by pattern, whose gate is off or only warns: what is pulled there was not held to any verdict.");
	for (size_t i = 0; i < g->config->n_repositories; i++) {
		const struct config_repository *p = &g->config->repositories[i];
		if (p->gate == GATE_ENFORCE)
			continue;
		buf_puts(out, "pabean_gate_not_enforced{match=\"");
		label(out, p->match);
		buf_printf(out, "\",gate=\"%s\"} 1\n", p->gate == GATE_OFF ? "off" : "warn");
	}
	head(out, "build_info", "gauge", "The program.");
	buf_puts(out, "pabean_build_info{version=\"");
	label(out, slice_str(g->run->version));
	buf_puts(out, "\"} 1\n");
}

struct seen { uint64_t states[STATE_FAILED + 1]; struct store_queue queue; int64_t generation, deliveries, dead, nodes, requests; };

static enum err_code look(struct sql_tx *tx, void *arg, struct err *e)
{
	struct seen *s = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	*s = (struct seen){ 0 };
	TRY(sql_query(tx, &rows, e, "SELECT state, COUNT(*) FROM verdict GROUP BY state", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		int64_t state = sql_int(rows, 0);
		if (state >= 0 && state <= STATE_FAILED)
			s->states[state] = (uint64_t)sql_int(rows, 1);
	}
	TRY(store_queue_count(tx, &s->queue, e));
	TRY(sql_one_int(tx, &s->generation, e, "SELECT COALESCE(MAX(number), 0) FROM generation", ""));
	TRY(sql_one_int(tx, &s->deliveries, e, "SELECT COUNT(*) FROM delivery WHERE state = 0", ""));
	TRY(sql_one_int(tx, &s->dead, e, "SELECT COUNT(*) FROM delivery WHERE state = 2", ""));
	TRY(sql_one_int(tx, &s->requests, e, "SELECT COUNT(*) FROM request WHERE state = 0", ""));
	return sql_one_int(tx, &s->nodes, e, "SELECT COUNT(*) FROM node WHERE seen_ms > ?1", "i", (int64_t)store_now_ms() - 30000);
}

static void catalogue(struct gateway *g, struct buf *out)
{
	struct seen s;
	struct err e;
	bool up = sql_read(g->store.sql, look, &s, &e) == OK;
	one(out, "store_up", "gauge", "Whether the database answered just now.", up);
	if (!up)
		return;
	head(out, "verdicts", "gauge", "Manifests in repositories, by state.");
	for (int i = 0; i <= STATE_FAILED; i++)
		buf_printf(out, "pabean_verdicts{state=\"%s\"} %llu\n", store_state_name(i), (unsigned long long)s.states[i]);
	head(out, "jobs", "gauge", "The queue.");
	buf_printf(out, "pabean_jobs{state=\"waiting\"} %llu\npabean_jobs{state=\"running\"} %llu\npabean_jobs{state=\"given_up\"} %llu\n",
		   (unsigned long long)s.queue.waiting, (unsigned long long)s.queue.leased, (unsigned long long)s.queue.given_up);
	head(out, "queue_oldest_seconds", "gauge", "Age of the job that waits longest.");
	buf_printf(out, "pabean_queue_oldest_seconds %.3f\n", (double)s.queue.oldest_ms / 1000);
	one(out, "generation", "gauge", "Number of the advisories, intelligence, policies and waivers in force.", (uint64_t)s.generation);
	one(out, "webhooks_waiting", "gauge", "Deliveries to webhooks that are to be sent.", (uint64_t)s.deliveries);
	one(out, "webhooks_dead", "gauge", "Deliveries to webhooks that were given up.", (uint64_t)s.dead);
	one(out, "approval_requests", "gauge", "Requests that wait for an approver.", (uint64_t)s.requests);
	one(out, "nodes", "gauge", "Servers and workers that were alive in the last half minute.", (uint64_t)s.nodes);
}

void metrics_text(struct gateway *g, struct buf *out)
{
	if (g->metrics) {
		requests(g->metrics, out);
		latencies(g->metrics, out);
		counts(g, out);
	}
	upstreams(g, out);
	server(g, out);
	catalogue(g, out);
}
