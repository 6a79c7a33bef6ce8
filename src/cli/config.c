/* Values from configuration files and the environment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"
#include "os.h"
#include "yml.h"

enum { MAX_KEYS = 256 };

void cli_env_name(const char *option, char dst[64])
{
	snprintf(dst, 64, "PABEAN_%s", option);
	for (char *p = dst; *p; p++)
		*p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
}

/* The names of all options of all commands, and of the commands: what a configuration may hold. */
struct known { const char *names[MAX_KEYS + 1]; size_t n; };

static void known_add(struct known *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->names[i], name))
			return;
	if (k->n < MAX_KEYS)
		k->names[k->n++] = name;
}

static void known_add_options(struct known *k, const struct cli_option *o)
{
	for (; o && o->name; o++)
		if (strcmp(o->name, "help") && strcmp(o->name, "config"))
			known_add(k, o->name);
}

static void known_add_command(struct known *k, const struct cli_command *cmd)
{
	known_add_options(k, cmd->options);
	for (size_t i = 0; cmd->sub && cmd->sub[i]; i++)
		known_add_command(k, cmd->sub[i]);
}

static bool is_known(const struct known *k, struct slice name)
{
	for (size_t i = 0; i < k->n; i++)
		if (slice_eqs(name, k->names[i]))
			return true;
	return false;
}

static enum err_code set_value(struct cli *c, const struct yml_doc *doc, const struct yml_node *node, size_t option, enum cli_origin origin,
			       struct err *e)
{
	const struct cli_option *o = c->options[option];
	char where[512];
	if (node->kind == YML_MAP || (node->kind == YML_LIST && !o->repeated))
		return yml_error(doc, node, e, "'%s' needs one value", o->name);
	for (const struct yml_node *one = node->kind == YML_LIST ? node->first : node; one; one = node->kind == YML_LIST ? one->next : NULL) {
		if (one->kind != YML_SCALAR)
			return yml_error(doc, one, e, "'%s' takes a list of plain values", o->name);
		const char *text = arena_slice_cstr(&c->arena, one->text);
		if (!text)
			return arena_ok(&c->arena, doc->name, e);
		snprintf(where, sizeof(where), "%s:%u:%u: '%s'", doc->name, one->line, one->column, o->name);
		TRY(cli_value_add(c, option, text, 0, origin, where, e));
	}
	return OK;
}

/* The command that a part of the configuration such as `scan:` belongs to, or NULL when the node is no part. */
static const struct cli_command *part_of(const struct yml_node *n)
{
	for (size_t i = 0; n->kind == YML_MAP && cli_commands[i]; i++)
		if (!cli_commands[i]->hidden && slice_eqs(n->key, cli_commands[i]->name))
			return cli_commands[i];
	return NULL;
}

static enum err_code options_of(struct cli *c, const struct yml_doc *doc, const struct yml_node *map, const struct known *known,
				const char *what, enum cli_origin origin, bool apply, struct err *e)
{
	char text[80];
	for (const struct yml_node *n = map->first; n; n = n->next) {
		if (map == doc->root && part_of(n))
			continue;
		if (!is_known(known, n->key))
			return yml_unknown_key(doc, n, known->names, what, e);
		if (yml_is_null(n))
			return yml_error(doc, n, e, "'%s' has no value; remove the line to use the default",
					 text_escape_to(text, sizeof(text), n->key));
		ptrdiff_t option = cli_option_find(c, n->key);
		if (!apply || option < 0)
			continue;
		if (map != doc->root && c->values[option].origin == origin)
			c->values[option].n = 0;	/* a part replaces what the top of the same file says */
		TRY(set_value(c, doc, n, (size_t)option, origin, e));
	}
	return OK;
}

