/* The sweep: after new rules or data the whole catalogue is judged again, in batches, with as little work as each report needs (GATE.md 1). */
#include "gate_inside.h"
#include "catalogue.h"
#include "os.h"
#include "report_store.h"
#include "store_content.h"
#include <stdio.h>
#include <stdlib.h>

/* A batch is read at once and written in steps, so that others get to write in between; a report is a heavy row. */
enum { SWEEP_BATCH = 1000, HEAVY = 10, SWEEPER_MS = 30000, SWEEP_ARENA = 64 << 20, ROW_ARENA = 256 << 20 };

struct sweep_row {
	struct store_verdict verdict;
	struct slice repository;
	bool index, no_report;		/* revoked by a person, never inspected itself */
	enum sweep_need { NEED_NOTHING, NEED_POLICY, NEED_MATCH, NEED_INSPECTION } need;
};
struct sweep {
	struct gateway *g;
	struct arena *arena;
	struct sweep_row *rows;
	size_t n, cap, at, end;		/* of rows; those of this step */
	struct policy_set *set;
	int64_t generation, after_repo;
	char after_digest[140], data_id[330];
	/* advisories that were `from` and are what is in use now speak differently only of these packages */
	char from[64];
	uint32_t *changed;
	size_t n_changed;
	uint64_t judged, matched, queued;
	bool newer;
};

void gate_sweep_soon(struct gateway *g) { atomic_store(&g->gate->sweep, true); }

static struct slice part(struct slice data_id, bool intel)
{
	ptrdiff_t space = slice_find_byte(data_id, ' ');
	return space < 0 ? SLICE_NULL : intel ? slice_from(data_id, (size_t)space + 1) : slice_upto(data_id, (size_t)space);
}

static enum sweep_need need_of(struct sweep *s, const struct sweep_row *r, struct slice data_id, struct slice packages)
{
	struct slice now = slice_str(s->data_id);
	const struct store_verdict *v = &r->verdict;
	if (!slice_eq(part(data_id, true), part(now, true)))
		return NEED_INSPECTION;
	bool same = slice_eq(data_id, now);
	bool untouched = !same && s->from[0] && slice_eqs(part(data_id, false), s->from) && !catalogue_holds(packages, s->changed, s->n_changed);
	if (!same && !untouched)
		return NEED_MATCH;
	const struct policy_item *item = policy_set_find(s->set, config_repository_for(s->g->config, r->repository)->policy);
	bool ended = v->expires_s && v->expires_s <= os_now_s();
	return !ended && slice_eqs(v->policy_digest, item->digest) ? NEED_NOTHING : NEED_POLICY;
}

/* A verdict by a policy of some generation rests on a report that says what that generation's data say: so what the report was matched with need not be written into rows
 * that an update does not touch. (A revocation is written without a look at the report; it names no policy.) */
#define SWEEP_DATA "CASE WHEN p.data_id IS NULL THEN NULL ELSE COALESCE(n.advisories || ' ' || n.intel, p.data_id) END"

static enum err_code next_batch(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	AUTO_SQL_ROWS rows = NULL;
	s->rows = NULL;
	s->n = s->cap = 0;
	TRY(sql_query(tx, &rows, e, "SELECT " STORE_VERDICT_COLUMNS ", r.name, " SWEEP_DATA ", i.packages, m.kind FROM verdict v JOIN repo r ON r.id = v.repo_id"
		      " JOIN manifest m ON m.digest = v.digest"
		      " LEFT JOIN report p ON p.repo_id = v.repo_id AND p.digest = v.digest LEFT JOIN report_index i ON i.repo_id = v.repo_id AND i.digest = v.digest"
		      " LEFT JOIN generation n ON n.number = v.generation AND v.policy_digest <> ''"
		      " WHERE (v.generation < ?1 OR (v.expires_s > 0 AND v.expires_s <= ?2)) AND v.state IN (3, 4, 5) AND (v.repo_id > ?3 OR (v.repo_id = ?3 AND"
		      " v.digest > ?4)) ORDER BY v.repo_id, v.digest LIMIT 1000", "iiiz", s->generation, (int64_t)os_now_s(), s->after_repo, s->after_digest));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct sweep_row *to = arena_push(s->arena, &s->rows, &s->n, &s->cap, sizeof(*to));
		if (!to)
			return arena_ok(s->arena, "a batch of verdicts", e);
		store_verdict_row(rows, 0, s->arena, &to->verdict);
		to->repository = arena_dup(s->arena, sql_text(rows, 11));
		TRY(arena_ok(s->arena, "a batch of verdicts", e));
		to->no_report = sql_is_null(rows, 12);
		to->index = sql_int(rows, 14) == STORE_INDEX;
		to->need = to->no_report ? NEED_NOTHING : need_of(s, to, sql_text(rows, 12), sql_bytes(rows, 13));
	}
}

