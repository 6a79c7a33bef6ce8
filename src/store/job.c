/* The job queue: leases with a heartbeat. */
#include "store_gate.h"

enum { JOB_WAITING, JOB_LEASED, JOB_GIVEN_UP };

enum err_code store_job_put(struct sql_tx *tx, const char *kind, int64_t repo_id, struct slice digest, int priority, struct slice account, bool again,
			    struct err *e)
{
	int64_t now = (int64_t)store_now_ms(), changed;
	TRY(sql_run(tx, &changed, e, "INSERT INTO job (kind, repo_id, digest, state, priority, attempts, run_after_ms, owner, lease_until_ms, created_ms,"
		    " account, error) VALUES (?1, ?2, ?3, 0, ?4, 0, 0, '', 0, ?5, ?6, '') ON CONFLICT (kind, repo_id, digest) DO NOTHING", "zitiit", kind,
		    repo_id, digest, (int64_t)priority, now, account));
	if (changed)
		return OK;
	TRY(sql_run(tx, NULL, e, "UPDATE job SET priority = ?4 WHERE kind = ?1 AND repo_id = ?2 AND digest = ?3 AND priority < ?4", "ziti", kind, repo_id,
		    digest, (int64_t)priority));
	if (!again)
		return OK;
	return sql_run(tx, NULL, e, "UPDATE job SET state = 0, run_after_ms = 0, attempts = 0 WHERE kind = ?1 AND repo_id = ?2 AND digest = ?3 AND state <> 1",
		       "zit", kind, repo_id, digest);
}

static enum err_code lease_one(struct sql_tx *tx, const char *kind, const char *owner, uint64_t lease_ms, struct arena *a, struct store_job *ret,
			       bool *ret_found, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	int64_t now = (int64_t)store_now_ms();
	TRY(sql_query(tx, &rows, e,
		      "UPDATE job SET state = 1, owner = ?2, lease_until_ms = ?3, attempts = attempts + 1 WHERE id = (SELECT id FROM job WHERE kind = ?1 AND"
		      " ((state = 0 AND run_after_ms <= ?4) OR (state = 1 AND lease_until_ms < ?4)) ORDER BY priority DESC, id LIMIT 1$LOCK)"
		      " RETURNING id, repo_id, digest, account, attempts, created_ms, error", "zzii", kind, owner, now + (int64_t)lease_ms, now));
	TRY(sql_next(rows, ret_found, e));
	if (!*ret_found)
		return OK;
	*ret = (struct store_job){
		.id = sql_int(rows, 0), .repo_id = sql_int(rows, 1), .digest = arena_dup(a, sql_text(rows, 2)), .account = arena_dup(a, sql_text(rows, 3)),
		.attempts = (unsigned)sql_int(rows, 4), .created_ms = (uint64_t)sql_int(rows, 5), .error = arena_dup(a, sql_text(rows, 6)),
		.kind = slice_str(kind), .state = JOB_LEASED,
	};
	return arena_ok(a, "a job", e);
}

enum err_code store_job_lease(struct sql_tx *tx, const char *const *kinds, const char *owner, uint64_t lease_ms, struct arena *a, struct store_job *ret,
			      struct err *e)
{
	for (size_t i = 0; kinds[i]; i++) {
		bool found;
		TRY(lease_one(tx, kinds[i], owner, lease_ms, a, ret, &found, e));
		if (found)
			return OK;
	}
	return err_set(e, ERR_NOT_FOUND, 0, "no job is ready");
}

static enum err_code changed_ours(int64_t changed, struct err *e)
{
	return changed ? OK : err_set(e, ERR_NOT_FOUND, 0, "the job was given to another worker");
}

enum err_code store_job_heartbeat(struct sql_tx *tx, int64_t id, const char *owner, uint64_t lease_ms, struct err *e)
{
	int64_t changed;
	TRY(sql_run(tx, &changed, e, "UPDATE job SET lease_until_ms = ?3 WHERE id = ?1 AND owner = ?2 AND state = 1", "izi", id, owner,
		    (int64_t)(store_now_ms() + lease_ms)));
	return changed_ours(changed, e);
}

enum err_code store_job_done(struct sql_tx *tx, int64_t id, const char *owner, struct err *e)
{
	int64_t changed;
	TRY(sql_run(tx, &changed, e, "DELETE FROM job WHERE id = ?1 AND owner = ?2 AND state = 1", "iz", id, owner));
	return changed_ours(changed, e);
}

enum err_code store_job_failed(struct sql_tx *tx, int64_t id, const char *owner, struct slice error, uint64_t retry_ms, struct err *e)
{
	int64_t changed;
	bool over = retry_ms == UINT64_MAX;
	/* What interrupted it was no fault of its own: that attempt does not count. */
	TRY(sql_run(tx, &changed, e, "UPDATE job SET state = ?3, run_after_ms = ?4, owner = '', lease_until_ms = 0, error = ?5, attempts = attempts - ?6 WHERE id = ?1"
		    " AND owner = ?2 AND state = 1", "iziiti", id, owner, (int64_t)(over ? JOB_GIVEN_UP : JOB_WAITING),
		    over ? (int64_t)0 : (int64_t)(store_now_ms() + retry_ms), error, (int64_t)(retry_ms == 0)));
	return changed_ours(changed, e);
}

enum err_code store_queue_count(struct sql_tx *tx, struct store_queue *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	struct store_queue q = { 0 };
	uint64_t now = store_now_ms();
	TRY(sql_query(tx, &rows, e, "SELECT state, count(*), min(created_ms) FROM job GROUP BY state", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		int64_t state = sql_int(rows, 0);
		uint64_t n = (uint64_t)sql_int(rows, 1), since = (uint64_t)sql_int(rows, 2);
		*(state == JOB_WAITING ? &q.waiting : state == JOB_LEASED ? &q.leased : &q.given_up) = n;
		if (state != JOB_GIVEN_UP && since < now)
			q.oldest_ms = MAX(q.oldest_ms, now - since);
	}
	*ret = q;
	return OK;
}
