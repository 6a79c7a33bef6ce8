/* Uploads of the directory. Bytes are hashed while they are written, and the disk is set to work early, so that the one fsync at
 * the end has little left to do and nothing is read a second time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dir.h"

enum {
	WRITE_EARLY = 4 << 20,	/* bytes behind which the kernel is told to begin writing */
	READ_BLOCK = 256 << 10,
	HELP_FROM = 64 << 10,	/* bytes from which waking another thread costs less than hashing them */
	STATE_MAX = 1024,
};

struct dir_upload {
	struct dir_store *d;
	char id[BLOB_ID_BYTES];
	int fd;
	uint64_t offset, early;		/* bytes taken; of these already on their way to the disk */
	struct blob_hash hash;
};

static struct dir_upload *upload_new(struct dir_store *d)
{
	struct dir_upload *u = malloc(sizeof(*u));
	if (u)
		*u = (struct dir_upload){ .d = d, .fd = -1 };
	return u;
}

void dir_upload_close(struct dir_upload *u)
{
	if (!u)
		return;
	fd_close(&u->fd);
	free(u);
}

enum err_code dir_upload_begin(struct dir_store *d, int algo, struct dir_upload **ret, struct err *e)
{
	struct dir_upload *u = upload_new(d);
	if (!u)
		return err_set(e, ERR_NOMEM, 0, "begin an upload");
	enum err_code rc = blob_id_new(u->id, e);
	if (!rc && (u->fd = openat(d->uploads_fd, u->id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		rc = err_set(e, ERR_IO, errno, "begin an upload in '%.200s'", d->path);
	if (rc) {
		dir_upload_close(u);
		return rc;
	}
	blob_hash_begin(&u->hash, algo);
	*ret = u;
	return OK;
}

const char *dir_upload_id(const struct dir_upload *u) { return u->id; }
uint64_t dir_upload_offset(const struct dir_upload *u) { return u->offset; }

static enum err_code write_at(struct dir_upload *u, struct slice bytes, struct err *e)
{
	for (size_t at = 0; at < bytes.n;) {
		ssize_t n = pwrite(u->fd, bytes.p + at, bytes.n - at, (off_t)(u->offset + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_IO, n ? errno : EIO, "write an upload to '%.200s'", u->d->path);
		at += (size_t)n;
	}
	return OK;
}

/* A failed write leaves offset and hash where they were: what was written of it is written again. */
enum err_code dir_upload_append(struct dir_upload *u, struct slice bytes, struct err *e)
{
	struct blob_hash next = u->hash;
	bool helped = bytes.n >= HELP_FROM && hash_helper_begin(u->d->helper, &next, bytes);
	enum err_code rc = write_at(u, bytes, e);
	if (helped)
		hash_helper_end(u->d->helper);
	TRY(rc);
	if (!helped)
		blob_hash_update(&next, bytes);
	u->hash = next;
	u->offset += bytes.n;
	if (u->offset - u->early >= WRITE_EARLY && !u->d->no_sync) {
		/* Only a hint: a file system without it loses time, nothing else. */
		(void)sync_file_range(u->fd, (off_t)u->early, (off_t)(u->offset - u->early), SYNC_FILE_RANGE_WRITE);
		u->early = u->offset;
	}
	return OK;
}

/* --- Putting down and taking up ------------------------------------------------------------------------------------------- */

/* What tells this run of the kernel from others: written bytes outlive our process, but perhaps not the machine's power. */
static void boot_id(struct buf *out)
{
	struct err e = { 0 };
	if (os_read_file("/proc/sys/kernel/random/boot_id", out, &e) || !out->n)
		buf_clear(out);
	while (out->n && out->p[out->n - 1] == '\n')
		out->n--;
}

/* "dir1 <boot id> <hash>": the hash counts only until the next boot; after that the bytes are read again. */
enum err_code dir_upload_save(struct dir_upload *u, struct buf *state, struct err *e)
{
	AUTO_BUF boot = BUF(64);
	boot_id(&boot);
	buf_puts(state, "dir1 ");
	buf_put_slice(state, buf_slice(&boot));
	buf_putc(state, ' ');
	blob_hash_save(&u->hash, state);
	return buf_ok(state, "an upload's state", e);
}

static enum err_code hash_again(struct dir_upload *u, struct err *e)
{
	uint8_t *block = malloc(READ_BLOCK);
	enum err_code rc = block ? OK : err_set(e, ERR_NOMEM, 0, "read an upload");
	for (uint64_t at = 0; !rc && at < u->offset;) {
		ssize_t n = pread(u->fd, block, (size_t)MIN(u->offset - at, (uint64_t)READ_BLOCK), (off_t)at);
		if (n > 0) {
			blob_hash_update(&u->hash, slice_of(block, (size_t)n));
			at += (uint64_t)n;
		} else if (n == 0 || errno != EINTR) {
			rc = err_set(e, ERR_IO, n ? errno : EIO, "read an upload");
		}
	}
	free(block);
	return rc;
}

static enum err_code take_state(struct dir_upload *u, struct slice state, struct err *e)
{
	struct slice kind = SLICE_NULL, boot = SLICE_NULL, hash = SLICE_NULL;
	struct blob_hash saved = { 0 };
	AUTO_BUF now = BUF(64);
	if (!state.n) {
		blob_hash_begin(&u->hash, DIGEST_SHA256);
		return hash_again(u, e);
	}
	if (state.n > STATE_MAX || !slice_next_piece(&state, ' ', &kind) || !slice_eqs(kind, "dir1") ||
	    !slice_next_piece(&state, ' ', &boot) || !slice_next_piece(&state, ' ', &hash) || !blob_hash_load(hash, &saved))
		return err_set(e, ERR_FORMAT, 0, "the state of the upload is not one of a directory");
	boot_id(&now);
	if (now.n && slice_eq(boot, buf_slice(&now)) && saved.bytes == u->offset) {
		u->hash = saved;
		return OK;
	}
	blob_hash_begin(&u->hash, saved.algo);
	return hash_again(u, e);
}

static enum err_code open_upload(struct dir_upload *u, const char *id, uint64_t offset, struct err *e)
{
	struct stat st;
	memcpy(u->id, id, BLOB_ID_BYTES);
	u->fd = openat(u->d->uploads_fd, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (u->fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no upload %s", id);
	if (u->fd < 0 || fstat(u->fd, &st) != 0)
		return err_set(e, ERR_IO, errno, "open upload %s", id);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < offset)
		return err_set(e, ERR_FORMAT, 0, "upload %s has fewer bytes than it should have", id);
	if ((uint64_t)st.st_size > offset && ftruncate(u->fd, (off_t)offset) != 0)
		return err_set(e, ERR_IO, errno, "cut upload %s", id);
	u->offset = offset;
	return OK;
}

enum err_code dir_upload_resume(struct dir_store *d, const char *id, uint64_t offset, struct slice state, struct dir_upload **ret,
				struct err *e)
{
	struct dir_upload *u = upload_new(d);
	if (!u)
		return err_set(e, ERR_NOMEM, 0, "begin an upload");
	enum err_code rc = open_upload(u, id, offset, e);
	if (!rc)
		rc = take_state(u, state, e);
	if (rc) {
		dir_upload_close(u);
		return rc;
	}
	*ret = u;
	return OK;
}

enum err_code dir_upload_remove(struct dir_store *d, const char *id, struct err *e)
{
	if (unlinkat(d->uploads_fd, id, 0) != 0 && errno != ENOENT)
		return err_set(e, ERR_IO, errno, "remove upload %s", id);
	return OK;
}

/* --- Finishing -------------------------------------------------------------------------------------------------------------- */

/* The digest of what was taken; by another algorithm than the one that ran along, it costs the second read. */
static enum err_code settle(struct dir_upload *u, const struct blob_name *want, char digest[BLOB_DIGEST_MAX], struct err *e)
{
	if (want && want->algo != u->hash.algo) {
		blob_hash_begin(&u->hash, want->algo);
		TRY(hash_again(u, e));
	}
	blob_hash_final(&u->hash, digest);
	if (want && !slice_eq(slice_from(slice_str(digest), 7), want->hex))
		return err_set(e, ERR_DIGEST, 0, "the bytes have the digest %.80s, not the one they were announced with", digest);
	return OK;
}

static enum err_code make_shard(struct dir_store *d, const char *shard, struct err *e)
{
	char algo[8];
	memcpy(algo, shard, 6);
	algo[6] = 0;
	if ((mkdirat(d->blobs_fd, algo, 0700) != 0 && errno != EEXIST) || (mkdirat(d->blobs_fd, shard, 0700) != 0 && errno != EEXIST))
		return err_set(e, ERR_IO, errno, "make the directory '%s' of '%.200s'", shard, d->path);
	TRY(dir_sync(d, d->blobs_fd, ".", e));
	return dir_sync(d, d->blobs_fd, algo, e);
}

static enum err_code publish(struct dir_upload *u, const struct blob_name *n, struct err *e)
{
	char path[DIR_PATH_MAX], shard[DIR_SHARD_MAX];
	struct dir_store *d = u->d;
	dir_path(n, path);
	dir_shard(n, shard);
	if (!d->no_sync && fdatasync(u->fd) != 0)
		return err_set(e, ERR_IO, errno, "write an upload to disk in '%.200s'", d->path);
	int rc = renameat(d->uploads_fd, u->id, d->blobs_fd, path);
	if (rc != 0 && errno == ENOENT) {
		TRY(make_shard(d, shard, e));
		rc = renameat(d->uploads_fd, u->id, d->blobs_fd, path);
	}
	if (rc != 0)
		return err_set(e, ERR_IO, errno, "name a blob in '%.200s'", d->path);
	return dir_sync(d, d->blobs_fd, shard, e);
}

enum err_code dir_upload_finish(struct dir_upload *u, const struct blob_name *want, char *ret_digest, uint64_t *ret_size,
				struct err *e)
{
	char digest[BLOB_DIGEST_MAX];
	struct blob_name n;
	enum err_code rc = settle(u, want, digest, e);
	if (!rc)
		rc = blob_name_parse(slice_str(digest), &n, e);
	if (!rc)
		rc = publish(u, &n, e);
	if (!rc && ret_digest)
		memcpy(ret_digest, digest, sizeof(digest));
	if (!rc && ret_size)
		*ret_size = u->offset;
	/* Also after a failure: bytes whose fsync failed may be lost though they can still be read. */
	if (rc)
		unlinkat(u->d->uploads_fd, u->id, 0);
	dir_upload_close(u);
	return rc;
}
