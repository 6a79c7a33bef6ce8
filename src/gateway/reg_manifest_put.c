/* PUT of manifests. Nobody gains a stored blob by naming its digest (GATE.md 11); what a manifest names is pinned in the transaction that puts it (GATE.md 23). */
#include "registry.h"
#include "os.h"
#include "oci.h"
#include "store_keep.h"
#include <stdio.h>
#include <stdlib.h>

enum { MOST_TAGS = 16, PARSE_ARENA = 24 << 20 };

struct put {
	struct call *c;
	struct store_manifest m;
	struct slice tags[MOST_TAGS];
	size_t n_tags;
	const struct store_ref **pins;	/* in order of digest, each once */
	size_t n_pins;
	/* set by the transaction when it says ERR_USAGE */
	int status;
	const char *code;
	char text[256];
};

static enum err_code no(struct put *p, int status, const char *code, struct err *e, const char *what, struct slice name)
{
	p->status = status;
	p->code = code;
	snprintf(p->text, sizeof(p->text), "%s %.*s", what, (int)MIN(name.n, (size_t)160), (const char *)name.p);
	return err_set(e, ERR_USAGE, 0, "the push is refused");
}

/* --- In the transaction ---------------------------------------------------------------------------------------------------- */

static enum err_code check_tags(struct sql_tx *tx, struct put *p, int64_t repo_id, struct err *e)
{
	for (size_t i = 0; i < p->n_tags && p->c->rule->immutable_tags; i++) {
		AUTO_ARENA a = ARENA(64 << 10);
		struct store_tag t;
		enum err_code code = store_tag_get(tx, repo_id, p->tags[i], &a, &t, e);
		if (code == OK && !slice_eq(t.pushed_digest, p->m.digest))
			return no(p, 403, "DENIED", e, "tags of this repository cannot be changed (immutable_tags), and this one is set:", p->tags[i]);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
	}
	return OK;
}

static enum err_code check_refs(struct sql_tx *tx, struct put *p, int64_t repo_id, struct err *e)
{
	for (size_t i = 0; i < p->n_pins; i++) {
		const struct store_ref *r = p->pins[i];
		uint64_t size = r->size;
		enum err_code code = r->kind == STORE_REF_CHILD ? store_manifest_pin(tx, repo_id, r->digest, e) : store_blob_pin(tx, r->digest, &size, e);
		if (code == ERR_NOT_FOUND)
			return no(p, 404, "MANIFEST_BLOB_UNKNOWN", e, r->kind == STORE_REF_CHILD ? "the index names a manifest that is not in this repository:" :
				  "the manifest names a blob that was not uploaded to this repository:", r->digest);
		if (code != OK)
			return code;
		if (size != r->size)
			return no(p, 400, "SIZE_INVALID", e, "the manifest gives another size than it has for the blob", r->digest);
	}
	return OK;
}

static enum err_code announce(struct sql_tx *tx, struct put *p, int64_t repo_id, struct err *e)
{
	struct call *c = p->c;
	for (size_t i = 0; i < MAX(p->n_tags, (size_t)1); i++) {
		struct slice tag = p->n_tags ? p->tags[i] : SL("");
		struct store_put put = { .repo_id = repo_id, .repository = c->repository, .digest = p->m.digest, .tag = tag, .account = reg_account(c),
					 .kind = (int)p->m.kind };
		TRY(gate_put(c->g, tx, &put, e));
		TRY(audit_put(c->g, tx, &c->who, "manifest.push", e, "ztztzt", "repository", c->repository, "digest", p->m.digest, "tag", tag));
	}
	return OK;
}

static enum err_code put_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct put *p = arg;
	struct call *c = p->c;
	int64_t repo_id;
	bool is_new;
	p->code = NULL;
	TRY(store_repo(tx, c->repository, SL(""), true, &repo_id, e));
	TRY(check_tags(tx, p, repo_id, e));
	TRY(check_refs(tx, p, repo_id, e));
	TRY(store_manifest_put(tx, repo_id, &p->m, 0, reg_account(c), &is_new, e));
	return announce(tx, p, repo_id, e);
}

/* --- Before it --------------------------------------------------------------------------------------------------------------- */

static int by_digest(const void *a, const void *b)
{
	return slice_cmp((*(const struct store_ref *const *)a)->digest, (*(const struct store_ref *const *)b)->digest);
}

static enum err_code collect_pins(struct put *p, struct arena *a, struct err *e)
{
	size_t n = 0;
	p->pins = arena_calloc(a, p->m.n_refs + 1, sizeof(*p->pins));
	if (!p->pins)
		return arena_ok(a, "a manifest", e);
	for (size_t i = 0; i < p->m.n_refs; i++)
		if (!p->m.refs[i].foreign)
			p->pins[n++] = &p->m.refs[i];
	qsort(p->pins, n, sizeof(*p->pins), by_digest);
	for (size_t i = 0; i < n; i++)
		if (!p->n_pins || !slice_eq(p->pins[p->n_pins - 1]->digest, p->pins[i]->digest) || p->pins[p->n_pins - 1]->size != p->pins[i]->size)
			p->pins[p->n_pins++] = p->pins[i];
	return OK;
}

