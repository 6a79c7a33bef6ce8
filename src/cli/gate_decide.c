#include "gate_decide.h"
#include "os.h"

static void put(json_t *j, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(j, key, json_string(value));
}

json_t *gate_decision_body(struct cli *c, bool need_until)
{
	const char *reason = cli_text(c, "reason", NULL), *until = cli_text(c, "until", NULL);
	if (!reason || !*reason) {
		(void)cli_fail("--reason is needed: it is what the audit log will say");
		return NULL;
	}
	if (need_until && !until) {
		(void)cli_fail("--until is needed: a date such as 2027-01-31, or a duration such as 30d");
		return NULL;
	}
	json_t *j = json_object();
	put(j, "reference", c->n_args ? c->args[0] : NULL);
	put(j, "repositories", cli_text(c, "repositories", NULL));
	put(j, "reason", reason);
	put(j, "until", until);
	return j;
}

int gate_decide(struct cli *c, const char *path, json_t *body, const char *done)
{
	AUTO_GATE_JSON answer = NULL;
	AUTO_BUF b = BUF(64 * KIB);
	if (!body)
		return CLI_ERROR;
	int status = gate_call(c, "POST", path, body, &answer);
	if (status != CLI_OK)
		return status;
	if (gate_is_json(c))
		return gate_print_json(answer);
	gate_cell(&b, gate_text(answer, "repositories"), 0);
	if (*gate_text(answer, "digest")) {
		buf_putc(&b, '@');
		gate_cell(&b, gate_text(answer, "digest"), 0);
	}
	buf_printf(&b, " %s", done);
	if (*gate_text(answer, "until")) {
		buf_puts(&b, " until ");
		gate_cell(&b, gate_text(answer, "until"), 0);
	}
	buf_printf(&b, " (decision %lld)\n", (long long)gate_int(answer, "id"));
	return cli_print_buf(&b);
}
