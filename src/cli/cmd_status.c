#include <unistd.h>
#include "gate_client.h"

static void gates(struct buf *b, const json_t *s, bool color)
{
	const json_t *one;
	size_t i;
	json_array_foreach(json_object_get(s, "gate_not_enforced"), i, one) {
		bool off = !strcmp(gate_text(one, "gate"), "off");
		buf_puts(b, color ? "\x1b[1;31m" : "");
		buf_printf(b, "ATTENTION: the gate %s for ", off ? "is OFF" : "only warns");
		gate_cell(b, gate_text(one, "match"), 0);
		buf_puts(b, off ? ": whatever is there can be pulled" : "");
		buf_puts(b, color ? "\x1b[0m\n" : "\n");
	}
}

static void print(struct buf *b, const json_t *s, bool color)
{
	const json_t *verdicts = json_object_get(s, "verdicts"), *queue = json_object_get(s, "queue"), *nodes = json_object_get(s, "nodes"), *v;
	char size[32];
	const char *key;
	buf_puts(b, "pabean ");
	gate_cell(b, gate_text(s, "version"), 0);
	buf_puts(b, ", ");
	gate_cell(b, gate_text(s, "database"), 0);
	buf_puts(b, " and blobs in ");
	gate_cell(b, !strcmp(gate_text(s, "blob_store"), "s3") ? "S3" : "a directory", 0);
	buf_printf(b, "; %lld servers, %lld workers\n", (long long)gate_int(nodes, "servers"), (long long)gate_int(nodes, "workers"));
	gates(b, s, color);
	buf_puts(b, "verdicts  ");
	json_object_foreach((json_t *)verdicts, key, v) {
		if (!json_integer_value(v))
			continue;
		buf_printf(b, " %lld ", (long long)json_integer_value(v));
		gate_state(b, key, 0, color);
	}
	buf_puts(b, "\n");
	buf_printf(b, "queue      %lld waiting, %lld running, %lld given up; the oldest for %lld s\n", (long long)gate_int(queue, "waiting"),
		   (long long)gate_int(queue, "running"), (long long)gate_int(queue, "given_up"), (long long)gate_int(queue, "oldest_ms") / 1000);
	buf_printf(b, "content    %lld repositories, %lld manifests, %lld blobs, %s\n", (long long)gate_int(s, "repositories"), (long long)gate_int(s, "manifests"),
		   (long long)gate_int(s, "blobs"), text_format_size(size, sizeof(size), (uint64_t)gate_int(s, "blob_bytes")));
	buf_printf(b, "judged by  generation %lld, advisories ", (long long)gate_int(s, "generation"));
	gate_cell(b, *gate_text(s, "advisories") ? gate_text(s, "advisories") : "none (pabean db update)", 0);
	buf_printf(b, ", %lld decisions in force\n", (long long)gate_int(s, "decisions"));
	buf_printf(b, "now        %lld connections, %lld requests wait; since the start %lld pulls admitted, %lld refused\n", (long long)gate_int(s, "connections"),
		   (long long)gate_int(s, "waiting"), (long long)gate_int(s, "pulls_admitted"), (long long)gate_int(s, "pulls_refused"));
	if (gate_int(s, "requests_open"))
		buf_printf(b, "approvers  %lld requests wait (pabean request)\n", (long long)gate_int(s, "requests_open"));
	if (gate_int(s, "dead_letters"))
		buf_printf(b, "webhooks   %lld deliveries were given up (GET /api/v1/dead-letters)\n", (long long)gate_int(s, "dead_letters"));
}

static int run(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	AUTO_BUF b = BUF(MIB);
	int status = gate_call(c, "GET", "/api/v1/status", NULL, &answer);
	if (status != CLI_OK || gate_is_json(c))
		return status != CLI_OK ? status : gate_print_json(answer);
	print(&b, answer, cli_color(c, STDOUT_FILENO));
	return cli_print_buf(&b);
}

static const struct cli_option options[] = { GATE_FORMAT_OPTION, SERVE_CLIENT_OPTIONS, { 0 } };

const struct cli_command cli_cmd_status = {
	"status", run, .help = "Show how the registry is: verdicts, queue, nodes, where the gate is off", .options = options,
	.details = "Figures of verdicts, queue and content are of all nodes; connections and pulls of the one that answers.\n\n"
		   "  pabean status\n  pabean status --server https://registry.example --format json\n",
};
