/* Tags: what upstream says now, at most tag_ttl old. */
#include "metrics.h"
#include "gate.h"
#include "oci.h"
#include "upstream_inside.h"

enum { SEEN_FOLLOWED = 1, SEEN_ONLY = 4 };	/* tag_history.what: the tag followed; it was left as it is */

struct tag_state {
	const struct upstream_place *p;
	struct slice tag;
	bool known;
	int64_t repo_id;
	uint64_t checked_ms;
	char pushed[160], seen[160];	/* what the tag is set to, what upstream last said */
};

static void keep(char dst[160], struct slice s)
{
	size_t n = MIN(s.n, (size_t)159);
	if (n)
		memcpy(dst, s.p, n);
	dst[n] = 0;
}

static enum err_code last_seen(struct sql_tx *tx, int64_t repo_id, struct slice tag, char dst[160], struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	*dst = 0;
	TRY(sql_query(tx, &rows, e, "SELECT digest FROM tag_history WHERE repo_id = ?1 AND name = ?2 AND what IN (1, 4) ORDER BY seq DESC LIMIT 1", "it", repo_id, tag));
	TRY(sql_next(rows, &row, e));
	if (row)
		keep(dst, sql_text(rows, 0));
	return OK;
}

static enum err_code state_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_state *s = arg;
	AUTO_ARENA a = ARENA(16 * KIB);
	struct store_tag t;
	s->known = false;
	enum err_code rc = store_repo(tx, s->p->repository, SLICE_NULL, false, &s->repo_id, e);
	if (!rc)
		rc = store_tag_get(tx, s->repo_id, s->tag, &a, &t, e);
	if (rc)
		return rc == ERR_NOT_FOUND ? OK : rc;
	s->known = true;
	s->checked_ms = t.checked_ms;
	keep(s->pushed, t.pushed_digest);
	return last_seen(tx, s->repo_id, s->tag, s->seen, e);
}

static enum err_code read_state(struct tag_state *s, struct err *e) { return sql_read(s->p->g->store.sql, state_tx, s, e); }

static bool fresh(const struct tag_state *s)
{
	uint64_t now = store_now_ms();
	return s->known && s->checked_ms <= now && now - s->checked_ms < s->p->u->tag_ttl_ms;
}

enum err_code upstream_note_tag(const struct upstream_place *p, struct sql_tx *tx, int64_t repo_id, struct slice tag, struct slice digest, bool back, struct err *e)
{
	char seen[160];
	AUTO_BUF body = BUF(2048);
	int64_t now_ms = (int64_t)store_now_ms();
	TRY(sql_run(tx, NULL, e, "UPDATE tag SET checked_ms = ?3 WHERE repo_id = ?1 AND name = ?2", "iti", repo_id, tag, now_ms));
	TRY(last_seen(tx, repo_id, tag, seen, e));
	if (slice_eqs(digest, seen))
		return OK;
	TRY(sql_run(tx, NULL, e, "INSERT INTO tag_history (repo_id, name, digest, what, account, at_s) VALUES (?1, ?2, ?3, ?4, '', ?5)", "ittii", repo_id, tag, digest,
		    (int64_t)SEEN_ONLY, (int64_t)os_now_s()));
	if (!back)
		return OK;
	buf_puts(&body, "{\"tag\":\"");
	text_json_escape(&body, tag);
	buf_puts(&body, "\",\"upstream\":\"");
	text_json_escape(&body, p->u->name);
	buf_puts(&body, "\",\"followed\":false}");
	TRY(buf_ok(&body, "an event", e));
	return event_put(p->g, tx, "tag.rollback", p->repository, digest, buf_slice(&body), e);
}

/* --- Looking upstream ---------------------------------------------------------------------------------------------------------- */

static enum err_code touch_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_state *s = arg;
	return upstream_note_tag(s->p, tx, s->repo_id, s->tag, slice_str(s->pushed), false, e);
}

static enum err_code checked_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_state *s = arg;
	return sql_run(tx, NULL, e, "UPDATE tag SET checked_ms = ?3 WHERE repo_id = ?1 AND name = ?2", "iti", s->repo_id, s->tag, (int64_t)s->checked_ms);
}

struct stored { struct tag_state *s; struct slice digest; struct arena *a; struct store_manifest m; bool here; };

static enum err_code stored_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct stored *k = arg;
	enum err_code rc = store_manifest_get(tx, k->s->repo_id, k->digest, STORE_WITH_BODY | STORE_WITH_REFS, k->a, &k->m, e);
	k->here = !rc;
	return rc == ERR_NOT_FOUND ? OK : rc;
}

/* A digest we have already is not fetched again. */
static enum err_code use_known(struct tag_state *s, const char *digest, struct arena *a, bool *ret, struct err *e)
{
	struct stored k = { .s = s, .digest = slice_str(digest), .a = a };
	*ret = false;
	if (!*digest)
		return OK;
	TRY(sql_read(s->p->g->store.sql, stored_tx, &k, e));
	*ret = k.here;
	return k.here ? upstream_take(s->p, &k.m, s->tag, a, e) : OK;
}

