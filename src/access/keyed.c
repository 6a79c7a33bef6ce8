/* Keyed hashes: HMAC-SHA256 (RFC 2104), SipHash-1-3 (Aumasson, Bernstein), and base64url (RFC 4648, 5). */
#include "inside.h"

void access_hmac_key_set(struct hmac_key *k, const uint8_t key[SECRET_BYTES])
{
	for (size_t i = 0; i < 64; i++) {
		uint8_t c = i < SECRET_BYTES ? key[i] : 0;
		k->inner[i] = c ^ 0x36;
		k->outer[i] = c ^ 0x5c;
	}
}

void access_hmac_of(const struct hmac_key *k, const struct slice *parts, size_t n, uint8_t out[32])
{
	uint8_t text[64 + HMAC_MAX], last[64 + 32];
	size_t at = 64;
	memcpy(text, k->inner, 64);
	for (size_t i = 0; i < n; i++) {
		size_t m = MIN(parts[i].n, sizeof(text) - at);
		if (m)
			memcpy(text + at, parts[i].p, m);
		at += m;
	}
	memcpy(last, k->outer, 64);
	digest_of(DIGEST_SHA256, slice_of(text, at), last + 64);
	digest_of(DIGEST_SHA256, slice_of(last, sizeof(last)), out);
	explicit_bzero(text, at);
}

static inline uint64_t rotl(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotl(v[1], 13); v[1] ^= v[0]; v[0] = rotl(v[0], 32);
	v[2] += v[3]; v[3] = rotl(v[3], 16); v[3] ^= v[2];
	v[0] += v[3]; v[3] = rotl(v[3], 21); v[3] ^= v[0];
	v[2] += v[1]; v[1] = rotl(v[1], 17); v[1] ^= v[2]; v[2] = rotl(v[2], 32);
}

uint64_t access_sip_of(const struct sip_key *k, struct slice s)
{
	uint64_t v[4] = { k->a ^ 0x736f6d6570736575, k->b ^ 0x646f72616e646f6d, k->a ^ 0x6c7967656e657261, k->b ^ 0x7465646279746573 };
	uint64_t word, last = (uint64_t)s.n << 56;
	size_t at = 0;
	for (; at + 8 <= s.n; at += 8) {
		memcpy(&word, s.p + at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; at + i < s.n; i++)
		last |= (uint64_t)s.p[at + i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool access_base64url_put(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = MIN(s.n - i, (size_t)3);
		uint32_t v = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) | (left > 2 ? s.p[i + 2] : 0);
		char four[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63], alphabet[v & 63] };
		buf_put(out, four, left + 1);
	}
	return !out->failed;
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool access_base64url_decode(struct slice s, uint8_t *dst, size_t cap, size_t *ret_n)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;
	if (s.n % 4 == 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int v = value_of(s.p[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			if (n == cap)
				return false;
			held -= 8;
			dst[n++] = (uint8_t)(bits >> held);
		}
	}
	if (bits & ((1u << held) - 1))
		return false;	/* two texts would give the same bytes */
	*ret_n = n;
	return true;
}
