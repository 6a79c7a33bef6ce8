/* TLS: certificates that are renewed, clients with certificates. The client is openssl's s_client. */
#include "client.h"
#include <fcntl.h>

static char dir[64];

static void on_request(void *arg, struct http_request *r)
{
	struct world *w = arg;
	atomic_fetch_add(&w->requests, 1);
	if (slice_eqs(http_path(r), "/file"))
		http_respond_fd(r, 200, NULL, w->fd, true, 0, 300000);
	else
		http_respond(r, 200, "text/plain", http_client_name(r).n ? http_client_name(r) : http_is_tls(r) ? SL("nobody") : SL("plain"));
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

[[gnu::format(printf, 1, 2)]] static int run(const char *fmt, ...)
{
	char command[2000];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static void make_cert(const char *name, const char *cn, const char *issuer)
{
	int code = !issuer ? run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s -keyout %s/%s.key -out "
				 "%s/%s.pem 2>/dev/null", cn, dir, name, dir, name)
			   : run("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -keyout %s.key -out %s.csr "
				 "2>/dev/null && openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -out %s.pem 2>/dev/null",
				 dir, cn, name, name, name, issuer, issuer, name);
	assert_int_equal(code, 0);
}

/* Everything that comes back, with what s_client says of the certificate. */
static const char *talk(const struct world *w, const char *options, const char *path)
{
	static char out[1 << 20];
	char command[1000];
	snprintf(command, sizeof(command),
		 "(printf 'GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.5) | timeout 5 openssl s_client -connect 127.0.0.1:%u %s 2>&1",
		 path, httpd_port(w->h, 0), options);
	FILE *f = popen(command, "r");
	size_t n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = 0;
	pclose(f);
	return out;
}

static void tls(void **state)
{
	(void)state;
	struct world *w = calloc(1, sizeof(*w));
	char cert[100], key[100], ca[100], with[300], bad[300];
	snprintf(cert, sizeof(cert), "%s/server.pem", dir);
	snprintf(key, sizeof(key), "%s/server.key", dir);
	snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	snprintf(with, sizeof(with), "-cert %s/client.pem -key %s/client.key", dir, dir);
	snprintf(bad, sizeof(bad), "-cert %s/other.pem -key %s/other.key", dir, dir);
	make_cert("server", "first.example", NULL);
	make_cert("ca", "some-ca", NULL);
	make_cert("client", "alice", "ca");
	make_cert("other", "mallory", NULL);
	static const struct httpd_ops ops = { on_request, on_done };
	struct httpd_listen l = { .address = "127.0.0.1:0", .tls_cert = cert, .tls_key = key, .client_ca = ca };
	w->fd = open("/proc/self/exe", 0);
	server_open(w, (struct httpd_options){ .listens = &l, .n_listens = 1 }, &ops);
	assert_non_null(strstr(talk(w, "", "/"), "nobody"));
	assert_non_null(strstr(talk(w, "-tls1_2", "/"), "first.example"));
	assert_null(strstr(talk(w, "-tls1_1 -cipher ALL:@SECLEVEL=0", "/"), "HTTP/1.1 200"));
	assert_non_null(strstr(talk(w, with, "/"), "\r\n\r\nalice"));
	assert_null(strstr(talk(w, bad, "/"), "\r\n\r\nmallory"));
	assert_non_null(strstr(talk(w, "-quiet", "/file"), "Content-Length: 300000"));
	/* renewed: the next handshake has it; a broken renewal leaves the old one */
	make_cert("server", "second.example", NULL);
	struct err e;
	assert_int_equal(httpd_reload(w->h, &e), OK);
	assert_non_null(strstr(talk(w, "", "/"), "second.example"));
	make_cert("x", "third.example", NULL);
	assert_int_equal(run("cp %s/x.key %s/server.key", dir, dir), 0);
	assert_int_equal(httpd_reload(w->h, &e), ERR_USAGE);
	assert_non_null(strstr(talk(w, "", "/"), "second.example"));
	for (int i = 0; i < 8; i++) {
		make_cert("server", "fourth.example", NULL);
		assert_int_equal(httpd_reload(w->h, &e), OK);
	}
	assert_non_null(strstr(talk(w, "", "/"), "fourth.example"));
	/* noise instead of a handshake */
	for (int i = 0; i < 3; i++) {
		int fd = dial(w);
		say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		char text[300];
		hear_upto(fd, text, sizeof(text), sizeof(text), 1000);
		assert_null(strstr(text, "HTTP/1.1 2"));
		close(fd);
	}
	httpd_close(w->h, 2000);
	l.client_required = true;
	server_open(w, (struct httpd_options){ .listens = &l, .n_listens = 1 }, &ops);
	assert_non_null(strstr(talk(w, "", "/"), "HTTP/1.1 403"));
	assert_non_null(strstr(talk(w, bad, "/"), "HTTP/1.1 403"));
	assert_non_null(strstr(talk(w, with, "/"), "\r\n\r\nalice"));
	httpd_close(w->h, 2000);
	l.tls_key = "/nonexistent";
	struct httpd *h;
	assert_int_not_equal(httpd_open(&(struct httpd_options){ .listens = &l, .n_listens = 1 }, &ops, w, &h, &e), OK);
	assert_int_equal(atomic_load(&w->requests), atomic_load(&w->done));
	close(w->fd);
	free(w);
}

int main(void)
{
	snprintf(dir, sizeof(dir), "/tmp/httpd-tls-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	const struct CMUnitTest tests[] = { cmocka_unit_test(tls) };
	int code = cmocka_run_group_tests(tests, NULL, NULL);
	run("rm -rf %s", dir);
	return code;
}
