/* State of an archive source. */
#pragma once
#include "outer_tar.h"

enum { ARCHIVE_MAX_KEPT = 32 << 20 };

struct archive {
	struct outer_in in;
	struct outer_index index;
	size_t kept_bytes;
	struct decompress_info info;
	const char *repacked;	/* what to say when nothing was found */
};

/* Opens s->fd (or a stream in its place) as an archive; decides whether it is a stream. */
[[nodiscard]] enum err_code archive_open_fd(struct oci_source *s, int fd, struct err *e);
[[nodiscard]] enum err_code archive_open_stream(struct oci_source *s, struct stream *below, struct err *e);	/* takes below over */
[[nodiscard]] enum err_code archive_pump(struct oci_source *s, oci_blob_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code archive_resolve(struct oci_source *s, struct err *e);
[[nodiscard]] enum err_code archive_get(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out,
					 struct err *e);
[[nodiscard]] enum err_code archive_check_layer(struct oci_source *s, const struct oci_layer *l, struct err *e);
void archive_close(struct oci_source *s);

/* The content of a JSON member. */
[[nodiscard]] enum err_code archive_read(struct oci_source *s, const struct outer_member *m, struct buf *out, struct err *e);
/* manifest.json of docker save. index.json may stand beside it (NULL: none). */
[[nodiscard]] enum err_code docker_archive_resolve(struct oci_source *s, const struct outer_member *manifest_json,
						   const struct outer_member *index_json, struct err *e);
