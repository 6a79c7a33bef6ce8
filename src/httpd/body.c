/* Bodies on their way in. What blocks gets them through two buffers: the event thread fills one while a pool thread drains the other. The buffers
 * of all requests are bounded; who finds none left hands over libmicrohttpd's own and sleeps meanwhile. */
#include <stdlib.h>
#include "private.h"

/* Many that each send nearly all of a large text, and then dawdle, do not fill the memory. */
static bool text_sink(struct http_request *r, void *arg, struct slice piece)
{
	struct body_in *in = &r->in;
	(void)arg;
	if (in->text.n + piece.n > TEXT_FREE) {
		in->counted += piece.n;
		if (atomic_fetch_add(&r->h->text_bytes, piece.n) + piece.n > MAX_TEXT_BYTES) {
			in->crowded = true;
			return false;
		}
	}
	return buf_put_slice(&in->text, piece);
}

static void take(struct http_request *r, struct body_in in)
{
	if ((r->step != STEP_NONE && r->step != STEP_RUNNING) || r->first_passed) {
		httpd_answer_now(r, 500, "the request was answered twice", true);
		return;
	}
	r->in = in;
	r->in.too_large = r->framing.length > in.max;
	r->step = STEP_BODY;
}

void http_take_body(struct http_request *r, uint64_t max_bytes, bool sink_blocks, http_sink_fn *sink, http_body_fn *fn, void *arg)
{
	take(r, (struct body_in){ .max = max_bytes, .sink = sink, .fn = fn, .arg = arg, .blocks = sink_blocks });
}

void http_take_text(struct http_request *r, size_t max_bytes, http_text_fn *fn, void *arg)
{
	take(r, (struct body_in){ .max = max_bytes, .sink = text_sink, .text_fn = fn, .arg = arg, .text = BUF(max_bytes + 1) });
}

/* --- Ends, on a pool thread -------------------------------------------------------------------------------------------- */

static void call_end(struct http_request *r)
{
	r->step = STEP_RUNNING;
	r->in.ended = true;
	if (r->in.crowded) {
		http_add_header(r, "Retry-After", SL("2"));
		http_respond(r, 503, "text/plain", SL("too much is being sent at once; try again\n"));
	} else if (r->in.text_fn && !r->in.text.failed)
		r->in.text_fn(r, r->in.arg, buf_slice(&r->in.text));
	else if (r->in.fn)
		r->in.fn(r, r->in.arg, true);
	httpd_after_fn(r);
}

static void run_end(struct job *j)
{
	struct http_request *r = job_request(j);
	call_end(r);
	httpd_request_unref(r);
}

static void call_abandoned(struct http_request *r)
{
	r->in.ended = true;
	if (r->in.fn)
		r->in.fn(r, r->in.arg, false);
}

static void run_gone(struct job *j)
{
	struct http_request *r = job_request(j);
	call_abandoned(r);
	httpd_request_unref(r);
}

static void refuse(struct http_request *r)
{
	call_abandoned(r);
	r->n_headers = 0;
	r->step = STEP_RUNNING;
	httpd_answer_now(r, 413, "the body is too large", true);
	httpd_resume(r);
}

static void run_too_large(struct job *j)
{
	struct http_request *r = job_request(j);
	refuse(r);
	httpd_request_unref(r);
}

static void sleep_for(struct http_request *r, void (*run)(struct job *j))
{
	r->step = STEP_RUNNING;
	httpd_suspend(r);
	httpd_pool_submit(r, run);
}

/* --- A sink that blocks ------------------------------------------------------------------------------------------------- */

static uint8_t *buffer_get(struct httpd *h)
{
	uint8_t *p = NULL;
	if (atomic_fetch_add(&h->body_buffers, 1) < MAX_BODY_BUFFERS)
		p = malloc(BODY_BUFFER);
	if (!p)
		atomic_fetch_sub(&h->body_buffers, 1);
	return p;
}

static void buffer_put(struct httpd *h, uint8_t **p)
{
	if (*p)
		atomic_fetch_sub(&h->body_buffers, 1);
	free(*p);
	*p = NULL;
}

static void swap(struct body_in *in)
{
	uint8_t *p = in->drain;
	in->drain = in->fill;
	in->n_drain = in->n_fill;
	in->fill = p;
	in->n_fill = 0;
}

static void run_drain(struct job *j)
{
	struct http_request *r = job_request(j);
	struct body_in *in = &r->in;
	for (bool more = true; more;) {
		bool ok = in->failed || in->sink(r, in->arg, slice_of(in->drain, in->n_drain));	/* failed: set by this job alone */
		pthread_mutex_lock(&r->lock);
		in->failed |= !ok;
		more = in->n_fill && !r->gone;
		if (more)
			swap(in);
		else
			in->draining = false;
		bool resume = in->paused, final = in->final && !more, gone = r->gone;
		in->paused = false;
		if (!more) {
			buffer_put(r->h, &in->drain);
			if (!in->n_fill)
				buffer_put(r->h, &in->fill);
		}
		pthread_mutex_unlock(&r->lock);
		if (resume)
			httpd_resume(r);
		if (final && in->too_large)
			refuse(r);
		else if (final)
			call_end(r);
		else if (!more && gone)
			call_abandoned(r);
	}
	httpd_request_unref(r);
}

