/* The operating system: files, processes, confinement, clock, signals. */
#pragma once
#include "base.h"
#include <sys/types.h>

/* --- Descriptors and files ------------------------------------------------------------------------------------------ */

static inline int fd_steal(int *fd) { int v = *fd; *fd = -1; return v; }
void fd_close(int *fd);			/* closes unless -1; keeps errno */
#define AUTO_FD [[gnu::cleanup(fd_close)]] int

/* All of n bytes, over EINTR and short writes. EPIPE is ERR_IO with sys EPIPE (SIGPIPE is ignored by os_signals_init). */
[[nodiscard]] enum err_code os_write_all(int fd, const void *p, size_t n, const char *what, struct err *e);
/* A whole file; ERR_LIMIT when larger than out->max, ERR_NOT_FOUND when there is none. */
[[nodiscard]] enum err_code os_read_file(const char *path, struct buf *out, struct err *e);
/* A file as read-only memory. Empty files give {p != NULL, 0}. */
struct os_map { struct slice bytes; };
[[nodiscard]] enum err_code os_map_file(int fd, const char *what, struct os_map *ret, struct err *e);
void os_unmap(struct os_map *m);

/* mkdir -p; existing directories keep their mode. */
[[nodiscard]] enum err_code os_mkdirs(const char *path, mode_t mode, struct err *e);
/* Removes a tree below dir (not following links); a missing one is fine. */
[[nodiscard]] enum err_code os_remove_tree(const char *path, struct err *e);
/* True when `path` is a directory of the caller with no access for others (cache directories). */
[[nodiscard]] enum err_code os_private_dir(const char *path, struct err *e);	/* makes it 0700 when missing; refuses others' and wider ones */

/* A file that appears under its name only when committed: an unnamed file (or a temporary name beside it), fsync, rename. A link is
 * followed; what exists and is no regular file (/dev/null, a pipe) is written to directly. Write to fd; the rest is private. */
struct os_atomic {
	int fd;
	char *path, *tmp;
	bool open, direct;
	bool cache;	/* may be set before the commit: not worth waiting for the disk; a torn file is found by its own checks */
};
[[nodiscard]] enum err_code os_atomic_open(const char *path, mode_t mode, struct os_atomic *ret, struct err *e);
[[nodiscard]] enum err_code os_atomic_commit(struct os_atomic *f, struct err *e);	/* also on failure f is closed and the temporary gone */
void os_atomic_abort(struct os_atomic *f);	/* takes a committed or zeroed one, too */
#define AUTO_ATOMIC [[gnu::cleanup(os_atomic_abort)]] struct os_atomic

/* An unnamed file in dir (O_TMPFILE, or created and unlinked at once): gone with its descriptor. */
[[nodiscard]] enum err_code os_unnamed_file(const char *dir, int *ret_fd, struct err *e);

/* --- Clock, user, terminal -------------------------------------------------------------------------------------------- */

uint64_t os_now_s(void);		/* seconds since 1970; honours SOURCE_DATE_EPOCH and os_set_now */
void os_set_now(uint64_t seconds);	/* --now */
uint64_t os_monotonic_ns(void);
unsigned os_cpu_count(void);		/* by affinity, at least 1 */
/* RFC 3339 UTC "2026-11-22T18:00:00Z" (or only a date) both ways. */
void os_format_time(uint64_t s, char dst[21]);
bool os_parse_time(struct slice text, uint64_t *ret_s);

/* --- Signals ------------------------------------------------------------------------------------------------------------ */

/* SIGINT, SIGTERM, SIGHUP set a flag that os_cancelled returns (the signal's number, 0 none); SIGPIPE is ignored. */
void os_signals_init(void);
int os_cancelled(void);
/* For servers, after os_signals_init: SIGHUP no longer cancels but is counted. */
void os_signals_reload(void);
unsigned os_hangups(void);
/* Ends the process by the signal's default action, so that the shell sees 130/143. Call after cleaning up. */
[[gnu::noreturn]] void os_die_by_signal(int sig);

/* --- Child processes ------------------------------------------------------------------------------------------------------ */

