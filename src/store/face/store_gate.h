/* Verdicts, reports, jobs, decisions, generations. */
#pragma once
#include "store.h"

enum store_state { STATE_UNKNOWN, STATE_FETCHING, STATE_INSPECTING, STATE_ADMITTED, STATE_REFUSED, STATE_HELD, STATE_FAILED };
const char *store_state_name(enum store_state);
bool store_state_parse(struct slice, enum store_state *ret);

#define STORE_VERDICT_COLUMNS "v.repo_id, v.digest, v.state, v.generation, v.policy_digest, v.reasons, v.expires_s, v.decided_s, v.decision_id, v.attempts, v.seq"
struct store_verdict {
	int64_t repo_id;
	struct slice digest;
	enum store_state state;
	int64_t generation;
	struct slice policy_digest, reasons;	/* JSON list of {"rule","text","decision","findings":[]} */
	uint64_t expires_s, decided_s;
	int64_t decision_id;
	unsigned attempts;
	int64_t seq;			/* raised by every change */
};

/* What a PUT, or a fetch from upstream, brought. */
struct store_put {
	int64_t repo_id;
	struct slice repository, digest, tag /* may be empty */, account;
	int kind;			/* 0 image, 1 index, 2 artifact */
	bool from_upstream;
};

/* From a row whose columns from `first` are STORE_VERDICT_COLUMNS (of `verdict v`). */
void store_verdict_row(struct sql_rows *rows, int first, struct arena *a, struct store_verdict *ret);
/* ERR_NOT_FOUND: none. Slices are the arena's. */
[[nodiscard]] enum err_code store_verdict_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct store_verdict *ret, struct err *e);
[[nodiscard]] enum err_code store_verdict_put(struct sql_tx *tx, const struct store_verdict *v, struct err *e);

[[nodiscard]] enum err_code store_report_put(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice data_id, struct slice body,
					     struct slice packages, struct slice subjects, struct err *e);
[[nodiscard]] enum err_code store_report_get(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct arena *a, struct slice *ret_body, struct err *e);

/* --- Jobs: leased with a heartbeat; a worker that dies gives its job back when the lease ends. --- */
struct store_job {
	int64_t id, repo_id;
	struct slice kind, digest, account, error;
	int state;			/* 0 waiting, 1 leased, 2 given up */
	unsigned attempts;
	uint64_t created_ms, run_after_ms;
};
/* Queues, unless one is there; one that was given up, or waits for later, becomes ready now when `again`. */
[[nodiscard]] enum err_code store_job_put(struct sql_tx *tx, const char *kind, int64_t repo_id, struct slice digest, int priority, struct slice account, bool again,
					  struct err *e);
/* Takes the most urgent job of one of `kinds` (NULL-terminated) that is ready, or whose lease has ended. ERR_NOT_FOUND: none. */
[[nodiscard]] enum err_code store_job_lease(struct sql_tx *tx, const char *const *kinds, const char *owner, uint64_t lease_ms, struct arena *a, struct store_job *ret, struct err *e);
/* ERR_NOT_FOUND: it is not ours any more: stop working at it. */
[[nodiscard]] enum err_code store_job_heartbeat(struct sql_tx *tx, int64_t id, const char *owner, uint64_t lease_ms, struct err *e);
[[nodiscard]] enum err_code store_job_done(struct sql_tx *tx, int64_t id, const char *owner, struct err *e);	/* the row goes; ERR_NOT_FOUND as above */
/* Again after retry_ms, or given up (retry_ms UINT64_MAX). 0: it was interrupted: at once, and that attempt does not count. */
[[nodiscard]] enum err_code store_job_failed(struct sql_tx *tx, int64_t id, const char *owner, struct slice error, uint64_t retry_ms, struct err *e);
struct store_queue { uint64_t waiting, leased, given_up, oldest_ms; };
[[nodiscard]] enum err_code store_queue_count(struct sql_tx *tx, struct store_queue *ret, struct err *e);

/* --- Decisions --- */
struct store_decision {
	int64_t id;
	struct slice kind, repositories, digest, findings, waiver, reason, account, ended_why;
	uint64_t created_s, until_s, ended_s;
};
[[nodiscard]] enum err_code store_decision_add(struct sql_tx *tx, const struct store_decision *d, int64_t *ret_id, struct err *e);
[[nodiscard]] enum err_code store_decision_end(struct sql_tx *tx, int64_t id, const char *why, struct err *e);
/* In force now for this digest (waivers: ""), newest first; the caller matches repositories. ended_too: also what is over, of all digests where it is "". At most 10,000. */
typedef enum err_code store_decision_fn(void *arg, const struct store_decision *d, struct err *e);
[[nodiscard]] enum err_code store_decisions(struct sql_tx *tx, struct slice digest, bool ended_too, store_decision_fn *fn, void *arg, struct err *e);
/* That one, in force or not; fn is not called when there is none. */
[[nodiscard]] enum err_code store_decision_get(struct sql_tx *tx, int64_t id, store_decision_fn *fn, void *arg, struct err *e);

/* --- Generations --- */
struct store_generation { int64_t number; struct slice policies, advisories, intel; int64_t waivers; };
[[nodiscard]] enum err_code store_generation_get(struct sql_tx *tx, struct arena *a, struct store_generation *ret, struct err *e);	/* number 0: none yet */
[[nodiscard]] enum err_code store_generation_add(struct sql_tx *tx, const struct store_generation *g, const char *node, int64_t *ret_number, struct err *e);
