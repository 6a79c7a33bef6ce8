/* What people decided, and what verdicts are judged by. */
#include "store_gate.h"
#include "os.h"

enum err_code store_decision_add(struct sql_tx *tx, const struct store_decision *d, int64_t *ret_id, struct err *e)
{
	return sql_one_int(tx, ret_id, e,
			   "INSERT INTO decision (kind, repositories, digest, findings, waiver, reason, account, created_s, until_s, ended_s, ended_why)"
			   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, '') RETURNING id", "tttttttii", d->kind, d->repositories, d->digest, d->findings,
			   d->waiver, d->reason, d->account, (int64_t)os_now_s(), (int64_t)d->until_s);
}

enum err_code store_decision_end(struct sql_tx *tx, int64_t id, const char *why, struct err *e)
{
	int64_t changed;
	TRY(sql_run(tx, &changed, e, "UPDATE decision SET ended_s = ?2, ended_why = ?3 WHERE id = ?1 AND ended_s = 0", "iiz", id, (int64_t)os_now_s(), why));
	return changed ? OK : err_set(e, ERR_NOT_FOUND, 0, "there is no decision %lld in force", (long long)id);
}

static enum err_code each(struct sql_rows *rows, store_decision_fn *fn, void *arg, struct err *e)
{
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct store_decision d = {
			.id = sql_int(rows, 0), .kind = sql_text(rows, 1), .repositories = sql_text(rows, 2), .digest = sql_text(rows, 3),
			.findings = sql_text(rows, 4), .waiver = sql_text(rows, 5), .reason = sql_text(rows, 6), .account = sql_text(rows, 7),
			.created_s = (uint64_t)sql_int(rows, 8), .until_s = (uint64_t)sql_int(rows, 9), .ended_s = (uint64_t)sql_int(rows, 10),
			.ended_why = sql_text(rows, 11),
		};
		TRY(fn(arg, &d, e));
	}
}

#define COLUMNS "id, kind, repositories, digest, findings, waiver, reason, account, created_s, until_s, ended_s, ended_why"

enum err_code store_decisions(struct sql_tx *tx, struct slice digest, bool ended_too, store_decision_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	if (ended_too)
		TRY(sql_query(tx, &rows, e, "SELECT " COLUMNS " FROM decision WHERE (?1 = '' OR digest = ?1) ORDER BY id DESC LIMIT 10000", "t", digest));
	else
		TRY(sql_query(tx, &rows, e, "SELECT " COLUMNS " FROM decision WHERE digest = ?1 AND ended_s = 0 AND (until_s = 0 OR until_s > ?2)"
			      " ORDER BY id DESC LIMIT 10000", "ti", digest, (int64_t)os_now_s()));
	return each(rows, fn, arg, e);
}

enum err_code store_decision_get(struct sql_tx *tx, int64_t id, store_decision_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT " COLUMNS " FROM decision WHERE id = ?1", "i", id));
	return each(rows, fn, arg, e);
}

enum err_code store_generation_get(struct sql_tx *tx, struct arena *a, struct store_generation *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT number, policies, advisories, intel, waivers FROM generation ORDER BY number DESC LIMIT 1", ""));
	TRY(sql_next(rows, &row, e));
	*ret = (struct store_generation){ 0 };
	if (!row)
		return OK;
	*ret = (struct store_generation){ sql_int(rows, 0), arena_dup(a, sql_text(rows, 1)), arena_dup(a, sql_text(rows, 2)), arena_dup(a, sql_text(rows, 3)),
					  sql_int(rows, 4) };
	return arena_ok(a, "the generation", e);
}

enum err_code store_generation_add(struct sql_tx *tx, const struct store_generation *g, const char *node, int64_t *ret_number, struct err *e)
{
	return sql_one_int(tx, ret_number, e, "INSERT INTO generation (policies, advisories, intel, waivers, at_s, node) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
			   " RETURNING number", "tttiiz", g->policies, g->advisories, g->intel, g->waivers, (int64_t)os_now_s(), node);
}
