/* Answers: kept in the request until its event thread can hand them to libmicrohttpd. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include "private.h"

static void discard(struct answer *a)
{
	if (a->kind == ANSWER_FD)
		fd_close(&a->fd);
	stream_close(a->stream);
	if (a->release)
		a->release(a->release_arg);
	*a = (struct answer){ .fd = -1 };
}

/* Behind `done`: nothing of the answer is needed any more. */
void httpd_answer_release(struct http_request *r) { discard(&r->answer); }

void httpd_answer_now(struct http_request *r, int status, const char *text, bool close)
{
	if (r->step == STEP_SENDING)
		return;
	discard(&r->answer);
	r->answer = (struct answer){ .kind = ANSWER_BYTES, .status = status, .content_type = "text/plain; charset=utf-8", .body = slice_str(text),
				     .close = close, .fd = -1 };
	r->step = STEP_ANSWER;
}

static void set(struct http_request *r, struct answer a)
{
	if (r->step != STEP_NONE && r->step != STEP_RUNNING) {
		discard(&a);
		httpd_answer_now(r, 500, "the request was answered twice", true);
		return;
	}
	r->answer = a;
	r->step = STEP_ANSWER;
}

void http_respond(struct http_request *r, int status, const char *content_type, struct slice body)
{
	struct slice copy = body.n ? arena_dup(&r->arena, body) : SL("");
	if (!copy.p) {
		set(r, (struct answer){ .kind = ANSWER_BYTES, .status = 500, .fd = -1 });
		return;
	}
	set(r, (struct answer){ .kind = ANSWER_BYTES, .status = status, .content_type = content_type, .body = copy, .fd = -1 });
}

void http_respond_shared(struct http_request *r, int status, const char *content_type, struct slice body, void (*release)(void *arg), void *arg)
{
	set(r, (struct answer){ .kind = ANSWER_BYTES, .status = status, .content_type = content_type, .body = body, .release = release,
				.release_arg = arg, .fd = -1 });
}

void http_respond_head(struct http_request *r, int status, const char *content_type, uint64_t length)
{
	if (!r->head_only && length) {	/* a body must follow such a length */
		set(r, (struct answer){ .kind = ANSWER_BYTES, .status = 500, .fd = -1 });
		return;
	}
	set(r, (struct answer){ .kind = ANSWER_LENGTH, .status = status, .content_type = content_type, .length = length, .fd = -1 });
}

void http_respond_fd(struct http_request *r, int status, const char *content_type, int fd, bool keep_fd, uint64_t offset, uint64_t length)
{
	if (keep_fd && !r->head_only && length) {	/* libmicrohttpd closes what it is given */
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0) {
			set(r, (struct answer){ .kind = ANSWER_BYTES, .status = 503, .fd = -1 });
			return;
		}
	} else if (keep_fd) {
		fd = -1;
	}
	set(r, (struct answer){ .kind = ANSWER_FD, .status = status, .content_type = content_type, .fd = fd, .offset = offset, .length = length });
}

void http_respond_stream(struct http_request *r, int status, const char *content_type, struct stream *s, uint64_t length)
{
	set(r, (struct answer){ .kind = ANSWER_STREAM, .status = status, .content_type = content_type, .stream = s, .length = length, .fd = -1 });
}

void http_respond_feed(struct http_request *r, int status, const char *content_type, http_feed_fn *next, void *arg, uint64_t idle_ms)
{
	set(r, (struct answer){ .kind = ANSWER_FEED, .status = status, .content_type = content_type, .feed = next, .feed_arg = arg,
				.feed_idle_ms = idle_ms, .length = UINT64_MAX, .fd = -1 });
}

/* --- On the event thread --------------------------------------------------------------------------------------------- */