static enum err_code refresh(struct tag_state *s, struct err *e)
{
	AUTO_ARENA a = ARENA(UPSTREAM_ARENA);
	char digest[160] = "";
	struct store_manifest m;
	struct oci_answer answer;
	bool done = false;
	if (s->known) {
		TRY(upstream_ask_digest(s->p, s->tag, digest, e));
		if (*digest && !strcmp(digest, s->pushed))
			return sql_write(s->p->g->store.sql, touch_tx, s, e);
		if (*digest && !strcmp(digest, s->seen)) {	/* still rolled back */
			s->checked_ms = store_now_ms();
			return sql_write(s->p->g->store.sql, checked_tx, s, e);
		}
		TRY(use_known(s, digest, &a, &done, e));
	}
	if (done)
		return OK;
	TRY(upstream_ask_manifest(s->p, s->tag, &a, &m, &answer, e));
	return upstream_take(s->p, &m, s->tag, &a, e);
}

/* Several nodes: who moves checked_ms asks, the others use what is known meanwhile. */
static enum err_code claim_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_state *s = arg;
	int64_t n;
	TRY(sql_run(tx, &n, e, "UPDATE tag SET checked_ms = ?3 WHERE repo_id = ?1 AND name = ?2 AND checked_ms = ?4", "itii", s->repo_id, s->tag, (int64_t)store_now_ms(),
		    (int64_t)s->checked_ms));
	return n ? OK : err_set(e, ERR_CANCELLED, 0, "another node asks");
}

static enum err_code known_now(void *arg, bool *ret, struct err *e)
{
	struct tag_state *s = arg;
	TRY(read_state(s, e));
	*ret = s->known;
	return OK;
}

static enum err_code lead_new(struct tag_state *s, const char *key, struct err *e)
{
	bool ours;
	TRY(upstream_node_claim(s->p->g, key, known_now, s, &ours, e));
	if (!ours)
		return OK;
	enum err_code rc = refresh(s, e);
	upstream_node_release(s->p->g, key);
	return rc;
}

static enum err_code lead(struct tag_state *s, const char *key, struct err *e)
{
	struct sql *db = s->p->g->store.sql;
	TRY(read_state(s, e));		/* it may have come in the meantime */
	if (fresh(s))
		return OK;
	if (!s->known)
		return lead_new(s, key, e);
	bool claimed = sql_kind_of(db) == SQL_POSTGRES;
	if (claimed) {
		struct err other = { 0 };
		enum err_code rc = sql_write(db, claim_tx, s, &other);
		if (rc == ERR_CANCELLED)
			return OK;
		if (rc)
			*e = other;
		TRY(rc);
	}
	enum err_code rc = refresh(s, e);
	if (rc && claimed) {
		struct err ignored = { 0 };
		uint64_t now = store_now_ms(), ttl = s->p->u->tag_ttl_ms;
		s->checked_ms = now - ttl + MIN(ttl, (uint64_t)UPSTREAM_FAILED_MS);	/* again soon, not at once */
		(void)!sql_write(db, checked_tx, s, &ignored);
	}
	return rc;
}

static void say(char warning[512], const struct tag_state *s)
{
	if (s->known && s->seen[0] && strcmp(s->seen, s->pushed))
		snprintf(warning, 512, "upstream's tag went back to %.19s, which was served before; the newest is served still", s->seen);
}

static enum err_code one_turn(struct tag_state *s, char warning[512], enum upstream_turn *ret_turn, struct err *e)
{
	struct gateway *g = s->p->g;
	char key[UPSTREAM_KEY];
	struct upstream_flight *f;
	enum err_code rc;
	if (!upstream_key(key, 't', s->p->repository, s->tag))
		return err_set(e, ERR_LIMIT, 0, "the name is too long");
	*ret_turn = upstream_flight_begin(g->upstreams, key, &f, &rc, warning, e);
	if (*ret_turn != TURN_LEAD)
		return rc;
	rc = lead(s, key, e);
	upstream_flight_end(g, f, rc, "", e);
	return rc;
}

enum err_code upstream_tag_check(const struct upstream_place *p, struct slice tag, char ret_warning[512], struct err *e)
{
	struct tag_state s = { .p = p, .tag = tag };
	enum upstream_turn turn = TURN_LEAD;
	char ignored[512];
	*ret_warning = 0;
	TRY(upstream_allowed(p, e));
	if (!store_tag_valid(tag))
		return err_set(e, ERR_NOT_FOUND, 0, "this is no tag");
	TRY(read_state(&s, e));
	metrics_count(p->g, fresh(&s) ? METRIC_TAG_HITS : METRIC_TAG_MISSES, 1);
	if (fresh(&s)) {
		say(ret_warning, &s);
		return OK;
	}
	bool known = s.known;
	enum err_code rc = one_turn(&s, ignored, &turn, e);
	if (!rc) {
		TRY(read_state(&s, e));
		say(ret_warning, &s);
		return OK;
	}
	if (!known || rc == ERR_CANCELLED || rc == ERR_NOMEM)
		return rc;
	/* What was let in once is still good, whatever upstream does. */
	if (rc == ERR_NOT_FOUND)
		snprintf(ret_warning, 512, "%.*s has this tag no more; what it last was is served", SLICE_ARG(p->u->name));
	else if (turn != TURN_BUSY)
		snprintf(ret_warning, 512, "%.*s could not be asked whether this tag is newer there: %.380s", SLICE_ARG(p->u->name), e->msg);
	return OK;
}

enum err_code upstream_tag(struct call *c, struct slice tag, char ret_warning[512], struct err *e)
{
	struct upstream_place p = upstream_place_of(c);
	return upstream_tag_check(&p, tag, ret_warning, e);
}
