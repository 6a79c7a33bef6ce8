/* Slow clients, too many of them, a full queue, stopping, Unix sockets. */
#include "client.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void nap(struct http_request *r, void *arg)
{
	(void)arg;
	usleep(200000);
	http_respond(r, 200, "text/plain", http_stopping(r) ? SL("stopping") : SL("ok"));
}

static void wait_on(struct http_request *r, void *arg)
{
	struct world *w = arg;
	atomic_fetch_add(&w->waits, 1);
	http_wait(r, 60000, http_stopping(r) ? nap : wait_on, w);
}

/* Never ends by itself, whatever is said. */
static void tireless(struct http_request *r, void *arg)
{
	atomic_fetch_add(&((struct world *)arg)->waits, 1);
	http_wait(r, 60000, tireless, arg);
}

static void text(struct http_request *r, void *arg, struct slice body)
{
	(void)arg;
	http_respond(r, 200, "text/plain", body);
}

static void on_request(void *arg, struct http_request *r)
{
	struct world *w = arg;
	struct slice p = http_path(r);
	uint32_t uid;
	atomic_fetch_add(&w->requests, 1);
	if (slice_eqs(p, "/nap"))
		http_defer(r, nap, w);
	else if (slice_eqs(p, "/wait"))
		http_defer(r, wait_on, w);
	else if (slice_eqs(p, "/tireless"))
		http_defer(r, tireless, w);
	else if (slice_eqs(p, "/text"))
		http_take_text(r, 1 << 20, text, w);
	else if (slice_eqs(p, "/file"))
		http_respond_fd(r, 200, NULL, w->fd, true, 0, 64 << 20);
	else if (slice_eqs(p, "/uid"))
		http_respond(r, http_peer_uid(r, &uid) && uid == getuid() ? 200 : 403, "text/plain", slice_str(http_peer_text(r, w->big)));
	else
		http_respond(r, 200, "text/plain", SL("hello"));
}

static void on_done(void *arg, struct http_request *r, int status, uint64_t bytes, uint64_t ns, bool complete)
{
	(void)r;
	(void)ns;
	struct world *w = arg;
	atomic_store(&w->last_status, status);
	atomic_store(&w->last_bytes, bytes);
	atomic_fetch_add(&w->complete, complete);
	atomic_fetch_add(&w->done, 1);
}

static const struct httpd_ops ops = { on_request, on_done };

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	w->fd = memfd_create("file", MFD_CLOEXEC);
	assert_int_equal(ftruncate(w->fd, 64 << 20), 0);
	return w;
}

