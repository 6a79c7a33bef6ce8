#include "context.h"
#include "codec.h"
#include <stdlib.h>

enum { FRAME_FLUSH_BYTES = 64 << 10, SCRATCH_BYTES = 64 << 20, KEPT_BYTES = 64 << 20 };

enum err_code frame_flush(struct frame_out *o, struct err *e)
{
	if (!o->pending.n)
		return OK;
	TRY(os_write_all(o->fd, o->pending.p, o->pending.n, "send facts", e));
	buf_clear(&o->pending);
	return OK;
}

enum err_code frame_put(struct frame_out *o, const struct fact *f, struct err *e)
{
	if (o->counts[f->type] >= fact_limit(f->type).max_count) {
		/* The parent would refuse one more. Say once that facts are missing, then drop. */
		if (o->limit_told[f->type] || f->type == FACT_SKIPPED)
			return OK;
		o->limit_told[f->type] = true;
		struct fact s = { .type = FACT_SKIPPED, .skipped = { .reason = SL("budget: facts of one type"), .cls = SKIP_BUDGET,
								    .detail = slice_str(fact_type_name(f->type)) } };
		return frame_put(o, &s, e);
	}
	size_t at = o->pending.n;
	buf_put_le32(&o->pending, 0);
	TRY(fact_encode(&o->pending, f, e));
	uint32_t n = (uint32_t)(o->pending.n - at - FRAME_HEADER_BYTES);
	for (unsigned i = 0; i < 4; i++)
		o->pending.p[at + i] = (uint8_t)(n >> (8 * i));
	o->counts[f->type]++;
	return o->pending.n >= FRAME_FLUSH_BYTES ? frame_flush(o, e) : OK;
}

/* Files that a package list names under /bin, /sbin or /lib stand under /usr where these are links (usrmerge): claim both names. */
static bool usrmerge_alias(struct slice path)
{
	static const char *const tops[] = { "bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/" };
	for (size_t i = 0; i < ARRAY_LEN(tops); i++)
		if (slice_has_prefix(path, slice_str(tops[i])))
			return true;
	return false;
}

static enum err_code sink_emit(struct fact_sink *sink, const struct fact *f, struct err *e)
{
	struct analyze_ctx *ctx = (struct analyze_ctx *)sink;
	TRY(frame_put(&ctx->out, f, e));
	if (f->type != FACT_OWNED || !usrmerge_alias(f->path) || f->path.n > 4000)
		return OK;
	char path[4096] = "usr/";
	memcpy(path + 4, f->path.p, f->path.n);
	struct fact alias = *f;
	alias.path = slice_of(path, f->path.n + 4);
	return frame_put(&ctx->out, &alias, e);
}

enum err_code context_init(struct analyze_ctx *ctx, const struct worker_settings *set, int out_fd, int scratch_fd, struct err *e)
{
	*ctx = (struct analyze_ctx){ .sink.emit = sink_emit, .set = *set, .scratch_fd = scratch_fd,
				      .scratch = ARENA(SCRATCH_BYTES), .layer_arena = ARENA(SCRATCH_BYTES) };
	ctx->out.fd = out_fd;
	(void)arena_alloc(&ctx->scratch, 1);
	ctx->scratch_start = arena_mark(&ctx->scratch);
	ctx->out.pending = BUF(16 * MIB);
	TRY(digest_open(DIGEST_SHA256, &ctx->sha256, e));
	TRY(digest_open(DIGEST_SHA1, &ctx->sha1, e));
	TRY(digest_open(DIGEST_MD5, &ctx->md5, e));
	return dispatch_build(&ctx->dispatch, e);
}

void context_free(struct analyze_ctx *ctx)
{
	for (size_t i = 0; i < ctx->n_kept; i++)
		free(ctx->kept[i].memory);
	buf_free(&ctx->out.pending);
	arena_free(&ctx->scratch);
	arena_free(&ctx->layer_arena);
	digest_close(ctx->sha256);
	digest_close(ctx->sha1);
	digest_close(ctx->md5);
	dispatch_free(ctx->dispatch);
	threat_stream_close(ctx->blocks);
}

struct fact_sink *analyze_sink(struct analyze_ctx *ctx) { return &ctx->sink; }
struct arena *analyze_scratch(struct analyze_ctx *ctx) { return &ctx->scratch; }

enum err_code analyze_emit(struct analyze_ctx *ctx, const struct file_view *f, const struct fact *fact, struct err *e)
{
	struct fact copy = *fact;
	copy.path = f->path;
	copy.inner = f->inner;
	return sink_emit(&ctx->sink, &copy, e);
}

enum err_code analyze_skip(struct analyze_ctx *ctx, const struct file_view *f, enum skip_class cls, uint64_t bytes, const char *reason,
			   const char *detail, struct err *e)
{
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_SKIPPED, .skipped = { .cls = cls, .bytes = bytes, .reason = slice_str(reason),
										      .detail = slice_str(detail) } }, e);
}

struct arena *analyze_layer_arena(struct analyze_ctx *ctx) { return &ctx->layer_arena; }

void **analyze_slot(struct analyze_ctx *ctx, const struct analyzer *a)
{
	for (unsigned i = 0; analyzers[i]; i++)
		if (analyzers[i] == a)
			return &ctx->slots[i];
	return &ctx->slots[MOST_ANALYZERS];	/* an analyzer that is not in the list: only in tests */
}

enum err_code analyze_keep(struct analyze_ctx *ctx, struct slice key, struct slice bytes, struct err *e)
{
	size_t total;
	struct kept *k = NULL;
	for (size_t i = 0; i < ctx->n_kept; i++)
		if (slice_eq(ctx->kept[i].key, key))
			k = &ctx->kept[i];
	size_t before = k ? k->key.n + k->bytes.n : 0;
	if (!add_ok(key.n, bytes.n, &total) || total > KEPT_BYTES - (ctx->kept_bytes - before) || (!k && ctx->n_kept == KEPT_SLOTS))
		return err_set(e, ERR_LIMIT, 0, "a file of %zu bytes does not fit beside what is kept until the layer's end", bytes.n);
	uint8_t *copy = malloc(total ? total : 1);
	if (!copy)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	memcpy(copy, key.p, key.n);
	if (bytes.n)
		memcpy(copy + key.n, bytes.p, bytes.n);
	if (k)
		free(k->memory);
	else
		k = &ctx->kept[ctx->n_kept++];
	*k = (struct kept){ slice_of(copy, key.n), slice_of(copy + key.n, bytes.n), copy };
	ctx->kept_bytes += total - before;
	return OK;
}

bool analyze_kept(struct analyze_ctx *ctx, struct slice key, struct slice *ret)
{
	for (size_t i = 0; i < ctx->n_kept; i++) {
		if (slice_eq(ctx->kept[i].key, key)) {
			*ret = ctx->kept[i].bytes;
			return true;
		}
	}
	return false;
}
