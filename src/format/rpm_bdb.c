#include "rpm.h"

/* Berkeley DB pages: LSN 8, number 4, previous 4, next 4, entries 2, high free offset 2, level 1, type 1, then for hash pages the
 * entries' offsets (16 bits each; keys and values in turn, filled from the page's end), for overflow pages the bytes. */
enum { PAGE_HEAD_BYTES = 26, TYPE_HASH_UNSORTED = 2, TYPE_OVERFLOW = 7, TYPE_HASH = 13, ITEM_KEYDATA = 1, ITEM_OFFPAGE = 3,
       ITEM_OFFPAGE_BYTES = 12, KEY_BYTES = 4 };
static const uint32_t magic_hash = 0x61561, magic_btree = 0x53162;

struct bdb {
	struct slice content;
	bool big_endian;
	uint32_t page_bytes, n_pages;
	uint64_t overflow_left;		/* pages: each belongs to one item, so no more are read than there are */
	struct buf item;
	rpm_blob_fn *fn;
	void *arg;
	uint64_t damaged;
};

static uint32_t u32_at(const struct bdb *d, struct slice s, size_t at)
{
	struct rd r = rd_of(slice_sub(s, at, 4));
	return (uint32_t)(d->big_endian ? rd_uint_be(&r, 4) : rd_uint_le(&r, 4));
}

static uint16_t u16_at(const struct bdb *d, struct slice s, size_t at)
{
	struct rd r = rd_of(slice_sub(s, at, 2));
	return (uint16_t)(d->big_endian ? rd_uint_be(&r, 2) : rd_uint_le(&r, 2));
}

static struct slice page_at(const struct bdb *d, uint32_t number)
{
	return number < d->n_pages ? slice_sub(d->content, (size_t)number * d->page_bytes, d->page_bytes) : SLICE_NULL;
}

/* The bytes of a chain of overflow pages; false when it is not whole. */
static bool read_chain(struct bdb *d, uint32_t number, uint32_t total, struct slice *ret)
{
	buf_clear(&d->item);
	while (number && d->item.n < total && d->overflow_left) {
		struct slice page = page_at(d, number);
		if (page.n < PAGE_HEAD_BYTES || page.p[25] != TYPE_OVERFLOW)
			return false;
		d->overflow_left--;
		struct slice part = slice_sub(page, PAGE_HEAD_BYTES, u16_at(d, page, 22));
		buf_put_slice(&d->item, slice_upto(part, total - d->item.n));
		number = u32_at(d, page, 16);
	}
	*ret = buf_slice(&d->item);
	return !d->item.failed && d->item.n == total;
}

/* The item i of a hash page; *ret_end is where the one before starts. */
static struct slice item_at(const struct bdb *d, struct slice page, unsigned i)
{
	size_t start = u16_at(d, page, PAGE_HEAD_BYTES + 2 * i), end = i ? u16_at(d, page, PAGE_HEAD_BYTES + 2 * (i - 1)) : page.n;
	return start >= PAGE_HEAD_BYTES && start < end && end <= page.n ? slice_sub(page, start, end - start) : SLICE_NULL;
}

static enum err_code read_pair(struct bdb *d, struct slice key, struct slice value, struct err *e)
{
	struct slice blob = SLICE_NULL;
	/* Entry 0 is no package but the highest number given out. */
	if (key.n != 1 + KEY_BYTES || key.p[0] != ITEM_KEYDATA || !value.n) {
		d->damaged++;
		return OK;
	}
	if (!u32_at(d, key, 1))
		return OK;
	bool good = false;
	if (value.p[0] == ITEM_KEYDATA) {
		blob = slice_from(value, 1);
		good = true;
	} else if (value.p[0] == ITEM_OFFPAGE && value.n >= ITEM_OFFPAGE_BYTES) {
		good = read_chain(d, u32_at(d, value, 4), u32_at(d, value, 8), &blob);
	}
	if (good)
		return d->fn(d->arg, blob, e);
	d->damaged++;
	return OK;
}

static enum err_code read_pages(struct bdb *d, struct err *e)
{
	for (uint32_t n = 1; n < d->n_pages; n++) {
		struct slice page = page_at(d, n);
		if (page.p[25] != TYPE_HASH && page.p[25] != TYPE_HASH_UNSORTED)
			continue;
		unsigned entries = u16_at(d, page, 20);
		if (PAGE_HEAD_BYTES + 2 * (size_t)entries > page.n) {
			d->damaged++;
			continue;
		}
		for (unsigned i = 0; i + 1 < entries; i += 2)
			TRY(read_pair(d, item_at(d, page, i), item_at(d, page, i + 1), e));
	}
	return OK;
}

enum err_code rpm_bdb_blobs(struct slice content, rpm_blob_fn *fn, void *arg, uint64_t *ret_damaged, struct err *e)
{
	struct bdb d = { .content = content, .item = BUF(RPM_HEADER_MAX_BYTES), .fn = fn, .arg = arg };
	if (content.n < 512)
		return err_set(e, ERR_FORMAT, 0, "not a Berkeley DB file");
	uint32_t magic = u32_at(&d, content, 12);
	d.big_endian = magic == __builtin_bswap32(magic_hash) || magic == __builtin_bswap32(magic_btree);
	magic = u32_at(&d, content, 12);
	d.page_bytes = u32_at(&d, content, 20);
	if (magic == magic_btree || (magic == magic_hash && content.p[24]))
		return err_set(e, ERR_UNSUPPORTED, 0, "rpm's Berkeley DB is %s", magic == magic_btree ? "a B-tree" : "encrypted");
	if (magic != magic_hash || d.page_bytes < 512 || d.page_bytes > 65536 || (d.page_bytes & (d.page_bytes - 1)))
		return err_set(e, ERR_FORMAT, 0, "not a Berkeley DB hash");
	size_t n_pages = content.n / d.page_bytes;
	d.n_pages = (uint32_t)MIN(n_pages, (size_t)UINT32_MAX);
	d.overflow_left = d.n_pages;
	enum err_code r = read_pages(&d, e);
	buf_free(&d.item);
	if (r == OK)
		*ret_damaged = d.damaged;
	return r;
}
