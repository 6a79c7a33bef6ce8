#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#include "engine.h"

static void *zst_open(void)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	if (d)
		ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, ENGINE_WINDOW_LOG_MAX);
	return d;
}

static bool zst_start(void *state) { return !ZSTD_isError(ZSTD_DCtx_reset(state, ZSTD_reset_session_only)); }

static enum step zst_step(void *state, struct io *io)
{
	ZSTD_inBuffer in = { io->in, io->in_n, 0 };
	ZSTD_outBuffer out = { io->out, io->out_n, 0 };
	size_t r = ZSTD_decompressStream(state, &out, &in);
	io->in += in.pos;
	io->in_n -= in.pos;
	io->out += out.pos;
	io->out_n -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0 ? STEP_END : STEP_MORE;
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_frameParameter_windowTooLarge: return STEP_TOO_LARGE;
	case ZSTD_error_memory_allocation: return STEP_NOMEM;
	default:
		io->why = ZSTD_getErrorName(r);
		return STEP_BAD;
	}
}

static void zst_close(void *state) { ZSTD_freeDCtx(state); }

const struct engine engine_zstd = { COMP_ZSTD, zst_open, zst_start, zst_step, zst_close };
