/* One decompressing stream for all kinds: members one after another, bytes behind the last one counted. */
#include <stdlib.h>
#include "codec.h"
#include "engine.h"

enum { IN_BYTES = 256 * 1024, SNIFF_BYTES = 8 };

struct unpack {
	struct stream s, *below;
	const struct engine *engine;	/* NULL: bytes pass through */
	void *state;
	struct decompress_info *info;
	enum { AT_START, IN_MEMBER, BETWEEN, DONE } where;
	bool below_ended;
	struct err failed;		/* sticky; code OK when nothing failed */
	uint64_t padding;		/* zero bytes behind an xz stream, not yet known to be trailing */
	size_t at, n;			/* unread part of in */
	uint8_t in[IN_BYTES];
};

/* Appends to the unread input; sets below_ended at the end. */
static enum err_code fill(struct unpack *u, struct err *e)
{
	size_t n = 0;
	if (u->at) {
		memmove(u->in, u->in + u->at, u->n - u->at);
		u->n -= u->at;
		u->at = 0;
	}
	if (u->below_ended || u->n == IN_BYTES)
		return OK;
	TRY(stream_read(u->below, u->in + u->n, IN_BYTES - u->n, &n, e));
	u->below_ended = n == 0;
	u->n += n;
	u->info->in_bytes += n;
	return OK;
}

static struct slice unread(const struct unpack *u) { return slice_of(u->in + u->at, u->n - u->at); }
static uint64_t offset_of(const struct unpack *u) { return u->info->in_bytes - (u->n - u->at); }

/* All that is left belongs to no member. */
static enum err_code swallow_trailing(struct unpack *u, struct err *e)
{
	u->info->trailing_bytes += u->padding;
	for (;;) {
		struct slice rest = unread(u);
		for (size_t i = 0; i < rest.n && !u->info->trailing_nonzero; i++)
			u->info->trailing_nonzero = rest.p[i] != 0;
		u->info->trailing_bytes += rest.n;
		u->at = u->n;
		if (u->below_ended)
			break;
		TRY(fill(u, e));
	}
	u->where = DONE;
	return OK;
}

/* xz allows zero bytes between streams. */
static enum err_code skip_padding(struct unpack *u, struct err *e)
{
	do {
		while (u->at < u->n && u->in[u->at] == 0) {
			u->at++;
			u->padding++;
		}
		if (u->at < u->n)
			return OK;
		TRY(fill(u, e));
	} while (!u->below_ended || u->n);
	return OK;
}

static enum err_code next_member(struct unpack *u, struct err *e)
{
	if (u->engine->kind == COMP_XZ && u->where == BETWEEN)
		TRY(skip_padding(u, e));
	while (u->n - u->at < SNIFF_BYTES && !u->below_ended)
		TRY(fill(u, e));
	if (u->where == BETWEEN && !engine_starts(u->engine->kind, unread(u)))
		return swallow_trailing(u, e);
	u->padding = 0;
	if (!u->engine->start(u->state))
		return err_set(e, ERR_NOMEM, 0, "memory to decompress %s", compression_name(u->engine->kind));
	u->where = IN_MEMBER;
	return OK;
}

static enum err_code step_error(struct unpack *u, enum step r, const char *why, struct err *e)
{
	const char *kind = compression_name(u->engine->kind);
	switch (r) {
	case STEP_NOMEM: return err_set(e, ERR_NOMEM, 0, "memory to decompress %s", kind);
	case STEP_TOO_LARGE: return err_at(e, ERR_UNSUPPORTED, offset_of(u), "%s: its window needs more than 128 MiB", kind);
	default: return err_at(e, ERR_FORMAT, offset_of(u), "corrupt %s: %s", kind, why);
	}
}

