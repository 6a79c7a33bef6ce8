/* docker-archive: and oci-archive:, seekable or as a stream. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "archive.h"

static struct archive *new_archive(struct oci_source *s)
{
	struct archive *x = arena_new(&s->arena, struct archive);
	if (x)
		x->in.fd = -1;
	s->impl = x;
	return x;
}

enum err_code archive_open_stream(struct oci_source *s, struct stream *below, struct err *e)
{
	struct archive *x = new_archive(s);
	if (!x) {
		stream_close(below);
		return err_set(e, ERR_NOMEM, 0, "open an archive");
	}
	s->stream = true;
	return stream_decompress(below, false, &x->info, &x->in.st, e);
}

enum err_code archive_open_fd(struct oci_source *s, int fd, struct err *e)
{
	struct archive *x;
	struct stat st;
	struct stream *in;
	uint8_t magic[8];
	if (fstat(fd, &st))
		return err_set(e, ERR_IO, errno, "look at '%s'", ESC(s->location));
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, 0, "'%s' is a directory; use oci: or dir: for image directories", ESC(s->location));
	ssize_t n = S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0 ? pread(fd, magic, sizeof(magic), 0) : -1;
	if (n < 0 || compression_sniff(slice_of(magic, (size_t)n)) != COMP_NONE) {
		TRY(stream_of_fd(fd, false, &in, e));
		return archive_open_stream(s, in, e);
	}
	if (!(x = new_archive(s)))
		return err_set(e, ERR_NOMEM, 0, "open an archive");
	x->in.fd = fd;
	x->in.file_size = (uint64_t)st.st_size;
	return OK;
}

static enum err_code open_file(struct oci_source *s, struct err *e)
{
	if (slice_eqs(s->location, "-"))
		return archive_open_fd(s, s->o.stdin_fd, e);
	char *path = arena_slice_cstr(&s->arena, s->location);
	TRY(arena_ok(&s->arena, "open an archive", e));
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open the archive '%s'", ESC(s->location));
	return archive_open_fd(s, s->fd, e);
}

void archive_close(struct oci_source *s)
{
	struct archive *x = s->impl;
	if (x)
		stream_close(x->in.st);
}

/* --- Seekable --------------------------------------------------------------------------------------------------------- */

static enum err_code add_member(struct oci_source *s, struct archive *x, const struct outer_member *m, struct err *e)
{
	if (x->index.n >= OCI_MAX_MEMBERS)
		return err_set(e, ERR_LIMIT, 0, "'%s' has more than %d members", ESC(s->location), OCI_MAX_MEMBERS);
	struct outer_member *p = ARENA_PUSH(&s->arena, &x->index);
	if (p)
		*p = *m;
	return arena_ok(&s->arena, "list the archive", e);
}

static enum err_code index_members(struct oci_source *s, struct archive *x, struct err *e)
{
	struct outer_member m;
	bool end;
	for (;;) {
		TRY(outer_next(&x->in, &s->arena, &m, &end, e));
		if (end)
			break;
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		TRY(outer_skip(&x->in, m.size, m.name, e));
		/* Some writers leave the padding of the last member out. */
		uint64_t pad = outer_padding(m.size);
		x->in.pos = MIN(x->in.pos + pad, MAX(x->in.file_size, x->in.pos));
		if (m.kind != OUTER_OTHER)
			TRY(add_member(s, x, &m, e));
	}
	return outer_index_sort(&x->index, e);
}

enum err_code archive_read(struct oci_source *s, const struct outer_member *m, struct buf *out, struct err *e)
{
	struct archive *x = s->impl;
	AUTO_STREAM in = NULL;
	if (m->size > out->max)
		return err_set(e, ERR_LIMIT, 0, "member '%s' of '%s' is larger than %zu MiB", ESC(m->name), ESC(s->location), out->max >> 20);
	if (!s->stream) {
		TRY(stream_of_fd_range(x->in.fd, m->offset, m->size, &in, e));
		return stream_read_all(in, out, e);
	}
	if (!m->kept.p)
		return err_set(e, ERR_FORMAT, 0, "member '%s' of '%s' is no JSON document", ESC(m->name), ESC(s->location));
	buf_put_slice(out, m->kept);
	return buf_ok(out, "read a member", e);
}

