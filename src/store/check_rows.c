/* What rows say of each other. Each question is one read; its answers are reported, and repaired one by one. */
#include <stdio.h>
#include "check.h"
#include "store_gate.h"
#include "store_keep.h"

enum { MOST = 1000 };
struct found { int64_t repo_id; struct slice repository, digest, extra; };
struct asking {
	struct check *k;
	struct arena *arena;
	const struct question *q;
	struct { struct found *items; size_t n, cap; } list;
	struct found *now;
};
/* Columns: repo_id, the repository's name, a digest, something more. */
struct question { const char *kind, *text; bool note, enforced; const char *sql; sql_tx_fn *repair; };


static enum err_code cut_tag_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct found *f = ((struct asking *)arg)->now;
	TRY(sql_run(tx, NULL, e, "UPDATE tag SET served_digest = '', served_seq = 0 WHERE repo_id = ?1 AND name = ?2 AND NOT"
		    " EXISTS (SELECT 1 FROM repo_manifest m WHERE"
		    " m.repo_id = tag.repo_id AND m.digest = tag.served_digest)", "it", f->repo_id, f->extra));
	TRY(sql_run(tx, NULL, e, "UPDATE tag SET pushed_digest = served_digest, pushed_seq = served_seq WHERE repo_id = ?1 AND"
		    " name = ?2 AND NOT EXISTS (SELECT 1 FROM"
		    " repo_manifest m WHERE m.repo_id = tag.repo_id AND m.digest = tag.pushed_digest)", "it", f->repo_id,
			    f->extra));
	TRY(sql_run(tx, NULL, e, "DELETE FROM tag WHERE repo_id = ?1 AND name = ?2 AND pushed_digest = ''", "it", f->repo_id,
		    f->extra));
	return sql_announce(tx, e);
}

/* extra: the blob. The gate fetches it again, or says that it is to be pushed again. */
static enum err_code lost_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct found *f = ((struct asking *)arg)->now;
	TRY(sql_run(tx, NULL, e, "UPDATE repo_manifest SET gone_s = created_s + 1 WHERE repo_id = ?1 AND digest = ?2 AND gone_s"
		    " = 0", "it", f->repo_id, f->digest));
	return sql_announce(tx, e);
}

static enum err_code inspect_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct found *f = ((struct asking *)arg)->now;
	TRY(sql_run(tx, NULL, e, "UPDATE verdict SET state = 1, reasons = '[]', seq = seq + 1 WHERE repo_id = ?1 AND digest ="
		    " ?2", "it", f->repo_id, f->digest));
	TRY(store_job_put(tx, "inspect", f->repo_id, f->digest, 5, SL(""), true, e));
	return sql_announce(tx, e);
}

static enum err_code forget_upload_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return store_upload_delete(tx, ((struct asking *)arg)->now->digest, e);
}

