/* Admitted images into a layout. Each manifest goes through the gate by itself, children and referrers too. */
#include <stdio.h>
#include "gate.h"
#include "oci.h"
#include "os.h"
#include "store_tool.h"

enum { MOST_DEPTH = 6, MOST_FILES = 100000, EXPORT_ARENA = 256 << 20, INDEX_BYTES = 32 << 20 };

struct export {
	struct gateway *g;
	struct layout_out *out;
	struct arena arena;
	struct slice_items done;	/* digests of files that are in it */
	struct buf index;		/* entries of index.json */
	gateway_moved_fn *fn;
	void *arg;
	struct gateway_moved *n;
	struct call call;
	int64_t repo_id;
};

enum err_code store_tool_reference(const struct gateway *g, const char *text, struct arena *a, struct slice *ret_repository,
				   struct slice *ret_tag, struct slice *ret_digest,
				   struct err *e)
{
	struct slice s = slice_of(arena_strdup(a, text), strlen(text)), url = g->config->public_url;
	ptrdiff_t at = slice_find(url, SL("://")), slash = slice_find_byte(s, '/');
	struct slice host = at >= 0 ? slice_from(url, (size_t)at + 3) : url;
	struct slice first = slash > 0 ? slice_upto(s, (size_t)slash) : SL("");
	TRY(arena_ok(a, "a reference", e));
	if (slash > 0 && (slice_eq(first, host) || slice_find_byte(first, ':') >= 0))
		s = slice_from(s, (size_t)slash + 1);
	*ret_tag = *ret_digest = SL("");
	if ((at = slice_find_byte(s, '@')) >= 0) {
		*ret_digest = slice_from(s, (size_t)at + 1);
		s = slice_upto(s, (size_t)at);
	}
	at = slice_rfind_byte(s, ':');
	if (at >= 0 && at > slice_rfind_byte(s, '/')) {
		*ret_tag = ret_digest->n ? SL("") : slice_from(s, (size_t)at + 1);
		s = slice_upto(s, (size_t)at);
	}
	if (!ret_tag->n && !ret_digest->n)
		*ret_tag = SL("latest");
	*ret_repository = s;
	if (!store_name_valid(s) || (ret_digest->n ? !oci_digest_valid(*ret_digest) : !store_tag_valid(*ret_tag)))
		return err_set(e, ERR_USAGE, 0, "'%.200s' is no image of this registry: REPOSITORY:TAG or REPOSITORY@DIGEST",
			       text);
	return OK;
}

enum err_code store_tool_call(struct gateway *g, struct slice repository, struct call *ret, struct err *e)
{
	bool reserved;
	*ret = (struct call){ .g = g, .repository = repository, .rule = config_repository_for(g->config, repository) };
	ret->who.anonymous = true;
	struct slice rest;
	if (!config_upstream_of(g->config, repository, &rest, &reserved) && reserved)
		return err_set(e, ERR_USAGE, 0, "'%.*s' begins with the name of another registry, which is no upstream here",
			       SLICE_ARG(repository));
	return OK;
}

/* --- Files --------------------------------------------------------------------------------------------------------------------- */

static enum err_code is_new(struct export *x, struct slice digest, bool *ret, struct err *e)
{
	*ret = false;
	for (size_t i = 0; i < x->done.n; i++)
		if (slice_eq(x->done.items[i], digest))
			return OK;
	if (x->done.n >= MOST_FILES)
		return err_set(e, ERR_LIMIT, 0, "more than %d files", MOST_FILES);
	struct slice *to = ARENA_PUSH(&x->arena, &x->done);
	if (to)
		*to = arena_dup(&x->arena, digest);
	*ret = true;
	return arena_ok(&x->arena, "a list of files", e);
}

static enum err_code put_blob(struct export *x, const struct store_ref *r, struct err *e)
{
	AUTO_STREAM s = NULL;
	char name[160];
	bool fresh;
	TRY(is_new(x, r->digest, &fresh, e));
	if (!fresh)
		return OK;
	layout_blob_name(r->digest, name);
	TRY(blob_read(x->g->store.blobs, r->digest, 0, UINT64_MAX, &s, e));
	x->n->blobs++;
	x->n->bytes += r->size;
	return layout_put(x->out, name, r->size, s, r->digest, e);
}

