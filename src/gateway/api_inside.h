/* Between the files of /api/v1. An answer is JSON that one transaction writes into a buffer; errors become {"error":{"code","message"}}. */
#pragma once
#include "inside.h"
#include "store_gate.h"

/* --- JSON, written as it goes --- */
struct js { struct buf *out; bool more; };
void js_open(struct js *j, char bracket);	/* '{' or '[' as a value */
void js_close(struct js *j, char bracket);
void js_key(struct js *j, const char *key);
void js_text(struct js *j, struct slice v);
void js_int(struct js *j, int64_t v);
void js_bool(struct js *j, bool v);
void js_raw(struct js *j, struct slice json);	/* a value that is JSON already; empty: null */
void js_time(struct js *j, uint64_t s);		/* RFC 3339; 0: null */
/* A key and its value. */
void js_ktext(struct js *j, const char *key, struct slice v);
void js_kint(struct js *j, const char *key, int64_t v);
void js_kbool(struct js *j, const char *key, bool v);
void js_ktime(struct js *j, const char *key, uint64_t s);
void js_kraw(struct js *j, const char *key, struct slice json);

/* --- A request --- */
enum api_level {
	API_PUBLIC,		/* anybody; the handler looks at rights by repository */
	API_LOGIN,		/* no anonymous (GATE.md 17) */
	API_APPROVE,		/* the right to approve, on some repository; the handler looks at which */
	API_ADMIN,		/* on all repositories */
};
struct api {
	struct call *c;
	struct gateway *g;
	struct slice id;	/* what stands for {id} in the path */
	struct slice body;	/* of a POST */
	struct js j;
	int status;		/* of success; 200 */
	struct buf out;
};
/* Writes the answer. For reads: within one transaction, perhaps more than once. */
typedef enum err_code api_read_fn(struct api *a, struct sql_tx *tx, struct err *e);
typedef enum err_code api_do_fn(struct api *a, struct err *e);
typedef void api_own_fn(struct call *c);	/* answers by itself, on the event thread */

enum { API_MOST_ITEMS = 1000, API_BODY_MAX = 1 << 20, API_ANSWER_MAX = 16 << 20 };
/* A parameter; empty when it is not there. */
struct slice api_param(struct api *a, const char *name);
uint64_t api_limit(struct api *a, uint64_t standard);	/* n=, at most API_MOST_ITEMS */
bool api_may(struct api *a, unsigned right, struct slice repository);
bool api_may_pattern(struct api *a, unsigned right, struct slice pattern);	/* in all that it may match */
void api_fail(struct call *c, const struct err *e);

/* --- What is meant --- */
struct api_ref {
	int64_t repo_id;	/* 0: there is no such repository */
	struct slice repository, tag, digest;	/* digest: of the tag's pushed side; empty: there is none */
	struct slice served;			/* of the tag */
	const struct config_repository *rule;
};
/* "localhost:5000/team/app:1.4", "team/app@sha256:…": a host in front is taken off. ERR_USAGE. No look-up. */
[[nodiscard]] enum err_code api_ref_parse(struct api *a, struct slice text, struct api_ref *ret, struct err *e);
/* From reference=, or repository= and digest=; ERR_AUTH: the caller may not pull there; ERR_NOT_FOUND. */
[[nodiscard]] enum err_code api_ref_find(struct api *a, struct sql_tx *tx, struct slice reference, struct api_ref *ret, struct err *e);

api_read_fn api_verdict, api_verdicts, api_queue, api_catalogue, api_search, api_pulls, api_decisions, api_requests, api_nodes, api_status, api_events, api_dead_letters;
api_do_fn api_approve, api_revoke, api_waive, api_end_decision, api_rejudge, api_request, api_decline, api_fetch, api_dead_letter_again;
api_own_fn api_report, api_feed, api_openapi, api_healthz, api_readyz, api_metrics;
