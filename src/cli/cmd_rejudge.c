#include <unistd.h>
#include "gate_client.h"
#include "os.h"

static int print_changes(struct cli *c, const json_t *answer)
{
	AUTO_BUF b = BUF(32 * MIB);
	const json_t *one;
	size_t i;
	bool color = cli_color(c, STDOUT_FILENO);
	json_array_foreach(json_object_get(answer, "changes"), i, one) {
		gate_state(&b, gate_text(one, "now"), 10, color);
		buf_puts(&b, " -> ");
		gate_state(&b, gate_text(one, "then"), 10, color);
		buf_puts(&b, "  ");
		gate_cell(&b, gate_text(one, "repository"), 0);
		buf_putc(&b, '@');
		gate_cell(&b, gate_text(one, "digest"), 0);
		buf_putc(&b, '\n');
	}
	buf_printf(&b, "%lld would change; nothing was changed\n", (long long)gate_int(answer, "n"));
	return cli_print_buf(&b);
}

static int add_policy(struct cli *c, json_t *body)
{
	const char *file = cli_text(c, "policy", NULL);
	AUTO_BUF text = BUF(512 * KIB);
	struct err e;
	if (cli_flag(c, "dry-run", false) != (file != NULL))
		return cli_fail("--dry-run and --policy FILE belong together: what would another policy change?");
	if (!file)
		return CLI_OK;
	if (os_read_file(file, &text, &e) != OK)
		return cli_fail_err(&e);
	json_object_set_new(body, "dry_run", json_true());
	json_object_set_new(body, "policy", json_stringn((const char *)text.p, text.n));
	return CLI_OK;
}

static int run(struct cli *c)
{
	AUTO_GATE_JSON answer = NULL;
	json_t *body = json_object();
	int status = add_policy(c, body);
	if (status != CLI_OK) {
		json_decref(body);
		return status;
	}
	if (c->n_args)
		json_object_set_new(body, "reference", json_string(c->args[0]));
	if (cli_text(c, "repositories", NULL))
		json_object_set_new(body, "repositories", json_string(cli_text(c, "repositories", NULL)));
	if (cli_flag(c, "inspect", false))
		json_object_set_new(body, "inspect", json_true());
	status = gate_call(c, "POST", "/api/v1/rejudge", body, &answer);
	if (status != CLI_OK)
		return status;
	if (gate_is_json(c))
		return gate_print_json(answer);
	if (cli_flag(c, "dry-run", false))
		return print_changes(c, answer);
	cli_note(c, "%lld images are judged again", (long long)gate_int(answer, "n"));
	return CLI_OK;
}

static const struct cli_option options[] = {
	{ "repositories", 0, CLI_TEXT, .arg = "PATTERN", .group = "Judging", .help = "All images of these repositories, such as team/**; default: everything" },
	{ "inspect", 0, CLI_FLAG, .help = "Read the images' bytes again, too, not only what was found in them" },
	{ "dry-run", 0, CLI_FLAG, .help = "Only say what would change under --policy" },
	{ "policy", 'p', CLI_FILE, .arg = "FILE", .help = "The policy to try with --dry-run" },
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_rejudge = {
	"rejudge", run, "[IMAGE]", "Judge images again, or say what another policy would change", .max_args = 1, .options = options,
	.details = "New advisories, policies and waivers have everything judged again by themselves; this is for the impatient, and for trying a policy:\n\n"
		   "  pabean rejudge --dry-run --policy new.yaml\n  pabean rejudge team/app:1.4 --inspect\n",
};
