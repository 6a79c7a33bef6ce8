/* What the commands `user` and `token` share: one list of accounts, changed over the server's API. */
#pragma once
#include "inside.h"
#include "serve_client.h"

/* Prints GET /api/v1/accounts: robots or users, as a table or (--format json) as it came. */
int accounts_list(struct cli *c, bool robots);
/* DELETE /api/v1/accounts/NAME */
int accounts_remove(struct cli *c, const char *done);
/* Appends `"grants":[…]` of the --grant options. */
void accounts_grants(const struct cli *c, struct buf *json);
/* Asks the server; on an error says why. */
int accounts_call(struct cli *c, const char *method, const char *path, struct slice json, struct buf *out);
/* "/api/v1/accounts/NAME" for the first argument. */
void accounts_path(const struct cli *c, struct buf *path);

#define ACCOUNTS_GRANT_OPTION(heading) { "grant", 'g', CLI_TEXT, .repeated = true, .arg = "PATTERN:RIGHT,...", .group = heading, \
	.help = "Rights on the repositories that the pattern matches: pull, push, delete, approve, admin, sign, or * for the first three" }
#define ACCOUNTS_FORMAT_OPTION { "format", 'f', CLI_CHOICE, .arg = "FORMAT", .group = "Options", .help = "table (default) or json", \
	.choices = (const char *const[]){ "table", "json", NULL } }
