/* Requests, answers, what waits and what comes late. */
#include "client.h"
#include <sys/mman.h>

static void text_done(struct http_request *r, void *arg, struct slice body)
{
	(void)arg;
	http_respond(r, 200, "text/plain", body);
}

static void late(struct http_request *r, void *arg)
{
	(void)arg;
	usleep(20000);
	http_respond(r, 201, "text/plain", SL("late"));
}

static void woken(struct http_request *r, void *arg)
{
	struct world *w = arg;
	atomic_fetch_add(&w->waits, 1);
	atomic_store(&w->waiter, NULL);
	http_respond(r, 200, "text/plain", http_stopping(r) ? SL("stopping") : SL("woken"));
}

static void waits(struct http_request *r, void *arg)
{
	struct world *w = arg;
	atomic_store(&w->waiter, r);
	if (slice_eqs(http_path(r), "/wake-early"))
		for (int i = 0; i < 100; i++)
			http_wake(r);
	http_wait(r, slice_eqs(http_path(r), "/deadline") ? 50 : 20000, woken, w);
	if (slice_eqs(http_path(r), "/wake-at-once"))
		http_wake(r);
}

static void released(void *arg) { atomic_fetch_add(&((struct world *)arg)->released, 1); }

static void on_request(void *arg, struct http_request *r)
{
	struct world *w = arg;
	struct slice p = http_path(r), v;
	atomic_fetch_add(&w->requests, 1);
	if (slice_eqs(p, "/hello"))
		http_respond(r, 200, "text/plain", SL("hello"));
	else if (slice_eqs(p, "/shared"))
		http_respond_shared(r, 200, "application/octet-stream", slice_of(w->big, sizeof(w->big)), released, w);
	else if (slice_eqs(p, "/late"))
		http_defer(r, late, w);
	else if (slice_eqs(p, "/echo"))
		http_take_text(r, 1000, text_done, w);
	else if (slice_eqs(p, "/query"))
		http_respond(r, 200, "text/plain", http_query(r, "na me", &v) ? v : SL("none"));
	else if (slice_eqs(p, "/raw-query"))
		http_respond(r, 200, "text/plain", http_query_raw(r));
	else if (slice_eqs(p, "/fd"))
		http_respond_fd(r, 206, NULL, w->fd, true, 100, 300);
	else if (slice_eqs(p, "/fd-own"))
		http_respond_fd(r, 200, NULL, dup(w->fd), false, 0, 1 << 20);
	else if (slice_eqs(p, "/head"))
		http_respond_head(r, 200, "text/plain", 12345678901);
	else if (slice_eqs(p, "/inject")) {
		http_add_header(r, "X-Bad", SL("a\r\nX-Worse: 1"));
		http_add_header(r, "X Bad", SL("a"));
		http_add_header(r, "X-Good", SL("fine"));
		http_add_headerf(r, "X-Number", "%d", 7);
		http_respond(r, 200, NULL, SL(""));
	} else if (slice_eqs(p, "/twice")) {
		http_respond(r, 200, NULL, SL("one"));
		http_respond(r, 200, NULL, SL("two"));
	} else if (slice_has_prefix(p, SL("/wa")) || slice_eqs(p, "/deadline"))
		http_defer(r, waits, w);
	else if (!slice_eqs(p, "/never"))
		http_respond(r, 404, "text/plain", p);
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

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	memset(w->big, 'b', sizeof(w->big));
	w->fd = memfd_create("file", MFD_CLOEXEC);
	for (int i = 0; i < 16384; i++) {
		char line[65];
		snprintf(line, sizeof(line), "%064d", i);
		assert_int_equal(write(w->fd, line, 64), 64);
	}
	server_open(w, (struct httpd_options){ 0 }, &ops);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	httpd_close(w->h, 5000);
	assert_int_equal(atomic_load(&w->requests), atomic_load(&w->done));
	close(w->fd);
	free(w);
	return 0;
}

static void keep_alive_and_pipelining(void **state)
{
	struct world *w = *state;
	struct answer_seen *a = calloc(1, sizeof(*a));
	int fd = dial(w);
	for (int i = 0; i < 3; i++) {
		say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_int_equal(hear(fd, a, false), 200);
		assert_string_equal(a->body, "hello");
		assert_non_null(strstr(a->head, "Server: pabean\r\n"));
		assert_non_null(strstr(a->head, "X-Request-Id: "));
		assert_non_null(strstr(a->head, "Date: "));
	}
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcHEAD /shared "
		"HTTP/1.1\r\nHost: x\r\n\r\nGET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 201);
	assert_string_equal(a->body, "late");
	assert_int_equal(hear(fd, a, false), 200);
	assert_string_equal(a->body, "hello");
	assert_int_equal(hear(fd, a, false), 200);
	assert_string_equal(a->body, "abc");
	assert_int_equal(hear(fd, a, true), 200);
	assert_non_null(strstr(a->head, "Content-Length: 70000\r\n"));
	assert_int_equal(hear(fd, a, false), 201);
	assert_true(is_closed(fd, 2000));
	close(fd);
	eventually(&w->released, 1);
	assert_int_equal(ask(w, "GET /hello HTTP/1.0\r\n\r\n", a), 200);
	free(a);
}

