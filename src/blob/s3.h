/* The S3 store: one bucket, path-style, signature 4. Keys consist of unreserved characters and slashes only, so none ever needs
 * escaping. */
#pragma once
#include "dir.h"
#include "net.h"

enum {
	S3_KEY_MAX = 512,
	S3_PREFIX_MAX = 200,
	S3_PARTS_MAX = 10000,		/* the protocol's limit */
	S3_ETAG_MAX = 256,
	S3_PAGE_MAX = 4 << 20,		/* bytes of an answer that is read whole */
};

struct s3_credentials { const char *access_key, *secret_key, *session_token; };

struct s3_store {
	struct arena arena;
	struct net_client *net;
	const char *origin, *host;	/* "http://127.0.0.1:9001" and what of it is the Host header */
	const char *bucket, *region, *prefix;	/* prefix "" or with its last slash */
	struct s3_credentials cred;
	const char *spool_dir;
	bool https;
	uint64_t timeout_ms, part_bytes;
	uint64_t copy_max, copy_part;	/* bytes the server copies in one request; in one of several */
};

[[nodiscard]] enum err_code s3_open(const struct blob_s3_options *o, const char *spool_dir, struct s3_store **ret, struct err *e);
void s3_close(struct s3_store *s);	/* takes NULL */

/* --- s3_credentials.c: from the options, the environment, a file in AWS' ini format --------------------------------------- */

[[nodiscard]] enum err_code s3_credentials_find(const struct blob_s3_options *o, struct arena *a, struct s3_credentials *ret,
				struct err *e);
/* The keys of one [profile]; false: none there. */
bool s3_credentials_parse(struct slice file, struct slice profile, struct arena *a, struct s3_credentials *ret);

/* --- s3_sign.c: AWS Signature Version 4 (docs.aws.amazon.com, "Signature Version 4 for authenticating requests")
 * ------------- */

struct s3_signing {
	const char *method, *path;	/* "/bucket/key" */
	const char *query;		/* as sent: escaped, sorted by name; "" for none */
	const char *payload;		/* hex SHA-256 of the body or "UNSIGNED-PAYLOAD" */
	const char *copy_source, *copy_range;	/* values of these headers; NULL: none */
};
/* The Authorization header's value at `now`. */
void s3_sign_header(const struct s3_store *s, const struct s3_signing *q, uint64_t now_s, struct buf *out);
/* The query that makes a GET of `path` valid for `seconds`. */
void s3_sign_query(const struct s3_store *s, const char *path, unsigned seconds, uint64_t now_s, struct buf *out);
void s3_time(uint64_t now_s, char dst[17]);	/* "20261122T180000Z" */

/* --- s3_call.c: one request
 * ----------------------------------------------------------------------------------------------------- */

struct s3_request {
	const char *method;		/* NULL: GET */
	const char *key;		/* behind the prefix; NULL: the bucket */
	const char *query;		/* as in s3_signing; NULL: none */
	struct slice body;
	const struct net_file *file;
	const char *payload;		/* hex SHA-256 of the file where it is known */
	const char *copy_source, *copy_range;
	uint64_t offset, end;		/* of a GET */
	uint64_t timeout_ms;
};
struct s3_answer {
	int status;
	uint64_t length;		/* Content-Length; UINT64_MAX: unknown */
	char etag[S3_ETAG_MAX];		/* as it came */
	struct buf body;		/* read whole */
};
void s3_answer_free(struct s3_answer *a);
#define AUTO_ANSWER [[gnu::cleanup(s3_answer_free)]] struct s3_answer
/* Any status below 300 is fine, 404 is ERR_NOT_FOUND, 401 and 403 ERR_AUTH, others ERR_NET; answers 200 with an <Error> in them
 * count as errors. Repeats after 500, 502, 503, 504, 429 and broken connections, as net does. */
[[nodiscard]] enum err_code s3_call(struct s3_store *s, const struct s3_request *q, struct s3_answer *ret, struct err *e);
/* The body as a stream, `limit` bytes of it. */
[[nodiscard]] enum err_code s3_stream(struct s3_store *s, const char *key, uint64_t offset, uint64_t length,
				struct stream **ret, struct err *e);
/* The whole object to a descriptor, at its place. */
[[nodiscard]] enum err_code s3_fetch(struct s3_store *s, const char *key, int to, uint64_t *ret_bytes, struct err *e);

/* --- s3_xml.c
 * ------------------------------------------------------------------------------------------------------------------- */

/* Elements one after the other, without their nesting: "Key" with the text behind it, later "/Key". */
struct s3_element { struct slice name, text; };
bool s3_xml_next(struct slice *rest, struct s3_element *ret);
/* The text of the first element of that name; empty: none. */
struct slice s3_xml_find(struct slice xml, const char *name);
/* With &amp; and the like resolved; false: not in cap bytes, or nothing this store would have written. */
bool s3_xml_text(struct slice raw, char *dst, size_t cap);

/* --- s3_list.c
 * ------------------------------------------------------------------------------------------------------------------ */

