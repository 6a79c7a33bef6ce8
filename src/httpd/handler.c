/* A request's way through libmicrohttpd's callbacks.
 *
 * It calls httpd_on_request once with the head (again after each suspension there), once a piece of the body, and once at the end (again after each
 * suspension there). An answer can be queued in the first and the last place only; what else there is to know of version 0.9.75:
 * a suspension that finds a resumption not yet worked off is lost, so there must be exactly one resumption for each. */
#include <linux/tcp.h>
#include <stdlib.h>
#include "private.h"

void *httpd_on_target(void *cls, const char *uri, struct MHD_Connection *m)
{
	(void)cls;
	const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *c = i ? i->socket_context : NULL;
	if (!c || !uri || !strchr(uri, '?'))
		return NULL;
	free(c->target);
	size_t n = strlen(uri);
	c->target_too_long = n > HEAD_MAX_TARGET;
	c->target = c->target_too_long ? NULL : strdup(uri);
	return NULL;
}

/* Paths stay as they were sent. */
size_t httpd_on_unescape(void *cls, struct MHD_Connection *m, char *s)
{
	(void)cls;
	(void)m;
	return strlen(s);
}

void httpd_suspend(struct http_request *r)
{
	httpd_phase(r->c, PHASE_APP);
	httpd_mhd.MHD_suspend_connection(r->m);
}

void httpd_resume(struct http_request *r) { httpd_mhd.MHD_resume_connection(r->m); }

struct field_check { const struct head *head; unsigned n; bool differs; };

static enum MHD_Result check_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t n_name, const char *value, size_t n_value)
{
	(void)kind;
	(void)n_name;
	struct field_check *f = cls;
	if (f->n >= f->head->n_fields)
		f->differs = true;
	else if (f->head->fields[f->n].name.p != (const uint8_t *)name || f->head->fields[f->n].value.n > n_value ||
		 (n_value && (const uint8_t *)value > f->head->fields[f->n].value.p))
		f->differs = true;
	f->n++;
	return f->differs ? MHD_NO : MHD_YES;
}

static void move(struct slice *s, struct slice from, const uint8_t *to)
{
	if (s->p >= from.p && s->p <= from.p + from.n)
		s->p = to + (s->p - from.p);
}

/* libmicrohttpd's memory for the head goes with the connection, or with its next request; a handler on a pool thread, and `done`, may be later than that. So the
 * head is copied before anybody sees it: a few hundred bytes. */
static bool keep_head(struct http_request *r, struct slice raw)
{
	struct slice copy = arena_dup(&r->arena, raw);
	if (!copy.p)
		return false;
	struct slice *const few[] = { &r->target, &r->path, &r->query, &r->head.method, &r->head.target };
	for (size_t i = 0; i < ARRAY_LEN(few); i++)
		move(few[i], raw, copy.p);
	for (unsigned i = 0; i < r->head.n_fields; i++) {
		move(&r->head.fields[i].name, raw, copy.p);
		move(&r->head.fields[i].value, raw, copy.p);
	}
	return true;
}

/* The head where libmicrohttpd has it, from the method on, read once more and strictly; both must have seen the same fields. */
static int read_head(struct http_request *r, const char *url, const char *method)
{
	const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(r->m, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!i || !i->header_size || i->header_size > MEMORY_PER_CONNECTION)
		return 400;
	if (r->c->target_too_long)
		return 414;
	struct slice raw = slice_of(method, i->header_size);
	r->target = slice_str(r->target_copy ? r->target_copy : url);
	size_t n_method = strlen(method);
	if (url != method + n_method + 1)	/* one space, and nothing skipped */
		return 400;
	int status = httpd_head_read(raw, r->target, &r->head);
	struct field_check f = { .head = &r->head };
	if (status)
		return status;
	httpd_mhd.MHD_get_connection_values_n(r->m, MHD_HEADER_KIND, check_field, &f);
	if (f.differs || f.n != r->head.n_fields)
		return 400;
	status = httpd_head_framing(&r->head, &r->framing);
	if (status)
		return status;
	/* The absolute form names the host a second time. */
	struct slice t = r->target;
	if (slice_has_prefix(t, SL("http://")) || slice_has_prefix(t, SL("https://"))) {
		struct slice rest = slice_from(t, t.p[4] == 's' ? 8 : 7);
		ptrdiff_t end = slice_find_byte(rest, '/');
		if (end < 0 || !slice_eq_nocase(slice_upto(rest, (size_t)end), http_header(r, "Host")))
			return 400;
		t = slice_from(rest, (size_t)end);
	}
	if (t.p[0] != '/' && !slice_eqs(t, "*"))
		return 400;
	ptrdiff_t q = slice_find_byte(t, '?');
	r->path = q < 0 ? t : slice_upto(t, (size_t)q);
	r->query = q < 0 ? SLICE_NULL : slice_from(t, (size_t)q + 1);
	return keep_head(r, raw) ? 0 : 503;
}

static bool has_body(const struct http_request *r) { return r->framing.chunked || r->framing.length; }

