/* Slices: borrowed bytes, never freed through this type, not NUL-terminated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
/* A string literal as a slice. */
#define SL(lit) ((struct slice){ (const uint8_t *)("" lit), sizeof(lit) - 1 })
/* printf("%.*s", SLICE_ARG(s)); only for text already known to be clean (see text_escape). */
#define SLICE_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), (const char *)((s).p ? (s).p : (const uint8_t *)"")

static inline struct slice slice_of(const void *p, size_t n) { return (struct slice){ p, n }; }
static inline struct slice slice_str(const char *s) { return (struct slice){ (const uint8_t *)s, s ? strlen(s) : 0 }; }
static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_eqs(struct slice a, const char *s) { return slice_eq(a, slice_str(s)); }
static inline bool slice_has_prefix(struct slice a, struct slice pre)
{
	return a.n >= pre.n && (pre.n == 0 || memcmp(a.p, pre.p, pre.n) == 0);
}
static inline bool slice_has_suffix(struct slice a, struct slice suf)
{
	return a.n >= suf.n && (suf.n == 0 || memcmp(a.p + a.n - suf.n, suf.p, suf.n) == 0);
}
/* Clamped: never reaches outside s. */
static inline struct slice slice_from(struct slice s, size_t at)
{
	if (at > s.n)
		at = s.n;
	return (struct slice){ s.p ? s.p + at : NULL, s.n - at };
}
static inline struct slice slice_upto(struct slice s, size_t n)
{
	return (struct slice){ s.p, n < s.n ? n : s.n };
}
static inline struct slice slice_sub(struct slice s, size_t at, size_t n) { return slice_upto(slice_from(s, at), n); }

/* Bytewise order; a prefix comes first. */
int slice_cmp(struct slice a, struct slice b);
/* ASCII case-insensitive equality. */
bool slice_eq_nocase(struct slice a, struct slice b);
/* Index of the first c or of the first occurrence of needle; -1 when there is none. */
ptrdiff_t slice_find_byte(struct slice s, uint8_t c);
ptrdiff_t slice_rfind_byte(struct slice s, uint8_t c);
ptrdiff_t slice_find(struct slice s, struct slice needle);
/* Without leading and trailing ASCII white space. */
struct slice slice_trim(struct slice s);
/* Takes the next line off *rest (without "\n" or "\r\n"); false at the end. */
bool slice_next_line(struct slice *rest, struct slice *ret_line);
/* Takes the next piece up to sep off *rest; the last piece is what is left; false when *rest has ended (p == NULL). */
bool slice_next_piece(struct slice *rest, uint8_t sep, struct slice *ret_piece);
/* Decimal digits only, no sign; false on overflow, empty input or another character. */
bool slice_to_u64(struct slice s, uint64_t *ret);
/* Shell-style glob over bytes: '*' (not '/'), '**' (anything), '?', '[a-z]'. Linear time in practice, bounded always. */
bool slice_glob(struct slice pattern, struct slice text);
/* FNV-1a with a final mix, for hash tables of trusted size only. */
uint64_t slice_hash(struct slice s);
