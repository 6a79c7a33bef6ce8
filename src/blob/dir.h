/* The directory. All names are relative to descriptors that stay open: DIR may be moved while the program runs. */
#pragma once
#include "helper.h"
#include "os.h"

struct dir_store {
	char *path;		/* DIR, for messages and for objects */
	int blobs_fd, uploads_fd, objects_fd, quarantine_fd;
	bool no_sync;
	struct hash_helper *helper;
};

[[nodiscard]] enum err_code dir_open(const char *path, bool no_sync, struct dir_store **ret, struct err *e);
void dir_close(struct dir_store *d);	/* takes NULL */

[[nodiscard]] enum err_code dir_stat(struct dir_store *d, const struct blob_name *n, uint64_t *ret_size, struct err *e);
[[nodiscard]] enum err_code dir_open_fd(struct dir_store *d, const struct blob_name *n, int *ret_fd, uint64_t *ret_size,
				struct err *e);
[[nodiscard]] enum err_code dir_read(struct dir_store *d, const struct blob_name *n, uint64_t offset, uint64_t length,
				struct stream **ret,
				     struct err *e);
[[nodiscard]] enum err_code dir_remove(struct dir_store *d, const struct blob_name *n, struct err *e);
[[nodiscard]] enum err_code dir_quarantine(struct dir_store *d, const struct blob_name *n, struct err *e);
[[nodiscard]] enum err_code dir_walk(struct dir_store *d, blob_walk_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code dir_walk_uploads(struct dir_store *d, blob_walk_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code dir_object_put(struct dir_store *d, const char *name, int fd, struct err *e);
[[nodiscard]] enum err_code dir_object_get(struct dir_store *d, const char *name, int to_fd, struct err *e);

struct dir_upload;
[[nodiscard]] enum err_code dir_upload_begin(struct dir_store *d, int algo, struct dir_upload **ret, struct err *e);
const char *dir_upload_id(const struct dir_upload *u);
uint64_t dir_upload_offset(const struct dir_upload *u);
[[nodiscard]] enum err_code dir_upload_append(struct dir_upload *u, struct slice bytes, struct err *e);
[[nodiscard]] enum err_code dir_upload_save(struct dir_upload *u, struct buf *state, struct err *e);
[[nodiscard]] enum err_code dir_upload_resume(struct dir_store *d, const char *id, uint64_t offset, struct slice state,
				struct dir_upload **ret,
					      struct err *e);
[[nodiscard]] enum err_code dir_upload_finish(struct dir_upload *u, const struct blob_name *want, char *ret_digest,
				uint64_t *ret_size,
					      struct err *e);
void dir_upload_close(struct dir_upload *u);
[[nodiscard]] enum err_code dir_upload_remove(struct dir_store *d, const char *id, struct err *e);

/* "sha256/ab/<hex>"; `shard` cuts it after "ab". */
enum { DIR_PATH_MAX = 7 + 3 + 2 * DIGEST_MAX_BYTES + 1, DIR_SHARD_MAX = 10 };
void dir_path(const struct blob_name *n, char dst[DIR_PATH_MAX]);
void dir_shard(const struct blob_name *n, char dst[DIR_SHARD_MAX]);
/* Makes the names in a directory durable. */
[[nodiscard]] enum err_code dir_sync(const struct dir_store *d, int parent, const char *name, struct err *e);
/* All bytes of one descriptor, from its start, to another at its place. */
[[nodiscard]] enum err_code dir_copy(int from, int to, struct err *e);
