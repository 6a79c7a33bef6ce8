#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include "engine.h"

static void *isal_open(void)
{
	struct inflate_state *s = calloc(1, sizeof(*s));
	if (s)
		isal_inflate_init(s);
	return s;
}

static bool isal_start(void *state)
{
	struct inflate_state *s = state;
	isal_inflate_reset(s);
	s->crc_flag = ISAL_GZIP;	/* reads the header, checks CRC and length in the trailer */
	return true;
}

static const char *isal_why(int r)
{
	switch (r) {
	case ISAL_INVALID_BLOCK: return "invalid deflate block";
	case ISAL_INVALID_SYMBOL: return "invalid deflate symbol";
	case ISAL_INVALID_LOOKBACK: return "invalid distance too far back";
	case ISAL_INVALID_WRAPPER: return "incorrect gzip header";
	case ISAL_UNSUPPORTED_METHOD: return "unknown compression method";
	case ISAL_INCORRECT_CHECKSUM: return "incorrect data check (CRC or length)";
	default: return "broken deflate data";
	}
}

static enum step isal_step(void *state, struct io *io)
{
	struct inflate_state *s = state;
	size_t in_n = MIN(io->in_n, GIB), out_n = MIN(io->out_n, GIB);
	int r;
	s->next_in = (uint8_t *)(uintptr_t)io->in;
	s->avail_in = (uint32_t)in_n;
	s->next_out = io->out;
	s->avail_out = (uint32_t)out_n;
	r = isal_inflate(s);
	io->in += in_n - s->avail_in;
	io->in_n -= in_n - s->avail_in;
	io->out += out_n - s->avail_out;
	io->out_n -= out_n - s->avail_out;
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT && r != ISAL_OUT_OVERFLOW) {
		io->why = isal_why(r);
		return STEP_BAD;
	}
	return s->block_state == ISAL_BLOCK_FINISH ? STEP_END : STEP_MORE;
}

const struct engine engine_gzip_isal = { COMP_GZIP, isal_open, isal_start, isal_step, free };