static void answers(void **state)
{
	struct world *w = *state;
	struct answer_seen *a = calloc(1, sizeof(*a));
	assert_int_equal(ask(w, "GET /shared HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_int_equal(a->n_body, 70000);
	assert_int_equal(ask(w, "GET /fd HTTP/1.1\r\nHost: x\r\n\r\n", a), 206);
	assert_int_equal(a->n_body, 300);
	assert_memory_equal(a->body + 28, "00000000000000000000", 20);
	assert_int_equal(ask(w, "HEAD /fd HTTP/1.1\r\nHost: x\r\n\r\n", a), 206);
	assert_non_null(strstr(a->head, "Content-Length: 300\r\n"));
	assert_int_equal(ask(w, "HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_non_null(strstr(a->head, "Content-Length: 12345678901\r\n"));
	assert_int_equal(ask(w, "GET /head HTTP/1.1\r\nHost: x\r\n\r\n", a), 500);
	assert_int_equal(ask(w, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_null(strstr(a->head, "Bad"));
	assert_null(strstr(a->head, "Worse"));
	assert_non_null(strstr(a->head, "X-Good: fine\r\n"));
	assert_non_null(strstr(a->head, "X-Number: 7\r\n"));
	assert_int_equal(ask(w, "GET /twice HTTP/1.1\r\nHost: x\r\n\r\n", a), 500);
	assert_int_equal(ask(w, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n", a), 500);
	assert_int_equal(ask(w, "GET /a%20b HTTP/1.1\r\nHost: x\r\n\r\n", a), 404);
	assert_string_equal(a->body, "/a%20b");
	assert_int_equal(ask(w, "GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_int_equal(ask(w, "GET /query?a=b&na%20me=v%3Aw+x&c HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_string_equal(a->body, "v:w x");
	assert_int_equal(ask(w, "GET /query?name HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_string_equal(a->body, "none");
	assert_int_equal(ask(w, "GET /raw-query?a=b+c&d=%41&e HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_string_equal(a->body, "a=b+c&d=%41&e");
	int fd = dial(w);
	say(fd, "GET /fd-own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	char *all = malloc(2 << 20);
	assert_true(hear_upto(fd, all, 2 << 20, 2 << 20, 5000) > 1 << 20);
	assert_memory_equal(strstr(all, "\r\n\r\n") + 4 + 64 * 16383, "000016383", 0);
	free(all);
	close(fd);
	free(a);
}

static void bodies(void **state)
{
	struct world *w = *state;
	struct answer_seen *a = calloc(1, sizeof(*a));
	assert_int_equal(ask(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", a), 200);
	assert_int_equal(ask(w, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", a), 200);
	assert_string_equal(a->body, "abcdefg");
	assert_true(a->closes);
	assert_int_equal(ask(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\nabc", a), 413);
	/* waits for 100, and gets the refusal without it */
	int fd = dial(w);
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 100);
	say(fd, "body");
	assert_int_equal(hear(fd, a, false), 200);
	assert_string_equal(a->body, "body");
	/* an answer that needs no body: a small one is read away */
	say(fd, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 200);
	assert_int_equal(hear(fd, a, false), 201);
	say(fd, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 200);
	assert_true(is_closed(fd, 2000));
	close(fd);
	fd = dial(w);
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 413);
	close(fd);
	/* too much in chunks: answered in its midst, and what still comes does not hurt */
	fd = dial(w);
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n");
	char zeros[4096] = { 0 };
	for (int i = 0; i < 512; i++)
		say_bytes(fd, zeros, sizeof(zeros));
	assert_int_equal(hear(fd, a, false), 413);
	assert_true(a->closes);
	close(fd);
	free(a);
}

static void waiting(void **state)
{
	struct world *w = *state;
	struct answer_seen *a = calloc(1, sizeof(*a));
	static const char *const paths[] = { "/wake-early", "/wake-at-once", "/deadline" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		char text[100];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
		for (int k = 0; k < 5; k++)
			assert_int_equal(ask(w, text, a), 200);
		assert_string_equal(a->body, "woken");
	}
	int fd = dial(w);
	for (int k = 0; k < 20; k++) {
		say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
		struct http_request *r;
		while (!(r = atomic_load(&w->waiter)))
			usleep(100);
		if (k & 1)
			usleep(2000);
		http_wake(r);
		assert_int_equal(hear(fd, a, false), 200);
		atomic_store(&w->waiter, NULL);
	}
	close(fd);
	assert_int_equal(atomic_load(&w->waits), 35);
	free(a);
}

/* The client leaves while its request waits; `done` comes all the same, once. */
static void client_leaves(void **state)
{
	struct world *w = *state;
	unsigned before = atomic_load(&w->done);
	int fd = dial(w);
	say(fd, "GET /deadline HTTP/1.1\r\nHost: x\r\n\r\n");
	usleep(10000);
	close(fd);
	fd = dial(w);
	say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	usleep(5000);
	close(fd);
	fd = dial(w);
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
	usleep(5000);
	close(fd);
	fd = dial(w);
	say(fd, "GET /shared HTT");
	usleep(5000);
	close(fd);
	eventually(&w->done, before + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keep_alive_and_pipelining, setup, teardown),
		cmocka_unit_test_setup_teardown(answers, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(client_leaves, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
