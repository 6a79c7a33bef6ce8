#include "sqlite_pages.h"

enum { DEPTH_MAX = 20, TYPE_INTERIOR = 5, TYPE_LEAF = 13, SCHEMA_COLUMNS = 5 };

struct walk;
typedef enum err_code row_fn(struct walk *w, uint64_t rowid, struct slice record, struct err *e);
struct walk {
	const struct sqlite_pages *p;
	uint64_t pages_left;	/* every page belongs to one place: more visits than pages means a cycle */
	struct buf value;
	row_fn *row;
	/* what is looked for */
	const char *table;
	uint32_t root;
	unsigned column;
	sqlite_blob_fn *fn;
	void *arg;
};

static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t c = rd_u8(r);
		v = v << 7 | (c & 0x7f);
		if (!(c & 0x80))
			return v;
	}
	return v << 8 | rd_u8(r);
}

static enum err_code visit(struct walk *w, uint32_t number, struct slice *ret, struct err *e)
{
	struct slice page = sqlite_page(w->p, number);
	if (!page.p || !w->pages_left)
		return err_set(e, ERR_FORMAT, 0, "the SQLite file has no page %u here", number);
	w->pages_left--;
	*ret = page;
	return OK;
}

/* How much of a payload of n bytes stands on the leaf itself. */
static size_t local_bytes(const struct sqlite_pages *p, uint64_t n)
{
	uint64_t u = p->usable_bytes, max = u - 35, min = (u - 12) * 32 / 255 - 23, k;
	if (n <= max)
		return n;
	k = min + (n - min) % (u - 4);
	return k <= max ? k : min;
}

static enum err_code leaf_cell(struct walk *w, struct rd r, struct err *e)
{
	uint64_t n = varint(&r), rowid = varint(&r);
	if (n > SQLITE_VALUE_MAX_BYTES)
		return err_set(e, ERR_LIMIT, 0, "an SQLite row of %llu bytes", (unsigned long long)n);
	size_t local = local_bytes(w->p, n);
	struct slice here = rd_bytes(&r, local);
	if (local == n)
		return r.bad ? err_set(e, ERR_FORMAT, 0, "an SQLite row is cut off") : w->row(w, rowid, here, e);
	uint32_t next = rd_be32(&r);
	buf_clear(&w->value);
	buf_put_slice(&w->value, here);
	while (!r.bad && w->value.n < n) {
		struct slice page = SLICE_NULL;
		TRY(visit(w, next, &page, e));
		struct rd o = rd_of(slice_upto(page, w->p->usable_bytes));
		next = rd_be32(&o);
		buf_put_slice(&w->value, slice_upto(rd_bytes(&o, rd_left(&o)), n - w->value.n));
		TRY(buf_ok(&w->value, "an SQLite row", e));
	}
	if (r.bad)
		return err_set(e, ERR_FORMAT, 0, "an SQLite row is cut off");
	return w->row(w, rowid, buf_slice(&w->value), e);
}

static enum err_code walk_tree(struct walk *w, uint32_t number, unsigned depth, struct err *e)
{
	struct slice page = SLICE_NULL;
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_FORMAT, 0, "an SQLite tree deeper than %d", DEPTH_MAX);
	TRY(visit(w, number, &page, e));
	page = slice_upto(page, w->p->usable_bytes);
	struct rd r = rd_of(page);
	rd_seek(&r, number == 1 ? 100 : 0);
	uint8_t type = rd_u8(&r);
	rd_skip(&r, 2);
	unsigned cells = rd_be16(&r);
	rd_skip(&r, 3);
	uint32_t right = type == TYPE_INTERIOR ? rd_be32(&r) : 0;
	if (type != TYPE_INTERIOR && type != TYPE_LEAF)
		return err_set(e, ERR_FORMAT, 0, "page %u of the SQLite file is no table page", number);
	for (unsigned i = 0; i < cells; i++) {
		struct rd cell = rd_of(page);
		rd_seek(&cell, rd_be16(&r));
		uint32_t child = type == TYPE_INTERIOR ? rd_be32(&cell) : 0;
		if (r.bad || cell.bad)
			return err_set(e, ERR_FORMAT, 0, "page %u of the SQLite file has a cell outside itself", number);
		TRY(type == TYPE_INTERIOR ? walk_tree(w, child, depth + 1, e) : leaf_cell(w, cell, e));
	}
	return type == TYPE_INTERIOR ? walk_tree(w, right, depth + 1, e) : OK;
}

