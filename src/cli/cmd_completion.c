#include "inside.h"

static int run(struct cli *c)
{
	AUTO_BUF b = BUF(MIB);
	if (!cli_complete(&b, c->args[0]))
		return cli_fail("there is no completion for '%.40s'; there is one for bash, zsh and fish", c->args[0]);
	return cli_print_buf(&b);
}

const struct cli_command cli_cmd_completion = {
	"completion", run, "SHELL", "Print the completion script for bash, zsh or fish", .min_args = 1, .max_args = 1, .plain = true,
	.details = "For this shell only:\n\n  source <(pabean completion bash)\n",
};
