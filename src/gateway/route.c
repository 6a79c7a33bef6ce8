/* From a request to its handler: whose it is, what it asks, whether that may be asked (GATE.md 13-18). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "gate.h"
#include "inside.h"
#include "metrics.h"
#include "oci.h"
#include "pulls.h"
#include "route.h"
#include "os.h"
#include "store_content.h"

/* --- Paths of the distribution protocol --------------------------------------------------------------------------------------- */

struct route {
	void (*handler)(struct call *c);
	unsigned right;
	const char *name;
};

static struct route route_of(struct slice method, struct slice kind, bool upload)
{
	bool get = slice_eqs(method, "GET") || slice_eqs(method, "HEAD");
	static const struct { const char *kind, *method; struct route r; } table[] = {
		{ "manifests", "PUT", { reg_manifest_put, ACCESS_PUSH, "manifest.put" } },
		{ "manifests", "DELETE", { reg_manifest_delete, ACCESS_DELETE, "manifest.delete" } },
		{ "blobs", "DELETE", { reg_blob_delete, ACCESS_DELETE, "blob.delete" } },
	};
	if (upload)
		return slice_eqs(method, "POST") ? (struct route){ reg_upload_post, ACCESS_PUSH, "upload.post" }
			: slice_eqs(method, "PATCH") ? (struct route){ reg_upload_patch, ACCESS_PUSH, "upload.patch" }
			: slice_eqs(method, "PUT") ? (struct route){ reg_upload_put, ACCESS_PUSH, "upload.put" }
			: slice_eqs(method, "DELETE") ? (struct route){ reg_upload_delete, ACCESS_PUSH, "upload.delete" }
			: get ? (struct route){ reg_upload_get, ACCESS_PUSH, "upload.get" } : (struct route){ 0 };
	if (get && slice_eqs(kind, "manifests"))
		return (struct route){ reg_manifest_get, ACCESS_PULL, "manifest.get" };
	if (get && slice_eqs(kind, "blobs"))
		return (struct route){ reg_blob_get, ACCESS_PULL, "blob.get" };
	if (get && slice_eqs(kind, "tags"))
		return (struct route){ reg_tags, ACCESS_PULL, "tags" };
	if (get && slice_eqs(kind, "referrers"))
		return (struct route){ reg_referrers, ACCESS_PULL, "referrers" };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eqs(kind, table[i].kind) && slice_eqs(method, table[i].method))
			return table[i].r;
	return (struct route){ 0 };
}

/* The last component that is one of these, so that repositories may be called "blobs". Uploads: NAME/blobs/uploads/[ID]. */
static bool split(struct slice rest, struct slice *name, struct slice *kind, struct slice *ref, bool *upload)
{
	static const char *const marks[] = { "/manifests/", "/referrers/", "/blobs/uploads/", "/blobs/", "/tags/list" };
	ptrdiff_t best = -1;
	size_t which = 0;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		struct slice mark = slice_str(marks[i]);
		for (ptrdiff_t at = -1;;) {
			ptrdiff_t next = slice_find(slice_from(rest, (size_t)(at + 1)), mark);
			if (next < 0)
				break;
			at += 1 + next;
			if (at > best) {
				best = at;
				which = i;
			}
		}
	}
	if (best <= 0)
		return false;
	*name = slice_upto(rest, (size_t)best);
	*ref = slice_from(rest, (size_t)best + strlen(marks[which]));
	*upload = which == 2;
	*kind = which == 0 ? SL("manifests") : which == 1 ? SL("referrers") : which == 4 ? SL("tags") : SL("blobs");
	if (which == 4)
		return !ref->n;
	/* "/blobs/uploads" as the client may spell it, without the last slash */
	if (which == 3 && slice_eqs(*ref, "uploads")) {
		*upload = true;
		*ref = SLICE_NULL;
	}
	return slice_find_byte(*ref, '/') < 0;
}

/* Which repository is meant: by the path, by a mirror's listener, or by ?ns= (a closed look-up key). */
static bool resolve(struct call *c, struct slice name)
{
	const struct gateway_config *config = c->g->config;
	size_t listener = http_listener(c->r);
	struct slice upstream = listener < config->n_listens ? config->listens[listener].mirror : SLICE_NULL, ns;
	if (http_query(c->r, "ns", &ns) && ns.n && !upstream.n) {
		const struct config_upstream *u = config_upstream_named(config, ns);
		if (!u) {	/* whoever may pull by this name learns that the other registry is not known */
			c->repository = name;
			c->rule = config_repository_for(config, name);
			return false;
		}
		upstream = u->name;
	}
	c->by_mirror = upstream.n > 0;
	c->repository = upstream.n ? arena_printf(http_arena(c->r), "%.*s/%.*s", SLICE_ARG(upstream), SLICE_ARG(name)) : name;
	bool reserved;
	c->upstream = config_upstream_of(config, c->repository, &c->upstream_name, &reserved);
	c->rule = config_repository_for(config, c->repository);
	return c->repository.n && !reserved;
}

