/* The system calls of a worker that reads hostile bytes. */
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "confine.h"

/* What a confined worker may call; tests/unit/os/data/worker-syscalls.txt is the same list, so that nobody widens it unseen. */
static const char *const allowed[] = {
	"brk", "clock_gettime", "clock_nanosleep", "close", "exit", "exit_group", "fstat", "ftruncate", "futex", "getpid", "getrandom",
	"getrusage", "gettid", "gettimeofday", "lseek", "madvise", "mmap", "mprotect", "mremap", "munmap", "nanosleep", "poll", "ppoll",
	"prctl", "pread64", "prlimit64", "pwrite64", "read", "readv", "restart_syscall", "rseq", "rt_sigprocmask", "rt_sigreturn",
	"sched_getaffinity", "sched_yield", "set_robust_list", "sysinfo", "tgkill", "time", "write", "writev", NULL,
};

/* Libraries try these by habit and live with a refusal. */
static const char *const refused[] = {
	"open", "openat", "openat2", "creat", "stat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getcwd",
#if CONFINE_ASAN
	/* a report of AddressSanitizer must come out even though no symbolizer can be started */
	"clone", "fork", "vfork", "pipe", "pipe2", "ioctl",
#endif
};

#if CONFINE_ASAN
static const char *const asan_allowed[] = { "sigaltstack", "rt_sigaction", "getrlimit", "getppid", "getuid", "geteuid" };
#endif

const char *const *os_confine_allowed(void) { return allowed; }

struct condition { const char *name; struct scmp_arg_cmp cmp; };

static int add(scmp_filter_ctx ctx, uint32_t action, const char *name, const struct scmp_arg_cmp *cmp)
{
	int nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0;	/* not on this machine's architecture */
	return seccomp_rule_add_array(ctx, action, nr, cmp ? 1 : 0, cmp);
}

static int add_allowed(scmp_filter_ctx ctx, const char *name)
{
	const struct condition conditions[] = {
		/* memory is never executable */
		{ "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		/* only a thread's name */
		{ "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME) },
		/* only asking (getrlimit) */
		{ "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0) },
		/* only itself: abort() */
		{ "tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) },
	};
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
		if (strcmp(conditions[i].name, name) == 0)
			return add(ctx, SCMP_ACT_ALLOW, name, &conditions[i].cmp);
	return add(ctx, SCMP_ACT_ALLOW, name, NULL);
}

static int add_rules(scmp_filter_ctx ctx)
{
	int r = 0;
	for (size_t i = 0; allowed[i] && r == 0; i++)
		r = add_allowed(ctx, allowed[i]);
	for (size_t i = 0; i < ARRAY_LEN(refused) && r == 0; i++)
		r = add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], NULL);
	/* glibc then tries clone, which kills: no new threads or processes */
	if (r == 0)
		r = add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL);
#if CONFINE_ASAN
	for (size_t i = 0; i < ARRAY_LEN(asan_allowed) && r == 0; i++)
		r = add(ctx, SCMP_ACT_ALLOW, asan_allowed[i], NULL);
#endif
	return r;
}

enum err_code seccomp_seal(struct err *e)
{
	int r;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return err_set(e, ERR_NOMEM, 0, "memory for the system call filter");
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* a binary tree: cheap for every call */
	if (r == 0)
		r = add_rules(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r != 0)
		return err_set(e, ERR_IO, -r, "load the system call filter");
	return OK;
}
