/* eStargz: the table of contents is the last entry of the tar. Every entry goes into a sum, and the digests of code are kept, so that
 * memory does not grow with other files. zstd:chunked has its table outside of the tar. */
#include <stdlib.h>
#include "registry.h"
#include "toc.h"
#include "toc_watch.h"

enum { FILES_MAX = 1 << 18 };

struct file_digest { uint64_t name, digest; };
struct toc_watch {
	struct toc_sum seen, told;
	struct file_digest *files;	/* code, in the archive's order; sorted when a table comes */
	size_t n, cap;
	uint64_t not_compared, n_differ;
	bool overflow, has_table;
	char first_differing[160];
};

static uint64_t digest_head(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

struct toc_watch *toc_watch_open(struct analyze_ctx *ctx)
{
	struct toc_watch *w = arena_new(analyze_layer_arena(ctx), struct toc_watch);
	if (w)
		*analyze_slot(ctx, &analyzer_toc) = w;
	return w;
}

void toc_watch_entry(struct toc_watch *w, const struct fact *f)
{
	const struct fact_entry *en = &f->entry;
	if (!w || toc_is_own_entry(f->path))
		return;
	bool link = en->kind == ENTRY_SYMLINK || en->kind == ENTRY_HARDLINK;
	toc_sum_add(&w->seen, &(struct toc_row){ .name = f->path, .type = (uint8_t)en->kind, .size = en->kind == ENTRY_FILE ? en->size : 0,
						 .link = link ? en->link : SLICE_NULL });
	if (en->sha256.n != 32 || w->overflow)
		return;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 1024;
		struct file_digest *more = cap <= FILES_MAX ? reallocarray(w->files, cap, sizeof(*more)) : NULL;
		w->overflow = !more;
		if (!more)
			return;
		w->files = more;
		w->cap = cap;
	}
	w->files[w->n++] = (struct file_digest){ toc_name_hash(f->path), digest_head(en->sha256.p) };
}

static int by_name(const void *a, const void *b)
{
	const struct file_digest *x = a, *y = b;
	return (x->name > y->name) - (x->name < y->name);
}

static enum err_code on_row(void *arg, const struct toc_row *row, struct err *e)
{
	(void)e;
	struct toc_watch *w = arg;
	if (toc_is_own_entry(row->name))
		return OK;
	toc_sum_add(&w->told, row);
	if (row->type != ENTRY_FILE || !row->size)
		return OK;
	struct file_digest key = { toc_name_hash(row->name), digest_head(row->sha256) };
	const struct file_digest *found = w->n && row->has_sha256 ? bsearch(&key, w->files, w->n, sizeof(key), by_name) : NULL;
	if (!found)
		w->not_compared++;
	else if (found->digest != key.digest && !w->n_differ++)
		text_escape_to(w->first_differing, sizeof(w->first_differing), row->name);
	return OK;
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct toc_watch *w = *analyze_slot(ctx, &analyzer_toc);
	if (!w)
		return OK;
	if (w->n)
		qsort(w->files, w->n, sizeof(*w->files), by_name);
	w->told = (struct toc_sum){ 0 };
	w->n_differ = w->not_compared = 0;
	w->has_table = true;
	if (toc_parse(f->content, analyze_scratch(ctx), on_row, w, e) != OK)
		w->told.entries = UINT64_MAX;	/* a runtime may read it otherwise: it differs */
	return OK;
}

static enum err_code differs(struct analyze_ctx *ctx, const char *what, const char *text, struct err *e)
{
	const struct file_view f = { .path = SL("stargz.index.json") };
	return analyze_emit(ctx, &f, &(struct fact){ .type = FACT_INTEGRITY, .integrity = { .what = slice_str(what), .detail = slice_str(text) } }, e);
}

static enum err_code compare(struct analyze_ctx *ctx, const struct toc_watch *w, struct err *e)
{
	const struct file_view f = { .path = SL("stargz.index.json") };
	if (!toc_sum_eq(&w->seen, &w->told))
		TRY(differs(ctx, "toc.entries", "the table of contents for lazy pulling tells of other names, types, sizes or links than the tar", e));
	if (w->n_differ) {
		struct slice text = arena_printf(analyze_scratch(ctx), "the table of contents tells another digest of '%s'", w->first_differing);
		TRY(differs(ctx, "toc.digest", text.p ? (const char *)text.p : "digests differ", e));
	}
	if (w->overflow)
		return analyze_skip(ctx, &f, SKIP_LAYER, 0, "limit: toc", "more files of code than can be compared with the table of contents", e);
	return w->not_compared ? analyze_skip(ctx, &f, SKIP_DATA, 0, "toc: digests",
					      "digests in the table of contents are compared for code only", e) : OK;
}

static enum err_code finish(struct analyze_ctx *ctx, struct err *e)
{
	struct toc_watch *w = *analyze_slot(ctx, &analyzer_toc);
	enum err_code code = w && w->has_table ? compare(ctx, w, e) : OK;
	if (w) {
		free(w->files);
		w->files = NULL;
		w->n = w->cap = 0;
	}
	return code;
}

const struct analyzer analyzer_toc = {
	.name = "toc", .version = 1, .max_bytes = 512u << 20, .paths = (const char *const[]){ "stargz.index.json", NULL }, .run = run,
	.finish = finish,
};
