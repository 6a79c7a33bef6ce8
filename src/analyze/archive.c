/* Archives of all kinds: which one is it, and off to its opener. Also sees every other file, because a zip can stand behind anything. */
#include "archives.h"
#include "elf.h"
#include "registry.h"
#include "zip.h"

/* Members stand in the budget; what is only recognised is told with its format. */
struct kind { const char *magic; uint8_t bytes; const char *name; bool opened; };
static const struct kind kinds[] = {
	{ "7z\xbc\xaf\x27\x1c", 6, "7z", true }, { "Rar!\x1a\x07", 6, "rar", true }, { "MSCF\0\0\0\0", 8, "cab", true },
	{ "\xed\xab\xee\xdb", 4, "rpm", true }, { "07070", 5, "cpio", true }, { "\xc7\x71", 2, "cpio", true }, { "\x71\xc7", 2, "cpio", true },
	{ "hsqs", 4, "squashfs", false }, { "sqsh", 4, "squashfs", false }, { "\x89LZO", 4, "lzop", false }, { "LZIP", 4, "lzip", false },
	{ "\x1f\x9d", 2, "compress", false }, { "xar!", 4, "xar", false },
};

static enum err_code open_by_magic(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct slice c = f->content;
	enum compression comp = compression_sniff(slice_upto(c, 16));
	if (comp == COMP_LZ4)
		return archive_unsupported(ctx, f, "lz4", e);
	if (comp != COMP_NONE)
		return archive_compressed(ctx, f, comp, e);
	if (slice_has_prefix(c, SL("!<arch>\n")))
		return archive_ar(ctx, f, e);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (slice_has_prefix(c, slice_of(kinds[i].magic, kinds[i].bytes)))
			return kinds[i].opened ? archive_lib(ctx, f, kinds[i].name, e) : archive_unsupported(ctx, f, kinds[i].name, e);
	if (c.n > 0x8006 && memcmp(c.p + 0x8001, "CD001", 5) == 0)
		return archive_lib(ctx, f, "iso9660", e);
	if (c.n >= 512 && c.p[0] != 4)
		return archive_lib(ctx, f, "tar", e);
	return c.n >= 16 && c.p[0] == 4 ? archive_asar(ctx, f, e) : OK;
}

/* The ELF analyzer hands on what hangs behind a program as a file of its own. */
static bool has_overlay(struct slice content)
{
	struct elf elf;
	struct err ignored;
	uint64_t end;
	return elf_open(content, &elf, &ignored) == OK && (end = elf_described_end(&elf)) < content.n && content.n - end > 4 * KIB;
}

static enum err_code open_any(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct zip z;
	bool done = false;
	if (f->cls == FILE_ELF && has_overlay(f->content))
		return OK;
	/* A zip's end says nothing about what else the file is: a tar may end with a jar, and a lure with an empty directory. */
	bool zip = zip_find(f->content, &z), local = slice_has_prefix(f->content, SL("PK\3\4"));
	if (zip)
		TRY(archive_zip(ctx, f, &z, e));
	if (f->cls == FILE_ARCHIVE) {
		if (slice_has_prefix(f->content, SL("PK\5\6")) || (local && zip))
			return OK;
		return local ? archive_zip_headless(ctx, f, e) : open_by_magic(ctx, f, e);
	}
	if (f->cls == FILE_ELF || f->cls == FILE_DATA || f->cls == FILE_PE)
		TRY(archive_pyinstaller(ctx, f, &done, e));
	return done ? OK : archive_self_extracting(ctx, f, &done, e);
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	enum err_code code = open_any(ctx, f, e);
	/* ERR_LIMIT: told where it was passed. */
	return code == ERR_LIMIT ? OK : code;
}

const struct analyzer analyzer_archive = {
	.name = "archive", .version = 3, .classes = ((1u << FILE_CLASS_COUNT) - 1) & ~(1u << FILE_EMPTY), .nested = true, .deep = true, .run = run,
};
