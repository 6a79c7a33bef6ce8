/* Upstream's lists: tags, referrers. Kept in upstream_cache for tag_ttl, also when they are empty. */
#include <stdlib.h>
#include "oci.h"
#include "upstream_inside.h"

struct cached { const struct upstream_place *p; struct slice what; struct arena *a; bool there; struct slice body; uint64_t at_ms; };

static enum err_code cached_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct cached *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT c.body, c.at_ms FROM upstream_cache c JOIN repo r ON r.id = c.repo_id WHERE r.name = ?1 AND c.what = ?2", "tt", k->p->repository,
		      k->what));
	TRY(sql_next(rows, &k->there, e));
	if (!k->there)
		return OK;
	k->body = arena_dup(k->a, sql_bytes(rows, 0));
	k->at_ms = (uint64_t)sql_int(rows, 1);
	return arena_ok(k->a, "an upstream's list", e);
}

static enum err_code cache_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct cached *k = arg;
	int64_t repo_id;
	TRY(store_repo(tx, k->p->repository, k->p->u->name, true, &repo_id, e));
	return sql_run(tx, NULL, e, "INSERT INTO upstream_cache (repo_id, what, body, at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (repo_id, what)"
		       " DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms", "itbi", repo_id, k->what, k->body, (int64_t)store_now_ms());
}

static enum err_code look(struct cached *k, bool *ret_fresh, struct err *e)
{
	uint64_t now = store_now_ms();
	TRY(sql_read(k->p->g->store.sql, cached_tx, k, e));
	*ret_fresh = k->there && k->at_ms <= now && now - k->at_ms < k->p->u->tag_ttl_ms;
	return OK;
}

/* --- Tags ------------------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return slice_cmp(*(const struct slice *)a, *(const struct slice *)b); }

static enum err_code fetch_tags(struct cached *k, struct err *e)
{
	AUTO_ARENA a = ARENA(48 * MIB);
	AUTO_BUF text = BUF(16 * MIB);
	struct upstreams *us = k->p->g->upstreams;
	struct upstream_one *o;
	struct oci_tags tags;
	struct oci_answer answer = { 0 };
	bool cut;
	TRY(upstream_one_get(k->p->g, k->p->u, &o, e));
	TRY(upstream_begin(us, o, 3000, e));
	enum err_code rc = oci_registry_tags(o->registry, k->p->name, UPSTREAM_MOST_TAGS, UPSTREAM_TAGS_BYTES, upstream_timeout_ms(k->p->u), &a, &tags, &cut, &answer, e);
	upstream_end(us, o, rc, &answer, e);
	TRY(rc);
	if (tags.n)
		qsort(tags.items, tags.n, sizeof(*tags.items), by_name);
	for (size_t i = 0; i < tags.n; i++) {
		if (!store_tag_valid(tags.items[i]) || (i && slice_eq(tags.items[i], tags.items[i - 1])))
			continue;
		buf_put_slice(&text, tags.items[i]);
		buf_putc(&text, '\n');
	}
	TRY(buf_ok(&text, "an upstream's tags", e));
	k->body = arena_dup(k->a, buf_slice(&text));
	k->there = true;
	TRY(arena_ok(k->a, "an upstream's tags", e));
	return sql_write(k->p->g->store.sql, cache_tx, k, e);
}

static enum err_code split(struct slice body, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e)
{
	size_t n = 0, i = 0;
	struct slice line;
	for (size_t at = 0; at < body.n; at++)
		n += body.p[at] == '\n';
	struct slice *list = arena_calloc(a, n + 1, sizeof(*list));
	TRY(arena_ok(a, "an upstream's tags", e));
	while (i < n && slice_next_line(&body, &line))
		list[i++] = line;
	*ret = list;
	*ret_n = i;
	return OK;
}

static enum err_code refresh_tags(struct cached *k, struct err *e)
{
	char key[UPSTREAM_KEY], warning[512];
	struct upstream_flight *f;
	struct gateway *g = k->p->g;
	enum err_code rc;
	bool fresh;
	if (!upstream_key(key, 'l', k->p->repository, SLICE_NULL))
		return err_set(e, ERR_LIMIT, 0, "the name is too long");
	enum upstream_turn turn = upstream_flight_begin(g->upstreams, key, &f, &rc, warning, e);
	if (turn == TURN_LEAD) {
		rc = fetch_tags(k, e);
		upstream_flight_end(g, f, rc, "", e);
		return rc;
	}
	return rc ? rc : look(k, &fresh, e);
}

enum err_code upstream_tags_of(const struct upstream_place *p, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e)
{
	struct cached k = { .p = p, .what = SL("tags"), .a = a };
	bool fresh;
	TRY(upstream_allowed(p, e));
	TRY(look(&k, &fresh, e));
	if (!fresh) {
		enum err_code rc = refresh_tags(&k, e);
		if (rc && !k.there)
			return rc;
	}
	return split(k.body, a, ret, ret_n, e);
}

enum err_code upstream_tags(struct call *c, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e)
{
	struct upstream_place p = upstream_place_of(c);
	return upstream_tags_of(&p, a, ret, ret_n, e);
}

/* --- Referrers ---------------------------------------------------------------------------------------------------------------- */

