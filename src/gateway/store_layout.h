/* OCI image layouts, as a directory or as one tar file: written, and read. */
#pragma once
#include "codec.h"

#define LAYOUT_VERDICT_TYPE "application/vnd.pabean.verdict.v1+json"
#define LAYOUT_REPOSITORY "io.pabean.repository"	/* annotation in index.json */

struct layout_out;
/* path: a directory (made when missing), a name that ends in ".tar", or "-". */
[[nodiscard]] enum err_code layout_create(const char *path, struct layout_out **ret, struct err *e);
/* Bytes of the stream, which has exactly `size`; digest (may be empty) is checked. */
[[nodiscard]] enum err_code layout_put(struct layout_out *o, const char *name, uint64_t size, struct stream *s,
				       struct slice digest, struct err *e);
[[nodiscard]] enum err_code layout_put_bytes(struct layout_out *o, const char *name, struct slice bytes, struct err *e);
[[nodiscard]] enum err_code layout_commit(struct layout_out *o, struct err *e);
void layout_abandon(struct layout_out *o);	/* takes NULL; also after the commit */
/* "blobs/sha256/<hex>" */
void layout_blob_name(struct slice digest, char dst[160]);

struct layout_in;
[[nodiscard]] enum err_code layout_open(const char *path, struct layout_in **ret, struct err *e);
void layout_close(struct layout_in *l);	/* takes NULL */
/* ERR_NOT_FOUND: no such file in it. */
[[nodiscard]] enum err_code layout_get(struct layout_in *l, const char *name, uint64_t *ret_size, struct stream **ret,
				       struct err *e);
[[nodiscard]] enum err_code layout_get_bytes(struct layout_in *l, const char *name, struct buf *out, struct err *e);
