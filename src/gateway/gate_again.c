/* Judging one manifest again, on the spot, from what is stored. */
#include "gate_inside.h"
#include "metrics.h"
#include "catalogue.h"
#include "os.h"
#include "report_store.h"
#include <stdio.h>

enum { AGAIN_ARENA = 256 << 20, MOST_TRIES = 4 };

/* What a stored report was matched with: "<advisories> <intelligence>". */
void gate_data_id(struct gateway *g, char dst[330])
{
	struct rejudge_generation data;
	rejudge_generation(g->gate->rejudge, &data);
	snprintf(dst, 330, "%s %s", data.advisories, data.intelligence);
}

struct again {
	struct gateway *g;
	struct arena *arena;
	int64_t repo_id, generation;
	struct slice repository, digest, body, data_id;
	char want_data[330];
	struct store_verdict old;
	struct report report;
	struct policy_set *set;
	bool no_report, queued, matched, lost, only_stale;
};

/* Whom only the verdict's age brought here needs no judgement of their own: many want the same image after new rules. */
static bool done_by_others(const struct again *k, const struct store_verdict *v)
{
	bool judged = v->state == STATE_ADMITTED || v->state == STATE_REFUSED || v->state == STATE_HELD;
	return k->only_stale && judged && v->generation == k->generation && (!v->expires_s || v->expires_s > os_now_s());
}

static enum err_code read_stored(struct sql_tx *tx, void *arg, struct err *e)
{
	struct again *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(store_verdict_get(tx, k->repo_id, k->digest, k->arena, &k->old, e));
	TRY(sql_query(tx, &rows, e, "SELECT p.body, COALESCE(n.advisories || ' ' || n.intel, p.data_id) FROM report p LEFT JOIN verdict v ON v.repo_id = p.repo_id AND v.digest = p.digest AND"
		      " v.state IN (3, 4, 5) AND v.policy_digest <> '' LEFT JOIN generation n ON n.number = v.generation WHERE p.repo_id = ?1 AND p.digest = ?2", "it", k->repo_id, k->digest));	/* see gate_sweep.c */
	TRY(sql_next(rows, &row, e));
	k->no_report = !row;
	if (row) {
		k->body = arena_dup(k->arena, sql_bytes(rows, 0));
		k->data_id = arena_dup(k->arena, sql_text(rows, 1));
	}
	return arena_ok(k->arena, "a stored report", e);
}

/* Other indicators need the layers' facts again: a worker reads them from its cache. */
static enum err_code queue_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct again *k = arg;
	TRY(store_job_put(tx, "inspect", k->repo_id, k->digest, 8, SL(""), true, e));
	return sql_announce(tx, e);
}

static struct slice intel_part(struct slice data_id)
{
	ptrdiff_t space = slice_find_byte(data_id, ' ');
	return space < 0 ? SLICE_NULL : slice_from(data_id, (size_t)space + 1);
}

static enum err_code judge_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct again *k = arg;
	struct store_verdict now;
	struct judged j;
	int64_t newest;
	TRY(sql_one_int(tx, &newest, e, "SELECT coalesce(max(number), 0) FROM generation", ""));
	TRY(store_verdict_get(tx, k->repo_id, k->digest, k->arena, &now, e));
	/* Judged by somebody else meanwhile, or there are newer rules: look again. */
	k->lost = newest != k->generation || now.seq != k->old.seq;
	if (newest == k->generation && done_by_others(k, &now)) {
		k->lost = false;
		return OK;
	}
	if (k->lost)
		return OK;
	TRY(gate_judge(k->g, tx, k->set, k->generation, k->repo_id, k->repository, k->digest, &k->report, k->arena, &j, e));
	if (k->matched)
		TRY(catalogue_report_put(tx, k->g->gate->rejudge, k->repo_id, k->digest, slice_str(k->want_data), &k->report, e));
	return gate_store_verdict(k->g, tx, k->repository, &now, &j, e);
}

static enum err_code try_again(struct again *k, struct err *e)
{
	TRY(sql_read(k->g->store.sql, read_stored, k, e));
	if (done_by_others(k, &k->old))
		return OK;
	gate_data_id(k->g, k->want_data);
	if (k->no_report || !slice_eq(intel_part(k->data_id), intel_part(slice_str(k->want_data)))) {
		k->queued = true;
		return sql_write(k->g->store.sql, queue_tx, k, e);
	}
	TRY(report_decode(k->body, k->arena, &k->report, e));
	k->matched = !slice_eqs(k->data_id, k->want_data);
	if (k->matched)
		TRY(rejudge_advisories(k->g->gate->rejudge, &k->report, os_now_s(), e));
	return sql_write(k->g->store.sql, judge_tx, k, e);
}

enum err_code gate_judge_again(struct gateway *g, int64_t repo_id, struct slice repository, struct slice digest, bool only_stale, bool *ret_queued, struct err *e)
{
	for (int i = 0; i < MOST_TRIES; i++) {
		AUTO_ARENA a = ARENA(AGAIN_ARENA);
		struct again k = { .g = g, .arena = &a, .repo_id = repo_id, .repository = repository, .digest = digest,
				   .generation = atomic_load(&g->gate->generation), .only_stale = only_stale };
		/* In this order: the rules may be newer than the number, which is then found out, but never older. */
		k.set = gate_policies(g);
		enum err_code code = try_again(&k, e);
		policy_set_release(k.set);
		if (code != OK)
			return code;
		*ret_queued = k.queued;
		if (!k.lost) {
			metrics_count(g, METRIC_REJUDGED, 1);
			return OK;
		}
		TRY(gate_refresh(g, false, e));
	}
	return err_set(e, ERR_TIMEOUT, 0, "the verdict kept changing while it was judged");
}
