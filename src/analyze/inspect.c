/* One file whose content is in memory: class, digests, patterns, analyzers, YARA; and members of archives, which are files again. */
#include "context.h"
#include "codec.h"
#include "yara_set.h"
#include <stdio.h>

unsigned digests_wanted(const struct analyze_ctx *ctx, enum file_class cls, uint64_t mode)
{
	bool executable = mode & 0111;
	if (ctx->set.packages_only)
		return 0;
	switch (cls) {
	case FILE_ELF: case FILE_ELF_LIB: case FILE_PE:
		return WANT_SHA256 | WANT_MD5 | WANT_SHA1;
	case FILE_SCRIPT:
		return WANT_SHA256 | (executable ? WANT_MD5 | WANT_SHA1 : 0);
	case FILE_ELF_OBJ: case FILE_BYTECODE: case FILE_ARCHIVE:
		return WANT_SHA256;
	case FILE_TEXT: case FILE_DATA: case FILE_CONFIG:
		return executable ? WANT_SHA256 | WANT_MD5 : 0;
	default:
		return 0;
	}
}

static void take_digests(struct analyze_ctx *ctx, struct slice content, unsigned want, struct fact_entry *entry, uint8_t *digests)
{
	uint64_t start = os_monotonic_ns();
	struct { unsigned bit; struct digest *d; struct slice *to; size_t n; } all[] = {
		{ WANT_SHA256, ctx->sha256, &entry->sha256, 32 }, { WANT_MD5, ctx->md5, &entry->md5, 16 }, { WANT_SHA1, ctx->sha1, &entry->sha1, 20 },
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!(want & all[i].bit) || all[i].to->n)
			continue;
		digest_update(all[i].d, content);
		digest_final(all[i].d, digests + 32 * i);
		*all[i].to = slice_of(digests + 32 * i, all[i].n);
		ctx->hashed_bytes += content.n;
	}
	ctx->ns_hash += os_monotonic_ns() - start;
}

/* For --stats. Tiny files cost less than asking the clock about them: they are not timed. */
static uint64_t stage_clock(const struct inspect *in) { return in->content.n < 2 * KIB ? 0 : os_monotonic_ns(); }

struct run_arg { struct analyze_ctx *ctx; const struct file_view *view; };

/* A parser's complaint about its file is a fact about the file; anything else ends the layer. */
static enum err_code soften(struct analyze_ctx *ctx, const struct file_view *view, const char *who, enum err_code code, struct err *e)
{
	if (code != ERR_FORMAT && code != ERR_LIMIT && code != ERR_UNSUPPORTED)
		return code;
	char reason[64];
	snprintf(reason, sizeof(reason), "%s: %s", code == ERR_FORMAT ? "malformed" : code == ERR_LIMIT ? "limit" : "unsupported", who);
	enum skip_class cls = view->cls == FILE_PKG_INDEX || code == ERR_LIMIT ? SKIP_EXECUTABLE : SKIP_DATA;
	struct err copy = *e;
	ctx->scratch.failed = false;
	return analyze_skip(ctx, view, cls, view->content.n, reason, copy.msg, e);
}

static enum err_code run_analyzer(void *arg, const struct analyzer *a, struct err *e)
{
	struct run_arg *r = arg;
	if (a->deep && r->ctx->set.packages_only)
		return OK;
	if (a->max_bytes && r->view->content.n > a->max_bytes) {
		char reason[64];
		snprintf(reason, sizeof(reason), "limit: %s", a->name);
		return analyze_skip(r->ctx, r->view, SKIP_EXECUTABLE, r->view->content.n, reason, "larger than this analyzer reads", e);
	}
	return soften(r->ctx, r->view, a->name, a->run(r->ctx, r->view, e), e);
}

static void keep_hit(void *arg, uint32_t id, uint64_t end)
{
	struct hit_list *l = arg;
	if (l->n < l->cap)
		l->items[l->n++] = (struct threat_hit){ id, end };
	else
		l->dropped++;
}

static enum err_code scan_block(struct analyze_ctx *ctx, struct slice content, size_t cap, struct hit_list *hits, struct err *e)
{
	*hits = (struct hit_list){ .items = arena_calloc(&ctx->scratch, cap, sizeof(*hits->items)), .cap = cap };
	if (!hits->items)
		return arena_ok(&ctx->scratch, "matching patterns", e);
	return threat_block_scan(ctx->blocks, content, keep_hit, hits, e);
}

/* Without a hit a file matters only for what it runs in turn; plain text that names no path runs nothing that could be followed. */
static bool may_run(const struct file_view *v)
{
	if (v->cls == FILE_SCRIPT || v->cls == FILE_ELF || v->cls == FILE_ELF_LIB)
		return true;
	if (slice_has_suffix(v->path, SL("/package.json")))	/* "postinstall": "sh setup" */
		return true;
	return (v->cls == FILE_CONFIG || v->cls == FILE_TEXT) && slice_find_byte(slice_upto(v->content, 256 * KIB), '/') >= 0;
}

static enum err_code match(struct analyze_ctx *ctx, const struct inspect *in, const struct file_view *view, struct err *e)
{
	enum { FEW_HITS = 512, NESTED_HITS = 20000 };
	struct hit_list own = { 0 };
	const struct hit_list *hits = in->hits;
	uint64_t start = stage_clock(in);
	if (!hits) {
		/* Nearly all files have few hits: the large list is made, and the file scanned again, only for the others. */
		TRY(scan_block(ctx, in->content, FEW_HITS, &own, e));
		if (own.dropped)
			TRY(scan_block(ctx, in->content, NESTED_HITS, &own, e));
		hits = &own;
	}
	if (hits->dropped)
		TRY(analyze_skip(ctx, view, SKIP_DATA, 0, "limit: pattern matches", "the file matches more often than is looked at", e));
	struct threat_file t = { .path = in->path, .inner = in->inner, .content = in->content, .size = in->content.n, .cls = view->cls,
				 .lang = view->lang, .executable = in->mode & 0111, .hits = hits->items, .n_hits = hits->n };
	enum err_code ret = hits->n || may_run(view) ? threat_file(ctx->blocks, &t, &ctx->sink, &ctx->scratch, e) : OK;
	ctx->ns_threat += stage_clock(in) - start;
	return soften(ctx, view, "patterns", ret, e);
}

