/* Options on the command line, and the values that all sources share. */
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"
#include "os.h"
#include "yml.h"

const struct cli_option cli_common_options[] = {
	{ "config", 0, CLI_FILE, .arg = "FILE", .group = "Common", .help = "Read this configuration file instead of the user's own" },
	{ "color", 0, CLI_CHOICE, .arg = "WHEN", .help = "Colours: auto (on a terminal, unless NO_COLOR is set), always or never",
	  .choices = (const char *const[]){ "auto", "always", "never", NULL } },
	{ "quiet", 'q', CLI_FLAG, .help = "No messages but errors" },
	{ "verbose", 'v', CLI_FLAG, .help = "Say more: every finding, what is being done and how the workers are confined" },
	{ "help", 'h', CLI_FLAG, .help = "Show this help" },
	{ 0 },
};

enum err_code cli_setup(struct cli *c, const struct cli_command *command, struct err *e)
{
	size_t n = 0;
	const struct cli_option *const lists[] = { command->options, cli_common_options };
	for (size_t l = 0; l < 2; l++)
		for (const struct cli_option *o = lists[l]; o && o->name; o++)
			n++;
	const struct cli_option **all = arena_calloc(&c->arena, n + 1, sizeof(*all));
	c->values = arena_calloc(&c->arena, n + 1, sizeof(*c->values));
	TRY(arena_ok(&c->arena, "the command line", e));
	n = 0;
	for (size_t l = 0; l < 2; l++)
		for (const struct cli_option *o = lists[l]; o && o->name; o++)
			all[n++] = o;
	c->command = command;
	c->options = all;
	return OK;
}

ptrdiff_t cli_option_find(const struct cli *c, struct slice name)
{
	for (size_t i = 0; c->options[i]; i++)
		if (slice_eqs(name, c->options[i]->name))
			return (ptrdiff_t)i;
	return -1;
}

static bool parse_bool(const char *text, bool *ret)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "true", true }, { "false", false }, { "yes", true }, { "no", false }, { "on", true }, { "off", false }, { "1", true },
		{ "0", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (slice_eq_nocase(slice_str(text), slice_str(words[i].word))) {
			*ret = words[i].value;
			return true;
		}
	}
	return false;
}