static ssize_t read_nothing(void *cls, uint64_t pos, char *buf, size_t max)
{
	(void)cls;
	(void)pos;
	(void)buf;
	(void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make(struct http_request *r)
{
	struct answer *a = &r->answer;
	if (a->kind == ANSWER_BYTES)
		return httpd_mhd.MHD_create_response_from_buffer(a->body.n, (void *)(uintptr_t)a->body.p, MHD_RESPMEM_PERSISTENT);
	if (r->head_only || a->kind == ANSWER_LENGTH)
		return httpd_mhd.MHD_create_response_from_callback(a->length, 1, read_nothing, NULL, NULL);
	if (a->kind == ANSWER_STREAM)
		return httpd_stream_response(r);
	if (a->kind == ANSWER_FEED)
		return httpd_feed_response(r);
	if (!a->length)
		return httpd_mhd.MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
	if (r->c->l->tls)
		return httpd_file_response(r);
	struct MHD_Response *m = httpd_mhd.MHD_create_response_from_fd_at_offset64(a->length, a->fd, a->offset);
	if (m)
		a->fd = -1;	/* closed with the response */
	return m;
}

static bool must_close(const struct http_request *r)
{
	/* What can be smuggled in the frames of a chunked body, libmicrohttpd being lax about their ends of line, finds no connection to be read on. */
	return r->answer.close || r->framing.chunked || atomic_load_explicit(&r->h->n_conns, memory_order_relaxed) > KEEP_OPEN_CONNECTIONS ||
	       atomic_load_explicit(&r->h->stopping, memory_order_relaxed);
}

enum MHD_Result httpd_answer_queue(struct http_request *r)
{
	if (r->answer.status < 200 || r->answer.status > 999) {
		r->step = STEP_NONE;
		httpd_answer_now(r, 500, "", true);
	}
	struct MHD_Response *m = make(r);
	if (!m)
		return MHD_NO;
	httpd_mhd.MHD_add_response_header(m, "Server", r->h->server);
	httpd_mhd.MHD_add_response_header(m, "X-Request-Id", r->id_text);
	if (r->answer.content_type)
		httpd_mhd.MHD_add_response_header(m, "Content-Type", r->answer.content_type);
	for (unsigned i = 0; i < r->n_headers; i++)
		httpd_mhd.MHD_add_response_header(m, (const char *)r->headers[i].name.p, (const char *)r->headers[i].value.p);
	if (must_close(r))
		httpd_mhd.MHD_add_response_header(m, "Connection", "close");
	r->step = STEP_SENDING;
	enum MHD_Result ok = httpd_mhd.MHD_queue_response(r->m, (unsigned)r->answer.status, m);
	httpd_mhd.MHD_destroy_response(m);
	return ok;
}

/* --- In the midst of a body, where libmicrohttpd takes no answer ------------------------------------------------------- */

const char *httpd_reason(int status)
{
	static const struct { int status; const char *text; } reasons[] = {
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" },
	};
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return status < 300 ? "OK" : "Error";
}

static void raw_text(struct http_request *r, struct buf *b)
{
	const struct answer *a = &r->answer;
	time_t now = time(NULL);
	struct tm tm;
	char date[64] = "";
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	buf_printf(b, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: %s\r\nX-Request-Id: %s\r\nConnection: close\r\nContent-Length: %zu\r\n", a->status,
		   httpd_reason(a->status), date, r->h->server, r->id_text, a->body.n);
	if (a->content_type)
		buf_printf(b, "Content-Type: %s\r\n", a->content_type);
	for (unsigned i = 0; i < r->n_headers; i++)
		buf_printf(b, "%s: %s\r\n", (const char *)r->headers[i].name.p, (const char *)r->headers[i].value.p);
	buf_puts(b, "\r\n");
	if (!r->head_only)
		buf_put_slice(b, a->body);
}

bool httpd_answer_raw(struct http_request *r)
{
	AUTO_BUF b = BUF(64 << 10);
	if (r->answer.kind != ANSWER_BYTES)
		return false;
	raw_text(r, &b);
	if (b.failed)
		return false;
	ssize_t sent;
	if (r->c->l->tls) {
		const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(r->m, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		sent = i ? TLS_FN(record_send)(i->tls_session, b.p, b.n) : -1;
	} else {
		sent = send(r->c->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(r->c->fd, SHUT_WR);
	}
	r->raw_answered = sent == (ssize_t)b.n;
	r->bytes_out = r->raw_answered ? r->answer.body.n : 0;
	r->step = STEP_SENDING;
	return r->raw_answered;
}
