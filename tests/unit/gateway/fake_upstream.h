/* A registry in this process that answers as the test says: one thread a connection, one request a connection. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base.h"

struct fake_request { char method[8], path[512], authorization[512]; unsigned long long range; bool has_range; };
struct fake_answer { int status; char headers[2048]; const void *body; size_t n; uint64_t promise /* Content-Length, when not n */; bool endless; unsigned stall_ms; };
typedef void fake_fn(const struct fake_request *q, struct fake_answer *a);

struct fake { int fd; uint16_t port; fake_fn *fn; pthread_t thread; char log[200][600]; _Atomic unsigned n; };

static void fake_write(int fd, const void *p, size_t n)
{
	for (const char *at = p; n;) {
		ssize_t w = send(fd, at, n, MSG_NOSIGNAL);
		if (w <= 0)
			return;
		at += w;
		n -= (size_t)w;
	}
}

struct fake_conn { struct fake *f; int fd; };

static void fake_header(const char *head, const char *name, char *dst, size_t cap)
{
	const char *at = strcasestr(head, name);
	*dst = 0;
	if (at)
		snprintf(dst, cap, "%.*s", (int)strcspn(at + strlen(name), "\r\n"), at + strlen(name));
}

static void *fake_serve(void *arg)
{
	struct fake_conn c = *(struct fake_conn *)arg;
	char head[8192] = "", range[64];
	size_t n = 0;
	free(arg);
	while (n < sizeof(head) - 1 && !strstr(head, "\r\n\r\n")) {
		ssize_t r = recv(c.fd, head + n, sizeof(head) - 1 - n, 0);
		if (r <= 0)
			break;
		head[n += (size_t)r] = 0;
	}
	struct fake_request q = { 0 };
	struct fake_answer a = { .status = 404, .promise = UINT64_MAX };
	if (sscanf(head, "%7s %511s", q.method, q.path) == 2) {
		fake_header(head, "\r\nAuthorization: ", q.authorization, sizeof(q.authorization));
		fake_header(head, "\r\nRange: bytes=", range, sizeof(range));
		q.has_range = sscanf(range, "%llu-", &q.range) == 1;
		unsigned at = c.f->n++;
		snprintf(c.f->log[at % 200], 600, "%s %s", q.method, q.path);
		c.f->fn(&q, &a);
		char out[4096];
		int len = snprintf(out, sizeof(out), "HTTP/1.1 %d X\r\nConnection: close\r\n%s", a.status, a.headers);
		if (!a.endless)
			len += snprintf(out + len, sizeof(out) - (size_t)len, "Content-Length: %llu\r\n", (unsigned long long)(a.promise == UINT64_MAX ? a.n : a.promise));
		len += snprintf(out + len, sizeof(out) - (size_t)len, "\r\n");
		if (a.stall_ms)
			usleep(a.stall_ms * 1000);
		fake_write(c.fd, out, (size_t)len);
		if (strcmp(q.method, "HEAD"))
			fake_write(c.fd, a.body, a.n);
		for (char space[4096] = { 0 }; a.endless && send(c.fd, space, sizeof(space), MSG_NOSIGNAL) > 0;)
			;
	}
	shutdown(c.fd, SHUT_WR);
	while (recv(c.fd, head, sizeof(head), 0) > 0)
		;
	close(c.fd);
	return NULL;
}

static void *fake_listen(void *arg)
{
	struct fake *f = arg;
	for (int fd; (fd = accept(f->fd, NULL, NULL)) >= 0;) {
		struct fake_conn *c = malloc(sizeof(*c));
		pthread_t t;
		*c = (struct fake_conn){ f, fd };
		if (!pthread_create(&t, NULL, fake_serve, c))
			pthread_detach(t);
	}
	return NULL;
}

static void fake_start(struct fake *f, fake_fn *fn)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	*f = (struct fake){ .fn = fn, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (bind(f->fd, (struct sockaddr *)&in, sizeof(in)) || listen(f->fd, 64) || getsockname(f->fd, (struct sockaddr *)&in, &len))
		abort();
	f->port = ntohs(in.sin_port);
	pthread_create(&f->thread, NULL, fake_listen, f);
}

static void fake_stop(struct fake *f)
{
	shutdown(f->fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->fd);
}

static unsigned fake_count(struct fake *f, const char *what)
{
	unsigned n = 0;
	for (unsigned i = 0; i < f->n && i < 200; i++)
		n += strstr(f->log[i], what) != NULL;
	return n;
}
