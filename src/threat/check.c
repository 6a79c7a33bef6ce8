#include "view.h"

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(uint8_t c) { return (uint8_t)((c | 0x20) - 'a') < 26; }
static bool is_host_char(uint8_t c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; }

size_t ipv4_length(struct slice s)
{
	size_t i = 0;
	for (unsigned part = 0; part < 4; part++) {
		unsigned v = 0, digits = 0;
		if (part && (i >= s.n || s.p[i++] != '.'))
			return 0;
		for (; i < s.n && is_digit(s.p[i]) && digits < 4; digits++)
			v = v * 10 + (s.p[i++] - '0');
		if (!digits || digits > 3 || v > 255)
			return 0;
	}
	/* "1.2.3.4.5" and "1.2.3.4a" are versions */
	bool more = i < s.n && (is_letter(s.p[i]) || is_digit(s.p[i]) || s.p[i] == '-' || s.p[i] == '_' ||
				(s.p[i] == '.' && i + 1 < s.n && (is_digit(s.p[i + 1]) || is_letter(s.p[i + 1]))));
	return more ? 0 : i;
}

bool is_public_ipv4(struct slice s)
{
	unsigned v[4] = { 0 };
	size_t n = ipv4_length(s);
	if (!n)
		return false;
	for (size_t i = 0, part = 0; i < n; i++)
		if (s.p[i] == '.')
			part++;
		else
			v[part] = v[part] * 10 + (s.p[i] - '0');
	return v[0] != 0 && v[0] != 10 && v[0] != 127 && v[0] < 224 && !(v[0] == 172 && v[1] >= 16 && v[1] < 32) &&
	       !(v[0] == 192 && v[1] == 168) && !(v[0] == 169 && v[1] == 254) && !(v[0] == 100 && v[1] >= 64 && v[1] < 128);
}

size_t host_length(struct slice s)
{
	size_t n = 0, last = 0;
	while (n < s.n && n < 254 && is_host_char(s.p[n])) {
		if (s.p[n] == '.') {
			if (n == last && n)
				return 0;	/* an empty label */
			last = n + 1;
		}
		n++;
	}
	if (n && s.p[n - 1] == '.')	/* a sentence's or a root's dot */
		n--;
	ptrdiff_t dot = slice_rfind_byte(slice_upto(s, n), '.');
	if (dot <= 0 || n - (size_t)dot < 3 || s.p[0] == '-')
		return 0;
	for (size_t i = (size_t)dot + 1; i < n; i++)
		if (!is_letter(s.p[i]) && !(n - (size_t)dot > 4 && (is_digit(s.p[i]) || s.p[i] == '-')))
			return 0;
	return n;
}

static bool is_placeholder(struct slice host)
{
	static const char *const no[] = { "example.com", "example.org", "example.net", "localhost", "your-pool.com", "yourpool.com", "host.com",
		".invalid", ".example" };
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (slice_has_suffix(host, slice_str(no[i])))
			return true;
	return false;
}

/* scheme://[user[:password]@]host[:port] with a host that is one, or a variable that a script fills in. */
static bool check_stratum(struct slice window, size_t end, struct slice *ret_subject)
{
	struct slice rest = slice_from(window, end), authority = rest;
	size_t n = 0;
	while (n < rest.n && rest.p[n] > ' ' && !strchr("/\"'<>|;,\\`", rest.p[n]) && rest.p[n] < 0x7f)
		n++;
	authority = slice_upto(rest, n);
	ptrdiff_t at = slice_rfind_byte(authority, '@');
	if (at >= 0)
		authority = slice_from(authority, (size_t)at + 1);
	size_t host = ipv4_length(authority);
	if (!host)
		host = host_length(authority);
	if (!host)
		return authority.n > 2 && authority.p[0] == '$' && (is_letter(authority.p[1]) || authority.p[1] == '{' || authority.p[1] == '_');
	if (is_placeholder(slice_upto(authority, host)))
		return false;
	*ret_subject = authority;
	return true;
}

static bool check_public_ip(struct slice window, struct slice *ret_subject)
{
	for (ptrdiff_t at; (at = slice_find(window, SL("://"))) >= 0;) {
		window = slice_from(window, (size_t)at + 3);
		if (!is_public_ipv4(window))
			continue;
		*ret_subject = slice_upto(window, ipv4_length(window));
		return true;
	}
	return false;
}

/* A pool's name with nothing around it that would make it another name. */
static bool check_pool(struct slice window, size_t end, struct slice *ret_subject)
{
	size_t from = MIN(end, window.n), to = from;
	if (to < window.n && (is_letter(window.p[to]) || is_digit(window.p[to]) || window.p[to] == '-' ||
			      (window.p[to] == '.' && to + 1 < window.n && is_letter(window.p[to + 1]))))
		return false;
	while (from && is_host_char(window.p[from - 1]))
		from--;
	while (to < window.n && to - end < 6 && (is_digit(window.p[to]) || (to == end && window.p[to] == ':')))
		to++;
	*ret_subject = slice_sub(window, from, to - from);
	return from < end;
}

bool check_hit(enum threat_check check, struct slice window, size_t end, struct slice *ret_subject)
{
	*ret_subject = SLICE_NULL;
	switch (check) {
	case CHECK_STRATUM: return check_stratum(window, end, ret_subject);
	case CHECK_PUBLIC_IP: return check_public_ip(window, ret_subject);
	case CHECK_POOL: return check_pool(window, end, ret_subject);
	default: return true;
	}
}