/* One step inside a member; *ret_n may stay 0. */
static enum err_code step(struct unpack *u, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct io io = { u->in + u->at, u->n - u->at, dst, cap, "broken data" };
	size_t in_before = io.in_n;
	enum step r = u->engine->step(u->state, &io);
	u->at = u->n - io.in_n;
	*ret_n = cap - io.out_n;
	u->info->out_bytes += *ret_n;
	if (r == STEP_END) {
		u->info->members++;
		u->where = BETWEEN;
		return OK;
	}
	if (r != STEP_MORE && *ret_n) {
		/* what came out before the fault is the reader's; the fault is told by the next read */
		u->failed.code = step_error(u, r, io.why, &u->failed);
		return OK;
	}
	if (r != STEP_MORE)
		return step_error(u, r, io.why, e);
	if (*ret_n || io.in_n != in_before)
		return OK;
	/* No progress: more input is needed, or the engine is stuck. */
	if (u->below_ended)
		return err_at(e, ERR_FORMAT, offset_of(u), "%s data is cut off", compression_name(u->engine->kind));
	if (io.in_n == IN_BYTES)
		return step_error(u, STEP_BAD, "no progress", e);
	return fill(u, e);
}

static enum err_code unpack_some(struct unpack *u, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	size_t n = 0;
	while (n == 0 && u->where != DONE) {
		if (u->where == IN_MEMBER)
			TRY(step(u, dst, cap, &n, e));
		else
			TRY(next_member(u, e));
	}
	*ret_n = n;
	return OK;
}

static enum err_code pass_some(struct unpack *u, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct slice have = unread(u);
	size_t n = MIN(have.n, cap);
	if (n) {
		memcpy(dst, have.p, n);
		u->at += n;
	} else if (!u->below_ended) {
		TRY(stream_read(u->below, dst, cap, &n, e));
		u->below_ended = n == 0;
		u->info->in_bytes += n;
	}
	u->info->out_bytes += n;
	*ret_n = n;
	return OK;
}

static enum err_code unpack_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct unpack *u = (struct unpack *)s;
	size_t n = 0;
	if (u->failed.code) {
		*e = u->failed;
		return e->code;
	}
	if ((u->engine ? unpack_some : pass_some)(u, dst, cap, &n, e) != OK) {
		u->failed = *e;
		return e->code;
	}
	*ret_n = n;
	return OK;
}

static void unpack_close(struct stream *s)
{
	struct unpack *u = (struct unpack *)s;
	if (u->state)
		u->engine->close(u->state);
	stream_close(u->below);
	free(u);
}

static const struct stream_ops unpack_ops = { unpack_read, unpack_close };

static const struct engine *engine_of(enum compression kind, bool fast)
{
	switch (kind) {
	case COMP_GZIP: return fast ? &engine_gzip_isal : &engine_gzip_zlib;
	case COMP_ZSTD: return &engine_zstd;
	case COMP_XZ: return &engine_xz;
	case COMP_LZMA: return &engine_lzma;
	case COMP_BZIP2: return &engine_bzip2;
	default: return NULL;
	}
}

static enum err_code unpack_open(struct unpack *u, bool fast, struct err *e)
{
	while (u->n < SNIFF_BYTES && !u->below_ended)
		TRY(fill(u, e));
	u->info->kind = compression_sniff(unread(u));
	if (u->info->kind == COMP_LZ4)
		return err_set(e, ERR_UNSUPPORTED, 0, "lz4 is not opened");
	u->engine = engine_of(u->info->kind, fast);
	if (u->engine && !(u->state = u->engine->open()))
		return err_set(e, ERR_NOMEM, 0, "memory to decompress %s", compression_name(u->info->kind));
	return OK;
}

enum err_code stream_decompress(struct stream *below, bool fast, struct decompress_info *info, struct stream **ret, struct err *e)
{
	struct unpack *u = malloc(sizeof(*u));
	*info = (struct decompress_info){ 0 };
	if (!u) {
		stream_close(below);
		return err_set(e, ERR_NOMEM, 0, "memory for a stream");
	}
	memset(u, 0, offsetof(struct unpack, in));
	u->s.ops = &unpack_ops;
	u->below = below;
	u->info = info;
	if (unpack_open(u, fast, e) != OK) {
		unpack_close(&u->s);
		return e->code;
	}
	*ret = &u->s;
	return OK;
}
