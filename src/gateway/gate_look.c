/* What is known of a manifest in a repository, as one answer; and the tags that follow from it. */
#include "gate_inside.h"
#include "os.h"
#include "store_content.h"
#include "upstream.h"

enum { MOST_DEPTH = 4, MOST_LOOKS = 512, MOST_REFS = 8192, MOST_PROMOTED = 512, MOST_LOOKS_PROMOTING = 4096 };

static enum err_code push_item(struct arena *a, struct slice_items *list, struct slice digest, struct err *e)
{
	for (size_t i = 0; i < list->n; i++)
		if (slice_eq(list->items[i], digest))
			return OK;
	struct slice *to = ARENA_PUSH(a, list);
	if (to)
		*to = arena_dup(a, digest);
	return arena_ok(a, "a list of manifests", e);
}

/* Refused beats held beats waiting beats admitted; of equals the first one speaks. */
static void worsen(struct gate_view *view, enum gate_result result, struct slice about, struct slice reasons)
{
	static const int weight[] = { [GATE_YES] = 0, [GATE_WAIT] = 1, [GATE_HELD] = 2, [GATE_REFUSED] = 3, [GATE_ABSENT] = 4 };
	if (weight[result] <= weight[view->result])
		return;
	view->result = result;
	view->about = about;
	view->reasons = reasons;
}

/* Admitted, but its content was let go (store_keep.h): fetched again where it came from upstream. */
static enum err_code look_gone(struct gateway *g, struct slice repository, struct slice digest, struct arena *a, struct gate_view *view, struct err *e)
{
	struct slice rest;
	bool reserved;
	if (!config_upstream_of(g->config, repository, &rest, &reserved)) {
		worsen(view, GATE_HELD, digest, SL("[{\"rule\":\"content-removed\",\"text\":\"its content was removed from the store and has to be pushed again\",\"decision\":"
						    "\"hold\",\"findings\":[]}]"));
		return OK;
	}
	view->unfetched = true;
	worsen(view, GATE_WAIT, digest, SLICE_NULL);
	return push_item(a, &view->missing, digest, e);
}

/* An index names it, but it is not in the repository: fetched where it comes from upstream; nobody can wait for one that was deleted here. */
static enum err_code look_missing(struct gateway *g, struct slice repository, struct slice digest, struct arena *a, struct gate_view *view, struct err *e)
{
	struct slice rest;
	bool reserved;
	if (!config_upstream_of(g->config, repository, &rest, &reserved)) {
		worsen(view, GATE_HELD, digest, SL("[{\"rule\":\"child-missing\",\"text\":\"an image that the index names is not in the repository and has to be pushed again\","
						    "\"decision\":\"hold\",\"findings\":[]}]"));
		return OK;
	}
	view->unfetched = true;
	worsen(view, GATE_WAIT, digest, SLICE_NULL);
	return push_item(a, &view->missing, digest, e);
}

static enum err_code look_verdict(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, const struct store_manifest *m, struct arena *a,
				  struct gate_view *view, struct err *e)
{
	struct store_verdict v;
	struct slice digest = m->digest;
	enum err_code code = store_verdict_get(tx, repo_id, digest, a, &v, e);
	if (code == ERR_NOT_FOUND) {
		view->unfetched = true;
		worsen(view, GATE_WAIT, digest, SLICE_NULL);
		return push_item(a, &view->missing, digest, e);
	}
	if (code != OK)
		return code;
	bool judged = v.state == STATE_ADMITTED || v.state == STATE_REFUSED || v.state == STATE_HELD;
	if (v.state == STATE_FAILED && v.attempts >= UINT16_MAX) {
		/* Given up: what could not be inspected waits for a person, and is never admitted. */
		worsen(view, GATE_HELD, digest, v.reasons);
		return OK;
	}
	if (!judged) {
		view->unfetched = true;
		view->failed = view->failed || v.state == STATE_FAILED;
		worsen(view, GATE_WAIT, digest, v.reasons);
		return v.state == STATE_UNKNOWN ? push_item(a, &view->missing, digest, e) : OK;
	}
	if (v.generation != atomic_load(&g->gate->generation) || (v.expires_s && v.expires_s <= os_now_s())) {
		worsen(view, GATE_WAIT, digest, SLICE_NULL);
		return push_item(a, &view->stale, digest, e);
	}
	if (v.expires_s && (!view->expires_s || v.expires_s < view->expires_s))
		view->expires_s = v.expires_s;
	if (m->gone_s && (v.state == STATE_ADMITTED || config_repository_for(g->config, repository)->gate != GATE_ENFORCE))
		return look_gone(g, repository, digest, a, view, e);
	worsen(view, v.state == STATE_ADMITTED ? GATE_YES : v.state == STATE_HELD ? GATE_HELD : GATE_REFUSED, digest, v.reasons);
	return OK;
}

