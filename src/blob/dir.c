#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dir.h"

/* --- Opening ------------------------------------------------------------------------------------------------------------ */

static enum err_code open_below(const char *dir, const char *name, int *ret_fd, struct err *e)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_set(e, ERR_NOMEM, 0, "memory for a file name");
	enum err_code rc = os_mkdirs(path, 0700, e);
	int fd = rc ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rc && fd < 0)
		rc = err_set(e, ERR_IO, errno, "directory '%.200s'", path);
	free(path);
	if (!rc)
		*ret_fd = fd;
	return rc;
}

/* All 256 directories of SHA-256 at once: made one by one, each would cost the push that needs it first three more fsyncs. What
 * cannot be made now is made then. */
static enum err_code make_shards(struct dir_store *d, struct err *e)
{
	char shard[DIR_SHARD_MAX];
	unsigned made = 0;
	if (faccessat(d->blobs_fd, "sha256/ff", F_OK, 0) == 0)
		return OK;
	if (mkdirat(d->blobs_fd, "sha256", 0700) != 0 && errno != EEXIST)
		return OK;
	for (unsigned i = 0; i < 256; i++) {
		snprintf(shard, sizeof(shard), "sha256/%02x", i);
		made += mkdirat(d->blobs_fd, shard, 0700) == 0;
	}
	if (!made)
		return OK;
	TRY(dir_sync(d, d->blobs_fd, "sha256", e));
	return dir_sync(d, d->blobs_fd, ".", e);
}

enum err_code dir_open(const char *path, bool no_sync, struct dir_store **ret, struct err *e)
{
	struct dir_store *d = malloc(sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, 0, "open the blobs");
	*d = (struct dir_store){ .path = strdup(path), .blobs_fd = -1, .uploads_fd = -1, .objects_fd = -1, .quarantine_fd = -1,
				 .no_sync = no_sync };
	enum err_code rc = d->path ? hash_helper_open(&d->helper, e) : err_set(e, ERR_NOMEM, 0, "open the blobs");
	const struct { const char *name; int *fd; } dirs[] = {
		{ "blobs", &d->blobs_fd }, { "uploads", &d->uploads_fd }, { "objects", &d->objects_fd }, { "quarantine", &d->quarantine_fd },
	};
	for (size_t i = 0; !rc && i < ARRAY_LEN(dirs); i++)
		rc = open_below(path, dirs[i].name, dirs[i].fd, e);
	if (!rc)
		rc = make_shards(d, e);
	if (rc) {
		dir_close(d);
		return rc;
	}
	*ret = d;
	return OK;
}

void dir_close(struct dir_store *d)
{
	if (!d)
		return;
	hash_helper_close(d->helper);
	fd_close(&d->blobs_fd);
	fd_close(&d->uploads_fd);
	fd_close(&d->objects_fd);
	fd_close(&d->quarantine_fd);
	free(d->path);
	free(d);
}

/* --- Names -------------------------------------------------------------------------------------------------------------- */

void dir_shard(const struct blob_name *n, char dst[DIR_SHARD_MAX])
{
	memcpy(dst, n->algo == DIGEST_SHA512 ? "sha512/" : "sha256/", 7);
	memcpy(dst + 7, n->hex.p, 2);
	dst[9] = 0;
}

void dir_path(const struct blob_name *n, char dst[DIR_PATH_MAX])
{
	dir_shard(n, dst);
	dst[9] = '/';
	memcpy(dst + 10, n->hex.p, n->hex.n);
	dst[10 + n->hex.n] = 0;
}

enum err_code dir_sync(const struct dir_store *d, int parent, const char *name, struct err *e)
{
	if (d->no_sync)
		return OK;
	AUTO_FD fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* EINVAL: a file system that cannot sync a directory, for which there is no more to be done. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		return err_set(e, ERR_IO, errno, "write the directory '%s' of '%.150s' to disk", name, d->path);
	return OK;
}

static enum err_code failed(const char *doing, const struct blob_name *n, struct err *e)
{
	int sys = errno;
	if (sys == ENOENT)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no blob %s:%.*s", digest_name(n->algo), SLICE_ARG(n->hex));
	return err_set(e, ERR_IO, sys, "%s blob %s:%.*s", doing, digest_name(n->algo), SLICE_ARG(n->hex));
}

/* --- Reading ------------------------------------------------------------------------------------------------------------ */

