/* One thread a server: deadlines of waiting requests, and clients that are too slow.
 *
 * libmicrohttpd's own timeout starts anew with each byte, so it does not stop who sends one now and then. Here progress is what the kernel says went
 * over the socket (TCP_INFO), looked at about once a second; the requests' own path only counts its phases. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include "private.h"

enum { CLOSE_WAIT = 8 };	/* the kernel's TCP_CLOSE_WAIT */
struct progress { uint64_t in, out; int unsent; bool known, left; };

static struct progress progress_of(const struct conn *c)
{
	struct progress p = { 0 };
	struct tcp_info t;
	socklen_t n = sizeof(t);
	if (c->l->is_unix) {
		struct pollfd f = { c->fd, POLLRDHUP, 0 };
		int unread = 0;
		p.left = poll(&f, 1, 0) == 1 && !ioctl(c->fd, SIOCINQ, &unread) && !unread;
		return p;
	}
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &t, &n) || n < offsetof(struct tcp_info, tcpi_segs_out))
		return p;
	p = (struct progress){ .in = t.tcpi_bytes_received, .out = t.tcpi_bytes_acked, .known = true };
	if (ioctl(c->fd, SIOCOUTQ, &p.unsent))
		p.unsent = 0;
	int unread = 0;
	p.left = t.tcpi_state == CLOSE_WAIT && !ioctl(c->fd, SIOCINQ, &unread) && !unread;
	return p;
}

static void restart(struct conn *c, uint64_t now, uint64_t bytes)
{
	c->since_ns = now;
	c->since_bytes = bytes;
	c->receiving = false;
}

/* A connection may be younger than the moment the sweep began at: that is no time, not an age. */
static uint64_t since_ms(uint64_t now, uint64_t then) { return now > then ? (now - then) / 1000000 : 0; }

static bool below_rate(const struct httpd *h, const struct conn *c, uint64_t now, uint64_t bytes)
{
	return (bytes - c->since_bytes) * 1000 < h->o.min_bytes_s * since_ms(now, c->since_ns);
}

/* Between requests: idle until the first byte, then a head is coming in. */
static bool idle_too_slow(const struct httpd *h, struct conn *c, uint64_t now, const struct progress *p)
{
	if (p->known && !c->receiving && p->in > c->last_bytes) {
		restart(c, now, c->last_bytes);
		c->receiving = true;
	}
	c->last_bytes = p->in;
	if (!c->receiving)
		return since_ms(now, c->since_ns) > h->o.idle_ms;
	return since_ms(now, c->since_ns) > h->o.grace_ms && below_rate(h, c, now, p->in);
}

/* libmicrohttpd takes a short read for "nothing more", so a close that came with the last bytes is not seen by its edge-triggered loop. */
static bool too_slow(const struct httpd *h, struct conn *c, uint64_t now)
{
	uint32_t seq = atomic_load_explicit(&c->seq, memory_order_acquire);
	uint8_t phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
	if (seq == c->seen_seq && phase == PHASE_APP)
		return false;
	struct progress p = progress_of(c);
	uint64_t bytes = phase == PHASE_ANSWER ? p.out : p.in;
	if (seq != c->seen_seq) {
		c->seen_seq = seq;
		c->last_bytes = p.in;
		restart(c, now, bytes);
		return false;
	}
	if (p.left && phase != PHASE_ANSWER) {
		c->receiving = false;
		c->left = true;
		return true;
	}
	if (phase == PHASE_IDLE)
		return idle_too_slow(h, c, now, &p);
	if (!p.known || (phase == PHASE_ANSWER && !p.unsent)) {	/* it is not the client that is slow */
		restart(c, now, bytes);
		return false;
	}
	if (since_ms(now, c->since_ns) <= h->o.grace_ms)
		return false;
	if (below_rate(h, c, now, bytes))
		return true;
	restart(c, now, bytes);
	return false;
}

static void sweep(struct httpd *h, uint64_t now)
{
	pthread_mutex_lock(&h->conns_lock);
	for (struct conn *c = h->conns; c; c = c->next) {
		if (!too_slow(h, c, now))
			continue;
		if (!c->left && (c->receiving || atomic_load_explicit(&c->phase, memory_order_relaxed) != PHASE_IDLE))
			atomic_fetch_add_explicit(&h->dropped_slow, 1, memory_order_relaxed);
		restart(c, now, 0);
		shutdown(c->fd, SHUT_RDWR);	/* its event thread sees the end and cleans up */
	}
	pthread_mutex_unlock(&h->conns_lock);
}

void httpd_drop_all(struct httpd *h)
{
	pthread_mutex_lock(&h->conns_lock);
	for (struct conn *c = h->conns; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&h->conns_lock);
}

static void *watch_thread(void *arg)
{
	struct httpd *h = arg;
	uint64_t every = MAX(MIN(MIN(h->o.grace_ms, h->o.idle_ms) / 4, (uint64_t)1000), (uint64_t)20) * 1000000, next_sweep = os_monotonic_ns() + every;
	pthread_mutex_lock(&h->wait_lock);
	while (!h->watch_stop) {
		uint64_t now = os_monotonic_ns(), next = httpd_wait_run_due(h, now);
		if (now >= next_sweep) {
			pthread_mutex_unlock(&h->wait_lock);
			sweep(h, now);
			for (size_t i = 0; i < h->n_listeners; i++)
				if (h->listeners[i].tls)
					httpd_tls_poll(h->listeners[i].tls, now);
			pthread_mutex_lock(&h->wait_lock);
			next_sweep = now + every;
			continue;
		}
		next = MIN(next, next_sweep);
		struct timespec t = { (time_t)(next / 1000000000), (long)(next % 1000000000) };
		pthread_cond_timedwait(&h->wait_changed, &h->wait_lock, &t);
	}
	pthread_mutex_unlock(&h->wait_lock);
	return NULL;
}

enum err_code httpd_watch_start(struct httpd *h, struct err *e)
{
	int sys = pthread_create(&h->watch_thread, NULL, watch_thread, h);
	if (sys)
		return err_set(e, ERR_IO, sys, "start a thread");
	h->watch_started = true;
	return OK;
}

void httpd_watch_stop(struct httpd *h)
{
	if (!h->watch_started)
		return;
	pthread_mutex_lock(&h->wait_lock);
	h->watch_stop = true;
	pthread_cond_signal(&h->wait_changed);
	pthread_mutex_unlock(&h->wait_lock);
	pthread_join(h->watch_thread, NULL);
	h->watch_started = false;
}
