#include "json.h"
#include <stdlib.h>

struct json json_of(struct slice text, struct arena *arena)
{
	static const uint8_t none[1];
	const uint8_t *p = text.p ? text.p : none;
	return (struct json){ .start = p, .p = p, .end = p + text.n, .arena = arena };
}

static bool json_bad(struct json *j, const char *why)
{
	if (!j->bad)
		j->bad = why;
	return false;
}

static void skip_space(struct json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t'))
		j->p++;
}

enum json_type json_peek(struct json *j)
{
	skip_space(j);
	if (j->bad || j->p == j->end)
		return JSON_NONE;
	switch (*j->p) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	case '-': case '0' ... '9': return JSON_NUMBER;
	default:
		json_bad(j, "a value was expected");
		return JSON_NONE;
	}
}

static bool enter(struct json *j)
{
	if (j->depth == JSON_MAX_DEPTH)
		return json_bad(j, "nested too deeply");
	j->p++;
	j->depth++;
	j->first |= 1ull << j->depth;
	return true;
}

bool json_enter_object(struct json *j)
{
	if (json_peek(j) == JSON_OBJECT)
		return enter(j);
	json_skip(j);
	return false;
}

bool json_enter_array(struct json *j)
{
	if (json_peek(j) == JSON_ARRAY)
		return enter(j);
	json_skip(j);
	return false;
}

/* The comma, or the end of the object or array entered last. */
static bool next(struct json *j, uint8_t close)
{
	skip_space(j);
	if (j->bad)
		return false;
	if (j->p == j->end)
		return json_bad(j, "ends too early");
	bool first = j->first >> j->depth & 1;
	j->first &= ~(1ull << j->depth);
	if (*j->p == close) {
		j->p++;
		j->depth--;
		return false;
	}
	if (first)
		return true;
	if (*j->p != ',')
		return json_bad(j, "a comma was expected");
	j->p++;
	return true;
}

/* The raw text between the quotes; *ret_flags: 1 escapes, 2 bytes over 0x7f. */
static bool raw_string(struct json *j, struct slice *ret, unsigned *ret_flags)
{
	const uint8_t *p = j->p + 1;
	unsigned flags = 0;
	for (;; p++) {
		while (p < j->end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
			p++;
		if (p == j->end)
			return json_bad(j, "a string does not end");
		if (*p == '"')
			break;
		if (*p < 0x20)
			return json_bad(j, "a control character in a string");
		if (*p >= 0x80) {
			flags |= 2;
		} else {
			flags |= 1;
			if (++p == j->end)
				return json_bad(j, "a string does not end");
			if (!memchr("\"\\/bfnrtu", *p, 9))
				return json_bad(j, "an unknown escape in a string");
		}
	}
	*ret = slice_of(j->p + 1, (size_t)(p - j->p - 1));
	*ret_flags = flags;
	j->p = p + 1;
	return true;
}

static bool hex4(struct slice s, size_t at, uint32_t *ret)
{
	uint8_t b[2];
	if (at + 4 > s.n || !hex_decode(slice_sub(s, at, 4), b, 2, true))
		return false;
	*ret = (uint32_t)b[0] << 8 | b[1];
	return true;
}

static size_t put_utf8(uint8_t *d, uint32_t c)
{
	if (c < 0x80) {
		d[0] = (uint8_t)c;
		return 1;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	d[0] = lead[more] | (uint8_t)(c >> (6 * more));
	for (unsigned i = 1; i <= more; i++)
		d[i] = 0x80 | (c >> (6 * (more - i)) & 0x3f);
	return more + 1;
}

/* A \u escape at s[at] (behind the 'u'), surrogate pairs joined; how many bytes of s it took, 0 when malformed. */
static size_t unicode_escape(struct slice s, size_t at, uint32_t *ret)
{
	uint32_t c, low;
	if (!hex4(s, at, &c) || (c >= 0xdc00 && c < 0xe000))
		return 0;
	if (c < 0xd800 || c >= 0xe000) {
		*ret = c;
		return 4;
	}
	if (at + 10 > s.n || s.p[at + 4] != '\\' || s.p[at + 5] != 'u' || !hex4(s, at + 6, &low) || low < 0xdc00 || low >= 0xe000)
		return 0;
	*ret = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	return 10;
}

static struct slice unescape(struct json *j, struct slice raw)
{
	uint8_t *d = arena_alloc(j->arena, raw.n + 1);	/* never longer than the escapes */
	size_t n = 0;
	if (!d) {
		json_bad(j, "too large for its memory budget");
		return SLICE_NULL;
	}
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] != '\\') {
			d[n++] = raw.p[i];
			continue;
		}
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		uint8_t c = raw.p[++i];
		const char *at = c == 'u' ? NULL : memchr(from, c, sizeof(from) - 1);
		uint32_t cp = 0;
		size_t took = at ? 0 : unicode_escape(raw, i + 1, &cp);
		if (at) {
			d[n++] = (uint8_t)to[at - from];
		} else if (took) {
			n += put_utf8(d + n, cp);
			i += took;
		} else {
			json_bad(j, "a malformed \\u escape");
			return SLICE_NULL;
		}
	}
	return slice_of(d, n);
}

