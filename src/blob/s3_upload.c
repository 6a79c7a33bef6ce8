/* Uploads into S3 while they run: full parts are sent, the tail waits in an unnamed file, and is put into S3 when the upload is
 * put down. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "s3.h"

enum { STATE_MAX = 4096, GROW_EVERY = 2500 };

/* 10,000 parts of one size would end at 80 GB: each quarter of them is four times as large as the one before (5 TB with 8
 * MiB). */
static uint64_t part_limit(const struct s3_upload *u) { return u->s->part_bytes << 2 * MIN(u->parts / GROW_EVERY, 3u); }

static struct s3_upload *upload_new(struct s3_store *s, int algo)
{
	struct s3_upload *u = malloc(sizeof(*u));
	if (!u)
		return NULL;
	*u = (struct s3_upload){ .s = s, .spool = -1, .saved_at = UINT64_MAX, .saved_before = UINT64_MAX };
	blob_hash_begin(&u->hash, algo);
	blob_hash_begin(&u->tail_hash, DIGEST_SHA256);
	return u;
}

void s3_upload_close(struct s3_upload *u)
{
	if (!u)
		return;
	fd_close(&u->spool);
	free(u);
}

enum err_code s3_upload_begin(struct s3_store *s, int algo, struct s3_upload **ret, struct err *e)
{
	struct s3_upload *u = upload_new(s, algo);
	if (!u)
		return err_set(e, ERR_NOMEM, 0, "begin an upload");
	enum err_code rc = blob_id_new(u->id, e);
	if (rc) {
		s3_upload_close(u);
		return rc;
	}
	*ret = u;
	return OK;
}

void s3_upload_key(const char *id, const char *what, char dst[S3_KEY_MAX]) { snprintf(dst, S3_KEY_MAX, "uploads/%s/%s", id,
				what); }

/* --- Sending
 * ------------------------------------------------------------------------------------------------------------------ */

/* The digest costs a second hash of each byte, which only plain http needs. */
static const char *payload_of(struct s3_upload *u, char text[BLOB_DIGEST_MAX])
{
	struct blob_hash h = u->tail_hash;
	if (u->s->https)
		return NULL;
	blob_hash_final(&h, text);
	return text + 7;	/* behind "sha256:" */
}

static enum err_code send_spool(struct s3_upload *u, const char *key, const char *query, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	char hash[BLOB_DIGEST_MAX];
	struct net_file f = { u->spool, 0, u->spooled };
	struct s3_request q = { .method = "PUT", .key = key, .query = query };
	if (u->spooled) {
		q.file = &f;
		q.payload = payload_of(u, hash);
	}
	return s3_call(u->s, &q, &a, e);
}

enum err_code s3_put_spool(struct s3_upload *u, const char *key, struct err *e) { return send_spool(u, key, NULL, e); }

enum err_code s3_upload_send_part(struct s3_upload *u, struct err *e)
{
	char key[S3_KEY_MAX], query[S3_KEY_MAX + 40];
	s3_upload_key(u->id, "data", key);
	if (u->parts >= S3_PARTS_MAX)
		return err_set(e, ERR_LIMIT, 0, "an upload of more than %d parts", S3_PARTS_MAX);
	if (!*u->upload_id)
		TRY(s3_multipart_begin(u->s, key, u->upload_id, e));
	snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", u->parts + 1, u->upload_id);
	TRY(send_spool(u, key, query, e));
	u->parts++;
	u->spooled = 0;
	blob_hash_begin(&u->tail_hash, DIGEST_SHA256);
	return OK;
}

