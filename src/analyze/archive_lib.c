/* tar, cpio, 7z, rar, cab, rpm and ISO through libarchive: only these formats, only from memory, no helper programs. */
#include <archive.h>	/* libarchive's */
#include <archive_entry.h>
#include <stdio.h>
#include "archives.h"

struct member {
	struct stream stream;
	struct archive *a;
	const uint8_t *block;	/* what libarchive has ready, not yet delivered */
	size_t left;
	la_int64_t at;		/* of block[0] in the member */
	la_int64_t delivered;	/* the member's position reached, holes included */
	bool keep_holes;
};

/* A hole of a sparse member holds nothing to find, and a 60 GB one would cost the archive's whole budget (Go's sources carry such for their
 * tests): beyond this, holes are left out. Then the member's digests are those of its data only. */
enum { HOLES_KEPT_BYTES = 64 << 20 };

static enum err_code next_block(struct member *m, bool *ret_end, struct err *e)
{
	const void *p;
	int r = archive_read_data_block(m->a, &p, &m->left, &m->at);
	*ret_end = r == ARCHIVE_EOF;
	if (r != ARCHIVE_EOF && r < ARCHIVE_WARN)
		return err_set(e, ERR_FORMAT, 0, "archive member is damaged");
	m->block = p;
	if (r == ARCHIVE_EOF)
		m->left = 0;
	if (!m->keep_holes || m->at < m->delivered)
		m->delivered = m->at;
	return OK;
}

static enum err_code member_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct member *m = (struct member *)s;
	bool end = false;
	while (!m->left && !end)
		TRY(next_block(m, &end, e));
	*ret_n = 0;
	if (!m->left)
		return OK;
	if (m->delivered < m->at) {
		*ret_n = MIN(cap, (size_t)(m->at - m->delivered));
		memset(dst, 0, *ret_n);
		m->delivered += (la_int64_t)*ret_n;
		return OK;
	}
	*ret_n = MIN(cap, m->left);
	memcpy(dst, m->block, *ret_n);
	m->block += *ret_n;
	m->left -= *ret_n;
	m->at += (la_int64_t)*ret_n;
	m->delivered = m->at;
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
	struct member m = { .stream = { &ops }, .a = a };
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
	m.keep_holes = size > 0 && size <= HOLES_KEPT_BYTES;
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
