#include <stdio.h>
#include "inside.h"
#include "policy.h"
#include "os.h"

static int show(struct cli *c)
{
	const char *path = cli_text(c, "policy", NULL);
	AUTO_POLICY p = NULL;
	AUTO_BUF b = BUF(8 * MIB);
	struct err e;
	if (policy_load(path, &p, &e) != OK)
		return cli_fail_err(&e);
	if (cli_flag(c, "digest", false)) {
		char digest[72];
		policy_digest(p, digest);
		buf_printf(&b, "%s\n", digest);
		return cli_print_buf(&b);
	}
	if (!path)
		return cli_print(policy_text_default());
	if (os_read_file(path, &b, &e) != OK)
		return cli_fail_err(&e);
	return cli_print_buf(&b);
}

static int check_file(struct cli *c, const char *path)
{
	enum { MAX_PROBLEMS = 100 };
	struct policy_problem *problems = arena_calloc(&c->arena, MAX_PROBLEMS, sizeof(*problems));
	AUTO_BUF b = BUF(MIB);
	size_t n = 0, fatal = 0;
	struct err e;
	if (!problems)
		return cli_fail("out of memory");
	if (policy_check(path, cli_now_s(c), problems, MAX_PROBLEMS, &n, &e) != OK)
		return cli_fail_err(&e);
	for (size_t i = 0; i < n; i++) {
		const struct policy_problem *p = &problems[i];
		fatal += p->fatal;
		buf_printf(&b, "%s:%u:%u: %s: %s\n", path, p->line, p->column, p->fatal ? "error" : "note", p->text);
	}
	if (!fatal) {
		AUTO_POLICY p = NULL;
		char digest[72];
		if (policy_load(path, &p, &e) != OK)
			return cli_fail_err(&e);
		policy_digest(p, digest);
		buf_printf(&b, "%s: %zu rules, %zu waivers, %s\n", path, policy_rule_count(p), policy_waiver_count(p), digest);
	}
	int status = cli_print_buf(&b);
	return status != CLI_OK ? status : fatal ? CLI_ERROR : CLI_OK;
}

static int check(struct cli *c)
{
	int status = CLI_OK;
	for (size_t i = 0; i < c->n_args; i++)
		status = MAX(status, check_file(c, c->args[i]));
	return status;
}

static const struct cli_option show_options[] = {
	{ "policy", 0, CLI_FILE, .arg = "FILE", .group = "Options", .help = "Show this policy instead of the one compiled in" },
	{ "digest", 0, CLI_FLAG, .help = "Print only the digest that verdicts name" },
	{ 0 },
};
static const struct cli_option check_options[] = {
	{ "now", 0, CLI_TIME, .arg = "TIME", .group = "Options", .help = "Judge the ends of waivers at this time" },
	{ 0 },
};
static const struct cli_command show_command = {
	"show", show, .help = "Print the policy that is used when none is named", .options = show_options,
	.details = "A policy of your own begins as a copy of it:\n\n  pabean policy show > policy.yaml\n  pabean policy check policy.yaml\n"
		   "  pabean scan --policy policy.yaml IMAGE\n",
};
static const struct cli_command check_command = {
	"check", check, "FILE...", "Check policy files and explain what is wrong, with line and column", .min_args = 1, .options = check_options,
	.details = "Ends with 2 when a file is not a policy. Notes, such as a rule that is never reached or a waiver that has ended, change nothing.\n",
};

const struct cli_command cli_cmd_policy = {
	"policy", .help = "Show and check policies: what makes a verdict",
	.sub = (const struct cli_command *const[]){ &show_command, &check_command, NULL },
};