/* --- Identity ----------------------------------------------------------------------------------------------------------------- */

static void proceed(struct call *c);

static void deny_wait(struct call *c, unsigned wait_s)
{
	http_add_headerf(c->r, "Retry-After", "%u", wait_s ? wait_s : 1);
	answer_error(c, 429, "TOOMANYREQUESTS", "too many failed logins; try again in %u s", wait_s ? wait_s : 1);
}

static void with_identity(struct call *c, enum access_result result, unsigned wait_s)
{
	if (result == ACCESS_OK)
		proceed(c);
	else if (result == ACCESS_WAIT)
		deny_wait(c, wait_s);
	else
		answer_unauthorized(c, 0, slice_has_prefix(http_header(c->r, "Authorization"), SL("Bearer ")) ? "invalid_token" : NULL);
}

static void identify_slow(struct http_request *r, void *arg)
{
	struct call *c = arg;
	unsigned wait_s = 0;
	enum access_result result = access_identify_slow(c->g->access, http_header(r, "Authorization"), (struct sockaddr *)&c->peer, &c->who, &wait_s);
	with_identity(c, result, wait_s);
}

static void identify(struct call *c)
{
	uint32_t uid;
	if (http_peer_uid(c->r, &uid)) {
		if (uid != 0 && uid != geteuid()) {
			answer_api_error(c, 403, "DENIED", "only the registry's own user and root may use its socket");
			return;
		}
		c->who = (struct access_subject){ .socket = true, .everywhere = ACCESS_ALL };
		proceed(c);
		return;
	}
	if (http_peer(c->r) && http_peer(c->r)->sa_family == AF_UNIX) {	/* nobody knows whose it is */
		answer_api_error(c, 403, "DENIED", "only the registry's own user and root may use its socket");
		return;
	}
	if (http_header_count(c->r, "Authorization") > 1) {
		answer_error(c, 400, "UNSUPPORTED", "more than one Authorization header");
		return;
	}
	enum access_result result = access_identify(c->g->access, http_header(c->r, "Authorization"), (struct sockaddr *)&c->peer, http_client_name(c->r), &c->who);
	if (result == ACCESS_SLOW)
		http_defer(c->r, identify_slow, c);
	else
		with_identity(c, result, 0);
}

/* --- Dispatch ------------------------------------------------------------------------------------------------------------------ */

static void serve_token(struct call *c)
{
	AUTO_BUF out = BUF(64 << 10);
	struct err e = { 0 };
	AUTO_BUF scopes = BUF(16 << 10);
	c->handler = "token";
	if (!slice_eqs(http_method(c->r), "GET") && !slice_eqs(http_method(c->r), "HEAD")) {
		answer_error(c, 405, "UNSUPPORTED", "tokens are had by GET");
		return;
	}
	access_query_scopes(http_query_raw(c->r), &scopes);	/* scope may be given several times */
	if (buf_ok(&scopes, "the scopes", &e) != OK || access_token_answer(c->g->access, &c->who, buf_slice(&scopes), &out, &e) != OK) {
		answer_error(c, 400, "UNSUPPORTED", "%s", e.msg);
		return;
	}
	http_add_header(c->r, "Cache-Control", SL("no-store"));
	http_respond(c->r, 200, "application/json", buf_slice(&out));
}

static void serve_base(struct call *c)
{
	c->handler = "base";
	if (c->who.anonymous && !c->who.from_token && access_has_accounts(c->g->access)) {
		answer_unauthorized(c, 0, NULL);
		return;
	}
	http_respond(c->r, 200, "application/json", SL("{}"));
}

static bool may(struct call *c, unsigned right)
{
	return access_may(&c->who, right, c->repository) || (right == ACCESS_PUSH && access_may(&c->who, ACCESS_SIGN, c->repository));
}

