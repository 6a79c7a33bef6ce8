/* The HTTP room by itself, for bench/httpd: serves a small text from memory and a directory's files by sendfile. usage: httpd_server PORT DIRECTORY */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "httpd.h"

static const char *root;
static char small[612];

static void release(void *arg) { (void)arg; }

static void on_request(void *arg, struct http_request *r)
{
	(void)arg;
	struct slice p = http_path(r);
	if (slice_eqs(p, "/small")) {
		http_add_header(r, "Docker-Content-Digest", SL("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
		http_respond_shared(r, 200, "text/plain", slice_of(small, sizeof(small)), release, NULL);
		return;
	}
	char path[512];
	snprintf(path, sizeof(path), "%s%.*s", root, SLICE_ARG(p));
	int fd = slice_find(p, SL("..")) < 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	if (fd < 0 || fstat(fd, &st)) {
		http_respond(r, 404, "text/plain", SL("not found"));
		return;
	}
	http_respond_fd(r, 200, "application/octet-stream", fd, false, 0, (uint64_t)st.st_size);
}

static void on_done(void *arg, struct http_request *r, int status, uint64_t bytes, uint64_t ns, bool complete)
{
	(void)arg;
	(void)r;
	(void)status;
	(void)bytes;
	(void)ns;
	(void)complete;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	root = argv[2];
	memset(small, 'x', sizeof(small));
	char address[64];
	snprintf(address, sizeof(address), "127.0.0.1:%s", argv[1]);
	struct httpd_listen l = { .address = address };
	struct httpd *h;
	struct err e;
	static const struct httpd_ops ops = { on_request, on_done };
	if (httpd_open(&(struct httpd_options){ .listens = &l, .n_listens = 1, .max_per_address = 8192 }, &ops, NULL, &h, &e) != OK) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	sigset_t set;
	int sig;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &sig);
	httpd_close(h, 1000);
	return 0;
}
