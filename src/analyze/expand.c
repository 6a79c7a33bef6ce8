/* Members of archives on their way into memory. */
#include <isa-l/crc.h>
#include "archives.h"
#include <stdio.h>

enum { IN_MEMORY = 16 << 20, CHUNK = 256 << 10 };

enum err_code expand_slice(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, uint64_t mode, struct slice content,
			   struct err *e)
{
	return content.n ? analyze_member(ctx, f, name, mode, content, e) : OK;
}

/* The rest of the stream behind what is in b already, into the scratch file. */
static enum err_code spool_rest(struct analyze_ctx *ctx, const struct file_view *f, struct stream *s, struct buf *b, uint64_t limit,
				struct analyze_spool **spool, bool *damaged, struct err *e)
{
	uint64_t total = b->n;
	size_t n;
	TRY(analyze_spool_open(ctx, spool, e));
	for (;;) {
		TRY(analyze_spool_append(*spool, buf_slice(b), e));
		enum err_code code = stream_read_full(s, b->p, CHUNK, &n, e);
		*damaged = code == ERR_FORMAT;
		if (code != OK || !n)
			return code == ERR_FORMAT ? OK : code;
		b->n = n;
		if (n > limit - total)
			return analyze_over_budget(ctx, f, "budget: expanded bytes", e);
		total += n;
	}
}

static enum err_code read_in_memory(struct stream *s, struct buf *b, bool *damaged, bool *more, struct err *e)
{
	*more = false;
	*damaged = false;
	for (;;) {
		size_t n, room = MIN(b->max - b->n, MAX(b->cap - b->n, (size_t)4 * KIB));
		if (!room) {
			*more = true;
			return OK;
		}
		if (!buf_reserve(b, room))
			return err_set(e, ERR_NOMEM, 0, "out of memory");
		enum err_code code = stream_read(s, b->p + b->n, room, &n, e);
		if (code == ERR_FORMAT)
			*damaged = true;
		if (code != OK || !n)
			return code == ERR_FORMAT ? OK : code;
		b->n += n;
	}
}

enum err_code expand_stream(struct analyze_ctx *ctx, const struct file_view *f, const struct expand *m, struct stream *s,
			    const char **ret_damage, struct err *e)
{
	struct analyze_budget left = analyze_budget(ctx, f);
	AUTO_BUF b = BUF(IN_MEMORY);
	AUTO_SPOOL spool = NULL;
	bool damaged, more;
	struct slice content;
	if (!left.depth)
		return analyze_over_budget(ctx, f, "budget: archive depth", e);
	if (!left.members)
		return analyze_over_budget(ctx, f, "budget: archive members", e);
	if (left.bytes < IN_MEMORY)
		b.max = (size_t)left.bytes + 1;	/* one more than allowed, to see that it is passed */
	if (!buf_reserve(&b, (size_t)MIN(MAX(m->size_hint, (uint64_t)64) + 1, (uint64_t)b.max)))
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	TRY(read_in_memory(s, &b, &damaged, &more, e));
	if (b.n > left.bytes)
		return analyze_over_budget(ctx, f, "budget: expanded bytes", e);
	content = buf_slice(&b);
	if (more) {
		TRY(spool_rest(ctx, f, s, &b, left.bytes, &spool, &damaged, e));
		buf_free(&b);
		b = BUF(0);
		TRY(analyze_spool_map(spool, &content, e));
	}
	if (damaged)
		*ret_damage = "compressed data is damaged or cut short";
	else if (m->check_crc && crc32_gzip_refl(0, content.p, content.n) != m->crc)
		*ret_damage = "content does not have its checksum";
	return expand_slice(ctx, f, m->name, m->mode, content, e);
}

enum err_code archive_corrupt(struct analyze_ctx *ctx, const struct file_view *f, const char *format, const char *detail, struct err *e)
{
	char reason[64];
	snprintf(reason, sizeof(reason), "corrupt: %s", format);
	return analyze_skip(ctx, f, SKIP_DATA, 0, reason, detail, e);
}

enum err_code archive_unsupported(struct analyze_ctx *ctx, const struct file_view *f, const char *format, struct err *e)
{
	char reason[64];
	snprintf(reason, sizeof(reason), "unsupported: %s", format);
	return analyze_skip(ctx, f, SKIP_DATA, f->content.n, reason, "this kind of archive is not opened", e);
}

enum err_code archive_encrypted(struct analyze_ctx *ctx, const struct file_view *f, uint64_t members, struct slice first, struct err *e)
{
	char name[100], detail[200];
	snprintf(detail, sizeof(detail), "%llu members cannot be read without a password, first '%s'", (unsigned long long)members,
		 text_escape_to(name, sizeof(name), first));
	return analyze_skip(ctx, f, SKIP_DATA, 0, "encrypted", detail, e);
}

enum err_code archive_integrity(struct analyze_ctx *ctx, const struct file_view *f, const char *what, uint64_t offset, struct slice detail,
				struct err *e)
{
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_INTEGRITY,
						    .integrity = { .what = slice_str(what), .detail = detail, .offset = offset } }, e);
}