static bool platform_in(const struct slice_items *list, struct slice platform)
{
	for (size_t i = 0; i < list->n; i++) {
		struct slice want = list->items[i];
		/* "linux/arm64" also means each of its variants */
		if (slice_eq(want, platform) || (slice_has_prefix(platform, want) && platform.n > want.n && platform.p[want.n] == '/'))
			return true;
	}
	return false;
}

const struct slice_items *gate_platforms(struct gateway *g, struct slice repository)
{
	const struct config_repository *rule = config_repository_for(g->config, repository);
	struct slice rest;
	bool reserved;
	const struct config_upstream *u = config_upstream_of(g->config, repository, &rest, &reserved);
	return rule->platforms.n || !u ? &rule->platforms : &u->platforms;
}

static bool is_attestation(struct slice platform) { return slice_eqs(platform, "unknown/unknown"); }

/* The children that count for an index: of a platform of interest; where there is none such, all but attestations (GATE.md 7). */
static bool names_any_of(const struct slice_items *platforms, const struct store_manifest *index)
{
	for (size_t i = 0; i < index->n_refs; i++)
		if (index->refs[i].kind == STORE_REF_CHILD && platform_in(platforms, index->refs[i].platform))
			return true;
	return false;
}

static bool counts(const struct slice_items *platforms, bool some, const struct store_ref *ref)
{
	/* A nested index says no platform of its own. */
	return ref->kind == STORE_REF_CHILD && !is_attestation(ref->platform) && (!some || !ref->platform.n || platform_in(platforms, ref->platform));
}

bool gate_child_counts(const struct slice_items *platforms, const struct store_manifest *index, const struct store_ref *ref)
{
	return counts(platforms, names_any_of(platforms, index), ref);
}

static enum err_code look_index(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, const struct store_manifest *m, unsigned depth,
				struct arena *a, struct gate_view *view, struct err *e)
{
	const struct slice_items *platforms = gate_platforms(g, repository);
	bool some = names_any_of(platforms, m);
	if (depth >= MOST_DEPTH)
		return err_set(e, ERR_LIMIT, 0, "indexes are nested deeper than %d", MOST_DEPTH);
	for (size_t i = 0; i < m->n_refs; i++) {
		if (!counts(platforms, some, &m->refs[i]))
			continue;
		TRY(gate_look(g, tx, repo_id, repository, m->refs[i].digest, depth + 1, a, view, e));
	}
	return OK;
}

enum err_code gate_look(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, unsigned depth, struct arena *a,
			struct gate_view *view, struct err *e)
{
	struct store_manifest m;
	/* Indexes that name indexes that name each other's children multiply: five small ones can ask for millions of looks. */
	if (view->looked++ >= MOST_LOOKS)
		return err_set(e, ERR_LIMIT, 0, "an index, with those it names, has more than %d manifests to inspect", MOST_LOOKS);
	enum err_code code = store_manifest_get(tx, repo_id, digest, 0, a, &m, e);
	if (code == ERR_NOT_FOUND && depth)
		return look_missing(g, repository, digest, a, view, e);
	if (code == ERR_NOT_FOUND) {
		view->unfetched = true;
		worsen(view, GATE_ABSENT, digest, SLICE_NULL);
		return OK;
	}
	if (code != OK)
		return code;
	if (m.kind != STORE_INDEX)
		return look_verdict(g, tx, repo_id, repository, &m, a, view, e);
	/* An index has a verdict of its own only when a person revoked it. */
	struct store_verdict v;
	code = store_verdict_get(tx, repo_id, digest, a, &v, e);
	if (code == OK && v.state == STATE_REFUSED)
		worsen(view, GATE_REFUSED, digest, v.reasons);
	else if (code != OK && code != ERR_NOT_FOUND)
		return code;
	TRY(store_manifest_get(tx, repo_id, digest, STORE_WITH_REFS, a, &m, e));
	view->refs += (unsigned)m.n_refs;
	if (view->refs > MOST_REFS)
		return err_set(e, ERR_LIMIT, 0, "an index, with those it names, has more than %d entries", MOST_REFS);
	return look_index(g, tx, repo_id, repository, &m, depth, a, view, e);
}

