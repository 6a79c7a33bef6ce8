/* Walks over the directory's blobs and uploads. What goes away meanwhile is left out; what is no blob is passed over. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dir.h"

struct walk {
	struct dir_store *d;
	blob_walk_fn *fn;
	void *arg;
	int algo;		/* of the blobs now met */
	struct err *e;
};

typedef enum err_code entry_fn(struct walk *w, int dir, const char *name);

static enum err_code each(struct walk *w, int parent, const char *name, entry_fn *fn)
{
	struct dirent *ent;
	enum err_code rc = OK;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return OK;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int sys = errno;
		fd_close(&fd);
		return err_set(w->e, ERR_IO, sys, "list '%s' of '%.200s'", name, w->d->path);
	}
	while (!rc && (errno = 0, ent = readdir(dir)))
		if (ent->d_name[0] != '.')
			rc = fn(w, dirfd(dir), ent->d_name);
	if (!rc && errno)
		rc = err_set(w->e, ERR_IO, errno, "list '%s' of '%.200s'", name, w->d->path);
	closedir(dir);
	return rc;
}

static enum err_code report(struct walk *w, int dir, const char *name, struct slice shown)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? OK : err_set(w->e, ERR_IO, errno, "look up '%.100s' in '%.150s'", name, w->d->path);
	if (!S_ISREG(st.st_mode))
		return OK;
	return w->fn(w->arg, shown, (uint64_t)st.st_size, (uint64_t)MAX(st.st_mtime, (time_t)0), w->e);
}

static enum err_code on_blob(struct walk *w, int dir, const char *name)
{
	char digest[BLOB_DIGEST_MAX];
	if (!blob_is_hex(slice_str(name), 2 * digest_size(w->algo)))
		return OK;
	snprintf(digest, sizeof(digest), "%s:%s", digest_name(w->algo), name);
	return report(w, dir, name, slice_str(digest));
}

static enum err_code on_shard(struct walk *w, int dir, const char *name)
{
	return blob_is_hex(slice_str(name), 2) ? each(w, dir, name, on_blob) : OK;
}

static enum err_code on_upload(struct walk *w, int dir, const char *name)
{
	return blob_is_hex(slice_str(name), BLOB_ID_HEX) ? report(w, dir, name, slice_str(name)) : OK;
}

enum err_code dir_walk(struct dir_store *d, blob_walk_fn *fn, void *arg, struct err *e)
{
	struct walk w = { d, fn, arg, DIGEST_SHA256, e };
	TRY(each(&w, d->blobs_fd, "sha256", on_shard));
	w.algo = DIGEST_SHA512;
	return each(&w, d->blobs_fd, "sha512", on_shard);
}

enum err_code dir_walk_uploads(struct dir_store *d, blob_walk_fn *fn, void *arg, struct err *e)
{
	struct walk w = { d, fn, arg, DIGEST_NONE, e };
	return each(&w, d->uploads_fd, ".", on_upload);
}
