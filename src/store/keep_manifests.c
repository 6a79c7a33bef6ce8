/* Manifests that nothing keeps: marked, and gone keep_untagged later. Held is what is named by a tag, by a manifest or as a
 * subject's referrer *in its repository*: who names it may itself be on its way out; when that goes, this inherits its time. So
 * no walk over all that is reachable is needed. */
#include "keep.h"

/* Of `repo_manifest r`. */
#define HELD "(EXISTS (SELECT 1 FROM tag t WHERE t.pushed_digest = r.digest AND t.repo_id = r.repo_id)" \
	     " OR EXISTS (SELECT 1 FROM tag t WHERE t.served_digest = r.digest AND t.repo_id = r.repo_id)" \
	     " OR EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest p ON p.digest = f.digest AND p.repo_id = r.repo_id WHERE f.child = r.digest AND f.kind = 2)" \
	     " OR EXISTS (SELECT 1 FROM manifest m JOIN repo_manifest s ON s.digest = m.subject AND s.repo_id = r.repo_id WHERE m.digest = r.digest AND m.subject <> ''))"

static void manifest_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->repo_id = sql_int(rows, 0);
	to->digest = arena_dup(k->arena, sql_text(rows, 1));
}

/* --- Marking ------------------------------------------------------------------------------------------------------------------- */

static enum err_code unheld_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest FROM repo_manifest r WHERE r.untagged_s = 0 AND (r.repo_id > ?1"
		      " OR (r.repo_id = ?1 AND r.digest > ?2))"
		      " AND NOT " HELD " ORDER BY r.repo_id, r.digest LIMIT 64", "iz", k->after_repo, k->after));
	return keep_collect(k, rows, manifest_row, e);
}

static enum err_code mark_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	for (size_t i = 0; i < k->n; i++)
		TRY(sql_run(tx, NULL, e, "UPDATE repo_manifest SET untagged_s = ?3 WHERE repo_id = ?1 AND digest = ?2 AND"
			    " untagged_s = 0", "iti", k->items[i].repo_id,
			    k->items[i].digest, k->now));
	return OK;
}

static enum err_code held_again_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest FROM repo_manifest r WHERE r.untagged_s > 0 AND (r.repo_id > ?1"
		      " OR (r.repo_id = ?1 AND r.digest > ?2))"
		      " AND " HELD " ORDER BY r.repo_id, r.digest LIMIT 64", "iz", k->after_repo, k->after));
	return keep_collect(k, rows, manifest_row, e);
}

static enum err_code unmark_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	for (size_t i = 0; i < k->n; i++)
		TRY(sql_run(tx, NULL, e, "UPDATE repo_manifest SET untagged_s = 0 WHERE repo_id = ?1 AND digest = ?2", "it",
			    k->items[i].repo_id, k->items[i].digest));
	return OK;
}

/* --- Going ------------------------------------------------------------------------------------------------------------------------ */

static enum err_code due_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest FROM repo_manifest r WHERE r.untagged_s > 0 AND r.untagged_s <"
		      " ?3 AND r.created_s < ?3 AND r.pulled_s < ?3"
		      " AND (r.repo_id > ?1 OR (r.repo_id = ?1 AND r.digest > ?2)) ORDER BY r.repo_id, r.digest LIMIT 64", "izi",
			      k->after_repo, k->after,
		      keep_before(k, k->r->keep_untagged_s)));
	return keep_collect(k, rows, manifest_row, e);
}

/* What it held here inherits its time. */
static enum err_code pass_on(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e)
{
	int64_t since;
	TRY(sql_one_int(tx, &since, e, "SELECT untagged_s FROM repo_manifest WHERE repo_id = ?1 AND digest = ?2", "it", repo_id,
			digest));
	return sql_run(tx, NULL, e, "UPDATE repo_manifest SET untagged_s = ?3 WHERE repo_id = ?1 AND untagged_s = 0 AND (digest"
		       " IN (SELECT child FROM manifest_ref WHERE"
		       " digest = ?2 AND kind = 2) OR digest IN (SELECT digest FROM manifest WHERE subject = ?2 AND subject <>"
			       " ''))", "iti", repo_id, digest, since);
}

