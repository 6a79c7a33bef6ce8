/* Where it listens: `listen`, `tls`, `mirrors`. */
#include "config_inside.h"

static const char expected[] = "an address such as 127.0.0.1:5000, [::1]:5000, :5000 (all) or unix:PATH";

static enum err_code add(struct gateway_config *c, const struct config_listen *l, struct err *e)
{
	char shown[80];
	for (size_t i = 0; i < c->n_listens; i++)
		if (slice_eq(c->listens[i].address, l->address) && !slice_has_suffix(l->address, SL(":0")))
			return err_set(e, ERR_USAGE, 0, "'%s' is listened on twice", text_escape_to(shown, sizeof(shown), l->address));
	struct config_listen *place = arena_push(&c->arena, &c->listens, &c->n_listens, &c->cap_listens, sizeof(*place));
	if (place) {
		*place = *l;
		place->address = arena_dup(&c->arena, l->address);
	}
	return arena_ok(&c->arena, "the configuration", e);
}

static enum err_code read_tls(struct config_reader *r, const struct yml_node *n, struct config_listen *l, struct err *e)
{
	TRY(config_field_map(config_fields_tls, NULL, l, r->doc, n, "'tls'", r->a, e));
	if (!l->tls_cert.n || !l->tls_key.n)
		return yml_key_error(r->doc, n, e, "'tls' needs both 'cert' and 'key'");
	if (l->client_required && !l->client_ca.n)
		return yml_key_error(r->doc, n, e, "'client_required' needs 'client_ca': who is to be believed");
	return OK;
}

static enum err_code add_at(struct config_reader *r, const struct yml_node *n, const struct config_listen *l, struct err *e)
{
	char shown[80];
	if (!config_valid_address(l->address))
		return yml_error(r->doc, n, e, "'%s' is not %s", text_escape_to(shown, sizeof(shown), l->address), expected);
	enum { MAX_LISTENS = 64 };
	if (r->c->n_listens >= MAX_LISTENS)
		return yml_error(r->doc, n, e, "more than %d addresses to listen on", MAX_LISTENS);
	enum err_code code = add(r->c, l, e);
	struct err inner = *e;
	return code == ERR_USAGE ? yml_error(r->doc, n, e, "%s", inner.msg) : code;
}

/* One address, or {address, tls}. */
static enum err_code read_one(struct config_reader *r, const struct yml_node *n, struct config_listen l, const char *key, struct err *e)
{
	static const char *const known_listen[] = { "address", "tls", NULL }, *const known_mirror[] = { "listen", "tls", NULL };
	const struct yml_node *address = n;
	if (n->kind == YML_MAP) {
		bool mirror = l.mirror.n > 0;
		TRY(yml_check_map(r->doc, n, mirror ? known_mirror : known_listen, mirror ? "a mirror" : "'listen'", e));
		address = yml_get(n, key);
		const struct yml_node *tls = yml_get(n, "tls");
		if (tls)
			TRY(read_tls(r, tls, &l, e));
		if (!address)
			return yml_error(r->doc, n, e, "'%s' is missing: %s", key, expected);
	}
	if (address->kind != YML_SCALAR || yml_is_null(address))
		return yml_error(r->doc, address, e, "'listen' must be %s", expected);
	l.address = address->text;
	return add_at(r, address, &l, e);
}

enum err_code config_read_listens(struct config_reader *r, const struct yml_node *n, const struct yml_node *tls, struct err *e)
{
	struct config_listen l = { 0 };
	if (tls)
		TRY(read_tls(r, tls, &l, e));
	if (!n) {
		l.address = SL("127.0.0.1:5000");
		return add(r->c, &l, e);
	}
	r->c->listens_set = true;
	if (n->kind != YML_LIST)
		return read_one(r, n, l, "address", e);
	if (!n->first)
		return yml_error(r->doc, n, e, "'listen' is empty: where should it listen?");
	for (const struct yml_node *one = n->first; one; one = one->next)
		TRY(read_one(r, one, l, "address", e));
	return OK;
}

enum err_code config_read_mirrors(struct config_reader *r, const struct yml_node *n, const struct yml_node *tls, struct err *e)
{
	char shown[80];
	struct config_listen l = { 0 };
	if (n && n->kind != YML_MAP)
		return yml_error(r->doc, n, e, "'mirrors' must be a map such as {docker.io: {listen: \"127.0.0.1:5001\"}}");
	if (n && tls)
		TRY(read_tls(r, tls, &l, e));
	for (const struct yml_node *one = n ? n->first : NULL; one; one = one->next) {
		if (!config_upstream_named(r->c, one->key))
			return yml_key_error(r->doc, one, e, "the mirror '%s' has no upstream of that name", text_escape_to(shown, sizeof(shown), one->key));
		l.mirror = arena_dup(r->a, one->key);
		TRY(read_one(r, one, l, "listen", e));
	}
	return OK;
}

enum err_code config_set_listens(struct gateway_config *c, struct slice addresses, struct err *e)
{
	char shown[80];
	struct config_listen *before = c->listens, first = { 0 };
	size_t n = c->n_listens;
	struct slice rest = addresses, one;
	if (n && !before[0].mirror.n)
		first = before[0];	/* its certificate counts for the new addresses, too */
	c->listens = NULL;
	c->n_listens = c->cap_listens = 0;
	while (slice_next_piece(&rest, ',', &one)) {
		first.address = slice_trim(one);
		if (!config_valid_address(first.address))
			return err_set(e, ERR_USAGE, 0, "--listen: '%s' is not %s", text_escape_to(shown, sizeof(shown), first.address), expected);
		TRY(add(c, &first, e));
	}
	for (size_t i = 0; i < n; i++)
		if (before[i].mirror.n)
			TRY(add(c, &before[i], e));
	c->listens_set = true;
	return OK;
}
