/* What decompress.c needs of one decompressor: begin a member, step through it, say when it ended. */
#pragma once
#include "codec.h"

enum { ENGINE_WINDOW_LOG_MAX = 27 };
#define ENGINE_MEMORY_MAX (128 * MIB)

enum step { STEP_MORE, STEP_END, STEP_BAD, STEP_TOO_LARGE, STEP_NOMEM };

struct io {	/* advanced by a step */
	const uint8_t *in;
	size_t in_n;
	uint8_t *out;
	size_t out_n;
	const char *why;	/* of STEP_BAD; a constant */
};

struct engine {
	enum compression kind;
	void *(*open)(void);				/* NULL: no memory */
	bool (*start)(void *state);			/* before each member, the first one too */
	enum step (*step)(void *state, struct io *io);	/* STEP_END: io->in is exactly behind the member */
	void (*close)(void *state);
};

extern const struct engine engine_gzip_zlib, engine_gzip_isal, engine_zstd, engine_xz, engine_lzma, engine_bzip2;

/* True when s (8 bytes are enough) begins a further member of that kind. */
bool engine_starts(enum compression kind, struct slice s);