static enum err_code judge_row(struct sweep *s, struct sql_tx *tx, struct sweep_row *r, struct err *e)
{
	AUTO_ARENA a = ARENA(ROW_ARENA);
	struct report report = { 0 };
	struct judged j;
	struct store_verdict now;
	struct slice body;
	if (r->need == NEED_NOTHING)	/* unless somebody else judged it meanwhile */
		return sql_run(tx, NULL, e, "UPDATE verdict SET generation = ?3, seq = seq + 1 WHERE repo_id = ?1 AND digest = ?2 AND seq = ?4", "itii", r->verdict.repo_id,
			       r->verdict.digest, s->generation, r->verdict.seq);
	TRY(store_verdict_get(tx, r->verdict.repo_id, r->verdict.digest, &a, &now, e));
	if (now.seq != r->verdict.seq)
		return OK;
	if (r->need == NEED_INSPECTION) {
		s->queued++;
		return store_job_put(tx, "inspect", now.repo_id, now.digest, 1, SL(""), true, e);
	}
	TRY(store_report_get(tx, now.repo_id, now.digest, &a, &body, e));
	if (r->need == NEED_MATCH) {
		TRY(report_decode(body, &a, &report, e));
		TRY(rejudge_advisories(s->g->gate->rejudge, &report, os_now_s(), e));
		s->matched++;
	} else {
		TRY(report_decode_judged(body, &a, &report, e));
	}
	TRY(gate_judge(s->g, tx, s->set, s->generation, now.repo_id, r->repository, now.digest, &report, &a, &j, e));
	if (r->need == NEED_MATCH)
		TRY(catalogue_report_put(tx, s->g->gate->rejudge, now.repo_id, now.digest, slice_str(s->data_id), &report, e));
	return gate_store_verdict(s->g, tx, r->repository, &now, &j, e);
}

/* What a person revoked unseen: an index forgets it when the revocation ends; an image is inspected, and the decision counts then. */
static enum err_code revoked_row(struct sweep *s, struct sql_tx *tx, const struct sweep_row *r, struct err *e)
{
	const struct store_verdict *v = &r->verdict;
	if (!r->index)
		return store_job_put(tx, "inspect", v->repo_id, v->digest, 1, SL(""), true, e);
	if (v->expires_s && v->expires_s <= os_now_s())
		return gate_revoked_index(tx, v->repo_id, r->repository, v->digest, s->generation, e);
	return sql_run(tx, NULL, e, "UPDATE verdict SET generation = ?3 WHERE repo_id = ?1 AND digest = ?2 AND seq = ?4", "itii", v->repo_id, v->digest,
		       s->generation, v->seq);
}

/* One node sweeps; the others see what it did, and look again once it is over, or has not been heard of for a while. */
static enum err_code claim_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	AUTO_ARENA a = ARENA(4096);
	struct slice was = SLICE_NULL;
	uint64_t at = 0;
	enum err_code code = store_setting_get(tx, "sweeper", &a, &was, e);
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	ptrdiff_t space = slice_find_byte(was, ' ');
	if (space > 0 && slice_to_u64(slice_upto(was, (size_t)space), &at) && !slice_eqs(slice_from(was, (size_t)space + 1), s->g->node) && at + SWEEPER_MS > store_now_ms())
		return err_set(e, ERR_NOT_FOUND, 0, "another node sweeps");
	struct slice mine = arena_printf(&a, "%llu %s", (unsigned long long)store_now_ms(), s->g->node);
	TRY(arena_ok(&a, "a setting", e));
	return store_setting_put(tx, "sweeper", mine, e);
}

