#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "os.h"

#ifdef __SANITIZE_ADDRESS__
enum { WITH_ASAN = 1 };
#else
enum { WITH_ASAN = 0 };
#endif

enum { MEMORY_BYTES = 512 * 1024 * 1024, FILE_BYTES = 1 << 20 };

/* Runs attempt in a confined child: its return value is the exit status, -N when signal N ended it. */
static int confined(int (*attempt)(void), bool seal)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		const struct os_limits limits = { MEMORY_BYTES, 20, FILE_BYTES };
		struct os_confinement c;
		struct err e;
		if (os_confine_begin(&limits, &c, &e) != OK || !c.no_new_privs || c.seccomp)
			_exit(99);
		if (seal && (os_confine_seal(&c, &e) != OK || !c.seccomp))
			_exit(98);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- what a worker needs --- */

static int scratch_fd = -1;

static int do_work(void)
{
	char b[64];
	struct timespec ts;
	sigset_t set;
	void *p = malloc(8 << 20), *q;
	uint8_t *m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!p || m == MAP_FAILED || mprotect(m, 4096, PROT_READ) || munmap(m, 65536))
		return 1;
	memset(p, 1, 8 << 20);
	q = realloc(p, 64 << 20);	/* mremap */
	if (!q)
		return 2;
	free(q);
	if (pwrite(scratch_fd, "abc", 3, 0) != 3 || pread(scratch_fd, b, 3, 0) != 3 || ftruncate(scratch_fd, 2) != 0 ||
	    lseek(scratch_fd, 0, SEEK_END) != 2)
		return 3;
	if (clock_gettime(CLOCK_MONOTONIC, &ts) || getrandom(b, sizeof(b), 0) != sizeof(b) || sigprocmask(SIG_BLOCK, NULL, &set))
		return 4;
	if (sched_yield() || prctl(PR_SET_NAME, "worker") || getpid() <= 0 || usleep(1))
		return 5;
	struct os_map map;
	struct err e;
	if (os_map_file(scratch_fd, "scratch", &map, &e) != OK || map.bytes.n != 2)
		return 6;
	os_unmap(&map);
	return 0;
}

static void work_is_allowed(void **)
{
	struct err e;
	assert_int_equal(os_unnamed_file("/tmp", &scratch_fd, &e), OK);
	assert_int_equal(confined(do_work, true), 0);
	fd_close(&scratch_fd);
}

/* --- what it is refused --- */

static int try_open(void) { return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0; }
static int try_create(void) { return openat(AT_FDCWD, "/tmp/pabean-escape", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? errno : 0; }
static int try_stat(void) { struct stat st; return stat("/etc/passwd", &st) < 0 ? errno : 0; }
static int try_readlink(void) { char b[64]; return readlink("/proc/self/exe", b, sizeof(b)) < 0 ? errno : 0; }
static int try_access(void) { return access("/etc/passwd", R_OK) < 0 ? errno : 0; }
static int try_clone3(void) { return syscall(SYS_clone3, NULL, 0) < 0 ? errno : 0; }
static int try_large_file(void) { return pwrite(scratch_fd, "x", 1, FILE_BYTES) < 0 ? errno : 0; }
static int map_anonymous(size_t n, int prot)
{
	return mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int try_large_memory(void) { return map_anonymous(MEMORY_BYTES, PROT_READ | PROT_WRITE); }
static int try_large_view(void) { return map_anonymous(MEMORY_BYTES, PROT_READ); }
static int try_huge_view(void) { return map_anonymous((size_t)1 << 40, PROT_READ); }

static void refused_with_an_error(void **)
{
	struct err e;
	assert_int_equal(confined(try_open, true), EPERM);
	assert_int_equal(confined(try_create, true), EPERM);
	assert_int_equal(confined(try_stat, true), EPERM);
	assert_int_equal(confined(try_readlink, true), EPERM);
	assert_int_equal(confined(try_access, true), EPERM);
	assert_int_equal(confined(try_clone3, true), ENOSYS);
	assert_int_equal(os_unnamed_file("/tmp", &scratch_fd, &e), OK);
	assert_int_equal(confined(try_large_file, true), EFBIG);
	fd_close(&scratch_fd);
	if (!WITH_ASAN) {	/* memory to write to counts, views of files do not, within reason */
		assert_int_equal(confined(try_large_memory, true), ENOMEM);
		assert_int_equal(confined(try_large_view, true), 0);
		assert_int_equal(confined(try_huge_view, true), ENOMEM);
	}
}

static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int try_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int try_connect(void) { return connect(-1, NULL, 0); }
static int try_exec(void) { return (int)syscall(SYS_execve, "/bin/true", NULL, NULL); }
static int try_execveat(void) { return (int)syscall(SYS_execveat, -1, "/bin/true", NULL, NULL, 0); }
static int try_ptrace(void) { return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL); }
static int try_kill(void) { return kill(getppid(), 0); }
static int try_tgkill(void) { return (int)syscall(SYS_tgkill, 1, 1, 0); }
static int try_prctl(void) { return prctl(PR_SET_DUMPABLE, 1); }
static int try_unlink(void) { return unlink("/tmp/none"); }
static int try_exec_memory(void) { return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED; }
static int try_exec_protect(void)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static int try_process_vm(void) { return (int)syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0); }
static int try_bpf(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }
static int try_io_uring(void) { return (int)syscall(SYS_io_uring_setup, 1, NULL); }
static int try_limits(void)
{
	struct rlimit l = { 1, 1 };
	return setrlimit(RLIMIT_CPU, &l);
}
static int try_unshare(void) { return (int)syscall(SYS_unshare, 0x10000000); }
static int try_mount(void) { return (int)syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL); }
static int try_fork(void) { return fork() == 0 ? 0 : 1; }
static int try_unknown(void) { return (int)syscall(4000); }
static int try_x32(void) { return (int)syscall(0x40000000 | SYS_getpid); }

