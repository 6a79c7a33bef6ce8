#include <bzlib.h>
#include <stdlib.h>
#include "engine.h"

struct bz2_state {
	bz_stream z;
	bool ready;
};

static void *bz2_open(void) { return calloc(1, sizeof(struct bz2_state)); }

static bool bz2_start(void *state)
{
	struct bz2_state *s = state;
	if (s->ready)
		BZ2_bzDecompressEnd(&s->z);
	s->z = (bz_stream){ 0 };
	s->ready = BZ2_bzDecompressInit(&s->z, 0, 0) == BZ_OK;
	return s->ready;
}

static enum step bz2_step(void *state, struct io *io)
{
	struct bz2_state *s = state;
	size_t in_n = MIN(io->in_n, GIB), out_n = MIN(io->out_n, GIB);
	int r;
	s->z.next_in = (char *)(uintptr_t)io->in;
	s->z.avail_in = (unsigned)in_n;
	s->z.next_out = (char *)io->out;
	s->z.avail_out = (unsigned)out_n;
	r = BZ2_bzDecompress(&s->z);
	io->in += in_n - s->z.avail_in;
	io->in_n -= in_n - s->z.avail_in;
	io->out += out_n - s->z.avail_out;
	io->out_n -= out_n - s->z.avail_out;
	switch (r) {
	case BZ_STREAM_END: return STEP_END;
	case BZ_OK: return STEP_MORE;
	case BZ_MEM_ERROR: return STEP_NOMEM;
	default:
		io->why = r == BZ_DATA_ERROR_MAGIC ? "not a bzip2 stream" : "corrupt data or a wrong CRC";
		return STEP_BAD;
	}
}

static void bz2_close(void *state)
{
	struct bz2_state *s = state;
	if (s->ready)
		BZ2_bzDecompressEnd(&s->z);
	free(s);
}

const struct engine engine_bzip2 = { COMP_BZIP2, bz2_open, bz2_start, bz2_step, bz2_close };
