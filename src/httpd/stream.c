/* Answers made while they go out: a pool thread fills a ring or a text, libmicrohttpd's content reader empties it on the event thread and puts the
 * connection to sleep when there is nothing. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "private.h"

enum { BLOCK_BYTES = 32 << 10 };

static void sending(struct http_request *r)
{
	if (atomic_load_explicit(&r->c->phase, memory_order_relaxed) != PHASE_ANSWER)
		httpd_phase(r->c, PHASE_ANSWER);
}

/* --- Streams ------------------------------------------------------------------------------------------------------------- */

/* One read into the ring's free part; with the lock held, which is dropped meanwhile. */
static void fill_once(struct http_request *r, size_t at, size_t space)
{
	struct body_out *o = &r->out;
	struct err e;
	size_t got = 0;
	pthread_mutex_unlock(&r->lock);
	enum err_code code = stream_read(r->answer.stream, o->ring + at, (size_t)MIN((uint64_t)space, o->left), &got, &e);
	pthread_mutex_lock(&r->lock);
	o->n += code == OK ? got : 0;
	bool whole = o->left == UINT64_MAX;
	if (!whole)
		o->left -= got;
	o->failed = code != OK || (!got && !whole);
	o->eof = o->failed || !got || !o->left;
}

static void run_fill(struct job *j)
{
	struct http_request *r = job_request(j);
	struct body_out *o = &r->out;
	pthread_mutex_lock(&r->lock);
	while (!o->eof && !r->gone && o->n < o->cap) {
		size_t at = (o->at + o->n) % o->cap, space = at < o->at ? o->at - at : o->cap - at;
		fill_once(r, at, MIN(space, o->cap - o->n));
		if (o->paused && !r->gone) {
			o->paused = false;
			httpd_resume(r);
		}
	}
	o->busy = false;
	struct stream *s = NULL;
	if (o->eof || r->gone) {
		s = r->answer.stream;
		r->answer.stream = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	stream_close(s);
	httpd_request_unref(r);
}

static ssize_t read_ring(void *cls, uint64_t pos, char *dst, size_t max)
{
	(void)pos;
	struct http_request *r = cls;
	struct body_out *o = &r->out;
	ssize_t ret = 0;
	pthread_mutex_lock(&r->lock);
	bool idle = !o->busy && !o->eof;
	if (o->n) {
		size_t m = MIN(MIN(max, o->n), o->cap - o->at);
		memcpy(dst, o->ring + o->at, m);
		o->at = (o->at + m) % o->cap;
		o->n -= m;
		r->bytes_out += m;
		ret = (ssize_t)m;
		idle &= o->n <= o->cap / 2;
		sending(r);
	} else if (o->eof) {
		ret = o->failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		o->paused = true;
		httpd_suspend(r);
	}
	if (idle) {
		o->busy = true;
		httpd_pool_submit(r, run_fill);
	}
	pthread_mutex_unlock(&r->lock);
	return ret;
}

struct MHD_Response *httpd_stream_response(struct http_request *r)
{
	struct body_out *o = &r->out;
	o->left = r->answer.length;
	o->eof = !o->left;
	o->large = atomic_fetch_add(&r->h->large_rings, 1) < MAX_LARGE_RINGS;
	if (!o->large)
		atomic_fetch_sub(&r->h->large_rings, 1);
	o->cap = o->large ? RING_BYTES : SMALL_RING_BYTES;
	o->ring = malloc(o->cap);
	if (!o->ring)
		return NULL;
	return httpd_mhd.MHD_create_response_from_callback(r->answer.length == UINT64_MAX ? MHD_SIZE_UNKNOWN : r->answer.length, BLOCK_BYTES, read_ring,
							   r, NULL);
}

static void run_close(struct job *j)
{
	struct http_request *r = job_request(j);
	stream_close(r->answer.stream);
	r->answer.stream = NULL;
	httpd_request_unref(r);
}

/* The answer is over, sent or not. Closing a stream may block. */
void httpd_stream_gone(struct http_request *r)
{
	pthread_mutex_lock(&r->lock);
	r->gone = true;
	bool close = r->answer.stream && !r->out.busy && r->step == STEP_SENDING;
	pthread_mutex_unlock(&r->lock);
	if (close)
		httpd_pool_submit(r, run_close);
}

void httpd_stream_release(struct http_request *r)
{
	if (r->out.large)
		atomic_fetch_sub(&r->h->large_rings, 1);
	free(r->out.ring);
	r->out.ring = NULL;
	buf_free(&r->out.text);
}

/* --- Feeds ----------------------------------------------------------------------------------------------------------------- */

static void run_feed(struct job *j);
static void on_wake_feed(struct http_request *r) { httpd_pool_submit(r, run_feed); }

/* The connection sleeps, so the text is this thread's. */
static void run_feed(struct job *j)
{
	struct http_request *r = job_request(j);
	struct body_out *o = &r->out;
	bool more = r->answer.feed(r, r->answer.feed_arg, &o->text);
	o->failed = o->text.failed;
	o->eof = o->failed || !more || atomic_load(&r->h->aborting);
	if (o->text.n || o->eof)
		httpd_resume(r);
	else
		httpd_wait_begin(r, r->answer.feed_idle_ms, on_wake_feed);
	httpd_request_unref(r);
}

static ssize_t read_feed(void *cls, uint64_t pos, char *dst, size_t max)
{
	(void)pos;
	struct http_request *r = cls;
	struct body_out *o = &r->out;
	size_t m = MIN(max, o->text.n - o->text_at);
	if (m && !o->failed) {
		memcpy(dst, o->text.p + o->text_at, m);
		o->text_at += m;
		r->bytes_out += m;
		sending(r);
		return (ssize_t)m;
	}
	if (o->eof)
		return o->failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
	buf_clear(&o->text);
	o->text_at = 0;
	httpd_suspend(r);
	if (o->started) {
		httpd_wait_begin(r, r->answer.feed_idle_ms, on_wake_feed);
	} else {
		o->started = true;
		httpd_pool_submit(r, run_feed);
	}
	return 0;
}

struct MHD_Response *httpd_feed_response(struct http_request *r)
{
	r->out.text = BUF(FEED_BYTES);
	return httpd_mhd.MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_feed, r, NULL);
}

/* --- Files over TLS, where there is no sendfile ------------------------------------------------------------------------------ */

static ssize_t read_file(void *cls, uint64_t pos, char *dst, size_t max)
{
	struct http_request *r = cls;
	ssize_t n;
	do
		n = pread(r->answer.fd, dst, max, (off_t)(r->answer.offset + pos));
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

struct MHD_Response *httpd_file_response(struct http_request *r)
{
	return httpd_mhd.MHD_create_response_from_callback(r->answer.length, BLOCK_BYTES, read_file, r, NULL);
}
