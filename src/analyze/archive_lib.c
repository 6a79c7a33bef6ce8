/* tar, cpio, 7z, rar, cab, rpm and ISO through libarchive: only these formats, only from memory, no helper programs. */
#include <archive.h>	/* libarchive's */
#include <archive_entry.h>
#include <stdio.h>
#include "archives.h"

struct member { struct stream stream; struct archive *a; };

/* Sparse members' holes are delivered as zeros by archive_read_data. */
static enum err_code member_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct member *m = (struct member *)s;
	la_ssize_t n = archive_read_data(m->a, dst, cap);
	if (n < 0)
		return err_set(e, ERR_FORMAT, 0, "archive member is damaged");
	*ret_n = (size_t)n;
	return OK;
}

static void member_close(struct stream *s) { (void)s; }

/* Only what libarchive does by itself: a filter or format that would start a program is not asked for. */
static bool set_up(struct archive *a)
{
	int (*const formats[])(struct archive *) = { archive_read_support_format_tar, archive_read_support_format_cpio,
		archive_read_support_format_7zip, archive_read_support_format_rar, archive_read_support_format_rar5,
		archive_read_support_format_cab, archive_read_support_format_iso9660, archive_read_support_filter_rpm,
		archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
		archive_read_support_filter_lzma, archive_read_support_filter_zstd };
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (formats[i](a) < ARCHIVE_WARN)
			return false;
	return true;
}

struct tally { uint64_t encrypted; const char *damage; struct slice first_encrypted; };

static enum err_code open_member(struct analyze_ctx *ctx, const struct file_view *f, struct archive *a, struct archive_entry *en,
				 uint64_t nth, struct tally *t, struct err *e)
{
	static const struct stream_ops ops = { member_read, member_close };
	struct member m = { { &ops }, a };
	const char *name = archive_entry_pathname(en), *damage = NULL;
	char numbered[32];
	if (!name || !*name) {	/* a name that this locale cannot say */
		snprintf(numbered, sizeof(numbered), "member-%llu", (unsigned long long)nth);
		name = numbered;
	}
	if (archive_entry_is_encrypted(en)) {
		if (!t->encrypted++)
			t->first_encrypted = arena_dup(analyze_scratch(ctx), slice_str(name));
		return OK;
	}
	if (archive_entry_filetype(en) != AE_IFREG || archive_entry_hardlink(en))
		return OK;
	la_int64_t size = archive_entry_size_is_set(en) ? archive_entry_size(en) : 0;
	if (name[0] == '.' && name[1] == '/' && name[2])
		name += 2;
	struct expand x = { .name = slice_str(name), .mode = archive_entry_perm(en) & 07777,
			    .size_hint = size > 0 ? (uint64_t)MIN(size, (la_int64_t)1 << 26) : 0 };
	TRY(expand_stream(ctx, f, &x, &m.stream, &damage, e));
	if (damage)
		t->damage = damage;
	return OK;
}

static enum err_code walk(struct analyze_ctx *ctx, const struct file_view *f, struct archive *a, struct tally *t, struct err *e)
{
	struct archive_entry *en;
	for (uint64_t nth = 0;; nth++) {
		/* Directories and links cost nothing in the budget, but time. */
		if (nth > 4000000)
			return analyze_over_budget(ctx, f, "budget: archive members", e);
		int r = archive_read_next_header(a, &en);
		if (r == ARCHIVE_EOF)
			return OK;
		if (r == ARCHIVE_RETRY)
			continue;
		if (r < ARCHIVE_WARN) {
			t->damage = "a member's header is damaged or not supported";
			return OK;
		}
		TRY(open_member(ctx, f, a, en, nth, t, e));
	}
}

enum err_code archive_lib(struct analyze_ctx *ctx, const struct file_view *f, const char *format, struct err *e)
{
	TRY(archive_library_load(e));
	struct archive *a = archive_read_new();
	struct tally t = { 0 };
	if (!a)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	enum err_code code = OK;
	if (!set_up(a) || archive_read_open_memory(a, f->content.p, f->content.n) != ARCHIVE_OK)
		t.damage = "it cannot be opened";
	else
		code = walk(ctx, f, a, &t, e);
	archive_read_free(a);
	if (code == OK && t.encrypted)
		code = archive_encrypted(ctx, f, t.encrypted, t.first_encrypted, e);
	if (code == OK && t.damage)
		code = archive_corrupt(ctx, f, format, t.damage, e);
	return code;
}
