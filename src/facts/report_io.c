#include "report_io.h"
#include "base.h"
#include <math.h>

enum { S_EMPTY, S_NEW, S_HEX, S_DIGEST, S_BEFORE, S_OTHER, S_KNOWN, HEX_BYTES = 64, MAX_PROBES = 32 };

bool io_ok(const struct report_io *io) { return !io->arena->failed && (io->writing ? !io->out->failed : !io->in.bad); }

/* --- Strings -------------------------------------------------------------------------------------------------------- */

/* The slot of a string, or a free one; NULL when too many others stand in its way: then it is written again. */
static uint32_t *slot_of(struct report_io *io, struct slice s)
{
	size_t at = slice_hash(s) & (io->n_slots - 1);
	for (unsigned i = 0; i < MAX_PROBES; i++, at = (at + 1) & (io->n_slots - 1))
		if (!io->slots[at] || slice_eq(io->strings[io->slots[at] - 1], s))
			return &io->slots[at];
	return NULL;
}

static void grow_slots(struct report_io *io)
{
	size_t n = io->n_slots ? 4 * io->n_slots : 1024;
	uint32_t *slots = arena_calloc(io->arena, n, sizeof(*slots));
	if (!slots)
		return;
	io->slots = slots;
	io->n_slots = n;
	for (size_t i = 0; i < io->n; i++) {
		uint32_t *slot = slot_of(io, io->strings[i]);
		if (slot && !*slot)
			*slot = (uint32_t)i + 1;
	}
}

void io_know(struct report_io *io, struct slice s)
{
	if (io->writing && 2 * io->n >= io->n_slots)
		grow_slots(io);
	struct slice *item = arena_push(io->arena, &io->strings, &io->n, &io->cap, sizeof(*item));
	if (!item)
		return;
	*item = s;
	uint32_t *slot = io->writing && io->slots ? slot_of(io, s) : NULL;
	if (slot && !*slot)
		*slot = (uint32_t)io->n;
}

/* Lower-case digits alone or behind "sha256:": half the bytes say the same. */
static unsigned hex_form(struct slice s, uint8_t raw[HEX_BYTES / 2])
{
	if (s.n == HEX_BYTES && hex_decode(s, raw, HEX_BYTES / 2, false))
		return S_HEX;
	if (s.n == HEX_BYTES + 7 && slice_has_prefix(s, SL("sha256:")) && hex_decode(slice_from(s, 7), raw, HEX_BYTES / 2, false))
		return S_DIGEST;
	return S_NEW;
}

static void write_new(struct report_io *io, struct slice s)
{
	uint8_t raw[HEX_BYTES / 2];
	uint32_t *slot = io->slots ? slot_of(io, s) : NULL;
	if (slot && *slot) {
		buf_put_varint(io->out, S_KNOWN + (uint64_t)*slot - 1);
		return;
	}
	unsigned form = hex_form(s, raw);
	buf_put_varint(io->out, form);
	if (form == S_NEW) {
		buf_put_varint(io->out, s.n);
		buf_put_slice(io->out, s);
	} else {
		buf_put(io->out, raw, sizeof(raw));
	}
	io_know(io, s);
}

static struct slice read_hex(struct report_io *io, bool digest)
{
	struct slice raw = rd_bytes(&io->in, HEX_BYTES / 2);
	size_t prefix = digest ? 7 : 0;
	char *text = io->in.bad ? NULL : arena_alloc(io->arena, prefix + HEX_BYTES + 1);
	if (!text)
		return SLICE_NULL;
	memcpy(text, "sha256:", prefix);
	hex_encode(text + prefix, raw.p, raw.n);
	return slice_of(text, prefix + HEX_BYTES);
}

static struct slice read_new(struct report_io *io, uint64_t form)
{
	struct slice s;
	if (form >= S_KNOWN) {
		io->in.bad = io->in.bad || form - S_KNOWN >= io->n;
		return io->in.bad ? SLICE_NULL : io->strings[form - S_KNOWN];
	}
	if (form == S_NEW) {
		uint64_t n = rd_varint(&io->in);
		io->in.bad = io->in.bad || !n || n > rd_left(&io->in);
		s = rd_bytes(&io->in, (size_t)n);
	} else {
		s = read_hex(io, form == S_DIGEST);
	}
	if (s.n)
		io_know(io, s);
	return s;
}

/* before, other: strings it often equals, or NULL. */
static void string(struct report_io *io, struct slice *s, const struct slice *before, const struct slice *other)
{
	if (io->writing) {
		if (!s->n)
			buf_put_varint(io->out, S_EMPTY);
		else if (before && slice_eq(*s, *before))
			buf_put_varint(io->out, S_BEFORE);
		else if (other && slice_eq(*s, *other))
			buf_put_varint(io->out, S_OTHER);
		else
			write_new(io, *s);
		return;
	}
	uint64_t form = rd_varint(&io->in);
	io->in.bad = io->in.bad || (form == S_BEFORE && !before) || (form == S_OTHER && !other);
	if (io->in.bad || form == S_EMPTY)
		*s = SLICE_NULL;
	else if (form == S_BEFORE || form == S_OTHER)
		*s = form == S_BEFORE ? *before : *other;
	else
		*s = read_new(io, form);
}

