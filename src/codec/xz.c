#include <lzma.h>
#include <stdlib.h>
#include "engine.h"

static void *xz_open(void)
{
	lzma_stream *s = malloc(sizeof(*s));
	if (s)
		*s = (lzma_stream)LZMA_STREAM_INIT;
	return s;
}

static bool xz_start(void *state) { return lzma_stream_decoder(state, ENGINE_MEMORY_MAX, 0) == LZMA_OK; }
static bool lzma_start(void *state) { return lzma_alone_decoder(state, ENGINE_MEMORY_MAX) == LZMA_OK; }

static const char *xz_why(lzma_ret r)
{
	switch (r) {
	case LZMA_FORMAT_ERROR: return "not such a stream";
	case LZMA_OPTIONS_ERROR: return "unsupported filters or options";
	case LZMA_DATA_ERROR: return "corrupt data or a wrong check";
	default: return "broken data";
	}
}

static enum step xz_step(void *state, struct io *io)
{
	lzma_stream *s = state;
	lzma_ret r;
	s->next_in = io->in;
	s->avail_in = io->in_n;
	s->next_out = io->out;
	s->avail_out = io->out_n;
	r = lzma_code(s, LZMA_RUN);
	io->in = s->next_in;
	io->in_n = s->avail_in;
	io->out = s->next_out;
	io->out_n = s->avail_out;
	switch (r) {
	case LZMA_STREAM_END: return STEP_END;
	case LZMA_OK:
	case LZMA_BUF_ERROR: return STEP_MORE;
	case LZMA_MEM_ERROR: return STEP_NOMEM;
	case LZMA_MEMLIMIT_ERROR: return STEP_TOO_LARGE;
	default:
		io->why = xz_why(r);
		return STEP_BAD;
	}
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

const struct engine engine_xz = { COMP_XZ, xz_open, xz_start, xz_step, xz_close };
const struct engine engine_lzma = { COMP_LZMA, xz_open, lzma_start, xz_step, xz_close };
