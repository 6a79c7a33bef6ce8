#include <arpa/inet.h>
#include <stdio.h>
#include "address.h"
#include "url.h"

static enum err_code bad(struct slice text, const char *why, struct err *e)
{
	char shown[160];
	return err_set(e, ERR_NET, 0, "'%s' is no URL that can be used: %s", text_escape_to(shown, sizeof(shown), text), why);
}

static bool host_valid(struct slice h)
{
	char v6[48];
	uint8_t a[16];
	if (h.n > 2 && h.p[0] == '[') {
		if (h.p[h.n - 1] != ']' || h.n - 2 >= sizeof(v6))
			return false;
		snprintf(v6, sizeof(v6), "%.*s", (int)(h.n - 2), (const char *)h.p + 1);
		return inet_pton(AF_INET6, v6, a) == 1;
	}
	for (size_t i = 0; i < h.n; i++) {
		uint8_t c = h.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
			return false;
	}
	if (!h.n || h.n > 253)
		return false;
	/* A last label that starts with a digit must belong to a.b.c.d: 127.1, 0x7f000001 and 017700000001 are addresses, too. */
	struct slice t = h.p[h.n - 1] == '.' ? slice_upto(h, h.n - 1) : h;
	ptrdiff_t dot = slice_rfind_byte(t, '.');
	struct slice last = slice_from(t, (size_t)(dot + 1));
	if (!last.n || !(last.p[0] >= '0' && last.p[0] <= '9'))
		return last.n > 0;
	snprintf(v6, sizeof(v6), "%.*s", (int)MIN(t.n, sizeof(v6) - 1), (const char *)t.p);
	return t.n < 16 && inet_pton(AF_INET, v6, a) == 1;
}

static bool split_port(struct slice authority, struct url *u)
{
	ptrdiff_t end = authority.n && authority.p[0] == '[' ? slice_find_byte(authority, ']') : 0;
	ptrdiff_t colon = slice_find_byte(slice_from(authority, (size_t)MAX(end, (ptrdiff_t)0)), ':');
	uint64_t port;
	u->host = authority;
	if (end < 0)
		return false;
	if (colon < 0)
		return true;
	u->host = slice_upto(authority, (size_t)(end + colon));
	struct slice digits = slice_from(authority, (size_t)(end + colon) + 1);
	if (digits.n > 5 || !slice_to_u64(digits, &port) || !port || port > 65535)
		return false;
	u->port = (uint16_t)port;
	return true;
}

enum err_code url_parse(struct slice text, struct url *ret, struct err *e)
{
	struct url u = { 0 };
	size_t i;
	if (text.n > 16 << 10)
		return bad(text, "it is longer than 16 KiB", e);
	for (i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '\\')
			return bad(text, "it has a character that must be escaped", e);
	u.https = text.n >= 8 && slice_eq_nocase(slice_upto(text, 8), SL("https://"));
	if (!u.https && !(text.n >= 7 && slice_eq_nocase(slice_upto(text, 7), SL("http://"))))
		return bad(text, "only http and https are known", e);
	u.port = u.https ? 443 : 80;
	struct slice after = slice_from(text, u.https ? 8 : 7);
	for (i = 0; i < after.n && !strchr("/?#", after.p[i]); i++)
		;
	struct slice authority = slice_upto(after, i);
	u.rest = slice_from(after, i);
	ptrdiff_t hash = slice_find_byte(u.rest, '#');
	if (hash >= 0)
		u.rest = slice_upto(u.rest, (size_t)hash);
	if (slice_find_byte(authority, '@') >= 0)
		return bad(SL("(hidden)"), "it carries a user name or password", e);
	if (!split_port(authority, &u) || !host_valid(u.host))
		return bad(text, "its host is not valid", e);
	*ret = u;
	return OK;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && slice_eq_nocase(a->host, b->host);
}

bool net_url_same_origin(const char *a, const char *b)
{
	struct url ua, ub;
	struct err e = { 0 };
	return url_parse(slice_str(a), &ua, &e) == OK && url_parse(slice_str(b), &ub, &e) == OK && url_same_origin(&ua, &ub);
}

char *net_url_origin(const char *url, char *dst, size_t cap)
{
	struct url u;
	struct err e = { 0 };
	if (url_parse(slice_str(url), &u, &e))
		return text_escape_to(dst, cap, slice_str(url));
	snprintf(dst, cap, "%s://%.*s", u.https ? "https" : "http", SLICE_ARG(u.host));
	size_t n = strlen(dst);
	if (u.port != (u.https ? 443 : 80))
		snprintf(dst + n, cap - n, ":%u", u.port);
	return dst;
}

static void put_origin(struct buf *out, const struct url *u)
{
	buf_printf(out, "%s://%.*s", u->https ? "https" : "http", SLICE_ARG(u->host));
	if (u->port != (u->https ? 443 : 80))
		buf_printf(out, ":%u", u->port);
}

static bool has_scheme(struct slice s)
{
	size_t i = 0;
	while (i < s.n && ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z'))
		i++;
	return i && i < s.n && s.p[i] == ':';
}

enum err_code net_url_join(const char *base, const char *ref, struct buf *out, struct err *e)
{
	struct url b, checked;
	struct slice r = slice_trim(slice_str(ref));
	TRY(url_parse(slice_str(base), &b, e));
	ptrdiff_t query = slice_find_byte(b.rest, '?');
	struct slice path = query < 0 ? b.rest : slice_upto(b.rest, (size_t)query);
	buf_clear(out);
	if (has_scheme(r)) {
		buf_put_slice(out, r);
	} else if (slice_has_prefix(r, SL("//"))) {
		buf_puts(out, b.https ? "https:" : "http:");
		buf_put_slice(out, r);
	} else {
		put_origin(out, &b);
		if (!r.n)
			buf_put_slice(out, b.rest);
		else if (r.p[0] == '?')
			buf_put_slice(out, path);
		else if (r.p[0] != '/') {
			ptrdiff_t slash = slice_rfind_byte(path, '/');
			buf_put_slice(out, slash < 0 ? SL("/") : slice_upto(path, (size_t)slash + 1));
		}
		buf_put_slice(out, r);
	}
	TRY(buf_ok(out, "a URL", e));
	return url_parse(buf_slice(out), &checked, e);
}

void net_url_escape(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
			buf_putc(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

bool net_url_reach(const char *url, enum net_reach *ret)
{
	struct url u;
	struct err ignored = { 0 };
	return !url_parse(slice_str(url), &u, &ignored) && net_host_reach(u.host, ret);
}
