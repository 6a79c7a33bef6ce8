/* A request to its end: repetition, redirects, resumption. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "transfer.h"

static enum err_code wait_ms(uint64_t ms, bool keep_on_signal, struct err *e)
{
	for (uint64_t end = os_monotonic_ns() + ms * 1000000; os_monotonic_ns() < end;) {
		if (os_cancelled() && !keep_on_signal)
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		usleep(50000);
	}
	return OK;
}

static bool may_repeat(const struct transfer *t) { return !t->q.once && t->tries < t->c->o.retries; }

static enum err_code back_off(struct transfer *t, uint64_t at_least_ms, struct err *e)
{
	uint64_t ms = UINT64_C(500) << MIN(t->tries, 6u);
	t->tries++;
	return wait_ms(MAX(ms, at_least_ms), t->c->o.keep_on_signal, e);
}

static bool worth_repeating(const struct transfer *t)
{
	if (t->blocked || t->head.too_large)
		return false;
	switch (t->result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return t->tries < 1;	/* mostly a wrong name or port: once more is enough */
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static bool status_busy(int s) { return s == 429 || s == 502 || s == 503 || s == 504; }
static bool status_redirect(int s) { return s == 301 || s == 302 || s == 303 || s == 307 || s == 308; }

/* --- Up to the final answer's head ----------------------------------------------------------------------------------- */

static enum err_code follow(struct transfer *t, unsigned hops, struct err *e)
{
	struct url next;
	AUTO_BUF joined = BUF(16 * KIB);
	struct slice location = headers_get(&t->head, "Location");
	char from[200];
	net_url_origin(t->url, from, sizeof(from));
	if (hops >= NET_MAX_REDIRECTS)
		return err_set(e, ERR_NET, 0, "%s redirects more than %d times", from, NET_MAX_REDIRECTS);
	if (net_url_join(t->url, (const char *)location.p, &joined, e))
		return err_prefix(e, "%s redirects", from);
	TRY(url_parse(buf_slice(&joined), &next, e));
	if (t->hop.https && !next.https)
		return err_set(e, ERR_NET, 0, "%s redirects from https to http, which is refused", from);
	if (t->first_hop && !t->q.endpoint)
		t->allowed = MIN(t->allowed, t->first_reach);
	t->first_hop = false;
	t->url = arena_slice_cstr(&t->arena, buf_slice(&joined));
	return arena_ok(&t->arena, "follow a redirect", e);
}

/* Asks until an answer's head is there that is no redirect and no "later, please". */
static enum err_code ask(struct transfer *t, struct err *e)
{
	t->url = (char *)t->q.url;
	t->first_hop = true;
	t->allowed = t->q.endpoint ? *t->q.endpoint : NET_REACH_SPECIAL;
	if (t->c->o.farthest)
		t->allowed = MIN(t->allowed, *t->c->o.farthest);
	if (!t->whole_until_ns)
		t->whole_until_ns = t->q.whole_ms ? os_monotonic_ns() + t->q.whole_ms * 1000000 : UINT64_MAX;
	t->head_until_ns = t->q.head_ms ? os_monotonic_ns() + t->q.head_ms * 1000000 : UINT64_MAX;
	for (unsigned hops = 0;;) {
		buf_clear(&t->window);
		t->window_at = 0;
		t->skip = 0;
		TRY(transfer_start(t, e));
		TRY(transfer_drive(t, true, e));
		int status = t->head.status;
		transfer_note_reach(t);
		if (!t->head.done) {
			bool again = worth_repeating(t) && may_repeat(t);
			enum err_code rc = transfer_error(t, e);
			transfer_stop(t);
			if (!again)
				return rc;
			TRY(back_off(t, 0, e));
			continue;
		}
		if ((status_busy(status) || (status == 500 && t->q.retry_500)) && may_repeat(t)) {
			uint64_t wait = retry_after_ms(headers_get(&t->head, "Retry-After"), os_now_s());
			transfer_stop(t);
			TRY(back_off(t, wait, e));
			continue;
		}
		if (!status_redirect(status) || t->q.no_redirect || !headers_get(&t->head, "Location").n)
			return OK;
		transfer_stop(t);
		enum err_code rc = follow(t, hops++, e);
		if (rc) {
			e->sys = EACCES;
			return rc;
		}
	}
}

/* --- Where the body starts --------------------------------------------------------------------------------------------- */

static enum err_code changed(struct transfer *t, struct err *e)
{
	char origin[200];
	return err_set(e, ERR_NET, 0, "%s: the file changed while it was downloaded; start again", net_url_origin(t->q.url, origin,
			sizeof(origin)));
}

/* 206; or 200 by a server that sends the part all the same, and says so (rclone does). */
static bool is_part(const struct headers *h)
{
	uint64_t first, total, n;
	return h->status == 206 || (h->status == 200 && content_range_parse(headers_get(h, "Content-Range"), &first, &total) &&
				    slice_to_u64(headers_get(h, "Content-Length"), &n) && n < total);
}

/* Fits the answer to t->at: a server may send the rest, or all of it again. */
static enum err_code fit(struct transfer *t, struct slice etag_before, struct err *e)
{
	struct slice etag = headers_get(&t->head, "ETag");
	uint64_t first, total;
	if (etag_before.n && etag.n && !slice_eq(etag, etag_before))
		return changed(t, e);
	if (!is_part(&t->head))
		t->skip = t->at;
	else if (!content_range_parse(headers_get(&t->head, "Content-Range"), &first, &total) || first != t->at ||
		 (t->response.length != UINT64_MAX && total != UINT64_MAX && total != t->response.length))
		return changed(t, e);
	/* Bytes may have come in together with the head. */
	size_t drop = MIN(t->skip, (uint64_t)t->window.n);
	t->window_at = drop;
	t->skip -= drop;
	return OK;
}

