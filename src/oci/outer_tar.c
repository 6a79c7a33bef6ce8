#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "outer_tar.h"

enum err_code outer_read(struct outer_in *in, void *dst, size_t n, struct slice what, struct err *e)
{
	size_t got = 0;
	if (in->st) {
		TRY(stream_read_full(in->st, dst, n, &got, e));
	} else {
		while (got < n) {
			ssize_t r = pread(in->fd, (uint8_t *)dst + got, n - got, (off_t)(in->pos + got));
			if (r < 0 && errno == EINTR)
				continue;
			if (r < 0)
				return err_set(e, ERR_IO, errno, "read the archive");
			if (r == 0)
				break;
			got += (size_t)r;
		}
	}
	in->pos += got;
	if (got < n)
		return err_at(e, ERR_FORMAT, in->pos, "the archive ends in the middle of '%s'", ESC(what));
	return OK;
}

enum err_code outer_skip(struct outer_in *in, uint64_t n, struct slice what, struct err *e)
{
	uint8_t scratch[16384];
	if (!in->st) {
		if (in->pos > in->file_size || n > in->file_size - in->pos)
			return err_at(e, ERR_FORMAT, in->file_size, "the archive ends in the middle of '%s'", ESC(what));
		in->pos += n;
		return OK;
	}
	while (n) {
		size_t part = MIN(n, (uint64_t)sizeof(scratch));
		TRY(outer_read(in, scratch, part, what, e));
		n -= part;
	}
	return OK;
}

/* --- Names ---------------------------------------------------------------------------------------------------------- */

/* Appends the pieces of path to dst (at most cap bytes); false when it leads out or gets too long. */
static bool push_pieces(uint8_t *dst, size_t *n, size_t cap, struct slice path, bool dotdot)
{
	struct slice rest = path, piece;
	while (slice_next_piece(&rest, '/', &piece)) {
		if (!piece.n || slice_eqs(piece, "."))
			continue;
		if (slice_eqs(piece, "..")) {
			if (!dotdot || !*n)
				return false;
			while (*n && dst[*n - 1] != '/')
				(*n)--;
			if (*n)
				(*n)--;
			continue;
		}
		if (*n + 1 + piece.n > cap)
			return false;
		if (*n)
			dst[(*n)++] = '/';
		memcpy(dst + *n, piece.p, piece.n);
		*n += piece.n;
	}
	return true;
}

enum err_code outer_clean(struct slice dir, struct slice path, struct arena *a, struct slice *ret, struct err *e)
{
	uint8_t out[OUTER_MAX_NAME];
	size_t n = 0;
	bool relative = dir.p != NULL;
	if (slice_find_byte(path, 0) >= 0)
		return err_set(e, ERR_FORMAT, 0, "the archive has a name with a NUL in it: '%s'", ESC(path));
	if (relative && path.n && path.p[0] == '/')
		return err_set(e, ERR_FORMAT, 0, "the archive has a link to the absolute path '%s'", ESC(path));
	if (!push_pieces(out, &n, sizeof(out), dir, false) || !push_pieces(out, &n, sizeof(out), path, relative))
		return err_set(e, ERR_FORMAT, 0, "the archive has a name that leads out of it or is too long: '%s'", ESC(path));
	*ret = arena_dup(a, slice_of(out, n));
	return arena_ok(a, "read the archive's names", e);
}

/* --- Headers ---------------------------------------------------------------------------------------------------------- */

struct raw {		/* what the extension headers before a member said */
	struct slice path, link;
	bool has_size;
	uint64_t size;
};

