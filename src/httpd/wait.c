/* Requests asleep without a thread, until woken or until their time: a heap by deadline that the watch thread works off. */
#include "private.h"
#include <stdlib.h>

static void heap_set(struct httpd *h, size_t i, struct http_request *r)
{
	h->heap[i] = r;
	r->heap_at = i;
}

static void heap_up(struct httpd *h, size_t i)
{
	struct http_request *r = h->heap[i];
	while (i && h->heap[(i - 1) / 2]->deadline_ns > r->deadline_ns) {
		heap_set(h, i, h->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(h, i, r);
}

static void heap_down(struct httpd *h, size_t i)
{
	struct http_request *r = h->heap[i];
	for (size_t child; (child = 2 * i + 1) < h->n_heap; i = child) {
		if (child + 1 < h->n_heap && h->heap[child + 1]->deadline_ns < h->heap[child]->deadline_ns)
			child++;
		if (h->heap[child]->deadline_ns >= r->deadline_ns)
			break;
		heap_set(h, i, h->heap[child]);
	}
	heap_set(h, i, r);
}

static bool heap_add(struct httpd *h, struct http_request *r)
{
	if (h->n_heap == h->heap_cap) {
		size_t cap = h->heap_cap ? h->heap_cap * 2 : 64;
		struct http_request **more = reallocarray(h->heap, cap, sizeof(*more));
		if (!more)
			return false;
		h->heap = more;
		h->heap_cap = cap;
	}
	heap_set(h, h->n_heap++, r);
	heap_up(h, r->heap_at);
	return true;
}

static void heap_remove(struct httpd *h, struct http_request *r)
{
	size_t i = r->heap_at;
	struct http_request *last = h->heap[--h->n_heap];
	if (last == r)
		return;
	heap_set(h, i, last);
	heap_up(h, i);
	heap_down(h, last->heap_at);
}

void httpd_wait_begin(struct http_request *r, uint64_t ms, void (*on_wake)(struct http_request *r))
{
	struct httpd *h = r->h;
	pthread_mutex_lock(&h->wait_lock);
	/* While the server stops, who waits on after being told is asked again soon, yet not in a busy loop. */
	if (atomic_load(&h->stopping))
		ms = MIN(ms, (uint64_t)100);
	r->on_wake = on_wake;
	r->deadline_ns = os_monotonic_ns() + MIN(ms, (uint64_t)1 << 40) * 1000000;
	bool now = r->wake_pending || !heap_add(h, r);
	r->wake_pending = false;
	r->waiting = !now;
	if (!now && !r->heap_at)
		pthread_cond_signal(&h->wait_changed);
	pthread_mutex_unlock(&h->wait_lock);
	if (now)
		on_wake(r);
}

void http_wake(struct http_request *r)
{
	struct httpd *h = r->h;
	pthread_mutex_lock(&h->wait_lock);
	if (r->waiting) {
		heap_remove(h, r);
		r->waiting = false;
		r->on_wake(r);
	} else {
		r->wake_pending = true;
	}
	pthread_mutex_unlock(&h->wait_lock);
}

uint64_t httpd_wait_run_due(struct httpd *h, uint64_t now_ns)
{
	while (h->n_heap && h->heap[0]->deadline_ns <= now_ns) {
		struct http_request *r = h->heap[0];
		heap_remove(h, r);
		r->waiting = false;
		r->on_wake(r);
	}
	return h->n_heap ? h->heap[0]->deadline_ns : UINT64_MAX;
}

void httpd_wait_wake_all(struct httpd *h)
{
	pthread_mutex_lock(&h->wait_lock);
	(void)httpd_wait_run_due(h, UINT64_MAX);
	pthread_mutex_unlock(&h->wait_lock);
}
