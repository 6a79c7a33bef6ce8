/* HTTP/1.1 server over libmicrohttpd (epoll, a few event threads, a pool of threads for what blocks). Logs nothing.
 *
 * A request's life: `request` is called on an event thread when its headers are there; it must not block and does one of
 *   http_respond_*       the answer is known (fast path)
 *   http_defer           fn goes on, on a pool thread, and may block; the connection sleeps meanwhile
 *   http_take_body       the body comes in pieces to a sink on the event thread, then fn runs on a pool thread
 * and a deferred fn responds, or calls http_wait. What is called twice, or never, is answered with 500.
 * Everything a request owns (struct http_request, its arena) lives until `done`, which is called exactly once for each. A client that leaves while a
 * deferred fn runs does not stop fn: its answer goes nowhere.
 *
 * Limits are enforced here: header bytes and count, request line, connections in all and per address, requests without progress (slow
 * clients are dropped: a minimum rate over headers, bodies and answers), pool queue (503 with Retry-After when full). HTTP per RFC 9112:
 * both Content-Length and Transfer-Encoding, bad lengths, bare CR, NUL are 400 and close. */
#pragma once
#include "codec.h"
#include <sys/socket.h>

/* Where it listens. TCP address "127.0.0.1:5000", "[::1]:5000", ":5000"; or "unix:PATH" (made 0600, replaced only when nobody answers there). */
struct httpd_listen {
	const char *address;
	int fd;				/* > 0: already listening (socket activation), taken over; address is for people then */
	const char *tls_cert, *tls_key;	/* PEM; NULL: plain. Read again by httpd_reload and when the files change */
	const char *client_ca;		/* PEM: client certificates are asked for; http_client_name gives their subject */
	bool client_required;
};
struct httpd_options {
	const struct httpd_listen *listens;
	size_t n_listens;
	unsigned event_threads;		/* 0: one a processor, at most 4 */
	unsigned pool_threads;		/* 0: 16 */
	unsigned max_connections;	/* 0: 8192, less when the process may not open that many files */
	unsigned max_per_address;	/* 0: 1024 */
	uint64_t idle_ms;		/* without a byte either way; 0: 60 s */
	uint64_t min_bytes_s;		/* of headers and bodies once 10 s have passed, else dropped; 0: 1024 */
	const char *server;		/* Server header; NULL: "pabean" */
	uint64_t grace_ms;		/* how long a client may be slower than that; 0: 10 s */
	unsigned pool_queue;		/* first steps that may wait for a thread; 0: 1024 */
};

struct http_request;
struct httpd_ops {
	void (*request)(void *arg, struct http_request *r);
	/* After the last byte or when the connection is gone: for logs and metrics. status 0: never answered. */
	void (*done)(void *arg, struct http_request *r, int status, uint64_t bytes_out, uint64_t elapsed_ns, bool complete);
};

struct httpd;
[[nodiscard]] enum err_code httpd_open(const struct httpd_options *o, const struct httpd_ops *ops, void *arg, struct httpd **ret, struct err *e);
uint16_t httpd_port(const struct httpd *h, size_t listen);	/* as bound, for ":0" */
[[nodiscard]] enum err_code httpd_reload(struct httpd *h, struct err *e);	/* certificates; the old ones stay on error */
/* Stops listening at once; running requests finish, at most grace_ms; waiting ones are woken with `stopping`. Then frees. */
void httpd_close(struct httpd *h, uint64_t grace_ms);
struct httpd_counts { uint64_t connections, requests, waiting, pool_queued, pool_busy, dropped_slow, refused_connections; };
void httpd_count(const struct httpd *h, struct httpd_counts *ret);

/* --- What was asked ------------------------------------------------------------------------------------------------- */