static enum err_code put_bytes(struct export *x, struct slice bytes, char digest[80], struct err *e)
{
	uint8_t raw[DIGEST_MAX_BYTES];
	char name[160];
	bool fresh;
	memcpy(digest, "sha256:", 8);
	if (!digest_of(DIGEST_SHA256, bytes, raw))
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	hex_encode(digest + 7, raw, 32);
	TRY(is_new(x, slice_str(digest), &fresh, e));
	layout_blob_name(slice_str(digest), name);
	return fresh ? layout_put_bytes(x->out, name, bytes, e) : OK;
}

static void entry(struct export *x, struct slice type, struct slice artifact_type, struct slice digest, uint64_t size,
		  struct slice tag)
{
	buf_printf(&x->index, "%s{\"mediaType\":\"", x->index.n ? "," : "");
	text_json_escape(&x->index, type);
	buf_printf(&x->index, "\",\"digest\":\"%.*s\",\"size\":%llu", SLICE_ARG(digest), (unsigned long long)size);
	if (artifact_type.n) {
		buf_puts(&x->index, ",\"artifactType\":\"");
		text_json_escape(&x->index, artifact_type);
		buf_putc(&x->index, '"');
	}
	buf_printf(&x->index, ",\"annotations\":{\"" LAYOUT_REPOSITORY "\":\"%.*s\"", SLICE_ARG(x->call.repository));
	if (tag.n)
		buf_printf(&x->index, ",\"org.opencontainers.image.ref.name\":\"%.*s\"", SLICE_ARG(tag));
	buf_puts(&x->index, "}}");
}

/* --- Its verdict, as an artifact that refers to it: to be read by people; who imports judges anew ------------------------------------------------- */

static enum err_code put_verdict(struct export *x, const struct store_manifest *m, const struct store_verdict *v, struct err *e)
{
	AUTO_BUF text = BUF(1 << 20), body = BUF(8192);
	char digest[80], empty[80], when[21];
	os_format_time(v->decided_s, when);
	buf_printf(&text, "{\"repository\":\"%.*s\",\"digest\":\"%.*s\",\"state\":\"%s\",\"decided\":\"%s\",\"generation\":%lld,\"policy\":\"%.*s\",\"reasons\":%.*s}\n",
		   SLICE_ARG(x->call.repository), SLICE_ARG(m->digest), store_state_name(v->state), when,
			   (long long)v->generation, SLICE_ARG(v->policy_digest),
		   SLICE_ARG(v->reasons.n ? v->reasons : SL("[]")));
	TRY(buf_ok(&text, "a verdict", e));
	TRY(put_bytes(x, SL("{}"), empty, e));
	TRY(put_bytes(x, buf_slice(&text), digest, e));
	buf_printf(&body, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"artifactType\":\"" LAYOUT_VERDICT_TYPE "\",\"config\":{\"mediaType\":"
		   "\"application/vnd.oci.empty.v1+json\",\"digest\":\"%s\",\"size\":2},\"layers\":[{\"mediaType\":\"" LAYOUT_VERDICT_TYPE "\",\"digest\":\"%s\",\"size\":%zu}],"
		   "\"subject\":{\"mediaType\":\"", empty, digest, text.n);
	text_json_escape(&body, m->media_type);
	buf_printf(&body, "\",\"digest\":\"%.*s\",\"size\":%zu}}", SLICE_ARG(m->digest), m->body.n);
	TRY(buf_ok(&body, "a verdict", e));
	TRY(put_bytes(x, buf_slice(&body), digest, e));
	entry(x, SL("application/vnd.oci.image.manifest.v1+json"), SL(LAYOUT_VERDICT_TYPE), slice_str(digest), body.n,
	      SLICE_NULL);
	return OK;
}