static enum err_code drop_rows(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "DELETE FROM repo_manifest WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	TRY(sql_run(tx, NULL, e, "DELETE FROM verdict WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	TRY(sql_run(tx, NULL, e, "DELETE FROM report WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	TRY(sql_run(tx, NULL, e, "DELETE FROM report_index WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	return sql_run(tx, NULL, e, "DELETE FROM job WHERE kind = 'inspect' AND repo_id = ?1 AND digest = ?2", "it", repo_id,
		       digest);
}

/* The row is locked first; what holds it is asked after that, as a statement of its own. */
static enum err_code go(struct keep *k, struct sql_tx *tx, const struct keep_item *m, struct err *e)
{
	int64_t changes, held, cutoff = keep_before(k, k->r->keep_untagged_s);
	TRY(sql_run(tx, &changes, e, "UPDATE repo_manifest SET untagged_s = untagged_s WHERE repo_id = ?1 AND digest = ?2 AND"
		    " untagged_s > 0 AND untagged_s < ?3 AND created_s < ?3"
		    " AND pulled_s < ?3", "iti", m->repo_id, m->digest, cutoff));
	if (!changes)
		return OK;
	TRY(sql_one_int(tx, &held, e, "SELECT count(*) FROM repo_manifest r WHERE r.repo_id = ?1 AND r.digest = ?2 AND"
			" (" HELD " OR EXISTS (SELECT 1 FROM job j WHERE"
			" j.kind = 'inspect' AND j.repo_id = r.repo_id AND j.digest = r.digest AND j.state < 2))", "it",
				m->repo_id, m->digest));
	if (held)
		return OK;
	TRY(pass_on(tx, m->repo_id, m->digest, e));
	k->done++;
	return drop_rows(tx, m->repo_id, m->digest, e);
}

static enum err_code go_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++)
		TRY(go(k, tx, &k->items[i], e));
	return k->done ? sql_announce(tx, e) : OK;
}

/* --- Manifests in no repository --------------------------------------------------------------------------------------------------- */

static void orphan_row(struct keep *k, struct sql_rows *rows, struct keep_item *to) { to->digest = arena_dup(k->arena,
		sql_text(rows, 0)); }

static enum err_code orphans_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT m.digest FROM manifest m WHERE m.digest > ?1 AND NOT EXISTS (SELECT 1 FROM"
		      " repo_manifest r WHERE r.digest = m.digest)"
		      " ORDER BY m.digest LIMIT 64", "z", k->after));
	return keep_collect(k, rows, orphan_row, e);
}

/* store_manifest_put touches the row before it puts the manifest into a repository: so after this lock it is there or comes
 * after us. */
static enum err_code forget_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++) {
		struct slice digest = k->items[i].digest;
		int64_t changes, used;
		TRY(sql_run(tx, &changes, e, "UPDATE manifest SET created_s = created_s WHERE digest = ?1", "t", digest));
		TRY(sql_one_int(tx, &used, e, "SELECT count(*) FROM repo_manifest WHERE digest = ?1", "t", digest));
		if (!changes || used)
			continue;
		TRY(sql_run(tx, NULL, e, "DELETE FROM manifest_ref WHERE digest = ?1", "t", digest));
		TRY(sql_run(tx, NULL, e, "DELETE FROM manifest WHERE digest = ?1", "t", digest));
		k->done++;
	}
	return OK;
}

enum err_code keep_manifests(struct keep *k, struct err *e)
{
	uint64_t marked = 0, before = UINT64_MAX;
	TRY(keep_batches(k, held_again_tx, unmark_tx, &marked, e));
	TRY(keep_batches(k, unheld_tx, mark_tx, &marked, e));
	/* Again as long as some went: what they held may be due now. */
	while (k->r->keep_untagged_s && before != k->counts->manifests) {
		before = k->counts->manifests;
		TRY(keep_batches(k, due_tx, go_tx, &k->counts->manifests, e));
		if (k->r->dry)
			break;
	}
	return keep_batches(k, orphans_tx, forget_tx, &k->counts->rows, e);
}
