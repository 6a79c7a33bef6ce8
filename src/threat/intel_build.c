/* Builds a table: records are gathered, sorted and written in one go; texts are stored once. */
#include "intel_private.h"
#include <stdlib.h>

enum { META_MAX = 256 << 20, FIRST_SLOTS = 1 << 10 };

enum err_code build_open(struct intel_build *b, struct err *e)
{
	*b = (struct intel_build){ .meta = BUF(META_MAX), .n_slots = FIRST_SLOTS };
	b->slots = calloc(FIRST_SLOTS, sizeof(*b->slots));
	return b->slots ? OK : err_set(e, ERR_NOMEM, 0, "import indicators");
}

void build_close(struct intel_build *b)
{
	free(b->records);
	free(b->slots);
	buf_free(&b->meta);
	*b = (struct intel_build){ 0 };
}

static size_t put_text(uint8_t *dst, const char *text, size_t cap)
{
	size_t n = strnlen(text, cap - 1);
	dst[0] = (uint8_t)~n;
	for (size_t i = 0; i < n; i++)
		dst[1 + i] = (uint8_t)~(uint8_t)text[i];
	return 1 + n;
}

static size_t meta_length(const struct intel_build *b, uint32_t at)
{
	size_t n = 3;
	for (int i = 0; i < 3; i++)
		n += 1 + (size_t)(uint8_t)~b->meta.p[at + n];
	return n;
}

static bool grow_slots(struct intel_build *b)
{
	size_t n = b->n_slots * 2;
	uint32_t *fresh = calloc(n, sizeof(*fresh));
	if (!fresh)
		return false;
	for (size_t i = 0; i < b->n_slots; i++) {
		if (!b->slots[i])
			continue;
		uint32_t at = b->slots[i] - 1;
		size_t k = slice_hash(slice_of(b->meta.p + at, meta_length(b, at))) & (n - 1);
		while (fresh[k])
			k = (k + 1) & (n - 1);
		fresh[k] = b->slots[i];
	}
	free(b->slots);
	b->slots = fresh;
	b->n_slots = n;
	return true;
}

static enum err_code put_meta(struct intel_build *b, const struct table_meta *m, uint32_t *ret, struct err *e)
{
	uint8_t raw[3 + 3 + sizeof(m->what) + sizeof(m->source) + sizeof(m->feed)] = { (uint8_t)~m->kind, (uint8_t)~m->threat, (uint8_t)~m->grade };
	size_t n = 3;
	n += put_text(raw + n, m->what, sizeof(m->what));
	n += put_text(raw + n, m->source, sizeof(m->source));
	n += put_text(raw + n, m->feed, sizeof(m->feed));
	if (b->n_metas * 2 >= b->n_slots && !grow_slots(b))
		return err_set(e, ERR_NOMEM, 0, "import indicators");
	size_t k = slice_hash(slice_of(raw, n)) & (b->n_slots - 1);
	for (; b->slots[k]; k = (k + 1) & (b->n_slots - 1)) {
		uint32_t at = b->slots[k] - 1;
		if (slice_eq(slice_of(b->meta.p + at, meta_length(b, at)), slice_of(raw, n))) {
			*ret = at;
			return OK;
		}
	}
	*ret = (uint32_t)b->meta.n;
	b->slots[k] = (uint32_t)b->meta.n + 1;
	b->n_metas++;
	buf_put(&b->meta, raw, n);
	return buf_ok(&b->meta, "the indicators' descriptions", e);
}

enum err_code build_add_key(struct intel_build *b, const uint8_t key[INTEL_KEY_BYTES], const struct table_meta *m, struct err *e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 1024;
		if (cap > (size_t)INTEL_MAX_RECORDS * 2)
			return err_set(e, ERR_LIMIT, 0, "more than %d indicators", INTEL_MAX_RECORDS);
		struct build_record *fresh = realloc(b->records, cap * sizeof(*fresh));
		if (!fresh)
			return err_set(e, ERR_NOMEM, 0, "import indicators");
		b->records = fresh;
		b->cap = cap;
	}
	struct build_record r;
	memcpy(r.key, key, INTEL_KEY_BYTES);
	TRY(put_meta(b, m, &r.meta, e));
	b->records[b->n++] = r;
	return OK;
}

