/* Sends events to webhooks: leased, so that one of many nodes sends each; signed; again with growing pauses; at last a dead letter. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "codec.h"
#include "events.h"
#include "net.h"
#include "os.h"

enum { THREADS = 2, LEASE_MS = 60000, TIMEOUT_MS = 10000, POLL_MS = 1000, DROP_EVERY_MS = 600000, MOST_ATTEMPTS = 12 };
static const uint64_t keep_ms = 30ULL * 86400 * 1000;

struct events {
	struct gateway *g;
	struct net_client *net;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stop, again;
	unsigned started;
	pthread_t threads[THREADS];
};

/* HMAC-SHA256, RFC 2104. */
static void hmac(struct slice key, struct slice a, struct slice b, uint8_t out[32])
{
	uint8_t pad[64] = { 0 }, inner[32] = { 0 };
	AUTO_DIGEST d = NULL;
	struct err e;
	memset(out, 0, 32);
	if (digest_open(DIGEST_SHA256, &d, &e) != OK)
		return;
	if (key.n > sizeof(pad))
		digest_of(DIGEST_SHA256, key, pad);
	else if (key.n)
		memcpy(pad, key.p, key.n);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	digest_update(d, slice_of(pad, sizeof(pad)));
	digest_update(d, a);
	digest_update(d, b);
	digest_final(d, inner);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	digest_update(d, slice_of(pad, sizeof(pad)));
	digest_update(d, slice_of(inner, sizeof(inner)));
	digest_final(d, out);
	explicit_bzero(pad, sizeof(pad));
}

void events_sign(struct slice secret, uint64_t now_s, struct slice body, struct buf *out)
{
	char time[32], hex[65];
	uint8_t h[32];
	snprintf(time, sizeof(time), "%llu.", (unsigned long long)now_s);
	hmac(secret, slice_str(time), body, h);
	hex_encode(hex, h, sizeof(h));
	buf_printf(out, "t=%llu,v1=%s", (unsigned long long)now_s, hex);
}

/* --- One delivery ------------------------------------------------------------------------------------------------------ */

struct signing { struct slice secret, body; const struct store_delivery *d; };

static void sign(void *arg, net_header_add *add, void *to)
{
	const struct signing *s = arg;
	AUTO_BUF value = BUF(KIB);
	char id[24];
	events_sign(s->secret, store_now_ms() / 1000, s->body, &value);
	snprintf(id, sizeof(id), "%lld", (long long)s->d->id);
	add(to, "X-Pabean-Signature", buf_cstr(&value));
	add(to, "X-Pabean-Delivery", id);
}

static const struct config_webhook *webhook_of(const struct gateway_config *c, struct slice url)
{
	for (size_t i = 0; i < c->n_webhooks; i++)
		if (slice_eq(c->webhooks[i].url, url))
			return &c->webhooks[i];
	return NULL;
}

static enum err_code post(struct events *v, const struct store_delivery *d, struct arena *a, struct err *e)
{
	const struct config_webhook *w = webhook_of(v->g->config, d->url);
	AUTO_BUF secret = BUF(64 * KIB);
	AUTO_BUF body = BUF(4 * MIB);
	AUTO_BUF answer = BUF(64 * KIB);
	struct signing s = { .d = d };
	int status = 0;
	if (!w)
		return err_set(e, ERR_USAGE, 0, "the configuration does not name this webhook any more");
	TRY(os_read_file(arena_slice_cstr(a, w->secret_file), &secret, e));
	s.secret = slice_trim(buf_slice(&secret));
	if (s.secret.n < 16)
		return err_set(e, ERR_USAGE, 0, "the key in secret_file has fewer than 16 characters");
	event_json(v->g->config, &d->event, &body);
	TRY(buf_ok(&body, "an event", e));
	s.body = buf_slice(&body);
	struct net_request q = {
		.method = "POST", .url = arena_slice_cstr(a, d->url), .content_type = "application/cloudevents+json; charset=utf-8", .body = s.body, .no_redirect = true,
		.once = true, .whole_ms = TIMEOUT_MS, .sign = sign, .sign_arg = &s,
	};
	TRY(arena_ok(a, "a delivery", e));
	enum err_code code = net_fetch(v->net, &q, &answer, &status, e);
	if (code != OK && code != ERR_LIMIT)
		return code;
	return status >= 200 && status < 300 ? OK : err_set(e, ERR_NET, 0, "it answered %d", status);
}

struct outcome { const struct store_delivery *d; bool sent; struct slice error; uint64_t retry_ms; };

static enum err_code record(struct sql_tx *tx, void *arg, struct err *e)
{
	const struct outcome *o = arg;
	return o->sent ? store_delivery_sent(tx, o->d->id, e) : store_delivery_failed(tx, o->d->id, o->d->url, o->error, o->retry_ms, e);
}

/* 1 s, 4 s, 16 s, … an hour: five hours and a half in all. */
static uint64_t pause_ms(unsigned attempts)
{
	if (attempts >= MOST_ATTEMPTS)
		return UINT64_MAX;
	return MIN((uint64_t)1000 << (2 * MIN(attempts - 1, 10u)), (uint64_t)3600000);
}