static uint64_t whole_length(const struct transfer *t)
{
	uint64_t first, total, n;
	if (is_part(&t->final) && content_range_parse(headers_get(&t->final, "Content-Range"), &first, &total))
		return total;
	return slice_to_u64(headers_get(&t->final, "Content-Length"), &n) ? n : UINT64_MAX;
}

static void settle(struct transfer *t)
{
	headers_reset(&t->final);
	t->final = t->head;
	t->head = (struct headers){ 0 };
	headers_reset(&t->head);
	t->response = (struct net_response){ .status = t->final.status, .headers = t->final.list.items, .n_headers = t->final.list.n,
		.url = t->url, .reach = t->first_reach };
	t->response.length = whole_length(t);
}

/* Asks again for what is missing, under the first URL: a redirect's target may have expired. */
static enum err_code resume(struct transfer *t, struct err *e)
{
	struct err why = { 0 };
	enum err_code rc = transfer_error(t, &why);
	bool again = worth_repeating(t) && may_repeat(t) && ++t->resumes <= NET_MAX_RESUMES;
	transfer_stop(t);
	if (!again || (t->q.method && strcmp(t->q.method, "GET"))) {
		*e = why;
		return rc;
	}
	TRY(back_off(t, 0, e));
	TRY(ask(t, e));
	if (t->head.status != 200 && t->head.status != 206) {
		*e = why;
		return err_prefix(e, "asked for the rest, the server answers %d", t->head.status);
	}
	return fit(t, headers_get(&t->final, "ETag"), e);
}

/* --- The stream ------------------------------------------------------------------------------------------------------------ */

static enum err_code body_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct transfer *t = (struct transfer *)s;
	while (t->window_at == t->window.n) {
		buf_clear(&t->window);
		t->window_at = 0;
		if (!t->finished) {
			TRY(transfer_drive(t, false, e));
		} else if (t->result == CURLE_OK) {
			*ret_n = 0;
			return OK;
		} else {
			TRY(resume(t, e));
		}
	}
	size_t n = MIN(cap, t->window.n - t->window_at);
	memcpy(dst, t->window.p + t->window_at, n);
	t->window_at += n;
	t->at += n;
	t->tries = 0;
	*ret_n = n;
	return OK;
}

static void body_close(struct stream *s)
{
	struct transfer *t = (struct transfer *)s;
	transfer_stop(t);
	buf_free(&t->window);
	arena_free(&t->head.arena);
	arena_free(&t->final.arena);
	arena_free(&t->arena);
	free(t);
}

static const struct stream_ops BODY_OPS = { body_read, body_close };

static const char *copy(struct arena *a, const char *s) { return s ? arena_strdup(a, s) : NULL; }

static struct transfer *transfer_new(struct net_client *c, const struct net_request *q)
{
	struct transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->s.ops = &BODY_OPS;
	t->c = c;
	t->arena = ARENA(MIB + 2 * q->body.n);
	t->window = BUF(NET_WINDOW);
	t->q = *q;
	t->q.method = copy(&t->arena, q->method);
	t->q.url = copy(&t->arena, q->url);
	t->q.accept = copy(&t->arena, q->accept);
	t->q.authorization = copy(&t->arena, q->authorization);
	t->q.if_none_match = copy(&t->arena, q->if_none_match);
	t->q.content_type = copy(&t->arena, q->content_type);
	t->q.if_range = copy(&t->arena, q->if_range);
	t->q.body = arena_dup(&t->arena, q->body);
	if (q->file) {
		struct net_file *f = arena_new(&t->arena, struct net_file);
		if (f)
			*f = *q->file;
		t->q.file = f;
	}
	if (q->endpoint) {
		enum net_reach *r = arena_new(&t->arena, enum net_reach);
		if (r)
			*r = *q->endpoint;
		t->q.endpoint = r;
	}
	t->at = q->offset;
	if (!t->arena.failed)
		return t;
	body_close(&t->s);
	return NULL;
}

enum err_code net_open(struct net_client *c, const struct net_request *q, const struct net_response **ret_response,
					 struct stream **ret,
		       struct err *e)
{
	struct transfer *t = transfer_new(c, q);
	if (!t)
		return err_set(e, ERR_NOMEM, 0, "open a connection");
	enum err_code rc = ask(t, e);
	if (!rc && t->at && (t->head.status == 200 || t->head.status == 206)) {
		t->response.length = UINT64_MAX;
		rc = fit(t, slice_str(q->if_range), e);
	}
	if (rc) {
		body_close(&t->s);
		return rc;
	}
	settle(t);
	t->tries = 0;
	*ret_response = &t->response;
	*ret = &t->s;
	return OK;
}

enum err_code net_fetch(struct net_client *c, const struct net_request *q, struct buf *out, int *ret_status, struct err *e)
{
	const struct net_response *r;
	AUTO_STREAM in = NULL;
	char origin[200];
	TRY(net_open(c, q, &r, &in, e));
	int status = r->status;
	enum err_code rc = stream_read_all(in, out, e);
	if (rc == ERR_LIMIT)
		return err_set(e, ERR_LIMIT, 0, "%s answers with more than %zu KiB", net_url_origin(q->url, origin, sizeof(origin)),
				out->max >> 10);
	TRY(rc);
	*ret_status = status;
	return OK;
}
