/* Blobs: given out only where an admitted manifest of the repository names them (GATE.md 10, 11). */
#include "gate_inside.h"
#include "os.h"
#include "store_content.h"

enum { OWN_HEAD_S = 3600, MOST_STALE = 8 };

struct blob_look {
	struct call *c;
	struct slice digest;
	struct arena *arena;
	int64_t repo_id;
	uint64_t size;
	bool absent, admitted, linked, own, named, pending;
	struct slice judged;		/* a manifest of the repository that names it and was refused or held */
	struct slice_items stale;
	bool off;
};

static enum err_code stale_manifests(struct sql_tx *tx, struct blob_look *k, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT v.digest FROM manifest_ref m JOIN verdict v ON v.digest = m.digest AND v.repo_id = ?1 WHERE m.child = ?2 AND m.kind < 2 AND"
		      " v.state IN (3, 4, 5) AND (v.generation <> ?3 OR (v.expires_s > 0 AND v.expires_s <= ?4)) LIMIT 8", "itii", k->repo_id, k->digest,
		      atomic_load(&k->c->g->gate->generation), (int64_t)os_now_s()));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct slice *to = ARENA_PUSH(k->arena, &k->stale);
		if (to)
			*to = arena_dup(k->arena, sql_text(rows, 0));
		TRY(arena_ok(k->arena, "a list of manifests", e));
	}
}

/* The uploader's own: named by a manifest here, and is one of those still being judged? */
static enum err_code look_own(struct sql_tx *tx, struct blob_look *k, struct err *e)
{
	int64_t n;
	TRY(store_blob_named(tx, k->repo_id, k->digest, &k->named, e));
	if (!k->named)
		return OK;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM manifest_ref m JOIN repo_manifest r ON r.digest = m.digest AND r.repo_id = ?1 LEFT JOIN verdict v"
			" ON v.digest = m.digest AND v.repo_id = ?1 WHERE m.child = ?2 AND m.kind < 2 AND " STORE_REF_HELD("m") " AND COALESCE(v.state, 0) < 3", "it", k->repo_id, k->digest));
	k->pending = n > 0;
	if (k->pending)
		return OK;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT m.digest FROM manifest_ref m JOIN repo_manifest r ON r.digest = m.digest AND r.repo_id = ?1 JOIN verdict v"
		      " ON v.digest = m.digest AND v.repo_id = ?1 WHERE m.child = ?2 AND m.kind < 2 AND v.state IN (4, 5) LIMIT 1", "it", k->repo_id, k->digest));
	TRY(sql_next(rows, &row, e));
	if (row)
		k->judged = arena_dup(k->arena, sql_text(rows, 0));
	return arena_ok(k->arena, "a manifest's digest", e);
}

/* Who pulls what it has just pushed had the manifest before the verdict: it learns the reason here. */
static enum err_code tell_pusher(struct blob_look *k, struct gate_answer *ret, struct err *e)
{
	struct gate_answer a = { 0 };
	TRY(gate_manifest(k->c, k->judged, &a, e));
	if (a.result == GATE_REFUSED || a.result == GATE_HELD) {
		*ret = a;
	} else if (a.result == GATE_YES && a.own) {	/* the manifest is its own, the bytes are nobody's */
		ret->result = GATE_HELD;
		memcpy(ret->text, a.warning, sizeof(ret->text));
	}
	return OK;
}

static enum err_code blob_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct blob_look *k = arg;
	struct call *c = k->c;
	int64_t n;
	k->stale = (struct slice_items){ 0 };
	k->judged = SLICE_NULL;
	k->absent = k->admitted = k->linked = k->own = k->named = k->pending = false;
	enum err_code code = store_repo(tx, c->repository, SLICE_NULL, false, &k->repo_id, e);
	if (code == OK)
		code = store_blob_size(tx, k->digest, &k->size, e);
	if (code == ERR_NOT_FOUND) {
		k->absent = true;
		return OK;
	}
	if (code != OK)
		return code;
	if (k->off) {
		TRY(store_blob_linked(tx, k->repo_id, k->digest, SL(""), true, 0, &k->linked, e));
		TRY(store_blob_named(tx, k->repo_id, k->digest, &k->named, e));
		k->linked = k->linked || k->named;
		return OK;
	}
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM (SELECT 1 FROM manifest_ref m JOIN verdict v ON v.digest = m.digest AND v.repo_id = ?1"
			" JOIN repo_manifest r ON r.digest = m.digest AND r.repo_id = ?1 WHERE m.child = ?2 AND m.kind < 2 AND " STORE_REF_HELD("m")
			" AND v.state = 3 AND v.generation = ?3 AND (v.expires_s = 0 OR v.expires_s > ?4) LIMIT 1) AS found", "itii", k->repo_id, k->digest,
			atomic_load(&c->g->gate->generation), (int64_t)os_now_s()));
	k->admitted = n > 0;
	if (!c->who.anonymous)
		TRY(store_blob_linked(tx, k->repo_id, k->digest, slice_str(c->who.name), false, os_now_s() - OWN_HEAD_S, &k->own, e));
	if (k->own && !k->admitted)
		TRY(look_own(tx, k, e));
	return k->admitted ? OK : stale_manifests(tx, k, e);
}

