/* Content that goes while its manifest, facts and verdict stay: refused, not pulled for long, more than fits. */
#include "keep.h"
#include "store_gate.h"

#define IDLE "NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'inspect' AND j.repo_id = r.repo_id AND j.digest = r.digest AND j.state < 2)"
/* Refused, or given up: nobody gets it. An index has no content of its own. */
#define REFUSED "EXISTS (SELECT 1 FROM verdict v JOIN manifest m ON m.digest = v.digest WHERE v.repo_id = r.repo_id AND v.digest = r.digest AND v.state IN (4, 6) AND" \
		" v.decided_s < ?3 AND m.kind <> 1)"
/* What refers to something else (signatures, attestations) stays as long as that. */
#define PULLED_THROUGH "r.origin = 1 AND EXISTS (SELECT 1 FROM manifest m WHERE m.digest = r.digest AND m.kind <> 1 AND m.subject = '')"

static void content_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->repo_id = sql_int(rows, 0);
	to->digest = arena_dup(k->arena, sql_text(rows, 1));
	to->name = arena_dup(k->arena, sql_text(rows, 2));
}

static enum err_code refused_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest, p.name FROM repo_manifest r JOIN repo p ON p.id = r.repo_id"
		      " WHERE (r.repo_id > ?1 OR (r.repo_id = ?1 AND"
		      " r.digest > ?2)) AND r.gone_s = 0 AND r.created_s < ?3 AND " REFUSED " AND " IDLE " ORDER BY r.repo_id,"
			      " r.digest LIMIT 64", "izi", k->after_repo, k->after,
		      keep_before(k, k->r->keep_refused_s)));
	return keep_collect(k, rows, content_row, e);
}

/* A statement behind the lock of the row, like everywhere here. */
static enum err_code lock(struct sql_tx *tx, const struct keep_item *m, int64_t cutoff, bool *ret, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "UPDATE repo_manifest SET gone_s = gone_s WHERE repo_id = ?1 AND digest = ?2 AND gone_s ="
		    " 0 AND created_s < ?3 AND (origin = 0 OR"
		    " pulled_s < ?3)", "iti", m->repo_id, m->digest, cutoff));
	*ret = changes != 0;
	return OK;
}

static enum err_code let_go(struct keep *k, struct sql_tx *tx, const struct keep_item *m, struct err *e)
{
	k->done++;
	return sql_run(tx, NULL, e, "UPDATE repo_manifest SET gone_s = ?3 WHERE repo_id = ?1 AND digest = ?2", "iti", m->repo_id,
		       m->digest, k->now);
}

static bool is_enforced(const struct keep *k, struct slice repository) { return !k->r->retention || k->r->retention(k->r->arg,
		repository).enforced; }

static enum err_code refused_go_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	int64_t cutoff = keep_before(k, k->r->keep_refused_s), due;
	bool yes;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++) {
		const struct keep_item *m = &k->items[i];
		if (!is_enforced(k, m->name))
			continue;
		/* created_s again: a push renews it, and the row's lock orders us with it */
		TRY(lock(tx, m, cutoff, &yes, e));
		if (!yes)
			continue;
		TRY(sql_one_int(tx, &due, e, "SELECT count(*) FROM repo_manifest r WHERE r.repo_id = ?1 AND r.digest = ?2 AND"
				" " REFUSED " AND " IDLE, "iti", m->repo_id, m->digest,
				cutoff));
		if (due)
			TRY(let_go(k, tx, m, e));
	}
	return k->done ? sql_announce(tx, e) : OK;
}

/* --- Pulled through, and not asked for any more --------------------------------------------------------------------------------------- */

static enum err_code unpulled_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest, '' FROM repo_manifest r WHERE (r.repo_id > ?1 OR (r.repo_id ="
		      " ?1 AND r.digest > ?2)) AND r.gone_s = 0 AND"
		      " r.pulled_s < ?3 AND r.created_s < ?3 AND " PULLED_THROUGH " AND " IDLE " ORDER BY r.repo_id, r.digest"
			      " LIMIT 64", "izi", k->after_repo, k->after,
		      keep_before(k, k->r->keep_unpulled_s)));
	return keep_collect(k, rows, content_row, e);
}

