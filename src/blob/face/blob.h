/* Blobs: immutable bytes under their digest, in a directory or in an S3-compatible store. Knows nothing of repositories, rights
 * or verdicts. Thread-safe. Logs nothing. Digests are "sha256:<64 hex>" or "sha512:<128 hex>"; anything else is ERR_USAGE before
 * any file or network access.
 *
 * Directory: DIR/blobs/sha256/ab/<hex>, DIR/uploads/<id>, DIR/objects/<name>, DIR/quarantine/. A blob appears under its name
 * (rename) only after it is complete, hashed and fsynced, and the directory is synced, too.
 *
 * S3 (REST API with AWS Signature 4, made here: libcurl's own is wrong in some versions): keys PREFIX/blobs/sha256/<hex>,
 * PREFIX/uploads/<id>/…, PREFIX/objects/<name>, PREFIX/quarantine/…; path-style. What fits one part becomes a blob by one PUT;
 * more is sent in parts to PREFIX/uploads/<id>/data and copied by the server once its digest was verified. Bytes not yet sent
 * wait in an unnamed file in `dir`, never in memory: at most one part an upload. A key alone makes nothing visible: a database
 * row does (the caller's), so nothing here relies on overwriting or conditions. */
#pragma once
#include "codec.h"

struct blob_s3_options {
	const char *endpoint;		/* "http://127.0.0.1:9001" */
	const char *bucket, *region;	/* region NULL: us-east-1 */
	const char *prefix;		/* NULL: none */
	const char *access_key, *secret_key, *session_token;	/* NULL: $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_SESSION_TOKEN, else credentials_file */
	const char *credentials_file;	/* AWS' ini format; NULL: $AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials */
	const char *ca_file;
	uint64_t timeout_ms;		/* to connect and without a byte; 0: 30 s */
	uint64_t part_bytes;		/* of multipart uploads, 5 to 512 MiB; 0: 8 MiB. Grows after 2,500 parts, so that 10,000 suffice */
};
struct blob_options {
	const char *dir;		/* for the directory, and for S3: where chunks are buffered (may be on another disk) */
	const struct blob_s3_options *s3;	/* NULL: the directory */
	bool no_sync;			/* tests only */
};

struct blob_store;
/* S3: asks for one line of a list, so that a wrong bucket (ERR_NET) or key (ERR_AUTH) is found at once. */
[[nodiscard]] enum err_code blob_open(const struct blob_options *o, struct blob_store **ret, struct err *e);
void blob_close(struct blob_store *b);	/* takes NULL */
bool blob_is_shared(const struct blob_store *b);	/* S3: other nodes see the same */

/* --- Reading ------------------------------------------------------------------------------------------------------- */

/* ERR_NOT_FOUND: none. */
[[nodiscard]] enum err_code blob_stat(struct blob_store *b, struct slice digest, uint64_t *ret_size, struct err *e);
/* A descriptor for sendfile; ERR_UNSUPPORTED for S3. */
[[nodiscard]] enum err_code blob_open_fd(struct blob_store *b, struct slice digest, int *ret_fd, uint64_t *ret_size,
				struct err *e);
/* `length` bytes from `offset` (UINT64_MAX: to the end). Not verified. S3: ranges, resumed when a connection breaks; a server
 * that ignores Range (200) is read up to the place. */
[[nodiscard]] enum err_code blob_read(struct blob_store *b, struct slice digest, uint64_t offset, uint64_t length,
				struct stream **ret, struct err *e);
/* A pre-signed GET, valid `seconds` (at most 60); ERR_UNSUPPORTED for the directory. */
[[nodiscard]] enum err_code blob_url(struct blob_store *b, struct slice digest, unsigned seconds, struct buf *out, struct err *e);

/* --- Writing --------------------------------------------------------------------------------------------------------- */

/* An upload: bytes in order, in any number of pieces, over any number of requests and (S3) nodes. One caller at a time per
 * upload. */
struct blob_upload;
enum { BLOB_ID_BYTES = 33 };	/* 32 hex digits and NUL; unguessable */
/* algo: DIGEST_SHA256 or DIGEST_SHA512, hashed on the way; another one at the end costs a second read. */
[[nodiscard]] enum err_code blob_upload_begin(struct blob_store *b, int algo, struct blob_upload **ret, struct err *e);
const char *blob_upload_id(const struct blob_upload *u);
uint64_t blob_upload_offset(const struct blob_upload *u);	/* bytes taken so far */
/* May block on the disk's page cache only (directory), or on the network when a part is full (S3). */
[[nodiscard]] enum err_code blob_upload_append(struct blob_upload *u, struct slice bytes, struct err *e);
/* Puts the session down between two requests: what this store needs to go on, also elsewhere, as text for the database
 * (appended; at most 64 KiB, of a directory 1 KiB: the hash so far, which is trusted until the next boot). The bytes so far
 * survive a crash of this process. u stays usable: blob_upload_close when it is not kept. */
[[nodiscard]] enum err_code blob_upload_save(struct blob_upload *u, struct buf *state, struct err *e);
/* Takes one up again. ERR_NOT_FOUND: no such upload; ERR_FORMAT: fewer bytes are there than `offset`, or the state is another
 * store's. Bytes behind offset are dropped. `state` empty (directory only): SHA-256, and all bytes are read again. */
[[nodiscard]] enum err_code blob_upload_resume(struct blob_store *b, const char *id, uint64_t offset, struct slice state,
				struct blob_upload **ret, struct err *e);
/* Completes: verifies (ERR_DIGEST: the upload is gone), syncs, makes it a blob; u is closed in every case, and after a failure
 * its bytes are gone, too (a failed fsync may have lost some of them). The same digest twice is fine: the new bytes replace the
 * old ones. (ERR_USAGE, a digest that is none: the bytes stay.) `want` empty: the digest computed goes to ret_digest (at least
 * 136 bytes). ret_* may be NULL. */
[[nodiscard]] enum err_code blob_upload_finish(struct blob_upload *u, struct slice want, char *ret_digest,
				uint64_t *ret_size, struct err *e);
void blob_upload_close(struct blob_upload *u);	/* takes NULL; the bytes stay for a resume */
[[nodiscard]] enum err_code blob_upload_remove(struct blob_store *b, const char *id, struct slice state,
				struct err *e);	/* also when there is none */

/* --- Keeping ----------------------------------------------------------------------------------------------------------- */

[[nodiscard]] enum err_code blob_remove(struct blob_store *b, struct slice digest, struct err *e);	/* ERR_NOT_FOUND: none */
/* Moves a broken blob aside, where nobody reads it. */
[[nodiscard]] enum err_code blob_quarantine(struct blob_store *b, struct slice digest, struct err *e);
/* Every blob, and every upload with its age. An error of fn ends the walk. */
typedef enum err_code blob_walk_fn(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e);
[[nodiscard]] enum err_code blob_walk(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code blob_walk_uploads(struct blob_store *b, blob_walk_fn *fn, void *arg, struct err *e);
/* Small named objects ([a-z0-9._-], at most 128 bytes): advisories, intelligence. Written once under a name, read whole into a
 * file. */
[[nodiscard]] enum err_code blob_object_put(struct blob_store *b, const char *name, int fd, struct err *e);
[[nodiscard]] enum err_code blob_object_get(struct blob_store *b, const char *name, int to_fd, struct err *e);
