/* Which transport a reference means, and the calls that every transport answers. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "source.h"

static const struct prefix {
	const char *word, *name;
	const struct oci_transport *t;
	enum oci_archive_kind kind;
} PREFIXES[] = {
	{ "docker://", "docker", &oci_transport_registry, OCI_ARCHIVE_ANY },
	{ "docker-daemon:", "docker-daemon", &oci_transport_daemon, OCI_ARCHIVE_DOCKER },
	{ "docker-archive:", "docker-archive", &oci_transport_archive, OCI_ARCHIVE_DOCKER },
	{ "oci-archive:", "oci-archive", &oci_transport_archive, OCI_ARCHIVE_OCI },
	{ "oci:", "oci", &oci_transport_layout, OCI_ARCHIVE_ANY },
	{ "dir:", "dir", &oci_transport_dir, OCI_ARCHIVE_ANY },
	{ "rootfs:", "rootfs", &oci_transport_rootfs, OCI_ARCHIVE_ANY },
};

static bool path_exists(struct slice p)
{
	char path[4096];
	struct stat st;
	if (!p.n || p.n >= sizeof(path) || memchr(p.p, 0, p.n))
		return false;
	memcpy(path, p.p, p.n);
	path[p.n] = 0;
	return stat(path, &st) == 0;
}

static bool below_exists(struct slice dir, const char *name)
{
	char path[4096];
	struct stat st;
	return snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(dir), name) < (int)sizeof(path) && stat(path, &st) == 0;
}

/* PATH[:TAG][@DIGEST]: a path may hold colons, so the longest piece that exists is the path. */
static void split_location(struct oci_source *s, bool digest_allowed)
{
	struct slice t = s->text;
	s->location = t;
	if (slice_eqs(t, "-") || path_exists(t))
		return;
	if (digest_allowed) {
		ptrdiff_t at = slice_rfind_byte(t, '@');
		if (at >= 0 && oci_digest_valid(slice_from(t, (size_t)at + 1))) {
			s->want = slice_from(t, (size_t)at + 1);
			s->want_digest = true;
			s->location = slice_upto(t, (size_t)at);
			return;
		}
	}
	for (size_t i = t.n; i-- > 0;) {
		if (t.p[i] != ':' || (!path_exists(slice_upto(t, i)) && !slice_eqs(slice_upto(t, i), "-")))
			continue;
		s->location = slice_upto(t, i);
		s->want = slice_from(t, i + 1);
		return;
	}
	ptrdiff_t colon = slice_find_byte(t, ':');
	if (colon > 0) {
		s->location = slice_upto(t, (size_t)colon);
		s->want = slice_from(t, (size_t)colon + 1);
	}
}

static enum err_code choose_by_content(struct oci_source *s, struct err *e)
{
	struct stat st;
	char *path = arena_slice_cstr(&s->arena, s->location);
	TRY(arena_ok(&s->arena, "open an image", e));
	if (stat(path, &st))
		return err_set(e, ERR_IO, errno, "open '%s'", ESC(s->location));
	if (!S_ISDIR(st.st_mode)) {
		s->t = &oci_transport_archive;
		s->transport = "docker-archive";
	} else if (below_exists(s->location, "index.json")) {
		s->t = &oci_transport_layout;
		s->transport = "oci";
	} else if (below_exists(s->location, "manifest.json") && !s->want.n) {
		s->t = &oci_transport_dir;
		s->transport = "dir";
	} else {
		return err_set(e, ERR_USAGE, 0,
				"'%s' is a directory but no image layout; write rootfs:%s to inspect its files, or docker://%s for "
			       "a registry's image", ESC(s->text), ESC(s->text), ESC(s->text));
	}
	return OK;
}

static enum err_code choose_transport(struct oci_source *s, struct slice ref, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
		const struct prefix *p = &PREFIXES[i];
		if (!slice_has_prefix(ref, slice_str(p->word)))
			continue;
		s->t = p->t;
		s->transport = p->name;
		s->archive_kind = p->kind;
		s->text = slice_from(ref, strlen(p->word));
		if (!s->text.n)
			return err_set(e, ERR_USAGE, 0, "'%s' names nothing: write what to inspect behind the colon", p->word);
		s->location = s->text;
		if (p->t == &oci_transport_archive || p->t == &oci_transport_layout)
			split_location(s, true);
		return OK;
	}
	s->text = s->location = ref;
	if (!ref.n)
		return err_set(e, ERR_USAGE, 0, "an empty text is no image reference");
	if (slice_eqs(ref, "-")) {
		s->t = &oci_transport_archive;
		s->transport = "docker-archive";
		return OK;
	}
	if (path_exists(ref))
		return choose_by_content(s, e);
	if (ref.p[0] == '/' || ref.p[0] == '.') {
		split_location(s, true);
		if (path_exists(s->location))
			return choose_by_content(s, e);
		return err_set(e, ERR_NOT_FOUND, 0, "there is no file or directory '%s'", ESC(ref));
	}
	s->t = &oci_transport_registry;
	s->transport = "docker";
	return OK;
}

enum err_code oci_source_open(const char *ref, const struct oci_options *o, struct oci_source **ret, struct err *e)
{
	AUTO_OCI_SOURCE s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "open '%s'", ESC(slice_str(ref)));
	s->arena = ARENA(OCI_ARENA_BYTES);
	s->fd = -1;
	s->o = *o;
	struct slice text = arena_dup(&s->arena, slice_str(ref));
	TRY(arena_ok(&s->arena, "open an image", e));
	TRY(oci_platform_parse(o->platform, &s->platform, &s->arena, e));
	TRY(choose_transport(s, text, e));
	TRY(s->t->open(s, e));
	*ret = s;
	s = NULL;
	return OK;
}

void oci_source_close(struct oci_source *s)
{
	if (!s)
		return;
	if (s->t && s->t->close)
		s->t->close(s);
	fd_close(&s->fd);
	arena_free(&s->arena);
	free(s);
}

bool oci_source_is_stream(const struct oci_source *s) { return s->stream; }

enum err_code oci_source_pump(struct oci_source *s, oci_blob_fn *on_blob, void *arg, struct err *e)
{
	if (!s->stream || s->pumped)
		return err_set(e, ERR_INTERNAL, 0, "'%s' is no stream, or was read already", ESC(s->text));
	s->pumped = true;
	return s->t->pump(s, on_blob, arg, e);
}

enum err_code oci_source_images(struct oci_source *s, const struct oci_image **ret, size_t *ret_n, struct err *e)
{
	if (s->stream && !s->pumped)
		return err_set(e, ERR_INTERNAL, 0, "'%s' was not read yet", ESC(s->text));
	if (!s->resolved)
		TRY(s->t->resolve(s, e));
	s->resolved = true;
	if (!s->images.n)
		return err_set(e, ERR_NOT_FOUND, 0, "'%s' holds no image", ESC(s->text));
	*ret = s->images.items;
	*ret_n = s->images.n;
	return OK;
}

enum err_code oci_layer_open(struct oci_source *s, const struct oci_image *img, size_t layer, struct stream **ret, struct err *e)
{
	if (s->stream || layer >= img->n_layers || !s->t->layer_open)
		return err_set(e, ERR_INTERNAL, 0, "layer %zu of '%s' cannot be opened", layer, ESC(s->text));
	return s->t->layer_open(s, &img->layers[layer], ret, e);
}

bool oci_layer_identity(struct oci_source *s, const struct oci_image *img, size_t layer, struct oci_file_identity *ret)
{
	return !s->stream && layer < img->n_layers && s->t->identity && s->t->identity(s, &img->layers[layer], ret);
}
