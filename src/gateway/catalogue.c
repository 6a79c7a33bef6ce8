/* Reports in the catalogue, and their indexes. */
#include "catalogue.h"
#include "catalogue_inside.h"
#include "os.h"
#include "rejudge.h"
#include "report_store.h"
#include "store_gate.h"
#include <stdlib.h>

enum { MOST_REPORT_BYTES = 64 << 20, MOST_IDS = 1 << 20 };

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Ascending, each once, little-endian. */
static enum err_code put_ids(uint32_t *ids, size_t n, struct buf *out, struct err *e)
{
	qsort(ids, n, sizeof(*ids), by_id);
	for (size_t i = 0; i < n; i++)
		if (!i || ids[i] != ids[i - 1])
			buf_put_le32(out, ids[i]);
	return buf_ok(out, "the index of a report", e);
}

/* What a package is matched by, as bytes: fields in order, each with its length. */
static void put_body(struct buf *b, const struct package *p)
{
	const struct slice fields[] = { p->type, p->name, p->version, p->source_name, p->source_version, p->module, p->vendor, p->owner, p->arch };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		buf_put_varint(b, fields[i].n);
		buf_put_slice(b, fields[i]);
	}
	buf_putc(b, (uint8_t)(p->declared | p->go_stdlib << 1));
}

void catalogue_package_read(struct slice body, struct package *ret)
{
	struct rd rd = rd_of(body);
	struct package p = { .layer = -1 };
	struct slice *const fields[] = { &p.type, &p.name, &p.version, &p.source_name, &p.source_version, &p.module, &p.vendor, &p.owner, &p.arch };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		*fields[i] = rd_bytes(&rd, rd_varint(&rd));
	uint8_t flags = rd_u8(&rd);
	p.declared = flags & 1;
	p.go_stdlib = flags & 2;
	*ret = p;
}

/* The same package counts otherwise where a distribution's package owns it, or only a lock file names it. */
static enum err_code package_key(const struct package *p, struct buf *out, struct err *e)
{
	buf_put_slice(out, p->purl);
	buf_puts(out, p->owner.n ? "#owned" : "");
	buf_puts(out, p->declared ? "#declared" : "");
	return buf_ok(out, "a package's key", e);
}

struct package_row { struct sql_tx *tx; struct rejudge *rj; const struct os_info *os; struct slice os_text; };

static enum err_code insert_package(struct package_row *row, struct slice key, const struct package *p, uint64_t hash, uint32_t *ret, struct err *e)
{
	int64_t id;
	AUTO_BUF body = BUF(64 << 10);
	put_body(&body, p);
	TRY(buf_ok(&body, "a package", e));
	/* Another transaction may have brought it meanwhile: the update without effect makes RETURNING give its id. */
	TRY(sql_one_int(row->tx, &id, e, "INSERT INTO package (os, purl, name, version, body, match_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (os, purl)"
			" DO UPDATE SET name = excluded.name RETURNING id", "ttttbi", row->os_text, key, p->name, p->version, buf_slice(&body), (int64_t)hash));
	*ret = (uint32_t)id;
	return OK;
}

static enum err_code package_id(struct package_row *row, const struct package *p, uint32_t *ret, struct err *e)
{
	uint64_t hash = 0;
	AUTO_BUF key = BUF(2048);
	AUTO_SQL_ROWS rows = NULL;
	bool found;
	TRY(package_key(p, &key, e));
	TRY(sql_query(row->tx, &rows, e, "SELECT id FROM package WHERE os = ?1 AND purl = ?2", "tt", row->os_text, buf_slice(&key)));
	TRY(sql_next(rows, &found, e));
	if (found) {
		*ret = (uint32_t)sql_int(rows, 0);
		return OK;
	}
	sql_rows_close(rows);
	rows = NULL;
	TRY(rejudge_package_hashes(row->rj, row->os, p, 1, &hash, e));
	return insert_package(row, buf_slice(&key), p, hash, ret, e);
}

/* What holds for all images of a system is a package like any other: "os:". */
static enum err_code system_id(struct package_row *row, uint32_t *ret, struct err *e)
{
	uint64_t hash;
	int64_t id;
	AUTO_SQL_ROWS rows = NULL;
	bool found;
	TRY(sql_query(row->tx, &rows, e, "SELECT id FROM package WHERE os = ?1 AND purl = 'os:'", "t", row->os_text));
	TRY(sql_next(rows, &found, e));
	id = found ? sql_int(rows, 0) : 0;
	if (!found) {
		TRY(rejudge_system_hash(row->rj, row->os, os_now_s(), &hash, e));
		TRY(insert_package(row, SL("os:"), &(struct package){ 0 }, hash, ret, e));
		return OK;
	}
	*ret = (uint32_t)id;
	return OK;
}

static enum err_code subject_id(struct sql_tx *tx, struct slice text, uint32_t *ret, struct err *e)
{
	int64_t id;
	bool found;
	TRY(catalogue_subject(tx, text, ret, &found, e));
	if (found)
		return OK;
	TRY(sql_one_int(tx, &id, e, "INSERT INTO subject (text) VALUES (?1) ON CONFLICT (text) DO UPDATE SET text = excluded.text RETURNING id", "t", text));
	*ret = (uint32_t)id;
	return OK;
}

