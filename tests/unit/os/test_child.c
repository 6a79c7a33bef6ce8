#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os.h"

/* Runs sh -c with descriptors 0 (null), 1 (a pipe that is read whole), 2 (kept). */
static int shell(const char *script, const char *const *env, char *out, size_t cap)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct os_child c;
	struct err e;
	int p[2], status = -1;
	size_t have = 0;
	ssize_t n;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	const int fds[] = { -1, p[1], 2 };
	assert_int_equal(os_spawn("sh", argv, env, fds, 3, &c, &e), OK);
	close(p[1]);
	while ((n = read(p[0], out + have, cap - 1 - have)) > 0)
		have += (size_t)n;
	out[have] = '\0';
	close(p[0]);
	assert_int_equal(os_wait(&c, 10000, &status, &e), OK);
	return status;
}

static void runs(void **)
{
	char out[4096];
	const char *const env[] = { "A=b", NULL };
	assert_int_equal(shell("echo $LANG; cat", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "C.UTF-8\n");
	assert_int_equal(shell("echo $A$HOME; exit 3", env, out, sizeof(out)), 3 << 8);
	assert_string_equal(out, "b\n");
	assert_int_equal(WTERMSIG(shell("kill -TERM $$", env, out, sizeof(out))), SIGTERM);
}

static void only_named_descriptors(void **)
{
	char out[4096];
	int leak = dup(2);	/* without close-on-exec */
	assert_true(leak > 2);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(shell("for f in 0 1 2 3 4 5 6 7 8 9 20 30; do [ -e /proc/$$/fd/$f ] && echo $f; done; grep SigIgn /proc/$$/status", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "0\n1\n2\nSigIgn:\t0000000000000000\n");
	close(leak);
}

static void swapped_descriptors(void **)
{
	/* 1 becomes what was 2 and the other way round */
	const char *const argv[] = { "sh", "-c", "echo one; echo two >&2", NULL };
	struct os_child c;
	struct err e;
	int p[2], q[2], status;
	char out[8];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pipe2(q, O_CLOEXEC), 0);
	const int fds[] = { -1, q[1], p[1] };
	assert_int_equal(os_spawn("sh", argv, NULL, fds, 3, &c, &e), OK);
	assert_int_equal(os_wait(&c, -1, &status, &e), OK);
	assert_int_equal(read(q[0], out, sizeof(out)), 4);
	assert_memory_equal(out, "one\n", 4);
	assert_int_equal(read(p[0], out, sizeof(out)), 4);
	assert_memory_equal(out, "two\n", 4);
	close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void failures(void **)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct os_child c, zeroed = { 0 };
	struct err e;
	int status;
	const int fds[] = { -1, -1, -1 };
	assert_int_equal(os_spawn("/no/such/program", argv, NULL, fds, 3, &c, &e), ERR_NOT_FOUND);
	assert_int_equal(os_spawn("/etc/passwd", argv, NULL, fds, 3, &c, &e), ERR_IO);
	assert_int_equal(e.sys, EACCES);
	assert_int_equal(os_spawn("sleep", argv, NULL, fds, 3, &c, &e), OK);
	assert_int_equal(os_wait(&c, 50, &status, &e), ERR_TIMEOUT);
	assert_int_equal(kill(c.pid, 0), 0);
	pid_t pid = c.pid;
	os_kill(&c);
	assert_int_equal(kill(pid, 0), -1);
	os_kill(&c);
	os_kill(&zeroed);
}

static void dies_with_parent(void **)
{
	int p[2];
	pid_t child = -1;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t middle = fork();
	if (middle == 0) {
		const char *const argv[] = { "sleep", "100", NULL };
		struct os_child c;
		struct err e;
		if (os_spawn("sleep", argv, NULL, NULL, 0, &c, &e) == OK)
			(void)!write(p[1], &c.pid, sizeof(c.pid));
		_exit(0);
	}
	assert_int_equal(read(p[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	for (int i = 0; i < 200 && kill(child, 0) == 0; i++) {
		char path[64], state[512] = "";
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
		AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, state, sizeof(state) - 1) <= 0 || strstr(state, ") Z "))
			return;	/* gone, or a zombie that nobody here can reap */
		usleep(10000);
	}
	assert_int_equal(kill(child, 0), -1);
}

static void signals_cancel(void **)
{
	pid_t pid = fork();
	int status;
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		os_signals_init();
		if (os_cancelled())
			_exit(1);
		raise(SIGTERM);
		if (os_cancelled() != SIGTERM)
			_exit(2);
		os_die_by_signal(os_cancelled());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs), cmocka_unit_test(only_named_descriptors), cmocka_unit_test(swapped_descriptors),
		cmocka_unit_test(failures), cmocka_unit_test(dies_with_parent), cmocka_unit_test(signals_cancel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
