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
	char text[512];		/* a sentence for the client: reasons, and where the report is */
	char warning[512];	/* "" none */
	unsigned retry_s;
};

[[nodiscard]] enum err_code gate_open(struct gateway *g, struct err *e);
void gate_close(struct gateway *g);

/* May this manifest (it is in the repository) go out? Starts what must be done first (a job), judges what was judged by older data on the spot. May block
 * on the database, not on inspections. `start` false: nothing is started (HEAD of what nobody pulls). */
[[nodiscard]] enum err_code gate_manifest(struct call *c, struct slice digest, struct gate_answer *ret, struct err *e);
/* The same for a blob: it is admitted where an admitted manifest of this repository names it; under `gate: off` where it was uploaded, mounted or named.
 * GATE_ABSENT also for what is refused or held. *ret_size its size. */
[[nodiscard]] enum err_code gate_blob(struct call *c, struct slice digest, struct gate_answer *ret, uint64_t *ret_size, struct err *e);
/* The fast path: a remembered answer, without blocking; false: ask gate_blob/gate_manifest. */
bool gate_blob_known(struct call *c, struct slice digest, uint64_t *ret_size);
void gate_blob_remember(struct call *c, struct slice digest, uint64_t size, uint64_t changes);	/* changes: g->changes read before asking */

/* In the transaction that puts a manifest into a repository (pushed, or fetched from upstream): sets the tag's pushed side (tag empty: none), the served side where
 * the gate is off or the digest is admitted already, queues the inspection where needed. Announces. */
[[nodiscard]] enum err_code gate_put(struct gateway *g, struct sql_tx *tx, const struct store_put *put, struct err *e);

/* Sleeps until something changed or deadline; see http_wait. Used by handlers whose answer is GATE_WAIT. */
void gate_wait(struct call *c, uint64_t deadline_ms, http_fn *fn, void *arg);
/* Called by the listener on every change: wakes waiters. */
void gate_changed(struct gateway *g);
