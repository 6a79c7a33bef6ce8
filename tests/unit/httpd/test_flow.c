/* Bodies that come in through sinks, answers that are made while they go out, and clients that leave in between. */
#include "client.h"

struct upload { struct world *w; uint64_t n, sum; bool refuse; };
static atomic_uint opened, closed;

static bool sink(struct http_request *r, void *arg, struct slice piece)
{
	struct upload *u = arg;
	if (slice_eqs(http_path(r), "/sink-slow"))
		usleep(1000);
	for (size_t i = 0; i < piece.n; i++)
		u->sum += piece.p[i] * (uint64_t)(u->n + i + 1);
	u->n += piece.n;
	return !u->refuse || u->n < 1000;
}

static void sunk(struct http_request *r, void *arg, bool complete)
{
	struct upload *u = arg;
	char text[64];
	if (!complete) {
		atomic_fetch_add(&u->w->left, 1);
		free(u);
		return;
	}
	snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)u->n, (unsigned long long)u->sum);
	free(u);
	http_respond(r, 201, "text/plain", slice_str(text));
}

static void take(struct http_request *r, void *arg)
{
	struct upload *u = calloc(1, sizeof(*u));
	u->w = arg;
	u->refuse = slice_eqs(http_path(r), "/sink-refuse");
	http_take_body(r, slice_eqs(http_path(r), "/sink-small") ? 10000 : 1 << 30, !slice_eqs(http_path(r), "/sink-fast"), sink, sunk, u);
}

/* A stream of `n` bytes that fails or ends. */
struct gen { struct stream base; uint64_t left; bool fails; unsigned pause_us; };
static enum err_code gen_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct gen *g = (struct gen *)s;
	if (g->pause_us)
		usleep(g->pause_us);
	if (!g->left && g->fails)
		return err_set(e, ERR_NET, 0, "upstream is gone");
	*ret_n = (size_t)MIN((uint64_t)MIN(cap, (size_t)50000), g->left);
	memset(dst, 's', *ret_n);
	g->left -= *ret_n;
	return OK;
}
static void gen_close(struct stream *s)
{
	atomic_fetch_add(&closed, 1);
	free(s);
}
static const struct stream_ops gen_ops = { gen_read, gen_close };
static struct stream *gen(uint64_t n, bool fails, unsigned pause_us)
{
	struct gen *g = calloc(1, sizeof(*g));
	*g = (struct gen){ { &gen_ops }, n, fails, pause_us };
	atomic_fetch_add(&opened, 1);
	return &g->base;
}

static bool feed(struct http_request *r, void *arg, struct buf *out)
{
	struct world *w = arg;
	unsigned n = atomic_fetch_add(&w->waits, 1);
	if (n == 0)
		atomic_store(&w->waiter, r);
	buf_printf(out, "data: %u\n\n", n);
	return !http_stopping(r) && n < 5;
}

static bool feed_on(struct http_request *r, void *arg, struct buf *out)
{
	(void)arg;
	buf_puts(out, ": still here\n\n");
	return !http_stopping(r);
}

static void on_request(void *arg, struct http_request *r)
{
	struct world *w = arg;
	struct slice p = http_path(r);
	atomic_fetch_add(&w->requests, 1);
	if (slice_eqs(p, "/sink-deferred") || slice_eqs(p, "/sink-slow"))
		http_defer(r, take, w);
	else if (slice_has_prefix(p, SL("/sink")))
		take(r, w);
	else if (slice_eqs(p, "/stream"))
		http_respond_stream(r, 200, "x/y", gen(3000000, false, 0), 3000000);
	else if (slice_eqs(p, "/stream-open"))
		http_respond_stream(r, 200, "x/y", gen(100000, false, 1000), UINT64_MAX);
	else if (slice_eqs(p, "/stream-short"))
		http_respond_stream(r, 200, "x/y", gen(100000, false, 0), 200000);
	else if (slice_eqs(p, "/stream-fails"))
		http_respond_stream(r, 200, "x/y", gen(100000, true, 0), UINT64_MAX);
	else if (slice_eqs(p, "/stream-big"))
		http_respond_stream(r, 200, "x/y", gen((uint64_t)1 << 40, false, 0), (uint64_t)1 << 40);
	else if (slice_eqs(p, "/feed"))
		http_respond_feed(r, 200, "text/event-stream", feed, w, 20000);
	else if (slice_eqs(p, "/feed-on"))
		http_respond_feed(r, 200, "text/event-stream", feed_on, w, 30);
	else
		http_respond(r, 404, "text/plain", SL("?"));
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
	assert_int_equal(atomic_load(&opened), atomic_load(&closed));
	free(w);
	return 0;
}

