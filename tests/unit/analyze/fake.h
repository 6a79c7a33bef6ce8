/* A context for one analyzer without the worker: facts become lines of JSON. Include it in one file of the test program only. */
#pragma once
#include <stdlib.h>
#include "registry.h"

struct kept { struct slice key, bytes; };
struct analyze_ctx {
	struct fact_sink sink;
	struct arena scratch, layer;
	struct buf out;			/* one line of JSON a fact */
	void *slots[64];
	struct kept kept[16];
	unsigned n_kept;
	uint64_t budget_bytes, budget_members;
};

struct fact_sink *analyze_sink(struct analyze_ctx *ctx) { return &ctx->sink; }
struct arena *analyze_scratch(struct analyze_ctx *ctx) { return &ctx->scratch; }
struct arena *analyze_layer_arena(struct analyze_ctx *ctx) { return &ctx->layer; }

static enum err_code fake_emit(struct fact_sink *sink, const struct fact *fact, struct err *e)
{
	struct analyze_ctx *ctx = (struct analyze_ctx *)sink;
	AUTO_BUF b = BUF(MIB);
	struct fact back;
	TRY(fact_encode(&b, fact, e));
	TRY(fact_decode(buf_slice(&b), &back, e));
	fact_to_json(&ctx->out, &back);
	if (ctx->out.n && ctx->out.p[ctx->out.n - 1] != '\n')
		buf_putc(&ctx->out, '\n');
	return buf_ok(&ctx->out, "the facts of a test", e);
}

void **analyze_slot(struct analyze_ctx *ctx, const struct analyzer *a)
{
	for (size_t i = 0; i < ARRAY_LEN(ctx->slots); i++)
		if (analyzers[i] == a)
			return &ctx->slots[i];
	abort();
}

enum err_code analyze_keep(struct analyze_ctx *ctx, struct slice key, struct slice bytes, struct err *e)
{
	if (ctx->n_kept == ARRAY_LEN(ctx->kept))
		return err_set(e, ERR_LIMIT, 0, "too much is kept");
	ctx->kept[ctx->n_kept++] = (struct kept){ arena_dup(&ctx->layer, key), arena_dup(&ctx->layer, bytes) };
	return OK;
}

bool analyze_kept(struct analyze_ctx *ctx, struct slice key, struct slice *ret_bytes)
{
	for (unsigned i = ctx->n_kept; i-- > 0;)
		if (slice_eq(ctx->kept[i].key, key)) {
			*ret_bytes = ctx->kept[i].bytes;
			return true;
		}
	return false;
}

enum err_code analyze_emit(struct analyze_ctx *ctx, const struct file_view *f, const struct fact *fact, struct err *e)
{
	struct fact full = *fact;
	full.path = f->path;
	full.inner = f->inner;
	return ctx->sink.emit(&ctx->sink, &full, e);
}

enum err_code analyze_skip(struct analyze_ctx *ctx, const struct file_view *f, enum skip_class cls, uint64_t bytes, const char *reason,
			   const char *detail, struct err *e)
{
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_SKIPPED, .skipped = { slice_str(reason), slice_str(detail), cls, bytes } }, e);
}

static void fake_view(struct analyze_ctx *ctx, const struct file_view *f);

struct analyze_budget analyze_budget(const struct analyze_ctx *ctx, const struct file_view *f)
{
	return (struct analyze_budget){ ctx->budget_bytes, ctx->budget_members, f->depth < 4 ? 4 - f->depth : 0 };
}