/* Blobs must be the caller's own here, or be seen by the caller here. */
static enum err_code check_usable(struct put *p, struct err *e)
{
	for (size_t i = 0; i < p->n_pins; i++) {
		bool usable = true;
		if (p->pins[i]->kind != STORE_REF_CHILD)
			TRY(reg_blob_usable(p->c, p->pins[i]->digest, &usable, e));
		if (!usable)
			return no(p, 404, "MANIFEST_BLOB_UNKNOWN", e, "the manifest names a blob that was not uploaded to this repository:", p->pins[i]->digest);
	}
	return OK;
}

/* The reference, and `?tag=` for those who push by digest. */
static enum err_code read_tags(struct put *p, struct err *e)
{
	struct call *c = p->c;
	struct slice rest = http_query_raw(c->r), piece;
	if (!c->is_digest)
		p->tags[p->n_tags++] = c->reference;
	while (slice_next_piece(&rest, '&', &piece)) {
		struct slice tag = slice_from(piece, 4);
		if (!slice_has_prefix(piece, SL("tag=")))
			continue;
		if (!c->is_digest || p->n_tags == MOST_TAGS || !store_tag_valid(tag))
			return no(p, 400, "TAG_INVALID", e, "this is no tag, there are more than 16, or the manifest is not pushed by digest:", tag);
		p->tags[p->n_tags++] = tag;
	}
	return OK;
}

static void created(struct put *p)
{
	struct call *c = p->c;
	c->digest = arena_dup(http_arena(c->r), p->m.digest);
	c->outcome = "pushed";
	atomic_fetch_add(&c->g->changes, 1);	/* who pushed sees it at once here, before the announcement comes round */
	http_add_headerf(c->r, "Location", "/v2/%.*s/manifests/%.*s", SLICE_ARG(c->repository), SLICE_ARG(p->m.digest));
	http_add_header(c->r, "Docker-Content-Digest", p->m.digest);
	if (p->m.subject.n)
		http_add_header(c->r, "OCI-Subject", p->m.subject);
	for (size_t i = 0; i < p->n_tags && c->is_digest; i++)
		http_add_header(c->r, "OCI-Tag", p->tags[i]);
	http_respond(c->r, 201, NULL, SLICE_NULL);
}

static void refused(struct put *p, enum err_code code, const struct err *e)
{
	struct call *c = p->c;
	if (p->code)
		answer_error(c, p->status, p->code, "%s", p->text);
	else if (code == ERR_DIGEST)
		answer_error(c, 400, "DIGEST_INVALID", "%s", e->msg);
	else if (code == ERR_FORMAT || code == ERR_LIMIT)
		answer_error(c, 400, "MANIFEST_INVALID", "%s", e->msg);
	else if (code == ERR_UNSUPPORTED)
		answer_error(c, 400, "UNSUPPORTED", "%s", e->msg);
	else
		answer_fault(c, e);
}

/* "sha256-HEX.sig" and the like: what signers of the older form push. */
static bool is_about_tag(struct slice tag)
{
	uint8_t sum[32];
	struct slice end = slice_from(tag, 7 + 64);
	return slice_has_prefix(tag, SL("sha256-")) && hex_decode(slice_sub(tag, 7, 64), sum, 32, false) &&
	       (slice_eqs(end, ".sig") || slice_eqs(end, ".att") || slice_eqs(end, ".sbom"));
}

/* Who may sign but not push puts what is said about an image, never an image or a tag that people pull (GATE.md 25). */
static enum err_code check_signer(struct put *p, struct err *e)
{
	bool about = p->n_tags || p->m.subject.n;
	if (access_may(&p->c->who, ACCESS_PUSH, p->c->repository))
		return OK;
	for (size_t i = 0; i < p->n_tags; i++)
		about = about && is_about_tag(p->tags[i]);
	return about ? OK : no(p, 403, "DENIED", e, "this account may push signatures and attestations here, not",
			       p->n_tags ? p->tags[0] : p->m.digest);
}

static enum err_code prepare(struct put *p, struct slice body, struct arena *a, struct err *e)
{
	struct call *c = p->c;
	TRY(store_manifest_parse(body, http_header(c->r, "Content-Type"), c->is_digest ? c->reference : SLICE_NULL, a, &p->m, e));
	TRY(read_tags(p, e));
	TRY(check_signer(p, e));
	if (reg_quota(c, body.n, e) != OK)
		return e->code == ERR_LIMIT ? no(p, 403, "DENIED", e, "the repository's quota would be passed by", p->m.digest) : e->code;
	TRY(collect_pins(p, a, e));
	return check_usable(p, e);
}

static void put_body(struct http_request *r, void *arg, struct slice body)
{
	struct put *p = arg;
	AUTO_ARENA a = ARENA(PARSE_ARENA);
	struct err e = { 0 };
	(void)r;
	enum err_code code = prepare(p, body, &a, &e);
	if (code != OK) {
		refused(p, code, &e);
		return;
	}
	code = sql_write(p->c->g->store.sql, put_tx, p, &e);
	if (code == OK)
		created(p);
	else if (p->code || code == ERR_LIMIT)	/* an index that names too much */
		refused(p, code, &e);
	else
		answer_fault(p->c, &e);
}

void reg_manifest_put(struct call *c)
{
	uint64_t most = c->g->config->max_manifest_bytes ? c->g->config->max_manifest_bytes : (uint64_t)OCI_MAX_MANIFEST_BYTES;
	if (!reg_may_write(c) || !reg_reference_valid(c, 400, "TAG_INVALID"))
		return;
	struct put *p = arena_new(http_arena(c->r), struct put);
	if (!p) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
		return;
	}
	p->c = c;
	http_take_text(c->r, (size_t)most, put_body, p);
}
