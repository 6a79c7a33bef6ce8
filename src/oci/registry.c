/* docker://: manifests and blobs over the distribution API, always checked against the digest that was asked for. */
#include <stdio.h>
#include <stdlib.h>
#include "registry.h"

static const char ACCEPT[] =
	"application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

static bool is_loopback_name(struct slice host)
{
	ptrdiff_t colon = slice_rfind_byte(host, ':');
	struct slice h = colon > slice_rfind_byte(host, ']') ? slice_upto(host, (size_t)colon) : host;
	return slice_eqs(h, "localhost") || slice_has_prefix(h, SL("127.")) || slice_eqs(h, "[::1]");
}

static enum err_code registry_open(struct oci_source *s, struct err *e)
{
	struct registry *g = arena_new(&s->arena, struct registry);
	TRY(arena_ok(&s->arena, "open a registry", e));
	TRY(oci_reference_parse(s->text, &s->arena, &g->ref, e));
	pthread_mutex_init(&g->lock, NULL);
	s->impl = g;
	g->host = slice_eqs(g->ref.domain, "docker.io") ? SL("registry-1.docker.io") : g->ref.domain;
	g->plain_allowed = !s->o.tls_verify || is_loopback_name(g->host);
	return OK;
}

static void registry_close(struct oci_source *s)
{
	struct registry *g = s->impl;
	if (!g)
		return;
	net_client_close(g->net);
	free(g->authorization);
	pthread_mutex_destroy(&g->lock);
}

static enum err_code connect_client(struct oci_source *s, struct registry *g, struct err *e)
{
	struct net_options o = { .user_agent = s->o.user_agent, .insecure = !s->o.tls_verify, .timeout_ms = s->o.timeout_ms,
		.retries = s->o.retries };
	if (g->net)
		return OK;
	TRY(registry_certificates(s, g->ref.domain, &o, e));
	return net_client_open(&o, &g->net, e);
}

char *registry_message(struct slice body, char *dst, size_t cap)
{
	struct err ignored = { 0 };
	AUTO_JSON j = NULL;
	*dst = 0;
	if (json_strict(slice_upto(body, 64 * KIB), "an error", &j, &ignored))
		return dst;
	const json_t *first = json_array_get(json_object_get(j, "errors"), 0);
	const char *text = json_string_value(json_object_get(first, "message"));
	if (!text || !*text)
		text = json_string_value(json_object_get(first, "code"));
	if (!text)
		text = json_string_value(json_object_get(j, "message"));
	if (!text)
		text = json_string_value(json_object_get(j, "details"));
	return text ? text_escape_to(dst, cap, slice_str(text)) : dst;
}

/* --- Requests ---------------------------------------------------------------------------------------------------------- */

static enum err_code request_once(struct registry *g, const char *base, const char *path, bool manifest, uint64_t *ret_generation,
				  const struct net_response **ret_response, struct stream **ret, struct err *e)
{
	char url[1200];
	struct net_request q = { .accept = manifest ? ACCEPT : NULL, .url = url };
	if (snprintf(url, sizeof(url), "%s%s", base, path) >= (int)sizeof(url))
		return err_set(e, ERR_LIMIT, 0, "the registry's URL is too long");
	pthread_mutex_lock(&g->lock);
	char *auth = g->authorization ? strdup(g->authorization) : NULL;
	*ret_generation = g->generation;
	pthread_mutex_unlock(&g->lock);
	q.authorization = auth;
	enum err_code rc = net_open(g->net, &q, ret_response, ret, e);
	free(auth);
	return rc;
}

/* The first request finds out whether the registry speaks https or, where that is allowed, http. */
static enum err_code request_first(struct oci_source *s, struct registry *g, const char *path, bool manifest,
					 uint64_t *ret_generation,
				   const struct net_response **ret_response, struct stream **ret, struct err *e)
{
	struct err plain = { 0 };
	struct slice https = arena_printf(&s->arena, "https://%.*s", SLICE_ARG(g->host));
	struct slice http = arena_printf(&s->arena, "http://%.*s", SLICE_ARG(g->host));
	TRY(arena_ok(&s->arena, "open a registry", e));
	enum err_code rc = request_once(g, (const char *)https.p, path, manifest, ret_generation, ret_response, ret, e);
	if (!rc)
		g->base = (const char *)https.p;
	if (rc != ERR_NET || !g->plain_allowed)
		return rc;
	if (request_once(g, (const char *)http.p, path, manifest, ret_generation, ret_response, ret, &plain)) {
		if (plain.code != ERR_NET)	/* it did speak http */
			*e = plain;
		return e->code;
	}
	g->base = (const char *)http.p;
	return OK;
}

static enum err_code request(struct oci_source *s, struct registry *g, const char *path, bool manifest,
					 const struct net_response **ret_response,
			     struct stream **ret, struct err *e)
{
	for (unsigned i = 0;; i++) {
		AUTO_STREAM in = NULL;
		const struct net_response *r;
		uint64_t generation;
		if (g->base)
			TRY(request_once(g, g->base, path, manifest, &generation, &r, &in, e));
		else
			TRY(request_first(s, g, path, manifest, &generation, &r, &in, e));
		if (r->status == 401 && i < 2) {
			TRY(registry_authenticate(s, g, r, generation, e));
			continue;
		}
		*ret_response = r;
		*ret = in;
		in = NULL;
		return OK;
	}
}

