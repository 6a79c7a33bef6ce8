/* From argv to a command. */
#include <stdio.h>
#include "inside.h"
#include "os.h"
#include "yml.h"

#define COMMAND(name) extern const struct cli_command cli_cmd_##name;
#include "commands.list"
#undef COMMAND

const struct cli_command *const cli_commands[] = {
#define COMMAND(name) &cli_cmd_##name,
#include "commands.list"
#undef COMMAND
	NULL
};

const char cli_version[] = PABEAN_VERSION;

static const struct cli_command *find(const struct cli_command *const *list, const char *word)
{
	for (size_t i = 0; list[i]; i++)
		if (!strcmp(list[i]->name, word))
			return list[i];
	return NULL;
}

static enum err_code unknown(const struct cli_command *const *list, const char *above, const char *word, struct err *e)
{
	const char *known[64];
	char text[80];
	size_t n = 0;
	for (size_t i = 0; list[i] && n + 1 < ARRAY_LEN(known); i++)
		if (!list[i]->hidden)
			known[n++] = list[i]->name;
	known[n] = NULL;
	const char *near = yml_nearest(slice_str(word), known);
	text_escape_to(text, sizeof(text), slice_str(word));
	if (near)
		return err_set(e, ERR_USAGE, 0, "there is no command '%s%s', did you mean '%s%s'?", above, text, above, near);
	return err_set(e, ERR_USAGE, 0, "there is no command '%s%s'; `pabean %s--help` lists them", above, text, above);
}

enum err_code cli_command_find(int argc, char **argv, int at, struct arena *a, const struct cli_command **ret, const char **ret_path, int *ret_at,
			       struct err *e)
{
	const struct cli_command *cmd = find(cli_commands, argv[at]);
	if (!cmd)
		return unknown(cli_commands, "", argv[at], e);
	const char *path = cmd->name;
	at++;
	if (cmd->sub && at < argc && argv[at][0] != '-') {
		const struct cli_command *sub = find(cmd->sub, argv[at]);
		struct slice text = arena_printf(a, "%s %s", cmd->name, sub ? sub->name : "");
		TRY(arena_ok(a, "the command line", e));
		if (!sub)
			return unknown(cmd->sub, (const char *)text.p, argv[at], e);
		cmd = sub;
		path = (const char *)text.p;
		at++;
	}
	*ret = cmd;
	*ret_path = path;
	*ret_at = at;
	return OK;
}

static int show_help(const struct cli *c)
{
	AUTO_BUF b = BUF(256 * KIB);
	cli_help(&b, c->command, c->path, cli_width(1));
	return cli_print_buf(&b);
}

static bool asks_for_help(int argc, char **argv, int at)
{
	for (; at < argc && strcmp(argv[at], "--"); at++)
		if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h"))
			return true;
	return false;
}

static enum err_code check_args(const struct cli *c, struct err *e)
{
	const struct cli_command *cmd = c->command;
	if (!cmd->args && c->n_args)
		return err_set(e, ERR_USAGE, 0, "pabean %s takes no arguments", c->path);
	if (c->n_args < cmd->min_args)
		return err_set(e, ERR_USAGE, 0, "an argument is missing: pabean %s [options] %s", c->path, cmd->args ? cmd->args : "");
	if (cmd->max_args && c->n_args > cmd->max_args)
		return err_set(e, ERR_USAGE, 0, "too many arguments: pabean %s [options] %s", c->path, cmd->args);
	return OK;
}

static int run_command(struct cli *c, int argc, char **argv, int at)
{
	struct err e = { 0 };
	enum err_code code = cli_setup(c, c->command, &e);
	if (code == OK && asks_for_help(argc, argv, at))
		return show_help(c);
	if (!c->command->run) {
		if (at < argc)
			return cli_fail("there is no option '%.64s' here; `pabean %s --help` lists the commands", argv[at], c->path);
		(void)show_help(c);
		return CLI_ERROR;
	}
	if (code == OK)
		code = cli_parse_args(c, argc, argv, at, &e);
	if (code == OK && !c->command->plain)
		code = cli_env_load(c, &e);
	if (code == OK && !c->command->plain)
		code = cli_config_load(c, &e);
	if (code == OK)
		code = check_args(c, &e);
	if (code != OK)
		return cli_fail_err(&e);
	if (cli_given(c, "now"))
		os_set_now(cli_number(c, "now", 0));
	return c->command->run(c);
}

int cli_main(int argc, char **argv)
{
	struct cli c = { .arena = ARENA(256 * MIB) };
	struct err e;
	int at, status;
	os_signals_init();
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		AUTO_BUF b = BUF(64 * KIB);
		cli_help_program(&b, cli_width(1));
		status = cli_print_buf(&b);
		return argc < 2 ? CLI_ERROR : status;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = (char *)"version";
	if (cli_command_find(argc, argv, 1, &c.arena, &c.command, &c.path, &at, &e) == OK)
		status = run_command(&c, argc, argv, at);
	else
		status = cli_fail_err(&e);
	arena_free(&c.arena);
	if (os_cancelled())
		os_die_by_signal(os_cancelled());
	return status;
}
