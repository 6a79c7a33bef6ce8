#include "db.h"
#include "codec.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static uint64_t le64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the database is mapped as it is");

static uint64_t mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * 0x9e3779b97f4a7c15ull;
	return h << 29 | h >> 35;
}

uint64_t db_sum(struct slice s)
{
	uint64_t lane[4] = { 1, 2, 3, 4 }, tail = s.n;
	while (s.n >= 32) {	/* four chains, so that the multiplications overlap */
		for (unsigned i = 0; i < 4; i++)
			lane[i] = mix(lane[i], le64(s.p + 8 * i));
		s = slice_from(s, 32);
	}
	for (; s.n >= 8; s = slice_from(s, 8))
		tail = mix(tail, le64(s.p));
	for (; s.n; s = slice_from(s, 1))
		tail = mix(tail, *s.p);
	for (unsigned i = 0; i < 4; i++)
		tail = mix(tail, lane[i]);
	return tail ^ tail >> 32;
}

size_t row_key_split(struct slice key, struct row_key *ret)
{
	size_t n = 0;
	struct slice rest = slice_from(key, 1);
	*ret = (struct row_key){ .kind = key.n ? key.p[0] : 0 };
	while (n < ARRAY_LEN(ret->part) && slice_next_piece(&rest, 0, &ret->part[n]))
		n++;
	return n;
}

struct slice row_base(struct slice key, uint8_t *ret_tag)
{
	struct row_key k;
	row_key_split(key, &k);
	*ret_tag = 0;
	if (k.kind != 'C')
		return eco_base(k.part[0]);
	*ret_tag = k.part[1].n ? k.part[1].p[0] : 0;
	return *ret_tag == 's' ? slice_from(k.part[1], 1) : SLICE_NULL;
}

/* --- Opening ------------------------------------------------------------------------------------------------------- */

static struct slice index_key(const struct advisory_db *db, uint32_t i)
{
	uint64_t from = le32(db->entries + (uint64_t)i * DB_INDEX_ENTRY + 20);
	uint64_t to = i + 1 < db->n_blocks ? le32(db->entries + (uint64_t)(i + 1) * DB_INDEX_ENTRY + 20) : db->keys_bytes;
	return slice_of(db->keys + from, to - from);
}

static enum err_code damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (%s); remove it and run `pabean db update`", what);
}

static enum err_code check_index(const struct advisory_db *db, uint64_t blocks_end, struct err *e)
{
	uint64_t at = DB_HEADER, key_at = 0;
	for (uint32_t i = 0; i < db->n_blocks; i++) {
		const uint8_t *p = db->entries + (uint64_t)i * DB_INDEX_ENTRY;
		uint64_t to = i + 1 < db->n_blocks ? le32(p + DB_INDEX_ENTRY + 20) : db->keys_bytes;
		if (le64(p) != at || le32(p + 16) < 8 || le32(p + 16) > blocks_end - at || le32(p + 20) != key_at || to < key_at || to > db->keys_bytes)
			return damaged(e, "index");
		at += le32(p + 16);
		key_at = to;
	}
	/* That keys ascend is left to the checksum: a search among others finds nothing, and reads nothing outside. */
	return at == blocks_end && key_at == db->keys_bytes ? OK : damaged(e, "index");
}

static struct slice take(struct rd *r) { return rd_bytes(r, (size_t)MIN(rd_varint(r), (uint64_t)SIZE_MAX)); }

