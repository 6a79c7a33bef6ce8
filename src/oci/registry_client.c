/* A registry over a long time: tokens per repository, answers as errors. */
#include <stdio.h>
#include <stdlib.h>
#include "oci_registry.h"
#include "registry.h"

enum { MAX_TOKENS = 64, TOKEN_MARGIN_S = 15 };

struct token { char *repository, *authorization; uint64_t until_ns, used; };

struct oci_registry {
	struct net_client *net;
	struct arena arena;
	const char *base;
	struct slice name;
	struct oci_credentials credentials;
	bool plain_fine;
	pthread_mutex_t lock;		/* for the tokens */
	struct token tokens[MAX_TOKENS];
	uint64_t clock;
};

const char OCI_ACCEPT_MANIFESTS[] =
	"application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

enum err_code oci_registry_open(const struct oci_registry_options *o, struct oci_registry **ret, struct err *e)
{
	struct oci_registry *g = calloc(1, sizeof(*g));
	if (!g)
		return err_set(e, ERR_NOMEM, 0, "open a registry");
	g->arena = ARENA(256 * KIB);
	g->base = arena_strdup(&g->arena, o->url);
	g->name = arena_dup(&g->arena, o->name);
	g->credentials = (struct oci_credentials){ .user = arena_dup(&g->arena, o->user), .password = arena_dup(&g->arena, o->password),
		.found = o->user.n > 0 };
	g->plain_fine = o->plain_fine;
	pthread_mutex_init(&g->lock, NULL);
	enum err_code rc = arena_ok(&g->arena, "open a registry", e);
	if (!rc)
		rc = net_client_open(&o->net, &g->net, e);
	if (rc) {
		oci_registry_close(g);
		return rc;
	}
	*ret = g;
	return OK;
}

static void token_free(struct token *t)
{
	free(t->repository);
	free(t->authorization);
	*t = (struct token){ 0 };
}

void oci_registry_close(struct oci_registry *g)
{
	if (!g)
		return;
	net_client_close(g->net);
	for (size_t i = 0; i < MAX_TOKENS; i++)
		token_free(&g->tokens[i]);
	pthread_mutex_destroy(&g->lock);
	arena_free(&g->arena);
	free(g);
}

/* --- Tokens ------------------------------------------------------------------------------------------------------------- */

static char *token_get(struct oci_registry *g, struct slice repository)
{
	char *copy = NULL;
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < MAX_TOKENS; i++) {
		struct token *t = &g->tokens[i];
		if (!t->repository || !slice_eqs(repository, t->repository) || os_monotonic_ns() > t->until_ns)
			continue;
		t->used = ++g->clock;
		copy = strdup(t->authorization);
	}
	pthread_mutex_unlock(&g->lock);
	return copy;
}

static void token_put(struct oci_registry *g, struct slice repository, const char *authorization, uint64_t life_s)
{
	struct token new = { .repository = strndup((const char *)repository.p, repository.n), .authorization = strdup(authorization) };
	uint64_t margin = MIN((uint64_t)TOKEN_MARGIN_S, life_s / 2);
	new.until_ns = life_s > 86400 ? UINT64_MAX : os_monotonic_ns() + (life_s - margin) * UINT64_C(1000000000);
	if (!new.repository || !new.authorization) {
		token_free(&new);
		return;
	}
	pthread_mutex_lock(&g->lock);
	struct token *place = &g->tokens[0];
	for (size_t i = 0; i < MAX_TOKENS; i++) {
		struct token *t = &g->tokens[i];
		if (t->repository && slice_eqs(repository, t->repository)) {
			place = t;
			break;
		}
		if (!t->repository || (place->repository && t->used < place->used))
			place = t;
	}
	new.used = ++g->clock;
	token_free(place);
	*place = new;
	pthread_mutex_unlock(&g->lock);
}

static enum err_code login(struct oci_registry *g, const struct oci_registry_request *q, const struct net_response *r, char **ret, struct err *e)
{
	AUTO_BUF out = BUF(128 * KIB);
	uint64_t life_s;
	struct registry_login l = { .net = g->net, .base = g->base, .name = g->name, .repository = q->repository, .what = q->repository,
		.credentials = &g->credentials, .plain_fine = g->plain_fine, .once = q->once, .whole_ms = q->whole_ms ? q->whole_ms : 30000,
		.hint = "credentials can be configured for this upstream", .plain_hint = "`insecure` in this upstream's configuration allows it" };
	TRY(registry_login(&l, r, &out, &life_s, e));
	TRY(buf_ok(&out, "a token", e));
	token_put(g, q->repository, buf_cstr(&out), life_s);
	free(*ret);
	*ret = strdup(buf_cstr(&out));
	return *ret ? OK : err_set(e, ERR_NOMEM, 0, "keep a token");
}

/* --- Asking --------------------------------------------------------------------------------------------------------------- */

/* <URL>; rel="next" (RFC 8288). */
static void next_link(struct slice v, char *dst, size_t cap)
{
	ptrdiff_t a = slice_find_byte(v, '<'), b = slice_find_byte(v, '>');
	*dst = 0;
	if (a < 0 || b < a || (size_t)(b - a) > cap - 1)
		return;
	struct slice rest = slice_from(v, (size_t)b);
	if (slice_find(rest, SL("rel=\"next\"")) < 0 && slice_find(rest, SL("rel=next")) < 0)
		return;
	memcpy(dst, v.p + a + 1, (size_t)(b - a - 1));
	dst[b - a - 1] = 0;
}

