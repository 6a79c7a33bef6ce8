/* Within the gate. */
#pragma once
#include <pthread.h>
#include "gate.h"
#include "policy.h"
#include "rejudge.h"

/* All policies of the configuration with the waivers in force, read at one moment. Shared and never changed once made. */
struct policy_set {
	atomic_int refs;
	size_t n;
	struct policy_item { char name[64]; struct policy *policy; char digest[72]; } items[32];
	char digest[72];		/* over names and rules, without the database's waivers */
	char *waivers;			/* YAML that the policies' waivers point into */
};
void policy_set_release(struct policy_set *s);	/* takes NULL */

enum { GATE_MEMORY = 4096, GATE_MOST_WAITERS = 4096, GATE_MEMORY_MS = 1000 };
/* A remembered answer about a blob: only what may go out, as of `changes`, and for a moment, since verdicts end by the clock, too. */
struct gate_memory { char repository[96], digest[72]; uint64_t size, changes, until_ns; };	/* sha256 only */

struct gate {
	pthread_mutex_t lock, refresh_lock;
	struct policy_set *set;		/* under lock */
	struct rejudge *rejudge;
	_Atomic int64_t generation;	/* number that this node judges by; 0: none yet */
	_Atomic uint64_t checked_ms;	/* when the number was last read from the database */
	struct store_generation inputs;	/* of that generation; slices in inputs_arena; under lock */
	struct arena inputs_arena;
	struct gate_memory memory[GATE_MEMORY];
	pthread_mutex_t memory_lock;
	pthread_mutex_t wait_lock;
	struct call *waiters[GATE_MOST_WAITERS];
	size_t n_waiters;
	_Atomic bool quarantine_full;
	uint64_t quarantine_changes;	/* g->changes when that was counted; the keeper's */
	_Atomic bool sweep;		/* verdicts of older generations may be there */
};

/* Data of a shared blob store: brings ours there, before it is proposed; fetches what another node proposed (refresh `rejudge` afterwards). */
[[nodiscard]] enum err_code data_publish(struct gateway *g, const struct rejudge_generation *data, struct err *e);
[[nodiscard]] enum err_code data_fetch(struct gateway *g, const struct store_generation *now, const struct rejudge_generation *have, struct err *e);

/* The set in force, with a reference for the caller. */
struct policy_set *gate_policies(struct gateway *g);
const struct policy_item *policy_set_find(const struct policy_set *s, struct slice name);
[[nodiscard]] enum err_code policy_set_load(struct gateway *g, struct slice waivers, struct policy_set **ret, struct err *e);

/* A report judged: what the verdict will say. Slices are the arena's. */
struct judged {
	struct store_verdict verdict;
	int64_t ended_decision;		/* an approval that a new finding ended; 0 none */
};
/* Policy, then people's decisions (read in tx). */
[[nodiscard]] enum err_code gate_judge(struct gateway *g, struct sql_tx *tx, const struct policy_set *set, int64_t generation, int64_t repo_id, struct slice repository,
				       struct slice digest, struct report *r, struct arena *a, struct judged *ret, struct err *e);
/* Stores it with what follows: events, audit record, tags that are served from now on. `old` NULL: there was none. */
[[nodiscard]] enum err_code gate_store_verdict(struct gateway *g, struct sql_tx *tx, struct slice repository, const struct store_verdict *old,
					       const struct judged *j, struct err *e);
/* Judges again from the stored report, by the present generation. *ret_queued: that needs the layers' facts, so a job was queued. only_stale: somebody else's verdict of this
 * generation will do (not after a decision, which it may not have seen). */
[[nodiscard]] enum err_code gate_judge_again(struct gateway *g, int64_t repo_id, struct slice repository, struct slice digest, bool only_stale, bool *ret_queued,
					     struct err *e);
/* An index has a row only while it is revoked: made anew from the revocations in force, or deleted. */
[[nodiscard]] enum err_code gate_revoked_index(struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, int64_t generation, struct err *e);
/* Queues the inspection of a manifest that has no verdict yet; a row says that it is under way. */
[[nodiscard]] enum err_code gate_start(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, int priority, bool again, struct err *e);
/* Serves every tag of the repository whose pushed digest this is, or an index that names it, if that may go out now. ERR_LIMIT: the manifest itself is an index that names
 * too much. What is beyond the bounds of work in one transaction is served when it is asked for. */
[[nodiscard]] enum err_code gate_promote(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, struct err *e);

/* What is known of a manifest, recursively for indexes. stale: digests to be judged again first; missing: to be inspected first. */
struct gate_view {
	enum gate_result result;
	bool failed;			/* the inspection failed and waits for its next try */
	bool unfetched;			/* from upstream, the bytes of some of it may not be here yet */
	struct slice reasons;		/* JSON of the first verdict that refuses, holds or failed */
	struct slice about;		/* whose that is */
	struct slice_items stale, missing;
	uint64_t expires_s;
	unsigned looked, refs;		/* at manifests; entries of indexes; what is named twice counted twice */
};
[[nodiscard]] enum err_code gate_look(struct gateway *g, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, unsigned depth,
				      struct arena *a, struct gate_view *view, struct err *e);
/* What reports are matched with here at present: "<advisories> <intelligence>". */
void gate_data_id(struct gateway *g, char dst[330]);
/* The first reasons of a verdict as one sentence. */
void gate_reason_text(struct slice reasons_json, struct buf *out);