static enum err_code read_summary(struct advisory_db *db, struct slice bytes, struct err *e)
{
	struct rd r = rd_of(bytes);
	struct advisory_status *s = &db->status;
	s->records = rd_varint(&r);
	s->kev = rd_varint(&r);
	s->epss = rd_varint(&r);
	s->nvd = rd_varint(&r);
	uint64_t n = rd_varint(&r), m = rd_varint(&r);
	if (r.bad || n > DB_MAX_ECOSYSTEMS || m > DB_MAX_RELEASES)
		return damaged(e, "summary");
	struct advisory_ecosystem *eco = arena_calloc(&db->arena, n, sizeof(*eco));
	struct advisory_release *rel = arena_calloc(&db->arena, m, sizeof(*rel));
	TRY(arena_ok(&db->arena, "the advisory database", e));
	for (uint64_t i = 0; i < n; i++) {
		struct slice name = take(&r), source = take(&r);
		uint64_t records = rd_varint(&r);
		eco[i] = (struct advisory_ecosystem){ name, source, records, rd_varint(&r) };
	}
	for (uint64_t i = 0; i < m; i++) {
		struct slice name = take(&r);
		rel[i] = (struct advisory_release){ name, rd_varint(&r) };
	}
	if (r.bad || rd_left(&r))
		return damaged(e, "summary");
	s->ecosystems = eco;
	s->n_ecosystems = n;
	s->releases = rel;
	s->n_releases = m;
	return OK;
}

static enum err_code check(struct advisory_db *db, struct err *e)
{
	struct slice all = db->map.bytes;
	if (all.n < DB_HEADER || memcmp(all.p, DB_MAGIC, 8))
		return damaged(e, "no header");
	if (le32(all.p + 8) != DB_VERSION)
		return err_set(e, ERR_FORMAT, 0, "the advisory database has format %u and this pabean reads %d; remove it and run `pabean db update`", le32(all.p + 8), DB_VERSION);
	uint64_t index_at = le64(all.p + 32), index_bytes = le64(all.p + 40), table;
	if (le64(all.p + 64) != db_sum(slice_upto(all, 64)))
		return damaged(e, "header");
	if (le64(all.p + 24) != all.n || index_at < DB_HEADER || index_at > all.n || index_bytes != all.n - index_at)
		return damaged(e, "size");
	struct slice index = slice_from(all, index_at);
	if (db_sum(index) != le64(all.p + 48))
		return damaged(e, "index");
	db->built_s = le64(all.p + 16);
	db->n_blocks = le32(all.p + 12);
	db->keys_bytes = le64(all.p + 56);
	table = (uint64_t)db->n_blocks * DB_INDEX_ENTRY;
	if (table > index.n || db->keys_bytes > index.n - table)
		return damaged(e, "index");
	db->entries = index.p;
	db->keys = index.p + table;
	TRY(check_index(db, index_at, e));
	db->checked = calloc(1, db->n_blocks + 1);
	if (!db->checked)
		return err_set(e, ERR_NOMEM, 0, "open the advisory database");
	db->status.built_s = db->built_s;
	db->status.bytes = all.n;
	return read_summary(db, slice_from(index, table + db->keys_bytes), e);
}

enum err_code db_open_fd(int fd, struct advisory_db **ret, struct err *e)
{
	struct advisory_db *db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(e, ERR_NOMEM, 0, "open the advisory database");
	db->arena = ARENA(8 * MIB);
	enum err_code rc = os_map_file(fd, "the advisory database", &db->map, e);
	if (rc == OK)
		rc = check(db, e);
	if (rc != OK) {
		advisory_db_close(db);
		return rc;
	}
	*ret = db;
	return OK;
}

enum err_code advisory_db_open(const char *dir, struct advisory_db **ret, struct err *e)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", dir, DB_NAME) < 0)
		return err_set(e, ERR_NOMEM, 0, "open the advisory database");
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	int why = errno;
	enum err_code rc;
	if (fd >= 0)
		rc = db_open_fd(fd, ret, e);
	else if (why == ENOENT || why == ENOTDIR)
		rc = err_set(e, ERR_NOT_FOUND, 0, "there is no advisory database in '%s'; run `pabean db update`", dir);
	else
		rc = err_set(e, ERR_IO, why, "open '%s'", path);
	free(path);
	return rc;
}

void advisory_db_close(struct advisory_db *db)
{
	if (!db)
		return;
	os_unmap(&db->map);
	arena_free(&db->arena);
	free(db->checked);
	free(db);
}

void advisory_db_digest(const struct advisory_db *db, char dst[33])
{
	uint8_t raw[DIGEST_MAX_BYTES] = { 0 };
	/* The header holds the checksum of the index, the index those of all blocks. */
	digest_of(DIGEST_SHA256, slice_upto(db->map.bytes, DB_HEADER), raw);
	hex_encode(dst, raw, 16);
}

