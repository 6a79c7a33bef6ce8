#include <stdio.h>
#include "hash.h"

void blob_hash_begin(struct blob_hash *h, int algo)
{
	*h = (struct blob_hash){ .algo = algo };
	if (algo == DIGEST_SHA512)
		SHA512_Init(&h->s512);
	else
		SHA256_Init(&h->s256);
}

void blob_hash_update(struct blob_hash *h, struct slice bytes)
{
	if (!bytes.n)
		return;
	h->bytes += bytes.n;
	if (h->algo == DIGEST_SHA512)
		SHA512_Update(&h->s512, bytes.p, bytes.n);
	else
		SHA256_Update(&h->s256, bytes.p, bytes.n);
}

void blob_hash_final(struct blob_hash *h, char dst[BLOB_DIGEST_MAX])
{
	uint8_t out[DIGEST_MAX_BYTES];
	if (h->algo == DIGEST_SHA512)
		SHA512_Final(out, &h->s512);
	else
		SHA256_Final(out, &h->s256);
	int n = snprintf(dst, BLOB_DIGEST_MAX, "%s:", digest_name(h->algo));
	hex_encode(dst + n, out, digest_size(h->algo));
}

/* "sha256:<bytes taken>:<chaining value>:<bytes of the block begun>", numbers and bytes in hex. The length tells how full the
 * block is. */
void blob_hash_save(const struct blob_hash *h, struct buf *out)
{
	char hex[2 * SHA512_CBLOCK + 1];
	bool big = h->algo == DIGEST_SHA512;
	size_t fill = h->bytes % (big ? SHA512_CBLOCK : SHA256_CBLOCK);
	buf_printf(out, "%s:%llx:", digest_name(h->algo), (unsigned long long)h->bytes);
	for (size_t i = 0; i < 8; i++)
		if (big)
			buf_printf(out, "%016llx", (unsigned long long)h->s512.h[i]);
		else
			buf_printf(out, "%08x", (unsigned)h->s256.h[i]);
	hex_encode(hex, big ? h->s512.u.p : (const uint8_t *)h->s256.data, fill);
	buf_printf(out, ":%s", hex);
}

static bool hex_u64(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (!s.n || !blob_is_hex(s, MIN(s.n, (size_t)16)))
		return false;
	for (size_t i = 0; i < s.n; i++)
		v = v << 4 | (uint64_t)(s.p[i] <= '9' ? s.p[i] - '0' : s.p[i] - 'a' + 10);
	*ret = v;
	return true;
}

bool blob_hash_load(struct slice text, struct blob_hash *ret)
{
	struct slice name, count, words, block;
	struct blob_hash h;
	uint64_t bytes, v;
	if (!slice_next_piece(&text, ':', &name) || !slice_next_piece(&text, ':', &count) || !slice_next_piece(&text, ':', &words) ||
	    !slice_next_piece(&text, ':', &block) || text.p || !hex_u64(count, &bytes) || bytes > INT64_MAX)
		return false;
	bool big = slice_eqs(name, "sha512");
	size_t digits = big ? 16 : 8, fill = bytes % (big ? SHA512_CBLOCK : SHA256_CBLOCK);
	if ((!big && !slice_eqs(name, "sha256")) || words.n != 8 * digits)
		return false;
	blob_hash_begin(&h, big ? DIGEST_SHA512 : DIGEST_SHA256);
	for (size_t i = 0; i < 8; i++) {
		if (!hex_u64(slice_sub(words, i * digits, digits), &v))
			return false;
		if (big)
			h.s512.h[i] = v;
		else
			h.s256.h[i] = (SHA_LONG)v;
	}
	if (!hex_decode(block, big ? h.s512.u.p : (uint8_t *)h.s256.data, fill, false))
		return false;
	h.bytes = bytes;
	/* OpenSSL counts in bits, in two words. */
	if (big) {
		h.s512.Nl = bytes << 3;
		h.s512.num = (unsigned)fill;
	} else {
		h.s256.Nl = (SHA_LONG)(bytes << 3);
		h.s256.Nh = (SHA_LONG)(bytes >> 29);
		h.s256.num = (unsigned)fill;
	}
	*ret = h;
	return true;
}
