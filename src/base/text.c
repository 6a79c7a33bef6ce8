#include "base.h"
#include <stdio.h>

unsigned text_utf8_next(struct slice s, uint32_t *ret_cp)
{
	if (!s.n)
		return 0;
	uint8_t c = s.p[0];
	unsigned n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (!n || s.n < n)
		return 0;
	uint32_t cp = n == 1 ? c : c & (0xffu >> (n + 1));
	for (unsigned i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s.p[i] & 0x3f);
	}
	if ((n == 3 && (cp < 0x800 || (cp >= 0xd800 && cp < 0xe000))) || (n == 4 && (cp < 0x10000 || cp > 0x10ffff)))
		return 0;
	*ret_cp = cp;
	return n;
}

bool text_is_utf8(struct slice s)
{
	while (s.n) {
		uint32_t cp;
		unsigned n = text_utf8_next(s, &cp);
		if (!n)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

/* Characters that move the cursor, reorder the line or hide: C0, DEL, C1, bidirectional controls, zero-width, line separators, BOM. */
static bool is_hostile_cp(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0x061c || (cp >= 0xfff9 && cp <= 0xfffb) || cp >= 0xe0000;
}

bool text_escape(struct buf *out, struct slice s)
{
	while (s.n) {
		uint32_t cp = 0;
		unsigned n = text_utf8_next(s, &cp);
		if (n && cp == '\\') {
			buf_puts(out, "\\\\");
		} else if (n && !is_hostile_cp(cp)) {
			buf_put(out, s.p, n);
		} else {
			n = n ? n : 1;
			for (unsigned i = 0; i < n; i++)
				buf_printf(out, "\\x%02x", s.p[i]);
		}
		s = slice_from(s, n);
	}
	return !out->failed;
}

char *text_escape_to(char *dst, size_t cap, struct slice s)
{
	AUTO_BUF b = BUF(16 * KIB);
	if (!cap)
		return dst;
	text_escape(&b, slice_upto(s, MIN(cap, (size_t)4 * KIB)));
	size_t n = b.failed ? 0 : b.n;
	bool cut = n >= cap || s.n > MIN(cap, (size_t)4 * KIB);
	if (cut && cap > 4) {
		n = MIN(n, cap - 4);
		while (n && (b.p[n] & 0xc0) == 0x80)	/* not in the middle of a character */
			n--;
		memcpy(dst, b.p, n);
		memcpy(dst + n, "...", 4);
		return dst;
	}
	n = MIN(n, cap - 1);
	if (n)
		memcpy(dst, b.p, n);
	dst[n] = 0;
	return dst;
}

/* How many bytes at the start stand in JSON as they are; plain ASCII only. */
static size_t json_plain(struct slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

bool text_json_escape(struct buf *out, struct slice s)
{
	while (s.n) {
		size_t plain = json_plain(s);
		if (plain) {
			buf_put(out, s.p, plain);
			s = slice_from(s, plain);
			continue;
		}
		uint32_t cp = 0;
		unsigned n = text_utf8_next(s, &cp);
		if (!n) {
			buf_printf(out, "\\\\x%02x", s.p[0]);
			n = 1;
		} else if (cp == '"' || cp == '\\') {
			buf_putc(out, '\\');
			buf_putc(out, (uint8_t)cp);
		} else if (cp == '\n' || cp == '\t' || cp == '\r') {
			buf_puts(out, cp == '\n' ? "\\n" : cp == '\t' ? "\\t" : "\\r");
		} else if (cp < 0x20 || cp == 0x7f || cp == 0x2028 || cp == 0x2029) {
			buf_printf(out, "\\u%04x", (unsigned)cp);
		} else {
			buf_put(out, s.p, n);
		}
		s = slice_from(s, n);
	}
	return !out->failed;
}

void hex_encode(char *dst, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[p[i] >> 4];
		dst[2 * i + 1] = digits[p[i] & 15];
	}
	dst[2 * n] = 0;
}

static int hex_value(uint8_t c, bool allow_upper)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return allow_upper && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(struct slice hex, uint8_t *dst, size_t n, bool allow_upper)
{
	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(hex.p[2 * i], allow_upper), lo = hex_value(hex.p[2 * i + 1], allow_upper);
		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_encode(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) | (left > 2 ? s.p[i + 2] : 0);
		char q[4] = { b64_digits[v >> 18], b64_digits[v >> 12 & 63], left > 1 ? b64_digits[v >> 6 & 63] : '=',
			      left > 2 ? b64_digits[v & 63] : '=' };
		buf_put(out, q, 4);
	}
	return !out->failed;
}

bool base64_decode(struct buf *out, struct slice s, bool lax)
{
	uint32_t v = 0;
	unsigned bits = 0, pad = 0;
	size_t digits = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (lax && (c == '\n' || c == '\r' || c == ' ' || c == '\t'))
			continue;
		if (c == '=') {
			pad++;
			continue;
		}
		const char *at = c ? strchr(b64_digits, c) : NULL;
		if (!at || pad)
			return false;
		digits++;
		v = v << 6 | (uint32_t)(at - b64_digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_putc(out, (uint8_t)(v >> bits));
			v &= (1u << bits) - 1;
		}
	}
	return !out->failed && digits % 4 != 1 && v == 0 && pad <= 2 && (!pad || (digits + pad) % 4 == 0);
}

bool text_parse_size(struct slice s, uint64_t *ret_bytes)
{
	unsigned shift = 0;
	if (s.n && (s.p[s.n - 1] == 'B' || s.p[s.n - 1] == 'b'))
		s.n--;
	if (s.n && (s.p[s.n - 1] == 'i'))
		s.n--;
	if (s.n) {
		switch (s.p[s.n - 1] | 0x20) {
		case 'k': shift = 10; break;
		case 'm': shift = 20; break;
		case 'g': shift = 30; break;
		case 't': shift = 40; break;
		}
	}
	uint64_t v;
	if (!slice_to_u64(slice_upto(s, s.n - (shift != 0)), &v) || v > UINT64_MAX >> shift)
		return false;
	*ret_bytes = v << shift;
	return true;
}

bool text_parse_duration(struct slice s, uint64_t *ret_ms)
{
	static const struct { const char *unit; uint64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
	};
	size_t digits = 0;
	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		uint64_t v;
		if (slice_eqs(slice_from(s, digits), units[i].unit))
			return slice_to_u64(slice_upto(s, digits), &v) && mul_ok(v, units[i].ms, ret_ms);
	}
	return false;
}

char *text_format_size(char *dst, size_t cap, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	unsigned u = 0;
	while (v >= 999.95 && u + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		u++;
	}
	snprintf(dst, cap, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return dst;
}

unsigned text_distance(struct slice a, struct slice b, unsigned max)
{
	enum { LONGEST = 128 };
	unsigned rows[3][LONGEST + 1];
	if (a.n > LONGEST || b.n > LONGEST)
		return max + 1;
	unsigned *before = rows[0], *prev = rows[1], *cur = rows[2];
	for (size_t j = 0; j <= b.n; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		cur[0] = (unsigned)i;
		unsigned least = cur[0];
		for (size_t j = 1; j <= b.n; j++) {
			unsigned v = MIN(MIN(prev[j] + 1, cur[j - 1] + 1), prev[j - 1] + (a.p[i - 1] != b.p[j - 1]));
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				v = MIN(v, before[j - 2] + 1);
			cur[j] = v;
			least = MIN(least, v);
		}
		if (least > max)
			return max + 1;
		unsigned *t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return MIN(prev[b.n], max + 1);
}
