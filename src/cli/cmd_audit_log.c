#include <stdio.h>
#include <unistd.h>
#include "audit_verify.h"
#include "inside.h"
#include "serve_setup.h"

static const char *in_state(struct cli *c, struct slice state, const char *name)
{
	return (const char *)arena_printf(&c->arena, "%.*s/%s", SLICE_ARG(state), name).p;
}

static int say(struct cli *c, const char *what, const struct audit_found *f, bool heads)
{
	AUTO_BUF b = BUF(4 * KIB);
	(void)c;
	if (f->bad_seq)
		buf_printf(&b, "%s: NOT WHOLE: %s\n", what, f->what);
	else
		buf_printf(&b, "%s: whole: %llu records%s%llu%s, the last one's hash is %s\n", what, (unsigned long long)f->records, heads ? ", " : ", without ",
			   (unsigned long long)f->heads, heads ? " signed heads agree" : " heads compared", f->last_hash);
	int status = cli_print_buf(&b);
	return status != CLI_OK ? status : f->bad_seq ? CLI_REFUSED : CLI_OK;
}

/* A last record that was changed in one of the two is held by no later one. */
static void compare(const struct audit_found *copy, struct audit_found *db)
{
	if (copy->bad_seq || db->bad_seq || copy->records != db->records || !strcmp(copy->last_hash, db->last_hash))
		return;
	db->bad_seq = db->records;
	snprintf(db->what, sizeof(db->what), "record %llu, the last one, is another one than in the copy", (unsigned long long)db->records);
}

static int verify(struct cli *c)
{
	struct serve_setup s;
	struct audit_found f, d;
	struct err e;
	int status = CLI_OK;
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	struct slice state = gateway_config_state(s.config);
	const char *file = cli_text(c, "file", NULL), *copy = file ? file : in_state(c, state, "audit.jsonl");
	const char *heads = cli_text(c, "heads", in_state(c, state, "audit-heads.jsonl")), *key = cli_text(c, "public-key", in_state(c, state, "audit.pub"));
	const char *url = arena_slice_cstr(&c->arena, gateway_config_database(s.config));
	if (!copy || !heads || !key || !url) {
		status = cli_fail("out of memory");
	} else {
		bool signed_heads = access(heads, R_OK) == 0 && access(key, R_OK) == 0;
		if (!signed_heads)
			cli_note(c, "no signed heads at %s: records cut off at the end would not be noticed", heads);
		if (audit_verify_file(copy, signed_heads ? heads : NULL, key, &f, &e) != OK)
			status = cli_fail_err(&e);
		else
			status = say(c, copy, &f, signed_heads);
		if (!file && status != CLI_ERROR) {
			int db = audit_verify_database_at(url, signed_heads ? heads : NULL, key, &d, &e) == OK ? compare(&f, &d), say(c, "the database", &d, signed_heads)
														    : cli_fail_err(&e);
			status = MAX(status, db);
		}
	}
	serve_setup_close(&s);
	return status;
}

static const struct cli_option verify_options[] = {
	{ "file", 0, CLI_FILE, .arg = "FILE", .group = "Files", .help = "Only this copy (default: audit.jsonl in --state, and the database)" },
	{ "heads", 0, CLI_FILE, .arg = "FILE", .help = "Signed heads (default: audit-heads.jsonl in --state)" },
	{ "public-key", 0, CLI_FILE, .arg = "FILE", .help = "The key that signed them (default: audit.pub in --state; better: a copy from elsewhere)" },
	SERVE_SETUP_OPTIONS,
	{ 0 },
};
static const struct cli_command verify_command = {
	"verify", verify, .help = "Find changed, missing and cut-off records", .options = verify_options,
	.details = "Reads the copy in the state directory and the database; the server may run or not. Each record carries the hash of the one before, and every minute the server "
		   "signs number and hash of the last one, also into its log: keep those, and audit.pub, where nobody who can change the state directory can.\n\n"
		   "Ends with 0 when all is whole, 1 when something is changed or missing, 2 on errors.\n",
};

const struct cli_command cli_cmd_audit_log = {
	"audit-log", .help = "Check the record of what the registry and its people decided",
	.sub = (const struct cli_command *const[]){ &verify_command, NULL },
};