static const struct question questions[] = {
	{ "tag", "the tag points to a manifest that is not in its repository", .repair = cut_tag_tx,
	  .sql = "SELECT t.repo_id, p.name, t.pushed_digest, t.name FROM tag t JOIN repo p ON p.id = t.repo_id WHERE NOT EXISTS"
		  " (SELECT 1 FROM repo_manifest m WHERE"
		 " m.repo_id = t.repo_id AND m.digest = t.pushed_digest) OR (t.served_digest <> '' AND NOT EXISTS (SELECT 1"
			 " FROM repo_manifest m WHERE m.repo_id = t.repo_id AND"
		 " m.digest = t.served_digest)) LIMIT 1000" },
	{ "tag-unjudged", "what the tag serves was not judged yet; the next pull sees to it", .note = true, .enforced = true,
	  .sql = "SELECT t.repo_id, p.name, t.served_digest, t.name FROM tag t JOIN repo p ON p.id = t.repo_id JOIN manifest m"
		  " ON m.digest = t.served_digest WHERE m.kind <> 1 AND"
		 " NOT EXISTS (SELECT 1 FROM verdict v WHERE v.repo_id = t.repo_id AND v.digest = t.served_digest AND v.state"
			 " IN (3, 4, 5)) LIMIT 1000" },
	/* What comes from upstream is fetched by the inspection, so before that nothing is missing. */
	{ "content-missing", "a blob that it names is not there", .repair = lost_tx,
	  .sql = "SELECT m.repo_id, p.name, m.digest, f.child FROM repo_manifest m JOIN repo p ON p.id = m.repo_id JOIN"
		  " manifest_ref f ON f.digest = m.digest WHERE m.gone_s = 0 AND"
		 " f.kind < 2 AND f.is_foreign = 0 AND (m.origin <> 1 OR EXISTS (SELECT 1 FROM verdict v WHERE v.repo_id ="
			 " m.repo_id AND v.digest = m.digest AND v.state = 3)) AND"
		 " NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = f.child AND b.state = 0 AND b.size = f.size) LIMIT 1000" },
	{ "report", "it was judged, but there is no report of its inspection", .repair = inspect_tx,
	  .sql = "SELECT v.repo_id, p.name, v.digest, '' FROM verdict v JOIN repo p ON p.id = v.repo_id JOIN repo_manifest r ON"
		  " r.repo_id = v.repo_id AND r.digest = v.digest JOIN"
		 " manifest m ON m.digest = v.digest WHERE m.kind <> 1 AND v.state IN (3, 4, 5) AND v.decision_id = 0 AND NOT"
			 " EXISTS (SELECT 1 FROM report x WHERE"
		 " x.repo_id = v.repo_id AND x.digest = v.digest) LIMIT 1000" },
	{ "stuck", "it waits for an inspection that nobody was told to make", .repair = inspect_tx,
	  .sql = "SELECT v.repo_id, p.name, v.digest, '' FROM verdict v JOIN repo p ON p.id = v.repo_id JOIN repo_manifest r ON"
		  " r.repo_id = v.repo_id AND r.digest = v.digest WHERE"
		 " v.state IN (1, 2) AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'inspect' AND j.repo_id = v.repo_id AND"
			 " j.digest = v.digest) LIMIT 1000" },
	{ "verdict", "of a manifest that is not in the repository any more", .note = true,
	  .sql = "SELECT v.repo_id, p.name, v.digest, '' FROM verdict v JOIN repo p ON p.id = v.repo_id WHERE NOT EXISTS"
		  " (SELECT 1 FROM repo_manifest r WHERE r.repo_id = v.repo_id"
		 " AND r.digest = v.digest) LIMIT 1000" },
	{ "upload", "an upload of no repository", .repair = forget_upload_tx,
	  .sql = "SELECT u.repo_id, '', u.id, '' FROM upload u WHERE NOT EXISTS (SELECT 1 FROM repo p WHERE p.id = u.repo_id)"
		  " LIMIT 1000" },
};

static enum err_code ask_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct asking *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	k->list = (typeof(k->list)){ 0 };
	TRY(sql_query(tx, &rows, e, k->q->sql, ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct found *f = ARENA_PUSH(k->arena, &k->list);
		if (f)
			*f = (struct found){ sql_int(rows, 0), arena_dup(k->arena, sql_text(rows, 1)),
					     arena_dup(k->arena, sql_text(rows, 2)), arena_dup(k->arena, sql_text(rows, 3)) };
		TRY(arena_ok(k->arena, "a list", e));
	}
}

static enum err_code tags_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM tag", ""));
	*(uint64_t *)arg = (uint64_t)n;
	return OK;
}

enum err_code check_rows(struct check *k, struct err *e)
{
	TRY(sql_read(k->s->sql, tags_tx, &k->n->tags, e));
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		AUTO_ARENA a = ARENA(8 << 20);
		struct asking q = { .k = k, .arena = &a, .q = &questions[i] };
		TRY(sql_read(k->s->sql, ask_tx, &q, e));
		for (size_t n = 0; n < q.list.n; n++) {
			q.now = &q.list.items[n];
			if (q.q->enforced && k->o->enforced && !k->o->enforced(k->o->arg, q.now->repository))
				continue;
			AUTO_BUF subject = BUF(1024);
			buf_put_slice(&subject, q.now->digest);
			if (q.now->extra.n)
				buf_printf(&subject, " %.*s", SLICE_ARG(q.now->extra));
			struct store_problem p = { .kind = q.q->kind, .text = q.q->text, .repository = q.now->repository,
						   .subject = buf_slice(&subject), .note = q.q->note };
			TRY(check_found(k, &p, q.q->repair, &q, e));
		}
	}
	return OK;
}