/* By key; of the same key the text that came first. */
static int order(const void *a, const void *b)
{
	const struct build_record *x = a, *y = b;
	int c = memcmp(x->key, y->key, INTEL_KEY_BYTES);
	return c ? c : (x->meta > y->meta) - (x->meta < y->meta);
}

static void sort_unique(struct intel_build *b)
{
	size_t out = 0;
	if (b->n)
		qsort(b->records, b->n, sizeof(*b->records), order);
	for (size_t i = 0; i < b->n; i++)
		if (!out || memcmp(b->records[out - 1].key, b->records[i].key, INTEL_KEY_BYTES))
			b->records[out++] = b->records[i];
	b->n = out;
}

static void pad_page(struct buf *out)
{
	static const uint8_t zero[TABLE_PAGE];
	buf_put(out, zero, (TABLE_PAGE - out->n % TABLE_PAGE) % TABLE_PAGE);
}

static void put_body(const struct intel_build *b, struct buf *out, struct table_header *h)
{
	size_t next = 0;
	pad_page(out);
	for (unsigned first = 0; first < TABLE_FANOUT; first++) {
		while (next < b->n && ((unsigned)b->records[next].key[0] << 4 | b->records[next].key[1] >> 4) < first)
			next++;
		buf_put_le32(out, (uint32_t)next);
	}
	pad_page(out);
	h->records_at = out->n;
	for (size_t i = 0; i < b->n; i++) {
		buf_put(out, b->records[i].key, INTEL_KEY_BYTES);
		buf_put_le32(out, b->records[i].meta);
	}
	pad_page(out);
	h->meta_at = out->n;
	buf_put_slice(out, buf_slice(&b->meta));
	pad_page(out);
	h->sums_at = out->n;
}

static void put_header(struct buf *dst, const struct table_header *h)
{
	buf_puts(dst, TABLE_MAGIC);
	buf_put_le32(dst, 1);
	buf_put_le32(dst, TABLE_PAGE);
	const uint64_t fields[] = { h->built_s, h->records, h->meta_bytes, h->records_at, h->meta_at, h->sums_at, h->file_bytes };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_put_le64(dst, fields[i]);
	for (size_t i = 0; i < ARRAY_LEN(h->per_kind); i++)
		buf_put_le64(dst, h->per_kind[i]);
	buf_put_le64(dst, h->v4_prefixes);
	for (size_t i = 0; i < 3; i++)
		buf_put_le64(dst, h->v6_prefixes[i]);
	buf_put(dst, h->sums_digest, 32);
}

enum err_code build_finish(struct intel_build *b, uint64_t built_s, struct buf *out, struct err *e)
{
	sort_unique(b);
	if (b->n > INTEL_MAX_RECORDS)
		return err_set(e, ERR_LIMIT, 0, "more than %d indicators", INTEL_MAX_RECORDS);
	struct table_header h = { .built_s = built_s, .records = b->n, .meta_bytes = b->meta.n, .v4_prefixes = b->v4_prefixes };
	memcpy(h.v6_prefixes, b->v6_prefixes, sizeof(h.v6_prefixes));
	for (size_t i = 0; i < b->n; i++)
		h.per_kind[(uint8_t)~b->meta.p[b->records[i].meta] & 15]++;
	b->stats.total = b->n;
	for (size_t i = 0; i < INTEL_KIND_COUNT; i++)
		b->stats.per_kind[i] = h.per_kind[i];
	buf_putc(out, 0);	/* the header's page; filled in below */
	put_body(b, out, &h);
	uint8_t sum[32];
	for (size_t at = TABLE_PAGE; at < h.sums_at && !out->failed; at += TABLE_PAGE)
		if (digest_of(DIGEST_SHA256, slice_sub(buf_slice(out), at, TABLE_PAGE), sum))
			buf_put(out, sum, 8);
	TRY(buf_ok(out, "the intelligence table", e));
	h.file_bytes = out->n;
	digest_of(DIGEST_SHA256, slice_from(buf_slice(out), h.sums_at), h.sums_digest);
	AUTO_BUF head = BUF(TABLE_HEADER);
	put_header(&head, &h);
	digest_of(DIGEST_SHA256, buf_slice(&head), sum);
	buf_put(&head, sum, 32);
	TRY(buf_ok(&head, "the table's header", e));
	memcpy(out->p, head.p, head.n);
	return OK;
}
