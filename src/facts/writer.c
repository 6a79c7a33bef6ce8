#include "facts_file.h"
#include "footer.h"
#include "os.h"
#include "sorter.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { WRITER_ARENA = 64 << 20, MOST_SOURCES = 1 << 20 };

struct facts_writer {
	struct arena arena;
	char *dir;
	struct os_atomic out;		/* when the file has a name */
	int fd;
	struct sorter sorters[SECTION_COUNT];
	struct footer footer;
	/* A set of owned facts' sources. */
	struct slice *source_set;
	size_t source_cap;
	struct slice last_source;
};

/* Members of archives are no entries of the layer: their FACT_ENTRY only carries digests. */
static enum facts_section section_of(const struct fact *f)
{
	return f->type == FACT_ENTRY && !f->inner.n ? SECTION_ENTRIES : f->type == FACT_OWNED ? SECTION_OWNED : SECTION_OTHERS;
}

static void writer_free(struct facts_writer *w)
{
	for (unsigned i = 0; i < SECTION_COUNT; i++)
		fact_sorter_free(&w->sorters[i]);
	if (w->out.path)
		os_atomic_abort(&w->out);	/* w->fd is its descriptor */
	else
		fd_close(&w->fd);
	free(w->source_set);
	arena_free(&w->arena);
	free(w);
}

void facts_writer_abort(struct facts_writer *w)
{
	if (w)
		writer_free(w);
}

enum err_code facts_writer_open(const char *dir, const char *path, struct facts_writer **ret, struct err *e)
{
	struct facts_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	w->arena = ARENA(WRITER_ARENA);
	w->fd = -1;
	w->out.fd = -1;
	w->dir = arena_strdup(&w->arena, dir);
	for (unsigned i = 0; i < SECTION_COUNT; i++)
		fact_sorter_init(&w->sorters[i], w->dir, &w->arena);
	enum err_code code = path ? os_atomic_open(path, 0600, &w->out, e) : os_unnamed_file(dir, &w->fd, e);
	if (code == OK && path)
		w->fd = w->out.fd;
	if (code != OK) {
		writer_free(w);
		return code;
	}
	*ret = w;
	return OK;
}

enum err_code facts_writer_name(struct facts_writer *w, const char *path, struct err *e)
{
	TRY(os_atomic_open(path, 0600, &w->out, e));
	fd_close(&w->fd);	/* nothing was written yet: blocks go out in finish only */
	w->fd = w->out.fd;
	return OK;
}

static bool grow_set(struct facts_writer *w)
{
	size_t cap = w->source_cap ? w->source_cap * 2 : 256;
	struct slice *set = calloc(cap, sizeof(*set));
	if (!set)
		return false;
	for (size_t i = 0; i < w->source_cap; i++) {
		if (!w->source_set[i].p)
			continue;
		size_t at = slice_hash(w->source_set[i]) & (cap - 1);
		while (set[at].p)
			at = (at + 1) & (cap - 1);
		set[at] = w->source_set[i];
	}
	free(w->source_set);
	w->source_set = set;
	w->source_cap = cap;
	return true;
}

static enum err_code note_source(struct facts_writer *w, struct slice source, struct err *e)
{
	if (slice_eq(source, w->last_source))
		return OK;
	if (w->footer.sources.n >= MOST_SOURCES)
		return err_set(e, ERR_LIMIT, 0, "more than %d package lists in one layer", MOST_SOURCES);
	if (w->footer.sources.n * 2 >= w->source_cap && !grow_set(w))
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	size_t at = slice_hash(source) & (w->source_cap - 1);
	while (w->source_set[at].p && !slice_eq(w->source_set[at], source))
		at = (at + 1) & (w->source_cap - 1);
	if (!w->source_set[at].p) {
		struct slice *s = ARENA_PUSH(&w->arena, &w->footer.sources);
		if (s)
			*s = w->source_set[at] = arena_dup(&w->arena, source);
	}
	w->last_source = w->source_set[at];
	return arena_ok(&w->arena, "the list of package lists", e);
}

enum err_code facts_writer_add(struct facts_writer *w, const struct fact *f, struct slice encoded, struct err *e)
{
	w->footer.counts[f->type]++;
	if (f->type == FACT_HELLO || f->type == FACT_END) {
		struct slice copy = arena_dup(&w->arena, encoded);
		*(f->type == FACT_HELLO ? &w->footer.hello : &w->footer.end) = copy;
		return arena_ok(&w->arena, "facts", e);
	}
	if (f->type == FACT_OWNED)
		TRY(note_source(w, f->owned.source, e));
	return fact_sorter_add(&w->sorters[section_of(f)], encoded, e);
}