static void note(const struct net_response *r, struct oci_answer *a)
{
	struct slice digest = net_response_header(r, "Docker-Content-Digest"), type = net_response_header(r, "Content-Type");
	ptrdiff_t semi = slice_find_byte(type, ';');
	type = slice_trim(semi < 0 ? type : slice_upto(type, (size_t)semi));
	*a = (struct oci_answer){ .status = r->status, .length = r->length };
	if (digest.n < sizeof(a->digest) && oci_digest_valid(digest))
		memcpy(a->digest, digest.p, digest.n);
	if (type.n < sizeof(a->media_type) && type.n)
		memcpy(a->media_type, type.p, type.n);
	next_link(net_response_header(r, "Link"), a->link, sizeof(a->link));
	(void)!slice_to_u64(slice_trim(net_response_header(r, "Retry-After")), &a->retry_s);
}

/* Every other status, as a sentence. */
static enum err_code status_error(struct oci_registry *g, const struct oci_registry_request *q, const struct oci_answer *a, struct stream *in,
				  struct err *e)
{
	AUTO_BUF body = BUF(64 * KIB);
	struct err ignored = { 0 };
	char said[160] = "";
	if (!q->head && q->whole_ms && !stream_read_all(in, &body, &ignored))
		registry_message(buf_slice(&body), said, sizeof(said));
	const char *sep = *said ? ": " : "";
	struct slice rest = q->link ? SL("tags/list") : q->rest;
	switch (a->status) {
	case 404:
		return err_set(e, ERR_NOT_FOUND, 0, "%s has no %s of '%s'%s%s", ESC(g->name), ESC(rest), ESC(q->repository), sep, said);
	case 401:
	case 403:
		return err_set(e, ERR_AUTH, 0, "%s does not let this login read '%s' (it may not exist)%s%s", ESC(g->name), ESC(q->repository), sep,
			       said);
	case 429:
		return err_set(e, ERR_LIMIT, 0, "%s limits how often '%s' may be pulled%s%s", ESC(g->name), ESC(q->repository), sep, said);
	default:
		return err_set(e, ERR_NET, 0, "%s answers %d when asked for %s of '%s'%s%s", ESC(g->name), a->status, ESC(rest), ESC(q->repository),
			       sep, said);
	}
}

static enum err_code url_of(struct oci_registry *g, const struct oci_registry_request *q, struct buf *out, struct err *e)
{
	if (!q->link) {
		buf_printf(out, "%s/v2/%.*s/%.*s", g->base, SLICE_ARG(q->repository), SLICE_ARG(q->rest));
		return buf_ok(out, "a registry's URL", e);
	}
	char base[600], link[1024];
	if (snprintf(base, sizeof(base), "%s/v2/%.*s/tags/list", g->base, SLICE_ARG(q->repository)) >= (int)sizeof(base) || q->rest.n >= sizeof(link))
		return err_set(e, ERR_LIMIT, 0, "the registry's URL is too long");
	memcpy(link, q->rest.p, q->rest.n);
	link[q->rest.n] = 0;
	if (net_url_join(base, link, out, e))
		return err_prefix(e, "%s names a next page", ESC(g->name));
	if (!net_url_same_origin(g->base, buf_cstr(out)))
		return err_set(e, ERR_NET, 0, "%s names a next page on another server, which is refused", ESC(g->name));
	return OK;
}

enum err_code oci_registry_ask(struct oci_registry *g, const struct oci_registry_request *q, struct oci_answer *ret_answer, struct stream **ret,
			       struct err *e)
{
	AUTO_BUF url = BUF(4096);
	struct net_request n = { .method = q->head ? "HEAD" : NULL, .accept = q->accept, .if_none_match = q->if_none_match, .offset = q->offset,
		.once = q->once, .head_ms = q->head_ms,
		.whole_ms = q->whole_ms };
	char *auth = token_get(g, q->repository);
	*ret_answer = (struct oci_answer){ .length = UINT64_MAX };
	enum err_code rc = url_of(g, q, &url, e);
	for (unsigned i = 0; !rc; i++) {
		const struct net_response *r;
		AUTO_STREAM in = NULL;
		n.url = buf_cstr(&url);
		n.authorization = auth;
		rc = net_open(g->net, &n, &r, &in, e);
		if (rc)
			break;
		if (r->status == 401 && i < 2) {
			rc = login(g, q, r, &auth, e);
			continue;
		}
		note(r, ret_answer);
		if (r->status == 200 || r->status == 206 || r->status == 304) {
			*ret = in;
			in = NULL;
			break;
		}
		rc = status_error(g, q, ret_answer, in, e);
	}
	free(auth);
	return rc;
}

enum err_code oci_registry_fetch(struct oci_registry *g, const struct oci_registry_request *q, struct buf *out, struct oci_answer *ret_answer,
				 struct err *e)
{
	AUTO_STREAM in = NULL;
	TRY(oci_registry_ask(g, q, ret_answer, &in, e));
	if (q->head || ret_answer->status == 304)
		return OK;
	enum err_code rc = stream_read_all(in, out, e);
	if (rc == ERR_LIMIT)
		return err_set(e, ERR_LIMIT, 0, "%s answers with more than %zu KiB when asked for %s of '%s'", ESC(g->name), out->max >> 10,
			       ESC(q->link ? SL("tags/list") : q->rest), ESC(q->repository));
	return rc;
}
