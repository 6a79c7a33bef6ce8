#include <arpa/inet.h>
#include <stdio.h>
#include "proxy.h"

static const char *either(proxy_env_fn *env, const char *lower, const char *upper)
{
	const char *v = env(lower);
	if (!v || !*v)
		v = upper ? env(upper) : NULL;
	return v && *v ? v : NULL;
}

/* "10.0.0.0/8" */
static bool in_network(struct slice host, struct slice pattern)
{
	char text[64];
	struct in_addr a, net;
	uint64_t bits;
	ptrdiff_t slash = slice_find_byte(pattern, '/');
	if (slash < 0 || host.n >= sizeof(text) || slash >= (ptrdiff_t)sizeof(text) || !slice_to_u64(slice_from(pattern,
			(size_t)slash + 1), &bits) ||
	    bits > 32)
		return false;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(host));
	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)slash, (const char *)pattern.p);
	if (inet_pton(AF_INET, text, &net) != 1)
		return false;
	return !bits || (ntohl(a.s_addr) ^ ntohl(net.s_addr)) >> (32 - bits) == 0;
}

static bool exempt(const struct url *u, struct slice list)
{
	struct slice piece, host = u->host;
	if (host.n > 2 && host.p[0] == '[')
		host = slice_sub(host, 1, host.n - 2);
	for (size_t i = 0, start = 0; i <= list.n; i++) {
		if (i < list.n && list.p[i] != ',' && list.p[i] != ' ')
			continue;
		piece = slice_trim(slice_sub(list, start, i - start));
		start = i + 1;
		if (slice_eqs(piece, "*") || (piece.n && in_network(host, piece)))
			return true;
		if (piece.n && piece.p[0] == '.')
			piece = slice_from(piece, 1);
		if (!piece.n || piece.n > host.n || !slice_eq_nocase(slice_from(host, host.n - piece.n), piece))
			continue;
		if (piece.n == host.n || host.p[host.n - piece.n - 1] == '.')
			return true;
	}
	return false;
}

const char *proxy_for(const struct url *u, proxy_env_fn *env)
{
	/* HTTP_PROXY is not read: a CGI's client sets it by a header. */
	const char *proxy = u->https ? either(env, "https_proxy", "HTTPS_PROXY") : either(env, "http_proxy", NULL);
	const char *no = either(env, "no_proxy", "NO_PROXY");
	if (!proxy)
		proxy = either(env, "all_proxy", "ALL_PROXY");
	return !proxy || (no && exempt(u, slice_str(no))) ? "" : proxy;
}
