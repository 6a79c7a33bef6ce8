/* The pool of threads for what blocks. A job stands in its request, so queueing cannot fail. */
#include <stdlib.h>
#include "private.h"

static void *pool_thread(void *arg)
{
	struct httpd *h = arg;
	pthread_mutex_lock(&h->pool.lock);
	for (;;) {
		while (!h->pool.first && !h->pool.stop)
			pthread_cond_wait(&h->pool.more, &h->pool.lock);
		struct job *j = h->pool.first;
		if (!j)
			break;
		h->pool.first = j->next;
		if (!h->pool.first)
			h->pool.last = &h->pool.first;
		h->pool.queued--;
		h->pool.busy++;
		pthread_mutex_unlock(&h->pool.lock);
		j->run(j);
		pthread_mutex_lock(&h->pool.lock);
		h->pool.busy--;
	}
	pthread_mutex_unlock(&h->pool.lock);
	return NULL;
}

enum err_code httpd_pool_start(struct httpd *h, struct err *e)
{
	h->pool.last = &h->pool.first;
	h->pool.threads = calloc(h->o.pool_threads, sizeof(*h->pool.threads));
	if (!h->pool.threads)
		return err_set(e, ERR_NOMEM, 0, "no memory for the pool's threads");
	for (; h->pool.n < h->o.pool_threads; h->pool.n++) {
		int sys = pthread_create(&h->pool.threads[h->pool.n], NULL, pool_thread, h);
		if (sys)
			return err_set(e, ERR_IO, sys, "start a thread");
	}
	return OK;
}

void httpd_pool_stop(struct httpd *h)
{
	pthread_mutex_lock(&h->pool.lock);
	h->pool.stop = true;
	pthread_cond_broadcast(&h->pool.more);
	pthread_mutex_unlock(&h->pool.lock);
	for (unsigned i = 0; i < h->pool.n; i++)
		pthread_join(h->pool.threads[i], NULL);
	free(h->pool.threads);
	h->pool.threads = NULL;
	h->pool.n = 0;
}

void httpd_pool_submit(struct http_request *r, void (*run)(struct job *j))
{
	struct httpd *h = r->h;
	atomic_fetch_add(&r->refs, 1);
	r->job = (struct job){ .run = run };
	pthread_mutex_lock(&h->pool.lock);
	*h->pool.last = &r->job;
	h->pool.last = &r->job.next;
	h->pool.queued++;
	pthread_cond_signal(&h->pool.more);
	pthread_mutex_unlock(&h->pool.lock);
}

bool httpd_pool_is_full(struct httpd *h)
{
	pthread_mutex_lock(&h->pool.lock);
	bool full = h->pool.queued >= h->o.pool_queue;
	pthread_mutex_unlock(&h->pool.lock);
	return full;
}

void httpd_run_deferred(struct job *j)
{
	struct http_request *r = job_request(j);
	http_fn *fn = r->fn;
	r->step = STEP_RUNNING;
	fn(r, r->fn_arg);
	httpd_after_fn(r);
	httpd_request_unref(r);
}

static void on_wake_deferred(struct http_request *r) { httpd_pool_submit(r, httpd_run_deferred); }

void httpd_after_fn(struct http_request *r)
{
	if (r->step == STEP_WAIT && !atomic_load(&r->h->aborting)) {
		httpd_wait_begin(r, r->wait_ms, on_wake_deferred);
		return;
	}
	if (r->step == STEP_DEFER) {
		httpd_pool_submit(r, httpd_run_deferred);
		return;
	}
	if (r->step == STEP_WAIT)
		httpd_answer_now(r, 503, "the server is stopping", true);
	else if (r->step == STEP_RUNNING)
		httpd_answer_now(r, 500, "the request was not answered", false);
	httpd_resume(r);
}

static bool may_go_on(struct http_request *r)
{
	if (r->step == STEP_NONE || r->step == STEP_RUNNING)
		return true;
	httpd_answer_now(r, 500, "the request was answered twice", true);
	return false;
}

void http_defer(struct http_request *r, http_fn *fn, void *arg)
{
	if (!may_go_on(r))
		return;
	r->fn = fn;
	r->fn_arg = arg;
	r->step = STEP_DEFER;
}

void http_wait(struct http_request *r, uint64_t deadline_ms, http_fn *fn, void *arg)
{
	if (!may_go_on(r))
		return;
	r->fn = fn;
	r->fn_arg = arg;
	r->wait_ms = deadline_ms;
	r->step = STEP_WAIT;
}
