/* Connections to upstreams: one each, made when first used. */
#include <stdlib.h>
#include "upstream_inside.h"

enum err_code upstreams_open(struct gateway *g, struct err *e)
{
	struct upstreams *us = calloc(1, sizeof(*us));
	pthread_condattr_t attr;
	if (!us)
		return err_set(e, ERR_NOMEM, 0, "open the upstreams");
	pthread_mutex_init(&us->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&us->changed, &attr);
	pthread_condattr_destroy(&attr);
	g->upstreams = us;
	return OK;
}

static void one_free(struct upstream_one *o)
{
	if (!o)
		return;
	oci_registry_close(o->registry);
	pthread_cond_destroy(&o->freed);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void upstreams_close(struct gateway *g)
{
	struct upstreams *us = g->upstreams;
	if (!us)
		return;
	for (size_t i = 0; i < us->n; i++)
		one_free(us->ones[i]);
	for (size_t i = 0; i < UPSTREAM_MISSES; i++)
		free(us->misses[i]);
	pthread_cond_destroy(&us->changed);
	pthread_mutex_destroy(&us->lock);
	free(us);
	g->upstreams = NULL;
}

void upstreams_reload(struct gateway *g)
{
	struct upstreams *us = g->upstreams;
	size_t n = 0;
	pthread_mutex_lock(&us->lock);
	for (size_t i = 0; i < us->n; i++) {
		struct upstream_one *o = us->ones[i];
		pthread_mutex_lock(&o->lock);
		bool gone = o->old && !o->running;	/* of the configuration before the last: no call can still mean it */
		o->old = true;
		pthread_mutex_unlock(&o->lock);
		if (gone)
			one_free(o);
		else
			us->ones[n++] = o;
	}
	us->n = n;
	for (size_t i = 0; i < UPSTREAM_MISSES; i++)
		if (us->misses[i])
			us->misses[i]->key[0] = 0;
	pthread_mutex_unlock(&us->lock);
}

void upstreams_count(struct gateway *g, struct upstream_counts *ret)
{
	struct upstreams *us = g->upstreams;
	*ret = (struct upstream_counts){ 0 };
	if (!us)
		return;
	pthread_mutex_lock(&us->lock);
	ret->waiting = us->waiting;
	pthread_mutex_unlock(&us->lock);
	ret->requests = atomic_load(&us->requests);
	ret->errors = atomic_load(&us->errors);
	ret->limited = atomic_load(&us->limited);
	ret->fetched = atomic_load(&us->fetched);
	ret->blobs = atomic_load(&us->blobs);
}

struct upstream_place upstream_place_of(const struct call *c)
{
	return (struct upstream_place){ .g = c->g, .u = c->upstream, .repository = c->repository, .name = c->upstream_name, .account = slice_str(c->who.name) };
}

uint64_t upstream_timeout_ms(const struct config_upstream *u) { return u->timeout_ms ? u->timeout_ms : 30000; }

/* --- Connecting ------------------------------------------------------------------------------------------------------------ */

/* How far an upstream may lead. Its own address, when the configuration writes one; loopback and private networks when it is marked insecure or has a CA of
 * its own, so is nobody else's; a public one otherwise, whatever its name resolves to. */
static enum net_reach farthest(const struct config_upstream *u)
{
	enum net_reach r = u->insecure || u->ca_file.n ? NET_REACH_LOOPBACK : NET_REACH_PUBLIC, literal;
	char url[600], origin[300];
	snprintf(url, sizeof(url), "%.*s", SLICE_ARG(u->url));
	if (net_url_reach(net_url_origin(url, origin, sizeof(origin)), &literal))
		r = MAX(r, literal);
	return r;
}

static const char *path(struct slice s, struct arena *a) { return s.n ? arena_slice_cstr(a, s) : NULL; }

static enum err_code connect_one(struct gateway *g, const struct config_upstream *u, struct upstream_one *o, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * KIB);
	AUTO_BUF password = BUF(8 * KIB);
	enum net_reach far = farthest(u);
	struct oci_registry_options r = { .url = path(u->url, &a), .name = u->name, .user = u->username, .plain_fine = u->insecure };
	char agent[80];
	snprintf(agent, sizeof(agent), "pabean/%.60s", g->run && g->run->version ? g->run->version : "");
	r.net = (struct net_options){ .user_agent = g->run && g->run->version ? agent : NULL, .insecure = u->insecure, .ca_file = path(u->ca_file, &a),
		.client_cert = path(u->client_cert, &a), .client_key = path(u->client_key, &a), .proxy = path(u->proxy, &a), .farthest = &far,
		.timeout_ms = upstream_timeout_ms(u) };
	if (u->password_file.n) {
		if (os_read_file(path(u->password_file, &a), &password, e))
			return err_prefix(e, "the password of upstream %.*s", SLICE_ARG(u->name));
		r.password = slice_trim(buf_slice(&password));
	}
	TRY(arena_ok(&a, "connect to an upstream", e));
	TRY(oci_registry_open(&r, &o->registry, e));
	if (password.p)
		explicit_bzero(password.p, password.cap);
	return OK;
}

static enum err_code one_make(struct gateway *g, const struct config_upstream *u, struct upstream_one **ret, struct err *e)
{
	struct upstream_one *o = calloc(1, sizeof(*o));
	pthread_condattr_t attr;
	if (!o)
		return err_set(e, ERR_NOMEM, 0, "connect to an upstream");
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->freed, &attr);
	pthread_condattr_destroy(&attr);
	o->u = u;
	o->requests_s = u->requests_s;
	o->max_fetches = u->max_fetches;
	o->budget = u->requests_s;
	o->filled_ns = os_monotonic_ns();
	snprintf(o->name, sizeof(o->name), "%.*s", SLICE_ARG(u->name));
	enum err_code rc = connect_one(g, u, o, e);
	if (rc)
		one_free(o);
	else
		*ret = o;
	return rc;
}

enum err_code upstream_one_get(struct gateway *g, const struct config_upstream *u, struct upstream_one **ret, struct err *e)
{
	struct upstreams *us = g->upstreams;
	struct upstream_one *o = NULL;
	enum err_code rc = OK;
	if (!us)
		return err_set(e, ERR_INTERNAL, 0, "the upstreams are not open");
	pthread_mutex_lock(&us->lock);
	for (size_t i = 0; i < us->n && !o; i++)
		if (us->ones[i]->u == u && !us->ones[i]->old)
			o = us->ones[i];
	if (!o && us->n == UPSTREAM_MOST)
		rc = err_set(e, ERR_LIMIT, 0, "more than %d upstreams", UPSTREAM_MOST);
	else if (!o && !(rc = one_make(g, u, &o, e)))
		us->ones[us->n++] = o;
	pthread_mutex_unlock(&us->lock);
	if (!rc)
		*ret = o;
	return rc;
}
