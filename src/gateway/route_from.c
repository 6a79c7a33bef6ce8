/* Where a request comes from, and whether it means us: hosts, pages of other sites, proxies (GATE.md 17, 18). */
#include <arpa/inet.h>
#include <stdio.h>
#include "inside.h"
#include "route.h"

enum { MOST_HOSTS = 64 };

/* --- Which hosts it answers to ------------------------------------------------------------------------------------------------ */

static struct slice without_port(struct slice host)
{
	ptrdiff_t colon = slice_rfind_byte(host, ':');
	bool v6 = host.n && host.p[0] == '[';
	ptrdiff_t close = slice_rfind_byte(host, ']');
	if (colon < 0 || (v6 && colon < close))
		return host;
	return slice_upto(host, (size_t)colon);
}

static void add_host(struct gateway *g, struct slice host)
{
	if (g->n_hosts < MOST_HOSTS && host.n)
		g->hosts[g->n_hosts++] = host;
}

enum err_code route_open(struct gateway *g, struct err *e)
{
	struct slice url = g->config->public_url;
	ptrdiff_t at = slice_find(url, SL("://"));
	g->hosts = arena_calloc(&g->arena, MOST_HOSTS, sizeof(*g->hosts));
	if (!g->hosts)
		return arena_ok(&g->arena, "the list of hosts", e);
	add_host(g, SL("localhost"));
	if (at >= 0) {
		struct slice rest = slice_from(url, (size_t)at + 3);
		ptrdiff_t slash = slice_find_byte(rest, '/');
		add_host(g, without_port(slash < 0 ? rest : slice_upto(rest, (size_t)slash)));
	}
	for (size_t i = 0; i < g->config->n_listens; i++)
		add_host(g, without_port(g->config->listens[i].address));
	return OK;
}

static bool is_address(struct slice host)
{
	char text[64];
	uint8_t raw[16];
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_sub(host, 1, host.n - 2);
	if (!host.n || host.n >= sizeof(text))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

/* A page of an attacker whose name was rebound to this address would say its own name. Addresses cannot be rebound. */
bool route_host_is_ours(struct gateway *g, struct slice host)
{
	struct slice name = without_port(host);
	for (size_t i = 0; i < g->n_hosts; i++)
		if (slice_eq_nocase(name, g->hosts[i]))
			return true;
	return is_address(name);
}

static bool is_change(struct slice method) { return !slice_eqs(method, "GET") && !slice_eqs(method, "HEAD") && !slice_eqs(method, "OPTIONS"); }

bool route_is_foreign_page(struct call *c)
{
	struct slice origin = http_header(c->r, "Origin"), site = http_header(c->r, "Sec-Fetch-Site");
	if (!is_change(http_method(c->r)))
		return false;
	if (slice_eqs(site, "cross-site") || slice_eqs(site, "same-site"))
		return true;
	if (!origin.p)
		return false;
	ptrdiff_t at = slice_find(origin, SL("://"));
	return at < 0 || !slice_eq(slice_from(origin, (size_t)at + 3), http_header(c->r, "Host"));
}

/* --- Where from (GATE.md 18) --- */

static bool read_address(struct slice text, struct sockaddr_storage *ret)
{
	char host[64];
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (!text.n || text.n >= sizeof(host))
		return false;
	memcpy(host, text.p, text.n);
	host[text.n] = '\0';
	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		memcpy(ret, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		memcpy(ret, &v6, sizeof(v6));
	else
		return false;
	return true;
}

/* Behind a proxy that is trusted: the nearest address in X-Forwarded-For that is no such proxy. Whoever else sends that header is not believed. */
void route_find_peer(struct call *c)
{
	const struct slice_items *trusted = &c->g->config->trusted_proxies;
	const struct sockaddr *peer = http_peer(c->r);
	size_t size = !peer ? 0 : peer->sa_family == AF_INET ? sizeof(struct sockaddr_in) : peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(sa_family_t);
	if (size)
		memcpy(&c->peer, peer, size);
	if (!trusted->n || http_header_count(c->r, "X-Forwarded-For") != 1)
		return;
	struct slice rest = http_header(c->r, "X-Forwarded-For");
	for (int hops = 0; hops < 16 && rest.n && access_address_in(trusted->items, trusted->n, (struct sockaddr *)&c->peer); hops++) {
		ptrdiff_t comma = slice_rfind_byte(rest, ',');
		struct sockaddr_storage next;
		if (!read_address(slice_trim(slice_from(rest, (size_t)(comma + 1))), &next))
			return;
		c->peer = next;
		rest = slice_upto(rest, comma < 0 ? 0 : (size_t)comma);
	}
}

char *call_peer_text(const struct call *c, char dst[64])
{
	const struct sockaddr_in *v4 = (const void *)&c->peer;
	const struct sockaddr_in6 *v6 = (const void *)&c->peer;
	const void *address = c->peer.ss_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
	if ((c->peer.ss_family != AF_INET && c->peer.ss_family != AF_INET6) || !inet_ntop(c->peer.ss_family, address, dst, 64))
		snprintf(dst, 64, "unix");
	return dst;
}