/* Text of images is bytes; the database wants UTF-8 without NUL. */
static bool storable(struct slice s) { return s.n && s.n <= 1024 && text_is_utf8(s) && slice_find_byte(s, 0) < 0; }

/* "id|version|codename|name": what advisories are chosen by. */
static enum err_code os_text(const struct os_info *os, struct buf *out, struct err *e)
{
	const struct slice parts[] = { os->id, os->version_id, os->codename, os->name };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct slice part = slice_upto(parts[i], 100);
		buf_puts(out, i ? "|" : "");
		if (part.n && text_is_utf8(part) && slice_find_byte(part, 0) < 0 && slice_find_byte(part, '|') < 0)
			buf_put_slice(out, part);
	}
	return buf_ok(out, "a system's name", e);
}

static enum err_code index_packages(struct sql_tx *tx, struct rejudge *rj, const struct report *r, struct buf *out, struct err *e)
{
	size_t n = 0;
	AUTO_BUF os = BUF(512);
	TRY(os_text(&r->os, &os, e));
	struct package_row row = { tx, rj, &r->os, buf_slice(&os) };
	uint32_t *ids = calloc(MIN(r->packages.n, (size_t)MOST_IDS) + 2, sizeof(*ids));
	enum err_code code = ids ? system_id(&row, &ids[n++], e) : err_set(e, ERR_NOMEM, 0, "out of memory");
	for (size_t i = 0; code == OK && i < r->packages.n && n < MOST_IDS; i++) {
		const struct package *p = &r->packages.items[i];
		if (storable(p->purl) && storable(p->name) && storable(p->version))
			code = package_id(&row, p, &ids[n++], e);
	}
	if (code == OK)
		code = put_ids(ids, n, out, e);
	free(ids);
	return code;
}

static enum err_code index_subjects(struct sql_tx *tx, const struct report *r, struct buf *out, struct err *e)
{
	size_t n = 0;
	uint32_t *ids = calloc(MIN(r->findings.n, (size_t)MOST_IDS) + 1, sizeof(*ids));
	enum err_code code = ids ? OK : err_set(e, ERR_NOMEM, 0, "out of memory");
	for (size_t i = 0; code == OK && i < r->findings.n && n < MOST_IDS; i++) {
		const struct finding *f = &r->findings.items[i];
		struct slice what = f->kind == KIND_VULNERABILITY ? f->subject : f->rule;
		if (storable(what))
			code = subject_id(tx, what, &ids[n++], e);
	}
	if (code == OK)
		code = put_ids(ids, n, out, e);
	free(ids);
	return code;
}

enum err_code catalogue_report_put(struct sql_tx *tx, struct rejudge *rj, int64_t repo_id, struct slice digest, struct slice data_id, const struct report *r, struct err *e)
{
	AUTO_BUF body = BUF(MOST_REPORT_BYTES);
	AUTO_BUF packages = BUF(4 * MOST_IDS);
	AUTO_BUF subjects = BUF(4 * MOST_IDS);
	TRY(report_encode(r, &body, e));
	TRY(index_packages(tx, rj, r, &packages, e));
	TRY(index_subjects(tx, r, &subjects, e));
	return store_report_put(tx, repo_id, digest, data_id, buf_slice(&body), buf_slice(&packages), buf_slice(&subjects), e);
}

/* --- Searching ------------------------------------------------------------------------------------------------------------- */

bool catalogue_holds(struct slice list, const uint32_t *ids, size_t n)
{
	struct rd rd = rd_of(list);
	size_t k = 0;
	while (rd_left(&rd) >= 4 && k < n) {
		uint32_t id = rd_le32(&rd);
		while (k < n && ids[k] < id)
			k++;
		if (k < n && ids[k] == id)
			return true;
	}
	return false;
}

enum err_code catalogue_find(struct sql_tx *tx, bool subjects, const uint32_t *ids, size_t n, catalogue_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	if (subjects)
		TRY(sql_query(tx, &rows, e, "SELECT repo_id, digest, subjects FROM report_index ORDER BY repo_id, digest", ""));
	else
		TRY(sql_query(tx, &rows, e, "SELECT repo_id, digest, packages FROM report_index ORDER BY repo_id, digest", ""));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		if (catalogue_holds(sql_bytes(rows, 2), ids, n))
			TRY(fn(arg, sql_int(rows, 0), sql_text(rows, 1), e));
	}
}

enum err_code catalogue_packages(struct sql_tx *tx, struct slice name, struct slice version, uint32_t *ret, size_t cap, size_t *ret_n, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	size_t n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT id FROM package WHERE name = ?1 AND (?2 = '' OR version = ?2) ORDER BY id", "tt", name, version));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row || n == cap)
			break;
		ret[n++] = (uint32_t)sql_int(rows, 0);
	}
	*ret_n = n;
	return OK;
}

enum err_code catalogue_subject(struct sql_tx *tx, struct slice text, uint32_t *ret, bool *ret_found, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT id FROM subject WHERE text = ?1", "t", text));
	TRY(sql_next(rows, ret_found, e));
	if (*ret_found)
		*ret = (uint32_t)sql_int(rows, 0);
	return OK;
}
