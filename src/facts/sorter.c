#include "sorter.h"
#include "encode.h"
#include "os.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_BYTES = 4 << 20, CHUNK_ITEMS = 1 << 17, MOST_RUNS = 4096 };

void fact_sorter_init(struct sorter *s, const char *dir, struct arena *arena)
{
	*s = (struct sorter){ .dir = dir, .arena = arena, .chunk = BUF(64 * MIB), .spill_fd = -1, .chunk_sorted = true };
}

void fact_sorter_free(struct sorter *s)
{
	buf_free(&s->chunk);
	free(s->items);
	s->items = NULL;
	if (s->run_open)
		block_writer_free(&s->run);
	s->run_open = false;
	fd_close(&s->spill_fd);
	s->spill_fd = -1;
}

static struct slice item_bytes(const struct sorter *s, const struct sort_item *i) { return slice_of(s->chunk.p + i->offset, i->size); }

static struct slice path_of(struct slice encoded)
{
	uint8_t type;
	struct slice path = SLICE_NULL, body;
	(void)block_split(encoded, &type, &path, &body);
	return path;
}

static int by_path(const void *a, const void *b, void *arg)
{
	const struct sort_item *x = a, *y = b;
	const struct sorter *s = arg;
	int c = fact_path_cmp(path_of(item_bytes(s, x)), path_of(item_bytes(s, y)));
	return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

static void sort_chunk(struct sorter *s)
{
	if (!s->chunk_sorted)
		qsort_r(s->items, s->n_items, sizeof(s->items[0]), by_path, s);
	s->chunk_sorted = true;
}

static enum err_code close_run(struct sorter *s, struct err *e)
{
	if (!s->run_open)
		return OK;
	TRY(block_writer_flush(&s->run, e));
	struct sort_run *r = ARENA_PUSH(s->arena, &s->runs);
	if (!r)
		return arena_ok(s->arena, "sorting facts", e);
	*r = (struct sort_run){ s->run.index, s->run.dups, s->run.n_dups, s->run.dup_count };
	block_writer_free(&s->run);
	s->run_open = false;
	return OK;
}

/* Puts the chunk on disk: behind the open run when it continues it, as a new run otherwise. */
static enum err_code spill(struct sorter *s, struct err *e)
{
	if (!s->n_items)
		return OK;
	sort_chunk(s);
	if (s->spill_fd < 0)
		TRY(os_unnamed_file(s->dir, &s->spill_fd, e));
	struct slice first = path_of(item_bytes(s, &s->items[0]));
	if (s->run_open && fact_path_cmp(buf_slice(&s->run.last), first) > 0)
		TRY(close_run(s, e));
	if (!s->run_open) {
		if (s->runs.n >= MOST_RUNS)
			return err_set(e, ERR_LIMIT, 0, "facts arrive in more than %d runs", MOST_RUNS);
		TRY(block_writer_init(&s->run, s->spill_fd, (uint64_t)lseek(s->spill_fd, 0, SEEK_END), s->arena, e));
		s->run_open = true;
	}
	for (size_t i = 0; i < s->n_items; i++)
		TRY(block_writer_put(&s->run, item_bytes(s, &s->items[i]), e));
	buf_clear(&s->chunk);
	s->n_items = 0;
	return OK;
}

enum err_code fact_sorter_add(struct sorter *s, struct slice encoded, struct err *e)
{
	if (s->chunk.n + encoded.n > CHUNK_BYTES || s->n_items == CHUNK_ITEMS)
		TRY(spill(s, e));
	if (s->n_items == s->cap_items) {
		size_t cap = s->cap_items ? s->cap_items * 2 : 1024;
		struct sort_item *p = reallocarray(s->items, cap, sizeof(*p));
		if (!p)
			return err_set(e, ERR_NOMEM, 0, "out of memory while sorting facts");
		s->items = p;
		s->cap_items = cap;
	}
	if (s->chunk_sorted && s->n_items) {
		struct slice last = path_of(item_bytes(s, &s->items[s->n_items - 1]));
		s->chunk_sorted = fact_path_cmp(last, path_of(encoded)) <= 0;
	}
	s->items[s->n_items++] = (struct sort_item){ (uint32_t)s->chunk.n, (uint32_t)encoded.n };
	s->count++;
	buf_put_slice(&s->chunk, encoded);
	return buf_ok(&s->chunk, "a chunk of facts", e);
}

/* One run being merged: its current block in memory and the current record, encoded again. */
struct source {
	const struct block_index *index;
	size_t next_block;
	struct buf block, path, record;
	struct rd rd;
	size_t order;
	bool ended;
};

static enum err_code load_block(struct sorter *s, struct source *src, struct err *e)
{
	const struct block_ref *ref = &src->index->items[src->next_block++];
	buf_clear(&src->block);
	if (!buf_reserve(&src->block, ref->size))
		return buf_ok(&src->block, "a block of facts", e);
	ssize_t n = pread(s->spill_fd, src->block.p, ref->size, (off_t)ref->offset);
	if (n != (ssize_t)ref->size)
		return err_set(e, ERR_IO, n < 0 ? errno : EIO, "read back facts");
	src->block.n = ref->size;
	src->rd = rd_of(buf_slice(&src->block));
	src->path.n = 0;
	return OK;
}

static enum err_code advance(struct sorter *s, struct source *src, struct err *e)
{
	while (!rd_left(&src->rd)) {
		if (src->next_block == src->index->n) {
			src->ended = true;
			return OK;
		}
		TRY(load_block(s, src, e));
	}
	struct fact f;
	if (!block_next(&src->rd, &src->path, &f))
		return err_set(e, ERR_INTERNAL, 0, "a block of facts cannot be read back");
	buf_clear(&src->record);
	return fact_encode(&src->record, &f, e);
}

static bool before(const struct source *a, const struct source *b)
{
	int c = fact_path_cmp(path_of(buf_slice(&a->record)), path_of(buf_slice(&b->record)));
	return c < 0 || (c == 0 && a->order < b->order);
}

static void sift(struct source **heap, size_t n, size_t i)
{
	for (;;) {
		size_t l = 2 * i + 1, least = i;
		if (l < n && before(heap[l], heap[least]))
			least = l;
		if (l + 1 < n && before(heap[l + 1], heap[least]))
			least = l + 1;
		if (least == i)
			return;
		struct source *t = heap[i];
		heap[i] = heap[least];
		heap[least] = t;
		i = least;
	}
}

static enum err_code merge_with(struct sorter *s, struct source *sources, struct source **heap, fact_sorter_fn *fn, void *arg, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < s->runs.n; i++) {
		sources[i] = (struct source){ .index = &s->runs.items[i].index, .order = i, .block = BUF(16 * MIB), .path = BUF(4 * MIB),
					      .record = BUF(16 * MIB) };
		TRY(advance(s, &sources[i], e));
		if (!sources[i].ended)
			heap[n++] = &sources[i];
	}
	for (size_t i = n / 2; i-- > 0;)
		sift(heap, n, i);
	while (n) {
		TRY(fn(arg, buf_slice(&heap[0]->record), e));
		TRY(advance(s, heap[0], e));
		if (heap[0]->ended)
			heap[0] = heap[--n];
		sift(heap, n, 0);
	}
	return OK;
}

