/* A layout into the registry: everything is hashed on its way in and judged like a push. */
#include <jansson.h>
#include <stdio.h>
#include "gate.h"
#include "oci.h"
#include "os.h"
#include "store_tool.h"

enum { MOST_DEPTH = 6, MOST_ENTRIES = 10000, IMPORT_ARENA = 256 << 20, TRIES = 3, CHUNK = 256 << 10 };

struct import {
	struct gateway *g;
	struct layout_in *in;
	struct arena arena;
	const char *into;
	gateway_moved_fn *fn;
	void *arg;
	struct gateway_moved *n;
	struct call call;
};

static void tell(struct import *x, struct slice reference, struct slice digest, const char *why)
{
	*(why ? &x->n->left_out : &x->n->images) += 1;
	if (x->fn)
		x->fn(x->arg, reference, digest, why);
}

/* --- Blobs ------------------------------------------------------------------------------------------------------------------------- */

struct seen { struct slice digest; uint64_t size; bool yes; };

static enum err_code seen_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct seen *s = arg;
	enum err_code code = store_blob_size(tx, s->digest, &s->size, e);
	s->yes = code == OK;
	return code == ERR_NOT_FOUND ? OK : code;
}

static enum err_code take_bytes(struct import *x, struct stream *s, const struct store_ref *r, struct err *e)
{
	AUTO_BUF chunk = BUF(CHUNK);
	struct blob_upload *u;
	uint64_t size;
	size_t n;
	if (!buf_reserve(&chunk, CHUNK))
		return buf_ok(&chunk, "a buffer", e);
	TRY(blob_upload_begin(x->g->store.blobs, slice_has_prefix(r->digest, SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256, &u,
			      e));
	enum err_code code;
	do {
		code = os_cancelled() ? err_set(e, ERR_CANCELLED, 0, "interrupted") : stream_read(s, chunk.p, CHUNK, &n, e);
		if (code == OK && n)
			code = blob_upload_append(u, slice_of(chunk.p, n), e);
	} while (code == OK && n);
	if (code == OK)
		TRY(blob_upload_finish(u, r->digest, NULL, &size, e));
	if (code != OK) {
		struct err why;
		char id[BLOB_ID_BYTES];
		memcpy(id, blob_upload_id(u), sizeof(id));
		blob_upload_close(u);
		(void)!blob_upload_remove(x->g->store.blobs, id, SLICE_NULL, &why);
		return code;
	}
	x->n->blobs++;
	x->n->bytes += size;
	return store_blob_settle(&x->g->store, 0, r->digest, size, SL(""), e);
}

static enum err_code take_blob(struct import *x, const struct store_ref *r, struct err *e)
{
	AUTO_STREAM s = NULL;
	struct seen is = { .digest = r->digest };
	char name[160];
	uint64_t size;
	TRY(sql_read(x->g->store.sql, seen_tx, &is, e));
	if (is.yes && is.size == r->size)
		return OK;
	layout_blob_name(r->digest, name);
	TRY(layout_get(x->in, name, &size, &s, e));
	if (size != r->size)
		return err_set(e, ERR_FORMAT, 0, "%s has %llu bytes, its manifest says %llu", name, (unsigned long long)size,
			       (unsigned long long)r->size);
	return take_bytes(x, s, r, e);
}

/* --- Manifests ----------------------------------------------------------------------------------------------------------------------- */

struct putting { struct import *x; const struct store_manifest *m; struct slice tag; };

static enum err_code put_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct putting *p = arg;
	struct gateway *g = p->x->g;
	struct slice repository = p->x->call.repository, rest;
	bool is_new, reserved;
	const struct config_upstream *u = config_upstream_of(g->config, repository, &rest, &reserved);
	struct store_put put = { .repository = repository, .digest = p->m->digest, .tag = p->tag, .account = SL("import"),
				 .kind = (int)p->m->kind };
	TRY(store_repo(tx, repository, u ? u->name : SL(""), true, &put.repo_id, e));
	TRY(store_manifest_put(tx, put.repo_id, p->m, 2, SL("import"), &is_new, e));
	TRY(store_manifest_here(tx, put.repo_id, p->m, e));
	TRY(gate_put(g, tx, &put, e));
	return audit_put(g, tx, NULL, "manifest.import", e, "ztztzt", "repository", repository, "digest", p->m->digest, "tag",
			 p->tag);
}

static enum err_code import_manifest(struct import *x, struct slice digest, struct slice tag, unsigned depth, struct err *e);

