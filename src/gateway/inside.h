/* Within the gateway: what its files share.
 *
 *   serve.c      starts, stops, reloads; threads          route.c      from a request to its handler; identity, rights, logging
 *   config*.c    the configuration                        reg_*.c      the distribution protocol (pull, push, discovery, deletion)
 *   gate*.c      verdicts: what may go out, judging       upstream*.c  pull-through: tags, manifests, blobs, lists
 *   work*.c      the worker process: fetch, inspect       api*.c       /api/v1, /metrics, health, events
 *   audit.c      the audit log                            events.c     events, webhooks
 *   keep*.c      garbage collection, retention */
#pragma once
#include <stdatomic.h>
#include "access.h"
#include "config.h"
#include "httpd.h"
#include "store.h"

struct gate;		/* gate.h */
struct upstreams;	/* upstream.h */
struct metrics;		/* metrics.h */
struct events;		/* events.h */
struct pulls;		/* pulls.h */
struct audit;		/* audit.h */
struct registry;	/* registry.h */
struct keeping;		/* keep.h */

struct gateway {
	const struct gateway_config *config;
	const struct gateway_run *run;
	struct store store;
	struct access *access;
	struct httpd *httpd;		/* NULL in a worker */
	struct gate *gate;
	struct upstreams *upstreams;
	struct metrics *metrics;
	struct events *events;
	struct pulls *pulls;		/* NULL in a worker */
	struct audit *audit;		/* NULL in a worker */
	struct keeping *keeping;	/* NULL in a worker */
	const char *role;		/* "serve", "worker" */
	uint64_t started_ms;
	struct slice public_url;	/* as configured; else how this machine itself reaches the first listener */
	_Atomic bool stopping;
	struct slice *hosts;		/* that a request may name (GATE.md 17); from the configuration */
	size_t n_hosts;
	struct arena arena;		/* what lives as long as this */
	struct registry *registry;	/* reg_open; NULL in a worker */
	_Atomic unsigned feeds;		/* that are open */
	_Atomic unsigned reports_at_once;	/* that /api/v1/report is writing */
	char node[64];			/* this process' name: host name, pid, random */
	_Atomic uint64_t store_seen_ms;	/* when the database last answered (max_staleness) */
	_Atomic bool store_alive;
	_Atomic uint64_t changes;	/* raised by every announced change of anybody: memories of verdicts and tags older than that are not used */
};

/* What server and workers open alike: records, blobs, the gate, upstreams, the log. */
[[nodiscard]] enum err_code gateway_open_common(struct gateway *g, const struct gateway_run *r, const char *role, struct err *e);
void gateway_close_common(struct gateway *g);
/* Only records and blobs: g->config and g->arena are set. */
[[nodiscard]] enum err_code gateway_open_store(struct gateway *g, struct err *e);
/* Tells the others that this process lives (table node); every few seconds. */
[[nodiscard]] enum err_code gateway_node_beat(struct gateway *g, struct err *e);

/* One request on its way through the handlers; in the request's arena, at *http_user(r). */
struct call {
	struct gateway *g;
	struct http_request *r;
	struct access_subject who;
	struct sockaddr_storage peer;	/* who asks; behind a trusted proxy: whom it names */
	uint64_t started_ns;
	struct slice repository;	/* resolved: "docker.io/library/nginx", "team/app"; empty where there is none */
	const struct config_upstream *upstream;	/* of a pull-through repository */
	struct slice upstream_name;	/* its repository there */
	const struct config_repository *rule;
	bool by_mirror;			/* came in by a mirror's listener or ?ns=: read only */
	const char *handler;		/* for metrics and logs: "manifest.get", … */
	struct slice reference;		/* tag or digest of the path */
	bool is_digest;
	struct slice digest;		/* of the manifest or blob that was answered, once known: for records of pulls */
	bool feeding;			/* an endless answer: counted in feeds */
	const char *outcome;		/* "admitted", "refused", "held", "waiting", …: for metrics and logs; NULL: none */
};

/* As text: "192.0.2.1", "unix"; dst of 64 bytes. */
char *call_peer_text(const struct call *c, char dst[64]);

/* --- Answers (answer.c) ------------------------------------------------------------------------------------------------ */

/* {"errors":[{"code","message","detail"}]} of the distribution specification; message is escaped. */
void answer_error(struct call *c, int status, const char *code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* For what failed inside: 503 with Retry-After for the database, the store, upstream (502); 500 else; the error goes to the log, a sentence without paths to the client. */
void answer_fault(struct call *c, const struct err *e);
void answer_unauthorized(struct call *c, unsigned rights, const char *error);	/* 401 with a challenge; 403 DENIED for who is known */
void answer_warning(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));	/* Warning: 299 - "…" */
/* {"error":{"code","message"}} of /api/v1. */
void answer_api_error(struct call *c, int status, const char *code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* --- Log (log.c): logfmt or JSON, one line; keys are literals, values are escaped; z = const char *, t = struct slice, i = int64_t ------------- */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void gateway_log(struct gateway *g, enum log_level level, const char *message, const char *types, ... /* key, value, … */);

/* --- Audit (audit.c) --------------------------------------------------------------------------------------------------------
 * In the transaction of what it records. Keys and values like gateway_log's. who NULL: the system itself. */
[[nodiscard]] enum err_code audit_put(struct gateway *g, struct sql_tx *tx, const struct access_subject *who, const char *action, struct err *e, const char *types, ...);

/* --- Events (events.c): a row in the transaction; webhooks' deliveries are made from it. body: the fields of CloudEvents' data as JSON object text. */
[[nodiscard]] enum err_code event_put(struct gateway *g, struct sql_tx *tx, const char *type, struct slice repository, struct slice digest, struct slice body, struct err *e);

/* --- Requests (route.c) --- */
void route_request(void *arg, struct http_request *r);	/* arg: the gateway */
void route_done(void *arg, struct http_request *r, int status, uint64_t bytes_out, uint64_t elapsed_ns, bool complete);
[[nodiscard]] enum err_code route_open(struct gateway *g, struct err *e);	/* reads which hosts it answers to */
/* The protocol's own memory: hot manifests, open descriptors, upload sessions. After the store and before httpd; closed after httpd (open uploads are saved). */
[[nodiscard]] enum err_code reg_open(struct gateway *g, struct err *e);
void reg_close(struct gateway *g);
/* The fast path of a manifest's GET and HEAD, once identity and right are checked: answers from memory, without blocking, what was admitted for everybody a moment ago; false: nothing
 * was done, go on to reg_manifest_get (which asks this first, too). */
bool reg_manifest_known(struct call *c);

/* --- Handlers. Each answers exactly once; they run on event threads and defer what blocks. Identity is known, the right is checked by route.c. --- */
void reg_manifest_get(struct call *c);		/* GET and HEAD */
void reg_manifest_put(struct call *c);
void reg_manifest_delete(struct call *c);	/* tag or digest */
void reg_blob_get(struct call *c);		/* GET and HEAD */
void reg_blob_delete(struct call *c);
void reg_upload_post(struct call *c);		/* also mount, monolithic */
void reg_upload_patch(struct call *c);
void reg_upload_put(struct call *c);
void reg_upload_get(struct call *c);
void reg_upload_delete(struct call *c);
void reg_tags(struct call *c);
void reg_referrers(struct call *c);
void reg_catalog(struct call *c);
/* Everything below /api/v1, /metrics, /healthz, /readyz; path without the prefix in c->reference. */
void api_dispatch(struct call *c);
void api_accounts(struct call *c);