/* Every status but 200, as a sentence. */
static enum err_code refuse(struct oci_source *s, const struct net_response *r, struct stream *in, const char *what,
					 struct err *e)
{
	AUTO_BUF body = BUF(64 * KIB);
	struct err ignored = { 0 };
	char said[160];
	(void)!stream_read_all(in, &body, &ignored);
	registry_message(buf_slice(&body), said, sizeof(said));
	const char *sep = *said ? ": " : "";
	if (r->status == 404)
		return err_set(e, ERR_NOT_FOUND, 0, "the registry has no %s of '%s'%s%s", what, ESC(s->text), sep, said);
	if (r->status == 401 || r->status == 403)
		return err_set(e, ERR_AUTH, 0, "the registry does not let this login read '%s' (it may not exist)%s%s", ESC(s->text), sep,
				said);
	if (r->status == 429)
		return err_set(e, ERR_NET, 0, "the registry limits how often '%s' may be pulled; wait, or log in%s%s", ESC(s->text), sep, said);
	return err_set(e, ERR_NET, 0, "the registry answers %d when asked for the %s of '%s'%s%s", r->status, what, ESC(s->text), sep,
			said);
}

static enum err_code fetch_manifest(struct oci_source *s, const char *path, struct buf *out, struct slice *ret_type,
					 struct slice *ret_digest,
				    struct err *e)
{
	AUTO_STREAM in = NULL;
	const struct net_response *r;
	TRY(request(s, s->impl, path, true, &r, &in, e));
	if (r->status != 200)
		return refuse(s, r, in, "manifest", e);
	struct slice type = net_response_header(r, "Content-Type");
	ptrdiff_t semi = slice_find_byte(type, ';');
	*ret_type = arena_dup(&s->arena, slice_trim(semi < 0 ? type : slice_upto(type, (size_t)semi)));
	*ret_digest = arena_dup(&s->arena, net_response_header(r, "Docker-Content-Digest"));
	enum err_code rc = stream_read_all(in, out, e);
	return rc ? err_prefix(e, "manifest of '%s'", ESC(s->text)) : arena_ok(&s->arena, "read a manifest", e);
}

/* --- The transport ------------------------------------------------------------------------------------------------------ */

static enum err_code registry_get(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out,
					 struct err *e)
{
	struct registry *g = s->impl;
	char path[700];
	struct slice type, claimed;
	AUTO_STREAM in = NULL;
	const struct net_response *r;
	snprintf(path, sizeof(path), "/v2/%.*s/%s/%.*s", SLICE_ARG(g->ref.path), manifest ? "manifests" : "blobs", SLICE_ARG(d->digest));
	if (manifest)
		return fetch_manifest(s, path, out, &type, &claimed, e);
	TRY(request(s, g, path, false, &r, &in, e));
	if (r->status != 200)
		return refuse(s, r, in, "config", e);
	return stream_read_all(in, out, e);
}

static enum err_code registry_resolve(struct oci_source *s, struct err *e)
{
	struct registry *g = s->impl;
	AUTO_BUF b = BUF(OCI_MAX_MANIFEST_BYTES);
	char path[800];
	struct slice type, claimed, want = g->ref.digest.n ? g->ref.digest : g->ref.tag;
	struct oci_identity id = { .reference = g->ref.text, .tag = g->ref.tag };
	TRY(connect_client(s, g, e));
	id.name = arena_printf(&s->arena, "%.*s/%.*s", SLICE_ARG(g->ref.domain), SLICE_ARG(g->ref.path));
	snprintf(path, sizeof(path), "/v2/%.*s/manifests/%.*s", SLICE_ARG(g->ref.path), SLICE_ARG(want));
	TRY(fetch_manifest(s, path, &b, &type, &claimed, e));
	struct slice bytes = arena_dup(&s->arena, buf_slice(&b));
	struct slice digest = g->ref.digest.n ? g->ref.digest : oci_digest_of(bytes, &s->arena);
	TRY(arena_ok(&s->arena, "read a manifest", e));
	if (!oci_digest_matches(digest, bytes))
		return err_set(e, ERR_DIGEST, 0, "the registry sends other bytes than '%s' asks for", ESC(s->text));
	if (claimed.n && !oci_digest_matches(claimed, bytes))
		return err_set(e, ERR_DIGEST, 0, "the registry's manifest for '%s' does not have the digest %s that it is announced with",
				ESC(s->text),
			       ESC(claimed));
	return oci_resolve_document(s, bytes, digest, type, &id, e);
}

static enum err_code registry_layer_open(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e)
{
	struct registry *g = s->impl;
	char path[700];
	AUTO_STREAM in = NULL;
	const struct net_response *r;
	snprintf(path, sizeof(path), "/v2/%.*s/blobs/%.*s", SLICE_ARG(g->ref.path), SLICE_ARG(l->digest));
	TRY(request(s, g, path, false, &r, &in, e));
	if (r->status != 200)
		return refuse(s, r, in, "layer", e);
	struct stream *below = in;
	in = NULL;
	return oci_guard_size(below, l->size, l->digest, ret, e);
}

const struct oci_transport oci_transport_registry = {
	.name = "docker", .open = registry_open, .resolve = registry_resolve, .get = registry_get, .layer_open = registry_layer_open,
	.close = registry_close,
};
