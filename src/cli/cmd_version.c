#include "inside.h"

static int run(struct cli *c)
{
	(void)c;
	AUTO_BUF b = BUF(KIB);
	buf_printf(&b, "pabean %s\n", cli_version);
	return cli_print_buf(&b);
}

const struct cli_command cli_cmd_version = { "version", run, .help = "Print the version", .plain = true };