static enum err_code put_block(void *arg, struct slice encoded, struct err *e) { return block_writer_put(arg, encoded, e); }

static enum err_code copy_blocks(struct facts_writer *w, struct sorter *s, struct block_index *index, struct err *e)
{
	struct sort_run *run = &s->runs.items[0];
	uint64_t from = run->index.n ? run->index.items[0].offset : 0, to = w->footer.offset, bytes = 0;
	for (size_t i = 0; i < run->index.n; i++) {
		bytes += run->index.items[i].size;
		run->index.items[i].offset = run->index.items[i].offset - from + to;
	}
	off_t at = (off_t)from;
	for (uint64_t left = bytes; left;) {
		ssize_t n = sendfile(w->fd, s->spill_fd, &at, MIN(left, (uint64_t)1 << 30));
		if (n <= 0)
			return err_set(e, ERR_IO, n < 0 ? errno : EIO, "write facts");
		left -= (uint64_t)n;
	}
	w->footer.offset += bytes;
	*index = run->index;
	return OK;
}

/* What the entries' order showed: paths that occur more than once. */
static enum err_code report_dups(struct facts_writer *w, const struct block_dup *dups, size_t n, uint64_t count, struct err *e)
{
	AUTO_BUF b = BUF(8 * MIB);
	for (size_t i = 0; i < n; i++) {
		struct fact f = { .type = FACT_INTEGRITY, .path = dups[i].path };
		char text[96];
		f.integrity.what = dups[i].whiteout ? SL("tar.whiteout-and-entry") : SL("tar.duplicate");
		if (i + 1 == n && count > n) {
			snprintf(text, sizeof(text), "and %llu more paths like it", (unsigned long long)(count - n));
			f.integrity.detail = slice_str(text);
		}
		buf_clear(&b);
		TRY(fact_encode(&b, &f, e));
		TRY(facts_writer_add(w, &f, buf_slice(&b), e));
	}
	return OK;
}

static enum err_code write_section(struct facts_writer *w, enum facts_section section, struct err *e)
{
	struct sorter *s = &w->sorters[section];
	struct block_index *index = &w->footer.index[section];
	bool single;
	TRY(fact_sorter_single_run(s, &single, e));
	if (single) {
		struct sort_run *run = &s->runs.items[0];
		TRY(copy_blocks(w, s, index, e));
		return section == SECTION_ENTRIES ? report_dups(w, run->dups, run->n_dups, run->dup_count, e) : OK;
	}
	struct block_writer b;
	TRY(block_writer_init(&b, w->fd, w->footer.offset, &w->arena, e));
	enum err_code code = fact_sorter_drain(s, put_block, &b, e);
	if (code == OK)
		code = block_writer_flush(&b, e);
	if (code == OK) {
		w->footer.offset = b.offset;
		*index = b.index;
		if (section == SECTION_ENTRIES)
			code = report_dups(w, b.dups, b.n_dups, b.dup_count, e);
	}
	block_writer_free(&b);
	return code;
}

static enum err_code write_all(struct facts_writer *w, struct err *e)
{
	AUTO_BUF b = BUF(256 * MIB);
	TRY(footer_write_magic(w->fd, &w->footer, e));
	for (unsigned s = 0; s < SECTION_COUNT; s++) {
		TRY(write_section(w, (enum facts_section)s, e));
		fact_sorter_free(&w->sorters[s]);
	}
	TRY(footer_encode(&b, &w->footer, e));
	return os_write_all(w->fd, b.p, b.n, "write facts", e);
}

enum err_code facts_writer_finish(struct facts_writer *w, struct facts_file **ret, struct err *e)
{
	enum err_code code = write_all(w, e);
	int fd = -1;
	if (code == OK) {
		fd = dup(w->fd);
		if (fd < 0)
			code = err_set(e, ERR_IO, errno, "keep the facts file open");
	}
	if (code == OK && w->out.path) {
		w->out.cache = true;
		w->fd = -1;	/* the commit closes it, whatever comes of it */
		code = os_atomic_commit(&w->out, e);
	}
	if (code == OK)
		code = facts_file_open_fd(fd, "facts", ret, e);
	fd_close(&fd);
	writer_free(w);
	return code;
}