static void deliver(struct events *v, const struct store_delivery *d, struct arena *a)
{
	struct err e = { 0 }, other;
	struct outcome o = { .d = d, .sent = post(v, d, a, &e) == OK };
	char url[128];
	if (!o.sent) {
		o.error = slice_str(e.msg);
		o.retry_ms = pause_ms(d->attempts);
		gateway_log(v->g, LOG_WARN, o.retry_ms == UINT64_MAX ? "a webhook was given up: dead letter" : "a webhook failed", "zzzizzzi", "url",
			    text_escape_to(url, sizeof(url), d->url), "event", d->event.seq, "error", e.msg, "attempts", (int64_t)d->attempts);
	}
	if (sql_write(v->g->store.sql, record, &o, &other) != OK)
		gateway_log(v->g, LOG_ERROR, "the outcome of a webhook was not kept: it will be sent again", "zz", "error", other.msg);
}

/* --- Threads ----------------------------------------------------------------------------------------------------------- */

struct lease { struct events *v; struct arena *a; struct arena_mark mark; struct store_delivery *d; };

static enum err_code take(struct sql_tx *tx, void *arg, struct err *e)
{
	struct lease *l = arg;
	arena_rewind(l->a, l->mark);
	return store_delivery_lease(tx, l->v->g->node, LEASE_MS, l->a, l->d, e);
}

static enum err_code is_due(struct sql_tx *tx, void *arg, struct err *e)
{
	int64_t now = (int64_t)store_now_ms();
	return sql_one_int(tx, arg, e, "SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 0 AND next_ms <= ?1 AND lease_until_ms < ?1 LIMIT 1) AS d", "i", now);
}

static enum err_code drop(struct sql_tx *tx, void *arg, struct err *e)
{
	return store_events_drop(tx, *(uint64_t *)arg, e);
}

static void drop_old(struct events *v)
{
	uint64_t before = store_now_ms() - keep_ms;
	struct err e;
	if (sql_write(v->g->store.sql, drop, &before, &e) != OK)
		gateway_log(v->g, LOG_WARN, "old events were not dropped", "zz", "error", e.msg);
}

/* One delivery, if there is one. Asking first costs no write where nothing is due. */
static bool one(struct events *v)
{
	AUTO_ARENA a = ARENA(8 * MIB);
	struct store_delivery d = { 0 };
	struct lease l = { v, &a, arena_mark(&a), &d };
	int64_t due = 0;
	struct err e;
	if (sql_read(v->g->store.sql, is_due, &due, &e) != OK || !due || sql_write(v->g->store.sql, take, &l, &e) != OK)
		return false;
	deliver(v, &d, &a);
	return true;
}

static bool stopped(struct events *v)
{
	pthread_mutex_lock(&v->lock);
	bool stop = v->stop;
	pthread_mutex_unlock(&v->lock);
	return stop;
}

static void rest(struct events *v)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += POLL_MS / 1000;
	pthread_mutex_lock(&v->lock);
	while (!v->stop && !v->again && pthread_cond_timedwait(&v->more, &v->lock, &until) == 0)
		;
	v->again = false;
	pthread_mutex_unlock(&v->lock);
}

static void *run(void *arg)
{
	struct events *v = arg;
	uint64_t dropped = os_monotonic_ns();
	while (!stopped(v)) {
		if (pthread_equal(pthread_self(), v->threads[0]) && os_monotonic_ns() - dropped > DROP_EVERY_MS * 1000000ULL) {
			drop_old(v);
			dropped = os_monotonic_ns();
		}
		if (!v->g->config->n_webhooks || !one(v))
			rest(v);
	}
	return NULL;
}

enum err_code events_open(struct gateway *g, struct err *e)
{
	struct net_options o = { .user_agent = "pabean-webhook", .timeout_ms = TIMEOUT_MS, .retries = 1, .keep_on_signal = true };
	struct events *v = calloc(1, sizeof(*v));
	pthread_condattr_t attr;
	unsigned threads = g->config->n_webhooks ? THREADS : 1;
	if (!v)
		return err_set(e, ERR_NOMEM, 0, "memory for events");
	v->g = g;
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->more, &attr);
	pthread_condattr_destroy(&attr);
	g->events = v;
	enum err_code code = g->config->n_webhooks ? net_client_open(&o, &v->net, e) : OK;
	pthread_mutex_lock(&v->lock);	/* a thread looks at `threads` only once all are there */
	for (; code == OK && v->started < threads; v->started++) {
		int error = pthread_create(&v->threads[v->started], NULL, run, v);
		if (error) {
			code = err_set(e, ERR_IO, error, "start a thread for events");
			break;
		}
	}
	pthread_mutex_unlock(&v->lock);
	if (code != OK)
		events_close(g);
	return code;
}

void events_close(struct gateway *g)
{
	struct events *v = g->events;
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_broadcast(&v->more);
	pthread_mutex_unlock(&v->lock);
	for (unsigned i = 0; i < v->started; i++)
		pthread_join(v->threads[i], NULL);
	net_client_close(v->net);
	pthread_cond_destroy(&v->more);
	pthread_mutex_destroy(&v->lock);
	free(v);
	g->events = NULL;
}

void events_changed(struct gateway *g)
{
	struct events *v = g->events;
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->again = true;
	pthread_cond_broadcast(&v->more);
	pthread_mutex_unlock(&v->lock);
}
