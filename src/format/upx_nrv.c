/* NRV2B, NRV2D and NRV2E are LZ77 with gamma-coded lengths and offsets: single bits, taken from words of 8, 16 or 32 bits (highest bit
 * first), lie between whole bytes of literals and low offset bytes. LZMA blocks have two bytes of properties before raw LZMA1. */
#include <lzma.h>
#include "upx_nrv.h"

struct nrv {
	const uint8_t *in, *in_end;
	uint8_t *out;
	size_t n, size;
	uint32_t word;
	unsigned bits, width;	/* left in word; bytes a word */
	bool bad;
};

static unsigned nrv_byte(struct nrv *s)
{
	if (s->in == s->in_end) {
		s->bad = true;
		return 0;
	}
	return *s->in++;
}

static unsigned nrv_bit(struct nrv *s)
{
	if (!s->bits) {
		s->word = 0;
		for (unsigned i = 0; i < s->width; i++)
			s->word |= (uint32_t)nrv_byte(s) << (8 * i);
		s->bits = 8 * s->width;
	}
	s->bits--;
	return s->word >> s->bits & 1;
}

/* Length continued: one data bit, then a bit that says "that was the last". */
static uint32_t nrv_gamma(struct nrv *s, uint32_t v)
{
	do
		v = v * 2 + nrv_bit(s);
	while (!nrv_bit(s) && !s->bad && v < 1u << 30);
	return v;
}

static uint32_t nrv_offset_prefix(struct nrv *s, bool b)
{
	uint32_t v = 1;
	if (b)
		return nrv_gamma(s, v);
	while (!s->bad && v < 1u << 25) {
		v = v * 2 + nrv_bit(s);
		if (nrv_bit(s))
			return v;
		v = (v - 1) * 2 + nrv_bit(s);
	}
	s->bad = true;
	return v;
}

static bool nrv_copy(struct nrv *s, uint32_t offset, uint32_t len)
{
	if (!offset || offset > s->n || len > s->size - s->n)
		return false;
	for (uint32_t i = 0; i < len; i++, s->n++)
		s->out[s->n] = s->out[s->n - offset];
	return true;
}

/* Length of a match without the long-offset bonus. `bit`: the length bit that NRV2D and NRV2E keep in the offset. */
static uint32_t nrv_length(struct nrv *s, char kind, unsigned bit)
{
	if (kind == 'e') {
		if (bit)
			return 1 + nrv_bit(s);
		return nrv_bit(s) ? 3 + nrv_bit(s) : nrv_gamma(s, 1) + 3;
	}
	uint32_t len = bit * 2 + nrv_bit(s);
	return len ? len : nrv_gamma(s, 1) + 2;
}

static bool nrv_run(struct nrv *s, char kind)
{
	uint32_t last = 1;
	while (!s->bad) {
		while (nrv_bit(s) && !s->bad) {
			if (s->n == s->size)
				return false;
			s->out[s->n++] = (uint8_t)nrv_byte(s);
		}
		uint32_t prefix = nrv_offset_prefix(s, kind == 'b'), offset = last;
		unsigned bit = 0;
		if (s->bad || prefix > 0x1000002)
			return false;
		if (prefix == 2) {
			bit = nrv_bit(s);
		} else {
			uint32_t v = (prefix - 3) * 256 + nrv_byte(s);
			if (v == 0xffffffff)
				return !s->bad && s->n == s->size;
			bit = kind == 'b' ? nrv_bit(s) : ~v & 1;
			last = offset = (kind == 'b' ? v : v >> 1) + 1;
		}
		uint32_t len = nrv_length(s, kind, bit) + (offset > (kind == 'b' ? 0xd00 : 0x500));
		if (!nrv_copy(s, offset, len + 1))
			return false;
	}
	return false;
}

static bool lzma_run(struct slice in, uint8_t *out, size_t size)
{
	lzma_options_lzma opt = { 0 };
	if (in.n < 7)
		return false;
	opt.pb = in.p[0] & 7;
	opt.lp = in.p[1] >> 4;
	opt.lc = in.p[1] & 15;
	opt.dict_size = (uint32_t)MAX(size, (size_t)LZMA_DICT_SIZE_MIN);
	if (opt.pb > 4 || opt.lc + opt.lp > 4 || (unsigned)(in.p[0] >> 3) != opt.lc + opt.lp)
		return false;
	const lzma_filter filters[] = { { LZMA_FILTER_LZMA1, &opt }, { LZMA_VLI_UNKNOWN, NULL } };
	/* The stream has no end mark: the output being full is its end. */
	lzma_stream strm = LZMA_STREAM_INIT;
	if (lzma_raw_decoder(&strm, filters) != LZMA_OK)
		return false;
	strm.next_in = in.p + 2;
	strm.avail_in = in.n - 2;
	strm.next_out = out;
	strm.avail_out = size;
	while (strm.avail_out && lzma_code(&strm, LZMA_RUN) == LZMA_OK)
		;
	bool full = !strm.avail_out;
	lzma_end(&strm);
	return full;
}

bool upx_method_known(unsigned method) { return (method >= UPX_M_NRV2B_LE32 && method <= UPX_M_NRV2E_LE16) || method == UPX_M_LZMA; }

bool upx_decompress(unsigned method, struct slice in, uint8_t *out, size_t size)
{
	static const uint8_t width[] = { 4, 1, 2 };
	if (method == UPX_M_LZMA)
		return lzma_run(in, out, size);
	if (!upx_method_known(method))
		return false;
	unsigned i = method - UPX_M_NRV2B_LE32;
	struct nrv s = { .in = in.p, .in_end = in.p + in.n, .out = out, .size = size, .width = width[i % 3] };
	return nrv_run(&s, i < 3 ? 'b' : i < 6 ? 'd' : 'e');
}
