#include <stdio.h>
#include "gate_client.h"

static int list(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	AUTO_BUF b = BUF(32 * MIB);
	const json_t *one;
	size_t i;
	int status = gate_call(c, "GET", cli_flag(c, "answered", false) ? "/api/v1/requests?n=1000&answered=true" : "/api/v1/requests?n=1000", NULL, &answer);
	if (status != CLI_OK || gate_is_json(c))
		return status != CLI_OK ? status : gate_print_json(answer);
	json_array_foreach(json_object_get(answer, "requests"), i, one) {
		buf_printf(&b, "%-5lld ", (long long)gate_int(one, "id"));
		gate_cell(&b, gate_text(one, "state"), 9);
		gate_cell(&b, gate_text(one, "by"), 16);
		buf_puts(&b, " ");
		gate_cell(&b, gate_text(one, "repository"), 0);
		buf_putc(&b, '@');
		gate_cell(&b, gate_text(one, "digest"), 0);
		buf_puts(&b, "\n      ");
		gate_cell(&b, gate_text(one, "reason"), 0);
		buf_putc(&b, '\n');
	}
	if (!i)
		buf_puts(&b, "no requests\n");
	return cli_print_buf(&b);
}

static int decline(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	char path[64];
	snprintf(path, sizeof(path), "/api/v1/requests/%llu/decline", (unsigned long long)cli_number(c, "decline", 0));
	int status = gate_call(c, "POST", path, NULL, &answer);
	if (status == CLI_OK)
		cli_note(c, "declined");
	return status;
}

static int run(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	const char *reason = cli_text(c, "reason", NULL);
	if (cli_given(c, "decline"))
		return decline(c);
	if (!c->n_args)
		return list(c);
	if (!reason || !*reason)
		return cli_fail("--reason is needed: approvers will read it");
	json_t *body = json_object();
	json_object_set_new(body, "reference", json_string(c->args[0]));
	json_object_set_new(body, "reason", json_string(reason));
	int status = gate_call(c, "POST", "/api/v1/requests", body, &answer);
	if (status != CLI_OK || gate_is_json(c))
		return status != CLI_OK ? status : gate_print_json(answer);
	cli_note(c, "asked; request %lld waits for an approver (pabean request)", (long long)gate_int(answer, "id"));
	return CLI_OK;
}

static const struct cli_option options[] = {
	{ "reason", 'm', CLI_TEXT, .arg = "TEXT", .group = "Request", .help = "Why it is needed; approvers will read it" },
	{ "answered", 0, CLI_FLAG, .help = "In the list: also those that were granted or declined" },
	{ "decline", 0, CLI_COUNT, .arg = "N", .help = "Say no to a request (approvers); pabean approve says yes" },
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_request = {
	"request", run, "[IMAGE]", "Ask approvers to look at a refused or held image; without IMAGE: what was asked", .max_args = 1, .options = options,
	.details = "  pabean request docker.io/someone/tool:1 --reason 'see case 12'\n  pabean request\n  pabean approve … | pabean request --decline 3\n",
};
