/* Cool-down: what is young at its upstream waits, and is served when it is old enough. Watched tags: the clock runs before anybody pulls (GATE.md 5). */
#include "gate_inside.h"
#include "upstream_inside.h"

enum { POLL_EVERY_MS = 10000, PROMOTE_EVERY_MS = 5000, MOST_TAGS_POLLED = 500, MOST_ASKED = 50 };

struct approved { struct slice repository; bool yes; };

static enum err_code on_decision(void *arg, const struct store_decision *d, struct err *e)
{
	struct approved *a = arg;
	(void)e;
	a->yes = a->yes || (slice_eqs(d->kind, "approve") && slice_glob(d->repositories, a->repository));
	return OK;
}

static enum err_code is_approved(struct sql_tx *tx, int64_t repo_id, struct slice digest, bool *ret, struct err *e)
{
	AUTO_ARENA arena = ARENA(8 * KIB);
	AUTO_SQL_ROWS rows = NULL;
	struct approved a = { 0 };
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM repo WHERE id = ?1", "i", repo_id));
	TRY(sql_next(rows, &row, e));
	*ret = false;
	if (!row)
		return OK;
	a.repository = arena_dup(&arena, sql_text(rows, 0));
	TRY(store_decisions(tx, digest, false, on_decision, &a, e));
	*ret = a.yes;
	return OK;
}

enum err_code upstream_cooled(struct gateway *g, struct sql_tx *tx, const struct config_upstream *u, int64_t repo_id, struct slice digest, bool *ret, uint64_t *ret_wait_s,
			      struct err *e)
{
	uint64_t need_s = (u->cool_down_ms + 999) / 1000, now = os_now_s();
	int64_t at;
	(void)g;
	*ret = true;
	*ret_wait_s = 0;
	if (!need_s)
		return OK;
	enum err_code rc = sql_one_int(tx, &at, e, "SELECT at_s FROM first_seen WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest);
	if (rc && rc != ERR_NOT_FOUND)
		return rc;
	/* Never seen there (pushed, imported): its clock has not begun. */
	uint64_t age = rc || (uint64_t)at > now ? 0 : now - (uint64_t)at;
	if (age >= need_s)
		return OK;
	TRY(is_approved(tx, repo_id, digest, ret, e));
	*ret_wait_s = *ret ? 0 : need_s - age;
	return OK;
}

enum err_code upstream_young(struct call *c, struct sql_tx *tx, int64_t repo_id, struct slice digest, uint64_t *ret_wait_s, struct err *e)
{
	bool cooled;
	*ret_wait_s = 0;
	return c->upstream && c->rule->gate == GATE_ENFORCE ? upstream_cooled(c->g, tx, c->upstream, repo_id, digest, &cooled, ret_wait_s, e) : OK;
}

/* --- Serving what has cooled down ------------------------------------------------------------------------------------------- */

struct candidate { int64_t repo_id, seq; struct slice repository, tag, digest; };
struct promoting {
	struct gateway *g;
	const struct config_upstream *u;
	struct arena *a;
	struct { struct candidate *items; size_t n, cap; } list;
	const struct candidate *one;
};

/* Newest first for each tag. */
static enum err_code candidates_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct promoting *p = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	p->list.n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT r.id, r.name, t.name, h.digest, h.seq FROM repo r JOIN tag t ON t.repo_id = r.id JOIN tag_history h ON h.repo_id = t.repo_id AND"
		      " h.name = t.name AND h.seq > t.served_seq JOIN first_seen f ON f.repo_id = h.repo_id AND f.digest = h.digest WHERE r.upstream = ?1 AND"
		      " t.pushed_seq > t.served_seq AND h.what = 1 AND f.at_s <= ?2 ORDER BY r.id, t.name, h.seq DESC LIMIT 500", "ti", p->u->name,
		      (int64_t)(os_now_s() - (p->u->cool_down_ms + 999) / 1000)));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct candidate *c = ARENA_PUSH(p->a, &p->list);
		if (c)
			*c = (struct candidate){ .repo_id = sql_int(rows, 0), .repository = arena_dup(p->a, sql_text(rows, 1)), .tag = arena_dup(p->a, sql_text(rows, 2)),
				.digest = arena_dup(p->a, sql_text(rows, 3)), .seq = sql_int(rows, 4) };
		TRY(arena_ok(p->a, "tags that cool down", e));
	}
}

static enum err_code promote_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct promoting *p = arg;
	const struct candidate *c = p->one;
	AUTO_ARENA a = ARENA(16 * MIB);
	struct gate_view view = { 0 };
	bool changed;
	TRY(gate_look(p->g, tx, c->repo_id, c->repository, c->digest, 0, &a, &view, e));
	if (view.result != GATE_YES)
		return OK;
	TRY(store_tag_serve(tx, c->repo_id, c->tag, c->digest, c->seq, &changed, e));
	return changed ? sql_announce(tx, e) : OK;
}

static enum err_code ready_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct promoting *p = arg;
	AUTO_ARENA a = ARENA(16 * MIB);
	struct gate_view view = { 0 };
	TRY(gate_look(p->g, tx, p->one->repo_id, p->one->repository, p->one->digest, 0, &a, &view, e));
	return view.result == GATE_YES ? OK : err_set(e, ERR_NOT_FOUND, 0, "not admitted");
}

