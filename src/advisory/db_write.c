#include "db.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUT_BUFFER = 1 << 20, MAX_INDEX_BYTES = 512 << 20 };

/* What advisory_status says, gathered while rows pass in order. */
struct count { struct slice name; uint64_t n; };
struct count_list { struct count *items; size_t n, cap; };
struct db_summary { struct arena arena; struct count_list releases, records; uint64_t kev, epss, nvd, total; };

struct db_writer {
	int fd;
	uint64_t at;			/* file offset of out */
	struct buf out, block, offsets, index, keys, first;
	uint32_t n_blocks, n_rows;
	struct db_summary sum;
};

enum err_code db_writer_open(int fd, struct db_writer **ret, struct err *e)
{
	struct db_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ERR_NOMEM, 0, "write the advisory database");
	*w = (struct db_writer){ .fd = fd, .at = DB_HEADER, .out = BUF(OUT_BUFFER + DB_MAX_ROW + MIB), .block = BUF(DB_MAX_ROW + MIB),
				 .offsets = BUF(MIB), .index = BUF(MAX_INDEX_BYTES), .keys = BUF(MAX_INDEX_BYTES), .first = BUF(DB_MAX_KEY),
				 .sum.arena = ARENA(16 * MIB) };
	*ret = w;
	return OK;
}

void db_writer_close(struct db_writer *w)
{
	if (!w)
		return;
	struct buf *all[] = { &w->out, &w->block, &w->offsets, &w->index, &w->keys, &w->first };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_free(all[i]);
	arena_free(&w->sum.arena);
	free(w);
}

static enum err_code write_at(int fd, struct slice s, uint64_t at, struct err *e)
{
	while (s.n) {
		ssize_t n = pwrite(fd, s.p, s.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_IO, n < 0 ? errno : EIO, "write the advisory database");
		s = slice_from(s, (size_t)n);
		at += (uint64_t)n;
	}
	return OK;
}

static enum err_code flush_out(struct db_writer *w, struct err *e)
{
	TRY(buf_ok(&w->out, "the advisory database", e));
	TRY(write_at(w->fd, buf_slice(&w->out), w->at, e));
	w->at += w->out.n;
	buf_clear(&w->out);
	return OK;
}

static enum err_code end_block(struct db_writer *w, struct err *e)
{
	if (!w->n_rows)
		return OK;
	uint64_t at = w->at + w->out.n;
	size_t from = w->out.n, head = 4 + 4 * (size_t)w->n_rows;
	buf_put_le32(&w->out, w->n_rows);
	for (uint32_t i = 0; i < w->n_rows; i++) {
		uint32_t offset;
		memcpy(&offset, w->offsets.p + 4 * (size_t)i, 4);
		buf_put_le32(&w->out, (uint32_t)(offset + head));
	}
	buf_put_slice(&w->out, buf_slice(&w->block));
	TRY(buf_ok(&w->out, "the advisory database", e));
	struct slice bytes = slice_of(w->out.p + from, w->out.n - from);
	buf_put_le64(&w->index, at);
	buf_put_le64(&w->index, db_sum(bytes));
	buf_put_le32(&w->index, (uint32_t)bytes.n);
	buf_put_le32(&w->index, (uint32_t)w->keys.n);
	buf_put_slice(&w->keys, buf_slice(&w->first));
	TRY(buf_ok(&w->index, "the advisory database's index", e));
	TRY(buf_ok(&w->keys, "the advisory database's index", e));
	w->n_blocks++;
	w->n_rows = 0;
	buf_clear(&w->block);
	buf_clear(&w->offsets);
	return w->out.n >= OUT_BUFFER ? flush_out(w, e) : OK;
}

static bool count_one(struct arena *a, struct count_list *l, struct slice name, size_t max)
{
	if (!l->n || !slice_eq(l->items[l->n - 1].name, name)) {
		struct count *c = l->n < max ? ARENA_PUSH(a, l) : NULL;
		if (!c)
			return false;
		c->name = arena_dup(a, name);
	}
	l->items[l->n - 1].n++;
	return true;
}

