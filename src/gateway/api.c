/* /api/v1: from a path to its handler. docs/openapi.yaml describes each; a test holds them against each other. */
#include "api_inside.h"
#include "os.h"

struct api_route {
	const char *method, *path;	/* {id} stands for one segment */
	enum api_level level;
	const char *name;		/* for metrics */
	api_read_fn *read;
	api_do_fn *act;			/* POST and DELETE */
	api_own_fn *own;
};
static const struct api_route routes[] = {
	{ "GET", "verdict", API_PUBLIC, "api.read", api_verdict },
	{ "GET", "verdicts", API_LOGIN, "api.read", api_verdicts },
	{ "GET", "report", API_LOGIN, "api.read", .own = api_report },
	{ "GET", "queue", API_LOGIN, "api.read", api_queue },
	{ "GET", "catalogue", API_LOGIN, "api.read", api_catalogue },
	{ "GET", "search", API_LOGIN, "api.read", api_search },
	{ "GET", "pulls", API_APPROVE, "api.read", api_pulls },
	{ "GET", "decisions", API_LOGIN, "api.read", api_decisions },
	{ "DELETE", "decisions/{id}", API_APPROVE, "api.decide", .act = api_end_decision },
	{ "GET", "requests", API_LOGIN, "api.read", api_requests },
	{ "POST", "requests", API_LOGIN, "api.decide", .act = api_request },
	{ "POST", "requests/{id}/decline", API_APPROVE, "api.decide", .act = api_decline },
	{ "POST", "approve", API_APPROVE, "api.decide", .act = api_approve },
	{ "POST", "revoke", API_APPROVE, "api.decide", .act = api_revoke },
	{ "POST", "waive", API_APPROVE, "api.decide", .act = api_waive },
	{ "POST", "rejudge", API_APPROVE, "api.decide", .act = api_rejudge },
	{ "POST", "fetch", API_PUBLIC, "api.decide", .act = api_fetch },
	{ "GET", "nodes", API_LOGIN, "api.read", api_nodes },
	{ "GET", "status", API_LOGIN, "api.read", api_status },
	{ "GET", "events", API_LOGIN, "api.read", api_events },
	{ "GET", "dead-letters", API_ADMIN, "api.read", api_dead_letters },
	{ "POST", "dead-letters/{id}/retry", API_ADMIN, "api.decide", .act = api_dead_letter_again },
	{ "GET", "openapi.json", API_PUBLIC, "api.read", .own = api_openapi },
};

/* --- Answers --------------------------------------------------------------------------------------------------------------- */

void api_fail(struct call *c, const struct err *e)
{
	switch (e->code) {
	case ERR_USAGE:
	case ERR_FORMAT:
		answer_api_error(c, 400, "invalid", "%s", e->msg);
		break;
	case ERR_LIMIT:
		answer_api_error(c, 429, "limit", "%s", e->msg);
		break;
	case ERR_NOT_FOUND:
		answer_api_error(c, 404, "not_found", "%s", e->msg);
		break;
	case ERR_AUTH:
		if (c->who.anonymous)
			answer_unauthorized(c, ACCESS_PULL, NULL);
		else
			answer_api_error(c, 403, "forbidden", "%s", e->msg);
		break;
	case ERR_UNSUPPORTED:
		answer_api_error(c, 501, "unsupported", "%s", e->msg);
		break;
	case ERR_NET:
	case ERR_TIMEOUT:
		answer_api_error(c, 502, "upstream", "%s", e->msg);
		break;
	default:
		gateway_log(c->g, LOG_ERROR, "request failed", "zzzzzz", "id", http_id(c->r), "handler", c->handler, "error", e->msg);
		http_add_header(c->r, "Retry-After", SL("5"));
		answer_api_error(c, 503, "unavailable", "this cannot be answered just now (request %s)", http_id(c->r));
	}
}

static void answer(struct api *a, enum err_code code, struct err *e)
{
	if (code == OK)
		code = buf_ok(&a->out, "the answer", e);
	http_add_header(a->c->r, "Cache-Control", SL("no-store"));
	if (code != OK)
		api_fail(a->c, e);
	else if (a->status == 204)
		http_respond(a->c->r, 204, NULL, SLICE_NULL);
	else
		http_respond(a->c->r, a->status, "application/json", buf_slice(&a->out));
	buf_free(&a->out);
}

static struct api begin(struct call *c) { return (struct api){ .c = c, .g = c->g, .status = 200, .out = BUF(API_ANSWER_MAX) }; }

/* --- Reads and acts ---------------------------------------------------------------------------------------------------------- */

struct run { struct api a; const struct api_route *route; };

static enum err_code read_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct run *r = arg;
	buf_clear(&r->a.out);
	r->a.j = (struct js){ .out = &r->a.out };
	return r->route->read(&r->a, tx, e);
}

static void reading(struct http_request *q, void *arg)
{
	struct run *r = arg;
	struct err e = { 0 };
	(void)q;
	enum err_code code = sql_read(r->a.g->store.sql, read_tx, r, &e);
	answer(&r->a, code, &e);
}

