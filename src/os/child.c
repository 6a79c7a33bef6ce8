#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os.h"

struct plan {
	const char *program;
	char *const *argv, *const *envp;
	const int *fds;
	int n_fds, report_fd;
	pid_t parent;
};

enum { FDS_MAX = 16 };

/* Everything below runs in the child between fork and exec: only async-signal-safe calls. */
static int place_fds(const struct plan *p)
{
	int tmp[FDS_MAX];
	for (int i = 0; i < p->n_fds; i++) {
		/* first out of each other's way */
		if (p->fds[i] < 0) {
			int null = open("/dev/null", O_RDWR | O_CLOEXEC);
			tmp[i] = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, FDS_MAX);
		} else {
			tmp[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, FDS_MAX);
		}
		if (tmp[i] < 0)
			return -1;
	}
	for (int i = 0; i < p->n_fds; i++)
		if (dup2(tmp[i], i) < 0)
			return -1;
	return close_range((unsigned)p->n_fds, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void reset_signals(void)
{
	/* The kernel's own structure, all zero: default. The C library's call refuses the two signals it uses itself, which a parent's parent
	 * may have left ignored. */
	static const unsigned long dfl[8];
	sigset_t none;
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

[[gnu::noreturn]] static void child_main(struct plan p)
{
	int sys;
	reset_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() != p.parent)
		_exit(127);	/* the parent died before the line above */
	p.report_fd = fcntl(p.report_fd, F_DUPFD_CLOEXEC, FDS_MAX);
	if (p.report_fd >= 0 && place_fds(&p) == 0) {
		if (!p.program)
			execve("/proc/self/exe", p.argv, p.envp);
		else
			execvpe(p.program, p.argv, p.envp);
	}
	sys = errno;
	(void)!write(p.report_fd, &sys, sizeof(sys));
	_exit(127);
}

/* errno of a failed start, 0 when the program runs. */
static int start_error(int fd)
{
	int sys = 0;
	ssize_t n;
	do
		n = read(fd, &sys, sizeof(sys));
	while (n < 0 && errno == EINTR);
	return n == sizeof(sys) ? sys : 0;
}

enum err_code os_spawn(const char *program, const char *const *argv, const char *const *envp, const int *fds, size_t n_fds,
		       struct os_child *ret, struct err *e)
{
	static const char *const bare_env[] = { "LANG=C.UTF-8", NULL };
	const char *name = program ? program : argv[0];
	struct os_child c = { .pidfd = -1 };
	int report[2], sys;
	struct plan p = { program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)(envp ? envp : bare_env), fds, (int)n_fds };
	if (n_fds > FDS_MAX)
		return err_set(e, ERR_INTERNAL, 0, "too many descriptors for a child");
	if (pipe2(report, O_CLOEXEC) != 0)
		return err_set(e, ERR_IO, errno, "make a pipe");
	AUTO_FD from_child = report[0];
	AUTO_FD to_parent = report[1];
	p.report_fd = to_parent;
	p.parent = getpid();
	c.pid = fork();
	if (c.pid == 0)
		child_main(p);
	if (c.pid < 0)
		return err_set(e, ERR_IO, errno, "start '%.200s'", name);
	fd_close(&to_parent);
	sys = start_error(from_child);
	if (sys == 0) {
		c.pidfd = pidfd_open(c.pid, 0);
		sys = c.pidfd < 0 ? errno : 0;
	}
	if (sys) {
		os_kill(&c);
		return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_IO, sys, "start '%.200s'", name);
	}
	*ret = c;
	return OK;
}

static void forget(struct os_child *c)
{
	fd_close(&c->pidfd);
	c->pid = 0;
}

static enum err_code reap(struct os_child *c, int *ret_status, struct err *e)
{
	pid_t r;
	do
		r = waitpid(c->pid, ret_status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		int sys = errno;
		forget(c);
		return err_set(e, ERR_IO, sys, "wait for a child process");
	}
	forget(c);
	return OK;
}

enum err_code os_wait(struct os_child *c, int64_t timeout_ms, int *ret_status, struct err *e)
{
	uint64_t deadline = os_monotonic_ns() / 1000000 + (uint64_t)MAX(timeout_ms, 0);
	while (timeout_ms >= 0) {
		struct pollfd pfd = { .fd = c->pidfd, .events = POLLIN };
		uint64_t now = os_monotonic_ns() / 1000000;
		int r = poll(&pfd, 1, now < deadline ? (int)MIN(deadline - now, 1000000u) : 0);
		if (r > 0)
			break;
		if (r < 0 && errno != EINTR)
			return err_set(e, ERR_IO, errno, "wait for a child process");
		if (os_monotonic_ns() / 1000000 >= deadline)
			return err_set(e, ERR_TIMEOUT, 0, "the child process still runs after %lld ms", (long long)timeout_ms);
	}
	return reap(c, ret_status, e);
}

void os_kill(struct os_child *c)
{
	struct err ignored;
	int status;
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);	/* not yet reaped, so the number is still this child's */
		(void)!reap(c, &status, &ignored);
	}
}
