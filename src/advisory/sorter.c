/* An external merge sort: rows gather in one buffer, sorted runs go to an unnamed file, a heap merges them. */
#include "db.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { GATHER_BYTES = 48 << 20, RUN_BUFFER = 128 << 10, MAX_RUNS = 1024, ROW_HEAD = 8 };

struct run {
	uint64_t at, end;		/* what is still unread of it in the file */
	struct buf buf;
	size_t pos, used;		/* of buf: the current row begins at pos and takes used bytes */
	struct row row;
	struct row_source *older;	/* instead of the file */
};

struct sorter {
	int fd;
	uint64_t file_at;
	uint8_t *bytes;
	size_t n;
	uint32_t *offsets;
	size_t n_offsets, cap_offsets;
	struct run *runs;		/* oldest first */
	size_t n_runs;
	uint32_t *heap;
	size_t n_heap;
	bool advance_first;		/* heap[0]'s row was handed out */
	sorter_keep_fn *keep;
	void *keep_arg;
};

enum err_code sorter_open(int spill_fd, struct sorter **ret, struct err *e)
{
	struct sorter *s = calloc(1, sizeof(*s));
	if (s) {
		s->fd = spill_fd;
		s->bytes = malloc(GATHER_BYTES);
		s->cap_offsets = GATHER_BYTES / 64;
		s->offsets = malloc(s->cap_offsets * sizeof(*s->offsets));
		s->runs = calloc(MAX_RUNS + 1, sizeof(*s->runs));
		s->heap = calloc(MAX_RUNS + 1, sizeof(*s->heap));
	}
	if (!s || !s->bytes || !s->offsets || !s->runs || !s->heap) {
		sorter_close(s);
		return err_set(e, ERR_NOMEM, 0, "sort advisories");
	}
	*ret = s;
	return OK;
}

void sorter_close(struct sorter *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->runs && i < s->n_runs; i++)
		buf_free(&s->runs[i].buf);
	free(s->bytes);
	free(s->offsets);
	free(s->runs);
	free(s->heap);
	free(s);
}

static struct row row_of(const uint8_t *p)
{
	uint32_t k, v;
	memcpy(&k, p, 4);
	memcpy(&v, p + 4, 4);
	return (struct row){ { p + ROW_HEAD, k }, { p + ROW_HEAD + k, v } };
}

static int by_key(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const uint8_t *bytes = arg;
	int c = slice_cmp(row_of(bytes + x).key, row_of(bytes + y).key);
	return c ? c : (x > y) - (x < y);
}

static enum err_code spill_write(struct sorter *s, struct slice b, struct err *e)
{
	while (b.n) {
		ssize_t n = pwrite(s->fd, b.p, b.n, (off_t)s->file_at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_IO, n < 0 ? errno : EIO, "write a temporary file");
		b = slice_from(b, (size_t)n);
		s->file_at += (uint64_t)n;
	}
	return OK;
}

static enum err_code spill(struct sorter *s, struct err *e)
{
	if (!s->n_offsets)
		return OK;
	if (s->n_runs == MAX_RUNS)
		return err_set(e, ERR_LIMIT, 0, "the feeds are larger than %llu GiB", (unsigned long long)MAX_RUNS * GATHER_BYTES >> 30);
	qsort_r(s->offsets, s->n_offsets, sizeof(*s->offsets), by_key, s->bytes);
	AUTO_BUF out = BUF(2 * MIB + DB_MAX_ROW);
	struct run *r = &s->runs[s->n_runs];
	*r = (struct run){ .at = s->file_at, .buf = BUF(DB_MAX_ROW + DB_MAX_KEY + MIB) };
	for (size_t i = 0; i < s->n_offsets; i++) {
		struct row row = row_of(s->bytes + s->offsets[i]);
		if (i + 1 < s->n_offsets && slice_eq(row.key, row_of(s->bytes + s->offsets[i + 1]).key))
			continue;
		buf_put(&out, s->bytes + s->offsets[i], ROW_HEAD + row.key.n + row.value.n);
		if (out.n >= MIB) {
			TRY(spill_write(s, buf_slice(&out), e));
			buf_clear(&out);
		}
	}
	TRY(buf_ok(&out, "a sorted run", e));
	TRY(spill_write(s, buf_slice(&out), e));
	r->end = s->file_at;
	s->n_runs++;
	s->n = s->n_offsets = 0;
	return OK;
}

enum err_code sorter_add(struct sorter *s, struct slice key, struct slice value, struct err *e)
{
	if (key.n > DB_MAX_KEY || value.n > DB_MAX_ROW)
		return err_set(e, ERR_LIMIT, 0, "an advisory is larger than %d MiB", DB_MAX_ROW >> 20);
	size_t need = ROW_HEAD + key.n + value.n;
	if (s->n + need > GATHER_BYTES || s->n_offsets == s->cap_offsets)
		TRY(spill(s, e));
	uint32_t k = (uint32_t)key.n, v = (uint32_t)value.n;
	uint8_t *p = s->bytes + s->n;
	memcpy(p, &k, 4);
	memcpy(p + 4, &v, 4);
	memcpy(p + ROW_HEAD, key.p, key.n);
	if (value.n)
		memcpy(p + ROW_HEAD + key.n, value.p, value.n);
	s->offsets[s->n_offsets++] = (uint32_t)s->n;
	s->n += need;
	return OK;
}

