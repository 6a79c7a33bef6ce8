/* Answers that are errors, warnings and challenges. */
#include "inside.h"
#include <stdarg.h>
#include <stdio.h>

enum { MOST_MESSAGE = 1024, MOST_ANSWER = 8 << 10 };

[[gnu::format(printf, 6, 0)]]
static void answer_json(struct call *c, int status, const char *before, const char *code, const char *after, const char *fmt, va_list ap)
{
	AUTO_BUF body = BUF(MOST_ANSWER);
	char text[MOST_MESSAGE];
	vsnprintf(text, sizeof(text), fmt, ap);
	buf_puts(&body, before);
	buf_puts(&body, code);
	buf_puts(&body, "\",\"message\":\"");
	text_json_escape(&body, slice_str(text));
	buf_puts(&body, after);
	if (body.failed)
		http_respond(c->r, status, "application/json", SL("{\"errors\":[]}"));
	else
		http_respond(c->r, status, "application/json", buf_slice(&body));
}

void answer_error(struct call *c, int status, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	answer_json(c, status, "{\"errors\":[{\"code\":\"", code, "\",\"detail\":null}]}", fmt, ap);
	va_end(ap);
}

void answer_api_error(struct call *c, int status, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	answer_json(c, status, "{\"error\":{\"code\":\"", code, "\"}}", fmt, ap);
	va_end(ap);
}

struct fault { int status; const char *code, *text; unsigned retry_s; };

static struct fault fault_of(const struct err *e)
{
	switch (e->code) {
	case ERR_NET: return (struct fault){ 502, "UNAVAILABLE", "a server behind this one did not answer as it should; try again", 5 };
	case ERR_AUTH: return (struct fault){ 502, "UNAVAILABLE", "the upstream registry wants other credentials than are configured", 0 };
	case ERR_TIMEOUT: return (struct fault){ 503, "UNAVAILABLE", "this took too long; try again", 5 };
	case ERR_IO: return (struct fault){ 503, "UNAVAILABLE", "the registry cannot read or write its data at the moment; try again", 10 };
	case ERR_USAGE: return (struct fault){ 400, "UNSUPPORTED", "a parameter of this request is no text", 0 };
	case ERR_NOMEM: return (struct fault){ 503, "UNAVAILABLE", "the registry is short of memory; try again", 5 };
	case ERR_LIMIT: return (struct fault){ 429, "TOOMANYREQUESTS", "a limit is reached; try again later", 30 };
	case ERR_CANCELLED: return (struct fault){ 503, "UNAVAILABLE", "somebody else works at the same thing; try again", 1 };
	default: return (struct fault){ 500, "UNKNOWN", "something failed inside the registry; its log says what", 0 };
	}
}

void answer_fault(struct call *c, const struct err *e)
{
	struct fault f = fault_of(e);
	gateway_log(c->g, LOG_ERROR, "request failed", "zzzzztzzzz", "id", http_id(c->r), "handler", c->handler ? c->handler : "", "repository", c->repository, "error", e->msg,
		    "kind", err_code_name(e->code));
	if (f.retry_s)
		http_add_headerf(c->r, "Retry-After", "%u", f.retry_s);
	c->outcome = "failed";
	answer_error(c, f.status, f.code, "%s (request %s)", f.text, http_id(c->r));
}

/* Where clients fetch tokens: public_url, or, where none is needed, as they came. */
static const char *base_url(struct call *c)
{
	struct slice url = c->g->config->public_url, host = http_header(c->r, "Host");
	if (url.n)
		return arena_slice_cstr(http_arena(c->r), url);
	char *text = (char *)arena_printf(http_arena(c->r), "%s://%.*s", http_is_tls(c->r) ? "https" : "http", (int)MIN(host.n, (size_t)255), (const char *)host.p).p;
	return text ? text : "";
}

void answer_unauthorized(struct call *c, unsigned rights, const char *error)
{
	if (!c->who.anonymous && !error) {
		c->outcome = "denied";
		answer_error(c, 403, "DENIED", "this account may not do that here");
		return;
	}
	AUTO_BUF challenge = BUF(2048);
	access_challenge(c->g->access, base_url(c), c->repository, rights, error, &challenge);
	if (!challenge.failed)
		http_add_header(c->r, "WWW-Authenticate", buf_slice(&challenge));
	c->outcome = "unauthorized";
	answer_error(c, 401, "UNAUTHORIZED", "authentication is required");
}

/* quoted-string of RFC 9110: printable ASCII, with quotes and backslashes escaped. */
void answer_warning(struct call *c, const char *fmt, ...)
{
	char text[1024], quoted[2100] = "299 - \"";
	size_t n = strlen(quoted);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			quoted[n++] = '\\';
		quoted[n++] = *p >= 0x20 && *p < 0x7f ? *p : '?';
	}
	quoted[n++] = '"';
	http_add_header(c->r, "Warning", slice_of(quoted, n));
}