enum err_code archive_get(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	(void)manifest;
	TRY(outer_find(&x->index, oci_blob_key(s, d->digest), &m, e));
	return archive_read(s, m, out, e);
}

enum err_code archive_check_layer(struct oci_source *s, const struct oci_layer *l, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	if (outer_find(&x->index, l->blob_key, &m, e))
		return err_prefix(e, "layer of '%s'", ESC(s->location));
	if (s->stream && !m->pumped)
		return err_set(e, ERR_FORMAT, 0, "layer '%s' of '%s' is JSON, not an archive of files", ESC(l->blob_key), ESC(s->location));
	if (m->size != l->size)
		return err_set(e, ERR_DIGEST, 0, "layer '%s' of '%s' has %llu bytes where its descriptor says %llu", ESC(l->blob_key),
			       ESC(s->location), (unsigned long long)m->size, (unsigned long long)l->size);
	return OK;
}

static enum err_code archive_layer_open(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	TRY(outer_find(&x->index, l->blob_key, &m, e));
	return stream_of_fd_range(x->in.fd, m->offset, m->size, ret, e);
}

static bool archive_identity(struct oci_source *s, const struct oci_layer *l, struct oci_file_identity *ret)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	struct err ignored = { 0 };
	if (outer_find(&x->index, l->blob_key, &m, &ignored) || !oci_fd_identity(x->in.fd, ret))
		return false;
	ret->offset = m->offset;
	return true;
}

enum err_code archive_resolve(struct oci_source *s, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *docker = NULL, *oci = NULL;
	struct err ignored = { 0 };
	if (!s->stream)
		TRY(index_members(s, x, e));
	if (outer_find(&x->index, SL("manifest.json"), &docker, &ignored))
		docker = NULL;
	if (outer_find(&x->index, SL("index.json"), &oci, &ignored))
		oci = NULL;
	if (s->archive_kind == OCI_ARCHIVE_OCI && !oci)
		return err_set(e, ERR_FORMAT, 0, "'%s' is no OCI archive: it has no index.json%s", ESC(s->location),
			       docker ? "; it has a manifest.json, so use docker-archive:" : "");
	if (s->archive_kind == OCI_ARCHIVE_DOCKER && !docker)
		return err_set(e, ERR_FORMAT, 0, "'%s' is no docker archive: it has no manifest.json%s", ESC(s->location),
			       oci ? "; it has an index.json, so use oci-archive:" : "");
	if (!docker && !oci)
		return err_set(e, ERR_FORMAT, 0, "'%s' is no image archive: it has neither manifest.json nor index.json", ESC(s->location));
	if (docker && s->archive_kind != OCI_ARCHIVE_OCI)
		return docker_archive_resolve(s, docker, oci, e);
	AUTO_BUF b = BUF(OCI_MAX_MANIFEST_BYTES);
	s->transport = "oci-archive";
	TRY(archive_read(s, oci, &b, e));
	return oci_resolve_layout(s, buf_slice(&b), e);
}

const struct oci_transport oci_transport_archive = {
	.name = "archive", .open = open_file, .pump = archive_pump, .resolve = archive_resolve, .get = archive_get,
	.check_layer = archive_check_layer, .layer_open = archive_layer_open, .identity = archive_identity, .close = archive_close,
	.partial = true, .path_keys = true,
};

/* --- Streams ------------------------------------------------------------------------------------------------------------ */

struct member_stream {
	struct stream s;
	struct outer_in *in;
	struct slice name;
	uint8_t first[512];
	size_t first_n, first_at;
	uint64_t left;		/* behind first */
};

static enum err_code member_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct member_stream *m = (struct member_stream *)s;
	if (m->first_at < m->first_n) {
		size_t n = MIN(cap, m->first_n - m->first_at);
		memcpy(dst, m->first + m->first_at, n);
		m->first_at += n;
		*ret_n = n;
		return OK;
	}
	if (!m->left) {
		*ret_n = 0;
		return OK;
	}
	size_t n;
	TRY(stream_read(m->in->st, dst, MIN((uint64_t)cap, m->left), &n, e));
	if (!n)
		return err_at(e, ERR_FORMAT, m->in->pos, "the archive ends in the middle of '%s'", ESC(m->name));
	m->in->pos += n;
	m->left -= n;
	*ret_n = n;
	return OK;
}

