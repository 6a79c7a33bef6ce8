/* Within pull-through: connections to upstreams and what is remembered of their failures.
 *
 *   upstream.c         opening, reloading, one connection an upstream (made when first used)
 *   upstream_health.c  rate limit, fetches at once, what is down or limits us
 *   upstream_flight.c  one thread asks, others wait for its answer; failures are remembered for a short time
 *   upstream_node.c    the same across nodes
 *   upstream_fetch.c   manifests with their children, into the database
 *   upstream_tag.c     tags      upstream_list.c  tag lists, referrers      upstream_blob.c  blobs      upstream_cool.c  cool-down, watched tags */
#pragma once
#include <pthread.h>
#include <stdio.h>
#include "oci_registry.h"
#include "os.h"
#include "upstream.h"

enum {
	UPSTREAM_MOST = 256,			/* connections, with those of configurations that were replaced */
	UPSTREAM_KEY = 448,			/* kind, repository, tag or digest */
	UPSTREAM_MISSES = 128,
	UPSTREAM_MOST_WAITING = 6,		/* threads that wait for others' answers: the pool is small and all else needs it, too */
	UPSTREAM_MOST_CHILDREN = 128,		/* of one index, with those of indexes in it */
	UPSTREAM_MOST_DEPTH = 4,
	UPSTREAM_ARENA = 24 << 20,		/* of one fetch with its children */
	UPSTREAM_MOST_TAGS = 100000,
	UPSTREAM_TAGS_BYTES = 8 << 20,
	UPSTREAM_MOST_REFERRERS = 256,
	UPSTREAM_FAILED_MS = 10000,		/* how long a failure is remembered */
	UPSTREAM_ABSENT_MS = 3000,		/* and that something is not there */
};

struct upstream_one {
	const struct config_upstream *u;	/* only compared, never looked into */
	bool old;				/* of a configuration that was replaced */
	struct oci_registry *registry;
	char name[132];
	unsigned requests_s, max_fetches;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	unsigned running;
	double budget;				/* requests that may go out now */
	uint64_t filled_ns;
	unsigned failures;			/* one after another, without any answer */
	uint64_t down_until_ns, limited_until_ns;
	char why[200];
};

struct upstream_flight {
	char key[UPSTREAM_KEY];
	bool done, turned_away;		/* some could not wait here */
	unsigned waiting;
	enum err_code rc;
	struct err e;
	char warning[512];
	struct upstream_flight *next;
};
struct upstream_miss { char key[UPSTREAM_KEY]; uint64_t until_ns; struct err e; };

struct upstreams {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct upstream_one *ones[UPSTREAM_MOST];
	size_t n;
	struct upstream_flight *flights;
	unsigned waiting;
	struct upstream_miss *misses[UPSTREAM_MISSES];
	_Atomic uint64_t requests, errors, limited, fetched, blobs;
	uint64_t polled_ms, promoted_ms;	/* by the maintenance thread only */
};

/* Whose repository is asked for what: of a call, or of the maintenance thread. */
struct upstream_place {
	struct gateway *g;
	const struct config_upstream *u;
	struct slice repository, name;		/* "docker.io/library/nginx", "library/nginx" */
	struct slice account;
};
struct upstream_place upstream_place_of(const struct call *c);
uint64_t upstream_timeout_ms(const struct config_upstream *u);

[[nodiscard]] enum err_code upstream_one_get(struct gateway *g, const struct config_upstream *u, struct upstream_one **ret, struct err *e);

/* --- Health: before and after each request. ERR_LIMIT, ERR_NET: not now (and why). wait_ms: longest wait for a free place or the rate limit. --- */
[[nodiscard]] enum err_code upstream_begin(struct upstreams *us, struct upstream_one *o, uint64_t wait_ms, struct err *e);
void upstream_end(struct upstreams *us, struct upstream_one *o, enum err_code rc, const struct oci_answer *a, const struct err *e);

/* --- One asks, the others wait ------------------------------------------------------------------------------------------------ */
enum upstream_turn { TURN_LEAD, TURN_JOINED, TURN_BUSY };
/* LEAD: do it, then upstream_flight_end. JOINED: another did; *ret_rc, *e and warning are its. BUSY: too many wait. A failure remembered is JOINED, too. */
enum upstream_turn upstream_flight_begin(struct upstreams *us, const char *key, struct upstream_flight **ret, enum err_code *ret_rc, char warning[512], struct err *e);
void upstream_flight_end(struct gateway *g, struct upstream_flight *f, enum err_code rc, const char *warning, const struct err *e);
bool upstream_key(char key[UPSTREAM_KEY], char kind, struct slice repository, struct slice what);

/* Several nodes: *ret_ours false: another node brought it meanwhile (`there` says so). Else we ask, and release. */
typedef enum err_code upstream_there_fn(void *arg, bool *ret, struct err *e);
[[nodiscard]] enum err_code upstream_node_claim(struct gateway *g, const char *key, upstream_there_fn *there, void *arg, bool *ret_ours, struct err *e);
void upstream_node_release(struct gateway *g, const char *key);

/* --- Manifests ------------------------------------------------------------------------------------------------------------------- */

/* One manifest by tag or digest, verified and parsed; in the arena. *ret_answer also on failure. */
[[nodiscard]] enum err_code upstream_ask_manifest(const struct upstream_place *p, struct slice reference, struct arena *a, struct store_manifest *ret,
						  struct oci_answer *ret_answer, struct err *e);
/* HEAD: the digest a tag has upstream; "" when upstream does not say. */
[[nodiscard]] enum err_code upstream_ask_digest(const struct upstream_place *p, struct slice tag, char ret_digest[160], struct err *e);
/* What is to be put into the repository at once: children first. */
struct upstream_batch { struct store_manifest *items; size_t n, cap; uint64_t until_ns; };
/* The children of an index that count and are not here, recursively, appended. */
[[nodiscard]] enum err_code upstream_fetch_children(const struct upstream_place *p, const struct store_manifest *index, struct arena *a, struct upstream_batch *b,
						    struct err *e);
/* Manifest rows, first_seen, gate_put; the tag (may be empty) goes to the last of the batch. */
[[nodiscard]] enum err_code upstream_store(const struct upstream_place *p, const struct upstream_batch *b, struct slice tag, struct err *e);
[[nodiscard]] enum err_code upstream_has(const struct upstream_place *p, struct slice digest, bool *ret, struct err *e);
/* In a transaction: first_seen of a digest. */
[[nodiscard]] enum err_code upstream_seen(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e);

/* A manifest that was fetched, with its children, stored; tag may be empty. */
[[nodiscard]] enum err_code upstream_take(const struct upstream_place *p, const struct store_manifest *m, struct slice tag, struct arena *a, struct err *e);
/* ERR_NOT_FOUND: no upstream, or allow/refuse forbid it. */
[[nodiscard]] enum err_code upstream_allowed(const struct upstream_place *p, struct err *e);
/* Upstream's tag has this digest, and ours is left as it is. back: since it was served before (an event, once). */
[[nodiscard]] enum err_code upstream_note_tag(const struct upstream_place *p, struct sql_tx *tx, int64_t repo_id, struct slice tag, struct slice digest, bool back,
					      struct err *e);
[[nodiscard]] enum err_code upstream_tag_check(const struct upstream_place *p, struct slice tag, char ret_warning[512], struct err *e);
[[nodiscard]] enum err_code upstream_tags_of(const struct upstream_place *p, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e);