static void world_end(struct world *w, uint64_t grace_ms)
{
	httpd_close(w->h, grace_ms);
	assert_int_equal(atomic_load(&w->requests), atomic_load(&w->done));
	close(w->fd);
	free(w);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void slow_clients(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	server_open(w, (struct httpd_options){ .grace_ms = 300, .idle_ms = 1500, .min_bytes_s = 1000 }, &ops);
	int idle = dial(w), head = dial(w), body = dial(w), reader = dial(w), late = dial(w), good = dial(w), fresh = dial(w);
	uint64_t start = os_monotonic_ns();
	say(idle, GET("/"));
	say(late, GET("/wait"));
	say(good, "POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n");
	say(head, "GET / HTTP/1.1\r\nHost: ");
	say(body, "POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n");
	say(reader, GET("/file"));
	assert_int_equal(hear(idle, a, false), 200);
	char some[300];
	memset(some, 'x', sizeof(some));
	bool head_gone = false, body_gone = false;
	for (int i = 0; i < 20; i++) {	/* 20 bytes a second are too few, 6000 are not */
		say_bytes(good, some, 300);
		if (!head_gone)
			say(head, "x");
		if (!body_gone)
			say(body, "x");
		usleep(50000);
		head_gone |= is_closed(head, 1);
		body_gone |= is_closed(body, 1);
	}
	assert_true(head_gone && body_gone);
	assert_int_equal(hear(good, a, false), 200);
	assert_int_equal(a->n_body, 6000);
	assert_true(is_closed(idle, 3000));
	assert_true(is_closed(fresh, 3000));
	assert_true(os_monotonic_ns() - start < 6000000000u);
	eventually(&w->done, 4);	/* all but the one that waits */
	struct httpd_counts c;
	httpd_count(w->h, &c);
	assert_int_equal(c.dropped_slow, 3);
	assert_int_equal(c.waiting, 1);
	for (int fd = 0; fd < 7; fd++)
		close((int[]){ idle, head, body, reader, late, good, fresh }[fd]);
	free(a);
	world_end(w, 2000);
}

/* A client that has just connected and says nothing yet is not idle for long, whenever the watch comes by. */
static void fresh_connections(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	server_open(w, (struct httpd_options){ .grace_ms = 80, .idle_ms = 20000 }, &ops);
	for (int i = 0; i < 10; i++) {	/* the watch looks every 20 ms */
		int fd = dial(w);
		usleep(45000);
		say(fd, GET("/"));
		assert_int_equal(hear(fd, a, false), 200);
		close(fd);
	}
	free(a);
	world_end(w, 2000);
}

static void connection_limits(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	server_open(w, (struct httpd_options){ .max_per_address = 5 }, &ops);
	int fds[8];
	unsigned served = 0;
	for (int i = 0; i < 8; i++) {
		fds[i] = dial(w);
		say(fds[i], GET("/"));
		served += hear(fds[i], a, false) == 200;
	}
	assert_int_equal(served, 5);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	for (int i = 0; i < 300 && ask(w, GET("/"), a) != 200; i++)
		usleep(10000);
	struct httpd_counts c;
	httpd_count(w->h, &c);
	assert_true(c.refused_connections >= 3);
	free(a);
	world_end(w, 2000);
}

static void full_queue(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	server_open(w, (struct httpd_options){ .pool_threads = 1, .pool_queue = 2 }, &ops);
	int fds[8];
	unsigned ok = 0, full = 0;
	for (int i = 0; i < 8; i++) {
		fds[i] = dial(w);
		say(fds[i], GET("/nap"));
		usleep(10000);
	}
	for (int i = 0; i < 8; i++) {
		int status = hear(fds[i], a, false);
		ok += status == 200;
		full += status == 503 && strstr(a->head, "Retry-After: 1\r\n");
		close(fds[i]);
	}
	assert_int_equal(ok, 3);
	assert_int_equal(full, 5);
	free(a);
	world_end(w, 2000);
}

static void stops(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	server_open(w, (struct httpd_options){ 0 }, &ops);
	int nap_fd = dial(w), wait_fd = dial(w), idle = dial(w), reader = dial(w), body = dial(w), tireless_fd = dial(w);
	say(nap_fd, GET("/nap"));
	say(wait_fd, GET("/wait"));
	say(idle, GET("/"));
	say(reader, GET("/file"));
	say(body, "POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\nx");
	say(tireless_fd, GET("/tireless"));
	eventually(&w->requests, 6);
	usleep(30000);
	httpd_close(w->h, 700);
	assert_int_equal(hear(nap_fd, a, false), 200);
	assert_string_equal(a->body, "stopping");
	assert_int_equal(hear(wait_fd, a, false), 200);
	assert_int_equal(hear(idle, a, false), 200);
	assert_int_equal(atomic_load(&w->done), 6);
	assert_true(atomic_load(&w->waits) < 60);	/* asked again, yet not in a busy loop */
	int fds[] = { nap_fd, wait_fd, idle, reader, body, tireless_fd };
	for (int i = 0; i < 6; i++) {
		assert_true(is_closed(fds[i], 1000));
		close(fds[i]);
	}
	close(w->fd);
	free(a);
	free(w);
}

static void unix_socket(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct answer_seen *a = calloc(1, sizeof(*a));
	char dir[] = "/tmp/httpd-XXXXXX", address[100], path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	snprintf(path, sizeof(path), "%s/s", dir);
	struct httpd_listen l[2] = { { .address = address }, { .address = "[::1]:0" } };
	server_open(w, (struct httpd_options){ .listens = l, .n_listens = 2 }, &ops);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	struct err e;
	struct httpd *other;
	assert_int_not_equal(httpd_open(&(struct httpd_options){ .listens = l, .n_listens = 1 }, &ops, w, &other, &e), OK);
	for (int i = 0; i < 3; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		strcpy(un.sun_path, path);
		assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
		say(fd, GET("/uid"));
		assert_int_equal(hear(fd, a, false), 200);
		assert_string_equal(a->body, "unix");
		say(fd, GET("/nap"));
		assert_int_equal(hear(fd, a, false), 200);
		close(fd);
	}
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(httpd_port(w->h, 1)), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	if (!connect(fd, (struct sockaddr *)&in6, sizeof(in6))) {
		say(fd, GET("/uid"));
		assert_int_equal(hear(fd, a, false), 403);
		assert_string_equal(a->body, "::1");
	}
	close(fd);
	world_end(w, 2000);
	assert_int_not_equal(stat(path, &st), 0);
	/* what a dead server left is replaced, another file is not */
	w = world_new();
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	strcpy(un.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	server_open(w, (struct httpd_options){ .listens = l, .n_listens = 1 }, &ops);
	world_end(w, 1000);
	fd = creat(path, 0600);
	close(fd);
	assert_int_not_equal(httpd_open(&(struct httpd_options){ .listens = l, .n_listens = 1 }, &ops, NULL, &other, &e), OK);
	unlink(path);
	rmdir(dir);
	free(a);
}

static void bad_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "5000", "127.0.0.1", "127.0.0.1:99999", "example.org:80", "unix:", "300.1.1.1:1" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct httpd_listen l = { .address = bad[i] };
		struct httpd *h;
		struct err e;
		assert_int_equal(httpd_open(&(struct httpd_options){ .listens = &l, .n_listens = 1 }, &ops, NULL, &h, &e), ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_clients), cmocka_unit_test(fresh_connections), cmocka_unit_test(connection_limits), cmocka_unit_test(full_queue),
		cmocka_unit_test(stops), cmocka_unit_test(unix_socket), cmocka_unit_test(bad_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