static bool number(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;
	if (p[0] & 0x80) {			/* base 256; negative ones have 0x40, too */
		if (p[0] & 0x7f)
			return false;
		for (i = 1; i < n; i++) {
			if (v >> 55)
				return false;
			v = v << 8 | p[i];
		}
		*ret = v;
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	for (; i < n; i++)
		if (p[i] != ' ' && p[i] != 0)
			return false;
	*ret = v;
	return true;
}

static bool checksum_ok(const uint8_t *h)
{
	uint64_t want;
	uint32_t unsigned_sum = 0;
	int32_t signed_sum = 0;
	for (size_t i = 0; i < 512; i++) {
		uint8_t c = i >= 148 && i < 156 ? ' ' : h[i];
		unsigned_sum += c;
		signed_sum += (int8_t)c;
	}
	return number(h + 148, 8, &want) && (want == unsigned_sum || (int64_t)want == signed_sum);
}

static struct slice field(const uint8_t *p, size_t n) { return slice_of(p, strnlen((const char *)p, n)); }

static bool all_zero(const uint8_t *h)
{
	for (size_t i = 0; i < 512; i++)
		if (h[i])
			return false;
	return true;
}

/* "LEN KEY=VALUE\n" */
static enum err_code pax_records(struct slice data, struct raw *r, struct err *e)
{
	while (data.n) {
		ptrdiff_t space = slice_find_byte(slice_upto(data, 20), ' ');
		uint64_t len;
		if (space < 0 || !slice_to_u64(slice_upto(data, (size_t)space), &len) || len > data.n || len < (uint64_t)space + 3 ||
		    data.p[len - 1] != '\n')
			return err_set(e, ERR_FORMAT, 0, "the archive has a damaged PAX header");
		struct slice rec = slice_sub(data, (size_t)space + 1, (size_t)len - (size_t)space - 2);
		ptrdiff_t eq = slice_find_byte(rec, '=');
		if (eq <= 0)
			return err_set(e, ERR_FORMAT, 0, "the archive has a damaged PAX header");
		struct slice key = slice_upto(rec, (size_t)eq), value = slice_from(rec, (size_t)eq + 1);
		if (slice_eqs(key, "path"))
			r->path = value;
		else if (slice_eqs(key, "linkpath"))
			r->link = value;
		else if (slice_eqs(key, "size") && !(r->has_size = slice_to_u64(value, &r->size)))
			return err_set(e, ERR_FORMAT, 0, "the archive has a PAX header with the size '%s'", ESC(value));
		else if (slice_has_prefix(key, SL("GNU.sparse.")))
			return err_set(e, ERR_UNSUPPORTED, 0, "the archive has a sparse member; pack it without --sparse");
		data = slice_from(data, (size_t)len);
	}
	return OK;
}

static enum err_code extension(struct outer_in *in, struct arena *a, uint8_t type, uint64_t size, struct raw *r, struct err *e)
{
	struct slice what = SL("an extended header");
	uint64_t max = type == 'x' ? OUTER_MAX_PAX : OUTER_MAX_NAME + 1;
	if (type == 'g')
		return outer_skip(in, size + outer_padding(size), what, e);
	if (size > max)
		return err_at(e, ERR_LIMIT, in->pos, "the archive has an extended header of %llu bytes", (unsigned long long)size);
	uint8_t *p = arena_alloc(a, (size_t)size);
	TRY(arena_ok(a, "read the archive's names", e));
	TRY(outer_read(in, p, (size_t)size, what, e));
	TRY(outer_skip(in, outer_padding(size), what, e));
	struct slice text = field(p, (size_t)size);
	if (type == 'x')
		return pax_records(slice_of(p, (size_t)size), r, e);
	*(type == 'L' ? &r->path : &r->link) = text;
	return OK;
}

static enum err_code fill(const uint8_t *h, struct raw *r, uint64_t size, struct arena *a, struct outer_member *m, struct err *e)
{
	char joined[300];
	uint8_t type = h[156];
	struct slice name = field(h, 100), prefix = field(h + 345, 155), link = field(h + 157, 100), dir = SL("");
	if (!memcmp(h + 257, "ustar\0", 6) && prefix.n) {
		snprintf(joined, sizeof(joined), "%.*s/%.*s", SLICE_ARG(prefix), SLICE_ARG(name));
		name = slice_str(joined);
	}
	*m = (struct outer_member){ .kind = OUTER_OTHER, .size = size };
	TRY(outer_clean(SLICE_NULL, r->path.n ? r->path : name, a, &m->name, e));
	if (type == '0' || type == 0 || type == '7')
		m->kind = OUTER_FILE;
	if (type == '1' || type == '2') {
		ptrdiff_t slash = slice_rfind_byte(m->name, '/');
		if (type == '2' && slash > 0)
			dir = slice_upto(m->name, (size_t)slash);
		m->kind = OUTER_LINK;
		m->size = 0;
		TRY(outer_clean(type == '2' ? dir : SLICE_NULL, r->link.n ? r->link : link, a, &m->link, e));
	}
	if (type == '5' || type == '3' || type == '4' || type == '6')
		m->size = 0;
	if (type == 'S')
		return err_set(e, ERR_UNSUPPORTED, 0, "the archive has a sparse member '%s'; pack it without --sparse", ESC(m->name));
	return OK;
}

static enum err_code header(struct outer_in *in, uint8_t *h, bool *ret_end, struct err *e)
{
	uint8_t first;
	size_t n;
	*ret_end = false;
	if (in->st) {
		TRY(stream_read(in->st, &first, 1, &n, e));
		if (!n) {
			*ret_end = true;
			return OK;
		}
		h[0] = first;
		in->pos++;
		return outer_read(in, h + 1, 511, SL("a header"), e);
	}
	if (in->pos >= in->file_size) {
		*ret_end = true;
		return OK;
	}
	return outer_read(in, h, 512, SL("a header"), e);
}

enum err_code outer_next(struct outer_in *in, struct arena *a, struct outer_member *ret, bool *ret_end, struct err *e)
{
	struct raw r = { 0 };
	uint8_t h[512];
	uint64_t size;
	for (unsigned extensions = 0;; extensions++) {
		TRY(header(in, h, ret_end, e));
		if (*ret_end || all_zero(h)) {
			*ret_end = true;
			return OK;
		}
		if (!checksum_ok(h) || !number(h + 124, 12, &size) || size > INT64_MAX / 2)
			return err_at(e, ERR_FORMAT, in->pos - 512, "the archive is damaged: this is no tar header");
		if (h[156] != 'x' && h[156] != 'g' && h[156] != 'L' && h[156] != 'K')
			break;
		if (extensions > 8)
			return err_at(e, ERR_FORMAT, in->pos, "the archive has a member with too many extended headers");
		TRY(extension(in, a, h[156], size, &r, e));
	}
	if (r.has_size)
		size = r.size;
	if (size > INT64_MAX / 2)
		return err_at(e, ERR_FORMAT, in->pos, "the archive has a member with an impossible size");
	TRY(fill(h, &r, size, a, ret, e));
	ret->offset = in->pos;
	return OK;
}

/* --- Look-up ------------------------------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return slice_cmp(((const struct outer_member *)a)->name, ((const struct outer_member *)b)->name);
}

enum err_code outer_index_sort(struct outer_index *x, struct err *e)
{
	if (x->n)
		qsort(x->items, x->n, sizeof(*x->items), by_name);
	for (size_t i = 1; i < x->n; i++)
		if (slice_eq(x->items[i].name, x->items[i - 1].name))
			return err_set(e, ERR_FORMAT, 0, "the archive has two members '%s'; readers differ in which one counts",
				       ESC(x->items[i].name));
	x->sorted = true;
	return OK;
}

enum err_code outer_find(const struct outer_index *x, struct slice name, const struct outer_member **ret, struct err *e)
{
	struct outer_member key = { .name = name };
	for (unsigned hops = 0; hops <= OUTER_MAX_LINKS; hops++) {
		const struct outer_member *m = x->n ? bsearch(&key, x->items, x->n, sizeof(*x->items), by_name) : NULL;
		if (!m)
			return err_set(e, ERR_NOT_FOUND, 0, "the archive has no member '%s'", ESC(key.name));
		if (m->kind == OUTER_FILE) {
			*ret = m;
			return OK;
		}
		key.name = m->link;
	}
	return err_set(e, ERR_FORMAT, 0, "the archive's links from '%s' lead in a circle", ESC(name));
}
