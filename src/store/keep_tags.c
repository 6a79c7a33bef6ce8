/* Retention of tags, and `sha256-…` tags whose subject is gone. What a tag named before it was moved stays keep_untagged, like
 * whatever else nothing keeps. */
#include "keep.h"

/* --- keep_last, keep_for -------------------------------------------------------------------------------------------------------------- */

static void repo_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->repo_id = sql_int(rows, 0);
	to->name = arena_dup(k->arena, sql_text(rows, 1));
}

static enum err_code repos_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT id, name FROM repo WHERE id > ?1 ORDER BY id LIMIT 64", "i", k->after_repo));
	return keep_collect(k, rows, repo_row, e);
}

/* Tags that are neither among the newest keep_last nor younger than keep_for. The order is that of being set. */
static enum err_code expire(struct keep *k, struct sql_tx *tx, int64_t repo_id, const struct store_retention *t, uint64_t *ret,
			    struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	AUTO_ARENA a = ARENA(1 << 20);
	struct { struct slice *items; size_t n, cap; } names = { 0 };
	bool row;
	int64_t last = t->keep_last ? (int64_t)t->keep_last : 0, cutoff = t->keep_for_s ? keep_before(k, t->keep_for_s) :
		k->now + 1;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM (SELECT name, updated_s FROM tag WHERE repo_id = ?1 ORDER BY pushed_seq"
		      " DESC LIMIT 64 OFFSET ?2) AS old WHERE updated_s < ?3",
		      "iii", repo_id, last, cutoff));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		struct slice *to = ARENA_PUSH(&a, &names);
		if (to)
			*to = arena_dup(&a, sql_text(rows, 0));
		TRY(arena_ok(&a, "a list of tags", e));
	}
	*ret = names.n;
	for (size_t i = 0; i < names.n && !k->r->dry; i++)
		TRY(store_tag_delete(tx, repo_id, names.items[i], SL(""), e));
	return names.n && !k->r->dry ? sql_announce(tx, e) : OK;
}

struct one { struct keep *k; int64_t repo_id; struct store_retention t; uint64_t n; };

static enum err_code expire_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;
	return expire(o->k, tx, o->repo_id, &o->t, &o->n, e);
}

static enum err_code one_repo(struct keep *k, const struct keep_item *repo, struct err *e)
{
	struct one o = { .k = k, .repo_id = repo->repo_id, .t = k->r->retention(k->r->arg, repo->name), .n = 1 };
	if (!o.t.keep_last && !o.t.keep_for_s)
		return OK;
	while (o.n) {
		TRY(keep_pause(k, e));
		TRY(k->r->dry ? sql_read(k->s->sql, expire_tx, &o, e) : sql_write(k->s->sql, expire_tx, &o, e));
		k->counts->tags += o.n;
		if (k->r->dry)
			return OK;
	}
	return OK;
}

static enum err_code retention(struct keep *k, struct err *e)
{
	int64_t after = 0;
	for (size_t n = KEEP_BATCH; n == KEEP_BATCH;) {
		AUTO_ARENA a = ARENA(1 << 20);
		k->arena = &a;
		k->after_repo = after;
		TRY(keep_find(k, repos_tx, e));
		n = k->n;
		for (size_t i = 0; i < n; i++)
			TRY(one_repo(k, &k->items[i], e));
		after = n ? k->items[n - 1].repo_id : after;
	}
	return OK;
}

/* --- Tags that stand for a subject: "sha256-<64 hex>", "sha256-<64 hex>.sig" --------------------------------------------------------------------- */

static void tag_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->repo_id = sql_int(rows, 0);
	to->digest = to->name = arena_dup(k->arena, sql_text(rows, 1));	/* the place to go on from */
}

#define ORPHAN "t.name LIKE 'sha256-%' AND length(t.name) >= 71 AND t.updated_s < ?3 AND NOT EXISTS (SELECT 1 FROM repo_manifest s WHERE s.repo_id = t.repo_id AND" \
	       " s.digest = 'sha256:' || substr(t.name, 8, 64))"

static enum err_code orphans_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT t.repo_id, t.name FROM tag t WHERE (t.repo_id > ?1 OR (t.repo_id = ?1 AND t.name >"
		      " ?2)) AND " ORPHAN
		      " ORDER BY t.repo_id, t.name LIMIT 64", "izi", k->after_repo, k->after, keep_before(k,
				      k->r->keep_untagged_s)));
	return keep_collect(k, rows, tag_row, e);
}

static enum err_code orphans_go_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	for (size_t i = 0; i < k->n; i++) {
		int64_t still;
		TRY(sql_one_int(tx, &still, e, "SELECT count(*) FROM tag t WHERE t.repo_id = ?1 AND t.name = ?2 AND " ORPHAN,
				"iti", k->items[i].repo_id, k->items[i].name,
				keep_before(k, k->r->keep_untagged_s)));
		if (still)
			TRY(store_tag_delete(tx, k->items[i].repo_id, k->items[i].name, SL(""), e));
	}
	return sql_announce(tx, e);
}

enum err_code keep_tags(struct keep *k, struct err *e)
{
	if (k->r->retention)
		TRY(retention(k, e));
	return k->r->keep_untagged_s ? keep_batches(k, orphans_tx, orphans_go_tx, &k->counts->tags, e) : OK;
}
