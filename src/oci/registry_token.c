/* Basic and Bearer authentication (distribution's token specification). */
#include <stdio.h>
#include <stdlib.h>
#include "registry.h"

enum { MAX_TOKEN_ANSWER = 1 << 20, MAX_TOKEN = 32 << 10 };

static struct slice host_of(const char *url, char *dst, size_t cap)
{
	struct slice h = slice_str(net_url_origin(url, dst, cap));
	h = slice_from(h, (size_t)slice_find(h, SL("://")) + 3);
	ptrdiff_t colon = slice_rfind_byte(h, ':'), bracket = slice_rfind_byte(h, ']');
	return colon > bracket ? slice_upto(h, (size_t)colon) : h;
}

static bool header_safe(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

static enum err_code basic(const struct oci_credentials *c, struct buf *out, struct err *e)
{
	AUTO_BUF plain = BUF(64 * KIB);
	buf_printf(&plain, "%.*s:", SLICE_ARG(c->user));
	buf_put_slice(&plain, c->password);
	buf_puts(out, "Basic ");
	base64_encode(out, buf_slice(&plain));
	TRY(buf_ok(&plain, "credentials", e));
	return buf_ok(out, "credentials", e);
}

static void token_query(const struct registry_login *l, const struct oci_challenge *c, struct buf *out)
{
	AUTO_BUF scope = BUF(1024);
	buf_puts(out, "service=");
	net_url_escape(out, c->service);
	/* Not the scope that the server names: reading this repository is all that is wanted. */
	buf_printf(&scope, "repository:%.*s:pull", SLICE_ARG(l->repository));
	buf_puts(out, "&scope=");
	net_url_escape(out, buf_slice(&scope));
}

/* A token's life is the server's word: 60 s when it says nothing (distribution's token specification). */
static enum err_code token_of(struct slice body, struct arena *a, struct slice *ret, uint64_t *ret_life_s, struct err *e)
{
	AUTO_JSON j = NULL;
	const char *what = "the token server's answer";
	TRY(json_strict(body, what, &j, e));
	TRY(json_text(j, "token", JSON_MAY, what, a, ret, e));
	if (!ret->n)
		TRY(json_text(j, "access_token", JSON_MAY, what, a, ret, e));
	if (!header_safe(*ret) || ret->n > MAX_TOKEN)
		return err_set(e, ERR_AUTH, 0, "the token server answers without a token that can be used");
	const json_t *life = json_object_get(j, "expires_in");
	*ret_life_s = json_is_integer(life) && json_integer_value(life) > 0 ? (uint64_t)json_integer_value(life) : 60;
	return OK;
}

/* Where may the realm be, and may it see the credentials? */
static enum err_code check_realm(const struct registry_login *l, const char *url, bool *ret_send, struct err *e)
{
	char registry[300], realm[300];
	struct slice rh = host_of(l->base, registry, sizeof(registry)), th = host_of(url, realm, sizeof(realm));
	bool registry_tls = !strncmp(l->base, "https:", 6), realm_tls = !strncmp(url, "https:", 6);
	if (registry_tls && !realm_tls)
		return err_set(e, ERR_AUTH, 0, "registry %.*s names a token server without TLS, which is refused", SLICE_ARG(rh));
	*ret_send = l->credentials->found && oci_same_owner(rh, th);
	return OK;
}

static enum err_code ask_token(const struct registry_login *l, const struct oci_challenge *c, const char *realm,
			       const struct net_response *r, bool send, struct buf *out, int *ret_status, struct err *e)
{
	AUTO_BUF url = BUF(16 * KIB);
	AUTO_BUF auth = BUF(128 * KIB);
	AUTO_BUF form = BUF(128 * KIB);
	struct net_request q = { .accept = "application/json", .endpoint = &r->reach, .once = l->once, .whole_ms = l->whole_ms };
	buf_puts(&url, realm);
	if (send && l->credentials->identity_token.n) {
		q.method = "POST";
		q.content_type = "application/x-www-form-urlencoded";
		buf_puts(&form, "grant_type=refresh_token&client_id=pabean&refresh_token=");
		net_url_escape(&form, l->credentials->identity_token);
		buf_putc(&form, '&');
		token_query(l, c, &form);
		TRY(buf_ok(&form, "a token request", e));
		q.body = buf_slice(&form);
	} else {
		buf_puts(&url, strchr(realm, '?') ? "&" : "?");
		token_query(l, c, &url);
		if (send)
			TRY(basic(l->credentials, &auth, e));
	}
	TRY(buf_ok(&url, "a token request", e));
	q.url = buf_cstr(&url);
	q.authorization = auth.n ? buf_cstr(&auth) : NULL;
	return net_fetch(l->net, &q, out, ret_status, e);
}

static enum err_code bearer(const struct registry_login *l, const struct oci_challenge *c, const struct net_response *r, struct arena *a,
			    struct buf *out, uint64_t *ret_life_s, struct err *e)
{
	AUTO_BUF realm = BUF(16 * KIB);
	AUTO_BUF body = BUF(MAX_TOKEN_ANSWER);
	bool send = false;
	int status = 0;
	struct slice token;
	char origin[200], said[160];
	char *raw = arena_slice_cstr(a, c->realm);
	TRY(arena_ok(a, "read a challenge", e));
	if (net_url_join(l->base, raw, &realm, e))
		return err_prefix(e, "the token server that registry %.*s names", SLICE_ARG(l->name));
	const char *url = buf_cstr(&realm);
	TRY(check_realm(l, url, &send, e));
	if (ask_token(l, c, url, r, send, &body, &status, e))
		return err_prefix(e, "get a token for '%s'", ESC(l->what));
	net_url_origin(url, origin, sizeof(origin));
	if (status != 200 && l->credentials->found && !send)
		return err_set(e, ERR_AUTH, 0,
			       "registry %.*s names the token server %s, which does not belong to it; credentials are not sent there",
			       SLICE_ARG(l->name), origin);
	if (status != 200)
		return err_set(e, status == 429 || status >= 500 ? ERR_NET : ERR_AUTH, 0, "token server %s answers %d for '%s'%s%s; %s", origin,
			       status, ESC(l->what), body.n ? ": " : "", registry_message(buf_slice(&body), said, sizeof(said)),
			       l->credentials->found ? "check the credentials" : l->hint);
	TRY(token_of(buf_slice(&body), a, &token, ret_life_s, e));
	buf_printf(out, "Bearer ");
	buf_put_slice(out, token);
	return buf_ok(out, "a token", e);
}

enum err_code registry_login(const struct registry_login *l, const struct net_response *r, struct buf *out, uint64_t *ret_life_s, struct err *e)
{
	AUTO_ARENA a = ARENA(4 * MIB);
	struct oci_challenge c = { 0 };
	for (size_t i = 0; i < r->n_headers; i++)
		if (slice_eq_nocase(r->headers[i].name, SL("WWW-Authenticate")))
			oci_challenge_parse(r->headers[i].value, &a, &c);
	*ret_life_s = UINT64_MAX;
	if (c.bearer && c.realm.n)
		return bearer(l, &c, r, &a, out, ret_life_s, e);
	if (!c.basic)
		return err_set(e, ERR_AUTH, 0, "registry %.*s refuses access and names no way to log in that is known", SLICE_ARG(l->name));
	if (!l->credentials->found || l->credentials->identity_token.n)
		return err_set(e, ERR_AUTH, 0, "registry %.*s wants a user and password for '%s'; %s", SLICE_ARG(l->name), ESC(l->what), l->hint);
	if (!strncmp(l->base, "http:", 5) && !l->plain_fine)
		return err_set(e, ERR_AUTH, 0, "credentials are not sent to %.*s without TLS; %s", SLICE_ARG(l->name), l->plain_hint);
	return basic(l->credentials, out, e);
}

static enum err_code renew(struct oci_source *s, struct registry *g, const struct net_response *r, struct err *e)
{
	AUTO_BUF out = BUF(128 * KIB);
	uint64_t life_s;
	struct registry_login l = { .net = g->net, .base = g->base, .name = g->ref.domain, .repository = g->ref.path, .what = s->text,
		.credentials = &g->credentials, .hint = "log in, or give --authfile", .plain_fine = !s->o.tls_verify,
		.plain_hint = "use --tls-verify=false if that is wanted" };
	if (!g->credentials_known)
		TRY(oci_credentials_find(&s->o, &g->ref, &s->arena, &g->credentials, e));
	g->credentials_known = true;
	TRY(registry_login(&l, r, &out, &life_s, e));
	char *text = strdup(buf_cstr(&out));
	if (!text)
		return err_set(e, ERR_NOMEM, 0, "keep a token");
	free(g->authorization);
	g->authorization = text;
	g->generation++;
	return OK;
}

enum err_code registry_authenticate(struct oci_source *s, struct registry *g, const struct net_response *r, uint64_t generation,
					 struct err *e)
{
	pthread_mutex_lock(&g->lock);
	/* Another thread may have got a new one in the meantime. */
	enum err_code rc = generation == g->generation ? renew(s, g, r, e) : OK;
	pthread_mutex_unlock(&g->lock);
	return rc;
}
