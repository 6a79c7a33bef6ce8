#include "gate_decide.h"

static int run(struct cli *c) { return gate_decide(c, "/api/v1/approve", gate_decision_body(c, true), "approved"); }

static const struct cli_option options[] = {
	GATE_REASON_OPTION,
	{ "until", 0, CLI_TEXT, .arg = "TIME", .help = "When it ends: 2027-01-31, or 30d from now" },
	GATE_REPOSITORIES_OPTION,
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_approve = {
	"approve", run, "IMAGE", "Admit an image although it is refused or held, until a date", .min_args = 1, .max_args = 1, .options = options,
	.details = "Covers this digest with the findings it has now: a new finding that refuses ends the approval. Also overrides an upstream's cool-down. `pabean revoke` beats it.\n\n"
		   "  pabean approve team/app:1.4 --reason 'case 4711, accepted' --until 30d\n",
};