static void first_call(struct http_request *r, const char *url, const char *method)
{
	struct httpd *h = r->h;
	r->asked = true;
	r->step = STEP_NONE;
	httpd_phase(r->c, PHASE_APP);
	int status = read_head(r, url, method);
	if (status) {
		r->framing = (struct head_framing){ .close = true };
		r->step = STEP_NONE;
		httpd_answer_now(r, status, httpd_reason(status), true);
		r->first_passed = true;	/* nothing behind it is read */
		return;
	}
	r->head_only = slice_eqs(r->head.method, "HEAD");
	if (r->c->l->tls) {
		httpd_tls_name(r->c);
		if (httpd_tls_required(r->c->l->tls) && !r->c->name[0]) {
			httpd_answer_now(r, 403, "a client certificate is required", true);
			r->first_passed = true;
			return;
		}
	}
	atomic_fetch_add(&h->active, 1);
	atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
	r->counted = true;
	if (atomic_load_explicit(&h->stopping, memory_order_relaxed)) {
		httpd_answer_now(r, 503, "the server is stopping", true);
		return;
	}
	h->ops.request(h->arg, r);
}

/* The answer is known. Where the body was not read yet, it is when small, so that the connection can go on; else the answer goes out in its midst. */
static enum MHD_Result send_answer(struct http_request *r, const char *data, size_t *n)
{
	if (data && *n) {
		r->in.dropped += *n;
		*n = 0;
		if (!r->raw_answered && (r->in.dropped > DRAIN_BYTES || r->framing.length > DRAIN_BYTES || r->in.too_large) && !httpd_answer_raw(r))
			return MHD_NO;
		return r->in.dropped > LINGER_BYTES ? MHD_NO : MHD_YES;
	}
	/* What is queued in the first call ends the connection, unread body or not. */
	if (!r->first_passed && !(has_body(r) && r->framing.expect_continue)) {
		r->first_passed = true;
		if (has_body(r))
			httpd_phase(r->c, PHASE_BODY);
		return MHD_YES;
	}
	if (r->raw_answered)
		return MHD_NO;	/* the end of a body whose answer is sent already */
	r->first_passed = true;
	httpd_phase(r->c, PHASE_ANSWER);
	return httpd_answer_queue(r);
}

/* False: the request is a pool thread's now and must not be touched. */
static bool start_job(struct http_request *r)
{
	if (!r->deferred_once && httpd_pool_is_full(r->h)) {
		http_add_header(r, "Retry-After", SL("1"));
		r->step = STEP_NONE;
		httpd_answer_now(r, 503, "too many requests are waiting", false);
		return true;
	}
	r->deferred_once = true;
	r->step = STEP_RUNNING;
	httpd_suspend(r);
	httpd_pool_submit(r, httpd_run_deferred);
	return false;
}

static enum MHD_Result proceed(struct http_request *r, const char *data, size_t *n)
{
	if (r->step == STEP_BODY) {
		if (data && *n)
			return httpd_body_piece(r, data, n);
		if (!r->first_passed && !r->in.too_large) {
			r->first_passed = true;
			httpd_phase(r->c, PHASE_BODY);
			return MHD_YES;
		}
		httpd_body_final(r);	/* asleep */
		return MHD_YES;
	}
	if (r->step == STEP_NONE)
		httpd_answer_now(r, 500, "the request was not answered", false);
	if (r->step == STEP_DEFER && !start_job(r))
		return MHD_YES;
	return r->step == STEP_ANSWER || r->step == STEP_SENDING ? send_answer(r, data, n) : MHD_YES;
}

enum MHD_Result httpd_on_request(void *cls, struct MHD_Connection *m, const char *url, const char *method, const char *version, const char *data,
				 size_t *n, void **context)
{
	(void)cls;
	(void)version;
	struct http_request *r = *context;
	if (!r) {
		const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
		r = i && i->socket_context ? httpd_request_new(i->socket_context) : NULL;
		if (!r)
			return MHD_NO;
		*context = r;
	}
	if (!r->asked)
		first_call(r, url, method);
	return proceed(r, data, n);
}

/* What went out of a file that was cut short: about what the other side has acknowledged. */
static uint64_t sent_of_file(const struct http_request *r)
{
	struct tcp_info t;
	socklen_t n = sizeof(t);
	if (getsockopt(r->c->fd, IPPROTO_TCP, TCP_INFO, &t, &n) || n < offsetof(struct tcp_info, tcpi_bytes_received))
		return 0;
	return MIN(r->answer.length, t.tcpi_bytes_acked - MIN((uint64_t)t.tcpi_bytes_acked, r->c->body_sent));
}

void httpd_on_completed(void *cls, struct MHD_Connection *m, void **context, enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)m;
	struct http_request *r = *context;
	*context = NULL;
	if (!r)
		return;
	httpd_phase(r->c, PHASE_IDLE);
	r->complete = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && r->step == STEP_SENDING && !r->out.failed;
	if (r->step == STEP_SENDING && !r->head_only && r->answer.kind != ANSWER_LENGTH) {
		if (r->complete && (r->answer.kind == ANSWER_BYTES || r->answer.kind == ANSWER_FD))
			r->bytes_out = r->answer.kind == ANSWER_BYTES ? r->answer.body.n : r->answer.length;
		else if (r->answer.kind == ANSWER_FD)
			r->bytes_out = sent_of_file(r);
	}
	r->c->body_sent += r->bytes_out;
	if (r->raw_answered)
		r->complete = true;
	httpd_body_gone(r);
	httpd_stream_gone(r);
	httpd_request_unref(r);
}