/* Makes at least n bytes from pos on available. */
static enum err_code run_fill(struct sorter *s, struct run *r, size_t n, struct err *e)
{
	size_t have = r->buf.n - r->pos;
	if (have >= n)
		return OK;
	if (have)
		memmove(r->buf.p, r->buf.p + r->pos, have);
	r->buf.n = have;
	r->pos = 0;
	size_t want = (size_t)MIN((uint64_t)MAX(n, (size_t)RUN_BUFFER) - have, r->end - r->at);
	if (have + want < n || !buf_reserve(&r->buf, want))
		return err_set(e, ERR_INTERNAL, 0, "a sorted run ends too early");
	while (want) {
		ssize_t got = pread(s->fd, r->buf.p + r->buf.n, want, (off_t)r->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(e, ERR_IO, got < 0 ? errno : EIO, "read a temporary file");
		r->buf.n += (size_t)got;
		r->at += (uint64_t)got;
		want -= (size_t)got;
	}
	return OK;
}

static enum err_code run_next(struct sorter *s, struct run *r, bool *ret_more, struct err *e)
{
	if (r->older)
		return r->older->next(r->older, &r->row, ret_more, e);
	r->pos += r->used;
	r->used = 0;
	*ret_more = r->pos < r->buf.n || r->at < r->end;
	if (!*ret_more)
		return OK;
	TRY(run_fill(s, r, ROW_HEAD, e));
	struct row head = row_of(r->buf.p + r->pos);
	r->used = ROW_HEAD + head.key.n + head.value.n;
	TRY(run_fill(s, r, r->used, e));
	r->row = row_of(r->buf.p + r->pos);
	return OK;
}

/* By key; of equal keys the newest run first. */
static bool heap_less(const struct sorter *s, uint32_t a, uint32_t b)
{
	int c = slice_cmp(s->runs[a].row.key, s->runs[b].row.key);
	return c ? c < 0 : a > b;
}

static void sift_down(struct sorter *s, size_t i)
{
	for (;;) {
		size_t least = i, l = 2 * i + 1;
		for (size_t k = l; k < l + 2 && k < s->n_heap; k++)
			if (heap_less(s, s->heap[k], s->heap[least]))
				least = k;
		if (least == i)
			return;
		uint32_t t = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = t;
		i = least;
	}
}

enum err_code sorter_merge(struct sorter *s, struct row_source *older, sorter_keep_fn *keep, void *arg, struct err *e)
{
	TRY(spill(s, e));
	s->keep = keep;
	s->keep_arg = arg;
	free(s->bytes);		/* the runs' buffers come in its place */
	s->bytes = NULL;
	if (older) {
		memmove(s->runs + 1, s->runs, s->n_runs * sizeof(*s->runs));
		s->runs[0] = (struct run){ .older = older };
		s->n_runs++;
	}
	for (uint32_t i = 0; i < s->n_runs; i++) {
		bool more;
		TRY(run_next(s, &s->runs[i], &more, e));
		if (more)
			s->heap[s->n_heap++] = i;
	}
	for (size_t i = s->n_heap / 2; i-- > 0;)
		sift_down(s, i);
	return OK;
}

static enum err_code advance_top(struct sorter *s, struct err *e)
{
	bool more;
	TRY(run_next(s, &s->runs[s->heap[0]], &more, e));
	if (!more)
		s->heap[0] = s->heap[--s->n_heap];
	sift_down(s, 0);
	return OK;
}

/* Drops the row handed out and older ones with its key. */
static enum err_code advance_key(struct sorter *s, struct err *e)
{
	uint8_t key[DB_MAX_KEY];
	struct slice last = s->runs[s->heap[0]].row.key;
	if (last.n > sizeof(key))
		return err_set(e, ERR_FORMAT, 0, "the old advisory database is damaged");
	memcpy(key, last.p, last.n);
	last.p = key;
	do
		TRY(advance_top(s, e));
	while (s->n_heap && slice_eq(s->runs[s->heap[0]].row.key, last));
	return OK;
}

enum err_code sorter_next(struct sorter *s, struct row *ret, bool *ret_more, struct err *e)
{
	if (s->advance_first)
		TRY(advance_key(s, e));
	s->advance_first = false;
	while (s->n_heap) {
		const struct run *top = &s->runs[s->heap[0]];
		if (s->keep(s->keep_arg, top->row.key, top->older != NULL)) {
			*ret = top->row;
			*ret_more = s->advance_first = true;
			return OK;
		}
		TRY(advance_top(s, e));
	}
	*ret_more = false;
	return OK;
}
