#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include "os.h"

enum { TREE_MAX_DEPTH = 256 };

enum err_code os_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	struct stat st;
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(part))
		return err_set(e, ERR_IO, n ? ENAMETOOLONG : ENOENT, "make directory '%.100s'", path);
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST) {
			int sys = errno;
			if (stat(part, &st) != 0)	/* a read-only parent of an existing directory is fine */
				return err_set(e, ERR_IO, sys, "make directory '%.200s'", part);
		}
		part[i] = path[i];
	}
	if (stat(path, &st) != 0)
		return err_set(e, ERR_IO, errno, "directory '%.200s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_IO, ENOTDIR, "directory '%.200s'", path);
	return OK;
}

static enum err_code remove_in(int parent, const char *name, unsigned depth, struct err *e);

static enum err_code remove_children(int fd, const char *name, unsigned depth, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *ent;
	enum err_code r = OK;
	if (!d) {
		close(fd);
		return err_set(e, ERR_NOMEM, 0, "list directory '%.200s'", name);
	}
	while (r == OK && (errno = 0, ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			r = remove_in(dirfd(d), ent->d_name, depth + 1, e);
	}
	if (r == OK && errno)
		r = err_set(e, ERR_IO, errno, "list directory '%.200s'", name);
	closedir(d);
	return r;
}

static enum err_code remove_in(int parent, const char *name, unsigned depth, struct err *e)
{
	int fd, sys;
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return OK;
	sys = errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_IO, errno == ENOTDIR || errno == ELOOP ? sys : errno, "remove '%.200s'", name);
	if (depth >= TREE_MAX_DEPTH) {
		close(fd);
		return err_set(e, ERR_LIMIT, 0, "remove '%.200s': more than %d directories deep", name, TREE_MAX_DEPTH);
	}
	TRY(remove_children(fd, name, depth, e));
	if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return err_set(e, ERR_IO, errno, "remove '%.200s'", name);
	return OK;
}

enum err_code os_remove_tree(const char *path, struct err *e) { return remove_in(AT_FDCWD, path, 0, e); }

enum err_code os_private_dir(const char *path, struct err *e)
{
	struct stat st;
	if (lstat(path, &st) != 0) {
		if (errno != ENOENT)
			return err_set(e, ERR_IO, errno, "directory '%.200s'", path);
		TRY(os_mkdirs(path, 0700, e));
		if (lstat(path, &st) != 0)
			return err_set(e, ERR_IO, errno, "directory '%.200s'", path);
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_IO, 0, "'%.200s' must be a directory (not a link to one)", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_IO, 0, "directory '%.200s' belongs to user %u, not to you: name another or have it removed",
			       path, (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return err_set(e, ERR_IO, 0, "directory '%.200s' is open to other users: chmod 700 it, or remove it", path);
	return OK;
}
