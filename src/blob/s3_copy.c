/* Multipart uploads and copies: requests that make the server move bytes, and so may take their time. */
#include <stdio.h>
#include "s3.h"

enum { COPY_PATIENCE_MS = 60000, COPY_BYTES_PER_MS = 10000, COMPLETE_MAX = S3_PARTS_MAX * (S3_ETAG_MAX + 64) };

uint64_t s3_patience_ms(const struct s3_store *s, uint64_t bytes)
{
	return MAX(s->timeout_ms, COPY_PATIENCE_MS + bytes / COPY_BYTES_PER_MS);
}

enum err_code s3_size(struct s3_store *s, const char *key, uint64_t *ret_bytes, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	TRY(s3_call(s, &(struct s3_request){ .method = "HEAD", .key = key }, &a, e));
	if (a.length == UINT64_MAX)
		return err_set(e, ERR_NET, 0, "S3 at %s does not say how large an object is", s->host);
	*ret_bytes = a.length;
	return OK;
}

enum err_code s3_delete(struct s3_store *s, const char *key, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	enum err_code rc = s3_call(s, &(struct s3_request){ .method = "DELETE", .key = key }, &a, e);
	return rc == ERR_NOT_FOUND ? OK : rc;
}

/* --- Multipart -------------------------------------------------------------------------------------------------------------- */

enum err_code s3_multipart_begin(struct s3_store *s, const char *key, char upload_id[S3_KEY_MAX], struct err *e)
{
	AUTO_ANSWER a = { 0 };
	AUTO_BUF escaped = BUF(S3_KEY_MAX - 1);
	char id[S3_KEY_MAX];
	TRY(s3_call(s, &(struct s3_request){ .method = "POST", .key = key, .query = "uploads=" }, &a, e));
	if (s3_xml_text(s3_xml_find(buf_slice(&a.body), "UploadId"), id, sizeof(id)))
		net_url_escape(&escaped, slice_str(id));
	if (!escaped.n || escaped.failed)
		return err_set(e, ERR_NET, 0, "S3 at %s gives no id that can be used for an upload in parts", s->host);
	snprintf(upload_id, S3_KEY_MAX, "%s", buf_cstr(&escaped));
	return OK;
}

enum err_code s3_multipart_abort(struct s3_store *s, const char *key, const char *upload_id, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	char query[S3_KEY_MAX + 16];
	snprintf(query, sizeof(query), "uploadId=%s", upload_id);
	enum err_code rc = s3_call(s, &(struct s3_request){ .method = "DELETE", .key = key, .query = query }, &a, e);
	return rc == ERR_NOT_FOUND ? OK : rc;
}

static enum err_code check_size(struct s3_store *s, const char *key, uint64_t bytes, struct err *e)
{
	uint64_t got;
	enum err_code rc = s3_size(s, key, &got, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_NET, 0, "S3 at %s does not have what it was sent", s->host);
	TRY(rc);
	if (got != bytes)
		return err_set(e, ERR_NET, 0, "S3 at %s stored %llu bytes where %llu were sent", s->host, (unsigned long long)got,
			       (unsigned long long)bytes);
	return OK;
}

enum err_code s3_multipart_end(struct s3_store *s, const char *key, const char *upload_id, unsigned n, uint64_t bytes,
				struct err *e)
{
	AUTO_ANSWER a = { 0 };
	AUTO_BUF body = BUF(COMPLETE_MAX);
	char query[S3_KEY_MAX + 16];
	snprintf(query, sizeof(query), "uploadId=%s", upload_id);
	buf_puts(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	TRY(s3_list_parts(s, key, upload_id, n, bytes, &body, e));
	buf_puts(&body, "</CompleteMultipartUpload>");
	TRY(buf_ok(&body, "a list of parts", e));
	enum err_code rc = s3_call(s, &(struct s3_request){ .method = "POST", .key = key, .query = query, .body = buf_slice(&body),
					   .timeout_ms = s3_patience_ms(s, bytes) }, &a, e);
	/* NoSuchUpload: perhaps an attempt whose answer was lost has completed it. The object tells. */
	if (rc != OK && rc != ERR_NOT_FOUND)
		return rc;
	return check_size(s, key, bytes, e);
}

/* --- Copies
 * ------------------------------------------------------------------------------------------------------------------ */

static void source_of(const struct s3_store *s, const char *key, char dst[2 * S3_KEY_MAX])
{
	snprintf(dst, 2 * S3_KEY_MAX, "/%s/%s%s", s->bucket, s->prefix, key);
}

static enum err_code copy_whole(struct s3_store *s, const char *from, const char *to, uint64_t bytes, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	char source[2 * S3_KEY_MAX];
	source_of(s, from, source);
	return s3_call(s, &(struct s3_request){ .method = "PUT", .key = to, .copy_source = source, .timeout_ms = s3_patience_ms(s, bytes) }, &a,
		       e);
}

static enum err_code copy_part(struct s3_store *s, const char *from, const char *to, const char *id, unsigned number,
				uint64_t first,
			       uint64_t n, struct err *e)
{
	AUTO_ANSWER a = { 0 };
	char source[2 * S3_KEY_MAX], range[64], query[S3_KEY_MAX + 40];
	source_of(s, from, source);
	snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)first, (unsigned long long)(first + n - 1));
	snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, id);
	return s3_call(s, &(struct s3_request){ .method = "PUT", .key = to, .query = query, .copy_source = source, .copy_range = range,
			       .timeout_ms = s3_patience_ms(s, n) }, &a, e);
}

static enum err_code copy_parts(struct s3_store *s, const char *from, const char *to, uint64_t bytes, struct err *e)
{
	char id[S3_KEY_MAX];
	struct err ignored = { 0 };
	uint64_t each = MAX(s->copy_part, bytes / (S3_PARTS_MAX - 1));
	unsigned n = 0;
	TRY(s3_multipart_begin(s, to, id, e));
	enum err_code rc = OK;
	for (uint64_t at = 0; !rc && at < bytes; at += each)
		rc = copy_part(s, from, to, id, ++n, at, MIN(each, bytes - at), e);
	if (!rc)
		rc = s3_multipart_end(s, to, id, n, bytes, e);
	/* What cannot be aborted now is left to the bucket's rule for unfinished uploads. */
	if (rc)
		(void)!s3_multipart_abort(s, to, id, &ignored);
	return rc;
}

enum err_code s3_copy(struct s3_store *s, const char *from, const char *to, uint64_t bytes, struct err *e)
{
	struct err first = { 0 };
	if (bytes > s->copy_max && copy_parts(s, from, to, bytes, &first) == OK)
		return check_size(s, to, bytes, e);
	/* Servers without copies in parts mostly have no limit on whole ones. */
	if (copy_whole(s, from, to, bytes, e) != OK) {
		if (first.code)
			*e = first;
		return e->code;
	}
	return check_size(s, to, bytes, e);
}