static void promote(struct gateway *g, const struct config_upstream *u)
{
	AUTO_ARENA a = ARENA(2 * MIB);
	struct promoting p = { .g = g, .u = u, .a = &a };
	const struct candidate *served = NULL;
	struct err e = { 0 };
	if (sql_read(g->store.sql, candidates_tx, &p, &e))
		return;
	for (size_t i = 0; i < p.list.n; i++) {
		const struct candidate *c = &p.list.items[i];
		if ((served && served->repo_id == c->repo_id && slice_eq(served->tag, c->tag)) || config_repository_for(g->config, c->repository)->gate != GATE_ENFORCE)
			continue;
		p.one = c;
		if (!sql_read(g->store.sql, ready_tx, &p, &e) && !sql_write(g->store.sql, promote_tx, &p, &e))
			served = c;
	}
}

/* --- Watched tags -------------------------------------------------------------------------------------------------------------- */

static bool is_pattern(struct slice s) { return slice_find_byte(s, '*') >= 0 || slice_find_byte(s, '?') >= 0 || slice_find_byte(s, '[') >= 0; }

/* false: upstream does not answer, so the rest would not be answered either. */
static bool poll_tags(const struct upstream_place *p, struct slice pattern, unsigned *asked)
{
	AUTO_ARENA a = ARENA(32 * MIB);
	char warning[512];
	struct err e = { 0 };
	struct slice *tags = &pattern;
	size_t n = 1;
	uint64_t before = atomic_load(&p->g->upstreams->requests);
	if (is_pattern(pattern) && upstream_tags_of(p, &a, &tags, &n, &e))
		return e.code == ERR_NOT_FOUND || e.code == ERR_AUTH;
	for (size_t i = 0, matched = 0; i < n && matched < MOST_TAGS_POLLED && *asked < MOST_ASKED && !os_cancelled(); i++) {
		if (is_pattern(pattern) && !slice_glob(pattern, tags[i]))
			continue;
		matched++;
		enum err_code rc = upstream_tag_check(p, tags[i], warning, &e);
		if (rc && rc != ERR_NOT_FOUND)
			return false;
		uint64_t now = atomic_load(&p->g->upstreams->requests);
		*asked += now != before;
		before = now;
	}
	return true;
}

struct watching { const struct upstream_place *base; struct slice pattern; struct arena *a; struct slice_items names; };

static enum err_code names_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct watching *w = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	w->names.n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM repo WHERE upstream = ?1 ORDER BY id LIMIT 1000", "t", w->base->u->name));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct slice name = sql_text(rows, 0), rest = slice_from(name, w->base->u->name.n + 1);
		struct slice *to = slice_glob(w->pattern, rest) ? ARENA_PUSH(w->a, &w->names) : NULL;
		if (to)
			*to = arena_dup(w->a, name);
		TRY(arena_ok(w->a, "watched repositories", e));
	}
}

/* "library/nginx:1.*"; a pattern in the repository's name chooses among those that were pulled from already. */
static bool poll_watch(struct gateway *g, const struct config_upstream *u, struct slice watch, unsigned *asked)
{
	AUTO_ARENA a = ARENA(MIB);
	struct err e = { 0 };
	ptrdiff_t colon = slice_rfind_byte(watch, ':');
	struct slice tags = colon < 0 ? SL("latest") : slice_from(watch, (size_t)colon + 1);
	struct upstream_place p = { .g = g, .u = u, .account = SL("") };
	struct watching w = { .base = &p, .pattern = colon < 0 ? watch : slice_upto(watch, (size_t)colon), .a = &a };
	if (!is_pattern(w.pattern)) {
		struct slice *to = ARENA_PUSH(&a, &w.names);
		if (to)
			*to = arena_printf(&a, "%.*s/%.*s", SLICE_ARG(u->name), SLICE_ARG(w.pattern));
	} else if (sql_read(g->store.sql, names_tx, &w, &e)) {
		return false;
	}
	for (size_t i = 0; i < w.names.n && !a.failed; i++) {
		p.repository = w.names.items[i];
		p.name = slice_from(p.repository, u->name.n + 1);
		if (!poll_tags(&p, tags, asked))
			return false;
	}
	return true;
}

void upstream_poll(struct gateway *g)
{
	struct upstreams *us = g->upstreams;
	uint64_t now = os_monotonic_ns() / 1000000;
	unsigned asked = 0;
	if (!us)
		return;
	for (size_t i = 0; now - us->promoted_ms >= PROMOTE_EVERY_MS && i < g->config->n_upstreams; i++)
		if (g->config->upstreams[i].cool_down_ms)
			promote(g, &g->config->upstreams[i]);
	if (now - us->promoted_ms >= PROMOTE_EVERY_MS)
		us->promoted_ms = now;
	if (now - us->polled_ms < POLL_EVERY_MS)
		return;
	us->polled_ms = now;
	for (size_t i = 0; i < g->config->n_upstreams; i++) {
		const struct config_upstream *u = &g->config->upstreams[i];
		for (size_t w = 0; w < u->watch.n && !os_cancelled(); w++)
			if (!poll_watch(g, u, u->watch.items[w], &asked))
				break;
	}
}