static void acting(struct run *r)
{
	struct err e = { 0 };
	r->a.j = (struct js){ .out = &r->a.out };
	enum err_code code = r->route->act(&r->a, &e);
	answer(&r->a, code, &e);
}

static void acting_with_body(struct http_request *q, void *arg, struct slice body)
{
	struct run *r = arg;
	(void)q;
	r->a.body = body;
	acting(r);
}

static void acting_without(struct http_request *q, void *arg)
{
	(void)q;
	acting(arg);
}

static bool wants_feed(struct call *c) { return slice_find(http_header(c->r, "Accept"), SL("text/event-stream")) >= 0; }

static void run(struct call *c, const struct api_route *route, struct slice id)
{
	c->handler = route->name;
	if (route->read == api_events && wants_feed(c)) {
		c->handler = "api.events";
		api_feed(c);
		return;
	}
	if (route->own) {
		route->own(c);
		return;
	}
	struct run *r = arena_new(http_arena(c->r), struct run);
	if (!r) {
		answer_api_error(c, 503, "unavailable", "out of memory");
		return;
	}
	*r = (struct run){ begin(c), route };
	r->a.id = id;
	if (route->read)
		http_defer(c->r, reading, r);
	else if (slice_eqs(http_method(c->r), "POST"))
		http_take_text(c->r, API_BODY_MAX, acting_with_body, r);
	else
		http_defer(c->r, acting_without, r);
}

/* --- Dispatch ------------------------------------------------------------------------------------------------------------------ */

static bool path_matches(const char *pattern, struct slice path, struct slice *ret_id)
{
	struct slice p = slice_str(pattern);
	ptrdiff_t at = slice_find(p, SL("{id}"));
	if (at < 0)
		return slice_eq(p, path);
	struct slice head = slice_upto(p, (size_t)at), tail = slice_from(p, (size_t)at + 4);
	if (!slice_has_prefix(path, head) || !slice_has_suffix(path, tail) || path.n <= head.n + tail.n)
		return false;
	*ret_id = slice_sub(path, head.n, path.n - head.n - tail.n);
	return slice_find_byte(*ret_id, '/') < 0;
}

static bool allowed(struct call *c, enum api_level level)
{
	const struct access_subject *who = &c->who;
	if (level == API_PUBLIC || who->socket)
		return true;
	if (who->anonymous) {
		answer_unauthorized(c, level == API_LOGIN ? ACCESS_PULL : ACCESS_APPROVE, NULL);
		return false;
	}
	if (level == API_LOGIN || (level == API_APPROVE && access_may_somewhere(who, ACCESS_APPROVE)) || (who->everywhere & ACCESS_ADMIN))
		return true;
	answer_api_error(c, 403, "forbidden", "this account has not the right to %s", level == API_ADMIN ? "administer" : "approve");
	return false;
}

static void dispatch_v1(struct call *c, struct slice path)
{
	struct slice method = http_method(c->r), id = SLICE_NULL;
	bool known = false;
	if (slice_eqs(method, "HEAD"))
		method = SL("GET");
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].path, path, &id))
			continue;
		known = true;
		if (!slice_eqs(method, routes[i].method))
			continue;
		if (allowed(c, routes[i].level))
			run(c, &routes[i], id);
		return;
	}
	if (!known) {
		answer_api_error(c, 404, "not_found", "there is nothing here; /api/v1/openapi.json describes what there is");
		return;
	}
	AUTO_BUF allow = BUF(KIB);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (path_matches(routes[i].path, path, &id))
			buf_printf(&allow, "%s%s", allow.n ? ", " : "", routes[i].method);
	http_add_header(c->r, "Allow", buf_slice(&allow));
	answer_api_error(c, 405, "method", "that method does nothing here");
}

void api_dispatch(struct call *c)
{
	static const struct { const char *path, *name; api_own_fn *fn; } plain[] = {
		{ "/healthz", "health", api_healthz }, { "/readyz", "health", api_readyz }, { "/metrics", "metrics", api_metrics },
	};
	struct slice path = c->reference, v1 = SL("/api/v1/");
	bool get = slice_eqs(http_method(c->r), "GET") || slice_eqs(http_method(c->r), "HEAD");
	http_add_header(c->r, "X-Content-Type-Options", SL("nosniff"));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!slice_eqs(path, plain[i].path))
			continue;
		c->handler = plain[i].name;
		if (get)
			plain[i].fn(c);
		else
			answer_api_error(c, 405, "method", "that method does nothing here");
		return;
	}
	if (!slice_has_prefix(path, v1)) {
		answer_api_error(c, 404, "not_found", "there is nothing here");
		return;
	}
	c->handler = "api.read";
	path = slice_from(path, v1.n);
	if (slice_eqs(path, "accounts") || slice_eqs(path, "robots") || slice_has_prefix(path, SL("accounts/"))) {
		c->handler = "api.accounts";
		c->reference = path;
		api_accounts(c);
		return;
	}
	dispatch_v1(c, path);
}
