/* The parts of the configuration that are lists of things: upstreams, policies, repositories, webhooks. */
#include "config_inside.h"

static const struct { const char *name, *url; } known_upstreams[] = {
	{ "docker.io", "https://registry-1.docker.io" }, { "ghcr.io", "https://ghcr.io" }, { "quay.io", "https://quay.io" },
	{ "gcr.io", "https://gcr.io" }, { "registry.k8s.io", "https://registry.k8s.io" }, { "mcr.microsoft.com", "https://mcr.microsoft.com" },
};

/* --- Upstreams ----------------------------------------------------------------------------------------------------------- */

static enum err_code add_upstream(struct config_reader *r, struct slice name, const char *url, struct config_upstream **ret, struct err *e)
{
	struct gateway_config *c = r->c;
	struct config_upstream *u = arena_push(r->a, &c->upstreams, &c->n_upstreams, &c->cap_upstreams, sizeof(*u));
	if (u) {
		TRY(config_field_defaults(config_fields_upstream, u, r->a, e));
		u->name = arena_dup(r->a, name);
		u->url = url ? slice_str(url) : SLICE_NULL;
	}
	*ret = u;
	return arena_ok(r->a, "the configuration", e);
}

/* The first part of a repository's name, by the distribution specification's grammar. */
static bool valid_name(struct slice s)
{
	bool edge = true;
	for (size_t i = 0; i < s.n; i++) {
		bool plain = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
		if (!plain && (edge || (s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')))
			return false;
		edge = !plain;
	}
	return s.n && s.n <= 128 && !edge;
}

static bool is_off(const struct yml_node *n)
{
	return n->kind == YML_SCALAR && (slice_eqs(n->text, "off") || slice_eqs(n->text, "false") || slice_eqs(n->text, "no"));
}

static void remove_upstream(struct gateway_config *c, const struct config_upstream *u)
{
	size_t at = (size_t)(u - c->upstreams);
	memmove(c->upstreams + at, c->upstreams + at + 1, (c->n_upstreams - at - 1) * sizeof(*u));
	c->n_upstreams--;
}

static enum err_code check_upstream(struct config_reader *r, const struct yml_node *n, const struct config_upstream *u, struct err *e)
{
	if (!u->url.n)
		return yml_key_error(r->doc, n, e, "the upstream '%.*s' needs a 'url'", SLICE_ARG(u->name));
	if (slice_has_prefix(u->url, SL("http://")) && !u->insecure)
		return yml_key_error(r->doc, n, e, "the upstream '%.*s' has an http:// URL: everything would cross the network unprotected; "
				     "say 'insecure: true' if that is meant", SLICE_ARG(u->name));
	if (!u->client_cert.n != !u->client_key.n)
		return yml_key_error(r->doc, n, e, "'client_cert' and 'client_key' belong together");
	if (!u->username.n != !u->password_file.n)
		return yml_key_error(r->doc, n, e, "'username' and 'password_file' belong together");
	return OK;
}

static enum err_code read_upstream(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	char shown[80];
	enum { MAX_UPSTREAMS = 200 };
	struct config_upstream *u = (struct config_upstream *)config_upstream_named(r->c, n->key);
	if (!valid_name(n->key))
		return yml_key_error(r->doc, n, e, "'%s' cannot be the first part of a repository's name: lower-case letters, digits and single . - _ between",
				     text_escape_to(shown, sizeof(shown), n->key));
	if (is_off(n)) {
		if (u)
			remove_upstream(r->c, u);
		return OK;
	}
	if (r->c->n_upstreams >= MAX_UPSTREAMS)
		return yml_key_error(r->doc, n, e, "more than %d upstreams", MAX_UPSTREAMS);
	if (!u)
		TRY(add_upstream(r, n->key, NULL, &u, e));
	if (yml_is_null(n) || (n->kind == YML_SCALAR && slice_eqs(n->text, "on")))
		return check_upstream(r, n, u, e);
	TRY(config_field_map(config_fields_upstream, NULL, u, r->doc, n, "an upstream", r->a, e));
	return check_upstream(r, n, u, e);
}

enum err_code config_read_upstreams(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	struct config_upstream *u;
	for (size_t i = 0; i < ARRAY_LEN(known_upstreams); i++)
		TRY(add_upstream(r, slice_str(known_upstreams[i].name), known_upstreams[i].url, &u, e));
	if (!n)
		return OK;
	if (is_off(n)) {
		r->c->n_upstreams = 0;
		return OK;
	}
	if (n->kind != YML_MAP)
		return yml_error(r->doc, n, e, "'upstreams' must be a map such as {docker.io: {tag_ttl: 5m}, ghcr.io: off}, or 'off'");
	for (const struct yml_node *one = n->first; one; one = one->next)
		TRY(read_upstream(r, one, e));
	return OK;
}

/* --- Policies ------------------------------------------------------------------------------------------------------------ */

static struct config_policy *find_policy(struct gateway_config *c, struct slice name)
{
	for (size_t i = 0; i < c->n_policies; i++)
		if (slice_eq(c->policies[i].name, name))
			return &c->policies[i];
	return NULL;
}

static enum err_code add_policy(struct config_reader *r, struct slice name, struct slice file, struct err *e)
{
	struct gateway_config *c = r->c;
	struct config_policy *p = find_policy(c, name);
	if (!p)
		p = arena_push(r->a, &c->policies, &c->n_policies, &c->cap_policies, sizeof(*p));
	if (p)
		*p = (struct config_policy){ arena_dup(r->a, name), file.n ? arena_dup(r->a, file) : SLICE_NULL };
	return arena_ok(r->a, "the configuration", e);
}

enum err_code config_read_policies(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	char shown[80];
	enum { MAX_POLICIES = 32, MAX_NAME = 63 };
	TRY(add_policy(r, SL("default"), SLICE_NULL, e));
	if (n && n->kind != YML_MAP)
		return yml_error(r->doc, n, e, "'policies' must be a map of names and files such as {strict: strict.yaml}");
	for (const struct yml_node *one = n ? n->first : NULL; one; one = one->next) {
		if (one->kind != YML_SCALAR || yml_is_null(one))
			return yml_error(r->doc, one, e, "the policy '%s' needs a file, or 'builtin'", text_escape_to(shown, sizeof(shown), one->key));
		if (one->key.n > MAX_NAME || r->c->n_policies >= MAX_POLICIES)
			return yml_key_error(r->doc, one, e, "at most %d policies, with names of at most %d bytes", MAX_POLICIES, MAX_NAME);
		struct config_field file = config_fields_tls[0];	/* a path */
		struct config_listen to = { 0 };
		file.key = "policies";
		TRY(config_field_node(&file, &to, r->doc, one, r->a, e));
		TRY(add_policy(r, one->key, slice_eqs(one->text, "builtin") && !one->quoted ? SLICE_NULL : to.tls_cert, e));
	}
	return OK;
}

/* --- Repositories -------------------------------------------------------------------------------------------------------- */

static enum err_code read_retention(struct config_reader *r, const struct yml_node *n, struct config_repository *p, struct err *e)
{
	static const struct config_field fields[] = {
		{ "keep_last", FIELD_COUNT, offsetof(struct config_repository, keep_last) },
		{ "keep_for", FIELD_S, offsetof(struct config_repository, keep_for_s) },
		{ 0 },
	};
	return config_field_map(fields, NULL, p, r->doc, n, "'retention'", r->a, e);
}

static bool matches_all(struct slice pattern) { return slice_eqs(pattern, "**"); }

static enum err_code read_repository(struct config_reader *r, const struct yml_node *n, struct config_repository *p, struct err *e)
{
	static const char *const more[] = { "retention", NULL };
	char shown[80];
	TRY(config_field_defaults(config_fields_repository, p, r->a, e));
	TRY(config_field_map(config_fields_repository, more, p, r->doc, n, "a rule of 'repositories'", r->a, e));
	const struct yml_node *retention = yml_get(n, "retention");
	if (retention)
		TRY(read_retention(r, retention, p, e));
	if (!p->match.n)
		return yml_error(r->doc, n, e, "'match' is missing: which repositories, such as team/**");
	if (!find_policy(r->c, p->policy))
		return yml_error(r->doc, yml_get(n, "policy"), e, "there is no policy '%s'; name its file under 'policies'",
				 text_escape_to(shown, sizeof(shown), p->policy));
	return OK;
}

enum err_code config_read_repositories(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	enum { MAX_RULES = 10000 };
	struct gateway_config *c = r->c;
	bool all = false;
	if (n && n->kind != YML_LIST)
		return yml_error(r->doc, n, e, "'repositories' must be a list of rules such as - {match: \"team/**\", policy: strict}");
	if (n && n->n > MAX_RULES)
		return yml_error(r->doc, n, e, "more than %d rules", MAX_RULES);
	for (const struct yml_node *one = n ? n->first : NULL; one; one = one->next) {
		if (all)
			return yml_error(r->doc, one, e, "this rule is never reached: the one before matches everything");
		struct config_repository *p = arena_push(r->a, &c->repositories, &c->n_repositories, &c->cap_repositories, sizeof(*p));
		TRY(arena_ok(r->a, "the configuration", e));
		TRY(read_repository(r, one, p, e));
		all = matches_all(p->match);
	}
	if (!all) {
		struct config_repository *p = arena_push(r->a, &c->repositories, &c->n_repositories, &c->cap_repositories, sizeof(*p));
		TRY(arena_ok(r->a, "the configuration", e));
		TRY(config_field_defaults(config_fields_repository, p, r->a, e));
		p->match = SL("**");
	}
	return OK;
}

/* --- Webhooks ------------------------------------------------------------------------------------------------------------ */

enum err_code config_read_webhooks(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	enum { MAX_WEBHOOKS = 100 };
	struct gateway_config *c = r->c;
	if (n && n->kind != YML_LIST)
		return yml_error(r->doc, n, e, "'webhooks' must be a list such as - {url: \"https://hook.example\", secret_file: hook.key}");
	if (n && n->n > MAX_WEBHOOKS)
		return yml_error(r->doc, n, e, "more than %d webhooks", MAX_WEBHOOKS);
	for (const struct yml_node *one = n ? n->first : NULL; one; one = one->next) {
		struct config_webhook *w = arena_push(r->a, &c->webhooks, &c->n_webhooks, &c->cap_webhooks, sizeof(*w));
		TRY(arena_ok(r->a, "the configuration", e));
		TRY(config_field_map(config_fields_webhook, NULL, w, r->doc, one, "a webhook", r->a, e));
		if (!w->url.n || !w->secret_file.n)
			return yml_error(r->doc, one, e, "a webhook needs 'url' and 'secret_file' (the key of its signatures)");
		for (size_t i = 0; i + 1 < c->n_webhooks; i++)
			if (slice_eq(c->webhooks[i].url, w->url))
				return yml_error(r->doc, one, e, "this webhook is there already; put all its events into one");
	}
	return OK;
}
