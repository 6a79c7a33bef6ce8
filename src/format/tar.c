#include <stdlib.h>
#include "tar_priv.h"

static const uint8_t zeros[65536];

enum err_code tar_reader_open(const struct tar_handler *h, struct tar_reader **ret, struct err *e)
{
	struct tar_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, 0, "memory for a tar reader");
	r->h = *h;
	r->special.max = r->pax_text.max = r->long_name.max = r->long_link.max = TAR_MAX_SPECIAL;
	*ret = r;
	return OK;
}

void tar_reader_close(struct tar_reader *r)
{
	if (!r)
		return;
	buf_free(&r->special);
	buf_free(&r->pax_text);
	buf_free(&r->long_name);
	buf_free(&r->long_link);
	buf_free(&r->pax.map);
	sparse_free(&r->sparse);
	free(r);
}

/* Takes up to one block off *in; calls on_block when it is whole. */
static enum err_code take_block(struct tar_reader *r, struct slice *in, struct err *e)
{
	const uint8_t *b = in->p;
	size_t n = MIN(in->n, TAR_BLOCK - r->have);
	if (r->have || n < TAR_BLOCK) {
		memcpy(r->block + r->have, in->p, n);
		b = r->block;
	}
	*in = slice_from(*in, n);
	r->offset += n;
	r->have += n;
	if (r->have < TAR_BLOCK)
		return OK;
	r->have = 0;
	return tar_on_block(r, b, e);
}

/* --- content --- */

/* At most n bytes of what was fed. */
static struct slice take(struct tar_reader *r, struct slice *in, uint64_t n)
{
	struct slice chunk = slice_upto(*in, n > SIZE_MAX ? SIZE_MAX : (size_t)n);
	*in = slice_from(*in, chunk.n);
	r->offset += chunk.n;
	return chunk;
}

static enum err_code take_data(struct tar_reader *r, struct slice *in, struct err *e)
{
	uint64_t at = r->offset;
	struct slice chunk = take(r, in, r->left);
	r->left -= chunk.n;
	if (r->left == 0)
		tar_after_content(r);
	return r->h.data(r->h.arg, chunk, at, r->left == 0, e);
}

static enum err_code take_special(struct tar_reader *r, struct slice *in, struct err *e)
{
	struct slice chunk = take(r, in, r->left);
	r->left -= chunk.n;
	if (!buf_put_slice(&r->special, chunk))
		return buf_ok(&r->special, "a tar entry's name", e);
	return r->left ? OK : tar_on_special(r, e);
}

/* Zeros up to `end`. */
static enum err_code bring_hole(struct tar_reader *r, uint64_t end, struct err *e)
{
	while (r->pos < end) {
		size_t n = (size_t)MIN(end - r->pos, sizeof(zeros));
		r->pos += n;
		TRY(r->h.data(r->h.arg, slice_of(zeros, n), SIZE_MAX, r->pos == (uint64_t)r->sparse.size, e));
	}
	return OK;
}

static enum err_code take_sparse_data(struct tar_reader *r, struct slice *in, struct err *e)
{
	const struct sparse *s = &r->sparse;
	while (r->part < s->n) {
		const struct sparse_part *p = &s->parts[r->part];
		uint64_t end = (uint64_t)(p->offset + p->length), at = r->offset;
		struct slice chunk;
		if (p->length == 0) {
			r->part++;
			continue;
		}
		TRY(bring_hole(r, (uint64_t)p->offset, e));
		if (in->n == 0)
			return OK;
		chunk = take(r, in, end - r->pos);
		r->pos += chunk.n;
		r->left -= chunk.n;
		r->part += r->pos == end;
		TRY(r->h.data(r->h.arg, chunk, at, r->pos == (uint64_t)s->size, e));
	}
	TRY(bring_hole(r, (uint64_t)s->size, e));
	tar_after_content(r);
	return OK;
}

static void take_trailing(struct tar_reader *r, struct slice *in)
{
	struct slice rest = *in;
	r->result.trailing_bytes += rest.n;
	while (!r->result.trailing_nonzero && rest.n) {
		size_t n = MIN(rest.n, sizeof(zeros));
		if (memcmp(rest.p, zeros, n) != 0) {
			size_t i = 0;
			while (rest.p[i] == 0)
				i++;
			r->result.trailing_nonzero = true;
			r->result.trailing_offset = r->offset + (uint64_t)(rest.p - in->p) + i;
		}
		rest = slice_from(rest, n);
	}
	(void)take(r, in, in->n);
}

static enum err_code feed_some(struct tar_reader *r, struct slice *in, struct err *e)
{
	switch (r->state) {
	case DATA: return take_data(r, in, e);
	case SPARSE_DATA: return take_sparse_data(r, in, e);
	case SPECIAL: return take_special(r, in, e);
	case PADDING:
		r->padding -= take(r, in, r->padding).n;
		if (r->padding == 0)
			r->state = HEADER;
		return OK;
	case END:
		take_trailing(r, in);
		return OK;
	default: return take_block(r, in, e);
	}
}

static enum err_code fail(struct tar_reader *r, const struct err *e)
{
	r->failed = *e;
	return e->code;
}

enum err_code tar_reader_feed(struct tar_reader *r, struct slice bytes, struct err *e)
{
	if (r->failed.code) {
		*e = r->failed;
		return e->code;
	}
	while (bytes.n)
		if (feed_some(r, &bytes, e) != OK)
			return fail(r, e);
	return OK;
}

enum err_code tar_reader_finish(struct tar_reader *r, struct tar_result *ret, struct err *e)
{
	struct slice nothing = SLICE_NULL;
	if (r->failed.code) {
		*e = r->failed;
		return e->code;
	}
	/* a sparse file may end in a hole, for which no byte is in the stream */
	if (r->state == SPARSE_DATA && r->left == 0 && take_sparse_data(r, &nothing, e) != OK)
		return fail(r, e);
	/* Go takes an archive that ends after an entry, or in the padding behind one. */
	if (r->have || (r->state != HEADER && r->state != PADDING && r->state != ZERO_BLOCK && r->state != END)) {
		(void)!err_at(e, ERR_FORMAT, r->offset, "tar: the archive is cut off");
		return fail(r, e);
	}
	r->result.end = r->state == END ? TAR_END_CLEAN : r->state == ZERO_BLOCK ? TAR_END_LONE_ZERO_BLOCK : TAR_END_NO_ZERO_BLOCKS;
	*ret = r->result;
	return OK;
}
