#include <unistd.h>
#include "gate_client.h"

/* The report as the server prints it, for this terminal. */
static int print_report(struct cli *c, struct serve_client *s, const char *reference, const char *format)
{
	AUTO_BUF path = BUF(8 * KIB);
	AUTO_STREAM body = NULL;
	char width[16], chunk[16 * KIB];
	struct err e;
	size_t n;
	buf_puts(&path, "/api/v1/report");
	gate_query(&path, "reference", reference);
	gate_query(&path, "format", format);
	snprintf(width, sizeof(width), "%u", cli_width(STDOUT_FILENO));
	gate_query(&path, "width", width);
	gate_query(&path, "color", cli_color(c, STDOUT_FILENO) ? "true" : NULL);
	gate_query(&path, "verbose", cli_flag(c, "verbose", false) ? "true" : NULL);
	if (serve_client_stream(s, "GET", buf_cstr(&path), SLICE_NULL, &body, &e) != OK)
		return cli_fail_err(&e);
	for (;;) {
		if (stream_read(body, chunk, sizeof(chunk), &n, &e) != OK)
			return cli_fail_err(&e);
		if (!n)
			return CLI_OK;
		if (cli_print(slice_of(chunk, n)) != CLI_OK)
			return CLI_ERROR;
	}
}

static int run(struct cli *c)
{
	AUTO_SERVE_CLIENT s = NULL;
	AUTO_GATE_JSON v = NULL;
	AUTO_BUF b = BUF(MIB);
	struct err e;
	if (serve_client_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	int status = gate_wait_verdict(c, s, c->args[0], cli_number(c, "wait", 0), &v);
	if (status != CLI_OK)
		return status;
	bool json = gate_is_json(c), report = cli_flag(c, "report", false);
	if (!json)
		gate_verdict_print(&b, v, cli_color(c, STDOUT_FILENO));
	if (!json)
		status = cli_print_buf(&b);
	else if (!report)
		status = gate_print_json(v);
	if (status == CLI_OK && report)
		status = print_report(c, s, c->args[0], json ? "json" : "table");
	return status != CLI_OK ? status : gate_exit(gate_text(v, "state"));
}

static const struct cli_option options[] = {
	GATE_FORMAT_OPTION,
	{ "report", 'r', CLI_FLAG, .help = "Also the whole report, as pabean scan prints it (with --format json: only the report)" },
	{ "wait", 'w', CLI_DURATION, .arg = "TIME", .help = "Wait so long for a verdict that is not there yet" },
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_verdict = {
	"verdict", run, "IMAGE", "Say what the registry decided on an image, why, by which policy, until when", .min_args = 1, .max_args = 1, .options = options,
	.details = "The image is named as for docker pull, or as REPOSITORY@DIGEST. For a tag it is what was pushed (or seen upstream) last, and it says so when pulls get another one.\n\n"
		   "  pabean verdict localhost:5000/team/app:1.4\n  pabean verdict team/app:1.4 --report --wait 5m\n\n"
		   "Ends with 0 when it is admitted, 1 when it is refused, 3 when it is held, 2 when there is no verdict (yet).\n",
};