enum err_code cli_config_parse(struct cli *c, struct slice text, const char *name, enum cli_origin origin, struct err *e)
{
	struct yml_doc doc;
	struct known known = { 0 };
	TRY(yml_parse(text, name, &c->arena, &doc, e));
	if (!doc.root)
		return OK;
	if (doc.root->kind != YML_MAP)
		return yml_error(&doc, doc.root, e, "the configuration must be lines of 'option: value'");
	known_add_options(&known, cli_common_options);
	for (size_t i = 0; cli_commands[i]; i++)
		known_add_command(&known, cli_commands[i]);
	TRY(options_of(c, &doc, doc.root, &known, "the configuration", origin, true, e));
	for (struct yml_node *n = doc.root->first; n; n = n->next) {
		const struct cli_command *cmd = part_of(n);
		struct known own = { 0 };
		char what[64];
		if (!cmd || cmd->own_part)
			continue;
		known_add_command(&own, cmd);
		known_add_options(&own, cli_common_options);
		snprintf(what, sizeof(what), "the part '%s'", cmd->name);
		size_t len = strlen(cmd->name);
		bool mine = !strncmp(c->path, cmd->name, len) && (!c->path[len] || c->path[len] == ' ');
		TRY(options_of(c, &doc, n, &own, what, origin, mine, e));
	}
	return OK;
}

static enum err_code load_file(struct cli *c, const char *path, bool must_exist, enum cli_origin origin, struct err *e)
{
	AUTO_BUF b = BUF(4 * MIB);
	enum err_code code = os_read_file(path, &b, e);
	if (code == ERR_NOT_FOUND && !must_exist)
		return OK;
	if (code != OK)
		return err_prefix(e, "read the configuration");
	return cli_config_parse(c, buf_slice(&b), path, origin, e);
}

/* The person's file, NULL when there is nowhere to look; *ret_named: it was named and must exist. */
static enum err_code user_file(struct cli *c, const char **ret, bool *ret_named, struct err *e)
{
	const char *given = cli_text(c, "config", getenv("PABEAN_CONFIG"));
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct slice path = SLICE_NULL;
	*ret_named = given && *given;
	if (*ret_named)
		path = slice_str(given);
	else if (base && base[0] == '/')
		path = arena_printf(&c->arena, "%s/pabean/pabean.yaml", base);
	else if (home && home[0] == '/')
		path = arena_printf(&c->arena, "%s/.config/pabean/pabean.yaml", home);
	*ret = (const char *)path.p;
	return arena_ok(&c->arena, "the configuration's path", e);
}

static const char system_file[] = "/etc/pabean/pabean.yaml";

enum err_code cli_config_load(struct cli *c, struct err *e)
{
	const char *path;
	bool named;
	TRY(user_file(c, &path, &named, e));
	TRY(load_file(c, system_file, false, CLI_FROM_SYSTEM_FILE, e));
	return path ? load_file(c, path, named, CLI_FROM_USER_FILE, e) : OK;
}

static enum err_code part_in(const char *path, bool must_exist, const char *name, struct buf *text, bool *ret, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * MIB);
	struct yml_doc doc;
	buf_clear(text);
	enum err_code code = os_read_file(path, text, e);
	*ret = false;
	if (code == ERR_NOT_FOUND && !must_exist)
		return OK;
	if (code != OK)
		return err_prefix(e, "read the configuration");
	TRY(yml_parse(buf_slice(text), path, &a, &doc, e));
	*ret = yml_get(doc.root, name);
	return OK;
}

enum err_code cli_config_part(struct cli *c, const char *name, const char **ret_path, struct buf *text, struct err *e)
{
	const char *path;
	bool named, found = false;
	TRY(user_file(c, &path, &named, e));
	if (path)
		TRY(part_in(path, named, name, text, &found, e));
	if (!found) {
		path = system_file;
		TRY(part_in(path, false, name, text, &found, e));
	}
	if (!found)
		buf_clear(text);
	*ret_path = found ? path : NULL;
	return OK;
}

enum err_code cli_env_load(struct cli *c, struct err *e)
{
	for (size_t i = 0; c->options[i]; i++) {
		char name[64];
		cli_env_name(c->options[i]->name, name);
		const char *value = getenv(name);
		if (!value || !*value || !strcmp(c->options[i]->name, "help"))
			continue;
		if (!c->options[i]->repeated) {
			TRY(cli_value_add(c, i, value, 0, CLI_FROM_ENV, name, e));
			continue;
		}
		struct slice rest = slice_str(value), piece;
		while (slice_next_piece(&rest, ',', &piece)) {
			const char *text = arena_slice_cstr(&c->arena, slice_trim(piece));
			if (!text)
				return arena_ok(&c->arena, "the environment", e);
			if (*text)
				TRY(cli_value_add(c, i, text, 0, CLI_FROM_ENV, name, e));
		}
	}
	return OK;
}
