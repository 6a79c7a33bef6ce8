/* Directory and local headers of zip archives. */
#include "zip.h"

enum { END_BYTES = 22, END_SEARCH = 22 + 65535, LOCAL_BYTES = 30, CENTRAL_BYTES = 46, LOCATOR_BYTES = 20, END64_BYTES = 56,
       FLAG_ENCRYPTED = 1, FLAG_DESCRIPTOR = 8, FLAG_STRONG = 64, METHOD_AES = 99 };

static uint64_t le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static bool sig_at(struct slice c, uint64_t at, const char *sig) { return at < c.n && c.n - at >= 4 && memcmp(c.p + at, sig, 4) == 0; }

/* zip64's own end record, when a locator stands right before the old one. */
static uint64_t end64_at(struct slice c, uint64_t end)
{
	if (end < LOCATOR_BYTES || !sig_at(c, end - LOCATOR_BYTES, "PK\6\7"))
		return 0;
	uint64_t told = le(c.p + end - LOCATOR_BYTES + 8, 8);
	if (end >= LOCATOR_BYTES + END64_BYTES && sig_at(c, end - LOCATOR_BYTES - END64_BYTES, "PK\6\6"))
		return end - LOCATOR_BYTES - END64_BYTES;
	return told && sig_at(c, told, "PK\6\6") && c.n - told >= END64_BYTES ? told : 0;
}

static bool end_is_good(struct slice c, uint64_t end, struct zip *ret)
{
	const uint8_t *p = c.p + end;
	uint64_t count = le(p + 10, 2), bytes = le(p + 12, 4), offset = le(p + 16, 4), at = end, end64;
	if ((count == 0xffff || bytes == 0xffffffff || offset == 0xffffffff) && (end64 = end64_at(c, end)) != 0) {
		count = le(c.p + end64 + 32, 8);
		bytes = le(c.p + end64 + 40, 8);
		offset = le(c.p + end64 + 48, 8);
		at = end64;
	}
	struct zip z = { .content = c, .count = count, .dir_bytes = bytes };
	if (bytes <= at && (!bytes ? !count : sig_at(c, at - bytes, "PK\1\2")) && at - bytes >= offset) {
		z.dir_offset = at - bytes;
		z.base = z.dir_offset - offset;
	} else if (sig_at(c, offset, "PK\1\2") && bytes <= c.n - offset) {
		z.dir_offset = offset;
	} else {
		return false;
	}
	*ret = z;
	return true;
}

bool zip_find(struct slice c, struct zip *ret)
{
	if (c.n < END_BYTES)
		return false;
	uint64_t end = c.n - END_BYTES, least = c.n > END_SEARCH ? c.n - END_SEARCH : 0;
	if (sig_at(c, end, "PK\5\6") && end_is_good(c, end, ret))
		return true;
	/* 0x05 is rare in text and code alike: look for it, not for 'P' */
	struct slice tail = slice_sub(c, (size_t)least, (size_t)(end - least) + 3);
	for (unsigned tries = 0; tries < 64;) {
		ptrdiff_t at = slice_rfind_byte(tail, 5);
		if (at < 2)
			return false;
		tail = slice_upto(tail, (size_t)at);
		if (memcmp(tail.p + at - 2, "PK\5\6", 4) != 0)
			continue;
		if (end_is_good(c, least + (uint64_t)at - 2, ret))
			return true;
		tries++;
	}
	return false;
}

/* zip64's extra field: only what the old fields could not hold, in this order. */
static void extra_zip64(struct slice extra, uint64_t *size, uint64_t *packed, uint64_t *header)
{
	while (extra.n >= 4) {
		uint64_t id = le(extra.p, 2), n = le(extra.p + 2, 2);
		struct slice body = slice_sub(extra, 4, (size_t)n);
		extra = slice_from(extra, 4 + (size_t)n);
		if (id != 1)
			continue;
		uint64_t *fields[] = { size, packed, header };
		for (unsigned i = 0; i < 3; i++) {
			if (!fields[i] || *fields[i] != 0xffffffff || body.n < 8)
				continue;
			*fields[i] = le(body.p, 8);
			body = slice_from(body, 8);
		}
		return;
	}
}

static bool is_encrypted(const struct zip_entry *en) { return en->flags & (FLAG_ENCRYPTED | FLAG_STRONG) || en->method == METHOD_AES; }

