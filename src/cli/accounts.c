#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include "accounts.h"

int accounts_call(struct cli *c, const char *method, const char *path, struct slice json, struct buf *out)
{
	AUTO_SERVE_CLIENT s = NULL;
	struct err e;
	if (serve_client_open(c, &s, &e) != OK || serve_client_call(s, method, path, json, out, NULL, &e) != OK)
		return cli_fail_err(&e);
	return CLI_OK;
}

void accounts_path(const struct cli *c, struct buf *path)
{
	buf_puts(path, "/api/v1/accounts");
	serve_client_escape(path, slice_str(c->args[0]));
}

int accounts_remove(struct cli *c, const char *done)
{
	AUTO_BUF path = BUF(KIB), out = BUF(64 * KIB);
	accounts_path(c, &path);
	int status = accounts_call(c, "DELETE", buf_cstr(&path), SLICE_NULL, &out);
	if (status == CLI_OK)
		cli_note(c, "%s %s", c->args[0], done);
	return status;
}

void accounts_grants(const struct cli *c, struct buf *json)
{
	size_t n;
	const char *const *grants = cli_list(c, "grant", &n);
	buf_puts(json, "\"grants\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(json, i ? ",\"" : "\"");
		text_json_escape(json, slice_str(grants[i]));
		buf_puts(json, "\"");
	}
	buf_puts(json, "]");
}

/* --- The list ------------------------------------------------------------------------------------------------------------- */

static const char *field(const json_t *account, const char *name, const char *none)
{
	const char *text = json_string_value(json_object_get(account, name));
	return text && *text ? text : none;
}

static void put_row(struct buf *out, const json_t *account, int name_width)
{
	const json_t *grants = json_object_get(account, "grants");
	bool off = json_is_true(json_object_get(account, "disabled"));
	char name[80], text[200];
	text_escape_to(name, sizeof(name), slice_str(field(account, "name", "?")));
	buf_printf(out, "%-*s  %-8s  %-20.20s  ", name_width, name, text_escape_to(text, 16, slice_str(field(account, "origin", "?"))),
		   text_escape_to(text + 20, 32, slice_str(off ? "disabled" : field(account, "expires", "never"))));
	for (size_t i = 0; i < json_array_size(grants); i++) {
		const char *grant = json_string_value(json_array_get(grants, i));
		buf_printf(out, "%s%s", i ? " " : "", text_escape_to(text, sizeof(text), slice_str(grant ? grant : "?")));
	}
	buf_puts(out, "\n");
}

int accounts_list(struct cli *c, bool robots)
{
	AUTO_BUF body = BUF(32 * MIB), out = BUF(32 * MIB);
	const char *kind = robots ? "robot" : "user";
	json_t *one;
	size_t i, width = 4, found = 0;
	int status = accounts_call(c, "GET", "/api/v1/accounts", SLICE_NULL, &body);
	if (status != CLI_OK)
		return status;
	if (!strcmp(cli_text(c, "format", "table"), "json")) {
		buf_putc(&body, '\n');
		return cli_print_buf(&body);
	}
	json_t *j = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL), *list = json_object_get(j, "accounts");
	if (!json_is_array(list)) {
		json_decref(j);
		return cli_fail("the server's list of accounts is no list");
	}
	json_array_foreach(list, i, one)
		if (!strcmp(field(one, "kind", ""), kind))
			width = MAX(width, MIN(strlen(field(one, "name", "?")), (size_t)64));
	buf_printf(&out, "%-*s  %-8s  %-20s  %s\n", (int)width, "NAME", "FROM", "EXPIRES", "GRANTS");
	json_array_foreach(list, i, one) {
		if (strcmp(field(one, "kind", ""), kind))
			continue;
		found++;
		put_row(&out, one, (int)width);
	}
	json_decref(j);
	if (!found)
		cli_note(c, robots ? "there are no tokens; `pabean token create NAME --grant …` makes one"
				   : "there are no users; `pabean user add NAME --grant …` adds one");
	return found ? cli_print_buf(&out) : CLI_OK;
}