static enum err_code choice_error(const struct cli_option *o, const char *word, const char *where, struct err *e)
{
	AUTO_BUF all = BUF(KIB);
	for (unsigned i = 0; o->choices[i]; i++)
		buf_printf(&all, "%s%s", !i ? "" : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
	return err_set(e, ERR_USAGE, 0, "%s: '%s' is not one of %s", where, word, buf_cstr(&all));
}

enum err_code cli_value_check(const struct cli_option *o, const char *text, const char *where, struct err *e)
{
	char word[96];
	struct slice s = slice_str(text);
	uint64_t number;
	bool flag;
	text_escape_to(word, sizeof(word), s);
	switch (o->type) {
	case CLI_FLAG:
		return parse_bool(text, &flag) ? OK : err_set(e, ERR_USAGE, 0, "%s: '%s' must be true or false", where, word);
	case CLI_COUNT:
		return slice_to_u64(s, &number) ? OK : err_set(e, ERR_USAGE, 0, "%s: '%s' is not a number", where, word);
	case CLI_SIZE:
		return text_parse_size(s, &number) ? OK : err_set(e, ERR_USAGE, 0, "%s: '%s' is not a size such as 128M or 2G", where, word);
	case CLI_DURATION:
		return text_parse_duration(s, &number) ? OK : err_set(e, ERR_USAGE, 0, "%s: '%s' is not a time such as 90s, 10m or 7d", where, word);
	case CLI_TIME:
		return os_parse_time(s, &number) ? OK : err_set(e, ERR_USAGE, 0, "%s: '%s' is not a date such as 2027-01-31 or 2027-01-31T12:00:00Z",
								    where, word);
	case CLI_CHOICE:
		for (unsigned i = 0; o->choices[i]; i++)
			if (!strcmp(text, o->choices[i]))
				return OK;
		return choice_error(o, word, where, e);
	case CLI_TEXT:
		return OK;	/* an empty text may mean: none */
	default:
		return *text ? OK : err_set(e, ERR_USAGE, 0, "%s: the value is empty", where);
	}
}

enum err_code cli_value_add(struct cli *c, size_t option, const char *text, unsigned position, enum cli_origin origin, const char *where,
			    struct err *e)
{
	const struct cli_option *o = c->options[option];
	struct cli_value *v = &c->values[option];
	TRY(cli_value_check(o, text, where, e));
	if (origin < v->origin)
		return OK;	/* something stronger has spoken */
	if (origin > v->origin || !o->repeated)
		v->n = 0;
	v->origin = origin;
	size_t cap = v->cap, n = v->n;
	const char **item = arena_push(&c->arena, &v->items, &n, &cap, sizeof(*v->items));
	unsigned *at = arena_push(&c->arena, &v->positions, &v->n, &v->cap, sizeof(*v->positions));
	if (!item || !at)
		return arena_ok(&c->arena, "the command line", e);
	*item = text;
	*at = position;
	return OK;
}

static enum err_code unknown_option(const struct cli *c, const char *given, struct err *e)
{
	const char *known[128];
	size_t n = 0;
	char word[96];
	for (size_t i = 0; c->options[i] && n + 1 < ARRAY_LEN(known); i++)
		known[n++] = c->options[i]->name;
	known[n] = NULL;
	struct slice name = slice_from(slice_str(given), 2);
	ptrdiff_t eq = slice_find_byte(name, '=');
	if (eq >= 0)
		name = slice_upto(name, (size_t)eq);
	const char *near = yml_nearest(name, known);
	text_escape_to(word, sizeof(word), name);
	if (near)
		return err_set(e, ERR_USAGE, 0, "there is no option --%s, did you mean --%s?", word, near);
	return err_set(e, ERR_USAGE, 0, "there is no option --%s; `pabean %s --help` lists them", word, c->path);
}

struct args { struct cli *c; int argc; char **argv; int at; struct err *e; };

static enum err_code take_value(struct args *a, size_t option, const char *inline_value)
{
	const struct cli_option *o = a->c->options[option];
	const char *value = inline_value;
	unsigned position = (unsigned)a->at;
	char where[80];
	snprintf(where, sizeof(where), "--%s", o->name);
	if (!value && o->type == CLI_FLAG)
		value = "true";
	if (!value) {
		if (a->at + 1 >= a->argc)
			return err_set(a->e, ERR_USAGE, 0, "--%s needs a value: --%s %s", o->name, o->name, o->arg ? o->arg : "VALUE");
		value = a->argv[++a->at];
	}
	return cli_value_add(a->c, option, value, position, CLI_FROM_ARGS, where, a->e);
}

static enum err_code long_option(struct args *a, const char *arg)
{
	struct slice name = slice_from(slice_str(arg), 2);
	ptrdiff_t eq = slice_find_byte(name, '=');
	ptrdiff_t option = cli_option_find(a->c, eq >= 0 ? slice_upto(name, (size_t)eq) : name);
	if (option < 0)
		return unknown_option(a->c, arg, a->e);
	return take_value(a, (size_t)option, eq >= 0 ? arg + 2 + eq + 1 : NULL);
}

/* "-q", "-qv", "-o FILE", "-oFILE". */
static enum err_code short_options(struct args *a, const char *arg)
{
	for (const char *p = arg + 1; *p; p++) {
		size_t i = 0;
		while (a->c->options[i] && a->c->options[i]->letter != *p)
			i++;
		if (!a->c->options[i]) {
			char word[16];
			return err_set(a->e, ERR_USAGE, 0, "there is no option -%s; `pabean %s --help` lists them",
				       text_escape_to(word, sizeof(word), slice_of(p, 1)), a->c->path);
		}
		if (a->c->options[i]->type != CLI_FLAG)
			return take_value(a, i, p[1] ? p + 1 : NULL);
		TRY(take_value(a, i, NULL));
	}
	return OK;
}

enum err_code cli_parse_args(struct cli *c, int argc, char **argv, int at, struct err *e)
{
	struct args a = { .c = c, .argc = argc, .argv = argv, .at = at, .e = e };
	bool options_end = false;
	c->args = arena_calloc(&c->arena, (size_t)(argc - at) + 1, sizeof(*c->args));
	TRY(arena_ok(&c->arena, "the command line", e));
	for (; a.at < argc; a.at++) {
		const char *arg = argv[a.at];
		if (options_end || arg[0] != '-' || !arg[1])
			c->args[c->n_args++] = arg;
		else if (!strcmp(arg, "--"))
			options_end = true;
		else if (arg[1] == '-')
			TRY(long_option(&a, arg));
		else
			TRY(short_options(&a, arg));
	}
	return OK;
}
