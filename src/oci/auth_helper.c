/* docker-credential-NAME get: the server's name on standard input, {"Username","Secret"} on standard output. The program is the person's
 * own, named in the person's own file, and looked for in the person's own PATH; nothing of an image takes part. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "auth.h"

enum { HELPER_TIMEOUT_MS = 30000, HELPER_MAX_OUTPUT = 64 << 10 };

static bool name_valid(struct slice n)
{
	for (size_t i = 0; i < n.n; i++)
		if (!((n.p[i] | 32) >= 'a' && (n.p[i] | 32) <= 'z') && !(n.p[i] >= '0' && n.p[i] <= '9') && !strchr("._-", n.p[i]))
			return false;
	return n.n > 0 && n.n < 64;
}

static bool find_program(struct slice name, char *dst, size_t cap)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_str(path ? path : "/usr/local/bin:/usr/bin:/bin"), dir;
	while (slice_next_piece(&rest, ':', &dir)) {
		if (!dir.n || dir.p[0] != '/')		/* never from the current directory */
			continue;
		if (snprintf(dst, cap, "%.*s/docker-credential-%.*s", SLICE_ARG(dir), SLICE_ARG(name)) < (int)cap && access(dst, X_OK) == 0)
			return true;
	}
	return false;
}

static enum err_code read_output(int fd, struct buf *out, struct err *e)
{
	uint64_t end = os_monotonic_ns() + (uint64_t)HELPER_TIMEOUT_MS * 1000000;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint8_t part[4096];
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		if (os_monotonic_ns() > end)
			return err_set(e, ERR_TIMEOUT, 0, "it did not answer in %d s", HELPER_TIMEOUT_MS / 1000);
		if (poll(&p, 1, 200) <= 0)
			continue;
		ssize_t n = read(fd, part, sizeof(part));
		if (n == 0)
			return buf_ok(out, "its answer", e);
		if (n < 0 && errno != EINTR)
			return err_set(e, ERR_IO, errno, "read its answer");
		if (n > 0 && !buf_put(out, part, (size_t)n))
			return buf_ok(out, "its answer", e);
	}
}

static enum err_code run(const char *program, struct slice server, struct buf *out, int *ret_status, struct err *e)
{
	int in[2], from[2];
	struct os_child child = { 0 };
	if (pipe2(in, O_CLOEXEC))
		return err_set(e, ERR_IO, errno, "make a pipe");
	AUTO_FD in_r = in[0];
	AUTO_FD in_w = in[1];
	if (pipe2(from, O_CLOEXEC))
		return err_set(e, ERR_IO, errno, "make a pipe");
	AUTO_FD from_r = from[0];
	AUTO_FD from_w = from[1];
	AUTO_FD null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return err_set(e, ERR_IO, errno, "open /dev/null");
	TRY(os_write_all(in_w, server.p, server.n, "the server's name", e));
	fd_close(&in_w);
	const int fds[] = { in_r, from_w, null };
	TRY(os_spawn(program, (const char *const[]){ program, "get", NULL }, (const char *const *)environ, fds, 3, &child, e));
	fd_close(&from_w);
	enum err_code rc = read_output(from_r, out, e);
	if (!rc)
		rc = os_wait(&child, 5000, ret_status, e);
	os_kill(&child);
	return rc;
}

enum err_code oci_credentials_helper(struct slice name, struct slice server, struct arena *a, struct oci_credentials *ret,
					 struct err *e)
{
	char program[512];
	AUTO_BUF out = BUF(HELPER_MAX_OUTPUT);
	AUTO_JSON j = NULL;
	int status = 0;
	struct slice user, secret;
	if (!name_valid(name))
		return err_set(e, ERR_USAGE, 0, "'%s' is no name of a credential helper", ESC(name));
	if (!find_program(name, program, sizeof(program)))
		return err_set(e, ERR_AUTH, 0, "the credential helper docker-credential-%.*s is not on the PATH", SLICE_ARG(name));
	if (server.n > 2048 || run(program, server, &out, &status, e))
		return err_prefix(e, "credential helper '%s'", ESC(slice_str(program)));
	if (status && slice_find(buf_slice(&out), SL("credentials not found")) >= 0)
		return OK;
	if (status)
		return err_set(e, ERR_AUTH, 0, "credential helper '%s' failed: %s", ESC(slice_str(program)), ESC(slice_trim(buf_slice(&out))));
	TRY(json_strict(buf_slice(&out), "the credential helper's answer", &j, e));
	TRY(json_text(j, "Username", JSON_MUST, "the credential helper's answer", a, &user, e));
	TRY(json_text(j, "Secret", JSON_MUST, "the credential helper's answer", a, &secret, e));
	*ret = (struct oci_credentials){ .user = user, .password = secret, .found = true };
	if (slice_eqs(user, "<token>"))
		*ret = (struct oci_credentials){ .identity_token = secret, .found = true };
	return OK;
}
