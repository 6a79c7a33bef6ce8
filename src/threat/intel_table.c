/* The table on disk: one header page, then pages of fan-out, records and texts, then a sum of each page.
 *
 *   page 0     magic, version, header fields, SHA-256 over the sums, SHA-256 over all of this
 *   page 1..   fan-out: for each value of a key's first 12 bits the number of the first record (u32 each)
 *   records    key (16 bytes), where its text stands (u32), ascending by key
 *   texts      kind, threat, grade, then what, source, feed with a length byte each; all bits inverted, so that no pattern finds them
 *   sums       first 8 bytes of SHA-256 of each page from page 1 on
 * All numbers little-endian. */
#include "intel_private.h"
#include <stdlib.h>

bool table_is(struct slice bytes) { return slice_has_prefix(bytes, SL(TABLE_MAGIC)); }

static enum err_code damaged(const struct intel_table *t, const char *what, struct err *e)
{
	return err_set(e, ERR_FORMAT, 0, "intelligence table '%s' is damaged (%s); import it again", t->name, what);
}

static void read_header(struct slice page, struct table_header *h)
{
	struct rd r = rd_of(slice_upto(page, TABLE_HEADER));
	rd_skip(&r, 16);
	h->built_s = rd_le64(&r);
	h->records = rd_le64(&r);
	h->meta_bytes = rd_le64(&r);
	h->records_at = rd_le64(&r);
	h->meta_at = rd_le64(&r);
	h->sums_at = rd_le64(&r);
	h->file_bytes = rd_le64(&r);
	for (size_t i = 0; i < ARRAY_LEN(h->per_kind); i++)
		h->per_kind[i] = rd_le64(&r);
	h->v4_prefixes = rd_le64(&r);
	for (size_t i = 0; i < 3; i++)
		h->v6_prefixes[i] = rd_le64(&r);
	struct slice sums = rd_bytes(&r, 32), digest = rd_bytes(&r, 32);
	memcpy(h->sums_digest, sums.p, 32);
	memcpy(h->digest, digest.p, 32);
}

static uint64_t pages(uint64_t bytes) { return (bytes + TABLE_PAGE - 1) / TABLE_PAGE; }

static bool layout_right(const struct table_header *h, size_t size)
{
	if (h->file_bytes != size || h->records > INTEL_MAX_RECORDS || h->meta_bytes > UINT32_MAX)
		return false;
	uint64_t at = TABLE_PAGE + pages(TABLE_FANOUT * 4) * TABLE_PAGE;
	if (h->records_at != at)
		return false;
	at += pages(h->records * TABLE_RECORD) * TABLE_PAGE;
	if (h->meta_at != at)
		return false;
	at += pages(h->meta_bytes) * TABLE_PAGE;
	return h->sums_at == at && h->file_bytes == at + (at / TABLE_PAGE - 1) * 8;
}

enum err_code table_open(struct slice bytes, const char *name, struct intel_table *ret, struct err *e)
{
	struct intel_table t = { .bytes = bytes };
	uint8_t sum[32];
	text_escape_to(t.name, sizeof(t.name), slice_str(name));
	if (bytes.n < TABLE_PAGE || !table_is(bytes))
		return damaged(&t, "no header", e);
	if (rd_le64(&(struct rd){ bytes.p, bytes.p + 8, bytes.p + 16, false }) != (1 | (uint64_t)TABLE_PAGE << 32))
		return err_set(e, ERR_UNSUPPORTED, 0, "intelligence table '%s' is of another version; import it again", t.name);
	read_header(bytes, &t.h);
	size_t covered = 16 + 7 * 8 + sizeof(t.h.per_kind) + 4 * 8 + 32;
	if (!digest_of(DIGEST_SHA256, slice_upto(bytes, covered), sum) || memcmp(sum, t.h.digest, 32))
		return damaged(&t, "header", e);
	if (!layout_right(&t.h, bytes.n))
		return damaged(&t, "its size is not what the header says", e);
	if (!digest_of(DIGEST_SHA256, slice_from(bytes, t.h.sums_at), sum) || memcmp(sum, t.h.sums_digest, 32))
		return damaged(&t, "page list", e);
	t.checked = calloc(t.h.sums_at / TABLE_PAGE, 1);
	if (!t.checked)
		return err_set(e, ERR_NOMEM, 0, "open intelligence table '%s'", t.name);
	*ret = t;
	return OK;
}

