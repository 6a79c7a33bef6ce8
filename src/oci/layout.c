/* oci:DIR (OCI image layout 1.0) and dir:DIR (skopeo's directory of manifest.json and blobs named by their hex digits). */
#include <errno.h>
#include <fcntl.h>
#include "source.h"

static enum err_code open_dir(struct oci_source *s, struct err *e)
{
	char *path = arena_slice_cstr(&s->arena, s->location);
	TRY(arena_ok(&s->arena, "open a layout", e));
	s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open the image directory '%s'", ESC(s->location));
	return OK;
}

static enum err_code read_whole(struct oci_source *s, const char *name, struct buf *out, struct err *e)
{
	AUTO_FD fd = -1;
	AUTO_STREAM in = NULL;
	uint64_t size;
	enum err_code rc = oci_open_regular(s->fd, name, &fd, &size, e);
	if (rc)
		return err_prefix(e, "'%s'", ESC(s->location));
	if (size > out->max)
		return err_set(e, ERR_LIMIT, 0, "'%s' in '%s' is larger than %zu MiB", ESC(slice_str(name)), ESC(s->location), out->max >> 20);
	TRY(stream_of_fd(fd, false, &in, e));
	return stream_read_all(in, out, e);
}

/* "sha256:ab…" -> "blobs/sha256/ab…" or "ab…"; the digest was validated when it was parsed. */
static void blob_path(const struct oci_source *s, struct slice digest, const char *suffix, char dst[192])
{
	struct slice hex = slice_from(digest, 7);
	if (s->t == &oci_transport_dir)
		snprintf(dst, 192, "%.*s%s", SLICE_ARG(hex), suffix);
	else
		snprintf(dst, 192, "blobs/%.6s/%.*s", (const char *)digest.p, SLICE_ARG(hex));
}

static enum err_code layout_get(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out,
					 struct err *e)
{
	char name[192];
	blob_path(s, d->digest, manifest ? ".manifest.json" : "", name);
	return read_whole(s, name, out, e);
}

static enum err_code open_blob(struct oci_source *s, const struct oci_layer *l, int *ret_fd, struct err *e)
{
	char name[192];
	uint64_t size;
	AUTO_FD fd = -1;
	blob_path(s, l->digest, "", name);
	if (oci_open_regular(s->fd, name, &fd, &size, e))
		return err_prefix(e, "layer of '%s'", ESC(s->location));
	if (size != l->size)
		return err_set(e, ERR_DIGEST, 0, "layer %.*s in '%s' has %llu bytes where its descriptor says %llu", SLICE_ARG(l->digest),
			       ESC(s->location), (unsigned long long)size, (unsigned long long)l->size);
	*ret_fd = fd_steal(&fd);
	return OK;
}

static enum err_code layout_check(struct oci_source *s, const struct oci_layer *l, struct err *e)
{
	AUTO_FD fd = -1;
	return open_blob(s, l, &fd, e);
}

static enum err_code layout_layer_open(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e)
{
	AUTO_FD fd = -1;
	struct stream *in;
	TRY(open_blob(s, l, &fd, e));
	TRY(stream_of_fd(fd, true, &in, e));
	fd = -1;
	return oci_guard_size(in, l->size, l->digest, ret, e);
}

static bool layout_identity(struct oci_source *s, const struct oci_layer *l, struct oci_file_identity *ret)
{
	AUTO_FD fd = -1;
	struct err ignored = { 0 };
	return open_blob(s, l, &fd, &ignored) == OK && oci_fd_identity(fd, ret);
}

static enum err_code check_version(struct oci_source *s, struct err *e)
{
	AUTO_BUF b = BUF(4096);
	AUTO_JSON j = NULL;
	struct slice version;
	enum err_code rc = read_whole(s, "oci-layout", &b, e);
	if (rc == ERR_NOT_FOUND)
		return OK;	/* index.json is what counts */
	TRY(rc);
	TRY(json_strict(buf_slice(&b), "oci-layout", &j, e));
	TRY(json_text(j, "imageLayoutVersion", JSON_MUST, "oci-layout", &s->arena, &version, e));
	if (!slice_has_prefix(version, SL("1.")))
		return err_set(e, ERR_UNSUPPORTED, 0, "'%s' is a layout of version '%s'; 1.x is known", ESC(s->location), ESC(version));
	return OK;
}

static enum err_code layout_resolve(struct oci_source *s, struct err *e)
{
	AUTO_BUF b = BUF(OCI_MAX_MANIFEST_BYTES);
	TRY(check_version(s, e));
	TRY(read_whole(s, "index.json", &b, e));
	return oci_resolve_layout(s, buf_slice(&b), e);
}

static enum err_code dir_resolve(struct oci_source *s, struct err *e)
{
	struct oci_identity id = { .reference = s->text };
	AUTO_BUF b = BUF(OCI_MAX_MANIFEST_BYTES);
	TRY(read_whole(s, "manifest.json", &b, e));
	struct slice bytes = arena_dup(&s->arena, buf_slice(&b));
	TRY(arena_ok(&s->arena, "read manifest.json", e));
	if (bytes.n && bytes.p[0] == '[')
		return err_set(e, ERR_USAGE, 0, "'%s' is an unpacked docker archive; pack it with tar and use docker-archive:",
				ESC(s->location));
	return oci_resolve_document(s, bytes, oci_digest_of(bytes, &s->arena), SLICE_NULL, &id, e);
}

const struct oci_transport oci_transport_layout = {
	.name = "oci", .open = open_dir, .resolve = layout_resolve, .get = layout_get, .check_layer = layout_check,
	.layer_open = layout_layer_open, .identity = layout_identity, .partial = true,
};

const struct oci_transport oci_transport_dir = {
	.name = "dir", .open = open_dir, .resolve = dir_resolve, .get = layout_get, .check_layer = layout_check,
	.layer_open = layout_layer_open, .identity = layout_identity, .partial = true,
};
