#include "tar_priv.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct slice tar_cstr(const uint8_t *p, size_t n)
{
	const uint8_t *nul = memchr(p, 0, n);
	return slice_of(p, nul ? (size_t)(nul - p) : n);
}

bool tar_block_is_zero(const uint8_t *block)
{
	/* the first byte decides for almost every header */
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

bool tar_decimal(struct slice s, int64_t *ret)
{
	uint64_t v, limit = INT64_MAX;
	bool minus = s.n && s.p[0] == '-';
	if (minus || (s.n && s.p[0] == '+'))
		s = slice_from(s, 1);
	if (!slice_to_u64(s, &v) || v > limit + minus)
		return false;
	*ret = (int64_t)(minus ? 0 - v : v);
	return true;
}

/* GNU's base-256: the top bit marks it, the rest is a two's complement number, the next bit its sign. */
static bool base256(const uint8_t *p, size_t n, int64_t *ret)
{
	uint8_t invert = p[0] & 0x40 ? 0xff : 0;
	uint64_t x = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] ^ invert;
		if (i == 0)
			c &= 0x7f;
		if (x >> 56)
			return false;
		x = x << 8 | c;
	}
	if (x >> 63)
		return false;
	*ret = (int64_t)(invert ? ~x : x);
	return true;
}

/* Blanks and NULs around are dropped; digits end at a NUL; nothing at all is 0. */
static bool octal(const uint8_t *p, size_t n, int64_t *ret)
{
	uint64_t x = 0;
	size_t i = 0;
	while (i < n && (p[i] == ' ' || p[i] == 0))
		i++;
	while (n > i && (p[n - 1] == ' ' || p[n - 1] == 0))
		n--;
	for (; i < n && p[i]; i++) {
		if (p[i] < '0' || p[i] > '7')
			return false;
		x = x << 3 | (uint64_t)(p[i] - '0');
	}
	*ret = (int64_t)x;	/* at most 12 digits */
	return true;
}

bool tar_number(const uint8_t *p, size_t n, int64_t *ret)
{
	return p[0] & 0x80 ? base256(p, n, ret) : octal(p, n, ret);
}

/* Of all bytes of a block: the dearest thing in reading a header, so 16 at a time where the machine can. */
static uint32_t byte_sum(const uint8_t *b)
{
#ifdef __SSE2__
	__m128i sum = _mm_setzero_si128(), zero = sum;
	for (size_t i = 0; i < TAR_BLOCK; i += 16) {
		__m128i v;
		memcpy(&v, b + i, 16);
		sum = _mm_add_epi64(sum, _mm_sad_epu8(v, zero));
	}
	return (uint32_t)_mm_cvtsi128_si32(sum) + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(sum, 8));
#else
	uint32_t sum = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += b[i];
	return sum;
#endif
}

/* The checksum counts its own field as blanks. Some old writers summed signed bytes. */
static bool sum_matches(const uint8_t *b, bool *ret_signed)
{
	int64_t want;
	uint32_t sum = byte_sum(b), high = 0;
	if (!octal(b + 148, 8, &want))
		return false;
	for (size_t i = 148; i < 156; i++)
		sum -= b[i];
	sum += 8 * ' ';
	if (want == (int64_t)sum)
		return true;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		high += (i < 148 || i >= 156) && b[i] >= 0x80;
	*ret_signed = want == (int64_t)sum - 256 * (int64_t)high;
	return *ret_signed;
}

static enum tar_format format_of(const uint8_t *b)
{
	if (memcmp(b + 257, "ustar\0", 6) == 0)
		return memcmp(b + 508, "tar\0", 4) == 0 ? TAR_STAR : TAR_USTAR;
	return memcmp(b + 257, "ustar  \0", 8) == 0 ? TAR_GNU : TAR_V7;
}

/* A GNU header has times where ustar has the prefix. Writers of Go before 1.8 put a prefix there all the same: it is taken for one when
 * the times are no numbers and it is ASCII. */
static void gnu_prefix(const uint8_t *b, struct tar_header *h)
{
	int64_t t;
	struct slice prefix;
	if ((b[345] == 0 || tar_number(b + 345, 12, &t)) && (b[357] == 0 || tar_number(b + 357, 12, &t)))
		return;
	prefix = tar_cstr(b + 345, 155);
	for (size_t i = 0; i < prefix.n; i++)
		if (prefix.p[i] >= 0x80)
			return;
	h->prefix = prefix;
	h->gnu_prefix = prefix.n != 0;
}

static bool extra_fields(const uint8_t *b, struct tar_header *h)
{
	int64_t t;
	if (!tar_number(b + 329, 8, &h->dev_major) || !tar_number(b + 337, 8, &h->dev_minor))
		return false;
	switch (h->format) {
	case TAR_USTAR:
		h->prefix = tar_cstr(b + 345, 155);
		return true;
	case TAR_STAR:
		h->prefix = tar_cstr(b + 345, 131);
		return tar_number(b + 476, 12, &t) && tar_number(b + 488, 12, &t);
	default:
		gnu_prefix(b, h);
		return true;
	}
}

const char *tar_header_parse(const uint8_t *b, struct tar_header *h)
{
	memset(h, 0, sizeof(*h));
	if (!sum_matches(b, &h->signed_sum))
		return "no tar header (its checksum is wrong)";
	h->format = format_of(b);
	h->type = b[156];
	h->name = tar_cstr(b, 100);
	h->link = tar_cstr(b + 157, 100);
	if (!tar_number(b + 124, 12, &h->size) || !tar_number(b + 100, 8, &h->mode) || !tar_number(b + 108, 8, &h->uid) ||
	    !tar_number(b + 116, 8, &h->gid) || !tar_number(b + 136, 12, &h->mtime))
		return "a number in a tar header is none";
	if (h->format != TAR_V7 && !extra_fields(b, h))
		return "a number in a tar header is none";
	return NULL;
}
