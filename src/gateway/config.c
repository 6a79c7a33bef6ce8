/* The section `serve:` of the configuration file as a whole. docs/serve-configuration.md describes every key. */
#include <stdlib.h>
#include "access.h"
#include "config_inside.h"

static enum err_code read_blobs(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	static const char *const known[] = { "s3", NULL };
	TRY(yml_check_map(r->doc, n, known, "'blobs'", e));
	const struct yml_node *s3 = yml_get(n, "s3");
	if (!s3)
		return OK;
	TRY(config_field_map(config_fields_s3, NULL, r->c, r->doc, s3, "'s3'", r->a, e));
	if (!r->c->s3_endpoint.n || !r->c->s3_bucket.n)
		return yml_key_error(r->doc, s3, e, "'s3' needs 'endpoint' and 'bucket'");
	return OK;
}

static enum err_code read_accounts(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	static const struct config_field fields[] = {
		{ "file", FIELD_TEXT, offsetof(struct gateway_config, accounts_file) },
		{ "htpasswd", FIELD_TEXT, offsetof(struct gateway_config, htpasswd_file) },
		{ 0 },
	};
	return config_field_map(fields, NULL, r->c, r->doc, n, "'accounts'", r->a, e);
}

/* `approve` and `admin` are nobody's without a name (GATE.md 17). */
static enum err_code read_anonymous(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	char shown[80];
	r->c->anonymous_set = true;
	if (n->kind != YML_LIST)
		return yml_error(r->doc, n, e, "'anonymous' must be a list such as [pull], or []");
	for (const struct yml_node *one = n->first; one; one = one->next) {
		unsigned bit = 0;
		for (size_t i = 0; one->kind == YML_SCALAR && i < 3; i++)
			if (slice_eqs(one->text, config_rights[i].word))
				bit = config_rights[i].bit;
		if (!bit)
			return yml_error(r->doc, one, e, "'anonymous' has '%s', but may only hold pull, push and delete",
					 text_escape_to(shown, sizeof(shown), one->text));
		r->c->anonymous |= bit;
	}
	return OK;
}

static bool beyond_loopback(const struct gateway_config *c)
{
	for (size_t i = 0; i < c->n_listens; i++)
		if (!config_is_loopback(c->listens[i].address))
			return true;
	return false;
}

/* What follows from other keys. */
static enum err_code derive(struct gateway_config *c, struct err *e)
{
	if (!c->anonymous_set)
		c->anonymous = beyond_loopback(c) ? 0 : ACCESS_PULL | ACCESS_PUSH;
	if (!c->database_set) {
		c->database = arena_printf(&c->arena, "sqlite:%.*s/pabean.db", SLICE_ARG(c->state));
		TRY(arena_ok(&c->arena, "the configuration", e));
	}
	return OK;
}

static enum err_code check_public_url(struct config_reader *r, const struct yml_node *n, struct err *e)
{
	struct slice u = r->c->public_url;
	ptrdiff_t host = slice_find(u, SL("://"));
	if (n && slice_find_byte(slice_from(u, (size_t)host + 3), '/') >= 0)
		return yml_error(r->doc, n, e, "'public_url' must end with the host and port: clients ask at its root");
	return OK;
}

static enum err_code read_section(struct config_reader *r, const struct yml_node *serve, struct err *e)
{
	static const char *const more[] = { "listen", "tls", "blobs", "mirrors", "anonymous", "accounts", "upstreams", "repositories", "policies", "webhooks", NULL };
	static const struct yml_node nothing = { .kind = YML_MAP };
	if (!serve || yml_is_null(serve))
		serve = &nothing;
	TRY(config_field_map(config_fields_top, more, r->c, r->doc, serve, "the part 'serve'", r->a, e));
	r->c->database_set = yml_get(serve, "database");
	TRY(check_public_url(r, yml_get(serve, "public_url"), e));
	const struct yml_node *tls = yml_get(serve, "tls"), *n;
	TRY(config_read_listens(r, yml_get(serve, "listen"), tls, e));
	TRY(config_read_upstreams(r, yml_get(serve, "upstreams"), e));
	TRY(config_read_mirrors(r, yml_get(serve, "mirrors"), tls, e));
	TRY(config_read_policies(r, yml_get(serve, "policies"), e));
	TRY(config_read_repositories(r, yml_get(serve, "repositories"), e));
	TRY(config_read_webhooks(r, yml_get(serve, "webhooks"), e));
	if ((n = yml_get(serve, "blobs")))
		TRY(read_blobs(r, n, e));
	if ((n = yml_get(serve, "anonymous")))
		TRY(read_anonymous(r, n, e));
	if ((n = yml_get(serve, "accounts")))
		TRY(read_accounts(r, n, e));
	return derive(r->c, e);
}

