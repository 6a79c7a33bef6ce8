#include "footer.h"
#include "os.h"
#include <stdlib.h>

static const char magic_start[MAGIC_BYTES + 1] = "PBNFACT1", magic_end[MAGIC_BYTES + 1] = "PBNFACTE";

enum err_code footer_write_magic(int fd, struct footer *f, struct err *e)
{
	f->offset = MAGIC_BYTES;
	return os_write_all(fd, magic_start, MAGIC_BYTES, "write facts", e);
}

static int by_path(const void *a, const void *b) { return fact_path_cmp(*(const struct slice *)a, *(const struct slice *)b); }

enum err_code footer_encode(struct buf *out, struct footer *f, struct err *e)
{
	buf_put_varint(out, FOOTER_VERSION);
	for (unsigned i = 0; i < FACT_TYPE_COUNT; i++)
		buf_put_varint(out, f->counts[i]);
	fact_list_put(out, f->hello);
	fact_list_put(out, f->end);
	for (unsigned s = 0; s < SECTION_COUNT; s++) {
		buf_put_varint(out, f->index[s].n);
		for (size_t i = 0; i < f->index[s].n; i++) {
			const struct block_ref *b = &f->index[s].items[i];
			buf_put_varint(out, b->offset);
			buf_put_varint(out, b->size);
			buf_put_le32(out, b->crc);
			fact_list_put(out, b->first);
		}
	}
	if (f->sources.n)
		qsort(f->sources.items, f->sources.n, sizeof(f->sources.items[0]), by_path);
	buf_put_varint(out, f->sources.n);
	for (size_t i = 0; i < f->sources.n; i++)
		fact_list_put(out, f->sources.items[i]);
	uint64_t n = out->n;
	buf_put_le32(out, block_crc(buf_slice(out)));
	buf_put_le64(out, n);
	buf_put(out, magic_end, MAGIC_BYTES);
	return buf_ok(out, "the index of a facts file", e);
}

static struct slice get_bytes(struct rd *r) { return rd_bytes(r, rd_varint(r)); }

static bool decode_index(struct rd *r, uint64_t blocks_end, struct arena *arena, struct block_index *ret)
{
	uint64_t n = rd_varint(r);
	if (n > rd_left(r) / 7)	/* a reference takes at least 7 bytes */
		return false;
	ret->items = arena_calloc(arena, n, sizeof(*ret->items));
	if (!ret->items)
		return false;
	for (ret->n = 0; ret->n < n; ret->n++) {
		struct block_ref *b = &ret->items[ret->n];
		b->offset = rd_varint(r);
		b->size = (uint32_t)rd_varint(r);
		b->crc = rd_le32(r);
		b->first = get_bytes(r);
		if (r->bad || b->offset < MAGIC_BYTES || b->offset > blocks_end || b->size > blocks_end - b->offset)
			return false;
	}
	return true;
}

static bool decode(struct slice footer, uint64_t blocks_end, struct arena *arena, struct footer *ret)
{
	struct rd r = rd_of(footer);
	if (rd_varint(&r) != FOOTER_VERSION)
		return false;
	for (unsigned i = 0; i < FACT_TYPE_COUNT; i++)
		ret->counts[i] = rd_varint(&r);
	ret->hello = get_bytes(&r);
	ret->end = get_bytes(&r);
	for (unsigned s = 0; s < SECTION_COUNT; s++)
		if (!decode_index(&r, blocks_end, arena, &ret->index[s]))
			return false;
	uint64_t n = rd_varint(&r);
	if (r.bad || n > rd_left(&r))
		return false;
	ret->sources.items = arena_calloc(arena, n, sizeof(struct slice));
	if (!ret->sources.items)
		return false;
	for (; ret->sources.n < n; ret->sources.n++)
		ret->sources.items[ret->sources.n] = get_bytes(&r);
	return !r.bad && !rd_left(&r);
}

enum err_code footer_decode(struct slice file, struct arena *arena, struct footer *ret, struct err *e)
{
	struct footer f = { 0 };
	if (file.n < MAGIC_BYTES + TRAILER_BYTES || memcmp(file.p, magic_start, MAGIC_BYTES) ||
	    memcmp(file.p + file.n - MAGIC_BYTES, magic_end, MAGIC_BYTES))
		return err_set(e, ERR_FORMAT, 0, "not a facts file of this version, or cut short");
	struct rd r = rd_of(slice_sub(file, file.n - TRAILER_BYTES, TRAILER_BYTES));
	uint32_t crc = rd_le32(&r);
	uint64_t n = rd_le64(&r);
	if (n > file.n - TRAILER_BYTES - MAGIC_BYTES)
		return err_set(e, ERR_FORMAT, 0, "the facts file's index lies outside of it");
	f.offset = file.n - TRAILER_BYTES - n;
	struct slice footer = slice_sub(file, f.offset, n);
	if (block_crc(footer) != crc || !decode(footer, f.offset, arena, &f))
		return err_set(e, ERR_FORMAT, 0, "the facts file's index is damaged");
	*ret = f;
	return OK;
}
