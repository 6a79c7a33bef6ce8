/* Tar entries become facts. A file that stands whole in one slot is looked at where it stands; one that crosses slots is gathered in
 * memory up to WHOLE_BYTES; a larger one goes to the scratch file when some analyzer wants all of it, and streams by otherwise. */
#include "layer.h"
#include "path.h"
#include <stdio.h>
#include <stdlib.h>

enum { DECIDE_BYTES = 64 << 10 };

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e);
static enum err_code on_data(void *arg, struct slice chunk, uint64_t offset, bool last, struct err *e);

enum err_code layer_init(struct layer *l, struct analyze_ctx *ctx, struct err *e)
{
	*l = (struct layer){ .ctx = ctx, .raw_path = BUF(TAR_MAX_NAME), .clean = BUF(TAR_MAX_NAME), .target = BUF(TAR_MAX_NAME + 1),
			     .link = BUF(TAR_MAX_NAME), .whole = BUF(WHOLE_BYTES) };
	l->hits.items = calloc(HITS_PER_FILE, sizeof(*l->hits.items));	/* pages are touched only when hit */
	l->hits.cap = HITS_PER_FILE;
	l->toc = toc_watch_open(ctx);
	if (!l->hits.items || !l->toc)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	return tar_reader_open(&(struct tar_handler){ on_entry, on_data, l }, &l->tar, e);
}

void layer_free(struct layer *l)
{
	tar_reader_close(l->tar);
	analyze_spool_close(l->spool);
	free(l->hits.items);
	buf_free(&l->raw_path);
	buf_free(&l->clean);
	buf_free(&l->target);
	buf_free(&l->link);
	buf_free(&l->whole);
}

static enum err_code emit(struct layer *l, const struct fact *f, struct err *e) { return l->ctx->sink.emit(&l->ctx->sink, f, e); }

static enum err_code emit_entry(struct layer *l, struct err *e)
{
	toc_watch_entry(l->toc, &l->fact);
	return emit(l, &l->fact, e);
}

static enum err_code integrity(struct layer *l, const char *what, const char *detail, uint64_t offset, struct err *e)
{
	return emit(l, &(struct fact){ .type = FACT_INTEGRITY, .path = l->fact.path,
				       .integrity = { .what = slice_str(what), .detail = slice_str(detail), .offset = offset } }, e);
}

static int kind_of(uint8_t type)
{
	switch (type) {
	case '0': case 0: case '7': case 'S': return ENTRY_FILE;
	case '1': return ENTRY_HARDLINK;
	case '2': return ENTRY_SYMLINK;
	case '3': return ENTRY_CHAR;
	case '4': return ENTRY_BLOCK;
	case '5': return ENTRY_DIR;
	case '6': return ENTRY_FIFO;
	default: return 0;
	}
}

static enum err_code odd_header(struct layer *l, const struct tar_entry *t, struct err *e)
{
	if (l->odd_name && path_escapes(t->name))
		TRY(integrity(l, "tar.escape", "the name leads above the root by '..'", t->header_offset, e));
	else if (l->odd_name)
		TRY(integrity(l, "tar.unclean-name", "the name is absolute or holds empty, '.' or '..' components", t->header_offset, e));
	if (t->flags & TAR_F_PAX_AND_GNU)
		TRY(integrity(l, "tar.two-names", "a pax name and a GNU long name for one entry: readers choose differently", t->header_offset, e));
	if (t->flags & TAR_F_PAX_SIZE)
		TRY(integrity(l, "tar.two-sizes", "the pax size differs from the header's", t->header_offset, e));
	if (t->flags & TAR_F_DIR_WITH_SLASH_AS_FILE)
		TRY(integrity(l, "tar.slash-file", "a regular entry whose name ends in a slash", t->header_offset, e));
	if (slice_find_byte(t->name, 0) >= 0)
		TRY(integrity(l, "tar.nul-in-name", "a NUL byte inside the name", t->header_offset, e));
	if (t->flags & TAR_F_GNU_PREFIX)
		TRY(integrity(l, "tar.two-names", "a GNU header with a ustar prefix: some readers join it to the name, others do not",
			      t->header_offset, e));
	if (t->flags & TAR_F_PAX_TWICE)
		TRY(integrity(l, "tar.pax-twice", "a pax record given twice with different values", t->header_offset, e));
	if (t->flags & TAR_F_SIZE_WITHOUT_DATA)
		TRY(integrity(l, "tar.size-without-data", "a link, directory or device that claims a size: some readers skip that many bytes",
			      t->header_offset, e));
	if (t->flags & TAR_F_SIGNED_SUM)
		TRY(integrity(l, "tar.signed-checksum", "a checksum that is right only as a sum of signed bytes", t->header_offset, e));
	return OK;
}

