#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "confine.h"

/* More than a worker ever holds; descriptors cannot pile up. */
enum { WORKER_MAX_FDS = 64 };

#if CONFINE_ASAN
/* The leak checker at exit stops the world by clone and ptrace, which the filter kills. */
static volatile bool sealed;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return sealed; }
#endif

static enum err_code limit(int what, uint64_t soft, uint64_t hard, const char *name, struct err *e)
{
	struct rlimit now, want = { soft, hard };
	if (getrlimit((__rlimit_resource_t)what, &now) != 0)
		return err_set(e, ERR_IO, errno, "read the limit of %s", name);
	want.rlim_max = MIN(want.rlim_max, now.rlim_max);
	want.rlim_cur = MIN(want.rlim_cur, want.rlim_max);
	if (setrlimit((__rlimit_resource_t)what, &want) != 0)
		return err_set(e, ERR_IO, errno, "limit %s", name);
	return OK;
}

/* Address space for read-only views of files. */
#define VIEW_BYTES ((uint64_t)16 << 30)

static enum err_code set_limits(const struct os_limits *l, struct err *e)
{
	TRY(limit(RLIMIT_CORE, 0, 0, "core dumps", e));
	TRY(limit(RLIMIT_NOFILE, WORKER_MAX_FDS, WORKER_MAX_FDS, "descriptors", e));
	if (l->cpu_seconds)	/* SIGXCPU first, which names the reason; SIGKILL a second later */
		TRY(limit(RLIMIT_CPU, l->cpu_seconds, l->cpu_seconds + 1, "processor time", e));
	if (l->file_bytes)
		TRY(limit(RLIMIT_FSIZE, l->file_bytes, l->file_bytes, "file size", e));
	if (l->memory_bytes && !CONFINE_ASAN) {	/* its shadow alone is terabytes of address space */
		/* What is written to counts, not mappings of large files that are only looked at. */
		TRY(limit(RLIMIT_DATA, l->memory_bytes, l->memory_bytes, "memory", e));
		TRY(limit(RLIMIT_AS, l->memory_bytes + VIEW_BYTES, l->memory_bytes + VIEW_BYTES, "address space", e));
	}
	return OK;
}

enum err_code os_confine_begin(const struct os_limits *limits, struct os_confinement *ret, struct err *e)
{
	struct os_confinement c = { 0 };
	TRY(set_limits(limits, e));
	/* a file that grows too large must be an error of write, not a signal */
	signal(SIGXFSZ, SIG_IGN);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, ERR_IO, errno, "forbid new privileges");
	c.no_new_privs = true;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_set(e, ERR_IO, errno, "forbid dumps");
	TRY(landlock_nothing(&c.landlock_abi, e));
	*ret = c;
	return OK;
}

enum err_code os_confine_seal(struct os_confinement *c, struct err *e)
{
	TRY(seccomp_seal(e));
	c->seccomp = true;
#if CONFINE_ASAN
	sealed = true;
#endif
	return OK;
}