/* Starts a program (NULL: this one, /proc/self/exe) with exactly these descriptors: fds[i] becomes i. All others are closed,
 * signals reset, parent-death signal KILL (the kernel sends it when the calling *thread* ends: start children from one that outlives
 * them). fds[i] -1: /dev/null. A program without a slash is looked up in PATH. argv and envp NULL-terminated; envp NULL: an empty
 * environment but LANG=C.UTF-8. A program that cannot be started is ERR_IO (ERR_NOT_FOUND where there is none), not a dead child. */
struct os_child { pid_t pid; int pidfd; };
[[nodiscard]] enum err_code os_spawn(const char *program, const char *const *argv, const char *const *envp, const int *fds, size_t n_fds,
				     struct os_child *ret, struct err *e);
/* Waits; *ret_status as from waitpid. timeout_ms < 0: no limit; ERR_TIMEOUT leaves it running. */
[[nodiscard]] enum err_code os_wait(struct os_child *c, int64_t timeout_ms, int *ret_status, struct err *e);
void os_kill(struct os_child *c);	/* SIGKILL and reap; takes an ended or zeroed one, too */

/* --- Confinement ------------------------------------------------------------------------------------------------------------ */

struct os_limits { uint64_t memory_bytes, cpu_seconds, file_bytes; };
/* What a worker does before it reads hostile bytes, in two steps because Landlock binds only the calling thread and its later children:
 *   os_confine_begin  rlimits, no new privileges, no dumps, Landlock (no file access at all where the kernel has it); then start threads;
 *   os_confine_seal   the seccomp filter on all threads (TSYNC): allowed are what tests/unit/os/data/worker-syscalls.txt names; exec, socket,
 *                     ptrace kill the process (SIGSYS); open and stat give EPERM (fstat, too, as glibc makes it newfstatat: use lseek
 *                     for sizes); clone3 ENOSYS; anything else kills, a new thread also. Memory never becomes executable.
 * memory_bytes is RLIMIT_DATA, with RLIMIT_AS 16 GiB above it for views of files (neither is set under AddressSanitizer), cpu_seconds RLIMIT_CPU, file_bytes RLIMIT_FSIZE; 0: no limit. */
struct os_confinement { unsigned landlock_abi /* 0: the kernel has none */; bool seccomp, no_new_privs; };
[[nodiscard]] enum err_code os_confine_begin(const struct os_limits *limits, struct os_confinement *ret, struct err *e);
[[nodiscard]] enum err_code os_confine_seal(struct os_confinement *c, struct err *e);
/* The names of the allowed system calls, NULL-terminated, sorted. */
const char *const *os_confine_allowed(void);

/* --- Under systemd ---------------------------------------------------------------------------------------------------------- */

/* Sockets passed by socket activation (LISTEN_PID, LISTEN_FDS), in the order of the unit's file, made close-on-exec and non-blocking; 0 when none are meant for
 * this process. The variables are removed, so call it once and before threads start. ERR_USAGE: more than cap (or 64), or no stream sockets. */
[[nodiscard]] enum err_code os_listen_fds(int *fds, size_t cap, size_t *ret_n, struct err *e);
/* "READY=1", "STOPPING=1", … to the service manager (NOTIFY_SOCKET); OK without one. Failure is no reason to stop. */
[[nodiscard]] enum err_code os_notify(const char *state, struct err *e);

/* --- Libraries loaded when used --------------------------------------------------------------------------------------------- */

/* Loading a large library costs every start of the program milliseconds, also for `--help`. Such a library is opened when it is first used:
 * its functions are wrappers of the same name (OS_LAZY_FUNCTION) over pointers that os_library_load fills. ERR_UNSUPPORTED names the
 * Debian package that is missing. Never unloaded; call it before threads start and before the worker confines itself. */
struct os_symbol { const char *name; void *to; };
[[nodiscard]] enum err_code os_library_load(const char *soname, const char *package, const struct os_symbol *symbols, size_t n, struct err *e);

#define OS_LAZY_POINTER(ret, name, params, args) static typeof(name) *name##_ptr;
/* Hidden, so that the library itself does not end up in the wrappers; _PLAIN where its header fixed the visibility. */
#define OS_LAZY_FUNCTION_PLAIN(ret, name, params, args) ret name params { return name##_ptr args; }
#define OS_LAZY_FUNCTION(ret, name, params, args) [[gnu::visibility("hidden")]] ret name params { return name##_ptr args; }
#define OS_LAZY_SYMBOL(ret, name, params, args) { #name, &name##_ptr },
