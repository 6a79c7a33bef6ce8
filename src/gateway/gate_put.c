/* What a manifest that came in sets going: its tag, its inspection, an event. */
#include "gate_inside.h"
#include "os.h"
#include "store_content.h"

enum err_code gate_start(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, int priority, bool again, struct err *e)
{
	struct store_verdict v = { .repo_id = repo_id, .digest = digest, .state = STATE_FETCHING, .reasons = SL("[]"), .policy_digest = SL("") };
	TRY(sql_run(tx, NULL, e, "INSERT INTO verdict (repo_id, digest, state, generation, policy_digest, reasons, expires_s, decided_s, decision_id, attempts, seq)"
		    " VALUES (?1, ?2, ?3, 0, '', '[]', 0, ?4, 0, 0, 1) ON CONFLICT (repo_id, digest) DO NOTHING", "itii", repo_id, digest, (int64_t)v.state,
		    (int64_t)os_now_s()));
	return store_job_put(tx, "inspect", repo_id, digest, priority, account, again, e);
}

/* A tag is pushed back to a digest that it served before: said once, whether it follows or not. */
static enum err_code note_rollback(struct gateway *g, struct sql_tx *tx, const struct store_put *put, enum rollback_mode mode, struct err *e)
{
	AUTO_BUF body = BUF(4096);
	bool back;
	TRY(store_tag_is_rollback(tx, put->repo_id, put->tag, put->digest, &back, e));
	if (!back)
		return OK;
	buf_puts(&body, "{\"tag\":\"");
	text_json_escape(&body, put->tag);
	buf_printf(&body, "\",\"followed\":%s}", mode == ROLLBACK_HOLD ? "false" : "true");
	TRY(buf_ok(&body, "an event", e));
	return event_put(g, tx, "tag.rollback", put->repository, put->digest, buf_slice(&body), e);
}

enum err_code gate_put(struct gateway *g, struct sql_tx *tx, const struct store_put *put, struct err *e)
{
	const struct config_repository *rule = config_repository_for(g->config, put->repository);
	AUTO_BUF body = BUF(4096);
	int64_t seq = 0;
	bool changed;
	if (put->tag.n)
		TRY(store_tag_push(tx, put->repo_id, put->tag, put->digest, put->from_upstream ? 1 : 0, put->account, &seq, e));
	if (put->tag.n && !put->from_upstream && rule->gate == GATE_ENFORCE && rule->rollback != ROLLBACK_ALLOW)
		TRY(note_rollback(g, tx, put, rule->rollback, e));
	/* Without a gate the inspection still brings what comes from upstream. */
	if (put->kind != STORE_INDEX && (rule->gate != GATE_OFF || put->from_upstream))
		TRY(gate_start(tx, put->repo_id, put->digest, put->account, 5, false, e));
	if (rule->gate == GATE_ENFORCE)
		TRY(gate_promote(g, tx, put->repo_id, put->repository, put->digest, e));
	else if (put->tag.n)
		TRY(store_tag_serve(tx, put->repo_id, put->tag, put->digest, seq, &changed, e));
	if (!put->from_upstream) {
		buf_puts(&body, "{\"tag\":\"");
		text_json_escape(&body, put->tag);
		buf_puts(&body, "\",\"account\":\"");
		text_json_escape(&body, put->account);
		buf_puts(&body, "\"}");
		TRY(buf_ok(&body, "an event", e));
		TRY(event_put(g, tx, "manifest.pushed", put->repository, put->digest, buf_slice(&body), e));
	}
	return sql_announce(tx, e);
}