void table_close(struct intel_table *t)
{
	free((void *)t->checked);
	buf_free(&t->own);
	if (t->map.bytes.p)
		os_unmap(&t->map);
	*t = (struct intel_table){ 0 };
}

/* Bytes of the table, their pages checked. Two threads may check the same page at once: both come to the same result. */
static enum err_code view(struct intel_table *t, uint64_t at, uint64_t n, const uint8_t **ret, struct err *e)
{
	if (at > t->h.sums_at || n > t->h.sums_at - at)
		return damaged(t, "an offset", e);
	for (uint64_t page = at / TABLE_PAGE; page * TABLE_PAGE < at + n; page++) {
		uint8_t sum[32];
		if (t->checked[page])
			continue;
		if (!page || !digest_of(DIGEST_SHA256, slice_sub(t->bytes, page * TABLE_PAGE, TABLE_PAGE), sum) ||
		    memcmp(sum, t->bytes.p + t->h.sums_at + (page - 1) * 8, 8))
			return damaged(t, "a page", e);
		t->checked[page] = 1;
	}
	*ret = t->bytes.p + at;
	return OK;
}

static uint32_t le32(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* The records [lo, hi) whose keys start with these 12 bits. */
static enum err_code bucket(struct intel_table *t, unsigned first, uint64_t *ret_lo, uint64_t *ret_hi, struct err *e)
{
	const uint8_t *p;
	unsigned n = first + 1 < TABLE_FANOUT ? 8 : 4;
	TRY(view(t, TABLE_PAGE + first * 4, n, &p, e));
	uint64_t lo = le32(p), hi = n == 8 ? le32(p + 4) : t->h.records;
	if (lo > hi || hi > t->h.records)
		return damaged(t, "fan-out", e);
	*ret_lo = lo;
	*ret_hi = hi;
	return OK;
}

enum err_code table_record(struct intel_table *t, uint64_t i, uint8_t key[INTEL_KEY_BYTES], uint32_t *ret_meta, struct err *e)
{
	const uint8_t *p;
	TRY(view(t, t->h.records_at + i * TABLE_RECORD, TABLE_RECORD, &p, e));
	memcpy(key, p, INTEL_KEY_BYTES);
	*ret_meta = le32(p + INTEL_KEY_BYTES);
	return OK;
}

enum err_code table_find(struct intel_table *t, const uint8_t key[INTEL_KEY_BYTES], bool *ret_found, uint32_t *ret_meta, struct err *e)
{
	uint64_t lo = 0, hi = 0;
	TRY(bucket(t, (unsigned)key[0] << 4 | key[1] >> 4, &lo, &hi, e));
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		const uint8_t *p;
		TRY(view(t, t->h.records_at + mid * TABLE_RECORD, TABLE_RECORD, &p, e));
		int c = memcmp(key, p, INTEL_KEY_BYTES);
		if (!c) {
			*ret_meta = le32(p + INTEL_KEY_BYTES);
			*ret_found = true;
			return OK;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*ret_found = false;
	return OK;
}

/* A text with its length byte, inverted, into dst. */
static enum err_code meta_text(struct intel_table *t, uint64_t *at, char *dst, size_t cap, struct err *e)
{
	const uint8_t *p;
	TRY(view(t, *at, 1, &p, e));
	size_t n = (uint8_t)~*p;
	if (n >= cap)
		return damaged(t, "a text", e);
	TRY(view(t, *at + 1, n, &p, e));
	for (size_t i = 0; i < n; i++)
		dst[i] = (char)~p[i];
	dst[n] = 0;
	*at += 1 + n;
	return OK;
}

enum err_code table_meta(struct intel_table *t, uint32_t offset, struct table_meta *ret, struct err *e)
{
	const uint8_t *p;
	uint64_t at = t->h.meta_at + offset;
	struct table_meta m = { 0 };
	TRY(view(t, at, 3, &p, e));
	m.kind = (uint8_t)~p[0];
	m.threat = (uint8_t)~p[1];
	m.grade = (char)~p[2];
	if (!m.kind || m.kind >= INTEL_KIND_COUNT || m.threat > KIND_ATTACK_TOOL)
		return damaged(t, "a kind", e);
	at += 3;
	TRY(meta_text(t, &at, m.what, sizeof(m.what), e));
	TRY(meta_text(t, &at, m.source, sizeof(m.source), e));
	TRY(meta_text(t, &at, m.feed, sizeof(m.feed), e));
	*ret = m;
	return OK;
}
