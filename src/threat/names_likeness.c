/* How much two names look alike: to the eye, to the finger, to a hurried reader. */
#include "names_private.h"
#include <stdlib.h>

enum { NAME_MAX_BYTES = 128 };

/* Letters of other scripts that look like Latin ones (the frequent ones of Unicode's confusables). */
static const struct { uint32_t cp; char as; } twins[] = {
	{ 0x430, 'a' }, { 0x435, 'e' }, { 0x43e, 'o' }, { 0x440, 'p' }, { 0x441, 'c' }, { 0x443, 'y' }, { 0x445, 'x' }, { 0x455, 's' }, { 0x456, 'i' },
	{ 0x458, 'j' }, { 0x501, 'd' }, { 0x51b, 'q' }, { 0x51d, 'w' }, { 0x4bb, 'h' }, { 0x43a, 'k' }, { 0x442, 't' }, { 0x43c, 'm' }, { 0x4cf, 'l' },
	{ 0x3bf, 'o' }, { 0x3b1, 'a' }, { 0x3bd, 'v' }, { 0x3b9, 'i' }, { 0x3c1, 'p' }, { 0x3ba, 'k' }, { 0x3c5, 'u' }, { 0x3b5, 'e' }, { 0x131, 'i' },
	{ 0x261, 'g' }, { 0x251, 'a' }, { 0x578, 'n' }, { 0x585, 'o' }, { 0x57d, 'u' }, { 0xe0, 'a' }, { 0xe1, 'a' }, { 0xe4, 'a' }, { 0xe8, 'e' },
	{ 0xe9, 'e' }, { 0xeb, 'e' }, { 0xec, 'i' }, { 0xed, 'i' }, { 0xef, 'i' }, { 0xf2, 'o' }, { 0xf3, 'o' }, { 0xf6, 'o' }, { 0xf8, 'o' }, { 0xf9, 'u' },
	{ 0xfa, 'u' }, { 0xfc, 'u' }, { 0xf1, 'n' }, { 0xe7, 'c' }, { 0x1e0b, 'd' }, { 0x1e33, 'k' }, { 0x10d, 'c' }, { 0x142, 'l' }, { 0x1ecd, 'o' },
};

static char twin(uint32_t cp)
{
	if (cp >= 0xff01 && cp <= 0xff5e)	/* full-width forms */
		return (char)(cp - 0xff01 + '!');
	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		if (twins[i].cp == cp)
			return twins[i].as;
	return '?';
}

struct slice names_skeleton(struct slice s, char *dst, size_t cap)
{
	size_t n = 0;
	while (s.n && n < cap) {
		uint32_t cp = 0;
		unsigned len = text_utf8_next(s, &cp);
		char c = !len ? '?' : cp < 0x80 ? (char)cp : twin(cp);
		s = slice_from(s, len ? len : 1);
		if (cp == 0x200b || cp == 0x200c || cp == 0x200d || cp == 0xfeff || cp == 0xad)
			continue;	/* not seen at all */
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		dst[n++] = c == '0' ? 'o' : c == '1' || c == 'i' || c == '|' ? 'l' : c == '5' ? 's' : c == '_' || c == '.' ? '-' : c;
		if (n >= 2 && dst[n - 2] == 'r' && dst[n - 1] == 'n')
			dst[--n - 1] = 'm';
		else if (n >= 2 && dst[n - 2] == 'v' && dst[n - 1] == 'v')
			dst[--n - 1] = 'w';
	}
	return slice_of(dst, n);
}

static bool neighbours(uint8_t a, uint8_t b)
{
	static const char *const rows[] = { "1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm" };
	int ra = -1, ca = 0, rb = -1, cb = 0;
	for (int r = 0; r < 4; r++) {
		const char *pa = a ? strchr(rows[r], a) : NULL, *pb = b ? strchr(rows[r], b) : NULL;
		if (pa) {
			ra = r;
			ca = (int)(pa - rows[r]);
		}
		if (pb) {
			rb = r;
			cb = (int)(pb - rows[r]);
		}
	}
	return ra >= 0 && rb >= 0 && abs(ra - rb) <= 1 && abs(ca - cb) <= 1;
}

/* Without hyphens, underscores and dots. */
static struct slice squeezed(struct slice s, char *dst, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < cap; i++)
		if (s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
			dst[n++] = (char)s.p[i];
	return slice_of(dst, n);
}

static bool filler(struct slice word)
{
	static const char *const words[] = { "official", "docker", "image", "images", "latest", "real", "original", "verified", "trusted", "secure", "stable",
		"lib", "the", "new", "prod", "hub", "container" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_eqs(word, words[i]))
			return true;
	return false;
}

/* "official-nginx", "nginx-latest": the trusted name and words that claim to be it. */
static bool added_words(struct slice name, struct slice trusted)
{
	struct slice rest = name, word;
	bool found = false, fill = false;
	if (slice_find_byte(trusted, '-') >= 0)
		return false;
	while (slice_next_piece(&rest, '-', &word)) {
		if (slice_eq(word, trusted))
			found = true;
		else if (filler(word))
			fill = true;
		else
			return false;
	}
	return found && fill;
}

