/* What hangs behind programs and scripts: PyInstaller's archives, self-extracting shell scripts. */
#include "archives.h"
#include "zip.h"

/* --- PyInstaller: a "cookie" near the end tells where the package and its table of contents are; all numbers are big-endian --- */

static struct slice cookie_magic(void) { return SL("MEI\014\013\012\013\016"); }
enum { COOKIE_BYTES = 24, COOKIE_BYTES_NAMED = 88, TOC_ENTRY = 18, MOST_MODULES = 100000 };

static enum err_code inflate_member(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, struct slice packed,
				    size_t *ret_used, const char **damage, struct err *e)
{
	struct decompress_info info = { 0 };
	AUTO_STREAM s = NULL;
	struct expand x = { .name = name, .mode = 0644, .size_hint = MIN(packed.n * 4, (size_t)MIB) };
	TRY(stream_inflate(packed, true, &info, &s, e));
	TRY(expand_stream(ctx, f, &x, s, damage, e));
	if (ret_used)
		*ret_used = (size_t)info.in_bytes;
	return OK;
}

/* PYZ: modules as zlib streams one behind the other, before a marshalled table that is not needed to read them. */
static enum err_code open_pyz(struct analyze_ctx *ctx, const struct file_view *f, struct slice pyz, struct err *e)
{
	struct rd r = rd_of(slice_sub(pyz, 8, 4));
	size_t end = MIN((size_t)rd_be32(&r), pyz.n), at = 12;
	for (unsigned i = 0; i < MOST_MODULES && at + 2 < end; i++) {
		const char *damage = NULL;
		size_t used = 0;
		/* a zlib header: method 8, window up to 32 KiB, check bits */
		if ((pyz.p[at] & 0x8f) != 0x08 || (pyz.p[at] * 256 + pyz.p[at + 1]) % 31) {
			at++;
			continue;
		}
		struct slice name = arena_printf(analyze_scratch(ctx), "PYZ/module-%u.pyc", i);
		TRY(inflate_member(ctx, f, name, slice_sub(pyz, at, end - at), &used, &damage, e));
		at += damage || !used ? 1 : used;
	}
	return OK;
}

static enum err_code open_toc(struct analyze_ctx *ctx, const struct file_view *f, struct slice package, struct slice toc,
			      struct err *e)
{
	const char *damage = NULL;
	for (unsigned i = 0; i < MOST_MODULES && toc.n >= TOC_ENTRY; i++) {
		struct rd r = rd_of(toc);
		uint32_t bytes = rd_be32(&r), at = rd_be32(&r), packed = rd_be32(&r);
		rd_skip(&r, 4);
		uint8_t compressed = rd_u8(&r), type = rd_u8(&r);
		if (bytes < TOC_ENTRY || bytes > toc.n)
			return archive_corrupt(ctx, f, "pyinstaller", "its table of contents is damaged", e);
		struct slice name = slice_sub(toc, TOC_ENTRY, bytes - TOC_ENTRY), body = slice_sub(package, at, packed);
		ptrdiff_t nul = slice_find_byte(name, 0);
		if (nul >= 0)
			name.n = (size_t)nul;
		toc = slice_from(toc, bytes);
		if (compressed)
			TRY(inflate_member(ctx, f, name, body, NULL, &damage, e));
		else if (type == 'z' && slice_has_prefix(body, SL("PYZ\0")))
			TRY(open_pyz(ctx, f, body, e));
		else
			TRY(expand_slice(ctx, f, name, 0644, body, e));
	}
	return damage ? archive_corrupt(ctx, f, "pyinstaller", damage, e) : OK;
}

enum err_code archive_pyinstaller(struct analyze_ctx *ctx, const struct file_view *f, bool *ret_done, struct err *e)
{
	size_t from = f->content.n - MIN(f->content.n, (size_t)8 * KIB);
	ptrdiff_t found = slice_find(slice_from(f->content, from), cookie_magic());
	if (found < 0)
		return OK;
	size_t cookie = from + (size_t)found, sizes[] = { COOKIE_BYTES_NAMED, COOKIE_BYTES };
	struct rd r = rd_of(slice_sub(f->content, cookie + 8, 12));
	uint32_t bytes = rd_be32(&r), toc = rd_be32(&r), toc_bytes = rd_be32(&r);
	for (unsigned i = 0; i < ARRAY_LEN(sizes) && !r.bad; i++) {
		if (bytes < sizes[i] || bytes > cookie + sizes[i] || (uint64_t)toc + toc_bytes > bytes)
			continue;
		struct slice package = slice_sub(f->content, cookie + sizes[i] - bytes, bytes), table = slice_sub(package, toc, toc_bytes);
		struct rd first = rd_of(table);
		uint32_t n = rd_be32(&first);
		if (n < TOC_ENTRY || n > table.n)
			continue;
		*ret_done = true;
		return open_toc(ctx, f, package, table, e);
	}
	return OK;
}

/* --- Self-extracting scripts (makeself, installers): text, then an archive that starts behind a newline --- */

static bool starts_archive(struct slice c)
{
	static const struct slice magics[] = { { (const uint8_t *)"\x1f\x8b\x08", 3 }, { (const uint8_t *)"\xfd" "7zXZ", 6 },
		{ (const uint8_t *)"BZh", 3 }, { (const uint8_t *)"\x28\xb5\x2f\xfd", 4 }, { (const uint8_t *)"\x7f" "ELF", 4 },
		{ (const uint8_t *)"7z\xbc\xaf", 4 } };
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (slice_has_prefix(c, magics[i]))
			return true;
	return c.n > 512 && memcmp(c.p + 257, "ustar", 5) == 0;
}

enum err_code archive_self_extracting(struct analyze_ctx *ctx, const struct file_view *f, bool *ret_done, struct err *e)
{
	enum { HEAD = 1 << 20, LEAST = 256 };
	struct slice c = f->content;
	/* a NUL tells scripts with a binary part from the others, at memchr's speed */
	if (f->cls != FILE_SCRIPT || c.n < LEAST || slice_find_byte(slice_upto(c, HEAD), 0) < 0)
		return OK;
	for (size_t at = 0; at < MIN(c.n, (size_t)HEAD);) {
		ptrdiff_t nl = slice_find_byte(slice_sub(c, at, HEAD), '\n');
		if (nl < 0)
			return OK;
		at += (size_t)nl + 1;
		struct slice payload = slice_from(c, at);
		if (!starts_archive(payload))
			continue;
		*ret_done = true;
		return expand_slice(ctx, f, SL("payload"), f->mode, payload, e);
	}
	return OK;
}
