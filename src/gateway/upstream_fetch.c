/* Manifests from upstream: one fetch, verified, with the children that count, and then into the database at once. */
#include "gate.h"
#include "oci.h"
#include "upstream_inside.h"

enum { BEGIN_WAIT_MS = 3000 };

static enum err_code path_of(struct slice reference, char *dst, size_t cap, struct slice *ret, struct err *e)
{
	int n = snprintf(dst, cap, "manifests/%.*s", SLICE_ARG(reference));
	if (n < 0 || (size_t)n >= cap)
		return err_set(e, ERR_LIMIT, 0, "the reference is too long");
	*ret = slice_of(dst, (size_t)n);
	return OK;
}

static enum err_code ask(const struct upstream_place *p, const struct oci_registry_request *q, struct buf *body, struct oci_answer *ret_answer, struct err *e)
{
	struct upstreams *us = p->g->upstreams;
	struct upstream_one *o;
	*ret_answer = (struct oci_answer){ 0 };
	TRY(upstream_one_get(p->g, p->u, &o, e));
	TRY(upstream_begin(us, o, BEGIN_WAIT_MS, e));
	enum err_code rc = oci_registry_fetch(o->registry, q, body, ret_answer, e);
	upstream_end(us, o, rc, ret_answer, e);
	return rc;
}

enum err_code upstream_ask_digest(const struct upstream_place *p, struct slice tag, char ret_digest[160], struct err *e)
{
	AUTO_BUF none = BUF(1);
	char path[200];
	struct oci_answer a;
	uint64_t ms = upstream_timeout_ms(p->u);
	struct oci_registry_request q = { .head = true, .repository = p->name, .accept = OCI_ACCEPT_MANIFESTS, .once = true, .head_ms = ms, .whole_ms = ms };
	TRY(path_of(tag, path, sizeof(path), &q.rest, e));
	*ret_digest = 0;
	enum err_code rc = ask(p, &q, &none, &a, e);
	/* Not every server knows HEAD here: then GET tells. */
	if (rc && a.status >= 400 && a.status < 500 && a.status != 401 && a.status != 403 && a.status != 404 && a.status != 429)
		return OK;
	if (!rc)
		memcpy(ret_digest, a.digest, sizeof(a.digest));
	return rc;
}

/* What says nothing about the bytes. */
static struct slice known_type(const char *type)
{
	static const char *const empty[] = { "application/json", "application/octet-stream", "binary/octet-stream", "text/plain" };
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		if (!strcmp(type, empty[i]))
			return SLICE_NULL;
	return slice_str(type);
}

static enum err_code check_size(const struct upstream_place *p, const struct store_manifest *m, struct err *e)
{
	uint64_t sum = 0;
	char is[16], may[16];
	for (size_t i = 0; i < m->n_refs && m->kind == STORE_IMAGE; i++)
		if (!m->refs[i].foreign && !add_ok(sum, m->refs[i].size, &sum))
			sum = UINT64_MAX;
	if (!p->u->max_image_bytes || sum <= p->u->max_image_bytes)
		return OK;
	return err_set(e, ERR_UNSUPPORTED, 0, "the image is said to have %s, more than the %s that max_image_bytes allows for this upstream",
		       text_format_size(is, sizeof(is), sum), text_format_size(may, sizeof(may), p->u->max_image_bytes));
}

enum err_code upstream_ask_manifest(const struct upstream_place *p, struct slice reference, struct arena *a, struct store_manifest *ret,
				    struct oci_answer *ret_answer, struct err *e)
{
	uint64_t most = p->g->config->max_manifest_bytes ? p->g->config->max_manifest_bytes : OCI_MAX_MANIFEST_BYTES, ms = upstream_timeout_ms(p->u);
	AUTO_BUF body = BUF((size_t)MIN(most, (uint64_t)OCI_MAX_MANIFEST_BYTES));
	char path[200];
	struct oci_registry_request q = { .repository = p->name, .accept = OCI_ACCEPT_MANIFESTS, .once = true, .head_ms = ms, .whole_ms = ms };
	bool pinned = oci_digest_valid(reference);
	TRY(path_of(reference, path, sizeof(path), &q.rest, e));
	TRY(ask(p, &q, &body, ret_answer, e));
	struct slice bytes = arena_dup(a, buf_slice(&body));
	TRY(arena_ok(a, "a manifest from upstream", e));
	if (pinned && !oci_digest_matches(reference, bytes))
		return err_set(e, ERR_DIGEST, 0, "%.*s sends other bytes than %.*s asks for", SLICE_ARG(p->u->name), SLICE_ARG(reference));
	if (ret_answer->digest[0] && !oci_digest_matches(slice_str(ret_answer->digest), bytes))
		return err_set(e, ERR_DIGEST, 0, "%.*s sends a manifest that does not have the digest %s it is announced with", SLICE_ARG(p->u->name),
			       ret_answer->digest);
	if (store_manifest_parse(bytes, known_type(ret_answer->media_type), pinned ? reference : SLICE_NULL, a, ret, e))
		return err_prefix(e, "manifest from %.*s", SLICE_ARG(p->u->name));
	ret->body = bytes;
	atomic_fetch_add(&p->g->upstreams->fetched, 1);
	return check_size(p, ret, e);
}