/* --- Manifests ------------------------------------------------------------------------------------------------------------------- */

struct known {
	struct export *x;
	struct slice digest;
	struct store_manifest m;
	struct store_verdict v;
	bool has_verdict;
	struct { struct slice digest, tag; } refs[256];
	size_t n_refs;
};

static enum err_code add_referrer(void *arg, const struct store_referrer *r, struct err *e)
{
	struct known *k = arg;
	if (k->n_refs < ARRAY_LEN(k->refs))
		k->refs[k->n_refs++].digest = arena_dup(&k->x->arena, r->digest);
	return arena_ok(&k->x->arena, "referrers", e);
}

/* "sha256-<hex>.sig" and the like stand for referrers, too. */
static enum err_code fallback_tags(struct known *k, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	char prefix[160];
	bool row;
	snprintf(prefix, sizeof(prefix), "%.*s%%", SLICE_ARG(k->digest));
	char *colon = strchr(prefix, ':');
	if (colon)
		*colon = '-';
	TRY(sql_query(tx, &rows, e, "SELECT name, served_digest FROM tag WHERE repo_id = ?1 AND name LIKE ?2 AND served_digest"
		      " <> '' LIMIT 64", "iz", k->x->repo_id, prefix));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || k->n_refs == ARRAY_LEN(k->refs))
			return OK;
		k->refs[k->n_refs].tag = arena_dup(&k->x->arena, sql_text(rows, 0));
		k->refs[k->n_refs++].digest = arena_dup(&k->x->arena, sql_text(rows, 1));
		TRY(arena_ok(&k->x->arena, "referrers", e));
	}
}

static enum err_code known_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct known *k = arg;
	struct export *x = k->x;
	k->n_refs = 0;
	memset(k->refs, 0, sizeof(k->refs));
	TRY(store_manifest_get(tx, x->repo_id, k->digest, STORE_WITH_BODY | STORE_WITH_REFS, &x->arena, &k->m, e));
	enum err_code code = store_verdict_get(tx, x->repo_id, k->digest, &x->arena, &k->v, e);
	k->has_verdict = code == OK;
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	TRY(store_referrers(tx, x->repo_id, k->digest, SLICE_NULL, add_referrer, k, e));
	return fallback_tags(k, tx, e);
}

static void left_out(struct export *x, struct slice digest, const char *why)
{
	x->n->left_out++;
	if (x->fn)
		x->fn(x->arg, x->call.repository, digest, why);
}

static enum err_code put_manifest(struct export *x, struct slice digest, struct slice tag, unsigned depth, bool listed,
				  struct err *e);

static enum err_code put_parts(struct export *x, struct known *k, unsigned depth, struct err *e)
{
	char name[160];
	for (size_t i = 0; i < k->m.n_refs; i++) {
		const struct store_ref *r = &k->m.refs[i];
		if (r->kind == STORE_REF_CHILD)
			TRY(put_manifest(x, r->digest, SLICE_NULL, depth + 1, false, e));
		else if (!r->foreign)
			TRY(put_blob(x, r, e));
	}
	layout_blob_name(k->digest, name);
	TRY(layout_put_bytes(x->out, name, k->m.body, e));
	x->n->manifests++;
	if (k->has_verdict && k->m.kind != STORE_INDEX)
		TRY(put_verdict(x, &k->m, &k->v, e));
	for (size_t i = 0; i < k->n_refs; i++)
		TRY(put_manifest(x, k->refs[i].digest, k->refs[i].tag, depth + 1, true, e));
	return OK;
}

