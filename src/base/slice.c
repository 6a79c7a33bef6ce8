#include "base.h"

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = MIN(a.n, b.n);
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

ptrdiff_t slice_find_byte(struct slice s, uint8_t c)
{
	const uint8_t *p = s.n ? memchr(s.p, c, s.n) : NULL;
	return p ? p - s.p : -1;
}

ptrdiff_t slice_rfind_byte(struct slice s, uint8_t c)
{
	const uint8_t *p = s.n ? memrchr(s.p, c, s.n) : NULL;
	return p ? p - s.p : -1;
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
	if (!needle.n)
		return 0;
	const uint8_t *p = s.n >= needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return p ? p - s.p : -1;
}

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct slice slice_trim(struct slice s)
{
	while (s.n && is_space(s.p[0]))
		s = slice_from(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool slice_next_line(struct slice *rest, struct slice *ret_line)
{
	if (!rest->n)
		return false;
	ptrdiff_t at = slice_find_byte(*rest, '\n');
	size_t n = at < 0 ? rest->n : (size_t)at;
	struct slice line = slice_upto(*rest, n);
	*rest = slice_from(*rest, n + (at >= 0));
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	*ret_line = line;
	return true;
}

bool slice_next_piece(struct slice *rest, uint8_t sep, struct slice *ret_piece)
{
	if (!rest->p)
		return false;
	ptrdiff_t at = slice_find_byte(*rest, sep);
	if (at < 0) {
		*ret_piece = *rest;
		*rest = SLICE_NULL;
		return true;
	}
	*ret_piece = slice_upto(*rest, (size_t)at);
	*rest = slice_from(*rest, (size_t)at + 1);
	return true;
}

bool slice_to_u64(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || !mul_ok(v, (uint64_t)10, &v) || !add_ok(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

/* Matches one "[...]" class at pat[*pi]; advances *pi behind it. An unclosed '[' is a plain character. */
static bool glob_class(struct slice pat, size_t *pi, uint8_t c)
{
	size_t i = *pi + 1;
	bool neg = i < pat.n && (pat.p[i] == '!' || pat.p[i] == '^'), hit = false;
	size_t first = i + neg, close = first;
	while (close < pat.n && (pat.p[close] != ']' || close == first))
		close++;
	if (close >= pat.n) {
		(*pi)++;
		return c == '[';
	}
	for (i = first; i < close; i++) {
		if (i + 2 < close && pat.p[i + 1] == '-') {
			hit |= c >= pat.p[i] && c <= pat.p[i + 2];
			i += 2;
		} else {
			hit |= c == pat.p[i];
		}
	}
	*pi = close + 1;
	return c != '/' && hit != neg;
}

bool slice_glob(struct slice pat, struct slice text)
{
	/* Two backtrack points: the last '*' and the last '**'. A '*' that must cross '/' falls back to the '**' before it.
	 * Each step back moves its point forward, so the work is at most |pattern| * |text|^2, and small in practice. */
	size_t p = 0, t = 0, star_p = SIZE_MAX, star_t = 0, dstar_p = SIZE_MAX, dstar_t = 0;
	for (;;) {
		if (p < pat.n && pat.p[p] == '*') {
			if (p + 1 < pat.n && pat.p[p + 1] == '*') {
				while (p < pat.n && pat.p[p] == '*')
					p++;
				dstar_p = p;
				dstar_t = t;
				star_p = SIZE_MAX;
			} else {
				star_p = ++p;
				star_t = t;
			}
			continue;
		}
		if (t == text.n) {
			if (p == pat.n)
				return true;
		} else if (p < pat.n) {
			size_t next = p + 1;
			bool one = pat.p[p] == '?' ? text.p[t] != '/'
				 : pat.p[p] == '[' ? (next = p, glob_class(pat, &next, text.p[t]))
				 : pat.p[p] == text.p[t];
			if (one) {
				p = next;
				t++;
				continue;
			}
		}
		if (star_p != SIZE_MAX && star_t < text.n && text.p[star_t] != '/') {
			t = ++star_t;
			p = star_p;
		} else if (dstar_p != SIZE_MAX && dstar_t < text.n) {
			t = ++dstar_t;
			p = dstar_p;
			star_p = SIZE_MAX;
		} else {
			return false;
		}
	}
}

uint64_t slice_hash(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}