bool zip_next(const struct zip *z, uint64_t *pos, struct zip_entry *ret, bool *ret_damaged)
{
	uint64_t at = z->dir_offset + *pos;
	if (*pos >= z->dir_bytes || at >= z->content.n)
		return false;
	struct slice c = slice_from(z->content, (size_t)at);
	if (c.n < CENTRAL_BYTES || memcmp(c.p, "PK\1\2", 4) != 0) {
		*ret_damaged |= memcmp(c.p, "PK\5\6", MIN(c.n, (size_t)4)) != 0 && memcmp(c.p, "PK\6\6", MIN(c.n, (size_t)4)) != 0;
		return false;
	}
	uint64_t name = le(c.p + 28, 2), extra = le(c.p + 30, 2), comment = le(c.p + 32, 2);
	struct zip_entry en = { .flags = (uint16_t)le(c.p + 8, 2), .method = (uint16_t)le(c.p + 10, 2), .crc = (uint32_t)le(c.p + 16, 4),
				.packed = le(c.p + 20, 4), .size = le(c.p + 24, 4), .header = le(c.p + 42, 4) };
	if (c.n < CENTRAL_BYTES + name + extra + comment) {
		*ret_damaged = true;
		return false;
	}
	uint32_t unix_mode = (uint32_t)(le(c.p + 38, 4) >> 16);
	en.name = slice_sub(c, CENTRAL_BYTES, (size_t)name);
	extra_zip64(slice_sub(c, CENTRAL_BYTES + (size_t)name, (size_t)extra), &en.size, &en.packed, &en.header);
	en.header += z->base;
	en.mode = c.p[5] == 3 || c.p[5] == 19 ? unix_mode & 07777 : 0;
	en.symlink = en.mode && (unix_mode & 0170000) == 0120000;
	en.directory = en.name.n && en.name.p[en.name.n - 1] == '/';
	en.encrypted = is_encrypted(&en);
	*pos += CENTRAL_BYTES + name + extra + comment;
	*ret = en;
	return true;
}

bool zip_local_at(struct slice content, uint64_t at, uint64_t end, struct zip_entry *ret)
{
	struct slice c = at < content.n ? slice_from(content, (size_t)at) : SLICE_NULL;
	if (c.n < LOCAL_BYTES || memcmp(c.p, "PK\3\4", 4) != 0)
		return false;
	uint64_t name = le(c.p + 26, 2), extra = le(c.p + 28, 2), from = LOCAL_BYTES + name + extra;
	struct zip_entry en = { .flags = (uint16_t)le(c.p + 6, 2), .method = (uint16_t)le(c.p + 8, 2), .crc = (uint32_t)le(c.p + 14, 4),
				.packed = le(c.p + 18, 4), .size = le(c.p + 22, 4), .header = at };
	if (c.n < from)
		return false;
	en.name = slice_sub(c, LOCAL_BYTES, (size_t)name);
	extra_zip64(slice_sub(c, LOCAL_BYTES + (size_t)name, (size_t)extra), &en.size, &en.packed, NULL);
	en.directory = en.name.n && en.name.p[en.name.n - 1] == '/';
	en.encrypted = is_encrypted(&en);
	en.sizes_unknown = en.flags & FLAG_DESCRIPTOR && !en.packed;
	uint64_t room = MIN(end, (uint64_t)content.n) > at + from ? MIN(end, (uint64_t)content.n) - at - from : 0;
	en.data = slice_sub(c, (size_t)from, (size_t)(en.sizes_unknown ? room : MIN(en.packed, room)));
	*ret = en;
	return true;
}

const char *zip_entry_locate(const struct zip *z, struct zip_entry *en)
{
	struct zip_entry local;
	en->data = SLICE_NULL;
	if (!zip_local_at(z->content, en->header, UINT64_MAX, &local))
		return "missing";
	struct slice after = slice_from(z->content, (size_t)(local.data.p - z->content.p));
	en->data = slice_upto(after, (size_t)MIN(en->packed, (uint64_t)SIZE_MAX));
	if (!slice_eq(local.name, en->name))
		return "name";
	if (local.method != en->method && !en->directory)
		return "method";
	if ((local.flags ^ en->flags) & FLAG_ENCRYPTED)
		return "encryption";
	/* Zeros are the writer's "see below", also without the flag that says so. */
	if ((local.packed && local.packed != en->packed) || (local.size && local.size != en->size))
		return "size";
	return local.crc && local.crc != en->crc ? "checksum" : NULL;
}

int64_t zip_find_local(struct slice content, uint64_t from, uint64_t to)
{
	if (from >= to || from >= content.n)
		return -1;
	ptrdiff_t at = slice_find(slice_sub(content, (size_t)from, (size_t)(to - from)), SL("PK\3\4"));
	return at < 0 ? -1 : (int64_t)from + at;
}