/* Turns a ".wh." name into what it removes. */
static enum err_code take_whiteout(struct layer *l, const struct tar_entry *t, struct fact_entry *en, struct err *e)
{
	struct slice target;
	switch (path_whiteout(l->fact.path, &l->target, &target)) {
	case WHITEOUT_NONE:
		return OK;
	case WHITEOUT_META:
		return integrity(l, "tar.whiteout-name", "a whiteout of a whiteout or without a name: runtimes disagree about it", t->header_offset, e);
	case WHITEOUT_PLAIN:
		en->kind = ENTRY_WHITEOUT;
		break;
	case WHITEOUT_OPAQUE:
		en->kind = ENTRY_OPAQUE;
		break;
	}
	l->fact.path = target;
	return t->size ? integrity(l, "tar.whiteout-content", "a whiteout that carries content", t->header_offset, e) : OK;
}

static enum err_code finish_file(struct layer *l, struct slice content, struct err *e);

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e)
{
	struct layer *l = arg;
	struct slice path;
	bool link_odd = false;
	int kind = kind_of(t->type);
	l->entries++;
	buf_clear(&l->raw_path);
	buf_put_slice(&l->raw_path, t->name);
	TRY(buf_ok(&l->raw_path, "the name of a tar entry", e));
	TRY(path_clean(buf_slice(&l->raw_path), &l->clean, &path, &l->odd_name, e));
	l->fact = (struct fact){ .type = FACT_ENTRY, .path = path };
	struct fact_entry *en = &l->fact.entry;
	*en = (struct fact_entry){ .kind = (uint64_t)kind, .mode = t->mode & 07777, .uid = t->uid, .gid = t->gid, .size = kind == ENTRY_FILE ? t->size : 0,
				   .mtime = t->mtime > 0 ? (uint64_t)t->mtime : 0, .flags = l->odd_name ? ENTRY_F_NAME_CLEANED : 0,
				   .caps = t->caps };
	if (kind == ENTRY_CHAR || kind == ENTRY_BLOCK) {
		en->dev_major = t->dev_major;
		en->dev_minor = t->dev_minor;
	}
	if (kind == ENTRY_SYMLINK)
		en->link = t->link;
	else if (kind == ENTRY_HARDLINK)
		TRY(path_clean(t->link, &l->link, &en->link, &link_odd, e));
	if (link_odd && path_escapes(t->link))
		TRY(integrity(l, "tar.escape", "a hard link to above the root", t->header_offset, e));
	if (l->odd_name || t->flags & ~(unsigned)(TAR_F_PAX | TAR_F_GNU_LONG | TAR_F_SPARSE) || slice_find_byte(t->name, 0) >= 0)
		TRY(odd_header(l, t, e));
	TRY(take_whiteout(l, t, en, e));
	if (!kind) {
		char text[64];
		snprintf(text, sizeof(text), "an entry of type 0x%02x, which runtimes do not know", t->type);
		TRY(integrity(l, "tar.unknown-type", text, t->header_offset, e));
		en->kind = ENTRY_FILE;
		en->size = t->size;
	}
	l->hard_links += en->kind == ENTRY_HARDLINK;
	l->regular = en->kind == ENTRY_FILE;
	l->got = 0;
	l->sparse = t->flags & TAR_F_SPARSE;
	l->hits.n = 0;
	l->hits.dropped = 0;
	l->large = t->size > WHOLE_BYTES;
	l->decided = l->streaming = false;
	buf_clear(&l->whole);
	if (l->regular) {
		l->files++;
		l->file_bytes += t->size;
	}
	if (!t->size)
		return l->regular ? finish_file(l, SL(""), e) : emit_entry(l, e);
	/* The tar reader's slices end with this call: keep what the content's end will need. */
	if (en->caps.n)
		en->caps = arena_dup(&l->ctx->scratch, en->caps);
	return OK;
}