void io_str(struct report_io *io, struct slice *s) { string(io, s, NULL, NULL); }

/* --- Numbers --------------------------------------------------------------------------------------------------------- */

void io_u64(struct report_io *io, uint64_t *v)
{
	if (io->writing)
		buf_put_varint(io->out, *v);
	else
		*v = rd_varint(&io->in);
}

static void integer(struct report_io *io, int *v)
{
	uint64_t z = ((uint64_t)(int64_t)*v << 1) ^ (uint64_t)((int64_t)*v >> 63);
	io_u64(io, &z);
	if (io->writing)
		return;
	int64_t back = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
	io->in.bad = io->in.bad || back < INT32_MIN || back > INT32_MAX;
	*v = io->in.bad ? 0 : (int)back;
}

static void boolean(struct report_io *io, bool *v)
{
	if (io->writing) {
		buf_putc(io->out, *v);
		return;
	}
	uint8_t byte = rd_u8(&io->in);
	io->in.bad = io->in.bad || byte > 1;
	*v = byte == 1;
}

static void enumerated(struct report_io *io, int32_t *v, unsigned count)
{
	uint64_t n = (uint32_t)*v;
	io_u64(io, &n);
	if (io->writing)
		return;
	io->in.bad = io->in.bad || n >= count;
	*v = io->in.bad ? 0 : (int32_t)n;
}

static void fraction(struct report_io *io, double *v)
{
	const double millionths = 1e6, most = 4e15;
	uint64_t n = 0, bits;
	if (io->writing) {
		double scaled = *v * millionths;
		if (!signbit(*v) && scaled >= 0 && scaled < most)
			n = (uint64_t)(scaled + 0.5) + 1;
		if (n && (double)(n - 1) / millionths != *v)
			n = 0;
		buf_put_varint(io->out, n);
		memcpy(&bits, v, sizeof(bits));
		if (!n)
			buf_put_le64(io->out, bits);
		return;
	}
	n = rd_varint(&io->in);
	*v = (double)(n - 1) / millionths;
	if (!n) {
		bits = rd_le64(&io->in);
		memcpy(v, &bits, sizeof(bits));
	}
}

/* A finding's id: 32 hex digits as 16 bytes; otherwise (not sealed) none. */
static void identifier(struct report_io *io, char id[33])
{
	uint8_t raw[16];
	bool sealed = io->writing && hex_decode(slice_of(id, 32), raw, sizeof(raw), false);
	boolean(io, &sealed);
	if (!sealed)
		return;
	if (io->writing) {
		buf_put(io->out, raw, sizeof(raw));
		return;
	}
	struct slice s = rd_bytes(&io->in, sizeof(raw));
	if (s.n)
		hex_encode(id, s.p, s.n);
}

/* --- Tables ---------------------------------------------------------------------------------------------------------- */

/* Every item takes a byte at least, so damaged counts cannot ask for memory without end. */
static size_t count(struct report_io *io, size_t n)
{
	uint64_t v = n;
	io_u64(io, &v);
	if (io->writing)
		return n;
	io->in.bad = io->in.bad || v > rd_left(&io->in);
	return io->in.bad ? 0 : (size_t)v;
}

void io_list(struct report_io *io, struct slice_list *l)
{
	size_t n = count(io, l->n);
	if (!io->writing && n) {
		l->items = arena_calloc(io->arena, n, sizeof(*l->items));
		l->n = l->cap = l->items ? n : 0;
	}
	for (size_t i = 0; i < l->n; i++)
		io_str(io, &l->items[i]);
}

void *io_items(struct report_io *io, void *items, size_t *n, size_t item_bytes, void ***ret_rows)
{
	size_t all = count(io, *n);
	*ret_rows = all ? arena_calloc(io->arena, all, sizeof(**ret_rows)) : NULL;
	if (!io->writing)
		items = *ret_rows ? arena_calloc(io->arena, all, item_bytes) : NULL;
	*n = *ret_rows && items ? all : 0;
	for (size_t i = 0; i < *n; i++)
		(*ret_rows)[i] = (uint8_t *)items + i * item_bytes;
	return items;
}

static void cell(struct report_io *io, const struct col *c, uint8_t *row, const uint8_t *before)
{
	void *at = row + c->at;
	switch (c->kind) {
	case COL_STR:
		string(io, at, before ? (const struct slice *)(before + c->at) : NULL, c->like ? (const struct slice *)(row + c->like) : NULL);
		break;
	case COL_U64:
		io_u64(io, at);
		break;
	case COL_INT:
		integer(io, at);
		break;
	case COL_BOOL:
		boolean(io, at);
		break;
	case COL_ENUM:
		enumerated(io, at, c->count);
		break;
	case COL_FRACTION:
		fraction(io, at);
		break;
	case COL_LIST:
		io_list(io, at);
		break;
	case COL_ID:
		identifier(io, at);
		break;
	}
}

void io_rows(struct report_io *io, void *const *rows, size_t n, const struct col *cols, size_t n_cols)
{
	for (size_t k = 0; k < n_cols && io_ok(io); k++)
		for (size_t i = 0; i < n; i++)
			cell(io, &cols[k], rows[i], i ? rows[i - 1] : NULL);
}