enum err_code dir_stat(struct dir_store *d, const struct blob_name *n, uint64_t *ret_size, struct err *e)
{
	char path[DIR_PATH_MAX];
	struct stat st;
	dir_path(n, path);
	if (fstatat(d->blobs_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return failed("look up", n, e);
	if (!S_ISREG(st.st_mode)) {
		errno = ENOENT;
		return failed("look up", n, e);
	}
	*ret_size = (uint64_t)st.st_size;
	return OK;
}

enum err_code dir_open_fd(struct dir_store *d, const struct blob_name *n, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	char path[DIR_PATH_MAX];
	struct stat st;
	dir_path(n, path);
	AUTO_FD fd = openat(d->blobs_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0)
		return failed("open", n, e);
	if (!S_ISREG(st.st_mode)) {
		errno = ENOENT;
		return failed("open", n, e);
	}
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = fd_steal(&fd);
	return OK;
}

struct range_stream {
	struct stream s, *range;
	int fd;
};

static enum err_code range_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	return stream_read(((struct range_stream *)s)->range, dst, cap, ret_n, e);
}

static void range_close(struct stream *s)
{
	struct range_stream *r = (struct range_stream *)s;
	stream_close(r->range);
	fd_close(&r->fd);
	free(r);
}

static const struct stream_ops RANGE_OPS = { range_read, range_close };

enum err_code dir_read(struct dir_store *d, const struct blob_name *n, uint64_t offset, uint64_t length, struct stream **ret,
				struct err *e)
{
	AUTO_FD fd = -1;
	uint64_t size;
	TRY(dir_open_fd(d, n, &fd, &size, e));
	offset = MIN(offset, size);
	struct range_stream *r = malloc(sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, 0, "read a blob");
	*r = (struct range_stream){ { &RANGE_OPS }, NULL, fd_steal(&fd) };
	enum err_code rc = stream_of_fd_range(r->fd, offset, MIN(length, size - offset), &r->range, e);
	if (rc) {
		range_close(&r->s);
		return rc;
	}
	*ret = &r->s;
	return OK;
}

/* --- Keeping ------------------------------------------------------------------------------------------------------------ */

enum err_code dir_remove(struct dir_store *d, const struct blob_name *n, struct err *e)
{
	char path[DIR_PATH_MAX];
	dir_path(n, path);
	/* Not synced: a blob that is back after a crash has no row any more and is collected again. */
	return unlinkat(d->blobs_fd, path, 0) == 0 ? OK : failed("remove", n, e);
}

enum err_code dir_quarantine(struct dir_store *d, const struct blob_name *n, struct err *e)
{
	char path[DIR_PATH_MAX], shard[DIR_SHARD_MAX], aside[BLOB_DIGEST_MAX];
	dir_path(n, path);
	dir_shard(n, shard);
	snprintf(aside, sizeof(aside), "%s-%.*s", digest_name(n->algo), SLICE_ARG(n->hex));
	if (renameat(d->blobs_fd, path, d->quarantine_fd, aside) != 0)
		return failed("move aside", n, e);
	TRY(dir_sync(d, d->quarantine_fd, ".", e));
	return dir_sync(d, d->blobs_fd, shard, e);
}

/* --- Objects ------------------------------------------------------------------------------------------------------------ */

enum err_code dir_copy(int from, int to, struct err *e)
{
	uint8_t block[64 << 10];
	for (off_t at = 0;;) {
		ssize_t n = pread(from, block, sizeof(block), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_IO, errno, "read a file");
		if (n == 0)
			return OK;
		TRY(os_write_all(to, block, (size_t)n, "a copy", e));
		at += n;
	}
}

enum err_code dir_object_put(struct dir_store *d, const char *name, int fd, struct err *e)
{
	char *path = NULL;
	AUTO_ATOMIC f = { .fd = -1 };
	if (asprintf(&path, "%s/objects/%s", d->path, name) < 0)
		return err_set(e, ERR_NOMEM, 0, "memory for a file name");
	enum err_code rc = os_atomic_open(path, 0600, &f, e);
	free(path);
	TRY(rc);
	f.cache = d->no_sync;
	TRY(dir_copy(fd, f.fd, e));
	return os_atomic_commit(&f, e);
}

enum err_code dir_object_get(struct dir_store *d, const char *name, int to_fd, struct err *e)
{
	AUTO_FD fd = openat(d->objects_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no object '%s'", name);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "open object '%s'", name);
	return dir_copy(fd, to_fd, e);
}
