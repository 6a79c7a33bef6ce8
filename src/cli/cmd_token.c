/* Robots' tokens on a running server. */
#include <jansson.h>
#include <stdio.h>
#include "accounts.h"

static int create(struct cli *c)
{
	AUTO_BUF json = BUF(64 * KIB), body = BUF(64 * KIB), out = BUF(KIB);
	const char *expires = cli_text(c, "expires", NULL);
	buf_puts(&json, "{\"name\":\"");
	text_json_escape(&json, slice_str(c->args[0]));
	buf_puts(&json, "\",");
	if (expires)
		buf_printf(&json, "\"expires\":\"%s\",", expires);
	accounts_grants(c, &json);
	buf_puts(&json, "}");
	int status = accounts_call(c, "POST", "/api/v1/robots", buf_slice(&json), &body);
	if (status != CLI_OK)
		return status;
	json_t *j = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *secret = json_string_value(json_object_get(j, "secret"));
	if (secret)
		buf_printf(&out, "%s\n", secret);
	json_decref(j);
	if (!out.n)
		return cli_fail("the server made no token");
	cli_note(c, "this is shown once; `docker login -u %s --password-stdin` takes it as the password", c->args[0]);
	return cli_print_buf(&out);
}

static int revoke(struct cli *c) { return accounts_remove(c, "revoked"); }
static int list(struct cli *c) { return accounts_list(c, true); }

static const struct cli_option create_options[] = {
	ACCOUNTS_GRANT_OPTION("Options"),
	{ "expires", 0, CLI_TIME, .arg = "TIME", .help = "The token ends then (default: never)" },
	SERVE_CLIENT_OPTIONS,
	{ 0 },
};
static const struct cli_option revoke_options[] = { SERVE_CLIENT_OPTIONS, { 0 } };
static const struct cli_option list_options[] = { ACCOUNTS_FORMAT_OPTION, SERVE_CLIENT_OPTIONS, { 0 } };

static const struct cli_command create_command = {
	"create", create, "NAME", "Make a robot account and print its token", .min_args = 1, .max_args = 1, .options = create_options,
	.details = "The token is printed to standard output and kept nowhere but as a hash. It is the password of the account NAME, and $PABEAN_TOKEN for "
		   "--server.\n\n  pabean token create ci --grant 'team/**:pull,push' --expires 2027-01-31\n",
};
static const struct cli_command revoke_command = { "revoke", revoke, "NAME", "Remove a robot account; its token counts no more",
	.min_args = 1,
						   .max_args = 1, .options = revoke_options };
static const struct cli_command list_command = { "list", list, .help = "List robot accounts and their rights", .options = list_options };

const struct cli_command cli_cmd_token = {
	"token", .help = "Manage the tokens of robots on a registry",
	.sub = (const struct cli_command *const[]){ &create_command, &revoke_command, &list_command, NULL },
};
