/* Addresses: parsing, and those that never identify anybody. */
#include "intel_private.h"
#include <arpa/inet.h>

static bool parse_v4(struct slice s, uint8_t out[16])
{
	char text[16];
	if (s.n < 7 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	return inet_pton(AF_INET, text, out) == 1;
}

static bool parse_v6(struct slice s, uint8_t out[16])
{
	char text[48];
	if (s.n < 2 || s.n >= sizeof(text) || slice_find_byte(s, ':') < 0)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	return inet_pton(AF_INET6, text, out) == 1;
}

/* Takes ":80" or "/24" off the end. */
static bool take_number(struct slice *s, uint8_t mark, uint64_t max, uint64_t *ret)
{
	ptrdiff_t at = slice_rfind_byte(*s, mark);
	if (at < 0)
		return true;
	uint64_t v;
	if (!slice_to_u64(slice_from(*s, (size_t)at + 1), &v) || v > max)
		return false;
	*ret = v;
	*s = slice_upto(*s, (size_t)at);
	return true;
}

bool intel_addr_parse(struct slice s, struct intel_addr *ret)
{
	struct intel_addr a = { .prefix = 32 };
	uint64_t prefix = 129, port = 0;
	s = slice_trim(s);
	if (s.n > 64 || !take_number(&s, '/', 128, &prefix))
		return false;
	if (s.n && s.p[0] == '[') {
		ptrdiff_t close = slice_find_byte(s, ']');
		if (close < 0)
			return false;
		struct slice rest = slice_from(s, (size_t)close + 1);
		if (rest.n && (!take_number(&rest, ':', 65535, &port) || rest.n))
			return false;
		s = slice_sub(s, 1, (size_t)close - 1);
	} else if (slice_find_byte(s, '.') >= 0 && slice_find_byte(s, ':') == slice_rfind_byte(s, ':')) {
		if (!take_number(&s, ':', 65535, &port))
			return false;
	}
	a.port = (uint16_t)port;
	if (!parse_v4(s, a.b)) {
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
		if (!parse_v6(s, a.b))
			return false;
		a.v6 = true;
		a.prefix = 128;
		if (!memcmp(a.b, mapped, sizeof(mapped)) && prefix == 129) {	/* ::ffff:1.2.3.4 is 1.2.3.4 */
			memmove(a.b, a.b + 12, 4);
			memset(a.b + 4, 0, 12);
			a.v6 = false;
			a.prefix = 32;
		}
	}
	if (prefix != 129 && (prefix > a.prefix || port))
		return false;
	if (prefix != 129)
		a.prefix = (unsigned)prefix;
	*ret = a;
	return true;
}

struct net { uint8_t b[4]; unsigned prefix; };

static bool in_net(const uint8_t *a, const uint8_t *net, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;
	if (whole && memcmp(a, net, whole))
		return false;
	return !rest || (a[whole] >> (8 - rest)) == (net[whole] >> (8 - rest));
}

bool intel_addr_private(const struct intel_addr *a)
{
	/* IANA special-purpose registries (RFC 6890 and successors), and resolvers that everybody asks. */
	static const struct net v4[] = {
		{ { 0 }, 8 }, { { 10 }, 8 }, { { 100, 64 }, 10 }, { { 127 }, 8 }, { { 169, 254 }, 16 }, { { 172, 16 }, 12 },
		{ { 192, 0, 0 }, 24 }, { { 192, 0, 2 }, 24 }, { { 192, 88, 99 }, 24 }, { { 192, 168 }, 16 }, { { 198, 18 }, 15 },
		{ { 198, 51, 100 }, 24 }, { { 203, 0, 113 }, 24 }, { { 224 }, 3 },
		{ { 8, 8, 8, 8 }, 32 }, { { 8, 8, 4, 4 }, 32 }, { { 1, 1, 1, 1 }, 32 }, { { 1, 0, 0, 1 }, 32 }, { { 9, 9, 9, 9 }, 32 },
		{ { 208, 67, 222, 222 }, 32 }, { { 208, 67, 220, 220 }, 32 }, { { 114, 114, 114, 114 }, 32 }, { { 223, 5, 5, 5 }, 32 },
	};
	static const uint8_t doc6[4] = { 0x20, 0x01, 0x0d, 0xb8 }, zero[15];
	if (!a->v6) {
		for (size_t i = 0; i < ARRAY_LEN(v4); i++)
			if (in_net(a->b, v4[i].b, MIN(v4[i].prefix, a->prefix)))
				return true;
		return false;
	}
	return !memcmp(a->b, zero, 15) || (a->b[0] & 0xfe) == 0xfc || a->b[0] == 0xff || (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) ||
	       !memcmp(a->b, doc6, 4);
}

void intel_key_addr(const struct intel_addr *a, uint8_t key[INTEL_KEY_BYTES])
{
	uint8_t raw[20] = { a->v6 ? 6 : 4, (uint8_t)a->prefix, (uint8_t)(a->port >> 8), (uint8_t)a->port };
	unsigned bytes = a->v6 ? 16 : 4;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned left = a->prefix > i * 8 ? a->prefix - i * 8 : 0;
		raw[4 + i] = left >= 8 ? a->b[i] : (uint8_t)(a->b[i] & ~(0xffu >> left));
	}
	intel_key(INTEL_IP, slice_of(raw, 4 + bytes), key);
}
