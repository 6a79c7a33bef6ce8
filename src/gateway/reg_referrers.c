/* Referrers of a manifest: those that have it as their subject, and those that an index under the fallback tag lists (distribution specification 1.1). What may not go out is
 * not listed. */
#include "registry.h"
#include "oci.h"
#include "upstream.h"
#include <stdlib.h>

enum { MOST_BYTES = 3 << 20, MOST_ENTRIES = 1000, LIST_ARENA = 24 << 20 };

struct entry { struct slice digest, media_type, artifact_type, annotations; uint64_t size; };
struct entries { struct entry *items; size_t n, cap; };

struct referrers {
	struct call *c;
	struct slice type, last;
	struct arena *arena;
	struct entries found;
	char warning[512];
	bool more;
};

static bool wanted(const struct referrers *q, struct slice digest, struct slice type)
{
	if ((q->last.n && slice_cmp(digest, q->last) <= 0) || (q->type.n && !slice_eq(type, q->type)))
		return false;
	for (size_t i = 0; i < q->found.n; i++)
		if (slice_eq(q->found.items[i].digest, digest))
			return false;
	return true;
}

static enum err_code add(void *arg, const struct store_referrer *r, struct err *e)
{
	struct referrers *q = arg;
	if (q->found.n > MOST_ENTRIES || !wanted(q, r->digest, r->artifact_type))
		return OK;
	struct entry *to = ARENA_PUSH(q->arena, &q->found);
	if (to)
		*to = (struct entry){ arena_dup(q->arena, r->digest), arena_dup(q->arena, r->media_type), arena_dup(q->arena, r->artifact_type),
				      arena_dup(q->arena, r->annotations), r->size };
	return arena_ok(q->arena, "a list of referrers", e);
}

/* The fallback tag "sha256-<hex>": its index names referrers made for registries without this list. */
static enum err_code add_fallback(struct sql_tx *tx, struct referrers *q, int64_t repo_id, struct err *e)
{
	struct slice tag = arena_dup(q->arena, slice_upto(q->c->reference, 128));
	struct store_tag t;
	struct store_manifest index;
	ptrdiff_t colon = slice_find_byte(tag, ':');
	if (!tag.p || colon < 0)
		return arena_ok(q->arena, "a tag", e);
	((uint8_t *)tag.p)[colon] = '-';
	enum err_code code = store_tag_get(tx, repo_id, tag, q->arena, &t, e);
	if (code == OK)
		code = store_manifest_get(tx, repo_id, t.served_digest.n ? t.served_digest : t.pushed_digest, STORE_WITH_REFS, q->arena, &index, e);
	if (code != OK)
		return code == ERR_NOT_FOUND ? OK : code;
	for (size_t i = 0; index.kind == STORE_INDEX && i < index.n_refs; i++) {
		struct store_manifest m;
		code = store_manifest_get(tx, repo_id, index.refs[i].digest, 0, q->arena, &m, e);
		if (code == OK)
			code = add(q, &(struct store_referrer){ m.digest, m.media_type, m.artifact_type, m.annotations, index.refs[i].size }, e);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
	}
	return OK;
}

static enum err_code find_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct referrers *q = arg;
	int64_t repo_id;
	q->found.n = 0;
	enum err_code code = store_repo(tx, q->c->repository, SLICE_NULL, false, &repo_id, e);
	if (code != OK)
		return code == ERR_NOT_FOUND ? OK : code;
	TRY(store_referrers(tx, repo_id, q->c->reference, q->type, add, q, e));
	return add_fallback(tx, q, repo_id, e);
}

static void put_entry(struct buf *out, const struct entry *r)
{
	buf_puts(out, "{\"mediaType\":\"");
	text_json_escape(out, r->media_type);
	buf_printf(out, "\",\"digest\":\"%.*s\",\"size\":%llu", SLICE_ARG(r->digest), (unsigned long long)r->size);
	if (r->artifact_type.n) {
		buf_puts(out, ",\"artifactType\":\"");
		text_json_escape(out, r->artifact_type);
		buf_putc(out, '"');
	}
	if (r->annotations.n > 2) {	/* canonical JSON */
		buf_puts(out, ",\"annotations\":");
		buf_put_slice(out, r->annotations);
	}
	buf_putc(out, '}');
}

static int by_digest(const void *a, const void *b) { return slice_cmp(((const struct entry *)a)->digest, ((const struct entry *)b)->digest); }

/* Each is asked for at the gate, as its GET would be. */
static enum err_code write_list(struct referrers *q, struct buf *out, struct err *e)
{
	size_t written = 0;
	for (size_t i = 0; i < q->found.n; i++) {
		struct entry *r = &q->found.items[i];
		struct gate_answer answer = { 0 };
		if (out->n + r->annotations.n + 1024 > MOST_BYTES || i == MOST_ENTRIES) {
			q->more = true;
			return OK;
		}
		q->last = r->digest;
		TRY(gate_manifest(q->c, r->digest, &answer, e));
		if (answer.result != GATE_YES)
			continue;
		if (written++)
			buf_putc(out, ',');
		put_entry(out, r);
	}
	return OK;
}

static void list(struct http_request *r, void *arg)
{
	struct referrers *q = arg;
	struct call *c = q->c;
	AUTO_ARENA arena = ARENA(LIST_ARENA);
	AUTO_BUF out = BUF(MOST_BYTES + (64 << 10));
	struct err e = { 0 };
	(void)r;
	q->arena = &arena;
	if (c->upstream)
		upstream_referrers(c, c->reference, q->warning);
	enum err_code code = sql_read(c->g->store.sql, find_tx, q, &e);
	if (q->found.n)
		qsort(q->found.items, q->found.n, sizeof(*q->found.items), by_digest);
	buf_puts(&out, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[");
	if (code == OK)
		code = write_list(q, &out, &e);
	buf_puts(&out, "]}");
	if (code == OK)
		code = buf_ok(&out, "a list of referrers", &e);
	if (code != OK) {
		answer_fault(c, &e);
		return;
	}
	if (q->warning[0])
		answer_warning(c, "%s", q->warning);
	if (q->type.n)
		http_add_header(c->r, "OCI-Filters-Applied", SL("artifactType"));
	if (q->more)
		reg_link_next(c, 0, q->last, "artifactType", q->type);
	http_respond(c->r, 200, "application/vnd.oci.image.index.v1+json", buf_slice(&out));
}

void reg_referrers(struct call *c)
{
	if (!oci_digest_valid(c->reference)) {
		answer_error(c, 400, "DIGEST_INVALID", "no digest looks like this");
		return;
	}
	struct referrers *q = arena_new(http_arena(c->r), struct referrers);
	if (!q) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
		return;
	}
	q->c = c;
	http_query(c->r, "artifactType", &q->type);
	http_query(c->r, "last", &q->last);
	http_defer(c->r, list, q);
}