/* The slot's hits that lie in this chunk of the file's content. */
static void gather_hits(struct layer *l, uint64_t stream_offset, size_t n)
{
	const struct hit_list *all = &l->slot->hits;
	while (l->next_hit < all->n && all->items[l->next_hit].end <= stream_offset)
		l->next_hit++;
	for (; l->next_hit < all->n && all->items[l->next_hit].end <= stream_offset + n; l->next_hit++) {
		if (l->hits.n == l->hits.cap) {
			l->hits.dropped++;
			continue;
		}
		uint64_t end = all->items[l->next_hit].end - stream_offset + l->got;
		l->hits.items[l->hits.n++] = (struct threat_hit){ all->items[l->next_hit].id, end };
	}
}

static enum err_code finish_file(struct layer *l, struct slice content, struct err *e)
{
	struct analyze_ctx *ctx = l->ctx;
	struct inspect in = { .path = l->fact.path, .content = content, .mode = l->fact.entry.mode,
			      .hits = l->sparse ? NULL : &l->hits, .have_digests = l->spool != NULL };
	ctx->budget = (struct nested_budget){ .bytes = ctx->set.expand_bytes, .members = ctx->set.expand_entries };
	enum err_code code = inspect_file(ctx, &in, &l->fact.entry, l->digests, e);
	if (code == OK)
		code = emit_entry(l, e);
	analyze_spool_close(l->spool);
	l->spool = NULL;
	arena_rewind(&ctx->scratch, ctx->scratch_start);
	return code;
}

static struct digest *digest_for(struct layer *l, unsigned i) { return i == 0 ? l->ctx->sha256 : i == 1 ? l->ctx->md5 : l->ctx->sha1; }

/* The head of a large file is known: does it stream by, or does somebody want all of it? */
static enum err_code decide(struct layer *l, struct slice head, struct err *e)
{
	struct analyze_ctx *ctx = l->ctx;
	uint64_t most;
	l->decided = true;
	l->cls = analyze_classify(l->fact.path, head, l->fact.entry.mode & 0111, &l->lang);
	bool by_path = dispatch_wants_path(ctx->dispatch, l->fact.path, &most) && l->fact.entry.size <= most;
	bool by_class = l->cls != FILE_DATA && l->cls != FILE_TEXT && l->cls != FILE_DOC && l->cls != FILE_PKG_INDEX && l->cls != FILE_CONFIG;
	if (ctx->set.packages_only)
		by_class = l->cls == FILE_ELF || l->cls == FILE_ELF_LIB;
	l->want = digests_wanted(ctx, l->cls, l->fact.entry.mode);
	if (by_path || by_class || (ctx->yara && l->fact.entry.size <= (uint64_t)1 << 30))
		return analyze_spool_open(ctx, &l->spool, e);
	l->streaming = true;
	return OK;
}

/* A window of a file that streams by: its hits are judged with what is around them in this chunk. */
static enum err_code judge_window(struct layer *l, struct slice chunk, struct err *e)
{
	struct analyze_ctx *ctx = l->ctx;
	if (!ctx->blocks || !l->hits.n)
		return OK;
	for (size_t i = 0; i < l->hits.n; i++)
		l->hits.items[i].end -= l->got;
	struct threat_file t = { .path = l->fact.path, .content = chunk, .content_offset = l->got, .size = l->fact.entry.size, .cls = l->cls,
				 .lang = l->lang, .executable = l->fact.entry.mode & 0111, .hits = l->hits.items, .n_hits = l->hits.n };
	enum err_code code = threat_file(ctx->blocks, &t, &ctx->sink, &ctx->scratch, e);
	l->hits.n = 0;
	/* What an archive that hides behind other data would look like to its reader: not opened here, so said. */
	return code;
}

static enum err_code large_chunk(struct layer *l, struct slice chunk, struct err *e)
{
	for (unsigned i = 0; i < 3; i++) {
		if (l->want >> i & 1) {
			digest_update(digest_for(l, i), chunk);
			l->ctx->hashed_bytes += chunk.n;
		}
	}
	return l->spool ? analyze_spool_append(l->spool, chunk, e) : judge_window(l, chunk, e);
}

