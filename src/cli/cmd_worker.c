#include <stdio.h>
#include <unistd.h>
#include "inside.h"
#include "serve_setup.h"

static int work(struct cli *c)
{
	struct serve_setup s;
	struct err e;
	int status = CLI_OK;
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	int parent = cli_given(c, "parent-fd") ? (int)cli_number(c, "parent-fd", 0) : -1;
	if (gateway_work(&s.run, parent, &e) != OK)
		status = e.code == ERR_CANCELLED ? CLI_OK : cli_fail_err(&e);
	serve_setup_close(&s);
	/* As in `serve`: ended as asked is no failure. */
	fflush(stdout);
	_exit(status);
}

static const struct cli_option options[] = {
	SERVE_SETUP_OPTIONS,
	{ "parent-fd", 0, CLI_COUNT, .arg = "N", .help = "End when this descriptor is closed (given by pabean serve to its own workers)" },
	{ 0 },
};

const struct cli_command cli_cmd_worker = {
	"worker", work, .help = "Fetch and inspect images for pabean serve, on this machine or another", .options = options, .own_part = true,
	.details = "Takes jobs from the queue of the same database and blob store as the server; give it the same configuration file (it reads the part 'serve:'). "
		   "With PostgreSQL and S3 any number of workers may run on any number of machines. A worker that dies gives its job back.\n",
};