static enum err_code count_row(struct db_summary *s, struct slice key, struct err *e)
{
	struct row_key k;
	row_key_split(key, &k);
	bool ok = true;
	uint8_t tag = k.kind == 'C' && k.part[1].n ? k.part[1].p[0] : 0;
	if (k.kind == 'A')
		ok = count_one(&s->arena, &s->releases, k.part[0], DB_MAX_RELEASES);
	if (k.kind == 'R') {
		ok = count_one(&s->arena, &s->records, k.part[0], DB_MAX_ECOSYSTEMS);
		s->total++;
	}
	s->kev += tag == 'k';
	s->epss += tag == 'e';
	s->nvd += tag == 'n';
	return ok ? OK : err_set(e, ERR_LIMIT, 0, "the feeds name more than %d releases or %d ecosystems", DB_MAX_RELEASES, DB_MAX_ECOSYSTEMS);
}

enum err_code db_writer_add(struct db_writer *w, const struct row *r, struct err *e)
{
	size_t need = r->key.n + r->value.n + 24;
	if (w->n_rows && w->block.n + need > DB_BLOCK_TARGET)
		TRY(end_block(w, e));
	if (!w->n_rows) {
		buf_clear(&w->first);
		buf_put_slice(&w->first, r->key);
	}
	buf_put_le32(&w->offsets, (uint32_t)w->block.n);
	buf_put_varint(&w->block, r->key.n);
	buf_put_slice(&w->block, r->key);
	buf_put_varint(&w->block, r->value.n);
	buf_put_slice(&w->block, r->value);
	w->n_rows++;
	TRY(buf_ok(&w->block, "an advisory", e));
	TRY(buf_ok(&w->first, "an advisory's key", e));
	return count_row(&w->sum, r->key, e);
}

static void put(struct buf *b, struct slice s)
{
	buf_put_varint(b, s.n);
	buf_put_slice(b, s);
}

static void put_summary(struct db_writer *w, const struct db_source *sources, size_t n, struct buf *b)
{
	struct db_summary *s = &w->sum;
	const uint64_t head[] = { s->total, s->kev, s->epss, s->nvd, s->records.n, s->releases.n };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		buf_put_varint(b, head[i]);
	for (size_t i = 0; i < s->records.n; i++) {
		struct db_source from = { 0 };
		for (size_t k = 0; k < n; k++)
			if (slice_eq(sources[k].base, s->records.items[i].name))
				from = sources[k];
		put(b, s->records.items[i].name);
		put(b, from.text);
		buf_put_varint(b, s->records.items[i].n);
		buf_put_varint(b, from.imported_s);
	}
	for (size_t i = 0; i < s->releases.n; i++) {
		put(b, s->releases.items[i].name);
		buf_put_varint(b, s->releases.items[i].n);
	}
}

enum err_code db_writer_finish(struct db_writer *w, uint64_t built_s, const struct db_source *sources, size_t n, struct err *e)
{
	TRY(end_block(w, e));
	TRY(flush_out(w, e));
	uint64_t index_at = w->at, keys = w->keys.n;
	buf_put_slice(&w->index, buf_slice(&w->keys));
	put_summary(w, sources, n, &w->index);
	TRY(buf_ok(&w->index, "the advisory database's index", e));
	AUTO_BUF head = BUF(DB_HEADER);
	buf_put(&head, DB_MAGIC, 8);
	buf_put_le32(&head, DB_VERSION);
	buf_put_le32(&head, w->n_blocks);
	const uint64_t words[] = { built_s, index_at + w->index.n, index_at, w->index.n, db_sum(buf_slice(&w->index)), keys };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		buf_put_le64(&head, words[i]);
	buf_put_le64(&head, db_sum(buf_slice(&head)));
	TRY(buf_ok(&head, "the advisory database's header", e));
	TRY(write_at(w->fd, buf_slice(&w->index), index_at, e));
	return write_at(w->fd, buf_slice(&head), 0, e);
}