static void upload(struct world *w, const char *path, size_t n, bool chunked)
{
	uint8_t *p = malloc(n);
	uint64_t sum = 0;
	char text[200], want[64];
	struct answer_seen *a = calloc(1, sizeof(*a));
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)(i * 31 >> 3);
		sum += p[i] * (uint64_t)(i + 1);
	}
	int fd = dial(w);
	if (chunked)
		snprintf(text, sizeof(text), "PUT %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
	else
		snprintf(text, sizeof(text), "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, n);
	say(fd, text);
	for (size_t at = 0, part; at < n; at += part) {
		part = MIN(n - at, chunked ? (size_t)77777 : n);
		if (chunked) {
			snprintf(text, sizeof(text), "%zx\r\n", part);
			say(fd, text);
		}
		say_bytes(fd, p + at, part);
		if (chunked)
			say(fd, "\r\n");
	}
	if (chunked)
		say(fd, "0\r\n\r\n");
	assert_int_equal(hear(fd, a, false), 201);
	snprintf(want, sizeof(want), "%zu %llu", n, (unsigned long long)sum);
	assert_string_equal(a->body, want);
	close(fd);
	free(a);
	free(p);
}

static void uploads(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = { "/sink", "/sink-fast", "/sink-deferred", "/sink-slow" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		for (int chunked = 0; chunked < 2; chunked++) {
			upload(w, paths[i], 5, chunked);
			upload(w, paths[i], 3000001, chunked);
		}
	struct answer_seen *a = calloc(1, sizeof(*a));
	assert_int_equal(ask(w, "PUT /sink HTTP/1.1\r\nHost: x\r\n\r\n", a), 201);
	assert_string_equal(a->body, "0 0");
	free(a);
}

struct pusher { struct world *w; pthread_t t; };
static void *push_some(void *arg)
{
	for (int i = 0; i < 3; i++)
		upload(((struct pusher *)arg)->w, i & 1 ? "/sink-slow" : "/sink", 1000000, i & 1);
	return NULL;
}

static void uploads_at_once(void **state)
{
	struct pusher p[8];
	for (int i = 0; i < 8; i++) {
		p[i].w = *state;
		pthread_create(&p[i].t, NULL, push_some, &p[i]);
	}
	for (int i = 0; i < 8; i++)
		pthread_join(p[i].t, NULL);
}

static void upload_ends_early(void **state)
{
	struct world *w = *state;
	struct answer_seen *a = calloc(1, sizeof(*a));
	char zeros[40000] = { 0 };
	/* a sink that has enough: the rest is read away, the connection goes on */
	int fd = dial(w);
	say(fd, "PUT /sink-refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
	say_bytes(fd, zeros, 40000);
	assert_int_equal(hear(fd, a, false), 201);
	assert_false(a->closes);
	close(fd);
	/* much more: the answer comes before its end */
	fd = dial(w);
	say(fd, "PUT /sink-refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
	for (int i = 0; i < 60; i++)
		say_bytes(fd, zeros, 40000);
	assert_int_equal(hear(fd, a, false), 201);
	assert_true(a->closes);
	close(fd);
	/* more than the limit, said so or not */
	assert_int_equal(ask(w, "PUT /sink-small HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\nabc", a), 413);
	fd = dial(w);
	say(fd, "PUT /sink-small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n");
	say_bytes(fd, zeros, 40000);
	assert_int_equal(hear(fd, a, false), 413);
	close(fd);
	eventually(&w->left, 2);
	/* clients that leave in the midst */
	static const char *const paths[] = { "/sink", "/sink-fast", "/sink-slow" };
	for (int i = 0; i < 9; i++) {
		char text[200];
		snprintf(text, sizeof(text), "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", paths[i % 3]);
		fd = dial(w);
		say(fd, text);
		say_bytes(fd, zeros, i < 3 ? 10 : 40000);
		usleep(i < 6 ? 10000 : 0);
		close(fd);
	}
	eventually(&w->done, 13);
	for (int i = 0; i < 200 && atomic_load(&w->left) < 11; i++)
		usleep(10000);
	assert_int_equal(atomic_load(&w->left), 11);
	free(a);
}

static size_t fetch(struct world *w, const char *path, bool *ends_well)
{
	char text[200], *all = malloc(4 << 20);
	int fd = dial(w);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
	say(fd, text);
	size_t n = hear_upto(fd, all, 4 << 20, 4 << 20, 8000);
	char *body = strstr(all, "\r\n\r\n") + 4;
	*ends_well = n > 5 && !memcmp(all + n - 5, "0\r\n\r\n", 5);
	n -= (size_t)(body - all);
	close(fd);
	free(all);
	return n;
}

static void streams(void **state)
{
	struct world *w = *state;
	bool well;
	assert_int_equal(fetch(w, "/stream", &well), 3000000);
	eventually(&w->done, 1);
	assert_int_equal(atomic_load(&w->last_bytes), 3000000);
	assert_true(fetch(w, "/stream-open", &well) > 100000);
	assert_true(well);
	eventually(&w->complete, 2);
	assert_true(fetch(w, "/stream-short", &well) < 200000);
	fetch(w, "/stream-fails", &well);
	assert_false(well);
	eventually(&w->done, 4);
	assert_int_equal(atomic_load(&w->complete), 2);
	struct answer_seen *a = calloc(1, sizeof(*a));
	assert_int_equal(ask(w, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n", a), 200);
	assert_non_null(strstr(a->head, "Content-Length: 3000000\r\n"));
	/* a client that leaves, and one that reads nothing while the server stops (teardown) */
	for (int i = 0; i < 5; i++) {
		int fd = dial(w);
		say(fd, "GET /stream-big HTTP/1.1\r\nHost: x\r\n\r\n");
		hear_upto(fd, a->body, sizeof(a->body), 10000 * (size_t)i, 5000);
		close(fd);
	}
	eventually(&w->done, 10);
	free(a);
}

static void feeds(void **state)
{
	struct world *w = *state;
	int fd = dial(w);
	char text[8192];
	say(fd, "GET /feed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	hear_upto(fd, text, sizeof(text), 8000, 300);
	assert_non_null(strstr(text, "data: 0"));
	assert_null(strstr(text, "data: 1"));
	for (int i = 0; i < 5; i++) {
		http_wake(atomic_load(&w->waiter));
		hear_upto(fd, text, sizeof(text), 1, 3000);
		hear_upto(fd, text, sizeof(text), 100, 50);
	}
	assert_true(is_closed(fd, 3000));
	close(fd);
	eventually(&w->complete, 1);
	fd = dial(w);
	say(fd, "GET /feed-on HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear_upto(fd, text, sizeof(text), 600, 5000) >= 600);
	close(fd);
	eventually(&w->done, 2);
	fd = dial(w);
	say(fd, "GET /feed-on HTTP/1.1\r\nHost: x\r\n\r\n");	/* ends with the server */
	hear_upto(fd, text, sizeof(text), 300, 5000);
	atomic_store(&w->slow_ok, true);
	httpd_close(w->h, 3000);
	close(fd);
	static const struct httpd_ops ops = { on_request, on_done };
	server_open(w, (struct httpd_options){ 0 }, &ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(uploads, setup, teardown),
		cmocka_unit_test_setup_teardown(uploads_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(upload_ends_early, setup, teardown),
		cmocka_unit_test_setup_teardown(streams, setup, teardown),
		cmocka_unit_test_setup_teardown(feeds, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
