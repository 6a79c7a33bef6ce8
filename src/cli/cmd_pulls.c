#include "gate_client.h"

static int run(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	AUTO_BUF path = BUF(8 * KIB), b = BUF(32 * MIB);
	const json_t *one;
	const char *what = c->args[0];
	size_t i;
	bool digest = (!strncmp(what, "sha256:", 7) && strlen(what) == 71) || (!strncmp(what, "sha512:", 7) && strlen(what) == 135);
	buf_puts(&path, "/api/v1/pulls");
	gate_query(&path, digest ? "digest" : "reference", what);
	int status = gate_call(c, "GET", buf_cstr(&path), NULL, &answer);
	if (status != CLI_OK || gate_is_json(c))
		return status != CLI_OK ? status : gate_print_json(answer);
	json_array_foreach(json_object_get(answer, "pulls"), i, one) {
		gate_cell(&b, gate_text(one, "last"), 21);
		buf_printf(&b, "%6lld x  ", (long long)gate_int(one, "count"));
		gate_cell(&b, *gate_text(one, "account") ? gate_text(one, "account") : "(anonymous)", 20);
		buf_puts(&b, " ");
		gate_cell(&b, gate_text(one, "address"), 20);
		buf_puts(&b, " ");
		gate_cell(&b, gate_text(one, "repository"), 0);
		buf_putc(&b, '\n');
	}
	if (!i)
		buf_puts(&b, "nobody pulled it\n");
	return cli_print_buf(&b);
}

static const struct cli_option options[] = { GATE_FORMAT_OPTION, SERVE_CLIENT_OPTIONS, { 0 } };

const struct cli_command cli_cmd_pulls = {
	"pulls", run, "DIGEST|IMAGE", "Say who pulled an image in the last 90 days", .min_args = 1, .max_args = 1, .options = options,
	.details = "For a digest in all repositories. What is kept, and for how long, is 'keep_pulls' in the server's configuration.\n",
};
