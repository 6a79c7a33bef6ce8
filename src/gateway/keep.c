/* What happens by itself: verdicts that end, garbage that goes. */
#include "keep.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "gate.h"
#include "metrics.h"
#include "os.h"
#include "store_keep.h"

enum { WALK_EVERY_S = 86400, FIRST_MS = 2000, RETRY_MS = 60000 };

struct keeping {
	struct gateway *g;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	_Atomic bool stop;
};

/* --- Verdicts that end --------------------------------------------------------------------------------------------------------- */

static enum err_code ended_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, arg, e, "SELECT count(*) FROM (SELECT 1 FROM verdict WHERE expires_s > 0 AND expires_s <= ?1 AND"
			   " state IN (3, 4, 5) LIMIT 1) AS ended",
			   "i", (int64_t)os_now_s());
}

void keep_tick(struct gateway *g, const _Atomic bool *stop)
{
	int64_t ended = 0;
	struct err e = { 0 };
	if (!atomic_load(stop) && sql_read(g->store.sql, ended_tx, &ended, &e) == OK && ended)
		gate_sweep_soon(g);
}

/* --- Garbage ---------------------------------------------------------------------------------------------------------------------- */

static struct store_retention retention(void *arg, struct slice repository)
{
	const struct gateway *g = arg;
	const struct config_repository *rule = config_repository_for(g->config, repository);
	return (struct store_retention){ rule->keep_last, rule->keep_for_s, rule->gate == GATE_ENFORCE };
}

void keep_rules(struct gateway *g, struct store_keep_rules *ret)
{
	const struct gateway_config *c = g->config;
	*ret = (struct store_keep_rules){ .grace_s = c->gc_grace_s, .upload_keep_s = c->upload_keep_s,
					  .keep_refused_s = c->keep_refused_s,
					  .keep_unpulled_s = c->keep_unpulled_s, .keep_untagged_s = c->keep_untagged_s,
						  .keep_pulls_s = c->keep_pulls_s,
					  .max_bytes = c->max_bytes, .retention = retention, .arg = g };
}

static void count(struct gateway *g, const struct store_keep_counts *n, uint64_t ms)
{
	metrics_count(g, METRIC_GC_RUNS, 1);
	metrics_count(g, METRIC_GC_BLOBS, n->blobs);
	metrics_count(g, METRIC_GC_BYTES, n->bytes);
	metrics_count(g, METRIC_GC_MANIFESTS, n->manifests);
	metrics_count(g, METRIC_GC_UPLOADS, n->uploads);
	metrics_count(g, METRIC_GC_MS, ms);
	if (n->tags + n->manifests + n->contents + n->blobs + n->uploads)
		gateway_log(g, LOG_INFO, "garbage was collected", "zizizizizizizi", "tags", (int64_t)n->tags, "manifests",
			    (int64_t)n->manifests, "contents", (int64_t)n->contents,
			    "blobs", (int64_t)n->blobs, "bytes", (int64_t)n->bytes, "uploads", (int64_t)n->uploads, "ms",
				    (int64_t)ms);
}

/* Until the next one: milliseconds. */
static uint64_t collect(struct keeping *k, uint64_t *walked_s)
{
	struct gateway *g = k->g;
	struct store_keep_rules r;
	struct store_keep_counts n;
	struct err e = { 0 };
	uint64_t start = os_monotonic_ns(), every = g->config->gc_every_ms;
	keep_rules(g, &r);
	r.walk = !*walked_s || *walked_s + WALK_EVERY_S <= os_now_s();
	enum err_code code = store_keep_run(&g->store, &r, g->node, &k->stop, &n, &e);
	if (code == ERR_NOT_FOUND)
		return MIN(every, (uint64_t)RETRY_MS);
	count(g, &n, (os_monotonic_ns() - start) / 1000000);
	if (code == OK && r.walk)
		*walked_s = os_now_s();
	if (code != OK && code != ERR_CANCELLED) {
		metrics_count(g, METRIC_GC_ERRORS, 1);
		gateway_log(g, LOG_WARN, "garbage could not be collected; tried again", "zz", "error", e.msg);
		return MIN(every, (uint64_t)RETRY_MS);
	}
	return every;
}

static void *collector(void *arg)
{
	struct keeping *k = arg;
	uint64_t wait_ms = MIN((uint64_t)FIRST_MS, k->g->config->gc_every_ms), walked_s = 0;
	while (!atomic_load(&k->stop)) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		uint64_t ns = (uint64_t)until.tv_nsec + wait_ms % 1000 * 1000000;
		until.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
		until.tv_nsec = (long)(ns % 1000000000);
		pthread_mutex_lock(&k->lock);
		while (!atomic_load(&k->stop) && pthread_cond_timedwait(&k->wake, &k->lock, &until) != ETIMEDOUT)
			;
		pthread_mutex_unlock(&k->lock);
		if (!atomic_load(&k->stop))
			wait_ms = collect(k, &walked_s);
	}
	return NULL;
}

enum err_code keep_open(struct gateway *g, struct err *e)
{
	struct keeping *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;
	if (!k)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	k->g = g;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&k->thread, NULL, collector, k)) {
		free(k);
		return err_set(e, ERR_NOMEM, errno, "start a thread");
	}
	g->keeping = k;
	return OK;
}

void keep_close(struct gateway *g)
{
	struct keeping *k = g->keeping;
	if (!k)
		return;
	atomic_store(&k->stop, true);
	pthread_mutex_lock(&k->lock);
	pthread_cond_broadcast(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
	g->keeping = NULL;
}