static bool take_string(struct json *j, struct slice *ret)
{
	struct slice raw;
	unsigned flags;
	if (!raw_string(j, &raw, &flags))
		return false;
	if (flags & 2 && !text_is_utf8(raw))
		return json_bad(j, "a string is not UTF-8");
	*ret = flags & 1 ? unescape(j, raw) : raw;
	return !j->bad;
}

bool json_next_key(struct json *j, struct slice *ret_key)
{
	if (!next(j, '}'))
		return false;
	skip_space(j);
	if (j->p == j->end || *j->p != '"')
		return json_bad(j, "a key was expected");
	if (!take_string(j, ret_key))
		return false;
	skip_space(j);
	if (j->p == j->end || *j->p != ':')
		return json_bad(j, "a colon was expected");
	j->p++;
	return true;
}

bool json_next_item(struct json *j)
{
	return next(j, ']') && json_peek(j) != JSON_NONE;
}

static bool digits(struct json *j)
{
	const uint8_t *from = j->p;
	while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
		j->p++;
	return j->p > from;
}

static bool take_number(struct json *j, struct slice *ret)
{
	const uint8_t *from = j->p;
	if (*j->p == '-')
		j->p++;
	const uint8_t *whole = j->p;
	if (!digits(j) || (*whole == '0' && j->p - whole > 1))
		return json_bad(j, "a malformed number");
	if (j->p < j->end && *j->p == '.') {
		j->p++;
		if (!digits(j))
			return json_bad(j, "a malformed number");
	}
	if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
		j->p++;
		if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
			j->p++;
		if (!digits(j))
			return json_bad(j, "a malformed number");
	}
	*ret = slice_of(from, (size_t)(j->p - from));
	return true;
}

static void take_word(struct json *j, struct slice word)
{
	if (!slice_has_prefix(slice_of(j->p, (size_t)(j->end - j->p)), word))
		json_bad(j, "an unknown word");
	else
		j->p += word.n;
}

struct slice json_take_string(struct json *j)
{
	struct slice s = SLICE_NULL;
	if (json_peek(j) == JSON_STRING)
		return take_string(j, &s) ? s : SLICE_NULL;
	json_skip(j);
	return s;
}

bool json_number(struct json *j, double *ret)
{
	char text[40], *stop;
	struct slice s = SLICE_NULL;
	enum json_type t = json_peek(j);
	if (t == JSON_STRING)
		s = json_take_string(j);
	else if (t == JSON_NUMBER)
		take_number(j, &s);
	else
		json_skip(j);
	if (j->bad || !s.n || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	*ret = strtod(text, &stop);
	return stop == text + s.n;
}

void json_skip(struct json *j)
{
	struct slice s;
	unsigned flags;
	switch (json_peek(j)) {
	case JSON_OBJECT:
		if (!enter(j))
			return;
		while (next(j, '}')) {
			skip_space(j);
			if (j->p == j->end || *j->p != '"' || !raw_string(j, &s, &flags)) {
				json_bad(j, "a key was expected");
				return;
			}
			skip_space(j);
			if (j->p == j->end || *j->p++ != ':') {
				json_bad(j, "a colon was expected");
				return;
			}
			json_skip(j);
		}
		return;
	case JSON_ARRAY:
		if (!enter(j))
			return;
		while (json_next_item(j))
			json_skip(j);
		return;
	case JSON_STRING: raw_string(j, &s, &flags); return;
	case JSON_NUMBER: take_number(j, &s); return;
	case JSON_TRUE: take_word(j, SL("true")); return;
	case JSON_FALSE: take_word(j, SL("false")); return;
	case JSON_NULL: take_word(j, SL("null")); return;
	default: json_bad(j, "ends too early");
	}
}

bool json_end(struct json *j)
{
	skip_space(j);
	if (!j->bad && (j->p != j->end || j->depth))
		json_bad(j, "something follows the value");
	return !j->bad;
}
