#include "inside.h"

static const struct cli_option options[] = {
	{ "man", 0, CLI_FLAG, .group = "Options", .help = "As a manual page in roff: pabean help --man scan | man -l -" },
	{ 0 },
};

static int run(struct cli *c)
{
	AUTO_BUF b = BUF(256 * KIB);
	const struct cli_command *command;
	const char *path;
	struct err e;
	int at;
	bool man = cli_flag(c, "man", false);
	if (!c->n_args) {
		if (man)
			cli_man_program(&b);
		else
			cli_help_program(&b, cli_width(1));
		return cli_print_buf(&b);
	}
	if (cli_command_find((int)c->n_args, (char **)c->args, 0, &c->arena, &command, &path, &at, &e) != OK)
		return cli_fail_err(&e);
	if (man)
		cli_man(&b, command, path);
	else
		cli_help(&b, command, path, cli_width(1));
	return cli_print_buf(&b);
}

const struct cli_command cli_cmd_help = { "help", run, "[COMMAND]", "Show help, for pabean or one of its commands", .options = options, .max_args = 2, .plain = true };
