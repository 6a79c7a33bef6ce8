#include "json_pull.h"

struct json_pull json_pull_of(struct slice bytes)
{
	return (struct json_pull){ .all = bytes, .at = slice_has_prefix(bytes, SL("\xef\xbb\xbf")) ? 3 : 0 };
}

static bool fail(struct json_pull *j)
{
	j->bad = true;
	return false;
}

/* The next byte that is no white space, not taken; 0 at the end. */
static uint8_t peek(struct json_pull *j)
{
	while (j->at < j->all.n) {
		uint8_t c = j->all.p[j->at];
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return j->bad ? 0 : c;
		j->at++;
	}
	return 0;
}

static bool take(struct json_pull *j, uint8_t c)
{
	if (peek(j) != c)
		return false;
	j->at++;
	return true;
}

enum json_kind json_pull_kind(struct json_pull *j)
{
	uint8_t c = peek(j);
	switch (c) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': case 'f': case 'n': return JSON_WORD;
	}
	return c == '-' || (c >= '0' && c <= '9') ? JSON_NUMBER : JSON_NONE;
}

bool json_pull_enter(struct json_pull *j, enum json_kind kind)
{
	return take(j, kind == JSON_OBJECT ? '{' : '[') || fail(j);
}

/* Behind the opening bracket or a value: to the next value, or over the closing bracket (false). */
static bool next(struct json_pull *j, bool *first, uint8_t close)
{
	bool was_first = *first;
	*first = false;
	if (j->bad || take(j, close))
		return false;
	if (!was_first && !take(j, ','))
		return fail(j);
	/* a comma before the closing bracket is seen in the wild */
	return !take(j, close);
}

bool json_pull_next_member(struct json_pull *j, bool *first, struct slice *ret_name)
{
	if (!next(j, first, '}') || !json_pull_string(j, ret_name))
		return false;
	return take(j, ':') || fail(j);
}

bool json_pull_next_item(struct json_pull *j, bool *first) { return next(j, first, ']') && (json_pull_kind(j) != JSON_NONE || fail(j)); }

bool json_pull_string(struct json_pull *j, struct slice *ret_raw)
{
	if (!take(j, '"'))
		return fail(j);
	for (size_t start = j->at, at = start;;) {
		const uint8_t *q = at < j->all.n ? memchr(j->all.p + at, '"', j->all.n - at) : NULL;
		size_t slashes = 0;
		if (!q)
			return fail(j);
		at = (size_t)(q - j->all.p);
		while (at - slashes > start && j->all.p[at - slashes - 1] == '\\')
			slashes++;
		if (slashes % 2 == 0) {
			*ret_raw = slice_sub(j->all, start, at - start);
			j->at = at + 1;
			return true;
		}
		at++;
	}
}

/* A number or a word: up to what cannot belong to it. */
static void skip_scalar(struct json_pull *j)
{
	size_t start = j->at;
	while (j->at < j->all.n && !memchr(",]}: \t\r\n\"[{", j->all.p[j->at], 12))
		j->at++;
	j->bad |= j->at == start;
}

void json_pull_skip(struct json_pull *j)
{
	struct slice text;
	uint64_t depth = 0;
	do {
		uint8_t c = peek(j);
		switch (c) {
		case '{': case '[':
			depth++;
			j->at++;
			break;
		case '}': case ']':
			/* The kind of bracket is not remembered: only the values that are taken are checked. */
			if (!depth)
				j->bad = true;
			else
				depth--;
			j->at++;
			break;
		case ',': case ':':
			if (!depth)
				j->bad = true;
			j->at++;
			break;
		case '"':
			json_pull_string(j, &text);
			break;
		case 0:
			j->bad = true;
			break;
		default:
			skip_scalar(j);
		}
	} while (depth && !j->bad);
}

/* Four hex digits at *s; -1 when they are none. */
static int32_t hex4(struct slice s)
{
	uint8_t b[2];
	return s.n >= 4 && hex_decode(slice_upto(s, 4), b, 2, true) ? b[0] << 8 | b[1] : -1;
}

static size_t put_utf8(uint8_t *out, uint32_t cp)
{
	if (cp < 0x80)
		return out[0] = (uint8_t)cp, 1;
	if (cp < 0x800)
		return out[0] = (uint8_t)(0xc0 | cp >> 6), out[1] = 0x80 | (cp & 63), 2;
	if (cp < 0x10000)
		return out[0] = (uint8_t)(0xe0 | cp >> 12), out[1] = 0x80 | (cp >> 6 & 63), out[2] = 0x80 | (cp & 63), 3;
	return out[0] = (uint8_t)(0xf0 | cp >> 18), out[1] = 0x80 | (cp >> 12 & 63), out[2] = 0x80 | (cp >> 6 & 63), out[3] = 0x80 | (cp & 63), 4;
}

/* "\uXXXX" or a pair of surrogates at s (behind the "\u"); bytes used, 0 when malformed. */
static size_t read_code_point(struct slice s, uint32_t *ret)
{
	int32_t high = hex4(s), low = -1;
	if (high < 0)
		return 0;
	*ret = (uint32_t)high;
	if (high < 0xd800 || high > 0xdfff)
		return 4;
	if (high < 0xdc00 && slice_has_prefix(slice_from(s, 4), SL("\\u")))
		low = hex4(slice_from(s, 6));
	if (low >= 0xdc00 && low <= 0xdfff) {
		*ret = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
		return 10;
	}
	*ret = 0xfffd;
	return 4;
}

struct slice json_pull_unescape(struct slice raw, struct arena *a)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (slice_find_byte(raw, '\\') < 0)
		return raw;
	uint8_t *out = arena_alloc(a, raw.n);
	size_t n = 0;
	for (size_t i = 0; out && i < raw.n; i++) {
		if (raw.p[i] != '\\') {
			out[n++] = raw.p[i];
			continue;
		}
		uint8_t c = ++i < raw.n ? raw.p[i] : 0;
		const char *known = c ? strchr(from, c) : NULL;
		uint32_t cp = 0;
		size_t used = c == 'u' ? read_code_point(slice_from(raw, i + 1), &cp) : 0;
		if (!known && !used)
			return SLICE_NULL;
		if (known)
			out[n++] = (uint8_t)to[known - from];
		else
			n += put_utf8(out + n, cp);
		i += used;
	}
	return out ? slice_of(out, n) : SLICE_NULL;
}
