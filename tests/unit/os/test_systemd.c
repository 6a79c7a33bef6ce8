#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os.h"

static void set_u64(const char *name, uint64_t v)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	setenv(name, text, 1);
}

/* In a child, since descriptors 3 and 4 are then sockets. 0: all as it should be. */
static int child(int passed, const char *count, bool ours)
{
	int fds[4];
	size_t n = 99;
	struct err e;
	for (int i = 0; i < passed; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		if (dup2(s, 3 + i) < 0)
			return 10;
		if (s > 3 + passed)
			close(s);
	}
	if (passed < 2)
		close(4);
	set_u64("LISTEN_PID", (uint64_t)getpid() + !ours);
	setenv("LISTEN_FDS", count, 1);
	enum err_code code = os_listen_fds(fds, 4, &n, &e);
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS"))
		return 11;
	if (code != OK)
		return 12;
	for (size_t i = 0; i < n; i++)
		if (fds[i] != 3 + (int)i || !(fcntl(fds[i], F_GETFD) & FD_CLOEXEC) || !(fcntl(fds[i], F_GETFL) & O_NONBLOCK))
			return 13;
	return (int)n;
}

static int in_child(int passed, const char *count, bool ours)
{
	pid_t pid = fork();
	if (!pid)
		_exit(child(passed, count, ours));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void passed_sockets(void **)
{
	struct err e;
	int fds[1];
	size_t n = 9;
	unsetenv("LISTEN_FDS");
	assert_int_equal(os_listen_fds(fds, 1, &n, &e), OK);
	assert_int_equal(n, 0);
	assert_int_equal(in_child(2, "2", true), 2);
	assert_int_equal(in_child(2, "1", true), 1);
	assert_int_equal(in_child(2, "2", false), 0);	/* meant for another process */
	assert_int_equal(in_child(2, "0", true), 0);
	assert_int_equal(in_child(1, "2", true), 12);	/* fewer than said */
	assert_int_equal(in_child(2, "5", true), 12);	/* more than asked for */
	assert_int_equal(in_child(2, "x", true), 12);
	assert_int_equal(in_child(2, "-1", true), 12);
}

static void notifies(void **)
{
	struct err e;
	char path[] = "/tmp/os-notify-XXXXXX", text[64];
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(os_notify("READY=1", &e), OK);
	assert_non_null(mkdtemp(path));
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	assert_int_equal(os_notify("READY=1", &e), OK);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 7);
	assert_memory_equal(text, "READY=1", 7);
	close(fd);
	assert_int_equal(os_notify("READY=1", &e), ERR_IO);	/* nobody listens any more */
	unlink(at.sun_path);
	rmdir(path);
	/* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un abstract = { .sun_family = AF_UNIX };
	char name[64];
	snprintf(name, sizeof(name), "@pabean-test-%d", (int)getpid());
	memcpy(abstract.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&abstract, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(os_notify("STOPPING=1", &e), OK);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 10);
	close(fd);
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	assert_int_equal(os_notify("READY=1", &e), ERR_USAGE);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(passed_sockets), cmocka_unit_test(notifies) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