void advisory_db_status(const struct advisory_db *db, struct advisory_status *ret) { *ret = db->status; }

/* --- Rows ---------------------------------------------------------------------------------------------------------- */

static enum err_code load_block(struct db_iter *it, uint32_t i, struct err *e)
{
	struct advisory_db *db = it->db;
	const uint8_t *p = db->entries + (uint64_t)i * DB_INDEX_ENTRY;
	struct slice bytes = slice_sub(db->map.bytes, le64(p), le32(p + 16));
	if (!__atomic_load_n(&db->checked[i], __ATOMIC_RELAXED)) {
		if (db_sum(bytes) != le64(p + 8))
			return damaged(e, "a block");
		__atomic_store_n(&db->checked[i], 1, __ATOMIC_RELAXED);
	}
	it->bytes = bytes;
	it->block = i;
	it->row = 0;
	it->n_rows = le32(bytes.p);
	if (!it->n_rows || it->n_rows > (bytes.n - 4) / 4)
		return damaged(e, "a block");
	return OK;
}

static enum err_code row_at(const struct db_iter *it, uint32_t i, struct row *ret, struct err *e)
{
	struct rd r = rd_of(it->bytes);
	rd_seek(&r, le32(it->bytes.p + 4 + 4 * (size_t)i));
	struct slice key = take(&r), value = take(&r);
	if (r.bad)
		return damaged(e, "a row");
	*ret = (struct row){ key, value };
	return OK;
}

static enum err_code iter_source_next(struct row_source *s, struct row *ret, bool *ret_more, struct err *e)
{
	return db_next((struct db_iter *)s, ret, ret_more, e);
}

enum err_code db_seek(struct advisory_db *db, struct slice key, struct db_iter *ret, struct err *e)
{
	struct db_iter it = { .source = { iter_source_next }, .db = db };
	uint32_t lo = 0, hi = db->n_blocks;
	while (lo < hi) {	/* the first block that begins behind key */
		uint32_t mid = lo + (hi - lo) / 2;
		if (slice_cmp(index_key(db, mid), key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (db->n_blocks) {
		TRY(load_block(&it, lo ? lo - 1 : 0, e));
		lo = 0;
		hi = it.n_rows;
		while (lo < hi) {
			struct row r;
			uint32_t mid = lo + (hi - lo) / 2;
			TRY(row_at(&it, mid, &r, e));
			if (slice_cmp(r.key, key) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		it.row = lo;
	}
	*ret = it;
	return OK;
}

/* Who reads from end to end would have the whole file resident: what lies behind is given back to the page cache. */
static void drop_behind(const struct db_iter *it, const uint8_t *before)
{
	enum { STEP = 16 << 20 };
	const uint8_t *base = it->db->map.bytes.p;
	uint64_t from = (uint64_t)(before - base) / STEP, to = (uint64_t)(it->bytes.p - base) / STEP;
	if (to == from + 1)
		madvise((void *)(base + from * STEP), STEP, MADV_DONTNEED);
}

enum err_code db_next(struct db_iter *it, struct row *ret, bool *ret_more, struct err *e)
{
	*ret_more = false;
	if (it->row >= it->n_rows) {
		if (it->block + 1 >= it->db->n_blocks)
			return OK;
		const uint8_t *before = it->bytes.p;
		TRY(load_block(it, it->block + 1, e));
		drop_behind(it, before);
	}
	TRY(row_at(it, it->row, ret, e));
	it->row++;
	*ret_more = true;
	return OK;
}

enum err_code db_next_of(struct db_iter *it, struct slice prefix, struct row *ret, bool *ret_more, struct err *e)
{
	struct row r;
	bool more;
	TRY(db_next(it, &r, &more, e));
	*ret_more = more && slice_has_prefix(r.key, prefix);
	if (*ret_more)
		*ret = r;
	return OK;
}

enum err_code advisory_db_verify(struct advisory_db *db, struct err *e)
{
	struct db_iter it;
	struct row r;
	bool more = true;
	TRY(db_seek(db, SLICE_NULL, &it, e));
	while (more)
		TRY(db_next(&it, &r, &more, e));
	return OK;
}