/* A member is noted as an entry, and opened in turn by every analyzer that takes its class. */
enum err_code analyze_member(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, uint64_t mode, struct slice content, struct err *e)
{
	if (f->depth >= 4 || !ctx->budget_members || content.n > ctx->budget_bytes)
		return err_set(e, ERR_LIMIT, 0, "budget");
	ctx->budget_members--;
	ctx->budget_bytes -= content.n;
	struct file_view m = { .path = f->path, .content = content, .mode = mode, .depth = f->depth + 1 };
	m.inner = f->inner.n ? arena_printf(&ctx->scratch, "%.*s!/%.*s", SLICE_ARG(f->inner), SLICE_ARG(name)) : arena_dup(&ctx->scratch, name);
	m.cls = analyze_classify(m.inner, content, mode & 0111, &m.lang);
	struct fact fact = { .type = FACT_ENTRY, .entry = { .kind = ENTRY_FILE, .mode = mode, .size = content.n, .file_class = m.cls } };
	TRY(analyze_emit(ctx, &m, &fact, e));
	fake_view(ctx, &m);
	return OK;
}

enum err_code analyze_over_budget(struct analyze_ctx *ctx, const struct file_view *f, const char *which, struct err *e)
{
	ctx->budget_members = 0;
	TRY(analyze_skip(ctx, f, SKIP_BUDGET, 0, which, "", e));
	return err_set(e, ERR_LIMIT, 0, "%s", which);
}

struct analyze_spool { struct buf bytes; };
enum err_code analyze_spool_open(struct analyze_ctx *ctx, struct analyze_spool **ret, struct err *e)
{
	(void)ctx;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return err_set(e, ERR_NOMEM, 0, "spool");
	(*ret)->bytes = BUF(256 * MIB);
	return OK;
}
enum err_code analyze_spool_append(struct analyze_spool *s, struct slice bytes, struct err *e)
{
	buf_put_slice(&s->bytes, bytes);
	return buf_ok(&s->bytes, "spool", e);
}
enum err_code analyze_spool_map(struct analyze_spool *s, struct slice *ret, struct err *e)
{
	(void)e;
	*ret = buf_slice(&s->bytes);
	return OK;
}
void analyze_spool_close(struct analyze_spool *s)
{
	if (s)
		buf_free(&s->bytes);
	free(s);
}

/* Every analyzer whose patterns take the path gets the file, as in the worker. */
static void fake_view(struct analyze_ctx *ctx, const struct file_view *view)
{
	struct file_view f = *view;
	struct slice name = f.depth ? f.inner : f.path;
	struct err e = {};
	for (size_t i = 0; analyzers[i]; i++) {
		bool takes = !analyzers[i]->paths && (analyzers[i]->classes >> f.cls & 1) && (!f.depth || analyzers[i]->nested);
		for (size_t k = 0; analyzers[i]->paths && analyzers[i]->paths[k]; k++)
			takes = takes || slice_glob(slice_str(analyzers[i]->paths[k]), name);
		if (takes && analyzers[i]->run(ctx, &f, &e) != OK)
			fail_msg("%.*s: %s: %s", SLICE_ARG(name), analyzers[i]->name, e.msg);
	}
}

[[maybe_unused]] static void fake_file(struct analyze_ctx *ctx, const char *path, struct slice content, enum file_class cls)
{
	fake_view(ctx, &(struct file_view){ .path = slice_str(path), .content = content, .mode = 0644, .cls = cls });
	arena_free(&ctx->scratch);
	ctx->scratch = ARENA(64 * MIB);
}

[[maybe_unused]] static void fake_finish(struct analyze_ctx *ctx)
{
	struct err e = {};
	for (size_t i = 0; analyzers[i]; i++)
		if (analyzers[i]->finish && analyzers[i]->finish(ctx, &e) != OK)
			fail_msg("%s: %s", analyzers[i]->name, e.msg);
}

static struct analyze_ctx fake_new(void)
{
	return (struct analyze_ctx){ .sink.emit = fake_emit, .scratch = ARENA(64 * MIB), .layer = ARENA(256 * MIB), .out = BUF(64 * MIB),
				      .budget_bytes = 256 * MIB, .budget_members = 100000 };
}

static void fake_free(struct analyze_ctx *ctx)
{
	arena_free(&ctx->scratch);
	arena_free(&ctx->layer);
	buf_free(&ctx->out);
}
