/* Manifests against their digests and refs; reports that can be read. */
#include <stdio.h>
#include "check.h"
#include "oci.h"
#include "os.h"
#include "report_store.h"
#include "store_gate.h"

enum { BATCH = 64, BATCH_ARENA = 256 << 20, BODY_ARENA = 64 << 20 };
struct body { int64_t repo_id; struct slice digest, repository, media_type, body; };
struct bodies {
	struct check *k;
	struct arena *arena;
	struct { struct body *items; size_t n, cap; } list;
	int64_t after_repo;
	char after[160];
	struct body *now;
};

static enum err_code add(struct bodies *b, struct sql_rows *rows, struct err *e)
{
	bool row;
	b->list = (typeof(b->list)){ 0 };
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct body *to = ARENA_PUSH(b->arena, &b->list);
		if (to)
			*to = (struct body){ sql_int(rows, 0), arena_dup(b->arena, sql_text(rows, 1)), arena_dup(b->arena,
					sql_text(rows, 2)), arena_dup(b->arena, sql_text(rows, 3)),
					     arena_dup(b->arena, sql_bytes(rows, 4)) };
		TRY(arena_ok(b->arena, "a list", e));
	}
}

static enum err_code manifests_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct bodies *b = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT 0, digest, '', media_type, body FROM manifest WHERE digest > ?1 ORDER BY digest"
		      " LIMIT 64", "z", b->after));
	return add(b, rows, e);
}

static enum err_code reports_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct bodies *b = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT r.repo_id, r.digest, p.name, '', r.body FROM report r JOIN repo p ON p.id ="
		      " r.repo_id WHERE r.repo_id > ?1 OR (r.repo_id = ?1 AND"
		      " r.digest > ?2) ORDER BY r.repo_id, r.digest LIMIT 64", "iz", b->after_repo, b->after));
	return add(b, rows, e);
}

/* --- Manifests ---------------------------------------------------------------------------------------------------------------------- */


/* Out of every repository, with its tags; who has it pushes it again, or the next pull fetches it. */
static enum err_code drop_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct bodies *b = arg;
	struct slice digest = b->now->digest;
	for (;;) {
		int64_t repo_id;
		enum err_code code = sql_one_int(tx, &repo_id, e, "SELECT repo_id FROM repo_manifest WHERE digest = ?1 LIMIT 1",
						 "t", digest);
		if (code == ERR_NOT_FOUND)
			break;
		TRY(code);
		TRY(store_manifest_delete(tx, repo_id, digest, SL(""), e));
	}
	TRY(sql_run(tx, NULL, e, "DELETE FROM manifest_ref WHERE digest = ?1", "t", digest));
	TRY(sql_run(tx, NULL, e, "DELETE FROM manifest WHERE digest = ?1", "t", digest));
	return sql_announce(tx, e);
}

struct refs { struct bodies *b; const struct store_manifest *m; bool same; };

static enum err_code refs_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct refs *r = arg;
	int64_t seq[3] = { 0 }, n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM manifest_ref WHERE digest = ?1", "t", r->m->digest));
	r->same = (size_t)n == r->m->n_refs;
	for (size_t i = 0; i < r->m->n_refs && r->same; i++) {
		const struct store_ref *f = &r->m->refs[i];
		TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM manifest_ref WHERE digest = ?1 AND kind = ?2 AND seq = ?3 AND"
				" child = ?4 AND size = ?5", "tiiti", r->m->digest,
				(int64_t)f->kind, seq[f->kind]++, f->digest, (int64_t)f->size));
		r->same = n > 0;
	}
	return OK;
}

static enum err_code one_manifest(struct bodies *b, struct err *e)
{
	AUTO_ARENA a = ARENA(BODY_ARENA);
	struct store_manifest m;
	struct err why;
	struct store_problem p = { .kind = "manifest-damaged", .subject = b->now->digest, .text = "its bytes have another"
				   " digest" };
	if (!oci_digest_matches(b->now->digest, b->now->body))
		return check_found(b->k, &p, drop_tx, b, e);
	p.text = "it is no valid manifest";
	if (store_manifest_parse(b->now->body, b->now->media_type, b->now->digest, &a, &m, &why) != OK)
		return check_found(b->k, &p, drop_tx, b, e);
	struct refs r = { .b = b, .m = &m };
	TRY(sql_read(b->k->s->sql, refs_tx, &r, e));
	p.text = "what it names is recorded differently";
	return r.same ? OK : check_found(b->k, &p, drop_tx, b, e);
}

/* --- Reports ------------------------------------------------------------------------------------------------------------------------- */

static enum err_code inspect_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct bodies *b = arg;
	TRY(sql_run(tx, NULL, e, "DELETE FROM report WHERE repo_id = ?1 AND digest = ?2", "it", b->now->repo_id, b->now->digest));
	TRY(sql_run(tx, NULL, e, "UPDATE verdict SET state = 1, reasons = '[]', seq = seq + 1 WHERE repo_id = ?1 AND digest ="
		    " ?2", "it", b->now->repo_id, b->now->digest));
	TRY(store_job_put(tx, "inspect", b->now->repo_id, b->now->digest, 5, SL(""), true, e));
	return sql_announce(tx, e);
}

static enum err_code one_report(struct bodies *b, struct err *e)
{
	AUTO_ARENA a = ARENA(BODY_ARENA);
	struct report r;
	struct err why;
	struct store_problem p = { .kind = "report", .subject = b->now->digest, .repository = b->now->repository,
				   .text = "the inspection's report cannot be read" };
	enum err_code code = report_decode_judged(b->now->body, &a, &r, &why);
	/* That of another version of pabean is made anew by the gate itself. */
	return code == OK || code == ERR_UNSUPPORTED ? OK : check_found(b->k, &p, inspect_tx, b, e);
}

static enum err_code each(struct bodies *b, sql_tx_fn *find, enum err_code (*one)(struct bodies *, struct err *),
			  uint64_t *count, struct err *e)
{
	b->after_repo = 0;
	b->after[0] = 0;
	for (bool more = true; more;) {
		AUTO_ARENA a = ARENA(BATCH_ARENA);
		b->arena = &a;
		TRY(sql_read(b->k->s->sql, find, b, e));
		more = b->list.n == BATCH;
		for (size_t i = 0; i < b->list.n; i++) {
			b->now = &b->list.items[i];
			TRY(one(b, e));
			if (os_cancelled())
				return err_set(e, ERR_CANCELLED, 0, "interrupted");
		}
		*count += b->list.n;
		if (!b->list.n)
			break;
		b->after_repo = b->list.items[b->list.n - 1].repo_id;
		snprintf(b->after, sizeof(b->after), "%.*s", SLICE_ARG(b->list.items[b->list.n - 1].digest));
	}
	return OK;
}

enum err_code check_bodies(struct check *k, struct err *e)
{
	struct bodies b = { .k = k };
	TRY(each(&b, manifests_tx, one_manifest, &k->n->manifests, e));
	return each(&b, reports_tx, one_report, &k->n->reports, e);
}
