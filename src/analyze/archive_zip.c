/* Zip archives: every entry of the directory, and local headers that the directory does not tell of. */
#include <stdlib.h>
#include <stdio.h>
#include "archives.h"
#include "zip.h"

struct span { uint64_t from, to; };
struct walk {
	struct analyze_ctx *ctx;
	const struct file_view *f;
	const struct zip *z;
	struct span *spans;		/* local entries that the directory tells of */
	size_t n_spans, cap_spans;
	uint64_t n_encrypted, n_damaged, n_unsupported;
	struct slice first_encrypted;
	const char *damage;		/* of the first damaged entry */
	char unsupported[64];
	bool disagreement_told;
};

static enum err_code disagree(struct walk *w, const char *what, struct slice name, uint64_t at, struct err *e)
{
	char quoted[160], text[256];
	if (w->disagreement_told)
		return OK;
	w->disagreement_told = true;
	snprintf(text, sizeof(text), "directory and local headers disagree: %s of '%s'", what, text_escape_to(quoted, sizeof(quoted), name));
	return archive_integrity(w->ctx, w->f, "zip.directory", at, slice_str(text), e);
}

static void damaged(struct walk *w, const char *why)
{
	if (!w->n_damaged++)
		w->damage = why;
}

static enum err_code open_entry(struct walk *w, const struct zip_entry *en, uint64_t *ret_used, struct err *e)
{
	struct decompress_info info = { 0 };
	AUTO_STREAM s = NULL;
	const char *damage = NULL;
	if (en->directory && !en->size && !en->packed)
		return OK;
	if (en->encrypted) {
		if (!w->n_encrypted++)
			w->first_encrypted = en->name;
		return OK;
	}
	enum err_code code = zip_entry_stream(en, &info, &s, e);
	if (code == ERR_UNSUPPORTED || code == ERR_FORMAT) {
		if (!w->n_unsupported++)
			snprintf(w->unsupported, sizeof(w->unsupported), "%.60s", code == ERR_UNSUPPORTED ? e->msg : "zip entry");
		return OK;
	}
	TRY(code);
	if (en->data.n < en->packed)
		damaged(w, "an entry is cut short");
	struct expand m = { .name = en->name, .mode = en->mode, .size_hint = MIN(en->size, (uint64_t)64 * MIB), .check_crc = !en->sizes_unknown,
			    .crc = en->crc };
	code = expand_stream(w->ctx, w->f, &m, s, &damage, e);
	*ret_used = info.in_bytes;
	if (code == ERR_UNSUPPORTED) {
		if (!w->n_unsupported++)
			snprintf(w->unsupported, sizeof(w->unsupported), "zip entry");
		return OK;
	}
	if (damage)
		damaged(w, damage);
	return code;
}

static void note_span(struct walk *w, const struct zip_entry *en)
{
	if (w->n_spans < w->cap_spans && en->data.p)
		w->spans[w->n_spans++] = (struct span){ en->header, (uint64_t)(en->data.p - w->z->content.p) + en->data.n };
}

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Local headers in a gap between told entries: a reader that goes by them sees what the directory hides. */
static enum err_code open_hidden(struct walk *w, uint64_t from, uint64_t to, struct err *e)
{
	for (unsigned i = 0; i < 10000; i++) {
		struct zip_entry en;
		uint64_t used = 0;
		int64_t at = zip_find_local(w->z->content, from, to);
		if (at < 0)
			return OK;
		if (!zip_local_at(w->z->content, (uint64_t)at, to, &en) || !en.name.n || en.method > 99) {
			from = (uint64_t)at + 4;
			continue;
		}
		TRY(disagree(w, "hidden entry", en.name, (uint64_t)at, e));
		TRY(open_entry(w, &en, &used, e));
		uint64_t data = (uint64_t)(en.data.p - w->z->content.p);
		from = en.sizes_unknown ? data + MAX(used, (uint64_t)1) : data + en.data.n;
	}
	return OK;
}

static enum err_code open_gaps(struct walk *w, struct err *e)
{
	/* What stands before the archive is not its own, unless it is a zip, too. */
	uint64_t end = slice_has_prefix(w->z->content, SL("PK\3\4")) ? 0 : w->z->base;
	if (w->n_spans)
		qsort(w->spans, w->n_spans, sizeof(*w->spans), by_start);
	for (size_t i = 0; i < w->n_spans; i++) {
		if (w->spans[i].from > end)
			TRY(open_hidden(w, end, w->spans[i].from, e));
		else if (w->spans[i].from < end && i)
			TRY(disagree(w, "overlapping entries", SL(""), w->spans[i].from, e));
		end = MAX(end, w->spans[i].to);
	}
	/* Between the last entry and the directory, when every entry could be noted. */
	return w->n_spans < w->cap_spans ? open_hidden(w, end, w->z->dir_offset, e) : OK;
}

static enum err_code summary(struct walk *w, struct err *e)
{
	if (w->n_damaged)
		TRY(archive_corrupt(w->ctx, w->f, "zip", w->damage, e));
	if (w->n_unsupported)
		TRY(archive_unsupported(w->ctx, w->f, w->unsupported, e));
	return w->n_encrypted ? archive_encrypted(w->ctx, w->f, w->n_encrypted, w->first_encrypted, e) : OK;
}

static enum err_code walk_directory(struct walk *w, struct err *e)
{
	struct zip_entry en;
	uint64_t pos = 0, used, entries = 0;
	bool dir_damaged = false;
	while (zip_next(w->z, &pos, &en, &dir_damaged)) {
		const char *wrong = zip_entry_locate(w->z, &en);
		entries++;
		if (wrong && !strcmp(wrong, "missing")) {
			damaged(w, "an entry of the directory has no local header");
			continue;
		}
		if (wrong)
			TRY(disagree(w, wrong, en.name, en.header, e));
		note_span(w, &en);
		TRY(open_entry(w, &en, &used, e));
	}
	if (dir_damaged || (w->z->count < 0xffff && entries != w->z->count))
		damaged(w, "the directory is damaged");
	return open_gaps(w, e);
}

enum err_code archive_zip(struct analyze_ctx *ctx, const struct file_view *f, const struct zip *z, struct err *e)
{
	struct walk w = { .ctx = ctx, .f = f, .z = z };
	struct analyze_budget left = analyze_budget(ctx, f);
	/* An entry has at least 46 bytes in the directory, so the directory's size bounds this. */
	w.cap_spans = (size_t)MIN(z->dir_bytes / 46 + 1, MIN(left.members, (uint64_t)1000000) + 1);
	w.spans = malloc(w.cap_spans * sizeof(*w.spans));
	if (!w.spans)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	enum err_code code = walk_directory(&w, e);
	free(w.spans);
	struct err ignored;
	if (code == ERR_LIMIT)
		return summary(&w, &ignored) == OK ? code : code;
	return code == OK ? summary(&w, e) : code;
}

enum err_code archive_zip_headless(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct zip z = { .content = f->content };
	struct walk w = { .ctx = ctx, .f = f, .z = &z, .disagreement_told = true };
	TRY(open_hidden(&w, 0, f->content.n, e));
	damaged(&w, "no directory at the end");
	return summary(&w, e);
}
