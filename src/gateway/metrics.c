#include <stdlib.h>
#include "metrics_inside.h"

/* The last one takes whatever is not named. */
const char *const metric_handlers[METRIC_HANDLERS + 1] = {
	"manifest.get", "blob.get", "manifest.put", "manifest.delete", "blob.delete", "upload.post", "upload.patch", "upload.put", "upload.get", "upload.delete", "tags",
	"referrers", "catalog", "token", "base", "api", "api.read", "api.decide", "api.events", "api.accounts", "metrics", "health", "other",
};
const char *const metric_outcomes[METRIC_OUTCOMES + 1] = { "admitted", "refused", "held", "waiting", "busy", "stale", "absent", "pushed", "deleted", "denied", "unauthorized",
							     "failed" };
const double metric_bounds_s[METRIC_BUCKETS] = { 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60 };

static size_t index_of(const char *const *names, const char *name, size_t other)
{
	for (size_t i = 0; names[i]; i++)
		if (names[i] == name || !strcmp(names[i], name))
			return i;
	return other;
}

static size_t handler_other(void) { return index_of(metric_handlers, "other", 0); }

enum err_code metrics_open(struct gateway *g, struct err *e)
{
	g->metrics = calloc(1, sizeof(*g->metrics));
	return g->metrics ? OK : err_set(e, ERR_NOMEM, 0, "memory for metrics");
}

void metrics_close(struct gateway *g)
{
	free(g->metrics);
	g->metrics = NULL;
}

static void add(_Atomic uint64_t *to, uint64_t n) { atomic_fetch_add_explicit(to, n, memory_order_relaxed); }

void metrics_count(struct gateway *g, enum metric m, uint64_t n)
{
	if (g->metrics)
		add(&g->metrics->counts[m], n);
}

uint64_t metrics_get(struct gateway *g, enum metric m)
{
	return g->metrics ? atomic_load_explicit(&g->metrics->counts[m], memory_order_relaxed) : 0;
}

uint64_t metrics_outcome(struct gateway *g, const char *outcome)
{
	size_t o = index_of(metric_outcomes, outcome, METRIC_OUTCOMES);
	if (!g->metrics || o == METRIC_OUTCOMES)
		return 0;
	return atomic_load_explicit(&g->metrics->handlers[0].outcomes[o], memory_order_relaxed);
}

void metrics_request(struct gateway *g, const struct call *c, int status, uint64_t bytes_out, uint64_t elapsed_ns, bool complete)
{
	if (!g->metrics)
		return;
	struct metric_handler *h = &g->metrics->handlers[index_of(metric_handlers, c->handler ? c->handler : "other", handler_other())];
	uint64_t us = elapsed_ns / 1000;
	size_t bucket = 0;
	while (bucket < METRIC_BUCKETS && (double)us > metric_bounds_s[bucket] * 1e6)
		bucket++;
	add(&h->classes[status >= 100 && status < 600 ? status / 100 : 0], 1);
	add(&h->buckets[bucket], 1);
	add(&h->sum_us, us);
	add(&h->bytes, bytes_out);
	if (!complete)
		add(&h->broken, 1);
	size_t o = c->outcome ? index_of(metric_outcomes, c->outcome, METRIC_OUTCOMES) : METRIC_OUTCOMES;
	if (o < METRIC_OUTCOMES)
		add(&h->outcomes[o], 1);
}