static enum err_code ask_index(const struct upstream_place *p, struct slice rest, struct arena *a, struct oci_tags *ret, struct oci_answer *answer, struct err *e)
{
	AUTO_BUF body = BUF(OCI_MAX_MANIFEST_BYTES);
	struct upstreams *us = p->g->upstreams;
	struct upstream_one *o;
	uint64_t ms = upstream_timeout_ms(p->u);
	struct oci_registry_request q = { .repository = p->name, .rest = rest, .accept = OCI_ACCEPT_MANIFESTS, .once = true, .head_ms = ms, .whole_ms = ms };
	*answer = (struct oci_answer){ 0 };
	TRY(upstream_one_get(p->g, p->u, &o, e));
	TRY(upstream_begin(us, o, 3000, e));
	enum err_code rc = oci_registry_fetch(o->registry, &q, &body, answer, e);
	upstream_end(us, o, rc, answer, e);
	return rc ? rc : oci_index_digests(buf_slice(&body), UPSTREAM_MOST_REFERRERS, a, ret, e);
}

/* The API, and the tag "sha256-<hex>" that clients push where there is none, or was none when they pushed. */
static enum err_code referrer_digests(const struct upstream_place *p, struct slice digest, struct arena *a, struct oci_tags *ret, struct err *e)
{
	struct oci_answer answer;
	struct oci_tags more = { 0 };
	struct slice hex = slice_from(digest, (size_t)slice_find_byte(digest, ':') + 1);
	struct slice api = arena_printf(a, "referrers/%.*s", SLICE_ARG(digest));
	struct slice tag = arena_printf(a, "manifests/%.*s-%.*s", (int)(digest.n - hex.n - 1), (const char *)digest.p, SLICE_ARG(hex));
	TRY(arena_ok(a, "referrers", e));
	enum err_code rc = ask_index(p, api, a, ret, &answer, e);
	if (rc && (answer.status < 400 || answer.status >= 500 || answer.status == 401 || answer.status == 403 || answer.status == 429))
		return rc;
	if (rc)
		*ret = (struct oci_tags){ 0 };
	rc = ask_index(p, tag, a, &more, &answer, e);
	if (rc)
		return rc == ERR_NOT_FOUND ? OK : rc;
	for (size_t i = 0; i < more.n && ret->n < UPSTREAM_MOST_REFERRERS; i++) {
		struct slice *to = ARENA_PUSH(a, ret);
		if (to)
			*to = more.items[i];
	}
	return arena_ok(a, "referrers", e);
}

static enum err_code fetch_referrer(const struct upstream_place *p, struct slice subject, struct slice digest, struct err *e)
{
	AUTO_ARENA a = ARENA(UPSTREAM_ARENA);
	struct store_manifest m;
	struct oci_answer answer;
	bool here;
	TRY(upstream_has(p, digest, &here, e));
	if (here)
		return OK;
	TRY(upstream_ask_manifest(p, digest, &a, &m, &answer, e));
	if (!slice_eq(m.subject, subject))
		return OK;		/* it says itself that it belongs to something else */
	struct upstream_batch b = { 0 };
	struct store_manifest *to = ARENA_PUSH(&a, &b);
	if (to)
		*to = m;
	TRY(arena_ok(&a, "a referrer", e));
	return upstream_store(p, &b, SLICE_NULL, e);
}

static enum err_code fetch_referrers(struct cached *k, struct slice digest, struct err *e)
{
	AUTO_ARENA a = ARENA(4 * MIB);
	struct oci_tags list = { 0 };
	uint64_t until = os_monotonic_ns() + 2 * upstream_timeout_ms(k->p->u) * 1000000;
	TRY(referrer_digests(k->p, digest, &a, &list, e));
	for (size_t i = 0; i < list.n; i++) {
		enum err_code rc = fetch_referrer(k->p, digest, list.items[i], e);
		/* One that is gone, or is none, is no reason to go without the others. */
		if (rc && rc != ERR_NOT_FOUND && rc != ERR_FORMAT && rc != ERR_UNSUPPORTED && rc != ERR_DIGEST)
			return rc;
		if (os_monotonic_ns() > until)
			return err_set(e, ERR_TIMEOUT, 0, "%.*s takes too long to send referrers", SLICE_ARG(k->p->u->name));
	}
	k->body = SL("");
	return sql_write(k->p->g->store.sql, cache_tx, k, e);
}

static enum err_code referrers(struct cached *k, struct slice digest, struct err *e)
{
	char key[UPSTREAM_KEY], ignored[512];
	struct upstream_flight *f;
	enum err_code rc;
	bool here, fresh;
	TRY(upstream_allowed(k->p, e));
	TRY(upstream_has(k->p, digest, &here, e));
	if (!here)
		return OK;
	TRY(look(k, &fresh, e));
	if (fresh || !upstream_key(key, 'r', k->p->repository, digest))
		return OK;
	if (upstream_flight_begin(k->p->g->upstreams, key, &f, &rc, ignored, e) != TURN_LEAD)
		return rc;
	rc = fetch_referrers(k, digest, e);
	upstream_flight_end(k->p->g, f, rc, "", e);
	return rc;
}

void upstream_referrers(struct call *c, struct slice digest, char ret_warning[512])
{
	AUTO_ARENA a = ARENA(64 * KIB);
	struct upstream_place p = upstream_place_of(c);
	struct cached k = { .p = &p, .a = &a };
	struct err e = { 0 };
	*ret_warning = 0;
	if (!c->upstream || !oci_digest_valid(digest))
		return;
	k.what = arena_printf(&a, "referrers %.*s", SLICE_ARG(digest));
	if (a.failed || !referrers(&k, digest, &e))
		return;
	snprintf(ret_warning, 512, "%.*s could not be asked for newer referrers: %.400s", SLICE_ARG(p.u->name), e.msg);
}