static enum err_code spool_put(struct s3_upload *u, struct slice bytes, struct err *e)
{
	if (u->spool < 0)
		TRY(os_unnamed_file(u->s->spool_dir, &u->spool, e));
	for (size_t at = 0; at < bytes.n;) {
		ssize_t n = pwrite(u->spool, bytes.p + at, bytes.n - at, (off_t)(u->spooled + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_IO, n ? errno : EIO, "write an upload to '%.200s'", u->s->spool_dir);
		at += (size_t)n;
	}
	u->spooled += bytes.n;
	if (!u->s->https)
		blob_hash_update(&u->tail_hash, bytes);
	return OK;
}

/* A full part is sent when more bytes come, not before: a failure then loses none that were taken. */
enum err_code s3_upload_append(struct s3_upload *u, struct slice bytes, struct err *e)
{
	while (bytes.n) {
		if (u->spooled >= part_limit(u))
			TRY(s3_upload_send_part(u, e));
		struct slice now = slice_upto(bytes, (size_t)MIN((uint64_t)bytes.n, part_limit(u) - u->spooled));
		TRY(spool_put(u, now, e));
		blob_hash_update(&u->hash, now);
		u->offset += now.n;
		bytes = slice_from(bytes, now.n);
	}
	return OK;
}

/* --- Putting down and taking up
 * ------------------------------------------------------------------------------------------------ */

static void tail_key(const char *id, uint64_t at, char dst[S3_KEY_MAX])
{
	char what[32];
	snprintf(what, sizeof(what), "tail-%llu", (unsigned long long)at);
	s3_upload_key(id, what, dst);
}

static enum err_code save_tail(struct s3_upload *u, struct err *e)
{
	char key[S3_KEY_MAX];
	struct err ignored = { 0 };
	if (u->saved_at == u->offset)
		return OK;
	tail_key(u->id, u->offset, key);
	TRY(s3_put_spool(u, key, e));
	if (u->saved_before != UINT64_MAX) {
		tail_key(u->id, u->saved_before, key);
		(void)!s3_delete(u->s, key, &ignored);	/* else it goes with the upload */
	}
	u->saved_before = u->saved_at;
	u->saved_at = u->offset;
	return OK;
}

/* "s3v1 <parts> <bytes of the tail> <part size> <multipart id or -> <hash>". The etags of the parts are asked for at the end. */
enum err_code s3_upload_save(struct s3_upload *u, struct buf *state, struct err *e)
{
	TRY(save_tail(u, e));
	buf_printf(state, "s3v1 %u %llu %llu %s ", u->parts, (unsigned long long)u->spooled, (unsigned long long)u->s->part_bytes,
		   *u->upload_id ? u->upload_id : "-");
	blob_hash_save(&u->hash, state);
	return buf_ok(state, "an upload's state", e);
}

static bool state_parse(struct slice state, struct s3_upload *u, uint64_t *ret_tail)
{
	struct slice f[6];
	uint64_t parts, part_bytes;
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		if (!slice_next_piece(&state, ' ', &f[i]))
			return false;
	if (!slice_eqs(f[0], "s3v1") || !slice_to_u64(f[1], &parts) || parts > S3_PARTS_MAX || !slice_to_u64(f[2], ret_tail) ||
	    !slice_to_u64(f[3], &part_bytes) || !f[4].n || f[4].n >= S3_KEY_MAX || !blob_hash_load(f[5], &u->hash))
		return false;
	/* What is put into an address must not be anything else. */
	for (size_t i = 0; i < f[4].n; i++)
		if (f[4].p[i] <= ' ' || f[4].p[i] >= 0x7f || strchr("&?#/", f[4].p[i]))
			return false;
	if (!slice_eqs(f[4], "-"))
		snprintf(u->upload_id, sizeof(u->upload_id), "%.*s", SLICE_ARG(f[4]));
	u->parts = (unsigned)parts;
	return !parts == !*u->upload_id && *ret_tail <= u->hash.bytes;
}

static enum err_code load_tail(struct s3_upload *u, uint64_t want, struct err *e)
{
	char key[S3_KEY_MAX];
	uint8_t block[32 << 10];
	AUTO_STREAM in = NULL;
	tail_key(u->id, u->hash.bytes, key);
	enum err_code rc = s3_stream(u->s, key, 0, UINT64_MAX, &in, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no upload %s", u->id);
	TRY(rc);
	for (size_t n = 1; n;) {
		TRY(stream_read(in, block, sizeof(block), &n, e));
		if (u->spooled + n > want)
			break;
		TRY(spool_put(u, slice_of(block, n), e));
	}
	if (u->spooled != want)
		return err_set(e, ERR_FORMAT, 0, "upload %s has fewer bytes than it should have", u->id);
	u->saved_at = u->offset = u->hash.bytes;
	return OK;
}

enum err_code s3_upload_resume(struct s3_store *s, const char *id, uint64_t offset, struct slice state,
				struct s3_upload **ret, struct err *e)
{
	struct s3_upload *u = upload_new(s, DIGEST_SHA256);
	uint64_t tail = 0;
	enum err_code rc = OK;
	if (!u)
		return err_set(e, ERR_NOMEM, 0, "take up an upload");
	memcpy(u->id, id, BLOB_ID_BYTES);
	if (!state.n)
		rc = err_set(e, ERR_NOT_FOUND, 0, "there is no upload %s", id);
	else if (state.n > STATE_MAX || !state_parse(state, u, &tail))
		rc = err_set(e, ERR_FORMAT, 0, "the state of upload %s is not one of S3", id);
	else if (u->hash.bytes != offset)
		rc = err_set(e, ERR_FORMAT, 0, "upload %s was put down at another place than byte %llu", id, (unsigned long long)offset);
	else
		rc = load_tail(u, tail, e);
	if (rc) {
		s3_upload_close(u);
		return rc;
	}
	*ret = u;
	return OK;
}
