/* Keccak-256 with the original padding (0x01), as Monero and Ethereum use it; SHA-3 of FIPS 202 pads differently and OpenSSL 3.0 has
 * only that. Written from the Keccak reference (keccak.team). */
#include "wallet.h"

static inline uint64_t rol(uint64_t v, unsigned n)
{
	return n ? v << n | v >> (64 - n) : v;
}

static void permute(uint64_t st[25])
{
	static const uint64_t round_constants[24] = {
		0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
		0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
		0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
		0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
	};
	/* rotation of lane x + 5y */
	static const uint8_t rot[25] = { 0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14 };
	for (unsigned round = 0; round < 24; round++) {
		uint64_t c[5], b[25];
		for (unsigned x = 0; x < 5; x++)
			c[x] = st[x] ^ st[x + 5] ^ st[x + 10] ^ st[x + 15] ^ st[x + 20];
		for (unsigned i = 0; i < 25; i++)
			st[i] ^= c[(i + 4) % 5] ^ rol(c[(i + 1) % 5], 1);
		for (unsigned x = 0; x < 5; x++)
			for (unsigned y = 0; y < 5; y++)
				b[y + 5 * ((2 * x + 3 * y) % 5)] = rol(st[x + 5 * y], rot[x + 5 * y]);
		for (unsigned i = 0; i < 25; i++)
			st[i] = b[i] ^ (~b[i / 5 * 5 + (i + 1) % 5] & b[i / 5 * 5 + (i + 2) % 5]);
		st[0] ^= round_constants[round];
	}
}

static void absorb(uint64_t st[25], const uint8_t *p, size_t rate)
{
	for (size_t i = 0; i < rate; i++)
		st[i / 8] ^= (uint64_t)p[i] << (i % 8 * 8);
	permute(st);
}

void keccak256(struct slice s, uint8_t out[32])
{
	enum { RATE = 136 };
	uint64_t st[25] = { 0 };
	uint8_t last[RATE] = { 0 };
	for (; s.n >= RATE; s = slice_from(s, RATE))
		absorb(st, s.p, RATE);
	if (s.n)
		memcpy(last, s.p, s.n);
	last[s.n] ^= 0x01;
	last[RATE - 1] ^= 0x80;
	absorb(st, last, RATE);
	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(st[i / 8] >> (i % 8 * 8));
}