enum err_code gateway_config_parse(struct slice yaml, const char *name, struct gateway_config **ret, struct err *e)
{
	struct yml_doc doc;
	AUTO_ARENA nodes = ARENA(128 * MIB);
	struct gateway_config *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, 0, "memory for the configuration");
	c->arena = ARENA(64 * MIB);
	struct config_reader r = { c, &c->arena, &doc };
	enum err_code code = yml_parse(yaml, name, &nodes, &doc, e);
	if (code == OK) {
		c->name = arena_strdup(&c->arena, name);
		code = config_field_defaults(config_fields_top, c, &c->arena, e);
	}
	if (code == OK && doc.root && doc.root->kind != YML_MAP)
		code = yml_error(&doc, doc.root, e, "the configuration must be lines of 'option: value'");
	if (code == OK)
		code = read_section(&r, yml_get(doc.root, "serve"), e);
	if (code == OK)
		*ret = c;
	else
		gateway_config_free(c);
	return code;
}

void gateway_config_free(struct gateway_config *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c);
}

enum err_code gateway_config_set(struct gateway_config *c, const char *key, struct slice value, struct err *e)
{
	if (!strcmp(key, "listen")) {
		TRY(config_set_listens(c, value, e));
		return derive(c, e);
	}
	if (!strcmp(key, "policy")) {
		c->policies[0].file = arena_dup(&c->arena, value);
		return arena_ok(&c->arena, "the configuration", e);
	}
	for (const struct config_field *f = config_fields_top; f->key; f++) {
		if (strcmp(f->key, key))
			continue;
		TRY(config_field_text(f, c, value, &c->arena, e));
		c->database_set |= !strcmp(key, "database");
		return derive(c, e);
	}
	return err_set(e, ERR_USAGE, 0, "the part 'serve' has no key '%s' that can be set here", key);
}

struct slice gateway_config_state(const struct gateway_config *c) { return c->state; }
struct slice gateway_config_database(const struct gateway_config *c) { return c->database; }

enum err_code gateway_config_check(const struct gateway_config *c, bool insecure_no_tls, bool insecure_no_accounts, bool have_accounts, struct err *e)
{
	const struct config_listen *open = NULL, *plain = NULL;
	char shown[80];
	for (size_t i = 0; i < c->n_listens; i++) {
		const struct config_listen *l = &c->listens[i];
		if (config_is_loopback(l->address))
			continue;
		open = open ? open : l;
		if (!l->tls_cert.n && !plain)
			plain = l;
	}
	if (!open)
		return OK;
	text_escape_to(shown, sizeof(shown), plain ? plain->address : open->address);
	if (plain && !insecure_no_tls)
		return err_set(e, ERR_USAGE, 0, "%s can be reached from outside and has no TLS: give 'tls: {cert: FILE, key: FILE}' in the configuration "
			       "(or --insecure-no-tls)", shown);
	if (!have_accounts && !c->accounts_file.n && !c->htpasswd_file.n && !insecure_no_accounts)
		return err_set(e, ERR_USAGE, 0, "%s can be reached from outside and there are no accounts: give 'accounts: {file: FILE}' in the configuration, "
			       "or add one with `pabean user add` (or --insecure-no-accounts)", shown);
	if (!c->public_url.n)
		return err_set(e, ERR_USAGE, 0, "%s can be reached from outside: 'public_url' must say by which address clients know this registry", shown);
	if (c->anonymous & ACCESS_DELETE)
		return err_set(e, ERR_USAGE, 0, "%s can be reached from outside: 'anonymous' must not hold delete", shown);
	return OK;
}