static void serve_protocol(struct call *c, struct slice rest)
{
	struct slice name, kind, ref;
	bool upload = false;
	http_add_header(c->r, "Docker-Distribution-API-Version", SL("registry/2.0"));
	if (!rest.n) {
		serve_base(c);
		return;
	}
	if (slice_eqs(rest, "_catalog")) {
		c->handler = "catalog";
		if (c->who.anonymous && !access_may_somewhere(&c->who, ACCESS_PULL))
			answer_unauthorized(c, 0, NULL);
		else
			reg_catalog(c);
		return;
	}
	if (!split(rest, &name, &kind, &ref, &upload)) {
		answer_error(c, 404, "NAME_UNKNOWN", "there is nothing at this path");
		return;
	}
	struct route route = route_of(http_method(c->r), kind, upload);
	if (!route.handler) {
		answer_error(c, 405, "UNSUPPORTED", "this method is not defined here");
		return;
	}
	c->handler = route.name;
	c->reference = ref;
	bool known = resolve(c, name);
	if (!store_name_valid(c->repository)) {
		answer_error(c, slice_eqs(kind, "manifests") || slice_eqs(kind, "blobs") ? 400 : 404, "NAME_INVALID", "this is no valid name of a repository");
		return;
	}
	/* Authorisation comes before any look-up: existing and missing names look alike (GATE.md 13). */
	if (!may(c, route.right)) {
		answer_unauthorized(c, route.right, c->who.from_token ? "insufficient_scope" : NULL);
		return;
	}
	if (!known) {
		answer_error(c, 404, "NAME_UNKNOWN", "this registry has no such upstream configured");
		return;
	}
	c->is_digest = oci_digest_valid(ref);
	route.handler(c);
}

static void proceed(struct call *c)
{
	struct slice path = http_path(c->r);
	if (slice_find_byte(path, '%') >= 0) {
		AUTO_BUF b = BUF(8192);
		for (size_t i = 0; i < path.n; i++) {
			uint8_t raw;
			bool hex = path.p[i] == '%' && i + 2 < path.n + 0 && hex_decode(slice_sub(path, i + 1, 2), &raw, 1, true);
			buf_putc(&b, hex ? raw : path.p[i]);
			i += hex ? 2 : 0;
		}
		path = arena_dup(http_arena(c->r), buf_slice(&b));
	}
	if (slice_eqs(path, "/v2"))
		path = SL("/v2/");
	if (slice_has_prefix(path, SL("/v2/"))) {
		serve_protocol(c, slice_from(path, 4));
	} else if (slice_eqs(path, "/token")) {
		serve_token(c);
	} else {
		c->reference = path;
		c->handler = "api";
		api_dispatch(c);
	}
}

void route_request(void *arg, struct http_request *r)
{
	struct gateway *g = arg;
	struct call *c = arena_new(http_arena(r), struct call);
	uint32_t uid;
	if (!c) {
		http_respond(r, 503, "text/plain", SL("out of memory\n"));
		return;
	}
	*http_user(r) = c;
	*c = (struct call){ .g = g, .r = r, .started_ns = os_monotonic_ns(), .handler = "other" };
	route_find_peer(c);
	if (!http_peer_uid(r, &uid) && !route_host_is_ours(g, http_header(r, "Host"))) {
		answer_error(c, 421, "UNSUPPORTED", "this registry does not answer to that name; see public_url in its configuration");
		return;
	}
	if (route_is_foreign_page(c)) {
		answer_error(c, 403, "DENIED", "another site's page may not change anything here");
		return;
	}
	identify(c);
}

void route_done(void *arg, struct http_request *r, int status, uint64_t bytes_out, uint64_t elapsed_ns, bool complete)
{
	struct gateway *g = arg;
	struct call *c = *http_user(r);
	char peer[64];
	if (!c)
		return;
	gate_forget(c);
	if (c->feeding)
		atomic_fetch_sub(&g->feeds, 1);
	metrics_request(g, c, status, bytes_out, elapsed_ns, complete);
	if (g->pulls && status == 200 && c->digest.n && !strcmp(c->handler, "manifest.get") && slice_eqs(http_method(r), "GET"))
		pulls_note(g->pulls, c->repository, c->digest, c->who.name, call_peer_text(c, peer));
	/* What goes well and often is counted, not logged. */
	bool reads = slice_eqs(http_method(r), "GET") || slice_eqs(http_method(r), "HEAD");
	if (status < 400 && reads && elapsed_ns < 1000000000u && complete)
		return;
	gateway_log(g, status >= 500 ? LOG_ERROR : LOG_INFO, "request", "zzztztzizizizzztztzzzz", "id", http_id(r), "method", http_method(r), "path",
		    http_path(r), "status", (int64_t)status, "bytes", (int64_t)bytes_out, "us", (int64_t)(elapsed_ns / 1000), "from", call_peer_text(c, peer), "account",
		    slice_str(c->who.name), "repository", c->repository, "outcome", c->outcome ? c->outcome : "", "complete", complete ? "yes" : "no");
}
