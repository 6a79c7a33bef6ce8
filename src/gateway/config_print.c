/* The configuration as the file would say it, every key with its value. */
#include "config_inside.h"

static bool is_empty(const struct config_field *f, const void *obj)
{
	const void *from = (const char *)obj + f->offset;
	return (f->type == FIELD_TEXT || f->type == FIELD_URL) && !((const struct slice *)from)->n;
}

/* key: value, one a line; what has no value stands there as a comment. */
static void print_lines(const struct config_field *table, const void *obj, unsigned indent, struct buf *out)
{
	for (const struct config_field *f = table; f->key; f++) {
		if (is_empty(f, obj)) {
			buf_printf(out, "%*s# %s:\n", (int)indent, "", f->key);
			continue;
		}
		buf_printf(out, "%*s%s: ", (int)indent, "", f->key);
		config_field_print(f, obj, out);
		buf_putc(out, '\n');
	}
}

/* {key: value, …} with what has a value. */
static void print_flow(const struct config_field *table, const void *obj, struct buf *out)
{
	bool first = true;
	for (const struct config_field *f = table; f->key; f++) {
		if (is_empty(f, obj))
			continue;
		buf_printf(out, "%s%s: ", first ? "" : ", ", f->key);
		config_field_print(f, obj, out);
		first = false;
	}
}

static void print_tls(const struct config_listen *l, struct buf *out)
{
	if (!l->tls_cert.n)
		return;
	buf_puts(out, ", tls: {");
	print_flow(config_fields_tls, l, out);
	buf_putc(out, '}');
}

static void print_listens(const struct gateway_config *c, struct buf *out)
{
	size_t mirrors = 0;
	buf_puts(out, "  listen:\n");
	for (size_t i = 0; i < c->n_listens; i++) {
		mirrors += c->listens[i].mirror.n > 0;
		if (c->listens[i].mirror.n)
			continue;
		buf_puts(out, "    - {address: ");
		config_print_text(out, c->listens[i].address);
		print_tls(&c->listens[i], out);
		buf_puts(out, "}\n");
	}
	buf_puts(out, mirrors ? "  mirrors:\n" : "  mirrors: {}\n");
	for (size_t i = 0; i < c->n_listens; i++) {
		if (!c->listens[i].mirror.n)
			continue;
		buf_puts(out, "    ");
		config_print_text(out, c->listens[i].mirror);
		buf_puts(out, ": {listen: ");
		config_print_text(out, c->listens[i].address);
		print_tls(&c->listens[i], out);
		buf_puts(out, "}\n");
	}
}

static void print_rights(const struct gateway_config *c, struct buf *out)
{
	const char *comma = "";
	buf_puts(out, "  anonymous: [");
	for (size_t i = 0; i < ARRAY_LEN(config_rights); i++) {
		if (c->anonymous & config_rights[i].bit) {
			buf_printf(out, "%s%s", comma, config_rights[i].word);
			comma = ", ";
		}
	}
	buf_puts(out, "]\n  accounts: {");
	comma = "";
	if (c->accounts_file.n) {
		buf_puts(out, "file: ");
		config_print_text(out, c->accounts_file);
		comma = ", ";
	}
	if (c->htpasswd_file.n) {
		buf_printf(out, "%shtpasswd: ", comma);
		config_print_text(out, c->htpasswd_file);
	}
	buf_puts(out, "}\n");
}

static void print_upstreams(const struct gateway_config *c, struct buf *out)
{
	static const char *const known[] = { "docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "mcr.microsoft.com" };
	buf_puts(out, "  upstreams:\n");
	for (size_t i = 0; i < c->n_upstreams; i++) {
		buf_puts(out, "    ");
		config_print_text(out, c->upstreams[i].name);
		buf_puts(out, ":\n");
		print_lines(config_fields_upstream, &c->upstreams[i], 6, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!config_upstream_named(c, slice_str(known[i])))
			buf_printf(out, "    %s: off\n", known[i]);
}

static void print_repositories(const struct gateway_config *c, struct buf *out)
{
	buf_puts(out, "  repositories:\n");
	for (size_t i = 0; i < c->n_repositories; i++) {
		const struct config_repository *p = &c->repositories[i];
		buf_puts(out, "    - {");
		print_flow(config_fields_repository, p, out);
		buf_printf(out, ", retention: {keep_last: %u, keep_for: %llus}}\n", p->keep_last, (unsigned long long)p->keep_for_s);
	}
}

static void print_rest(const struct gateway_config *c, struct buf *out)
{
	buf_puts(out, "  policies:\n");
	for (size_t i = 0; i < c->n_policies; i++) {
		buf_puts(out, "    ");
		config_print_text(out, c->policies[i].name);
		buf_puts(out, ": ");
		if (c->policies[i].file.n)
			config_print_text(out, c->policies[i].file);
		else
			buf_puts(out, "builtin");
		buf_putc(out, '\n');
	}
	buf_puts(out, c->n_webhooks ? "  webhooks:\n" : "  webhooks: []\n");
	for (size_t i = 0; i < c->n_webhooks; i++) {
		buf_puts(out, "    - {");
		print_flow(config_fields_webhook, &c->webhooks[i], out);
		buf_puts(out, "}\n");
	}
}

/* The password in a PostgreSQL URL stays out: what is printed ends up in tickets. */
static struct slice without_password(struct slice url, struct arena *a)
{
	ptrdiff_t scheme = slice_find(url, SL("://"));
	if (scheme < 0)
		return url;
	if (slice_find(url, SL("password=")) >= 0)
		url = slice_upto(url, (size_t)MAX(slice_find_byte(url, '?'), 0));
	struct slice rest = slice_from(url, (size_t)scheme + 3);
	ptrdiff_t slash = slice_find_byte(rest, '/');
	struct slice authority = slash < 0 ? rest : slice_upto(rest, (size_t)slash);
	ptrdiff_t at = slice_rfind_byte(authority, '@'), colon = slice_find_byte(authority, ':');
	if (at < 0 || colon < 0 || colon > at)
		return url;
	return arena_printf(a, "%.*s%.*s", SLICE_ARG(slice_upto(url, (size_t)scheme + 3 + (size_t)colon)), SLICE_ARG(slice_from(rest, (size_t)at)));
}

enum err_code gateway_config_whole(const struct gateway_config *c, struct buf *out, struct err *e)
{
	buf_puts(out, "serve:\n");
	print_listens(c, out);
	print_lines(config_fields_top, c, 2, out);
	if (c->s3_endpoint.n) {
		buf_puts(out, "  blobs:\n    s3:\n");
		print_lines(config_fields_s3, c, 6, out);
	} else {
		buf_puts(out, "  blobs: {}\n");
	}
	print_rights(c, out);
	print_upstreams(c, out);
	print_repositories(c, out);
	print_rest(c, out);
	return buf_ok(out, "the configuration", e);
}

enum err_code gateway_config_print(const struct gateway_config *c, struct buf *out, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * KIB);
	struct gateway_config shown = *c;
	shown.database = without_password(c->database, &a);
	TRY(arena_ok(&a, "a URL", e));
	return gateway_config_whole(&shown, out, e);
}
