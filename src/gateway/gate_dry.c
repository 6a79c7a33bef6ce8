/* What another policy would say of everything in force. Nothing is stored. */
#include "gate_inside.h"
#include "os.h"
#include "report_store.h"
#include <stdio.h>

enum { ROW_ARENA = 64 << 20 };

struct dry {
	struct gateway *g;
	struct policy_set *set;
	gate_dry_fn *fn;
	void *arg;
};

static enum err_code one(struct dry *k, struct sql_tx *tx, struct sql_rows *rows, struct err *e)
{
	AUTO_ARENA a = ARENA(ROW_ARENA);
	struct report r = { 0 };
	struct judged j;
	struct store_verdict now;
	store_verdict_row(rows, 0, &a, &now);
	struct slice repository = arena_dup(&a, sql_text(rows, 11)), body = arena_dup(&a, sql_bytes(rows, 12));
	TRY(arena_ok(&a, "a verdict", e));
	TRY(report_decode_judged(body, &a, &r, e));
	TRY(gate_judge(k->g, tx, k->set, now.generation, now.repo_id, repository, now.digest, &r, &a, &j, e));
	return j.verdict.state == now.state ? OK : k->fn(k->arg, repository, now.digest, now.state, j.verdict.state, j.verdict.reasons, e);
}

static enum err_code all_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct dry *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT " STORE_VERDICT_COLUMNS ", r.name, p.body FROM verdict v JOIN repo r ON r.id = v.repo_id JOIN report p ON"
		      " p.repo_id = v.repo_id AND p.digest = v.digest WHERE v.state IN (3, 4, 5) ORDER BY r.name, v.digest", ""));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		TRY(one(k, tx, rows, e));
	}
}

enum err_code gate_dry_run(struct gateway *g, struct slice policy_text, gate_dry_fn *fn, void *arg, struct err *e)
{
	/* Every rule's policy is this one: what people ask is what the new policy says. */
	struct policy_set set = { .n = 1 };
	atomic_store(&set.refs, 1);
	snprintf(set.items[0].name, sizeof(set.items[0].name), "new");
	struct policy *policy;
	TRY(policy_parse(policy_text, "the new policy", &policy, e));
	set.items[0].policy = policy;
	policy_digest(policy, set.items[0].digest);
	struct dry k = { .g = g, .set = &set, .fn = fn, .arg = arg };
	enum err_code code = sql_read(g->store.sql, all_tx, &k, e);
	policy_free(policy);
	return code;
}