/* depth 0: asked for, so it is an error when it may not go out. listed: gets a line in index.json. */
static enum err_code put_manifest(struct export *x, struct slice digest, struct slice tag, unsigned depth, bool listed,
				  struct err *e)
{
	struct gate_answer answer = { 0 };
	struct known *k = arena_new(&x->arena, struct known);
	bool fresh;
	if (!k || depth > MOST_DEPTH)
		return err_set(e, ERR_LIMIT, 0, "manifests name each other too deeply, or are too many");
	*k = (struct known){ .x = x, .digest = digest };
	TRY(gate_refresh(x->g, false, e));
	TRY(gate_manifest(&x->call, digest, &answer, e));
	if (answer.result != GATE_YES && !depth)
		return err_set(e, answer.result == GATE_ABSENT ? ERR_NOT_FOUND : ERR_AUTH, 0, "%.*s@%.19s is not exported:"
			       " %.300s", SLICE_ARG(x->call.repository),
			       (const char *)digest.p, answer.result == GATE_ABSENT ? "there is no such image" : answer.text);
	if (answer.result != GATE_YES) {
		left_out(x, digest, answer.result == GATE_ABSENT ? "it is not here" : answer.text);
		return OK;
	}
	TRY(sql_read(x->g->store.sql, known_tx, k, e));
	if (listed)
		entry(x, k->m.media_type, k->m.kind == STORE_ARTIFACT ? k->m.artifact_type : SLICE_NULL, digest, k->m.body.n,
		      tag);
	TRY(is_new(x, digest, &fresh, e));
	return fresh ? put_parts(x, k, depth, e) : OK;
}

/* --- As a whole --------------------------------------------------------------------------------------------------------------------- */

struct wanted { struct export *x; struct slice tag, digest; };

static enum err_code wanted_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct wanted *w = arg;
	struct store_tag t;
	TRY(store_repo(tx, w->x->call.repository, SLICE_NULL, false, &w->x->repo_id, e));
	if (!w->tag.n)
		return OK;
	TRY(store_tag_get(tx, w->x->repo_id, w->tag, &w->x->arena, &t, e));
	w->digest = t.served_digest.n ? t.served_digest : t.pushed_digest;
	return OK;
}

static enum err_code export_one(struct export *x, const char *reference, struct err *e)
{
	struct wanted w = { .x = x };
	struct slice repository;
	TRY(store_tool_reference(x->g, reference, &x->arena, &repository, &w.tag, &w.digest, e));
	TRY(store_tool_call(x->g, repository, &x->call, e));
	enum err_code code = sql_read(x->g->store.sql, wanted_tx, &w, e);
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "'%.200s' is not in this registry", reference);
	TRY(code);
	TRY(put_manifest(x, w.digest, w.tag, 0, true, e));
	x->n->images++;
	if (x->fn)
		x->fn(x->arg, slice_str(reference), w.digest, NULL);
	return OK;
}

static enum err_code export_all(struct export *x, const char *const *references, size_t n, const char *output, struct err *e)
{
	AUTO_BUF index = BUF(INDEX_BYTES + 4096);
	TRY(layout_create(output, &x->out, e));
	TRY(layout_put_bytes(x->out, "oci-layout", SL("{\"imageLayoutVersion\":\"1.0.0\"}"), e));
	for (size_t i = 0; i < n; i++)
		TRY(export_one(x, references[i], e));
	TRY(buf_ok(&x->index, "index.json", e));
	buf_printf(&index, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[%s]}",
		   buf_cstr(&x->index));
	TRY(buf_ok(&index, "index.json", e));
	TRY(layout_put_bytes(x->out, "index.json", buf_slice(&index), e));
	return layout_commit(x->out, e);
}

enum err_code gateway_store_export(const struct gateway_run *r, const char *const *references, size_t n, const char *output,
				   gateway_moved_fn *fn, void *arg,
				   struct gateway_moved *ret, struct err *e)
{
	struct gateway g = { 0 };
	*ret = (struct gateway_moved){ 0 };
	struct export x = { .g = &g, .arena = ARENA(EXPORT_ARENA), .index = BUF(INDEX_BYTES), .fn = fn, .arg = arg, .n = ret };
	enum err_code code = gateway_open_common(&g, r, "tool", e);
	if (code == OK)
		code = export_all(&x, references, n, output, e);
	layout_abandon(x.out);
	buf_free(&x.index);
	arena_free(&x.arena);
	gateway_close_common(&g);
	return code;
}
