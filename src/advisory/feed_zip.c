#include "feed_zip.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { WINDOW = 256 << 10, END_SIZE = 22, END_SEARCH = END_SIZE + 65535, LOCATOR_SIZE = 20, END64_SIZE = 56, CENTRAL_SIZE = 46, LOCAL_SIZE = 30 };

/* A sliding view of the file. */
struct view { uint8_t *p; size_t n, cap; uint64_t at; };

struct feed_zip {
	int fd;
	uint64_t file_bytes, count, seen, dir_at, dir_end, packed_total;
	struct view dir, data;
	struct { uint64_t at, packed, bytes; uint32_t crc; unsigned method, flags; } cur;
	uint8_t *out;
	size_t out_cap;
	z_stream inflate;
	bool inflate_ready;
};

static enum err_code read_at(const struct feed_zip *z, uint8_t *p, size_t n, uint64_t at, struct err *e)
{
	while (n) {
		ssize_t got = pread(z->fd, p, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? err_set(e, ERR_IO, errno, "read a zip") : err_at(e, ERR_FORMAT, at, "the zip ends too early");
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return OK;
}

/* n bytes at `at`, from the window when they are in it. */
static enum err_code view_get(const struct feed_zip *z, struct view *v, uint64_t at, size_t n, const uint8_t **ret, struct err *e)
{
	if (at > z->file_bytes || n > z->file_bytes - at)
		return err_at(e, ERR_FORMAT, at, "a zip member lies outside the file");
	if (at < v->at || at + n > v->at + v->n) {
		size_t want = (size_t)MIN((uint64_t)MAX(n, (size_t)WINDOW), z->file_bytes - at);
		if (want > v->cap) {
			uint8_t *bigger = realloc(v->p, want);
			if (!bigger)
				return err_set(e, ERR_NOMEM, 0, "read a zip");
			v->p = bigger;
			v->cap = want;
		}
		v->n = 0;
		TRY(read_at(z, v->p, want, at, e));
		v->at = at;
		v->n = want;
	}
	*ret = v->p + (at - v->at);
	return OK;
}

/* Where zip64 says it: only when the plain record's fields are saturated. */
static enum err_code read_end64(struct feed_zip *z, uint64_t end_at, struct err *e)
{
	uint8_t raw[END64_SIZE];
	if (end_at < LOCATOR_SIZE)
		return err_set(e, ERR_FORMAT, 0, "a zip64 end record is missing");
	TRY(read_at(z, raw, LOCATOR_SIZE, end_at - LOCATOR_SIZE, e));
	struct rd r = rd_of(slice_of(raw, LOCATOR_SIZE));
	uint32_t magic = rd_le32(&r);
	rd_skip(&r, 4);
	uint64_t at = rd_le64(&r);
	if (magic != 0x07064b50 || at > z->file_bytes || z->file_bytes - at < END64_SIZE)
		return err_set(e, ERR_FORMAT, 0, "a zip64 end record is missing");
	TRY(read_at(z, raw, END64_SIZE, at, e));
	r = rd_of(slice_of(raw, END64_SIZE));
	magic = rd_le32(&r);
	rd_skip(&r, 8 + 2 + 2 + 4 + 4 + 8);
	z->count = rd_le64(&r);
	uint64_t size = rd_le64(&r);
	z->dir_at = rd_le64(&r);
	if (magic != 0x06064b50 || !add_ok(z->dir_at, size, &z->dir_end) || z->dir_end > at)
		return err_set(e, ERR_FORMAT, 0, "the zip64 end record is broken");
	return OK;
}

static enum err_code read_end(struct feed_zip *z, struct err *e)
{
	size_t n = (size_t)MIN(z->file_bytes, (uint64_t)END_SEARCH);
	uint8_t *tail = malloc(n + 1);
	if (!tail)
		return err_set(e, ERR_NOMEM, 0, "read a zip");
	enum err_code rc = read_at(z, tail, n, z->file_bytes - n, e);
	ptrdiff_t at = (ptrdiff_t)n - END_SIZE;
	if (rc == OK)
		while (at >= 0 && !(tail[at] == 'P' && tail[at + 1] == 'K' && tail[at + 2] == 5 && tail[at + 3] == 6 &&
				    (size_t)at + END_SIZE + (tail[at + 20] | tail[at + 21] << 8) <= n))
			at--;
	struct rd r = rd_of(slice_of(tail + MAX(at, (ptrdiff_t)0), at >= 0 && rc == OK ? END_SIZE : 0));
	rd_skip(&r, 10);
	uint64_t count = rd_le16(&r), size = rd_le32(&r), dir = rd_le32(&r);
	bool bad = r.bad;
	free(tail);
	if (rc != OK)
		return rc;
	if (bad)
		return err_set(e, ERR_FORMAT, 0, "it has no zip end record (incomplete download?)");
	uint64_t end_at = z->file_bytes - n + (uint64_t)at;
	if (count == 0xffff || size == 0xffffffff || dir == 0xffffffff)
		return read_end64(z, end_at, e);
	z->count = count;
	z->dir_at = dir;
	z->dir_end = dir + size;
	if (z->dir_end > end_at)
		return err_set(e, ERR_FORMAT, 0, "the zip's directory lies outside the file");
	return OK;
}

enum err_code feed_zip_open(int fd, uint64_t file_bytes, struct feed_zip **ret, struct err *e)
{
	struct feed_zip *z = calloc(1, sizeof(*z));
	if (!z)
		return err_set(e, ERR_NOMEM, 0, "open a zip");
	z->fd = fd;
	z->file_bytes = file_bytes;
	enum err_code rc = read_end(z, e);
	if (rc == OK && z->count > (z->dir_end - z->dir_at) / CENTRAL_SIZE)
		rc = err_set(e, ERR_FORMAT, 0, "the zip's directory is shorter than its number of members");
	if (rc == OK && inflateInit2(&z->inflate, -MAX_WBITS) != Z_OK)
		rc = err_set(e, ERR_NOMEM, 0, "open a zip");
	else if (rc == OK)
		z->inflate_ready = true;
	if (rc != OK) {
		feed_zip_close(z);
		return rc;
	}
	*ret = z;
	return OK;
}

void feed_zip_close(struct feed_zip *z)
{
	if (!z)
		return;
	if (z->inflate_ready)
		inflateEnd(&z->inflate);
	free(z->dir.p);
	free(z->data.p);
	free(z->out);
	free(z);
}

uint64_t feed_zip_count(const struct feed_zip *z) { return z->count; }

/* zip64 sizes stand in an extra field, only those whose plain field is saturated, in this order. */
static bool take_zip64(struct slice extra, uint64_t *bytes, uint64_t *packed, uint64_t *at)
{
	struct rd r = rd_of(extra);
	while (rd_left(&r) >= 4) {
		unsigned id = rd_le16(&r), n = rd_le16(&r);
		struct rd f = rd_of(rd_bytes(&r, n));
		if (id != 1)
			continue;
		if (*bytes == 0xffffffff)
			*bytes = rd_le64(&f);
		if (*packed == 0xffffffff)
			*packed = rd_le64(&f);
		if (*at == 0xffffffff)
			*at = rd_le64(&f);
		return !f.bad;
	}
	return *bytes != 0xffffffff && *packed != 0xffffffff && *at != 0xffffffff;
}

enum err_code feed_zip_next(struct feed_zip *z, struct feed_zip_member *ret, bool *ret_more, struct err *e)
{
	const uint8_t *p;
	if (z->seen == z->count) {
		*ret_more = false;
		return OK;
	}
	if (z->dir_end - z->dir_at < CENTRAL_SIZE)
		return err_at(e, ERR_FORMAT, z->dir_at, "the zip's directory ends too early");
	TRY(view_get(z, &z->dir, z->dir_at, CENTRAL_SIZE, &p, e));
	struct rd r = rd_of(slice_of(p, CENTRAL_SIZE));
	uint32_t magic = rd_le32(&r);
	rd_skip(&r, 4);
	z->cur.flags = rd_le16(&r);
	z->cur.method = rd_le16(&r);
	rd_skip(&r, 4);
	z->cur.crc = rd_le32(&r);
	z->cur.packed = rd_le32(&r);
	z->cur.bytes = rd_le32(&r);
	size_t name = rd_le16(&r), extra = rd_le16(&r), comment = rd_le16(&r), all = CENTRAL_SIZE + name + extra + comment;
	rd_skip(&r, 8);
	z->cur.at = rd_le32(&r);
	if (magic != 0x02014b50 || all > z->dir_end - z->dir_at)
		return err_at(e, ERR_FORMAT, z->dir_at, "the zip's directory is broken");
	TRY(view_get(z, &z->dir, z->dir_at, all, &p, e));
	if (!take_zip64(slice_of(p + CENTRAL_SIZE + name, extra), &z->cur.bytes, &z->cur.packed, &z->cur.at))
		return err_at(e, ERR_FORMAT, z->dir_at, "a zip member's zip64 sizes are missing");
	/* Members that share bytes are how a small zip unpacks to petabytes. */
	if (!add_ok(z->packed_total, z->cur.packed, &z->packed_total) || z->packed_total > z->file_bytes)
		return err_at(e, ERR_FORMAT, z->dir_at, "the zip's members overlap");
	*ret = (struct feed_zip_member){ slice_of(p + CENTRAL_SIZE, name), z->cur.packed, z->cur.bytes };
	*ret_more = true;
	z->dir_at += all;
	z->seen++;
	return OK;
}

static enum err_code unpack(struct feed_zip *z, const uint8_t *packed, struct slice *ret, struct err *e)
{
	if (z->cur.method == 0) {
		if (z->cur.packed != z->cur.bytes)
			return err_set(e, ERR_FORMAT, 0, "its two sizes differ");
		*ret = slice_of(packed, z->cur.bytes);
	} else {
		if (z->cur.bytes + 1 > z->out_cap) {
			uint8_t *bigger = realloc(z->out, z->cur.bytes + 1);
			if (!bigger)
				return err_set(e, ERR_NOMEM, 0, "unpack a zip member");
			z->out = bigger;
			z->out_cap = z->cur.bytes + 1;
		}
		inflateReset(&z->inflate);
		z->inflate.next_in = (uint8_t *)packed;
		z->inflate.avail_in = (uInt)z->cur.packed;
		z->inflate.next_out = z->out;
		z->inflate.avail_out = (uInt)z->cur.bytes + 1;	/* one more shows a size that lies */
		int rc = inflate(&z->inflate, Z_FINISH);
		if (rc != Z_STREAM_END || z->inflate.total_out != z->cur.bytes || z->inflate.avail_in)
			return err_set(e, ERR_FORMAT, 0, "it does not unpack to the size it claims");
		*ret = slice_of(z->out, z->cur.bytes);
	}
	if (crc32_z(0, ret->p, ret->n) != z->cur.crc)
		return err_set(e, ERR_FORMAT, 0, "its checksum is wrong");
	return OK;
}

enum err_code feed_zip_content(struct feed_zip *z, struct slice *ret, struct err *e)
{
	const uint8_t *p;
	if (z->cur.flags & 1)
		return err_set(e, ERR_UNSUPPORTED, 0, "it is encrypted");
	if (z->cur.method != 0 && z->cur.method != 8)
		return err_set(e, ERR_UNSUPPORTED, 0, "its compression (method %u) is not supported", z->cur.method);
	if (z->cur.packed > ZIP_MAX_MEMBER || z->cur.bytes > ZIP_MAX_MEMBER)
		return err_set(e, ERR_LIMIT, 0, "it is larger than %d MiB", ZIP_MAX_MEMBER >> 20);
	TRY(view_get(z, &z->data, z->cur.at, LOCAL_SIZE, &p, e));
	struct rd r = rd_of(slice_of(p, LOCAL_SIZE));
	uint32_t magic = rd_le32(&r);
	rd_skip(&r, 22);
	uint64_t skip = LOCAL_SIZE + rd_le16(&r);
	skip += rd_le16(&r);
	if (magic != 0x04034b50)
		return err_set(e, ERR_FORMAT, 0, "its local header is missing");
	TRY(view_get(z, &z->data, z->cur.at + skip, (size_t)z->cur.packed, &p, e));
	return unpack(z, p, ret, e);
}