static enum err_code merge(struct sorter *s, fact_sorter_fn *fn, void *arg, struct err *e)
{
	struct source *sources = calloc(s->runs.n, sizeof(*sources));
	struct source **heap = calloc(s->runs.n, sizeof(*heap));
	enum err_code code = sources && heap ? merge_with(s, sources, heap, fn, arg, e)
					     : err_set(e, ERR_NOMEM, 0, "out of memory while merging facts");
	for (size_t i = 0; sources && i < s->runs.n; i++) {
		buf_free(&sources[i].block);
		buf_free(&sources[i].path);
		buf_free(&sources[i].record);
	}
	free(sources);
	free(heap);
	return code;
}

enum err_code fact_sorter_single_run(struct sorter *s, bool *ret, struct err *e)
{
	*ret = false;
	if (s->spill_fd < 0)
		return OK;
	TRY(spill(s, e));
	TRY(close_run(s, e));
	*ret = s->runs.n == 1;
	return OK;
}

enum err_code fact_sorter_drain(struct sorter *s, fact_sorter_fn *fn, void *arg, struct err *e)
{
	if (s->spill_fd < 0) {	/* everything is in memory */
		sort_chunk(s);
		for (size_t i = 0; i < s->n_items; i++)
			TRY(fn(arg, item_bytes(s, &s->items[i]), e));
		return OK;
	}
	bool single;
	TRY(fact_sorter_single_run(s, &single, e));
	buf_free(&s->chunk);
	return merge(s, fn, arg, e);
}
