#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "gate_client.h"
#include "net.h"
#include "os.h"

enum { ANSWER_MAX = 32 << 20, FIRST_PAUSE_MS = 200, LAST_PAUSE_MS = 1500 };

const char *const gate_formats[] = { "table", "json", NULL };
bool gate_is_json(const struct cli *c) { return !strcmp(cli_text(c, "format", "table"), "json"); }

int gate_ask(struct serve_client *s, const char *method, const char *path, json_t *body, json_t **ret)
{
	AUTO_BUF out = BUF(ANSWER_MAX);
	struct err e;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	enum err_code code = body && !text ? err_set(&e, ERR_NOMEM, 0, "out of memory") : serve_client_call(s, method, path, slice_str(text), &out, NULL, &e);
	json_decref(body);
	free(text);
	if (code != OK)
		return cli_fail_err(&e);
	*ret = out.n ? json_loadb((const char *)out.p, out.n, JSON_REJECT_DUPLICATES, NULL) : json_null();
	return *ret ? CLI_OK : cli_fail("the server's answer is no JSON");
}

int gate_call(struct cli *c, const char *method, const char *path, json_t *body, json_t **ret)
{
	AUTO_SERVE_CLIENT s = NULL;
	struct err e;
	if (serve_client_open(c, &s, &e) == OK)
		return gate_ask(s, method, path, body, ret);
	json_decref(body);
	return cli_fail_err(&e);
}

int gate_print_json(const json_t *j)
{
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	AUTO_BUF b = BUF(2 * (size_t)ANSWER_MAX);
	buf_printf(&b, "%s\n", text ? text : "null");
	free(text);
	return cli_print_buf(&b);
}

void gate_query(struct buf *path, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_printf(path, "%c%s=", slice_find_byte(buf_slice(path), '?') < 0 ? '?' : '&', name);
	net_url_escape(path, slice_str(value));
}

const char *gate_text(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));
	return text ? text : "";
}

int64_t gate_int(const json_t *j, const char *key) { return json_integer_value(json_object_get(j, key)); }

/* Width in characters of what text_escape leaves: UTF-8 without control characters. */
static unsigned width_of(struct slice s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

void gate_cell(struct buf *out, const char *text, unsigned width)
{
	AUTO_BUF b = BUF(64 * KIB);
	text_escape(&b, slice_upto(slice_str(text), 8 * KIB));
	struct slice s = buf_slice(&b);
	unsigned n = width_of(s);
	if (width && n > width) {
		while (s.n && (n > width - 1 || (s.p[s.n - 1] & 0xc0) == 0x80)) {
			n -= (s.p[s.n - 1] & 0xc0) != 0x80;
			s.n--;
		}
		buf_put_slice(out, s);
		buf_puts(out, "~");
		return;
	}
	buf_put_slice(out, s);
	for (; n < width; n++)
		buf_putc(out, ' ');
}

void gate_state(struct buf *out, const char *state, unsigned width, bool color)
{
	const char *on = !strcmp(state, "admitted") ? "\x1b[32m" : !strcmp(state, "refused") ? "\x1b[1;31m" : !strcmp(state, "held") ? "\x1b[33m" : "";
	buf_puts(out, color ? on : "");
	gate_cell(out, state, width);
	buf_puts(out, color && *on ? "\x1b[0m" : "");
}

int gate_exit(const char *state)
{
	if (!strcmp(state, "admitted") || !strcmp(state, "ungated"))
		return CLI_OK;
	return !strcmp(state, "refused") ? CLI_REFUSED : !strcmp(state, "held") ? CLI_HELD : CLI_ERROR;
}

/* --- Verdicts ------------------------------------------------------------------------------------------------------------ */

static bool is_final(const char *state)
{
	return !strcmp(state, "admitted") || !strcmp(state, "refused") || !strcmp(state, "held") || !strcmp(state, "ungated");
}

int gate_wait_verdict(struct cli *c, struct serve_client *s, const char *reference, uint64_t timeout_ms, json_t **verdict)
{
	uint64_t until = os_monotonic_ns() + timeout_ms * 1000000, pause = FIRST_PAUSE_MS;
	bool told = false;
	AUTO_BUF path = BUF(8 * KIB);
	buf_puts(&path, "/api/v1/verdict");
	gate_query(&path, "reference", reference);
	for (;;) {
		json_t *v = NULL;
		int status = gate_ask(s, "GET", buf_cstr(&path), NULL, &v);
		if (status != CLI_OK)
			return status;
		json_decref(*verdict);
		*verdict = v;
		if (is_final(gate_text(v, "state")) || os_monotonic_ns() >= until || os_cancelled())
			return CLI_OK;
		if (!told && isatty(STDERR_FILENO))
			cli_note(c, "%s: waiting for the inspection", reference);
		told = true;
		struct timespec t = { (time_t)(pause / 1000), (long)(pause % 1000) * 1000000 };
		nanosleep(&t, NULL);
		pause = MIN(pause * 3 / 2, (uint64_t)LAST_PAUSE_MS);
	}
}

static void reasons(struct buf *out, const json_t *list)
{
	const json_t *r;
	size_t i;
	json_array_foreach(list, i, r) {
		size_t n = json_array_size(json_object_get(r, "findings"));
		buf_puts(out, "  ");
		gate_cell(out, gate_text(r, "decision"), 7);
		buf_puts(out, " ");
		gate_cell(out, gate_text(r, "text"), 0);
		if (n > 1)
			buf_printf(out, " (%zu findings)", n);
		if (*gate_text(r, "rule")) {
			buf_puts(out, "  [");
			gate_cell(out, gate_text(r, "rule"), 0);
			buf_puts(out, "]");
		}
		buf_putc(out, '\n');
	}
}

static void line(struct buf *out, const char *what, const char *text)
{
	if (!*text)
		return;
	buf_printf(out, "%-10s", what);
	gate_cell(out, text, 0);
	buf_putc(out, '\n');
}

void gate_verdict_print(struct buf *out, const json_t *v, bool color)
{
	const json_t *child;
	size_t i;
	gate_cell(out, gate_text(v, "repository"), 0);
	if (*gate_text(v, "tag")) {
		buf_putc(out, ':');
		gate_cell(out, gate_text(v, "tag"), 0);
	}
	buf_puts(out, ": ");
	gate_state(out, gate_text(v, "state"), 0, color);
	buf_puts(out, "\n");
	line(out, "digest", gate_text(v, "digest"));
	if (*gate_text(v, "tag") && strcmp(gate_text(v, "served"), gate_text(v, "digest")))
		line(out, "served", *gate_text(v, "served") ? gate_text(v, "served") : "nothing yet");
	line(out, "policy", gate_text(v, "policy"));
	if (strcmp(gate_text(v, "gate"), "enforce"))
		line(out, "gate", !strcmp(gate_text(v, "gate"), "off") ? "OFF: whatever is here can be pulled" : "only warns");
	line(out, "decided", gate_text(v, "decided"));
	line(out, "until", gate_text(v, "expires"));
	if (gate_int(v, "decision"))
		buf_printf(out, "%-10s%lld (pabean approve, revoke)\n", "decision", (long long)gate_int(v, "decision"));
	reasons(out, json_object_get(v, "reasons"));
	json_array_foreach(json_object_get(v, "children"), i, child) {
		buf_puts(out, "  ");
		gate_cell(out, gate_text(child, "platform"), 18);
		buf_puts(out, " ");
		gate_state(out, gate_text(child, "state"), 10, color);
		buf_puts(out, " ");
		gate_cell(out, gate_text(child, "digest"), 0);
		buf_putc(out, '\n');
	}
}
