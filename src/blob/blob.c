/* The face: names are checked here, then the directory or S3 goes on. */
#include <stdlib.h>
#include "dir.h"

struct blob_store { struct dir_store *dir; };
struct blob_upload { struct dir_upload *dir; };

enum err_code blob_open(const struct blob_options *o, struct blob_store **ret, struct err *e)
{
	if (o->s3)
		return err_set(e, ERR_UNSUPPORTED, 0, "blobs in S3 are not supported by this build");
	if (!o->dir || !*o->dir)
		return err_set(e, ERR_USAGE, 0, "no directory for the blobs is named");
	struct blob_store *b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, ERR_NOMEM, 0, "open the blobs");
	enum err_code rc = dir_open(o->dir, o->no_sync, &b->dir, e);
	if (rc) {
		free(b);
		return rc;
	}
	*ret = b;
	return OK;
}

void blob_close(struct blob_store *b)
{
	if (!b)
		return;
	dir_close(b->dir);
	free(b);
}

bool blob_is_shared(const struct blob_store *b) { return !b->dir; }

/* --- Reading ------------------------------------------------------------------------------------------------------------ */

enum err_code blob_stat(struct blob_store *b, struct slice digest, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return dir_stat(b->dir, &n, ret_size, e);
}

enum err_code blob_open_fd(struct blob_store *b, struct slice digest, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return dir_open_fd(b->dir, &n, ret_fd, ret_size, e);
}

enum err_code blob_read(struct blob_store *b, struct slice digest, uint64_t offset, uint64_t length, struct stream **ret, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return dir_read(b->dir, &n, offset, length, ret, e);
}

enum err_code blob_url(struct blob_store *b, struct slice digest, unsigned seconds, struct buf *out, struct err *e)
{
	struct blob_name n;
	(void)b, (void)seconds, (void)out;
	TRY(blob_name_parse(digest, &n, e));
	return err_set(e, ERR_UNSUPPORTED, 0, "blobs in a directory have no address of their own");
}

/* --- Writing ------------------------------------------------------------------------------------------------------------ */

static enum err_code wrap(struct dir_upload *d, struct blob_upload **ret, struct err *e)
{
	struct blob_upload *u = malloc(sizeof(*u));
	if (!u) {
		dir_upload_close(d);
		return err_set(e, ERR_NOMEM, 0, "begin an upload");
	}
	u->dir = d;
	*ret = u;
	return OK;
}

enum err_code blob_upload_begin(struct blob_store *b, int algo, struct blob_upload **ret, struct err *e)
{
	struct dir_upload *d = NULL;
	if (algo != DIGEST_SHA256 && algo != DIGEST_SHA512)
		return err_set(e, ERR_USAGE, 0, "blobs have digests by SHA-256 or SHA-512");
	TRY(dir_upload_begin(b->dir, algo, &d, e));
	return wrap(d, ret, e);
}

const char *blob_upload_id(const struct blob_upload *u) { return dir_upload_id(u->dir); }
uint64_t blob_upload_offset(const struct blob_upload *u) { return dir_upload_offset(u->dir); }

enum err_code blob_upload_append(struct blob_upload *u, struct slice bytes, struct err *e)
{
	return dir_upload_append(u->dir, bytes, e);
}

enum err_code blob_upload_save(struct blob_upload *u, struct buf *state, struct err *e)
{
	return dir_upload_save(u->dir, state, e);
}

enum err_code blob_upload_resume(struct blob_store *b, const char *id, uint64_t offset, struct slice state, struct blob_upload **ret,
				 struct err *e)
{
	struct dir_upload *d = NULL;
	TRY(blob_id_check(id, e));
	TRY(dir_upload_resume(b->dir, id, offset, state, &d, e));
	return wrap(d, ret, e);
}

enum err_code blob_upload_finish(struct blob_upload *u, struct slice want, char *ret_digest, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	enum err_code rc = want.n ? blob_name_parse(want, &n, e) : OK;
	if (rc)
		dir_upload_close(u->dir);
	else
		rc = dir_upload_finish(u->dir, want.n ? &n : NULL, ret_digest, ret_size, e);
	free(u);
	return rc;
}

void blob_upload_close(struct blob_upload *u)
{
	if (!u)
		return;
	dir_upload_close(u->dir);
	free(u);
}

enum err_code blob_upload_remove(struct blob_store *b, const char *id, struct slice state, struct err *e)
{
	(void)state;
	TRY(blob_id_check(id, e));
	return dir_upload_remove(b->dir, id, e);
}

/* --- Keeping ------------------------------------------------------------------------------------------------------------ */

enum err_code blob_remove(struct blob_store *b, struct slice digest, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return dir_remove(b->dir, &n, e);
}

enum err_code blob_quarantine(struct blob_store *b, struct slice digest, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return dir_quarantine(b->dir, &n, e);
}

enum err_code blob_walk(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e) { return dir_walk(b->dir, fn, arg, e); }

enum err_code blob_walk_uploads(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e)
{
	return dir_walk_uploads(b->dir, fn, arg, e);
}

enum err_code blob_object_put(struct blob_store *b, const char *name, int fd, struct err *e)
{
	TRY(blob_object_check(name, e));
	return dir_object_put(b->dir, name, fd, e);
}

enum err_code blob_object_get(struct blob_store *b, const char *name, int to_fd, struct err *e)
{
	TRY(blob_object_check(name, e));
	return dir_object_get(b->dir, name, to_fd, e);
}