static void member_close(struct stream *s) { (void)s; }
static const struct stream_ops MEMBER_OPS = { member_read, member_close };

static bool starts_like_json(const struct member_stream *m)
{
	size_t i = 0;
	while (i < m->first_n && (m->first[i] == ' ' || m->first[i] == '\n' || m->first[i] == '\r' || m->first[i] == '\t'))
		i++;
	return i < m->first_n && (m->first[i] == '{' || m->first[i] == '[');
}

static bool is_metadata_name(struct slice name)
{
	return slice_eqs(name, "manifest.json") || slice_eqs(name, "index.json") || slice_eqs(name, "oci-layout") || slice_eqs(name,
			"repositories");
}

/* Keeps a JSON member; what only looks like JSON is a layer. */
static enum err_code keep_or_pass(struct oci_source *s, struct archive *x, struct member_stream *ms, struct outer_member *m,
					 oci_blob_fn *fn,
				  void *arg, struct err *e)
{
	AUTO_STREAM again = NULL;
	AUTO_BUF b = BUF(OCI_MAX_CONFIG_BYTES);
	TRY(stream_read_all(&ms->s, &b, e));
	if (is_metadata_name(m->name) || json_is_document(buf_slice(&b))) {
		x->kept_bytes += b.n;
		if (x->kept_bytes > ARCHIVE_MAX_KEPT)
			return err_set(e, ERR_LIMIT, 0, "'%s' has more than 32 MiB of manifests and configs", ESC(s->location));
		m->kept = arena_dup(&s->arena, buf_slice(&b));
		return arena_ok(&s->arena, "keep a manifest", e);
	}
	m->pumped = true;
	TRY(stream_of_slice(buf_slice(&b), &again, e));
	return fn(arg, m->name, m->size, again, e);
}

static enum err_code pump_member(struct oci_source *s, struct archive *x, struct outer_member *m, oci_blob_fn *fn, void *arg,
					 struct err *e)
{
	struct member_stream ms = { .s.ops = &MEMBER_OPS, .in = &x->in, .name = m->name };
	ms.first_n = MIN(m->size, (uint64_t)sizeof(ms.first));
	ms.left = m->size - ms.first_n;
	TRY(outer_read(&x->in, ms.first, ms.first_n, m->name, e));
	if (is_metadata_name(m->name) && m->size > OCI_MAX_CONFIG_BYTES)
		return err_set(e, ERR_LIMIT, 0, "member '%s' of '%s' is larger than 8 MiB", ESC(m->name), ESC(s->location));
	if (m->size <= OCI_MAX_CONFIG_BYTES && (starts_like_json(&ms) || is_metadata_name(m->name))) {
		TRY(keep_or_pass(s, x, &ms, m, fn, arg, e));
	} else if (!(m->size <= 64 && slice_has_suffix(m->name, SL("/VERSION")))) {
		m->pumped = true;
		TRY(fn(arg, m->name, m->size, &ms.s, e));
	}
	return outer_skip(&x->in, ms.left, m->name, e);
}

/* A writer at the other end of a pipe may still have zero blocks to give; and a compressed archive's check sum stands at its end. */
static enum err_code drain(struct archive *x, struct err *e)
{
	uint8_t scratch[16384];
	size_t n = 1;
	for (uint64_t total = 0; n && total < 64 * MIB; total += n)
		TRY(stream_read(x->in.st, scratch, sizeof(scratch), &n, e));
	return OK;
}

enum err_code archive_pump(struct oci_source *s, oci_blob_fn *fn, void *arg, struct err *e)
{
	struct archive *x = s->impl;
	struct outer_member m;
	bool end;
	for (;;) {
		if (outer_next(&x->in, &s->arena, &m, &end, e))
			return err_prefix(e, "'%s'", ESC(s->location));
		if (end)
			break;
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		if (m.kind == OUTER_FILE)
			TRY(pump_member(s, x, &m, fn, arg, e));
		else
			TRY(outer_skip(&x->in, m.size, m.name, e));
		TRY(outer_skip(&x->in, outer_padding(m.size), m.name, e));
		if (m.kind != OUTER_OTHER)
			TRY(add_member(s, x, &m, e));
	}
	TRY(drain(x, e));
	return outer_index_sort(&x->index, e);
}