struct slice http_method(const struct http_request *r);		/* "GET" */
struct slice http_path(const struct http_request *r);		/* as sent, not decoded, without query */
struct slice http_query_raw(const struct http_request *r);
/* A decoded query parameter; false when it is not there. ERR-free: malformed escapes stay as they are. First of that name. */
bool http_query(struct http_request *r, const char *name, struct slice *ret);
struct slice http_header(const struct http_request *r, const char *name);	/* first of that name, or {NULL,0} */
unsigned http_header_count(const struct http_request *r, const char *name);
/* true: known from Content-Length; false with *ret 0: no body; false with UINT64_MAX: chunked */
bool http_body_length(const struct http_request *r, uint64_t *ret);
size_t http_listener(const struct http_request *r);		/* index into listens */
const struct sockaddr *http_peer(const struct http_request *r);
char *http_peer_text(const struct http_request *r, char dst[64]);	/* "127.0.0.1", "unix" */
bool http_is_tls(const struct http_request *r);
bool http_peer_uid(const struct http_request *r, uint32_t *ret_uid);	/* over a Unix socket */
struct slice http_client_name(struct http_request *r);		/* verified certificate's subject CN, or empty */
const char *http_id(const struct http_request *r);		/* 16 hex digits, unique; sent back as X-Request-Id */
struct arena *http_arena(struct http_request *r);		/* 256 KiB budget, from a pool: cheap */
void **http_user(struct http_request *r);			/* the caller's own pointer */
bool http_stopping(const struct http_request *r);

/* --- Answers: exactly one a request. For HEAD the body is left out, its length sent. -------------------------------------- */

/* Before responding, from the thread that has the request; values with CR, LF, NUL are refused (the header is left out). */
void http_add_header(struct http_request *r, const char *name, struct slice value);
[[gnu::format(printf, 3, 4)]] void http_add_headerf(struct http_request *r, const char *name, const char *fmt, ...);
/* The body is copied; http_respond_static borrows memory that outlives the server, http_respond_shared borrows until release(arg) is called. */
void http_respond(struct http_request *r, int status, const char *content_type, struct slice body);
void http_respond_shared(struct http_request *r, int status, const char *content_type, struct slice body, void (*release)(void *arg), void *arg);
/* An answer without a body whose Content-Length is `length` (for HEAD). */
void http_respond_head(struct http_request *r, int status, const char *content_type, uint64_t length);
/* length bytes of a file from offset by sendfile; fd is closed by the server (also on failure) unless keep_fd (then it outlives the request). */
void http_respond_fd(struct http_request *r, int status, const char *content_type, int fd, bool keep_fd, uint64_t offset, uint64_t length);
/* length bytes of a stream, read by a pool thread into a bounded ring (256 KiB), sent by the event thread. length UINT64_MAX: chunked. A stream
 * that fails or ends early drops the connection, so that the client sees a short body. Takes the stream over. */
void http_respond_stream(struct http_request *r, int status, const char *content_type, struct stream *s, uint64_t length);
/* An endless answer (server-sent events): `next` is called on a pool thread whenever http_wake was called or every `idle_ms`; it appends to out (at most 64 KiB);
 * false ends the answer. */
typedef bool http_feed_fn(struct http_request *r, void *arg, struct buf *out);
void http_respond_feed(struct http_request *r, int status, const char *content_type, http_feed_fn *next, void *arg, uint64_t idle_ms);

/* --- Later ------------------------------------------------------------------------------------------------------------ */

typedef void http_fn(struct http_request *r, void *arg);
void http_defer(struct http_request *r, http_fn *fn, void *arg);
/* From a deferred fn: sleeps without a thread until http_wake(r) or deadline_ms from now, then runs fn on a pool thread. http_wake may come from any thread at any
 * time between http_wait and done, any number of times, also before http_wait returned (it is not lost). */
void http_wait(struct http_request *r, uint64_t deadline_ms, http_fn *fn, void *arg);
void http_wake(struct http_request *r);

/* From `request` or a deferred fn that was the first step: the body goes to sink, at most max_bytes (more: 413 and the connection closes), then fn runs on a pool thread with
 * complete == false in the case that the client left early (fn must then only clean up; it may not respond). sink returning false stops
 * taking: the rest is read and dropped up to 1 MiB, fn runs. `sink_blocks`: sink runs on pool threads instead, the connection sleeps meanwhile. */
typedef bool http_sink_fn(struct http_request *r, void *arg, struct slice piece);
typedef void http_body_fn(struct http_request *r, void *arg, bool complete);
void http_take_body(struct http_request *r, uint64_t max_bytes, bool sink_blocks, http_sink_fn *sink, http_body_fn *fn, void *arg);
/* The same into memory, at most max_bytes (413): for manifests and JSON. The bytes live until done. */
typedef void http_text_fn(struct http_request *r, void *arg, struct slice body);
void http_take_text(struct http_request *r, size_t max_bytes, http_text_fn *fn, void *arg);