static enum err_code release_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	TRY(claim_tx(tx, s, e));
	return store_setting_put(tx, "sweeper", SL(""), e);
}

static enum err_code batch_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sweep *s = arg;
	int64_t newest;
	TRY(sql_one_int(tx, &newest, e, "SELECT coalesce(max(number), 0) FROM generation", ""));
	s->newer = newest != s->generation;
	TRY(claim_tx(tx, s, e));
	for (size_t i = s->at; !s->newer && i < s->end; i++) {
		struct sweep_row *r = &s->rows[i];
		struct err why = { 0 };
		if (r->no_report) {
			TRY(revoked_row(s, tx, r, e));
			continue;
		}
		/* One report that cannot be read must not stop the others: it is inspected again. */
		if (judge_row(s, tx, r, &why) == OK)
			continue;
		if (why.code != ERR_FORMAT && why.code != ERR_UNSUPPORTED && why.code != ERR_LIMIT) {
			*e = why;
			return e->code;
		}
		TRY(store_job_put(tx, "inspect", r->verdict.repo_id, r->verdict.digest, 1, SL(""), true, e));
	}
	return s->n ? sql_announce(tx, e) : OK;
}

static enum err_code sweep_all(struct sweep *s, const _Atomic bool *stop, struct err *e)
{
	do {
		AUTO_ARENA a = ARENA(SWEEP_ARENA);
		s->arena = &a;
		TRY(sql_read(s->g->store.sql, next_batch, s, e));
		if (!s->n)
			return OK;
		for (s->at = s->end = 0; s->at < s->n && !s->newer; s->at = s->end) {
			for (size_t cost = 0; s->end < s->n && cost < SWEEP_BATCH; s->end++)
				cost += s->rows[s->end].need == NEED_NOTHING ? 1 : HEAVY;
			TRY(sql_write(s->g->store.sql, batch_tx, s, e));
		}
		s->judged += s->n;
		s->after_repo = s->rows[s->n - 1].verdict.repo_id;
		snprintf(s->after_digest, sizeof(s->after_digest), "%.*s", SLICE_ARG(s->rows[s->n - 1].verdict.digest));
	} while (s->n == SWEEP_BATCH && !s->newer && !atomic_load(stop));
	return OK;
}

enum err_code gate_sweep(struct gateway *g, const _Atomic bool *stop, struct err *e)
{
	if (!atomic_exchange(&g->gate->sweep, false))
		return OK;
	struct sweep s = { .g = g, .generation = atomic_load(&g->gate->generation) };
	uint64_t start = os_monotonic_ns();
	enum err_code code = sql_write(g->store.sql, claim_tx, &s, e);
	if (code == ERR_NOT_FOUND) {
		gate_sweep_soon(g);
		return OK;
	}
	gate_data_id(g, s.data_id);
	s.set = gate_policies(g);
	if (code == OK)
		code = catalogue_rehash(g->store.sql, g->gate->rejudge, s.from, &s.changed, &s.n_changed, e);
	if (code == OK)
		code = sweep_all(&s, stop, e);
	struct err why = { 0 };
	(void)!sql_write(g->store.sql, release_tx, &s, &why);	/* if not, the others wait a little longer */
	policy_set_release(s.set);
	free(s.changed);
	if (code != OK || s.newer)
		gate_sweep_soon(g);
	if (s.judged)
		gateway_log(g, LOG_INFO, "the catalogue was judged again", "zizizizizi", "generation", s.generation, "verdicts", (int64_t)s.judged, "matched", (int64_t)s.matched,
			    "queued", (int64_t)s.queued, "ms", (int64_t)((os_monotonic_ns() - start) / 1000000));
	return code;
}
