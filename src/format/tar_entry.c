/* Headers, and what special entries say about the next one: the rules by which Go names an entry and finds its content. */
#include "tar_priv.h"

static enum err_code bad(struct tar_reader *r, const char *why, struct err *e)
{
	return err_at(e, ERR_FORMAT, r->entry.header_offset, "tar: %s", why);
}

static enum err_code located(struct tar_reader *r, struct err *e)
{
	char msg[sizeof(e->msg)];
	memcpy(msg, e->msg, sizeof(msg));
	return err_at(e, e->code, r->entry.header_offset, "tar: %.250s", msg);
}

static void forget_specials(struct tar_reader *r)
{
	if (r->pax.present)
		pax_clear(&r->pax);
	r->long_name.n = r->long_link.n = 0;
	r->shown = false;
}

/* --- an entry's name, type and numbers are known --- */

/* The header's own name, with its prefix; copied, as the block does not live as long as the content is read. */
static struct slice keep_name(struct tar_reader *r)
{
	size_t n = 0;
	if (r->head.prefix.n) {
		memcpy(r->name, r->head.prefix.p, r->head.prefix.n);
		n = r->head.prefix.n;
		r->name[n++] = '/';
	}
	memcpy(r->name + n, r->head.name.p, r->head.name.n);
	return slice_of(r->name, n + r->head.name.n);
}

static struct slice keep_link(struct tar_reader *r)
{
	if (r->head.link.n)
		memcpy(r->link, r->head.link.p, r->head.link.n);
	return slice_of(r->link, r->head.link.n);
}

static unsigned flags_of(const struct tar_reader *r, int64_t header_size)
{
	const struct slice *v = r->pax.value;
	unsigned flags = 0;
	if (r->pax.present)
		flags |= TAR_F_PAX;
	if (r->long_name.n || r->long_link.n)
		flags |= TAR_F_GNU_LONG;
	if ((v[PAX_PATH].n && r->long_name.n) || (v[PAX_LINKPATH].n && r->long_link.n))
		flags |= TAR_F_PAX_AND_GNU;
	/* a header cannot hold 8 GiB in octal: writers put something else there */
	if (v[PAX_SIZE].n && r->head.size != header_size && r->head.size < (int64_t)(8 * GIB))
		flags |= TAR_F_PAX_SIZE;
	if (r->pax.twice)
		flags |= TAR_F_PAX_TWICE;
	if (r->head.gnu_prefix)
		flags |= TAR_F_GNU_PREFIX;
	if (r->head.signed_sum)
		flags |= TAR_F_SIGNED_SUM;
	return flags;
}

static void fill_entry(struct tar_reader *r)
{
	struct tar_entry *t = &r->entry;
	t->type = r->head.type;
	t->mode = (uint32_t)r->head.mode & 07777;
	t->uid = (uint64_t)r->head.uid;
	t->gid = (uint64_t)r->head.gid;
	t->mtime = r->head.mtime;
	t->dev_major = (uint64_t)r->head.dev_major;
	t->dev_minor = (uint64_t)r->head.dev_minor;
	t->caps = r->pax.value[PAX_CAPS];
}

static enum err_code emit(struct tar_reader *r, uint64_t size, struct err *e)
{
	r->entry.size = size;
	r->entry.content_offset = r->offset;
	r->result.entries++;
	r->shown = true;
	return r->h.entry(r->h.arg, &r->entry, e);
}

static enum err_code start_sparse_data(struct tar_reader *r, struct err *e)
{
	uint64_t data_bytes;
	if (!sparse_valid(&r->sparse, &data_bytes))
		return bad(r, "a sparse map that is out of order or beyond the file's size", e);
	r->entry.flags |= TAR_F_SPARSE;
	TRY(emit(r, (uint64_t)r->sparse.size, e));
	if (data_bytes != r->left)
		return bad(r, data_bytes > r->left ? "a sparse file with less data than its map says" :
						     "a sparse file with more data than its map says", e);
	r->hole_bytes += (uint64_t)r->sparse.size - data_bytes;
	if (r->hole_bytes > TAR_MAX_HOLE_BYTES)
		return err_at(e, ERR_LIMIT, r->entry.header_offset, "tar: sparse files with more than 64 GiB of holes");
	r->part = 0;
	r->pos = 0;
	r->state = SPARSE_DATA;
	return OK;
}

/* Old GNU: four parts in the header, 21 in each extension; the size with holes stands in the header. */
static enum err_code start_old_sparse(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	if (r->head.format != TAR_GNU)
		return bad(r, "a sparse file in a header that is not GNU's", e);
	if (!tar_number(b + 483, 12, &r->sparse.size))
		return bad(r, "a number in a sparse header is none", e);
	if (sparse_add_old(&r->sparse, b + 386, 4, e) != OK)
		return located(r, e);
	if (b[482]) {
		r->state = OLD_SPARSE;
		return OK;
	}
	return start_sparse_data(r, e);
}

static enum err_code on_old_sparse(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	if (sparse_add_old(&r->sparse, b, 21, e) != OK)
		return located(r, e);
	return b[504] ? OK : start_sparse_data(r, e);
}

static enum err_code on_sparse_map(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	bool done;
	r->left -= TAR_BLOCK;
	if (sparse_feed_map_1(&r->sparse, b, &done, e) != OK)
		return located(r, e);
	if (done)
		return start_sparse_data(r, e);
	return r->left < TAR_BLOCK ? bad(r, "a sparse map that does not end", e) : OK;
}

