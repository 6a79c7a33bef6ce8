/* The face: names are checked here, then the directory or S3 goes on. */
#include <stdlib.h>
#include "s3.h"

/* One of each pair is NULL. */
struct blob_store { struct dir_store *dir; struct s3_store *s3; };
struct blob_upload { struct dir_upload *dir; struct s3_upload *s3; };

enum err_code blob_open(const struct blob_options *o, struct blob_store **ret, struct err *e)
{
	if (!o->dir || !*o->dir)
		return err_set(e, ERR_USAGE, 0, "no directory for the blobs is named");
	struct blob_store *b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, ERR_NOMEM, 0, "open the blobs");
	enum err_code rc = o->s3 ? s3_open(o->s3, o->dir, &b->s3, e) : dir_open(o->dir, o->no_sync, &b->dir, e);
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
	s3_close(b->s3);
	free(b);
}

bool blob_is_shared(const struct blob_store *b) { return b->s3 != NULL; }

/* --- Reading ------------------------------------------------------------------------------------------------------------ */

enum err_code blob_stat(struct blob_store *b, struct slice digest, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return b->s3 ? s3_blob_stat(b->s3, &n, ret_size, e) : dir_stat(b->dir, &n, ret_size, e);
}

enum err_code blob_open_fd(struct blob_store *b, struct slice digest, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	if (b->s3)
		return err_set(e, ERR_UNSUPPORTED, 0, "blobs in S3 have no descriptor");
	return dir_open_fd(b->dir, &n, ret_fd, ret_size, e);
}

enum err_code blob_read(struct blob_store *b, struct slice digest, uint64_t offset, uint64_t length, struct stream **ret,
				struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return b->s3 ? s3_blob_read(b->s3, &n, offset, length, ret, e) : dir_read(b->dir, &n, offset, length, ret, e);
}

enum err_code blob_url(struct blob_store *b, struct slice digest, unsigned seconds, struct buf *out, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	if (b->s3)
		return s3_blob_url(b->s3, &n, seconds, out, e);
	return err_set(e, ERR_UNSUPPORTED, 0, "blobs in a directory have no address of their own");
}

/* --- Writing ------------------------------------------------------------------------------------------------------------ */

static enum err_code wrap(struct blob_upload inner, struct blob_upload **ret, struct err *e)
{
	struct blob_upload *u = malloc(sizeof(*u));
	if (!u) {
		dir_upload_close(inner.dir);
		s3_upload_close(inner.s3);
		return err_set(e, ERR_NOMEM, 0, "begin an upload");
	}
	*u = inner;
	*ret = u;
	return OK;
}

enum err_code blob_upload_begin(struct blob_store *b, int algo, struct blob_upload **ret, struct err *e)
{
	struct blob_upload inner = { 0 };
	if (algo != DIGEST_SHA256 && algo != DIGEST_SHA512)
		return err_set(e, ERR_USAGE, 0, "blobs have digests by SHA-256 or SHA-512");
	TRY(b->s3 ? s3_upload_begin(b->s3, algo, &inner.s3, e) : dir_upload_begin(b->dir, algo, &inner.dir, e));
	return wrap(inner, ret, e);
}

const char *blob_upload_id(const struct blob_upload *u) { return u->s3 ? u->s3->id : dir_upload_id(u->dir); }
uint64_t blob_upload_offset(const struct blob_upload *u) { return u->s3 ? u->s3->offset : dir_upload_offset(u->dir); }

enum err_code blob_upload_append(struct blob_upload *u, struct slice bytes, struct err *e)
{
	return u->s3 ? s3_upload_append(u->s3, bytes, e) : dir_upload_append(u->dir, bytes, e);
}

enum err_code blob_upload_save(struct blob_upload *u, struct buf *state, struct err *e)
{
	return u->s3 ? s3_upload_save(u->s3, state, e) : dir_upload_save(u->dir, state, e);
}

enum err_code blob_upload_resume(struct blob_store *b, const char *id, uint64_t offset, struct slice state,
				struct blob_upload **ret,
				 struct err *e)
{
	struct blob_upload inner = { 0 };
	TRY(blob_id_check(id, e));
	TRY(b->s3 ? s3_upload_resume(b->s3, id, offset, state, &inner.s3, e)
		  : dir_upload_resume(b->dir, id, offset, state, &inner.dir, e));
	return wrap(inner, ret, e);
}

enum err_code blob_upload_finish(struct blob_upload *u, struct slice want, char *ret_digest, uint64_t *ret_size, struct err *e)
{
	struct blob_name n;
	enum err_code rc = want.n ? blob_name_parse(want, &n, e) : OK;
	const struct blob_name *name = want.n ? &n : NULL;
	if (rc) {	/* a wrong name is the caller's mistake: the bytes stay */
		blob_upload_close(u);
		return rc;
	}
	rc = u->s3 ? s3_upload_finish(u->s3, name, ret_digest, ret_size, e) : dir_upload_finish(u->dir, name, ret_digest, ret_size, e);
	free(u);
	return rc;
}

void blob_upload_close(struct blob_upload *u)
{
	if (!u)
		return;
	dir_upload_close(u->dir);
	s3_upload_close(u->s3);
	free(u);
}

enum err_code blob_upload_remove(struct blob_store *b, const char *id, struct slice state, struct err *e)
{
	(void)state;
	TRY(blob_id_check(id, e));
	return b->s3 ? s3_upload_remove(b->s3, id, e) : dir_upload_remove(b->dir, id, e);
}

/* --- Keeping ------------------------------------------------------------------------------------------------------------ */

enum err_code blob_remove(struct blob_store *b, struct slice digest, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return b->s3 ? s3_blob_remove(b->s3, &n, e) : dir_remove(b->dir, &n, e);
}

enum err_code blob_quarantine(struct blob_store *b, struct slice digest, struct err *e)
{
	struct blob_name n;
	TRY(blob_name_parse(digest, &n, e));
	return b->s3 ? s3_blob_quarantine(b->s3, &n, e) : dir_quarantine(b->dir, &n, e);
}

enum err_code blob_walk(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e)
{
	return b->s3 ? s3_walk(b->s3, fn, arg, e) : dir_walk(b->dir, fn, arg, e);
}

enum err_code blob_walk_uploads(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e)
{
	return b->s3 ? s3_walk_uploads(b->s3, fn, arg, e) : dir_walk_uploads(b->dir, fn, arg, e);
}

enum err_code blob_object_put(struct blob_store *b, const char *name, int fd, struct err *e)
{
	TRY(blob_object_check(name, e));
	return b->s3 ? s3_object_put(b->s3, name, fd, e) : dir_object_put(b->dir, name, fd, e);
}

enum err_code blob_object_get(struct blob_store *b, const char *name, int to_fd, struct err *e)
{
	TRY(blob_object_check(name, e));
	return b->s3 ? s3_object_get(b->s3, name, to_fd, e) : dir_object_get(b->dir, name, to_fd, e);
}
