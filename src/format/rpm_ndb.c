#include "rpm.h"

/* Little-endian; blocks of 16 bytes; the first 4096 * slot pages bytes hold a header of 32 bytes and slots of 16 bytes:
 * magic, package index (0: free), first block, blocks. A blob: magic, index, generation, length; bytes; Adler-32, length, magic. */
enum { BLOCK_BYTES = 16, SLOT_PAGE_BYTES = 4096, HEADER_BYTES = 32, BLOB_HEAD_BYTES = 16, BLOB_TAIL_BYTES = 12, SLOT_PAGES_MAX = 4096 };
static const uint32_t magic_file = 'R' | 'p' << 8 | 'm' << 16 | 'P' << 24, magic_slot = 'S' | 'l' << 8 | 'o' << 16 | 't' << 24,
		      magic_head = 'B' | 'l' << 8 | 'b' << 16 | 'S' << 24;

static bool read_blob(struct slice content, uint32_t package, uint32_t block, uint32_t blocks, struct slice *ret)
{
	struct rd r = rd_of(slice_sub(content, (size_t)block * BLOCK_BYTES, (size_t)blocks * BLOCK_BYTES));
	if (r.end - r.p != (ptrdiff_t)((size_t)blocks * BLOCK_BYTES) || rd_le32(&r) != magic_head || rd_le32(&r) != package)
		return false;
	rd_skip(&r, 4);
	*ret = rd_bytes(&r, rd_le32(&r));
	rd_need(&r, BLOB_TAIL_BYTES);
	return !r.bad;
}

enum err_code rpm_ndb_blobs(struct slice content, rpm_blob_fn *fn, void *arg, uint64_t *ret_damaged, struct err *e)
{
	struct rd r = rd_of(content);
	uint32_t magic = rd_le32(&r), version = rd_le32(&r);
	rd_skip(&r, 4);
	uint32_t pages = rd_le32(&r);
	uint64_t damaged = 0, blocks_used = 0;
	if (r.bad || magic != magic_file)
		return err_set(e, ERR_FORMAT, 0, "not an rpm ndb database");
	if (version != 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "version %u of rpm's ndb database", version);
	if (pages > SLOT_PAGES_MAX || (size_t)pages * SLOT_PAGE_BYTES > content.n)
		return err_set(e, ERR_FORMAT, 0, "rpm's ndb database has %u pages of slots in %zu bytes", pages, content.n);
	r = rd_of(slice_from(slice_upto(content, (size_t)pages * SLOT_PAGE_BYTES), HEADER_BYTES));
	while (rd_left(&r) >= BLOCK_BYTES) {
		uint32_t slot = rd_le32(&r), package = rd_le32(&r), block = rd_le32(&r), blocks = rd_le32(&r);
		struct slice blob;
		if (slot != magic_slot)
			return err_at(e, ERR_FORMAT, HEADER_BYTES + rd_offset(&r) - BLOCK_BYTES, "a slot of rpm's ndb database is damaged");
		if (!package)
			continue;
		/* Slots that share blocks are an amplification: no more bytes are looked at than the file has. */
		blocks_used += blocks;
		if (blocks_used > content.n / BLOCK_BYTES)
			return err_set(e, ERR_FORMAT, 0, "slots of rpm's ndb database overlap");
		if (read_blob(content, package, block, blocks, &blob))
			TRY(fn(arg, blob, e));
		else
			damaged++;
	}
	*ret_damaged = damaged;
	return OK;
}
