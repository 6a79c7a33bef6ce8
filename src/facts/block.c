#include "block.h"
#include "encode.h"
#include "os.h"
#include <isa-l/crc.h>

enum { PATH_MAX_BYTES = 4 << 20 };

uint32_t block_crc(struct slice b) { return crc32_gzip_refl(0, b.p, b.n); }

enum err_code block_writer_init(struct block_writer *w, int fd, uint64_t offset, struct arena *arena, struct err *e)
{
	*w = (struct block_writer){ .fd = fd, .offset = offset, .arena = arena, .block = BUF(16 * MIB), .last = BUF(PATH_MAX_BYTES) };
	if (!buf_reserve(&w->block, 2 * BLOCK_BYTES))
		return buf_ok(&w->block, "a block of facts", e);
	return OK;
}

void block_writer_free(struct block_writer *w)
{
	buf_free(&w->block);
	buf_free(&w->last);
}

enum err_code block_writer_flush(struct block_writer *w, struct err *e)
{
	if (!w->block.n)
		return OK;
	struct block_ref *ref = &w->index.items[w->index.n - 1];
	ref->offset = w->offset;
	ref->size = (uint32_t)w->block.n;
	ref->crc = block_crc(buf_slice(&w->block));
	TRY(os_write_all(w->fd, w->block.p, w->block.n, "write facts", e));
	w->offset += w->block.n;
	buf_clear(&w->block);
	return OK;
}

bool block_split(struct slice encoded, uint8_t *ret_type, struct slice *ret_path, struct slice *ret_body)
{
	struct rd r = rd_of(encoded);
	*ret_type = rd_u8(&r);
	*ret_path = rd_bytes(&r, rd_varint(&r));
	*ret_body = slice_from(encoded, rd_offset(&r));
	return !r.bad;
}

static size_t shared_prefix(struct slice a, struct slice b)
{
	size_t n = MIN(a.n, b.n), i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t x, y;
		memcpy(&x, a.p + i, 8);
		memcpy(&y, b.p + i, 8);
		if (x != y)
			break;
	}
	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

static unsigned entry_kinds(struct slice body)
{
	struct rd r = rd_of(body);
	rd_skip(&r, rd_varint(&r));	/* inner: empty in this section */
	uint64_t kind = rd_varint(&r) & 1 ? rd_varint(&r) : 0;
	return kind == ENTRY_WHITEOUT ? KINDS_WHITEOUT : kind == ENTRY_OPAQUE ? KINDS_OPAQUE : KINDS_PLAIN;
}

static enum err_code note_same_path(struct block_writer *w, struct slice path, unsigned kinds, bool same, struct err *e)
{
	unsigned before = same ? w->last_kinds : 0;
	w->last_kinds = before | kinds;
	if (!(before & kinds) && !((before | kinds) & KINDS_WHITEOUT && (before | kinds) & KINDS_PLAIN && before))
		return OK;
	if (w->dup_count++ >= MOST_DUPS)
		return OK;
	if (!w->dups)
		w->dups = arena_calloc(w->arena, MOST_DUPS, sizeof(*w->dups));
	if (w->dups)
		w->dups[w->n_dups++] = (struct block_dup){ arena_dup(w->arena, path), !(before & kinds) };
	return arena_ok(w->arena, "the list of duplicate paths", e);
}

enum err_code block_writer_put(struct block_writer *w, struct slice encoded, struct err *e)
{
	uint8_t type;
	struct slice path, body;
	if (!block_split(encoded, &type, &path, &body))
		return err_set(e, ERR_INTERNAL, 0, "a fact lost its path");
	if (w->block.n >= BLOCK_BYTES)
		TRY(block_writer_flush(w, e));
	if (type == FACT_ENTRY && body.n && !body.p[0]) {	/* entries of archive members have an inner path */
		bool same = w->count && slice_eq(path, buf_slice(&w->last));
		TRY(note_same_path(w, path, entry_kinds(body), same, e));
	}
	size_t shared = 0;
	if (!w->block.n) {
		struct block_ref *ref = ARENA_PUSH(w->arena, &w->index);
		if (!ref)
			return arena_ok(w->arena, "the index of a facts file", e);
		ref->first = arena_dup(w->arena, path);
	} else {
		shared = shared_prefix(buf_slice(&w->last), path);
	}
	/* Once per record of every layer: one reservation, then plain stores. */
	size_t suffix = path.n - shared;
	w->last.n = shared;
	if (!buf_reserve(&w->block, 1 + 10 + 10 + suffix + body.n) || !buf_reserve(&w->last, suffix))
		return w->block.failed ? buf_ok(&w->block, "a block of facts", e) : buf_ok(&w->last, "a path", e);
	uint8_t *p = w->block.p + w->block.n;
	*p++ = type;
	p = put_varint(p, shared);
	p = put_varint(p, suffix);
	if (suffix) {
		memcpy(p, path.p + shared, suffix);
		memcpy(w->last.p + shared, path.p + shared, suffix);
	}
	memcpy(p + suffix, body.p, body.n);
	w->block.n = (size_t)(p - w->block.p) + suffix + body.n;
	w->last.n = path.n;
	w->count++;
	return OK;
}

bool block_next(struct rd *r, struct buf *path, struct fact *ret)
{
	ret->type = rd_u8(r);
	uint64_t shared = rd_varint(r);
	struct slice suffix = rd_bytes(r, rd_varint(r));
	if (r->bad || shared > path->n)
		return false;
	path->n = shared;
	if (!buf_put_slice(path, suffix))
		return false;
	ret->path = buf_slice(path);
	return fact_body_decode(r, ret);
}