/* --- Children ----------------------------------------------------------------------------------------------------------------- */

struct has { const struct upstream_place *p; struct slice digest; bool yes; };

static enum err_code has_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct has *h = arg;
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM repo_manifest m JOIN repo r ON r.id = m.repo_id WHERE r.name = ?1 AND m.digest = ?2", "tt",
			h->p->repository, h->digest));
	h->yes = n > 0;
	return OK;
}

enum err_code upstream_has(const struct upstream_place *p, struct slice digest, bool *ret, struct err *e)
{
	struct has h = { .p = p, .digest = digest };
	TRY(sql_read(p->g->store.sql, has_tx, &h, e));
	*ret = h.yes;
	return OK;
}

static bool in_batch(const struct upstream_batch *b, struct slice digest)
{
	for (size_t i = 0; i < b->n; i++)
		if (slice_eq(b->items[i].digest, digest))
			return true;
	return false;
}

static enum err_code children(const struct upstream_place *p, const struct store_manifest *index, unsigned depth, struct arena *a, struct upstream_batch *b, struct err *e);

static enum err_code child(const struct upstream_place *p, const struct store_ref *ref, unsigned depth, struct arena *a, struct upstream_batch *b, struct err *e)
{
	struct store_manifest m;
	struct oci_answer answer;
	bool here;
	TRY(upstream_has(p, ref->digest, &here, e));
	if (here || in_batch(b, ref->digest))
		return OK;
	if (b->n >= UPSTREAM_MOST_CHILDREN)
		return err_set(e, ERR_UNSUPPORTED, 0, "an index names more than %d manifests to fetch", UPSTREAM_MOST_CHILDREN);
	if (os_monotonic_ns() > b->until_ns)
		return err_set(e, ERR_TIMEOUT, 0, "%.*s takes too long to send an index' manifests", SLICE_ARG(p->u->name));
	enum err_code rc = upstream_ask_manifest(p, ref->digest, a, &m, &answer, e);
	if (rc == ERR_NOT_FOUND)	/* indexes may name what was never pushed; the gate will not give such an index out */
		return OK;
	TRY(rc);
	if (m.body.n != ref->size)
		return err_set(e, ERR_FORMAT, 0, "an index says that %.*s has %llu bytes, but it has %zu", SLICE_ARG(ref->digest),
			       (unsigned long long)ref->size, m.body.n);
	if (m.kind == STORE_INDEX)
		TRY(children(p, &m, depth + 1, a, b, e));
	struct store_manifest *to = ARENA_PUSH(a, b);
	if (to)
		*to = m;
	return arena_ok(a, "manifests from upstream", e);
}

static enum err_code children(const struct upstream_place *p, const struct store_manifest *index, unsigned depth, struct arena *a, struct upstream_batch *b, struct err *e)
{
	const struct slice_items *platforms = gate_platforms(p->g, p->repository);
	if (depth >= UPSTREAM_MOST_DEPTH)
		return err_set(e, ERR_UNSUPPORTED, 0, "indexes are nested deeper than %d", UPSTREAM_MOST_DEPTH);
	for (size_t i = 0; i < index->n_refs; i++)
		if (gate_child_counts(platforms, index, &index->refs[i]))
			TRY(child(p, &index->refs[i], depth, a, b, e));
	return OK;
}

enum err_code upstream_fetch_children(const struct upstream_place *p, const struct store_manifest *index, struct arena *a, struct upstream_batch *b, struct err *e)
{
	b->until_ns = os_monotonic_ns() + 2 * upstream_timeout_ms(p->u) * 1000000;
	return children(p, index, 0, a, b, e);
}

/* --- Storing -------------------------------------------------------------------------------------------------------------------- */

enum err_code upstream_seen(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO first_seen (repo_id, digest, at_s) VALUES (?1, ?2, ?3) ON CONFLICT (repo_id, digest) DO NOTHING", "iti", repo_id, digest,
		       (int64_t)os_now_s());
}