static size_t serial_bytes(uint64_t type)
{
	static const uint8_t fixed[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };
	return type < ARRAY_LEN(fixed) ? fixed[type] : (type - 12) / 2;
}

/* The values of the first n columns; false when the record is not whole. */
static bool record_columns(struct slice record, unsigned n, struct slice *values, uint64_t *types)
{
	struct rd head = rd_of(record), body = head;
	uint64_t head_bytes = varint(&head);
	if (head_bytes > record.n)
		return false;
	head.end = record.p + head_bytes;
	rd_seek(&body, head_bytes);
	for (unsigned i = 0; i < n; i++) {
		types[i] = varint(&head);
		values[i] = rd_bytes(&body, serial_bytes(types[i]));
	}
	return !head.bad && !body.bad;
}

/* Schema: type, name, table's name, root page, SQL. */
static enum err_code schema_row(struct walk *w, uint64_t, struct slice record, struct err *e)
{
	struct slice v[SCHEMA_COLUMNS - 1];
	uint64_t t[SCHEMA_COLUMNS - 1];
	if (!record_columns(record, SCHEMA_COLUMNS - 1, v, t))
		return err_set(e, ERR_FORMAT, 0, "the SQLite file's schema is damaged");
	if (slice_eq(v[0], SL("table")) && slice_eqs(v[1], w->table) && v[3].n && v[3].n <= 4) {
		struct rd r = rd_of(v[3]);
		w->root = (uint32_t)rd_uint_be(&r, (unsigned)v[3].n);
	}
	return OK;
}

static enum err_code table_row(struct walk *w, uint64_t rowid, struct slice record, struct err *e)
{
	struct slice v[8];
	uint64_t t[8];
	if (!record_columns(record, w->column + 1, v, t))
		return err_set(e, ERR_FORMAT, 0, "row %llu of the SQLite table %s is damaged", (unsigned long long)rowid, w->table);
	return t[w->column] >= 12 ? w->fn(w->arg, rowid, v[w->column], e) : OK;
}

static enum err_code read_table(struct walk *w, struct err *e)
{
	w->row = schema_row;
	TRY(walk_tree(w, 1, 0, e));
	if (!w->root)
		return err_set(e, ERR_NOT_FOUND, 0, "the SQLite file has no table %s", w->table);
	w->row = table_row;
	return walk_tree(w, w->root, 0, e);
}

enum err_code sqlite_table_blobs(struct slice db, struct slice wal, const char *table, unsigned column, sqlite_blob_fn *fn, void *arg,
				 struct sqlite_wal_info *ret_wal, struct err *e)
{
	AUTO_ARENA a = ARENA(16 * MIB);
	struct sqlite_pages p;
	struct sqlite_wal_info info;
	if (column >= 8)
		return err_set(e, ERR_LIMIT, 0, "column %u of an SQLite table", column);
	TRY(sqlite_pages_open(db, wal, &a, &p, &info, e));
	struct walk w = { .p = &p, .pages_left = (uint64_t)p.n_pages + 1, .value = BUF(SQLITE_VALUE_MAX_BYTES), .table = table, .column = column,
			  .fn = fn, .arg = arg };
	*ret_wal = info;
	enum err_code r = read_table(&w, e);
	buf_free(&w.value);
	return r;
}