static enum err_code import_parts(struct import *x, const struct store_manifest *m, unsigned depth, struct err *e)
{
	for (size_t i = 0; i < m->n_refs; i++) {
		const struct store_ref *r = &m->refs[i];
		enum err_code code = r->kind == STORE_REF_CHILD ? import_manifest(x, r->digest, SLICE_NULL, depth + 1, e) :
			r->foreign ? OK : take_blob(x, r, e);
		/* An index may come without the platforms that were not admitted where it comes from. */
		if (code == ERR_NOT_FOUND && r->kind == STORE_REF_CHILD)
			tell(x, x->call.repository, r->digest, "a platform that is not in the archive");
		else if (code != OK)
			return code;
	}
	return OK;
}

static enum err_code import_manifest(struct import *x, struct slice digest, struct slice tag, unsigned depth, struct err *e)
{
	AUTO_BUF body = BUF(OCI_MAX_MANIFEST_BYTES);
	struct store_manifest m;
	char name[160];
	if (depth > MOST_DEPTH || !oci_digest_valid(digest))
		return err_set(e, ERR_FORMAT, 0, "manifests name each other too deeply, or by something that is no digest");
	layout_blob_name(digest, name);
	TRY(layout_get_bytes(x->in, name, &body, e));
	struct slice bytes = arena_dup(&x->arena, buf_slice(&body));
	TRY(arena_ok(&x->arena, "a manifest", e));
	if (store_manifest_parse(bytes, SLICE_NULL, digest, &x->arena, &m, e) != OK)
		return err_prefix(e, "%.19s", (const char *)digest.p);
	m.body = bytes;
	/* Who carries a verdict along may have written it: what counts is what is found here. */
	if (slice_eqs(m.artifact_type, LAYOUT_VERDICT_TYPE))
		return OK;
	struct putting p = { x, &m, tag.n ? tag : SL("") };
	enum err_code code = ERR_CANCELLED;
	for (int i = 0; i < TRIES && code == ERR_CANCELLED && !os_cancelled(); i++) {
		TRY(import_parts(x, &m, depth, e));
		code = sql_write(x->g->store.sql, put_tx, &p, e);
	}
	TRY(code);
	x->n->manifests++;
	if (!depth)
		tell(x, x->call.repository, m.digest, NULL);
	return OK;
}

/* --- index.json ----------------------------------------------------------------------------------------------------------------------- */

static const char *annotation(json_t *entry, const char *key)
{
	return json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
}

static enum err_code import_entry(struct import *x, json_t *entry, struct err *e)
{
	const char *digest = json_string_value(json_object_get(entry, "digest")), *repository = x->into ? x->into :
		annotation(entry, LAYOUT_REPOSITORY);
	const char *tag = annotation(entry, "org.opencontainers.image.ref.name"), *whole = annotation(entry,
			"io.containerd.image.name");
	struct slice name = repository ? slice_str(repository) : SL(""), label = tag ? slice_str(tag) : SL(""), ignored;
	if (!digest)
		return err_set(e, ERR_FORMAT, 0, "index.json names a manifest without a digest");
	if (!repository && whole)
		TRY(store_tool_reference(x->g, whole, &x->arena, &name, &label, &ignored, e));
	if (!name.n)
		return err_set(e, ERR_USAGE, 0, "the archive does not say which repository it is for: --into REPOSITORY");
	if (!store_name_valid(name) || (label.n && !store_tag_valid(label)))
		return err_set(e, ERR_FORMAT, 0, "the archive names a repository or a tag that cannot be");
	TRY(store_tool_call(x->g, name, &x->call, e));
	return import_manifest(x, slice_str(digest), label, 0, e);
}

static enum err_code import_all(struct import *x, const char *path, struct err *e)
{
	AUTO_BUF text = BUF(32 << 20);
	json_error_t why;
	TRY(layout_open(path, &x->in, e));
	TRY(layout_get_bytes(x->in, "index.json", &text, e));
	json_t *root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	json_t *list = json_object_get(root, "manifests");
	size_t n = json_array_size(list);
	enum err_code code = !root || n > MOST_ENTRIES ? err_set(e, ERR_FORMAT, 0, "index.json is not that of an image layout") :
		OK;
	for (size_t i = 0; i < n && code == OK; i++)
		code = import_entry(x, json_array_get(list, i), e);
	json_decref(root);
	return code;
}

enum err_code gateway_store_import(const struct gateway_run *r, const char *path, const char *into, gateway_moved_fn *fn,
				   void *arg, struct gateway_moved *ret, struct err *e)
{
	struct gateway g = { 0 };
	*ret = (struct gateway_moved){ 0 };
	struct import x = { .g = &g, .arena = ARENA(IMPORT_ARENA), .into = into, .fn = fn, .arg = arg, .n = ret };
	enum err_code code = gateway_open_common(&g, r, "tool", e);
	if (code == OK)
		code = import_all(&x, path, e);
	layout_close(x.in);
	arena_free(&x.arena);
	gateway_close_common(&g);
	return code;
}
