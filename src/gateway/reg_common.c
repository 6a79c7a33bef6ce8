/* What the handlers of the distribution protocol share. */
#include "registry.h"
#include "os.h"
#include <stdlib.h>

enum err_code reg_open(struct gateway *g, struct err *e)
{
	struct registry *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	g->registry = r;
	r->manifests = mem_manifest_open();
	r->fds = mem_fd_open();
	if (!r->manifests || !r->fds)
		(void)err_set(e, ERR_NOMEM, 0, "out of memory");
	else
		r->sessions = sessions_open(g, e);
	if (r->sessions)
		return OK;
	reg_close(g);
	return e->code;
}

void reg_close(struct gateway *g)
{
	struct registry *r = g->registry;
	if (!r)
		return;
	sessions_close(r->sessions);
	mem_fd_close(r->fds);
	mem_manifest_close(r->manifests);
	free(r);
	g->registry = NULL;
}

bool reg_reference_valid(struct call *c, int status, const char *code)
{
	if (c->is_digest || store_tag_valid(c->reference))
		return true;
	if (slice_find_byte(c->reference, ':') >= 0)
		answer_error(c, 400, "DIGEST_INVALID", "this is no sha256 or sha512 digest");
	else
		answer_error(c, status, code, "this is no tag");
	return false;
}

bool reg_may_write(struct call *c)
{
	if (!c->by_mirror && !c->upstream)
		return true;
	c->outcome = "denied";
	if (c->by_mirror)
		answer_error(c, 405, "UNSUPPORTED", "a mirror is read-only");
	else
		answer_error(c, 403, "DENIED", "this name belongs to an upstream registry: push to a name of your own");
	return false;
}

void reg_gate_answer(struct call *c, const struct gate_answer *a, const char *absent_code, const char *absent_text)
{
	switch (a->result) {
	case GATE_YES:
	case GATE_ABSENT:
		c->outcome = "absent";
		answer_error(c, 404, absent_code, "%s", absent_text);
		return;
	case GATE_REFUSED:
		c->outcome = "refused";
		answer_error(c, 403, "PABEAN_REFUSED", "%s", a->text);
		return;
	case GATE_HELD:
		c->outcome = "held";
		answer_error(c, 403, "PABEAN_HELD", "%s", a->text);
		return;
	case GATE_WAIT:
	case GATE_BUSY:
		c->outcome = a->result == GATE_WAIT ? "waiting" : "busy";
		http_add_headerf(c->r, "Retry-After", "%u", a->retry_s ? a->retry_s : 5);
		answer_error(c, 429, "TOOMANYREQUESTS", "%s", a->text[0] ? a->text : "too many wait for the same thing; ask again");
		return;
	case GATE_STALE:
		c->outcome = "stale";
		http_add_headerf(c->r, "Retry-After", "%u", a->retry_s ? a->retry_s : 5);
		answer_error(c, 503, "UNAVAILABLE", "%s", a->text);
		return;
	}
}

/* An entity tag list of RFC 9110; ours are "DIGEST". */
bool reg_not_modified(struct call *c, struct slice digest)
{
	struct slice rest = http_header(c->r, "If-None-Match"), piece;
	if (!rest.n)
		return false;
	while (slice_next_piece(&rest, ',', &piece)) {
		piece = slice_trim(piece);
		if (slice_has_prefix(piece, SL("W/")))
			piece = slice_from(piece, 2);
		if (slice_eqs(piece, "*") || (piece.n == digest.n + 2 && piece.p[0] == '"' && slice_eq(slice_sub(piece, 1, digest.n), digest))) {
			http_respond(c->r, 304, NULL, SLICE_NULL);
			return true;
		}
	}
	return false;
}

void reg_digest_headers(struct call *c, struct slice digest)
{
	http_add_header(c->r, "Docker-Content-Digest", digest);
	http_add_headerf(c->r, "ETag", "\"%.*s\"", SLICE_ARG(digest));
	http_add_header(c->r, "Cache-Control", SL("no-cache"));
}

bool reg_call_for(const struct call *c, struct slice repository, struct call *ret)
{
	struct slice rest;
	bool reserved;
	if (!store_name_valid(repository))
		return false;
	*ret = *c;
	ret->repository = arena_dup(http_arena(c->r), repository);
	ret->upstream = config_upstream_of(c->g->config, ret->repository, &rest, &reserved);
	ret->upstream_name = ret->upstream ? rest : SLICE_NULL;
	ret->rule = config_repository_for(c->g->config, ret->repository);
	return ret->repository.p && !reserved;
}

uint64_t reg_wait_left_ms(const struct call *c)
{
	uint64_t gone_ms = (os_monotonic_ns() - c->started_ns) / 1000000u;
	return gone_ms < c->g->config->pull_wait_ms ? c->g->config->pull_wait_ms - gone_ms : 0;
}

bool reg_page(struct call *c, uint64_t most, uint64_t *ret_n, struct slice *ret_last)
{
	struct slice n;
	*ret_n = most;
	*ret_last = SL("");
	http_query(c->r, "last", ret_last);
	if (!http_query(c->r, "n", &n))
		return true;
	if (!slice_to_u64(n, ret_n)) {
		bool digits = n.n > 0;
		for (size_t i = 0; i < n.n; i++)
			digits = digits && n.p[i] >= '0' && n.p[i] <= '9';
		if (!digits) {
			answer_error(c, 400, "PAGINATION_NUMBER_INVALID", "n is no number");
			return false;
		}
	}
	*ret_n = MIN(*ret_n, most);
	return true;
}

/* A query value: unreserved characters as they are. */
static void put_escaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || (ch && strchr("-._~:/", ch));
		if (plain)
			buf_putc(out, ch);
		else
			buf_printf(out, "%%%02X", ch);
	}
}

void reg_link_next(struct call *c, uint64_t n, struct slice last, const char *more_key, struct slice more_value)
{
	AUTO_BUF out = BUF(4096);
	struct slice ns;
	buf_putc(&out, '<');
	buf_put_slice(&out, http_path(c->r));
	buf_puts(&out, "?last=");
	put_escaped(&out, last);
	if (n)
		buf_printf(&out, "&n=%llu", (unsigned long long)n);
	if (more_key && more_value.n) {
		buf_printf(&out, "&%s=", more_key);
		put_escaped(&out, more_value);
	}
	if (http_query(c->r, "ns", &ns) && ns.n) {
		buf_puts(&out, "&ns=");
		put_escaped(&out, ns);
	}
	buf_puts(&out, ">; rel=\"next\"");
	if (!out.failed)
		http_add_header(c->r, "Link", buf_slice(&out));
}