static void run_in_place(struct job *j)
{
	struct http_request *r = job_request(j);
	struct body_in *in = &r->in;
	if (!in->sink(r, in->arg, slice_of(in->in_place_p, in->in_place)))
		in->failed = true;
	in->in_place_done = in->in_place;
	httpd_resume(r);
	httpd_request_unref(r);
}

static enum MHD_Result feed_buffers(struct http_request *r, const char *data, size_t *n)
{
	struct body_in *in = &r->in;
	if (in->in_place_done) {
		data += in->in_place_done;
		*n -= in->in_place_done;
		in->in_place_done = 0;
		if (!*n)
			return MHD_YES;
	}
	pthread_mutex_lock(&r->lock);
	if (!in->fill)
		in->fill = buffer_get(r->h);
	if (!in->fill && !in->draining) {
		in->in_place_p = (const uint8_t *)data;
		in->in_place = *n;
		/* nothing counts as taken until the sink had it */
		httpd_suspend(r);
		httpd_pool_submit(r, run_in_place);
		pthread_mutex_unlock(&r->lock);
		return MHD_YES;
	}
	size_t part = in->fill ? MIN(*n, (size_t)BODY_BUFFER - in->n_fill) : 0;
	if (part)
		memcpy(in->fill + in->n_fill, data, part);
	in->n_fill += part;
	*n -= part;
	if (!in->draining && in->n_fill) {
		swap(in);
		in->draining = true;
		httpd_pool_submit(r, run_drain);
	}
	if (*n) {
		in->paused = true;
		httpd_suspend(r);
	}
	pthread_mutex_unlock(&r->lock);
	return MHD_YES;
}

/* --- From libmicrohttpd, on the event thread ------------------------------------------------------------------------------ */

/* The taking ends here: once what was taken is drained, a pool thread goes on. */
static void end_taking(struct http_request *r)
{
	struct body_in *in = &r->in;
	pthread_mutex_lock(&r->lock);
	bool busy = in->draining;
	if (busy) {
		in->final = true;
		r->step = STEP_RUNNING;
		httpd_suspend(r);
	}
	pthread_mutex_unlock(&r->lock);
	if (!busy)
		sleep_for(r, in->too_large ? run_too_large : run_end);
}

void httpd_body_final(struct http_request *r) { end_taking(r); }

static enum MHD_Result take_piece(struct http_request *r, const char *data, size_t *n)
{
	struct body_in *in = &r->in;
	if (in->blocks)
		return feed_buffers(r, data, n);
	if (!in->sink(r, in->arg, slice_of(data, *n)))
		in->failed = true;
	*n = 0;
	return MHD_YES;
}

enum MHD_Result httpd_body_piece(struct http_request *r, const char *data, size_t *n)
{
	struct body_in *in = &r->in;
	size_t before = *n;
	if (atomic_load_explicit(&r->c->phase, memory_order_relaxed) != PHASE_BODY)
		httpd_phase(r->c, PHASE_BODY);
	if (in->too_large || in->taken + before > in->max) {
		in->too_large = true;
		end_taking(r);
		return MHD_YES;
	}
	pthread_mutex_lock(&r->lock);
	bool off = in->failed && !in->in_place_done;
	pthread_mutex_unlock(&r->lock);
	if (off) {
		in->dropped += before;
		*n = in->dropped > DRAIN_BYTES;	/* one byte stays: only with something to give is the handler called again */
		if (*n)
			end_taking(r);
		return MHD_YES;
	}
	enum MHD_Result ok = take_piece(r, data, n);
	in->taken += before - *n;
	return ok;
}

/* The request is over; was it in the midst of its body? */
void httpd_body_gone(struct http_request *r)
{
	struct body_in *in = &r->in;
	if (r->step != STEP_BODY || in->ended)
		return;
	pthread_mutex_lock(&r->lock);
	bool busy = in->draining;
	r->gone = true;
	pthread_mutex_unlock(&r->lock);
	if (!busy && in->fn)
		httpd_pool_submit(r, run_gone);
}

void httpd_body_release(struct http_request *r)
{
	buffer_put(r->h, &r->in.fill);
	buffer_put(r->h, &r->in.drain);
	buf_free(&r->in.text);
	atomic_fetch_sub(&r->h->text_bytes, r->in.counted);
	r->in.counted = 0;
}
