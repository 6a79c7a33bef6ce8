/* What a proxy in front may read differently is refused, and nothing behind it is read. */
#include "client.h"

static void on_request(void *arg, struct http_request *r)
{
	struct world *w = arg;
	atomic_fetch_add(&w->requests, 1);
	http_respond(r, 200, "text/plain", http_path(r));
}

static void on_done(void *arg, struct http_request *r, int status, uint64_t bytes, uint64_t ns, bool complete)
{
	(void)r;
	(void)status;
	(void)bytes;
	(void)ns;
	(void)complete;
	atomic_fetch_add(&((struct world *)arg)->done, 1);
}

static int setup(void **state)
{
	static const struct httpd_ops ops = { on_request, on_done };
	struct world *w = calloc(1, sizeof(*w));
	server_open(w, (struct httpd_options){ 0 }, &ops);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	httpd_close(w->h, 5000);
	assert_int_equal(atomic_load(&w->requests), atomic_load(&w->done));
	free(w);
	return 0;
}

#define NEXT "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
#define RAW(s) { s, sizeof(s) - 1 }

static const struct { const char *p; size_t n; } bad[] = {
	RAW("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.1\r\nHost: x\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tContent-Length: 5\r\n\r\n"),
	RAW("GET / HTTP/1.1\nHost: x\n\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\rY: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\rHost: x\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\n\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\0\0Y: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\0\0Y\0b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX: a\0\0\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX\0a: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\n\0: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nX y: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x, y\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\n\r\n"),
	RAW("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
	RAW("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /a?b\0c HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /a\0?b HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("G\0ET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
	RAW("GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
	RAW("GET / http/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET /\r\nHost: x\r\n\r\n"),
	RAW("GET\r\n\r\n"),
	RAW("GET x HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n"),
	RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
};

static void smuggling(void **state)
{
	struct world *w = *state;
	char text[4096];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = dial(w);
		say_bytes(fd, bad[i].p, bad[i].n);
		say(fd, NEXT);
		size_t n = hear_upto(fd, text, sizeof(text), sizeof(text), 5000);
		if ((n && strncmp(text, "HTTP/1.1 4", 10) && strncmp(text, "HTTP/1.1 50", 11)) || strstr(text, "/smuggled") || atomic_load(&w->requests))
			fail_msg("%zu: %s answered %s", i, bad[i].p, text);
		close(fd);
	}
}

/* Cut into single bytes the same is seen. */
static void byte_by_byte(void **state)
{
	struct world *w = *state;
	static const char *const cases[] = {
		"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b\r\n\r\n", "GET /ok?a=b HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n",
	};
	char text[4096];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = dial(w);
		for (const char *p = cases[i]; *p; p++) {
			say_bytes(fd, p, 1);
			usleep(300);
		}
		hear_upto(fd, text, sizeof(text), 12, 5000);
		assert_memory_equal(text, i == 2 ? "HTTP/1.1 200" : "HTTP/1.1 400", 12);
		close(fd);
	}
	assert_int_equal(atomic_load(&w->requests), 1);
}

static int status_of(const struct world *w, const char *text)
{
	char answer[4096];
	int fd = dial(w);
	say(fd, text);
	say(fd, NEXT);
	hear_upto(fd, answer, sizeof(answer), sizeof(answer), 5000);
	close(fd);
	assert_null(strstr(answer, "/smuggled"));
	return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

static void too_much(void **state)
{
	struct world *w = *state;
	AUTO_BUF b = BUF(1 << 20);
	buf_puts(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 101; i++)
		buf_printf(&b, "X-%d: a\r\n", i);
	buf_puts(&b, "\r\n");
	assert_int_equal(status_of(w, buf_cstr(&b)), 431);
	buf_clear(&b);
	buf_puts(&b, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	for (int i = 0; i < 9000; i++)
		buf_putc(&b, 'a');
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(status_of(w, buf_cstr(&b)), 431);
	buf_clear(&b);
	buf_puts(&b, "GET /");
	for (int i = 0; i < 9000; i++)
		buf_putc(&b, 'a');
	buf_puts(&b, " HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(status_of(w, buf_cstr(&b)), 414);
	buf_clear(&b);
	buf_puts(&b, "GET /?");
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, 'a');
	int status = status_of(w, buf_cstr(&b));
	assert_true(status == 414 || status == 0);	/* reset while still sending */
	assert_int_equal(atomic_load(&w->requests), 0);
	/* a long but allowed one */
	buf_clear(&b);
	buf_puts(&b, "GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ");
	for (int i = 0; i < 8000; i++)
		buf_putc(&b, 'a');
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(status_of(w, buf_cstr(&b)), 200);
}

/* libmicrohttpd is lax about the ends of a chunk's lines: so no other request is read on such a connection. */
static void chunk_frames(void **state)
{
	struct world *w = *state;
	assert_int_equal(status_of(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"), 200);
	assert_int_equal(status_of(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;\rx\r\nabc\r\n0\r\nX: y\r\n\r\n"), 200);
	assert_int_equal(status_of(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"), 400);
	assert_int_equal(status_of(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"), 400);
	assert_true(status_of(w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n") >= 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(smuggling, setup, teardown),
		cmocka_unit_test_setup_teardown(byte_by_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(chunk_frames, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