static enum err_code store_one(const struct upstream_place *p, struct sql_tx *tx, int64_t repo_id, const struct store_manifest *m, struct slice tag, struct err *e)
{
	bool new, back = false;
	struct store_put put = { .repo_id = repo_id, .repository = p->repository, .digest = m->digest, .account = p->account, .kind = m->kind, .from_upstream = true };
	TRY(store_manifest_put(tx, repo_id, m, 1, p->account, &new, e));
	TRY(upstream_seen(tx, repo_id, m->digest, e));
	/* A child's bytes are fixed by the index: it was seen when the index was. */
	for (size_t i = 0; i < m->n_refs; i++)
		if (m->refs[i].kind == STORE_REF_CHILD)
			TRY(upstream_seen(tx, repo_id, m->refs[i].digest, e));
	if (tag.n && p->u->rollback != ROLLBACK_ALLOW)
		TRY(store_tag_is_rollback(tx, repo_id, tag, m->digest, &back, e));
	if (back)
		TRY(upstream_note_tag(p, tx, repo_id, tag, m->digest, true, e));
	else
		put.tag = tag;
	return gate_put(p->g, tx, &put, e);
}

struct storing { const struct upstream_place *p; const struct upstream_batch *b; struct slice tag; };

static enum err_code store_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	const struct storing *s = arg;
	int64_t repo_id;
	TRY(store_repo(tx, s->p->repository, s->p->u->name, true, &repo_id, e));
	for (size_t i = 0; i < s->b->n; i++)
		TRY(store_one(s->p, tx, repo_id, &s->b->items[i], i + 1 == s->b->n ? s->tag : SLICE_NULL, e));
	return OK;
}

enum err_code upstream_store(const struct upstream_place *p, const struct upstream_batch *b, struct slice tag, struct err *e)
{
	struct storing s = { p, b, tag };
	return sql_write(p->g->store.sql, store_tx, &s, e);
}

enum err_code upstream_take(const struct upstream_place *p, const struct store_manifest *m, struct slice tag, struct arena *a, struct err *e)
{
	struct upstream_batch b = { 0 };
	TRY(gate_quarantine_room(p->g, e));
	if (m->kind == STORE_INDEX)
		TRY(upstream_fetch_children(p, m, a, &b, e));
	struct store_manifest *to = ARENA_PUSH(a, &b);
	if (to)
		*to = *m;
	TRY(arena_ok(a, "manifests from upstream", e));
	return upstream_store(p, &b, tag, e);
}

/* --- By digest -------------------------------------------------------------------------------------------------------------------- */

static enum err_code has_now(void *arg, bool *ret, struct err *e)
{
	struct has *h = arg;
	return upstream_has(h->p, h->digest, ret, e);
}

static enum err_code fetch_digest(const struct upstream_place *p, struct slice digest, struct err *e)
{
	AUTO_ARENA a = ARENA(UPSTREAM_ARENA);
	struct store_manifest m;
	struct oci_answer answer;
	TRY(upstream_ask_manifest(p, digest, &a, &m, &answer, e));
	return upstream_take(p, &m, SLICE_NULL, &a, e);
}

enum err_code upstream_allowed(const struct upstream_place *p, struct err *e)
{
	if (!p->u || !store_name_valid(p->name))
		return err_set(e, ERR_NOT_FOUND, 0, "this repository has no upstream");
	if (!config_upstream_allows(p->u, p->name))
		return err_set(e, ERR_NOT_FOUND, 0, "'%.*s' is not among the repositories that may be pulled from %.*s", SLICE_ARG(p->name),
			       SLICE_ARG(p->u->name));
	return OK;
}

enum err_code upstream_manifest(struct call *c, struct slice digest, struct err *e)
{
	struct upstream_place p = upstream_place_of(c);
	char key[UPSTREAM_KEY], warning[512];
	struct upstream_flight *f;
	enum err_code rc;
	bool here;
	TRY(upstream_allowed(&p, e));
	if (!oci_digest_valid(digest))
		return err_set(e, ERR_NOT_FOUND, 0, "this is no digest");
	TRY(upstream_has(&p, digest, &here, e));
	if (here)
		return OK;
	if (!upstream_key(key, 'm', p.repository, digest))
		return err_set(e, ERR_LIMIT, 0, "the name is too long");
	if (upstream_flight_begin(c->g->upstreams, key, &f, &rc, warning, e) != TURN_LEAD)
		return rc;
	struct has h = { .p = &p, .digest = digest };
	bool ours;
	rc = upstream_node_claim(c->g, key, has_now, &h, &ours, e);
	if (!rc && ours) {
		rc = fetch_digest(&p, digest, e);
		upstream_node_release(c->g, key);
	}
	upstream_flight_end(c->g, f, rc, "", e);
	return rc;
}