enum err_code inspect_file(struct analyze_ctx *ctx, const struct inspect *in, struct fact_entry *entry, uint8_t *digests, struct err *e)
{
	struct file_view view = { .path = in->path, .inner = in->inner, .content = in->content, .mode = in->mode, .depth = in->depth };
	struct slice name = in->depth ? in->inner : in->path;
	/* A member is documentation or a package index where its archive stands among these. */
	struct slice full = in->depth ? arena_printf(&ctx->scratch, "%.*s!/%.*s", SLICE_ARG(in->path), SLICE_ARG(in->inner)) : in->path;
	if (!full.p)
		return arena_ok(&ctx->scratch, "the name of an archive member", e);
	view.cls = analyze_classify(full, in->content, in->mode & 0111, &view.lang);
	if (ctx->set.pseudo) {
		view.cls = FILE_SCRIPT;
		view.lang = LANG_SHELL;
	}
	entry->file_class = view.cls;
	entry->lang = view.lang;
	if (!in->content.n)
		return OK;
	unsigned want = digests_wanted(ctx, view.cls, in->mode);
	if (want)
		entry->flags |= ENTRY_F_CODE;
	if (want && !in->have_digests)
		take_digests(ctx, in->content, want, entry, digests);
	uint64_t signs = ctx->out.counts[FACT_SIGN];
	if (ctx->blocks)
		TRY(match(ctx, in, &view, e));
	/* Whether a package owns the file with this very content decides what weak signs in it mean. */
	if (ctx->out.counts[FACT_SIGN] != signs && !entry->md5.n)
		take_digests(ctx, in->content, WANT_SHA256 | WANT_MD5, entry, digests);
	uint64_t start = stage_clock(in);
	struct run_arg arg = { ctx, &view };
	TRY(dispatch_each(ctx->dispatch, name, view.cls, in->depth > 0, run_analyzer, &arg, e));
	ctx->ns_analyzers += stage_clock(in) - start;
	if (ctx->yara) {
		start = os_monotonic_ns();
		TRY(soften(ctx, &view, "yara", yara_scan(ctx->yara, &view, (unsigned)ctx->set.yara_timeout_s, &ctx->sink, e), e));
		ctx->ns_yara += os_monotonic_ns() - start;
	}
	return OK;
}

/* --- Members of archives --- */

struct analyze_budget analyze_budget(const struct analyze_ctx *ctx, const struct file_view *f)
{
	return (struct analyze_budget){ .bytes = ctx->budget.bytes, .members = ctx->budget.members,
					.depth = f->depth < ctx->set.expand_depth ? ctx->set.expand_depth - f->depth : 0 };
}

enum err_code analyze_over_budget(struct analyze_ctx *ctx, const struct file_view *f, const char *which, struct err *e)
{
	struct file_view outer = *f;
	outer.inner = SLICE_NULL;
	/* Too deep is only this branch's end; the other budgets end the whole file, or refused members would be expanded for nothing. */
	if (f->depth < ctx->set.expand_depth)
		ctx->budget.members = ctx->budget.bytes = 0;
	if (!ctx->budget.told) {
		ctx->budget.told = true;
		TRY(analyze_skip(ctx, &outer, SKIP_BUDGET, 0, which, "the archive holds more than may be expanded; --expand raises the budget", e));
	}
	return err_set(e, ERR_LIMIT, 0, "%s", which);
}

enum err_code analyze_member(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, uint64_t mode, struct slice content,
			     struct err *e)
{
	uint8_t digests[96];
	struct fact fact = { .type = FACT_ENTRY, .path = f->path };
	if (f->depth >= ctx->set.expand_depth)
		return analyze_over_budget(ctx, f, "budget: archive depth", e);
	if (!ctx->budget.members)
		return analyze_over_budget(ctx, f, "budget: archive members", e);
	if (content.n > ctx->budget.bytes)
		return analyze_over_budget(ctx, f, "budget: expanded bytes", e);
	ctx->budget.members--;
	ctx->budget.bytes -= content.n;
	ctx->nested_bytes += content.n;
	struct arena_mark mark = arena_mark(&ctx->scratch);
	struct slice inner = f->inner.n ? arena_printf(&ctx->scratch, "%.*s!/%.*s", (int)MIN(f->inner.n, (size_t)65536), (const char *)f->inner.p, (int)MIN(name.n, (size_t)65536), (const char *)name.p)
					: arena_dup(&ctx->scratch, slice_upto(name, 65536));
	if (!inner.p)
		return arena_ok(&ctx->scratch, "the name of an archive member", e);
	struct inspect in = { .path = f->path, .inner = inner, .content = content, .mode = mode ? mode : 0644, .depth = f->depth + 1 };
	fact.inner = inner;
	fact.entry = (struct fact_entry){ .kind = ENTRY_FILE, .mode = in.mode, .size = content.n };
	TRY(inspect_file(ctx, &in, &fact.entry, digests, e));
	enum err_code code = fact.entry.flags & ENTRY_F_CODE ? ctx->sink.emit(&ctx->sink, &fact, e) : OK;
	/* An archive has up to a million members: each gives back what it took. */
	arena_rewind(&ctx->scratch, mark);
	return code;
}
