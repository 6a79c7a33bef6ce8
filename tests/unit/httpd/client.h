/* A server in the process and raw sockets as its client. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "httpd.h"
#include "os.h"

struct world {
	struct httpd *h;
	atomic_uint requests, done, left, complete, waits, released;
	atomic_int last_status;
	_Atomic uint64_t last_bytes;
	atomic_bool slow_ok;
	_Atomic(struct http_request *) waiter;
	pthread_mutex_t lock;
	int fd;			/* a file of 1 MiB */
	char big[70000];
};

static inline void server_open(struct world *w, struct httpd_options o, const struct httpd_ops *ops)
{
	static const struct httpd_listen any = { .address = "127.0.0.1:0" };
	struct err e;
	if (!o.n_listens) {
		o.listens = &any;
		o.n_listens = 1;
	}
	o.event_threads = o.event_threads ? o.event_threads : 2;
	o.pool_threads = o.pool_threads ? o.pool_threads : 4;
	if (httpd_open(&o, ops, w, &w->h, &e) != OK)
		fail_msg("%s", e.msg);
}

static inline int dial(const struct world *w)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(httpd_port(w->h, 0)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static inline void say_bytes(int fd, const void *p, size_t n)
{
	for (const char *s = p; n;) {
		ssize_t m = send(fd, s, n, MSG_NOSIGNAL);
		if (m <= 0)
			return;	/* the server may close early */
		s += m;
		n -= (size_t)m;
	}
}
static inline void say(int fd, const char *s) { say_bytes(fd, s, strlen(s)); }

/* What comes within ms, until the other side closes or `until` bytes are there. */
[[gnu::noinline, maybe_unused]] static size_t hear_upto(int fd, char *dst, size_t cap, size_t until, int ms)
{
	size_t n = 0;
	uint64_t end = os_monotonic_ns() + (uint64_t)ms * 1000000;
	while (n < until && n < cap - 1) {
		uint64_t now = os_monotonic_ns();
		struct pollfd p = { fd, POLLIN, 0 };
		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) <= 0)
			break;
		ssize_t m = recv(fd, dst + n, MIN(until, cap - 1) - n, 0);
		if (m <= 0)
			break;
		n += (size_t)m;
	}
	dst[n] = 0;
	return n;
}

/* One whole answer by its Content-Length (or chunked, or to the close); the rest of the stream stays. Returns the status, 0: closed. */
struct answer_seen { int status; char head[8192]; char body[140000]; size_t n_body; bool closes; };
[[gnu::noinline, maybe_unused]] static int hear(int fd, struct answer_seen *a, bool is_head)
{
	size_t n = 0;
	*a = (struct answer_seen){ 0 };
	while (n < sizeof(a->head) - 1 && !strstr(a->head, "\r\n\r\n")) {
		struct pollfd p = { fd, POLLIN, 0 };
		if (poll(&p, 1, 15000) <= 0 || recv(fd, a->head + n, 1, 0) != 1)
			return 0;
		n++;
	}
	a->status = atoi(a->head + 9);
	a->closes = strcasestr(a->head, "connection: close");
	const char *cl = strcasestr(a->head, "content-length: ");
	if (is_head || a->status == 100 || a->status == 204 || a->status == 304)
		return a->status;
	size_t want = cl ? (size_t)atoll(cl + 16) : sizeof(a->body) - 1;
	a->n_body = hear_upto(fd, a->body, sizeof(a->body), want, 15000);
	return a->status;
}

static inline bool is_closed(int fd, int ms)
{
	char c[256];
	uint64_t end = os_monotonic_ns() + (uint64_t)ms * 1000000;
	for (;;) {
		uint64_t now = os_monotonic_ns();
		struct pollfd p = { fd, POLLIN, 0 };
		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) <= 0)
			return false;
		if (recv(fd, c, sizeof(c), 0) <= 0)
			return true;
	}
}

static inline void eventually(atomic_uint *v, unsigned want)
{
	for (int i = 0; i < 1000 && atomic_load(v) != want; i++)
		usleep(10000);
	assert_int_equal(atomic_load(v), want);
}

static inline int ask(const struct world *w, const char *request, struct answer_seen *a)
{
	int fd = dial(w);
	say(fd, request);
	int status = hear(fd, a, !strncmp(request, "HEAD", 4));
	close(fd);
	return status;
}
