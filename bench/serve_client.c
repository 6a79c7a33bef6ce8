/* The client of bench/serve where wrk will not do:
 *
 *   serve_client push HOST:PORT REPOSITORY BYTES COUNT AT_ONCE [TOKEN]    uploads as Docker does (POST, PATCH, PUT); prints seconds
 *   serve_client head HOST:PORT PATH CONNECTIONS SECONDS [TOKEN]          HEAD requests; prints requests a second
 *   serve_client slow PORT HOST:PORT MEGABYTES                            a proxy; all its connections together get that much a second
 *
 * Bytes and digests of uploads are made before the clock starts. TOKEN "-" means none. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/evp.h>

enum { HEAD_BYTES = 32 << 10, THREADS = 2, PIECE = 64 << 10 };

static const char *host, *token = "-";
static char address[256], port[16];

static void die(const char *what)
{
	fprintf(stderr, "serve_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void set_host(const char *text)
{
	const char *colon = strrchr(text, ':');
	host = text;
	if (!colon || (size_t)(colon - text) >= sizeof(address) || strlen(colon + 1) >= sizeof(port))
		die("HOST:PORT");
	memcpy(address, text, (size_t)(colon - text));
	strcpy(port, colon + 1);
}

static int dial(void)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	int one = 1;
	if (getaddrinfo(address, port, &hints, &found))
		die("address");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	freeaddrinfo(found);
	return fd;
}

static void send_all(int fd, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
		if (k <= 0)
			die("send");
		at += (size_t)k;
	}
}

static void send_head(int fd, const char *method, const char *path, size_t length, bool body)
{
	char head[HEAD_BYTES], extra[100] = "";
	bool bearer = strcmp(token, "-") != 0;
	if (body)
		snprintf(extra, sizeof(extra), "Content-Length: %zu\r\nContent-Type: application/octet-stream\r\n", length);
	int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/vnd.oci.image.manifest.v1+json\r\n%s%s%s%s\r\n", method, path, host, bearer ? "Authorization: Bearer " : "",
			 bearer ? token : "", bearer ? "\r\n" : "", extra);
	send_all(fd, head, (size_t)n);
}

/* An answer's head; the body, of which Content-Length tells, is read and dropped. */
static int read_answer(int fd, char head[HEAD_BYTES], bool has_body)
{
	size_t n = 0;
	char *end = NULL;
	while (!end) {
		ssize_t k = n + 1 < HEAD_BYTES ? recv(fd, head + n, HEAD_BYTES - 1 - n, 0) : 0;
		if (k <= 0)
			die("the server's answer");
		n += (size_t)k;
		head[n] = 0;
		end = strstr(head, "\r\n\r\n");
	}
	char *length = strcasestr(head, "\r\ncontent-length:");
	size_t want = has_body && length && length < end ? strtoul(length + 17, NULL, 10) : 0, got = n - (size_t)(end + 4 - head);
	while (got < want) {
		char rest[4096];
		ssize_t k = recv(fd, rest, sizeof(rest), 0);
		if (k <= 0)
			die("the server's answer");
		got += (size_t)k;
	}
	end[2] = 0;
	return atoi(head + 9);
}

/* --- push -------------------------------------------------------------------------------------------------------------- */

struct blob { uint8_t *bytes; char digest[72]; };
static struct { const char *repository; size_t size, count; struct blob *blobs; size_t next; pthread_mutex_t lock; } work = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void make(struct blob *b)
{
	uint8_t sum[32];
	unsigned n = 0;
	b->bytes = malloc(work.size);
	if (!b->bytes)
		die("memory");
	for (size_t at = 0; at < work.size;) {
		ssize_t k = getrandom(b->bytes + at, work.size - at, 0);
		at += k > 0 ? (size_t)k : 0;
	}
	EVP_Digest(b->bytes, work.size, sum, &n, EVP_sha256(), NULL);
	strcpy(b->digest, "sha256:");
	for (unsigned i = 0; i < 32; i++)
		sprintf(b->digest + 7 + 2 * i, "%02x", sum[i]);
}

static void location(const char *head, char path[4096])
{
	const char *at = strcasestr(head, "\r\nlocation:");
	if (!at)
		die("no Location");
	at += 11;
	at += strspn(at, " ");
	if (!strncmp(at, "http://", 7))
		at = strchr(at + 7, '/');
	size_t n = strcspn(at, "\r");
	if (n >= 4000)
		die("Location");
	memcpy(path, at, n);
	path[n] = 0;
}

static void expect(int status, int want, const char *head)
{
	if (status == want)
		return;
	fprintf(stderr, "serve_client: not %d: %s\n", want, head);
	exit(1);
}

