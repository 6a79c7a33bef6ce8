#include "head.h"

static bool is_tchar(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && c < 128 && strchr("!#$%&'*+-.^_`|~", c));
}

bool httpd_is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_tchar(s.p[i]))
			return false;
	return s.n > 0;
}

bool httpd_is_field_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* Up to the next NUL, which is taken, too. */
static bool take_piece(struct slice *rest, struct slice *ret)
{
	const uint8_t *end = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
	if (!end)
		return false;
	*ret = slice_of(rest->p, (size_t)(end - rest->p));
	*rest = slice_from(*rest, ret->n + 1);
	return true;
}

static bool take_zero(struct slice *rest)
{
	if (!rest->n || rest->p[0])
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static int read_request_line(struct slice *rest, struct slice target, struct head *h)
{
	if (!take_piece(rest, &h->method) || h->method.n > HEAD_MAX_METHOD || !httpd_is_token(h->method))
		return 400;
	if (target.n > HEAD_MAX_TARGET)
		return 414;
	if (!target.n || rest->n <= target.n || rest->p[target.n])
		return 400;
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= 0x20 || target.p[i] == 0x7f)
			return 400;
	h->target = target;
	*rest = slice_from(*rest, target.n + 1);
	struct slice version;
	if (!take_piece(rest, &version) || !take_zero(rest))	/* CR and LF: a bare LF leaves only one */
		return 400;
	h->http_1_0 = slice_eqs(version, "HTTP/1.0");
	return h->http_1_0 || slice_eqs(version, "HTTP/1.1") ? 0 : 400;
}

static int read_field(struct slice *rest, struct head *h)
{
	struct head_field f;
	const uint8_t *start = rest->p;
	if (!take_piece(rest, &f.name) || !httpd_is_token(f.name))	/* a folded line starts with white space: no token */
		return 400;
	if (!take_piece(rest, &f.value) || !take_zero(rest))
		return 400;
	if ((size_t)(rest->p - start) > HEAD_MAX_FIELD)
		return 431;
	if (!httpd_is_field_value(f.value))	/* a bare CR is one */
		return 400;
	f.value = slice_trim(f.value);
	if (h->n_fields == HEAD_MAX_FIELDS)
		return 431;
	h->fields[h->n_fields++] = f;
	return 0;
}

int httpd_head_read(struct slice raw, struct slice target, struct head *ret)
{
	ret->n_fields = 0;
	struct slice rest = raw;
	int status = read_request_line(&rest, target, ret);
	while (!status && rest.n && rest.p[0])
		status = read_field(&rest, ret);
	/* exactly the empty line is left */
	return status ? status : rest.n == 2 && !rest.p[0] && !rest.p[1] ? 0 : 400;
}

/* Is `token` in a comma-separated list? */
static bool list_has(struct slice list, const char *token)
{
	struct slice piece;
	while (slice_next_piece(&list, ',', &piece))
		if (slice_eq_nocase(slice_trim(piece), slice_str(token)))
			return true;
	return false;
}

int httpd_head_framing(const struct head *h, struct head_framing *ret)
{
	unsigned hosts = 0, lengths = 0, encodings = 0;
	*ret = (struct head_framing){ .close = h->http_1_0 };
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct slice name = h->fields[i].name, value = h->fields[i].value;
		if (slice_eq_nocase(name, SL("host"))) {
			if (hosts++ || slice_find_byte(value, ' ') >= 0 || slice_find_byte(value, ',') >= 0)
				return 400;
		} else if (slice_eq_nocase(name, SL("content-length"))) {
			if (lengths++ || value.n > 18 || !slice_to_u64(value, &ret->length))
				return 400;
		} else if (slice_eq_nocase(name, SL("transfer-encoding"))) {
			if (encodings++)
				return 400;
			if (!slice_eq_nocase(value, SL("chunked")))
				return 501;
		} else if (slice_eq_nocase(name, SL("expect"))) {
			if (!slice_eq_nocase(value, SL("100-continue")))
				return 417;
			ret->expect_continue = !h->http_1_0;
		} else if (slice_eq_nocase(name, SL("connection"))) {
			ret->close |= list_has(value, "close");
		}
	}
	if ((lengths && encodings) || (encodings && h->http_1_0) || (!hosts && !h->http_1_0))
		return 400;
	ret->has_length = lengths;
	ret->chunked = encodings;
	return 0;
}