static void killed(void **)
{
	static const struct { const char *name; int (*attempt)(void); } t[] = {
		{ "socket", try_socket }, { "unix socket", try_unix_socket }, { "connect", try_connect }, { "exec", try_exec },
		{ "execveat", try_execveat }, { "ptrace", try_ptrace }, { "kill", try_kill }, { "tgkill", try_tgkill }, { "prctl", try_prctl },
		{ "unlink", try_unlink }, { "executable memory", try_exec_memory }, { "mprotect", try_exec_protect },
		{ "process_vm_readv", try_process_vm }, { "bpf", try_bpf }, { "io_uring", try_io_uring }, { "setrlimit", try_limits },
		{ "unshare", try_unshare }, { "mount", try_mount }, { "unknown", try_unknown }, { "x32", try_x32 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (confined(t[i].attempt, true) != -SIGSYS)
			fail_msg("%s does not end the worker", t[i].name);
	if (!WITH_ASAN)
		assert_int_equal(confined(try_fork, true), -SIGSYS);
}

static int do_abort(void)
{
	abort();
}
static void abort_stays_an_abort(void **) { assert_int_equal(confined(do_abort, true), -SIGABRT); }

/* --- threads started before the seal are bound, too --- */

static int thread_pipe[2];

static void *thread_main(void *)
{
	char c;
	if (read(thread_pipe[0], &c, 1) != 1)
		_exit(97);
	_exit(try_open() == EPERM && try_socket() ? 96 : 95);
}

static void filter_binds_threads(void **)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		const struct os_limits limits = { 0 };
		struct os_confinement c;
		struct err e;
		pthread_t t;
		if (pipe(thread_pipe) || os_confine_begin(&limits, &c, &e) != OK || pthread_create(&t, NULL, thread_main, NULL) ||
		    os_confine_seal(&c, &e) != OK || write(thread_pipe[1], "x", 1) != 1)
			_exit(99);
		pthread_join(t, NULL);
		_exit(94);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* Before the seal Landlock alone already forbids files, where the kernel has it. */
static void landlock_alone(void **)
{
	struct os_confinement c = { 0 };
	int status, r;
	pid_t pid = fork();
	if (pid == 0) {
		const struct os_limits limits = { 0 };
		struct err e;
		_exit(os_confine_begin(&limits, &c, &e) == OK ? (int)c.landlock_abi : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99);
	r = confined(try_open, false);
	assert_int_equal(r, WEXITSTATUS(status) > 0 ? EACCES : 0);
}

static void golden_list(void **)
{
	AUTO_BUF file = BUF(16384);
	struct slice rest, line;
	struct err e;
	size_t n = 0;
	const char *const *allowed = os_confine_allowed();
	assert_int_equal(os_read_file(TEST_DATA "/worker-syscalls.txt", &file, &e), OK);
	for (rest = buf_slice(&file); slice_next_line(&rest, &line); n++) {
		assert_non_null(allowed[n]);
		assert_true(slice_eqs(line, allowed[n]));
		assert_true(n == 0 || strcmp(allowed[n - 1], allowed[n]) < 0);
	}
	assert_null(allowed[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_allowed), cmocka_unit_test(refused_with_an_error), cmocka_unit_test(killed),
		cmocka_unit_test(abort_stays_an_abort), cmocka_unit_test(filter_binds_threads), cmocka_unit_test(landlock_alone),
		cmocka_unit_test(golden_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
