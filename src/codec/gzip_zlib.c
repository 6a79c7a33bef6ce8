#include <stdlib.h>
#include <zlib.h>
#include "engine.h"

struct zlib_state {
	z_stream z;
	bool ready;
};

static void *zlib_open(void) { return calloc(1, sizeof(struct zlib_state)); }

static bool zlib_start(void *state)
{
	struct zlib_state *s = state;
	if (s->ready)
		return inflateReset(&s->z) == Z_OK;
	s->ready = inflateInit2(&s->z, 16 + 15) == Z_OK;	/* 16: a gzip wrapper and nothing else */
	return s->ready;
}

static enum step zlib_step(void *state, struct io *io)
{
	struct zlib_state *s = state;
	size_t in_n = MIN(io->in_n, GIB), out_n = MIN(io->out_n, GIB);
	int r;
	s->z.next_in = (Bytef *)(uintptr_t)io->in;
	s->z.avail_in = (uInt)in_n;
	s->z.next_out = io->out;
	s->z.avail_out = (uInt)out_n;
	r = inflate(&s->z, Z_NO_FLUSH);
	io->in += in_n - s->z.avail_in;
	io->in_n -= in_n - s->z.avail_in;
	io->out += out_n - s->z.avail_out;
	io->out_n -= out_n - s->z.avail_out;
	if (r == Z_STREAM_END)
		return STEP_END;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return STEP_MORE;
	if (r == Z_MEM_ERROR)
		return STEP_NOMEM;
	io->why = s->z.msg ? s->z.msg : "broken deflate data";
	return STEP_BAD;
}

static void zlib_close(void *state)
{
	struct zlib_state *s = state;
	if (s->ready)
		inflateEnd(&s->z);
	free(s);
}

const struct engine engine_gzip_zlib = { COMP_GZIP, zlib_open, zlib_start, zlib_step, zlib_close };