/* One letter apart: a slip of the finger, another letter, or only a letter more at the end. */
static enum likeness one_apart(struct slice a, struct slice b)
{
	size_t pre = 0, suf = 0, least = MIN(a.n, b.n);
	while (pre < least && a.p[pre] == b.p[pre])
		pre++;
	while (suf < least - pre && a.p[a.n - 1 - suf] == b.p[b.n - 1 - suf])
		suf++;
	if (a.n == b.n) {
		size_t middle = a.n - pre - suf;
		if (middle == 2)	/* two letters in the other order */
			return LIKE_SLIP;
		return neighbours(a.p[pre], b.p[pre]) ? LIKE_SLIP : LIKE_NEAR;
	}
	if (a.n < b.n)			/* a letter is missing */
		return pre == a.n ? LIKE_NEAR : LIKE_SLIP;
	uint8_t extra = a.p[pre];	/* a letter more: twice the same, or beside it on the keyboard */
	if (pre == b.n)
		return pre && extra == b.p[pre - 1] ? LIKE_SLIP : LIKE_ADDED;
	if ((extra >= '0' && extra <= '9') || extra == '-')
		return LIKE_ADDED;
	return (pre && extra == a.p[pre - 1]) || (pre && neighbours(extra, a.p[pre - 1])) || neighbours(extra, a.p[pre + 1]) ? LIKE_SLIP : LIKE_NEAR;
}

enum likeness names_likeness(struct slice name, struct slice trusted)
{
	char a[NAME_MAX_BYTES], b[NAME_MAX_BYTES];
	if (name.n > NAME_MAX_BYTES || slice_eq(name, trusted))
		return LIKE_NOT;
	if (trusted.n >= 4 && slice_eq(names_skeleton(name, a, sizeof(a)), names_skeleton(trusted, b, sizeof(b))))
		return LIKE_LOOKS;
	if (trusted.n < 5)
		return trusted.n >= 3 && added_words(name, trusted) ? LIKE_ADDED : LIKE_NOT;
	if (slice_eq(squeezed(name, a, sizeof(a)), squeezed(trusted, b, sizeof(b))) || added_words(name, trusted))
		return LIKE_ADDED;
	if (names_is_common_word(trusted) || text_distance(name, trusted, 1) != 1)
		return LIKE_NOT;
	/* Names that mean something of their own. */
	static const char *const known[] = { "postgrest", "mango", "redash", "mongoose", "pythons", "nginxs", "sola", "solo", "vanish", "fluent", "carry",
		"haproxys", "media", "gradles", "elixirs", "jenkins", "debians", "photos", "pylon", "phone", "clone" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_eqs(name, known[i]))
			return LIKE_NOT;
	return one_apart(name, trusted);
}

/* --- Punycode (RFC 3492) ---------------------------------------------------------------------------------------------------- */

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;
	delta = first ? delta / 700 : delta / 2;
	delta += delta / points;
	for (; delta > 455; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

/* One label without its "xn--"; number of code points, 0 when malformed. */
static size_t punycode_label(struct slice s, uint32_t *out, size_t cap)
{
	ptrdiff_t dash = slice_rfind_byte(s, '-');
	size_t n = 0;
	uint32_t code = 128, i = 0, bias = 72;
	for (; dash > 0 && n < (size_t)dash && n < cap; n++)
		out[n] = s.p[n];
	for (size_t at = dash > 0 ? (size_t)dash + 1 : 0; at < s.n;) {
		uint32_t old = i, weight = 1;
		for (uint32_t k = 36;; k += 36) {
			if (at >= s.n)
				return 0;
			uint8_t c = s.p[at++];
			uint32_t digit = c >= 'a' && c <= 'z' ? (uint32_t)c - 'a' : c >= '0' && c <= '9' ? (uint32_t)c - '0' + 26 : 99, step;
			if (digit == 99 || !mul_ok(digit, weight, &step) || !add_ok(i, step, &i))
				return 0;
			uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
			if (digit < t)
				break;
			if (!mul_ok(weight, 36 - t, &weight))
				return 0;
		}
		bias = adapt(i - old, (uint32_t)n + 1, old == 0);
		code += i / ((uint32_t)n + 1);
		i %= (uint32_t)n + 1;
		if (code > 0x10ffff || n >= cap)
			return 0;
		memmove(out + i + 1, out + i, (n - i) * sizeof(*out));
		out[i++] = code;
		n++;
	}
	return n;
}

struct slice names_from_punycode(struct slice host, char *dst, size_t cap)
{
	size_t n = 0;
	struct slice rest = host, label;
	while (slice_next_piece(&rest, '.', &label)) {
		uint32_t points[64];
		size_t count = slice_has_prefix(label, SL("xn--")) ? punycode_label(slice_from(label, 4), points, ARRAY_LEN(points)) : 0;
		for (size_t i = 0; i < count; i++) {
			char c = points[i] < 0x80 ? (char)points[i] : twin(points[i]);
			if (n < cap)
				dst[n++] = c;
		}
		for (size_t i = 0; !count && i < label.n && n < cap; i++)
			dst[n++] = (char)label.p[i];
		if (rest.p && n < cap)
			dst[n++] = '.';
	}
	return slice_of(dst, n);
}