static void push(int fd, const struct blob *b)
{
	char path[4096], head[HEAD_BYTES];
	snprintf(path, sizeof(path), "/v2/%s/blobs/uploads/", work.repository);
	send_head(fd, "POST", path, 0, true);
	expect(read_answer(fd, head, true), 202, head);
	location(head, path);
	send_head(fd, "PATCH", path, work.size, true);
	send_all(fd, b->bytes, work.size);
	expect(read_answer(fd, head, true), 202, head);
	location(head, path);
	size_t n = strlen(path);
	snprintf(path + n, sizeof(path) - n, "%cdigest=%s", strchr(path, '?') ? '&' : '?', b->digest);
	send_head(fd, "PUT", path, 0, true);
	expect(read_answer(fd, head, true), 201, head);
}

static void *pusher(void *arg)
{
	int fd = dial();
	(void)arg;
	for (;;) {
		pthread_mutex_lock(&work.lock);
		size_t i = work.next++;
		pthread_mutex_unlock(&work.lock);
		if (i >= work.count)
			break;
		push(fd, &work.blobs[i]);
	}
	close(fd);
	return NULL;
}

static void run_threads(void *(*fn)(void *), size_t n)
{
	pthread_t t[256];
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, fn, (void *)i))
			die("thread");
	for (size_t i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void do_push(char **a)
{
	set_host(a[0]);
	work.repository = a[1];
	work.size = strtoul(a[2], NULL, 10);
	work.count = strtoul(a[3], NULL, 10);
	work.blobs = calloc(work.count, sizeof(*work.blobs));
	for (size_t i = 0; i < work.count; i++)
		make(&work.blobs[i]);
	double start = now();
	run_threads(pusher, strtoul(a[4], NULL, 10));
	printf("%.4f\n", now() - start);
}

/* --- head --------------------------------------------------------------------------------------------------------------- */

static struct { const char *path; size_t connections; double until; size_t done[THREADS]; } heads;

static void *header(void *arg)
{
	size_t me = (size_t)arg, n = (heads.connections + THREADS - 1 - me) / THREADS;
	int fds[256];
	char head[HEAD_BYTES];
	for (size_t i = 0; i < n; i++) {
		fds[i] = dial();
		send_head(fds[i], "HEAD", heads.path, 0, false);
	}
	while (n && now() < heads.until)
		for (size_t i = 0; i < n; i++) {
			expect(read_answer(fds[i], head, false), 200, head);
			send_head(fds[i], "HEAD", heads.path, 0, false);
			heads.done[me]++;
		}
	return NULL;
}

static void do_head(char **a)
{
	set_host(a[0]);
	heads.path = a[1];
	heads.connections = strtoul(a[2], NULL, 10);
	double start = now();
	heads.until = start + atof(a[3]);
	run_threads(header, THREADS);
	size_t all = 0;
	for (size_t i = 0; i < THREADS; i++)
		all += heads.done[i];
	printf("%.1f\n", (double)all / (now() - start));
}

/* --- slow ---------------------------------------------------------------------------------------------------------------- */

static struct { double rate, at; pthread_mutex_t lock; } bucket = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void pay(size_t n)
{
	pthread_mutex_lock(&bucket.lock);
	double t = now(), from = bucket.at > t - 0.01 ? bucket.at : t - 0.01;
	bucket.at = from + (double)n / bucket.rate;
	double wait = bucket.at - t;
	pthread_mutex_unlock(&bucket.lock);
	if (wait > 0.001)
		usleep((useconds_t)(wait * 1e6));
}

static void *relay(void *arg)
{
	int a = (int)(intptr_t)arg, b = dial();
	struct pollfd f[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
	static _Thread_local char piece[PIECE];
	for (bool open = true; open && poll(f, 2, -1) > 0;)
		for (int i = 0; open && i < 2; i++) {
			if (!f[i].revents)
				continue;
			ssize_t n = recv(f[i].fd, piece, sizeof(piece), 0);
			open = n > 0;
			if (open && i)
				pay((size_t)n);
			for (ssize_t at = 0; open && at < n;) {
				ssize_t k = send(f[!i].fd, piece + at, (size_t)(n - at), MSG_NOSIGNAL);
				open = k > 0;
				at += k;
			}
		}
	close(a);
	close(b);
	return NULL;
}

static void do_slow(char **a)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[0])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set_host(a[1]);
	bucket.rate = atof(a[2]) * 1e6;
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 64))
		die("listen");
	for (;;) {
		pthread_t t;
		int fd = accept(l, NULL, NULL);
		if (fd >= 0 && !pthread_create(&t, NULL, relay, (void *)(intptr_t)fd))
			pthread_detach(t);
	}
}

int main(int argc, char **argv)
{
	if (argc >= 7 && !strcmp(argv[1], "push")) {
		token = argc > 7 ? argv[7] : token;
		do_push(argv + 2);
	} else if (argc >= 6 && !strcmp(argv[1], "head")) {
		token = argc > 6 ? argv[6] : token;
		do_head(argv + 2);
	} else if (argc == 5 && !strcmp(argv[1], "slow")) {
		do_slow(argv + 2);
	} else {
		fprintf(stderr, "usage: see the head of serve_client.c\n");
		return 2;
	}
	return 0;
}