/* --- Tags ------------------------------------------------------------------------------------------------------------------ */

struct waiting_tag { struct slice name; int64_t seq; };
struct waiting_tags { struct waiting_tag *items; size_t n, cap; };

/* Tags that this was pushed to behind what they serve, also when something else was pushed since: that may never be admitted (GATE.md 3). What was pushed to a tag
 * before it was deleted is not meant. */
static enum err_code tags_of(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct waiting_tags *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT t.name, max(h.seq) FROM tag_history h JOIN tag t ON t.repo_id = h.repo_id AND t.name = h.name WHERE h.digest = ?2 AND h.repo_id = ?1"
		      " AND h.what < 2 AND h.seq > t.served_seq AND h.seq > (SELECT coalesce(max(d.seq), 0) FROM tag_history d WHERE d.repo_id = ?1 AND d.name = t.name"
		      " AND d.what = 3) GROUP BY t.name LIMIT 1000", "it", repo_id, digest));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct waiting_tag *t = ARENA_PUSH(a, ret);
		if (t)
			*t = (struct waiting_tag){ arena_dup(a, sql_text(rows, 0)), sql_int(rows, 1) };
		TRY(arena_ok(a, "a list of tags", e));
	}
}

static enum err_code serve_tag(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, const struct waiting_tag *t,
			       struct err *e)
{
	const struct config_repository *rule = config_repository_for(g->config, repository);
	struct slice rest;
	bool reserved, back, changed;
	const struct config_upstream *u = config_upstream_of(g->config, repository, &rest, &reserved);
	if (!u && rule->gate == GATE_ENFORCE && rule->rollback == ROLLBACK_HOLD) {
		TRY(store_tag_is_rollback(tx, repo_id, t->name, digest, &back, e));
		if (back)	/* told when it was pushed */
			return OK;
	}
	if (u && u->cool_down_ms && rule->gate == GATE_ENFORCE) {
		uint64_t wait_s;
		bool cooled;
		TRY(upstream_cooled(g, tx, u, repo_id, digest, &cooled, &wait_s, e));
		if (!cooled)
			return OK;
	}
	return store_tag_serve(tx, repo_id, t->name, digest, t->seq, &changed, e);
}

static enum err_code parents_of(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct slice_items *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT DISTINCT m.digest FROM manifest_ref m JOIN repo_manifest r ON r.digest = m.digest AND r.repo_id = ?1"
		      " WHERE m.child = ?2 AND m.kind = 2 LIMIT 100", "it", repo_id, digest));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		TRY(push_item(a, ret, sql_text(rows, 0), e));
	}
}

struct promotion { struct gateway *g; struct sql_tx *tx; int64_t repo_id; struct slice repository; unsigned looked; };

static enum err_code promote_one(struct promotion *p, struct slice digest, bool *ret_yes, struct err *e)
{
	AUTO_ARENA a = ARENA(16 * MIB);
	struct gate_view view = { 0 };
	struct waiting_tags tags = { 0 };
	enum err_code code = OK;
	if (config_repository_for(p->g->config, p->repository)->gate == GATE_ENFORCE)
		code = gate_look(p->g, p->tx, p->repo_id, p->repository, digest, 0, &a, &view, e);
	p->looked += view.looked;
	*ret_yes = code == OK && view.result == GATE_YES;
	if (!*ret_yes)
		return code;
	TRY(tags_of(p->tx, p->repo_id, digest, &a, &tags, e));
	for (size_t i = 0; i < tags.n; i++)
		TRY(serve_tag(p->g, p->tx, p->repo_id, p->repository, digest, &tags.items[i], e));
	return OK;
}

enum err_code gate_promote(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, struct err *e)
{
	AUTO_ARENA a = ARENA(4 * MIB);
	struct promotion p = { g, tx, repo_id, repository, 0 };
	struct slice_items queue = { 0 };
	TRY(push_item(&a, &queue, digest, e));
	for (size_t i = 0; i < queue.n && i < MOST_PROMOTED && p.looked < MOST_LOOKS_PROMOTING; i++) {
		struct err why = { 0 };
		bool yes;
		enum err_code code = promote_one(&p, queue.items[i], &yes, &why);
		/* Somebody's index that names too much must not stop the verdict on an image that it names. */
		if (code != OK && !(i && code == ERR_LIMIT)) {
			*e = why;
			return code;
		}
		if (yes && queue.n < MOST_PROMOTED)
			TRY(parents_of(tx, repo_id, queue.items[i], &a, &queue, e));
	}
	return OK;
}