static enum err_code large_end(struct layer *l, struct err *e)
{
	struct fact_entry *en = &l->fact.entry;
	struct slice *const to[] = { &en->sha256, &en->md5, &en->sha1 };
	static const size_t sizes[] = { 32, 16, 20 };
	struct slice content;
	for (unsigned i = 0; i < 3; i++) {
		if (l->want >> i & 1) {
			digest_final(digest_for(l, i), l->digests + 32 * i);
			*to[i] = slice_of(l->digests + 32 * i, sizes[i]);
		}
	}
	en->flags |= l->want ? ENTRY_F_CODE : 0;
	if (l->spool) {
		TRY(analyze_spool_map(l->spool, &content, e));
		return finish_file(l, content, e);
	}
	en->file_class = l->cls;
	en->lang = l->lang;
	if (l->hits.dropped)
		TRY(emit(l, &(struct fact){ .type = FACT_SKIPPED, .path = l->fact.path,
					    .skipped = { .reason = SL("limit: pattern matches"), .cls = SKIP_DATA } }, e));
	TRY(emit_entry(l, e));
	arena_rewind(&l->ctx->scratch, l->ctx->scratch_start);
	return OK;
}

/* The scratch file is full or too small: the file is inspected as far as it streams, and the gap is told. */
static enum err_code spool_failed(struct layer *l, enum err_code code, struct err *e)
{
	if (code != ERR_LIMIT || !l->spool)
		return code;
	analyze_spool_close(l->spool);
	l->spool = NULL;
	l->streaming = true;
	struct err copy = *e;
	return emit(l, &(struct fact){ .type = FACT_SKIPPED, .path = l->fact.path,
				       .skipped = { .reason = SL("limit: scratch file"), .detail = slice_str(copy.msg), .cls = SKIP_EXECUTABLE,
						    .bytes = l->fact.entry.size } }, e);
}

static enum err_code large_data(struct layer *l, struct slice chunk, bool last, struct err *e)
{
	if (!l->decided) {
		/* Enough to classify, gathered from as many chunks as it takes; WHOLE_BYTES is far more than one chunk. */
		buf_put_slice(&l->whole, chunk);
		TRY(buf_ok(&l->whole, "the head of a large file", e));
		if (l->whole.n < DECIDE_BYTES && !last) {
			l->got += chunk.n;
			return OK;
		}
		TRY(decide(l, buf_slice(&l->whole), e));
		chunk = buf_slice(&l->whole);
		l->got = 0;
	}
	TRY(spool_failed(l, large_chunk(l, chunk, e), e));
	l->got += chunk.n;
	return last ? spool_failed(l, large_end(l, e), e) : OK;
}

static enum err_code on_data(void *arg, struct slice chunk, uint64_t offset, bool last, struct err *e)
{
	struct layer *l = arg;
	if (!l->sparse)
		gather_hits(l, offset, chunk.n);
	if (!l->regular) {	/* a whiteout's or an unknown entry's content: shipped, but nobody's file */
		l->hits.n = 0;
		return last ? emit_entry(l, e) : OK;
	}
	if (l->large)
		return large_data(l, chunk, last, e);
	if (last && !l->got) {
		l->got = chunk.n;
		return finish_file(l, chunk, e);
	}
	buf_put_slice(&l->whole, chunk);
	TRY(buf_ok(&l->whole, "a file", e));
	l->got += chunk.n;
	return last ? finish_file(l, buf_slice(&l->whole), e) : OK;
}

enum err_code layer_feed(struct layer *l, const struct slot *slot, struct err *e)
{
	l->slot = slot;
	l->next_hit = 0;
	TRY(tar_reader_feed(l->tar, slice_of(slot->bytes, slot->n), e));
	if (slot->hits.dropped)
		return emit(l, &(struct fact){ .type = FACT_SKIPPED, .skipped = { .reason = SL("limit: pattern matches"), .cls = SKIP_DATA,
										  .detail = SL("more than are looked at in half a megabyte") } }, e);
	return OK;
}

enum err_code layer_finish(struct layer *l, struct err *e)
{
	struct tar_result r;
	TRY(tar_reader_finish(l->tar, &r, e));
	l->fact = (struct fact){ 0 };
	if (r.trailing_nonzero)
		TRY(integrity(l, "tar.trailing", "bytes behind the end of the archive", r.trailing_offset, e));
	for (unsigned i = 0; analyzers[i]; i++)
		if (analyzers[i]->finish)
			TRY(analyzers[i]->finish(l->ctx, e));
	return OK;
}