static enum err_code go_before(struct keep *k, struct sql_tx *tx, const struct keep_item *m, int64_t cutoff, struct err *e)
{
	int64_t idle;
	bool yes;
	TRY(lock(tx, m, cutoff, &yes, e));
	if (!yes)
		return OK;
	TRY(sql_one_int(tx, &idle, e, "SELECT count(*) FROM repo_manifest r WHERE r.repo_id = ?1 AND r.digest = ?2 AND " IDLE,
			"it", m->repo_id, m->digest));
	return idle ? let_go(k, tx, m, e) : OK;
}

static enum err_code unpulled_go_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++)
		TRY(go_before(k, tx, &k->items[i], keep_before(k, k->r->keep_unpulled_s), e));
	return k->done ? sql_announce(tx, e) : OK;
}

/* --- Pulled-through content of more than max_bytes: the least recently pulled first, but nothing that was pulled within the grace --------------------------------------- */

struct room { struct keep *k; int64_t used, freed; size_t n; };

static enum err_code used_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct room *r = arg;
	return sql_one_int(tx, &r->used, e, "SELECT CAST(COALESCE(SUM(b.size), 0) AS $INT) FROM blob b WHERE b.state = 0 AND"
			   " EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest m"
			   " ON m.digest = f.digest WHERE f.child = b.digest AND f.kind < 2 AND m.gone_s = 0 AND m.origin = 1)",
				   "");
}

static enum err_code oldest_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest, '' FROM repo_manifest r WHERE r.gone_s = 0 AND r.pulled_s < ?1"
		      " AND r.created_s < ?1 AND " PULLED_THROUGH " AND "
		      IDLE " ORDER BY CASE WHEN r.pulled_s > r.created_s THEN r.pulled_s ELSE r.created_s END LIMIT 64", "i",
			      keep_before(k, k->r->grace_s)));
	return keep_collect(k, rows, content_row, e);
}

/* Until as much is freed as is too much; what is freed are blobs that nobody else names. */
static enum err_code make_room_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct room *r = arg;
	struct keep *k = r->k;
	int64_t size;
	r->freed = 0;
	k->done = 0;
	for (r->n = 0; r->n < k->n && r->used - r->freed > (int64_t)k->r->max_bytes; r->n++) {
		const struct keep_item *m = &k->items[r->n];
		uint64_t before = k->done;
		TRY(go_before(k, tx, m, keep_before(k, k->r->grace_s), e));
		if (k->done == before)
			continue;
		TRY(sql_one_int(tx, &size, e, "SELECT CAST(COALESCE(SUM(b.size), 0) AS $INT) FROM blob b WHERE b.state = 0 AND"
				" b.digest IN (SELECT child FROM manifest_ref WHERE"
				" digest = ?1 AND kind < 2) AND NOT EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest o"
					" ON o.digest = f.digest WHERE f.child = b.digest AND"
				" f.kind < 2 AND o.gone_s = 0)", "t", m->digest));
		r->freed += size;
	}
	return k->done ? sql_announce(tx, e) : OK;
}

static enum err_code make_room(struct keep *k, struct err *e)
{
	struct room r = { .k = k };
	TRY(sql_read(k->s->sql, used_tx, &r, e));
	while (r.used > (int64_t)k->r->max_bytes) {
		AUTO_ARENA a = ARENA(1 << 20);
		k->arena = &a;
		TRY(keep_find(k, oldest_tx, e));
		if (!k->n || k->r->dry)
			return OK;
		TRY(sql_write(k->s->sql, make_room_tx, &r, e));
		k->counts->contents += k->done;
		r.used -= r.freed;
		if (!k->done)
			return OK;
	}
	return OK;
}

enum err_code keep_content(struct keep *k, struct err *e)
{
	if (k->r->keep_refused_s)
		TRY(keep_batches(k, refused_tx, refused_go_tx, &k->counts->contents, e));
	if (k->r->keep_unpulled_s)
		TRY(keep_batches(k, unpulled_tx, unpulled_go_tx, &k->counts->contents, e));
	return k->r->max_bytes ? make_room(k, e) : OK;
}