enum err_code gate_blob(struct call *c, struct slice digest, struct gate_answer *ret, uint64_t *ret_size, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct blob_look k = { .c = c, .digest = digest, .arena = &a, .off = c->rule->gate != GATE_ENFORCE };
	bool head = slice_eqs(http_method(c->r), "HEAD");
	TRY(sql_read(c->g->store.sql, blob_tx, &k, e));
	for (size_t i = 0; !k.absent && i < k.stale.n; i++) {
		bool queued;
		TRY(gate_judge_again(c->g, k.repo_id, c->repository, k.stale.items[i], true, &queued, e));
	}
	if (k.stale.n)
		TRY(sql_read(c->g->store.sql, blob_tx, &k, e));
	bool own = !k.absent && !k.off && !k.admitted && k.own && (head || !k.named);
	bool yes = !k.absent && (k.off ? k.linked : k.admitted || own);
	*ret = (struct gate_answer){ .result = yes ? GATE_YES : !k.absent && k.pending ? GATE_WAIT : GATE_ABSENT, .own = own, .retry_s = 5 };
	if (yes)
		*ret_size = k.size;
	return !yes && !k.absent && k.judged.n ? tell_pusher(&k, ret, e) : OK;
}

bool gate_blob_pushed(struct call *c, struct slice digest, uint64_t *ret_size, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct blob_look k = { .c = c, .digest = digest, .arena = &a, .off = c->rule->gate != GATE_ENFORCE };
	if (sql_read(c->g->store.sql, blob_tx, &k, e) != OK || k.absent)
		return false;
	*ret_size = k.size;
	return k.off ? k.linked : k.admitted || k.own;
}

/* --- Memory: positive answers of full GETs only ------------------------------------------------------------------------------ */

/* The whole names are compared: a repository's name is its owner's choice, so no hash of it may stand for it. NULL: too long to be remembered. */
static struct gate_memory *memory_slot(struct call *c, struct slice digest)
{
	struct gate *gate = c->g->gate;
	if (c->repository.n >= sizeof(gate->memory[0].repository) || digest.n >= sizeof(gate->memory[0].digest))
		return NULL;
	return &gate->memory[(slice_hash(c->repository) ^ slice_hash(digest)) % GATE_MEMORY];
}

static bool memory_is(const struct gate_memory *m, struct call *c, struct slice digest)
{
	return slice_eqs(c->repository, m->repository) && slice_eqs(digest, m->digest);
}

bool gate_blob_known(struct call *c, struct slice digest, uint64_t *ret_size)
{
	struct gate *gate = c->g->gate;
	struct gate_memory *m = memory_slot(c, digest);
	uint64_t now = os_monotonic_ns();
	if (!m)
		return false;
	pthread_mutex_lock(&gate->memory_lock);
	bool hit = m->changes && m->changes == atomic_load(&c->g->changes) && now < m->until_ns && memory_is(m, c, digest);
	uint64_t size = m->size;
	pthread_mutex_unlock(&gate->memory_lock);
	if (hit && store_now_ms() > atomic_load(&gate->checked_ms) + (c->g->config->max_staleness_ms ? c->g->config->max_staleness_ms : 5000))
		hit = c->rule->gate == GATE_OFF;
	if (hit)
		*ret_size = size;
	return hit;
}

void gate_blob_remember(struct call *c, struct slice digest, uint64_t size, uint64_t changes)
{
	struct gate *gate = c->g->gate;
	struct gate_memory *m = memory_slot(c, digest);
	if (!m)
		return;
	pthread_mutex_lock(&gate->memory_lock);
	*m = (struct gate_memory){ .size = size, .changes = changes, .until_ns = os_monotonic_ns() + GATE_MEMORY_MS * UINT64_C(1000000) };
	memcpy(m->repository, c->repository.p, c->repository.n);
	memcpy(m->digest, digest.p, digest.n);
	pthread_mutex_unlock(&gate->memory_lock);
}
