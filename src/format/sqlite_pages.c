#include <stdlib.h>
#include "sqlite_pages.h"

enum { FILE_HEADER_BYTES = 100, WAL_HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24 };
static const uint32_t wal_magic = 0x377f0682, wal_version = 3007000;	/* the magic's lowest bit: checksums over big-endian words */

struct sum { uint32_t a, b; };

static struct sum wal_sum(struct sum s, struct slice bytes, bool big_endian)
{
	for (size_t i = 0; i + 8 <= bytes.n; i += 8) {
		uint32_t x, y;
		memcpy(&x, bytes.p + i, 4);
		memcpy(&y, bytes.p + i + 4, 4);
		if (big_endian) {
			x = __builtin_bswap32(x);
			y = __builtin_bswap32(y);
		}
		s.a += x + s.b;
		s.b += y + s.a;
	}
	return s;
}

static uint32_t be32_at(struct slice s, size_t at)
{
	struct rd r = rd_of(slice_sub(s, at, 4));
	return rd_be32(&r);
}

static bool page_size_ok(uint32_t n) { return n >= 512 && n <= 65536 && !(n & (n - 1)); }

/* By page, the newest frame first. */
static int by_number(const void *x, const void *y)
{
	const struct wal_page *a = x, *b = y;
	return a->number != b->number ? (a->number < b->number ? -1 : 1) : a->frame > b->frame ? -1 : a->frame < b->frame;
}

/* Verifies the frames; *ret_n are those up to the last commit, *ret_pages the file's pages then. Returns true when the log is damaged. */
static bool scan_frames(struct slice wal, uint32_t page_bytes, struct wal_page *v, size_t *ret_n, uint32_t *ret_pages)
{
	bool big_endian = be32_at(wal, 0) & 1;
	struct sum s = { be32_at(wal, 24), be32_at(wal, 28) };
	size_t frame_bytes = FRAME_HEADER_BYTES + page_bytes, n = 0;
	for (size_t at = WAL_HEADER_BYTES; at + frame_bytes <= wal.n; at += frame_bytes, n++) {
		struct slice head = slice_sub(wal, at, FRAME_HEADER_BYTES);
		if (be32_at(head, 8) != be32_at(wal, 16) || be32_at(head, 12) != be32_at(wal, 20))
			return false;
		s = wal_sum(s, slice_upto(head, 8), big_endian);
		s = wal_sum(s, slice_sub(wal, at + FRAME_HEADER_BYTES, page_bytes), big_endian);
		if (s.a != be32_at(head, 16) || s.b != be32_at(head, 20))
			return true;
		v[n] = (struct wal_page){ be32_at(head, 0), (uint32_t)n };
		if (be32_at(head, 4)) {
			*ret_n = n + 1;
			*ret_pages = be32_at(head, 4);
		}
	}
	return false;
}

static enum err_code open_wal(struct sqlite_pages *p, struct arena *a, struct sqlite_wal_info *info, struct err *e)
{
	struct slice wal = p->wal;
	struct sum zero = {}, s = wal_sum(zero, slice_upto(wal, 24), be32_at(wal, 0) & 1);
	uint32_t page_bytes = be32_at(wal, 8);
	if (wal.n < WAL_HEADER_BYTES || (be32_at(wal, 0) & ~1u) != wal_magic || be32_at(wal, 4) != wal_version || !page_size_ok(page_bytes) ||
	    s.a != be32_at(wal, 24) || s.b != be32_at(wal, 28)) {
		info->damaged = wal.n > 0;
		return OK;
	}
	size_t frames = (wal.n - WAL_HEADER_BYTES) / (FRAME_HEADER_BYTES + page_bytes), n = 0, kept = 0;
	struct wal_page *v = arena_calloc(a, frames + 1, sizeof(*v));
	if (!v || frames > UINT32_MAX / 2)
		return err_set(e, ERR_LIMIT, 0, "a write-ahead log of %zu frames", frames);
	info->damaged = scan_frames(wal, page_bytes, v, &n, &p->n_pages);
	info->frames_used = n;
	if (n)
		qsort(v, n, sizeof(*v), by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || v[kept - 1].number != v[i].number)
			v[kept++] = v[i];
	p->over = v;
	p->n_over = kept;
	p->page_bytes = page_bytes;
	return OK;
}

struct slice sqlite_page(const struct sqlite_pages *p, uint32_t number)
{
	size_t low = 0, high = p->n_over;
	if (!number || number > p->n_pages)
		return SLICE_NULL;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (p->over[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	struct slice page;
	if (low < p->n_over && p->over[low].number == number)
		page = slice_sub(p->wal, WAL_HEADER_BYTES + p->over[low].frame * (size_t)(FRAME_HEADER_BYTES + p->page_bytes) + FRAME_HEADER_BYTES,
				 p->page_bytes);
	else
		page = slice_sub(p->db, (size_t)(number - 1) * p->page_bytes, p->page_bytes);
	return page.n == p->page_bytes ? page : SLICE_NULL;
}

enum err_code sqlite_pages_open(struct slice db, struct slice wal, struct arena *a, struct sqlite_pages *ret, struct sqlite_wal_info *ret_wal,
				struct err *e)
{
	struct sqlite_pages p = { .db = db, .wal = wal };
	struct sqlite_wal_info info = {};
	TRY(open_wal(&p, a, &info, e));
	/* Page 1 may be in the log only: a new file that was never written back. */
	struct slice head = p.n_over ? sqlite_page(&p, 1) : db;
	if (head.n < FILE_HEADER_BYTES || memcmp(head.p, "SQLite format 3", 16))
		return err_set(e, ERR_FORMAT, 0, "not an SQLite file");
	uint32_t page_bytes = (uint32_t)head.p[16] << 8 | head.p[17];
	page_bytes = page_bytes == 1 ? 65536 : page_bytes;
	if (!page_size_ok(page_bytes) || (p.n_over && page_bytes != p.page_bytes) || head.p[20] > 64 || head.p[18] > 2)
		return err_set(e, ERR_FORMAT, 0, "an SQLite file with pages of %u bytes", page_bytes);
	if (be32_at(head, 56) > 1)
		return err_set(e, ERR_UNSUPPORTED, 0, "an SQLite file whose text is UTF-16");
	p.page_bytes = page_bytes;
	p.usable_bytes = page_bytes - head.p[20];
	if (!p.n_over)
		p.n_pages = (uint32_t)MIN(db.n / page_bytes, (size_t)UINT32_MAX);
	*ret = p;
	*ret_wal = info;
	return OK;
}