/* Every object below `prefix` (behind the store's), in order; the name is given without the store's prefix. */
[[nodiscard]] enum err_code s3_list(struct s3_store *s, const char *prefix, unsigned max /* 0: all */, blob_walk_fn *fn, void *arg, struct err *e);
/* Multipart uploads below `prefix`. upload_id is escaped for a query. */
typedef enum err_code s3_multipart_fn(void *arg, struct slice key, const char *upload_id, uint64_t begun_s, struct err *e);
[[nodiscard]] enum err_code s3_list_multipart(struct s3_store *s, const char *prefix, s3_multipart_fn *fn, void *arg,
				struct err *e);
/* Parts 1..n of an upload, as the <Part> elements that complete it. ERR_NET when one is missing or they do not add up to
 * `bytes`. */
[[nodiscard]] enum err_code s3_list_parts(struct s3_store *s, const char *key, const char *upload_id, unsigned n,
				uint64_t bytes, struct buf *out,
					  struct err *e);

/* --- s3_copy.c
 * ------------------------------------------------------------------------------------------------------------------ */

[[nodiscard]] enum err_code s3_multipart_begin(struct s3_store *s, const char *key, char upload_id[S3_KEY_MAX], struct err *e);
[[nodiscard]] enum err_code s3_multipart_end(struct s3_store *s, const char *key, const char *upload_id, unsigned n,
				uint64_t bytes,
					     struct err *e);
[[nodiscard]] enum err_code s3_multipart_abort(struct s3_store *s, const char *key, const char *upload_id, struct err *e);
/* Within the bucket, by the server; checks that `bytes` arrived. */
[[nodiscard]] enum err_code s3_copy(struct s3_store *s, const char *from, const char *to, uint64_t bytes, struct err *e);
[[nodiscard]] enum err_code s3_size(struct s3_store *s, const char *key, uint64_t *ret_bytes, struct err *e);
[[nodiscard]] enum err_code s3_delete(struct s3_store *s, const char *key, struct err *e);	/* also when there is none */
/* For requests that make the server move that many bytes. */
uint64_t s3_patience_ms(const struct s3_store *s, uint64_t bytes);

/* --- s3.c: the store; s3_upload.c, s3_upload_end.c: uploads
 * --------------------------------------------------------------------- */

void s3_blob_key(const struct blob_name *n, char dst[S3_KEY_MAX]);
[[nodiscard]] enum err_code s3_blob_stat(struct s3_store *s, const struct blob_name *n, uint64_t *ret_size, struct err *e);
[[nodiscard]] enum err_code s3_blob_read(struct s3_store *s, const struct blob_name *n, uint64_t offset, uint64_t length,
				struct stream **ret,
					 struct err *e);
[[nodiscard]] enum err_code s3_blob_url(struct s3_store *s, const struct blob_name *n, unsigned seconds, struct buf *out,
				struct err *e);
[[nodiscard]] enum err_code s3_blob_remove(struct s3_store *s, const struct blob_name *n, struct err *e);
[[nodiscard]] enum err_code s3_blob_quarantine(struct s3_store *s, const struct blob_name *n, struct err *e);
[[nodiscard]] enum err_code s3_walk(struct s3_store *s, blob_walk_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code s3_walk_uploads(struct s3_store *s, blob_walk_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code s3_object_put(struct s3_store *s, const char *name, int fd, struct err *e);
[[nodiscard]] enum err_code s3_object_get(struct s3_store *s, const char *name, int to_fd, struct err *e);

/* Bytes not yet sent stand in one unnamed file in the spool directory, at most one part of them; no part is ever held in
 * memory. */
struct s3_upload {
	struct s3_store *s;
	char id[BLOB_ID_BYTES];
	uint64_t offset;		/* bytes taken */
	int spool;			/* -1: none yet */
	uint64_t spooled;		/* bytes in it: the tail of the upload */
	unsigned parts;			/* sent before them */
	char upload_id[S3_KEY_MAX];	/* escaped; "": no multipart upload yet */
	uint64_t saved_at;		/* offset at which the tail was put into S3; UINT64_MAX: never */
	uint64_t saved_before;		/* the one before: kept until the next, since a database row may still name it */
	struct blob_hash hash;		/* of all bytes */
	struct blob_hash tail_hash;	/* SHA-256 of the spool, sent along where TLS does not protect it */
};
[[nodiscard]] enum err_code s3_upload_begin(struct s3_store *s, int algo, struct s3_upload **ret, struct err *e);
[[nodiscard]] enum err_code s3_upload_append(struct s3_upload *u, struct slice bytes, struct err *e);
[[nodiscard]] enum err_code s3_upload_save(struct s3_upload *u, struct buf *state, struct err *e);
[[nodiscard]] enum err_code s3_upload_resume(struct s3_store *s, const char *id, uint64_t offset, struct slice state,
				struct s3_upload **ret,
					     struct err *e);
void s3_upload_close(struct s3_upload *u);	/* takes NULL */
[[nodiscard]] enum err_code s3_upload_finish(struct s3_upload *u, const struct blob_name *want, char *ret_digest,
				uint64_t *ret_size,
					     struct err *e);
/* Everything below uploads/<id>/, and the multipart uploads there. */
[[nodiscard]] enum err_code s3_upload_remove(struct s3_store *s, const char *id, struct err *e);

/* Between the two files. */
[[nodiscard]] enum err_code s3_upload_send_part(struct s3_upload *u, struct err *e);
[[nodiscard]] enum err_code s3_put_spool(struct s3_upload *u, const char *key, struct err *e);
void s3_upload_key(const char *id, const char *what, char dst[S3_KEY_MAX]);
