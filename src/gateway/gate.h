/* The gate: what may go out, and what is to be done that something may. One state machine for each manifest and repository (GATE.md 1-14). */
#pragma once
#include "inside.h"
#include "store_gate.h"

enum gate_result {
	GATE_YES,		/* may go out; warning may be set */
	GATE_REFUSED,		/* 403 PABEAN_REFUSED */
	GATE_HELD,		/* 403 PABEAN_HELD */
	GATE_WAIT,		/* not judged yet; work is under way: wait for a change, then ask again; 429 after pull_wait */
	GATE_BUSY,		/* a limit on quarantine, waiters or inspections: 429 at once */
	GATE_ABSENT,		/* not in this repository: 404 */
	GATE_STALE,		/* this node does not know the present generation: 503 */
};
struct gate_answer {
	enum gate_result result;
	char text[1024];	/* a sentence for the client: reasons, and where the report is */
	char warning[1024];	/* "" none */
	unsigned retry_s;
	bool own;		/* GATE_YES to this caller alone, who brought it: not to be remembered for others */
};

[[nodiscard]] enum err_code gate_open(struct gateway *g, struct err *e);
void gate_close(struct gateway *g);

/* May this manifest (it is in the repository) go out? Starts what must be done first (a job), judges what was judged by older data on the spot. May block
 * on the database, not on inspections. `start` false: nothing is started (HEAD of what nobody pulls). */
[[nodiscard]] enum err_code gate_manifest(struct call *c, struct slice digest, struct gate_answer *ret, struct err *e);
/* The same for a blob: it is admitted where an admitted manifest of this repository names it; under `gate: off` where it was uploaded, mounted or named.
 * GATE_ABSENT also for what is refused or held. *ret_size its size. Under enforce the account that uploaded it within the last hour may HEAD it; it may also read back what
 * no manifest of the repository names (clients verify an upload so, and no image can be had that way); and it gets GATE_WAIT, not GATE_ABSENT, while a manifest that names
 * it is being judged, and GATE_REFUSED or GATE_HELD with the reason when that was the verdict. */
[[nodiscard]] enum err_code gate_blob(struct call *c, struct slice digest, struct gate_answer *ret, uint64_t *ret_size, struct err *e);
/* What a pusher may rely on, for mounts and for the blobs that a manifest names: it may go out here, or the caller brought it within the hour. */
bool gate_blob_pushed(struct call *c, struct slice digest, uint64_t *ret_size, struct err *e);
/* The fast path: a remembered answer, without blocking; false: ask gate_blob/gate_manifest. */
bool gate_blob_known(struct call *c, struct slice digest, uint64_t *ret_size);
void gate_blob_remember(struct call *c, struct slice digest, uint64_t size, uint64_t changes);	/* changes: g->changes read before asking */

/* In the transaction that puts a manifest into a repository (pushed, or fetched from upstream): sets the tag's pushed side (tag empty: none), the served side where
 * the gate is off or the digest is admitted already, queues the inspection where needed. Announces. */
[[nodiscard]] enum err_code gate_put(struct gateway *g, struct sql_tx *tx, const struct store_put *put, struct err *e);

/* What a tag gives now (GATE.md 3, 4): its served digest, or the newer one if that may go out, with an answer about it. GATE_ABSENT: no such tag. *ret_digest is
 * set but for GATE_ABSENT; in the request's arena. For pull-through repositories: after upstream_tag. */
[[nodiscard]] enum err_code gate_tag(struct call *c, struct slice tag, struct slice *ret_digest, struct gate_answer *ret, struct err *e);

/* Sleeps until something changed or the deadline, then runs fn on a pool thread (see http_wait). seen_changes: g->changes as it was before the question whose answer was
 * GATE_WAIT. false: too many wait already (nothing was done; answer 429). */
bool gate_wait(struct call *c, uint64_t seen_changes, uint64_t deadline_ms, http_fn *fn, void *arg);
void gate_forget(struct call *c);	/* the request is over: from `done` */
/* Called by the listener on every change: wakes waiters. */
void gate_changed(struct gateway *g);
uint64_t gate_waiting(struct gateway *g);
/* Called every few seconds by the maintenance thread. */
void gate_quarantine_count(struct gateway *g);
/* ERR_LIMIT: what waits for its verdict, or was refused, fills quarantine_bytes. */
[[nodiscard]] enum err_code gate_quarantine_room(struct gateway *g, struct err *e);
/* Reads policies (when `reload`), advisories, intelligence and the generation again; at start, every second, on changes. */
[[nodiscard]] enum err_code gate_refresh(struct gateway *g, bool reload, struct err *e);
/* Judges again what older generations judged, in batches, until nothing is left or stop; called by the maintenance thread. */
void gate_sweep_soon(struct gateway *g);
[[nodiscard]] enum err_code gate_sweep(struct gateway *g, const _Atomic bool *stop, struct err *e);

struct slice_items;
const struct slice_items *gate_platforms(struct gateway *g, struct slice repository);
struct store_manifest;
struct store_ref;
bool gate_child_counts(const struct slice_items *platforms, const struct store_manifest *index, const struct store_ref *ref);

/* --- What people decide. Each leaves a row, an audit record and an event, and acts at once. who: for the record; its right was checked. ----------------------- */
struct gate_decision_request {
	struct slice repositories;	/* glob; for a reference: its repository */
	struct slice digest;		/* empty only for a waiver */
	struct slice reason;		/* never empty */
	uint64_t until_s;		/* approve, waive: in the future and at most approve_max_s away */
	struct slice waiver;		/* waive: the YAML of one waiver (finding, package, image, until, reason), made by the caller */
};
/* ERR_NOT_FOUND: not in any such repository, or not inspected yet (approve); ERR_USAGE: what is wrong with the request. */
[[nodiscard]] enum err_code gate_approve(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e);
[[nodiscard]] enum err_code gate_revoke(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e);
[[nodiscard]] enum err_code gate_waive(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e);
/* Ends an approval, revocation or waiver. */
[[nodiscard]] enum err_code gate_end_decision(struct gateway *g, const struct access_subject *who, int64_t id, struct slice reason, struct err *e);
/* inspect: from the bytes again (a job); else judged from what is stored, by the present generation. digest empty: everything in the repositories. */
[[nodiscard]] enum err_code gate_rejudge(struct gateway *g, const struct access_subject *who, struct slice repositories, struct slice digest, bool inspect, uint64_t *ret_n,
					 struct err *e);
/* What a policy (text) would say of everything in force: calls fn for each verdict that would change. Nothing is stored. */
typedef enum err_code gate_dry_fn(void *arg, struct slice repository, struct slice digest, enum store_state now, enum store_state then, struct slice reasons_json, struct err *e);
[[nodiscard]] enum err_code gate_dry_run(struct gateway *g, struct slice policy_text, gate_dry_fn *fn, void *arg, struct err *e);
