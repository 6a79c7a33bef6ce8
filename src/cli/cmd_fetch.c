#include <unistd.h>
#include "gate_client.h"

enum { LONGEST_MS = 3600 * 1000 };

static int one(struct cli *c, struct serve_client *s, const char *reference, struct buf *out, json_t *all)
{
	AUTO_GATE_JSON answer = NULL;
	json_t *body = json_object();
	json_object_set_new(body, "reference", json_string(reference));
	int status = gate_ask(s, "POST", "/api/v1/fetch", body, &answer);
	if (status != CLI_OK)
		return status;
	if (*gate_text(answer, "warning"))
		cli_note(c, "%s: %s", reference, gate_text(answer, "warning"));
	const char *state = gate_text(answer, "state");
	if (cli_flag(c, "wait", false) && gate_exit(state) == CLI_ERROR) {
		status = gate_wait_verdict(c, s, reference, cli_number(c, "timeout", LONGEST_MS), &answer);
		if (status != CLI_OK)
			return status;
		state = gate_text(answer, "state");
	}
	gate_state(out, state, 11, cli_color(c, STDOUT_FILENO));
	gate_cell(out, reference, 0);
	buf_puts(out, "  ");
	gate_cell(out, gate_text(answer, "digest"), 0);
	buf_putc(out, '\n');
	if (all)
		json_array_append(all, answer);
	/* Without --wait it is enough that it is on its way. */
	return gate_exit(state) == CLI_ERROR && !cli_flag(c, "wait", false) ? CLI_OK : gate_exit(state);
}

static int run(struct cli *c)
{
	AUTO_SERVE_CLIENT s = NULL;
	AUTO_GATE_JSON all = gate_is_json(c) ? json_array() : NULL;
	AUTO_BUF b = BUF(16 * MIB);
	struct err e;
	int worst = CLI_OK;
	if (serve_client_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	for (size_t i = 0; i < c->n_args; i++) {
		int status = one(c, s, c->args[i], &b, all);
		if (status == CLI_ERROR || worst == CLI_OK || (status == CLI_REFUSED && worst == CLI_HELD))
			worst = worst == CLI_ERROR ? worst : status;
		if (!all && cli_print_buf(&b) != CLI_OK)
			return CLI_ERROR;
		buf_clear(&b);
	}
	if (all && gate_print_json(all) != CLI_OK)
		return CLI_ERROR;
	return worst;
}

static const struct cli_option options[] = {
	{ "wait", 'w', CLI_FLAG, .group = "Fetching", .help = "Wait until each has its verdict; the exit status is the worst one's" },
	{ "timeout", 0, CLI_DURATION, .arg = "TIME", .help = "Longest wait for one image (default 1h)" },
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_fetch = {
	"fetch", run, "IMAGE...", "Have the registry fetch and inspect images before anybody pulls them", .min_args = 1, .options = options,
	.details = "  pabean fetch docker.io/library/nginx:1.27 ghcr.io/org/tool:2 --wait\n\n"
		   "With --wait it ends with 0 when all are admitted, 1 when one is refused, 3 when one is held, 2 on errors.\n",
};