static enum err_code start_pax_sparse(struct tar_reader *r, enum sparse_kind kind, struct err *e)
{
	if (kind == SPARSE_BAD || tar_type_has_no_data(r->head.type))
		return bad(r, "sparse records that do not fit the entry", e);
	if (kind == SPARSE_PAX_0) {
		if (sparse_parse_map_0(&r->sparse, &r->pax, e) != OK)
			return located(r, e);
		return start_sparse_data(r, e);
	}
	if (r->left < TAR_BLOCK)
		return bad(r, "a sparse map that does not end", e);
	r->state = SPARSE_MAP;
	return OK;
}

/* The header of something that is an entry itself. */
static enum err_code on_entry(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	int64_t header_size = r->head.size;
	enum sparse_kind kind = SPARSE_NO;
	struct slice name;
	if (r->pax.present && !pax_merge(&r->pax, &r->head))
		return bad(r, "a number in a pax header is none", e);
	name = r->long_name.n ? buf_slice(&r->long_name) : r->head.name.p == b ? keep_name(r) : r->head.name;
	r->entry.link = r->long_link.n ? buf_slice(&r->long_link) : r->head.link.p == b + 157 ? keep_link(r) : r->head.link;
	r->entry.flags = flags_of(r, header_size);
	if ((r->head.type == 0 || r->head.type == '0') && slice_has_suffix(name, SL("/"))) {
		r->entry.flags |= TAR_F_DIR_WITH_SLASH_AS_FILE;
		r->head.type = r->head.type == 0 ? '5' : '0';	/* V7 had no type for directories */
	}
	if (r->head.type == 0)
		r->head.type = '0';
	r->left = tar_type_has_no_data(r->head.type) ? 0 : (uint64_t)r->head.size;
	if (r->left > INT64_MAX)
		return bad(r, "a negative size", e);
	if (r->left == 0 && r->head.size != 0)
		r->entry.flags |= TAR_F_SIZE_WITHOUT_DATA;
	r->padding = -r->left & (TAR_BLOCK - 1);
	fill_entry(r);
	if (r->head.type == 'S' || r->pax.present) {
		sparse_clear(&r->sparse);
		r->sparse.size = r->head.size;
		if (r->head.type != 'S')
			kind = sparse_of_pax(&r->pax, &r->sparse, &name);
	}
	r->entry.name = name;
	if (r->head.type == 'S')
		return start_old_sparse(r, b, e);
	if (kind != SPARSE_NO)
		return start_pax_sparse(r, kind, e);
	r->state = r->left ? DATA : HEADER;
	return emit(r, r->left, e);
}

/* --- special entries --- */

static void keep_string(struct buf *to, const struct buf *from)
{
	struct slice s = from->n ? tar_cstr(from->p, from->n) : SLICE_NULL;
	buf_clear(to);
	buf_put_slice(to, s);
}

/* A global header is shown as an entry; it means nothing for others, and what was said before it is lost. */
static enum err_code on_global(struct tar_reader *r, struct err *e)
{
	struct slice path;
	const char *why = pax_parse(&r->pax, buf_slice(&r->special));
	if (why)
		return bad(r, why, e);
	path = r->pax.value[PAX_PATH];
	if (path.n)
		r->entry.name = path;
	r->entry.link = SLICE_NULL;
	r->entry.flags = TAR_F_PAX;
	fill_entry(r);
	r->entry.caps = SLICE_NULL;
	return emit(r, 0, e);
}

enum err_code tar_on_special(struct tar_reader *r, struct err *e)
{
	const char *why = NULL;
	struct buf swap;
	tar_after_content(r);
	switch (r->head.type) {
	case 'x':
		/* the records point into the text: the buffers change places */
		swap = r->pax_text;
		r->pax_text = r->special;
		r->special = swap;
		why = pax_parse(&r->pax, buf_slice(&r->pax_text));
		return why ? bad(r, why, e) : OK;
	case 'L':
		keep_string(&r->long_name, &r->special);
		return buf_ok(&r->long_name, "a long name", e);
	case 'K':
		keep_string(&r->long_link, &r->special);
		return buf_ok(&r->long_link, "a long link", e);
	default:
		return on_global(r, e);
	}
}

static enum err_code start_special(struct tar_reader *r, struct err *e)
{
	if (r->head.size < 0)
		return bad(r, "a negative size", e);
	r->left = (uint64_t)r->head.size;
	if (r->left > TAR_MAX_SPECIAL)
		return err_at(e, ERR_LIMIT, r->entry.header_offset, "tar: a name or pax header of more than 1 MiB");
	r->padding = -r->left & (TAR_BLOCK - 1);
	if (r->head.type == 'g')
		r->entry.name = keep_name(r);
	buf_clear(&r->special);
	r->state = SPECIAL;
	return r->left ? OK : tar_on_special(r, e);
}

/* --- blocks --- */

static enum err_code on_header(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	const char *why;
	if (tar_block_is_zero(b)) {
		r->state = ZERO_BLOCK;
		return OK;
	}
	r->entry.header_offset = r->offset - TAR_BLOCK;
	why = tar_header_parse(b, &r->head);
	if (why)
		return bad(r, why, e);
	switch (r->head.type) {
	case 'x': case 'L': case 'K': case 'g':
		return start_special(r, e);
	default:
		return on_entry(r, b, e);
	}
}

enum err_code tar_on_block(struct tar_reader *r, const uint8_t *b, struct err *e)
{
	switch (r->state) {
	case HEADER:
		if (r->shown)
			forget_specials(r);
		return on_header(r, b, e);
	case OLD_SPARSE:
		return on_old_sparse(r, b, e);
	case SPARSE_MAP:
		return on_sparse_map(r, b, e);
	default:
		r->entry.header_offset = r->offset - TAR_BLOCK;
		if (!tar_block_is_zero(b))
			return bad(r, "a zero block that nothing but an end may follow", e);
		r->state = END;
		return OK;
	}
}
