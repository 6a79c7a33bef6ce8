#include "filter.h"
#include <zlib.h>

static bool is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int base32_value(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' : c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static bool by_bits(struct buf *out, struct slice s, int (*value)(uint8_t), unsigned bits)
{
	uint32_t acc = 0;
	unsigned have = 0;
	for (size_t i = 0; i < s.n; i++) {
		int v = value(s.p[i]);
		if (v < 0 && (is_space(s.p[i]) || s.p[i] == '='))
			continue;
		if (v < 0)
			return false;
		acc = acc << bits | (uint32_t)v;
		have += bits;
		if (have >= 8) {
			have -= 8;
			buf_putc(out, (uint8_t)(acc >> have));
		}
	}
	return out->n && !out->failed;
}

bool filter_base64(struct buf *out, struct slice s) { return by_bits(out, s, base64_value, 6); }
bool filter_base32(struct buf *out, struct slice s) { return by_bits(out, s, base32_value, 5); }

bool filter_base85(struct buf *out, struct slice s)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
	for (size_t i = 0; i < s.n; i += 5) {
		uint64_t v = 0;
		size_t n = MIN(s.n - i, (size_t)5);
		for (size_t k = 0; k < 5; k++) {
			const char *at = k < n && s.p[i + k] ? strchr(digits, s.p[i + k]) : &digits[84];
			if (!at)
				return false;
			v = v * 85 + (uint64_t)(at - digits);
		}
		if (v >> 32)
			return false;
		for (size_t k = 0; k + 1 < n; k++)
			buf_putc(out, (uint8_t)(v >> (24 - 8 * k)));
	}
	return out->n && !out->failed;
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

bool filter_hex(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		if (is_space(s.p[i]) || s.p[i] == ':' || s.p[i] == ',') {
			i++;
		} else if (i + 1 < s.n && (s.p[i] == '\\' || s.p[i] == '0') && (s.p[i + 1] | 0x20) == 'x') {
			i += 2;
		} else {
			if (i + 1 >= s.n || hex_digit(s.p[i]) < 0 || hex_digit(s.p[i + 1]) < 0)
				return false;
			buf_putc(out, (uint8_t)(hex_digit(s.p[i]) << 4 | hex_digit(s.p[i + 1])));
			i += 2;
		}
	}
	return out->n && !out->failed;
}

/* Each line on its own, as rev(1) does; a single line is simply reversed. */
bool filter_reverse(struct buf *out, struct slice s)
{
	struct slice line;
	bool first = true;
	while (slice_next_piece(&s, '\n', &line)) {
		if (!first)
			buf_putc(out, '\n');
		first = false;
		for (size_t i = line.n; i-- > 0;)
			buf_putc(out, line.p[i]);
	}
	return !out->failed;
}

bool filter_rot13(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i], low = c | 0x20;
		buf_putc(out, low < 'a' || low > 'z' ? c : low < 'n' ? c + 13 : c - 13);
	}
	return !out->failed;
}

/* A set of tr: ranges and escapes; classes by name are left alone. */
static size_t tr_set(struct slice s, uint8_t *ret, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < cap; i++) {
		unsigned c = s.p[i];
		if (c == '\\' && i + 1 < s.n) {
			i++;
			c = s.p[i] == 'n' ? '\n' : s.p[i] == 't' ? '\t' : s.p[i];
		}
		unsigned to = c;
		if (i + 2 < s.n && s.p[i + 1] == '-' && s.p[i + 2] >= c) {
			to = s.p[i + 2];
			i += 2;
		}
		for (; c <= to && n < cap; c++)
			ret[n++] = (uint8_t)c;
	}
	return n;
}

bool filter_tr(struct buf *out, struct slice s, struct slice from, struct slice to, bool remove)
{
	uint8_t a[512], b[512], map[256];
	bool drop[256] = { false };
	size_t na = tr_set(from, a, sizeof(a)), nb = tr_set(to, b, sizeof(b));
	if (!na || (!remove && !nb))
		return false;
	for (unsigned i = 0; i < 256; i++)
		map[i] = (uint8_t)i;
	for (size_t i = 0; i < na; i++) {
		drop[a[i]] = remove;
		if (!remove)
			map[a[i]] = b[i < nb ? i : nb - 1];
	}
	for (size_t i = 0; i < s.n; i++)
		if (!drop[s.p[i]])
			buf_putc(out, map[s.p[i]]);
	return !out->failed;
}

bool filter_percent(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
			buf_putc(out, (uint8_t)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2])));
			i += 2;
		} else {
			buf_putc(out, s.p[i]);
		}
	}
	return !out->failed;
}

static bool inflate_as(struct buf *out, struct slice s, int window_bits)
{
	uint8_t piece[4096];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)s.p, .avail_in = (uInt)MIN(s.n, (size_t)1 << 30) };
	if (inflateInit2(&z, window_bits) != Z_OK)
		return false;
	int rc = Z_OK;
	while (rc == Z_OK && out->n < out->max) {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		rc = inflate(&z, Z_SYNC_FLUSH);
		buf_put(out, piece, MIN(sizeof(piece) - z.avail_out, out->max - out->n));
		if (rc == Z_OK && !z.avail_in && z.avail_out)
			break;
	}
	inflateEnd(&z);
	return out->n > 0;
}

