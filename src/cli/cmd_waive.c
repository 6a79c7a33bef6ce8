#include "gate_decide.h"

static int run(struct cli *c)
{
	const char *finding = cli_text(c, "finding", NULL), *package = cli_text(c, "package", NULL);
	if (!finding && !package)
		return cli_fail("--finding (a CVE, a rule, a finding's id) or --package is needed: what is accepted?");
	if (!c->n_args && !cli_given(c, "repositories"))
		return cli_fail("an IMAGE, or --repositories PATTERN, is needed: where is it accepted?");
	json_t *body = gate_decision_body(c, true);
	if (body && finding)
		json_object_set_new(body, "finding", json_string(finding));
	if (body && package)
		json_object_set_new(body, "package", json_string(package));
	return gate_decide(c, "/api/v1/waive", body, "waived");
}

static const struct cli_option options[] = {
	{ "finding", 0, CLI_TEXT, .arg = "FINDING", .group = "Decision", .help = "What is accepted: CVE-2024-12345, a rule, or the id of one finding" },
	{ "package", 0, CLI_TEXT, .arg = "PATTERN", .help = "Only (or all) findings of this package: its name or purl" },
	{ "reason", 'm', CLI_TEXT, .arg = "TEXT", .help = "Why; it goes into the audit log" },
	{ "until", 0, CLI_TEXT, .arg = "TIME", .help = "When it ends: 2027-01-31, or 30d from now" },
	{ "repositories", 0, CLI_TEXT, .arg = "PATTERN", .help = "Where it counts, such as team/**; default: this image only" },
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_waive = {
	"waive", run, "[IMAGE]", "Accept a finding, or a package's findings, until a date", .max_args = 1, .options = options,
	.details = "Everything it touches is judged again at once. Waivers that should last belong into the policy file (docs/policy.md).\n\n"
		   "  pabean waive --finding CVE-2024-12345 --repositories 'team/**' \\\n    --reason 'parser not reachable' --until 60d\n",
};
