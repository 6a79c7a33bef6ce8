/* Verdicts and the reports they rest on. */
#include "store_gate.h"
#include "os.h"

static const char *const state_names[] = { "unknown", "fetching", "inspecting", "admitted", "refused", "held", "failed" };

const char *store_state_name(enum store_state s)
{
	return (size_t)s < ARRAY_LEN(state_names) ? state_names[s] : "unknown";
}

bool store_state_parse(struct slice text, enum store_state *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
		if (slice_eqs(text, state_names[i])) {
			*ret = (enum store_state)i;
			return true;
		}
	}
	return false;
}

void store_verdict_row(struct sql_rows *rows, int first, struct arena *a, struct store_verdict *ret)
{
	*ret = (struct store_verdict){
		.repo_id = sql_int(rows, first), .digest = arena_dup(a, sql_text(rows, first + 1)), .state = (enum store_state)sql_int(rows, first + 2),
		.generation = sql_int(rows, first + 3), .policy_digest = arena_dup(a, sql_text(rows, first + 4)),
		.reasons = arena_dup(a, sql_text(rows, first + 5)), .expires_s = (uint64_t)sql_int(rows, first + 6),
		.decided_s = (uint64_t)sql_int(rows, first + 7), .decision_id = sql_int(rows, first + 8), .attempts = (unsigned)sql_int(rows, first + 9),
		.seq = sql_int(rows, first + 10),
	};
}

enum err_code store_verdict_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct store_verdict *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT " STORE_VERDICT_COLUMNS " FROM verdict v WHERE v.repo_id = ?1 AND v.digest = ?2", "it", repo_id, digest));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no verdict on this manifest in this repository");
	store_verdict_row(rows, 0, a, ret);
	return arena_ok(a, "a verdict", e);
}

enum err_code store_verdict_put(struct sql_tx *tx, const struct store_verdict *v, struct err *e)
{
	return sql_run(tx, NULL, e,
		       "INSERT INTO verdict (repo_id, digest, state, generation, policy_digest, reasons, expires_s, decided_s, decision_id, attempts, seq)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)"
		       " ON CONFLICT (repo_id, digest) DO UPDATE SET state = excluded.state, generation = excluded.generation,"
		       " policy_digest = excluded.policy_digest, reasons = excluded.reasons, expires_s = excluded.expires_s, decided_s = excluded.decided_s,"
		       " decision_id = excluded.decision_id, attempts = excluded.attempts, seq = verdict.seq + 1",
		       "itiittiiii", v->repo_id, v->digest, (int64_t)v->state, v->generation, v->policy_digest, v->reasons, (int64_t)v->expires_s,
		       (int64_t)v->decided_s, v->decision_id, (int64_t)v->attempts);
}

enum err_code store_report_put(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice data_id, struct slice body, struct slice packages,
			       struct slice subjects, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "INSERT INTO report (repo_id, digest, made_s, data_id, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (repo_id, digest)"
		    " DO UPDATE SET made_s = excluded.made_s, data_id = excluded.data_id, body = excluded.body", "ititb", repo_id, digest,
		    (int64_t)os_now_s(), data_id, body));
	return sql_run(tx, NULL, e, "INSERT INTO report_index (repo_id, digest, packages, subjects) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (repo_id, digest)"
		       " DO UPDATE SET packages = excluded.packages, subjects = excluded.subjects", "itbb", repo_id, digest, packages, subjects);
}

enum err_code store_report_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct slice *ret_body, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT body FROM report WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "this manifest was not inspected in this repository");
	*ret_body = arena_dup(a, sql_bytes(rows, 0));
	return arena_ok(a, "a report", e);
}