bool filter_inflate(struct buf *out, struct slice s)
{
	if (s.n < 3)
		return false;
	if (s.p[0] == 0x1f && s.p[1] == 0x8b)
		return inflate_as(out, s, 15 + 16);
	if ((s.p[0] & 15) == 8 && (s.p[0] << 8 | s.p[1]) % 31 == 0)
		return inflate_as(out, s, 15);
	return inflate_as(out, s, -15) && looks_like_text(buf_slice(out));
}

static void put_code_point(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_putc(out, (uint8_t)cp);
	} else if (cp < 0x800) {
		buf_putc(out, (uint8_t)(0xc0 | cp >> 6));
		buf_putc(out, (uint8_t)(0x80 | (cp & 63)));
	} else if (cp < 0x110000) {
		if (cp >= 0x10000)
			buf_putc(out, (uint8_t)(0xf0 | cp >> 18));
		buf_putc(out, (uint8_t)(cp >= 0x10000 ? 0x80 | (cp >> 12 & 63) : 0xe0 | cp >> 12));
		buf_putc(out, (uint8_t)(0x80 | (cp >> 6 & 63)));
		buf_putc(out, (uint8_t)(0x80 | (cp & 63)));
	}
}

/* Up to max digits of a base at s; the number of digits taken. */
static size_t digits_at(struct slice s, unsigned base, size_t max, uint32_t *ret)
{
	size_t n = 0;
	for (*ret = 0; n < s.n && n < max; n++) {
		int d = hex_digit(s.p[n]);
		if (d < 0 || (unsigned)d >= base)
			break;
		*ret = *ret * base + (unsigned)d;
	}
	return n;
}

static size_t escape_at(struct buf *out, struct slice s)
{
	static const char names[] = "ntrabfve", values[] = "\n\t\r\a\b\f\v\x1b";
	uint32_t v;
	size_t n;
	const char *name = s.p[0] ? strchr(names, s.p[0]) : NULL;
	if (s.p[0] == 'x' && (n = digits_at(slice_from(s, 1), 16, 2, &v))) {
		buf_putc(out, (uint8_t)v);
		return 1 + n;
	}
	if (s.p[0] >= '0' && s.p[0] <= '7') {
		n = digits_at(s, 8, s.p[0] == '0' ? 4 : 3, &v);
		buf_putc(out, (uint8_t)v);
		return n;
	}
	if (s.p[0] == 'u' && s.n > 2 && s.p[1] == '{' && (n = digits_at(slice_from(s, 2), 16, 6, &v))) {
		put_code_point(out, v);
		return MIN(s.n, 3 + n);
	}
	if ((s.p[0] | 0x20) == 'u' && (n = digits_at(slice_from(s, 1), 16, s.p[0] == 'u' ? 4 : 8, &v)) >= 4) {
		put_code_point(out, v);
		return 1 + n;
	}
	if (s.p[0] != '\n')	/* a continued line */
		buf_putc(out, name ? (uint8_t)values[name - names] : s.p[0]);
	return 1;
}

bool filter_escapes(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] == '\\' && i + 1 < s.n) {
			i += 1 + escape_at(out, slice_from(s, i + 1));
		} else {
			buf_putc(out, s.p[i++]);
		}
	}
	return !out->failed;
}

bool filter_plain_text(struct buf *out, struct slice s)
{
	size_t even = 0, odd = 0, look = MIN(s.n, (size_t)256);
	for (size_t i = 0; i < look; i++)
		(i & 1 ? &odd : &even)[0] += !s.p[i];
	bool little = s.n >= 2 && (!memcmp(s.p, "\xff\xfe", 2) || (odd * 3 > look && !even));
	bool big = s.n >= 2 && !little && (!memcmp(s.p, "\xfe\xff", 2) || (even * 3 > look && !odd));
	if (little || big) {
		for (size_t i = 0; i + 1 < s.n; i += 2) {
			uint32_t u = little ? s.p[i] | (uint32_t)s.p[i + 1] << 8 : s.p[i + 1] | (uint32_t)s.p[i] << 8;
			if (u != 0xfeff && u)
				put_code_point(out, u);
		}
		return !out->failed;
	}
	bool mark = s.n >= 3 && !memcmp(s.p, "\xef\xbb\xbf", 3);
	if (!mark && slice_find_byte(s, 0) < 0)
		return false;
	for (size_t i = mark ? 3 : 0; i < s.n; i++)
		if (s.p[i])
			buf_putc(out, s.p[i]);
	return !out->failed;
}

bool looks_like_text(struct slice s)
{
	size_t bad = 0, n = MIN(s.n, (size_t)4096);
	for (size_t i = 0; i < n; i++)
		bad += s.p[i] < 9 || (s.p[i] > 13 && s.p[i] < 32) || s.p[i] == 127 || s.p[i] >= 128;
	return n >= 4 && bad * 8 < n;
}
