/* Files that appear whole or not at all. Where the file system has O_TMPFILE, not even SIGKILL leaves something behind. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "os.h"

enum { NAME_TRIES = 64 };

/* "<path>.<16 hex digits>.tmp"; NULL without memory. */
static char *tmp_name(const char *path)
{
	uint64_t r = 0;
	char *name = NULL;
	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		r = os_monotonic_ns() ^ (uint64_t)getpid() << 40;
	return asprintf(&name, "%s.%016llx.tmp", path, (unsigned long long)r) < 0 ? NULL : name;
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* The name beside which the temporary goes: behind links, so that a link stays one. */
static char *target_of(const char *path)
{
	struct stat st;
	char *real = NULL;
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		real = realpath(path, NULL);
	return real ? real : strdup(path);
}

static int open_named(struct os_atomic *f, mode_t mode)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		int fd;
		free(f->tmp);
		f->tmp = tmp_name(f->path);
		if (!f->tmp)
			break;
		fd = open(f->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			break;
	}
	free(f->tmp);
	f->tmp = NULL;
	return -1;
}

static int open_tmp(struct os_atomic *f, mode_t mode)
{
	char *dir = dir_of(f->path);
	int fd = dir ? open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, mode) : -1;
	free(dir);
	return fd >= 0 ? fd : open_named(f, mode);
}

enum err_code os_atomic_open(const char *path, mode_t mode, struct os_atomic *ret, struct err *e)
{
	struct os_atomic f = { .fd = -1, .path = target_of(path) };
	struct stat st;
	if (!f.path)
		return err_set(e, ERR_NOMEM, 0, "memory for a file name");
	if (stat(f.path, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* /dev/null, a pipe: these are written to, never replaced */
		f.direct = true;
		f.fd = open(f.path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	} else {
		f.fd = open_tmp(&f, mode);
	}
	if (f.fd < 0) {
		int sys = errno;
		os_atomic_abort(&f);
		return err_set(e, ERR_IO, sys, "create '%.200s'", path);
	}
	f.open = true;
	*ret = f;
	return OK;
}

/* Gives an unnamed file its temporary name. */
static int link_tmp(struct os_atomic *f)
{
	char proc[32];
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", f->fd);
	for (int i = 0; i < NAME_TRIES; i++) {
		char *name = tmp_name(f->path);
		if (!name)
			break;
		if (linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
			f->tmp = name;
			return 0;
		}
		free(name);
		if (errno != EEXIST)
			break;
	}
	return -1;
}

static void sync_dir(const char *path)
{
	char *dir = dir_of(path);
	AUTO_FD fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(dir);
	if (fd >= 0)
		fsync(fd);	/* the rename has happened; a file system that cannot sync a directory is no failure */
}

enum err_code os_atomic_commit(struct os_atomic *f, struct err *e)
{
	enum err_code r = OK;
	if (!f->direct) {
		if (!f->cache && fsync(f->fd) != 0)
			r = err_set(e, ERR_IO, errno, "write '%.200s' to disk", f->path);
		else if (!f->tmp && link_tmp(f) != 0)
			r = err_set(e, ERR_IO, errno, "name the new '%.200s'", f->path);
		else if (rename(f->tmp, f->path) != 0)
			r = err_set(e, ERR_IO, errno, "replace '%.200s'", f->path);
	}
	if (r == OK) {
		free(f->tmp);
		f->tmp = NULL;
		if (!f->direct && !f->cache)
			sync_dir(f->path);
	}
	os_atomic_abort(f);
	return r;
}

void os_atomic_abort(struct os_atomic *f)
{
	if (f->open)
		fd_close(&f->fd);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
	free(f->path);
	*f = (struct os_atomic){ .fd = -1 };
}

enum err_code os_unnamed_file(const char *dir, int *ret_fd, struct err *e)
{
	struct os_atomic f = { .fd = -1 };
	int fd = open(dir, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		if (asprintf(&f.path, "%s/pabean", dir) < 0)
			return err_set(e, ERR_NOMEM, 0, "memory for a file name");
		fd = open_named(&f, 0600);
		if (fd < 0) {
			int sys = errno;
			free(f.path);
			return err_set(e, ERR_IO, sys, "create a scratch file in '%.200s'", dir);
		}
		unlink(f.tmp);
		free(f.tmp);
		free(f.path);
	}
	*ret_fd = fd;
	return OK;
}
