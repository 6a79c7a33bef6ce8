#include <stdio.h>
#include "gate_decide.h"

/* An approval, revocation or waiver by its number. */
static int end(struct cli *c)
{
	AUTO_BUF path = BUF(16 * KIB);
	AUTO_GATE_JSON answer = NULL;
	const char *reason = cli_text(c, "reason", NULL);
	if (c->n_args)
		return cli_fail("either an IMAGE or --decision, not both");
	if (!reason || !*reason)
		return cli_fail("--reason is needed: it is what the audit log will say");
	buf_printf(&path, "/api/v1/decisions/%llu", (unsigned long long)cli_number(c, "decision", 0));
	gate_query(&path, "reason", reason);
	int status = gate_call(c, "DELETE", buf_cstr(&path), NULL, &answer);
	if (status == CLI_OK)
		cli_note(c, "decision %llu ended", (unsigned long long)cli_number(c, "decision", 0));
	return status;
}

static int run(struct cli *c)
{
	if (cli_given(c, "decision"))
		return end(c);
	if (!c->n_args)
		return cli_fail("an IMAGE, or --decision N, is needed");
	return gate_decide(c, "/api/v1/revoke", gate_decision_body(c, false), "revoked");
}

static const struct cli_option options[] = {
	GATE_REASON_OPTION,
	GATE_REPOSITORIES_OPTION,
	{ "decision", 0, CLI_COUNT, .arg = "N", .help = "End the approval, revocation or waiver of that number instead" },
	GATE_FORMAT_OPTION,
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_revoke = {
	"revoke", run, "IMAGE", "Refuse an image from now on, whatever its findings say; or end an earlier decision", .max_args = 1, .options = options,
	.details = "A revocation beats approvals and waivers. New pulls are refused at once; transfers that run may end.\n\n"
		   "  pabean revoke team/app:1.4 --reason 'incident 12' --repositories '**'\n  pabean revoke --decision 7 --reason 'incident closed'\n",
};
