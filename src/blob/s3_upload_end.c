/* How uploads into S3 end. What fits one part becomes the blob by one PUT. What was sent in parts is completed under
 * uploads/<id>/data and copied by the server, since the digest, and so the name, is known only at the end; nothing stands under
 * a digest before it was verified. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "s3.h"

static enum err_code hash_stream(struct stream *in, int algo, char digest[BLOB_DIGEST_MAX], struct err *e)
{
	struct blob_hash h;
	uint8_t block[32 << 10];
	blob_hash_begin(&h, algo);
	for (size_t n = 1; n;) {
		TRY(stream_read(in, block, sizeof(block), &n, e));
		blob_hash_update(&h, slice_of(block, n));
	}
	blob_hash_final(&h, digest);
	return OK;
}

/* By an algorithm that did not run along: from where the bytes are now. */
static enum err_code digest_again(struct s3_upload *u, int algo, char digest[BLOB_DIGEST_MAX], struct err *e)
{
	AUTO_STREAM in = NULL;
	char key[S3_KEY_MAX];
	s3_upload_key(u->id, "data", key);
	if (u->parts)
		TRY(s3_stream(u->s, key, 0, UINT64_MAX, &in, e));
	else
		TRY(stream_of_fd_range(u->spool, 0, u->spooled, &in, e));
	return hash_stream(in, algo, digest, e);
}

static enum err_code check(const char *digest, const struct blob_name *want, struct err *e)
{
	if (want && !slice_eq(slice_from(slice_str(digest), 7), want->hex))
		return err_set(e, ERR_DIGEST, 0, "the bytes have the digest %.80s, not the one they were announced with", digest);
	return OK;
}

static enum err_code finish(struct s3_upload *u, const struct blob_name *want, char digest[BLOB_DIGEST_MAX], struct err *e)
{
	char staged[S3_KEY_MAX], final[S3_KEY_MAX];
	struct blob_name n;
	bool again = want && want->algo != u->hash.algo;
	s3_upload_key(u->id, "data", staged);
	if (!again) {
		blob_hash_final(&u->hash, digest);
		TRY(check(digest, want, e));
	}
	if (u->parts) {
		if (u->spooled)
			TRY(s3_upload_send_part(u, e));
		TRY(s3_multipart_end(u->s, staged, u->upload_id, u->parts, u->offset, e));
	}
	if (again) {
		TRY(digest_again(u, want->algo, digest, e));
		TRY(check(digest, want, e));
	}
	TRY(blob_name_parse(slice_str(digest), &n, e));
	s3_blob_key(&n, final);
	return u->parts ? s3_copy(u->s, staged, final, u->offset, e) : s3_put_spool(u, final, e);
}

enum err_code s3_upload_finish(struct s3_upload *u, const struct blob_name *want, char *ret_digest, uint64_t *ret_size,
				struct err *e)
{
	char digest[BLOB_DIGEST_MAX] = "";
	struct err ignored = { 0 };
	enum err_code rc = finish(u, want, digest, e);
	if (!rc && ret_digest)
		memcpy(ret_digest, digest, sizeof(digest));
	if (!rc && ret_size)
		*ret_size = u->offset;
	/* Left-overs that cannot be removed now are met by the walk over uploads. */
	if (*u->upload_id || u->saved_at != UINT64_MAX)
		(void)!s3_upload_remove(u->s, u->id, &ignored);
	s3_upload_close(u);
	return rc;
}

/* --- Removing
 * --------------------------------------------------------------------------------------------------------------------- */

struct sweep { struct s3_store *s; };

static enum err_code sweep_object(void *arg, struct slice key, uint64_t size, uint64_t when, struct err *e)
{
	struct sweep *w = arg;
	char name[S3_KEY_MAX];
	(void)size, (void)when;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(key));
	return s3_delete(w->s, name, e);
}

static enum err_code sweep_multipart(void *arg, struct slice key, const char *upload_id, uint64_t begun_s, struct err *e)
{
	struct sweep *w = arg;
	char name[S3_KEY_MAX];
	(void)begun_s;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(key));
	return s3_multipart_abort(w->s, name, upload_id, e);
}

enum err_code s3_upload_remove(struct s3_store *s, const char *id, struct err *e)
{
	struct sweep w = { s };
	char prefix[S3_KEY_MAX];
	s3_upload_key(id, "", prefix);
	enum err_code rc = s3_list_multipart(s, prefix, sweep_multipart, &w, e);
	TRY(s3_list(s, prefix, 0, sweep_object, &w, e));
	return rc;
}

/* --- Small objects
 * ------------------------------------------------------------------------------------------------------------------ */

enum err_code s3_object_put(struct s3_store *s, const char *name, int fd, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	AUTO_STREAM in = NULL;
	char key[S3_KEY_MAX], digest[BLOB_DIGEST_MAX];
	off_t size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return err_set(e, ERR_IO, 0, "an object must be a file");
	struct net_file f = { fd, 0, (uint64_t)size };
	snprintf(key, sizeof(key), "objects/%s", name);
	TRY(stream_of_fd_range(fd, 0, f.size, &in, e));
	TRY(hash_stream(in, DIGEST_SHA256, digest, e));
	return s3_call(s, &(struct s3_request){ .method = "PUT", .key = key, .file = size ? &f : NULL, .payload = digest + 7 }, &a, e);
}

enum err_code s3_object_get(struct s3_store *s, const char *name, int to_fd, struct err *e)
{
	char key[S3_KEY_MAX];
	snprintf(key, sizeof(key), "objects/%s", name);
	enum err_code rc = s3_fetch(s, key, to_fd, NULL, e);
	return rc == ERR_NOT_FOUND ? err_set(e, ERR_NOT_FOUND, 0, "there is no object '%s'", name) : rc;
}
