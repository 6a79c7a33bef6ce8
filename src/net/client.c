#include <stdlib.h>
#include "transfer.h"

static const char *copy(struct arena *a, const char *s) { return s ? arena_strdup(a, s) : NULL; }

enum err_code net_client_open(const struct net_options *o, struct net_client **ret, struct err *e)
{
	struct net_client *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, 0, "open the network");
	c->arena = ARENA(256 * KIB);
	c->o = *o;
	c->o.user_agent = copy(&c->arena, o->user_agent);
	c->o.ca_file = copy(&c->arena, o->ca_file);
	c->o.client_cert = copy(&c->arena, o->client_cert);
	c->o.client_key = copy(&c->arena, o->client_key);
	c->o.proxy = copy(&c->arena, o->proxy);
	if (o->farthest) {
		enum net_reach *r = arena_new(&c->arena, enum net_reach);
		if (r)
			*r = *o->farthest;
		c->o.farthest = r;
	}
	c->o.unix_socket = copy(&c->arena, o->unix_socket);
	c->o.timeout_ms = o->timeout_ms ? o->timeout_ms : 60000;
	c->o.retries = o->retries ? o->retries : 4;
	enum err_code rc = arena_ok(&c->arena, "open the network", e);
	if (!rc)
		rc = curl_lib_load(&c->lib, e);
	if (rc) {
		arena_free(&c->arena);
		free(c);
		return rc;
	}
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return OK;
}

static void conn_free(struct net_client *c, struct conn *conn)
{
	if (conn->easy)
		c->lib.easy_cleanup(conn->easy);
	if (conn->multi)
		c->lib.multi_cleanup(conn->multi);
	*conn = (struct conn){ 0 };
}

void net_client_close(struct net_client *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n_idle; i++)
		conn_free(c, &c->idle[i]);
	pthread_mutex_destroy(&c->lock);
	arena_free(&c->arena);
	free(c);
}

enum err_code client_take(struct net_client *c, struct conn *ret, struct err *e)
{
	struct conn conn = { 0 };
	pthread_mutex_lock(&c->lock);
	if (c->n_idle)
		conn = c->idle[--c->n_idle];
	pthread_mutex_unlock(&c->lock);
	if (!conn.multi) {
		conn.easy = c->lib.easy_init();
		conn.multi = c->lib.multi_init();
	}
	if (!conn.easy || !conn.multi) {
		conn_free(c, &conn);
		return err_set(e, ERR_NOMEM, 0, "open a connection");
	}
	*ret = conn;
	return OK;
}

void client_give(struct net_client *c, struct conn *conn, bool reusable)
{
	if (reusable)
		c->lib.easy_reset(conn->easy);
	pthread_mutex_lock(&c->lock);
	if (reusable && c->n_idle < NET_MAX_IDLE) {
		c->idle[c->n_idle++] = *conn;
		*conn = (struct conn){ 0 };
	}
	pthread_mutex_unlock(&c->lock);
	conn_free(c, conn);
}
