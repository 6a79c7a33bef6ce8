#include "manifest.h"

#define DOCKER_DIST "application/vnd.docker.distribution.manifest."
#define OCI_IMAGE "application/vnd.oci.image."

bool oci_media_type_is_index(struct slice t)
{
	return slice_eqs(t, OCI_IMAGE "index.v1+json") || slice_eqs(t, DOCKER_DIST "list.v2+json");
}

bool oci_media_type_is_manifest(struct slice t)
{
	return slice_eqs(t, OCI_IMAGE "manifest.v1+json") || slice_eqs(t, DOCKER_DIST "v2+json");
}

static bool is_schema1(struct slice t)
{
	return slice_eqs(t, DOCKER_DIST "v1+json") || slice_eqs(t, DOCKER_DIST "v1+prettyjws");
}

void oci_layer_classify(struct oci_layer *l)
{
	static const char *const plain[] = {
		OCI_IMAGE "layer.v1.tar", OCI_IMAGE "layer.v1.tar+gzip", OCI_IMAGE "layer.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.docker.image.rootfs.diff.tar+gzip",
	};
	l->known_type = false;
	l->distributable = !slice_has_prefix(l->media_type, SL(OCI_IMAGE "layer.nondistributable.")) &&
		!slice_has_prefix(l->media_type, SL("application/vnd.docker.image.rootfs.foreign."));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		l->known_type |= slice_eqs(l->media_type, plain[i]);
	if (!l->distributable)
		l->known_type = true;
}

static enum err_code text_list(const json_t *array, const char *what, struct arena *a, struct slice_list *ret, struct err *e)
{
	size_t i;
	json_t *v;
	json_array_foreach((json_t *)array, i, v) {
		if (!json_is_string(v))
			return err_set(e, ERR_FORMAT, 0, "%s has a list of texts that holds something else", what);
		struct slice *s = ARENA_PUSH(a, ret);
		if (s)
			*s = arena_dup(a, slice_of(json_string_value(v), json_string_length(v)));
	}
	return arena_ok(a, what, e);
}

static enum err_code descriptor_platform(const json_t *j, const char *what, struct arena *a, struct oci_descriptor *d,
					 struct err *e)
{
	static const char *const names[] = { "os", "architecture", "variant", NULL };
	json_t *p;
	TRY(json_object_of(j, "platform", JSON_MAY, what, &p, e));
	if (!p)
		return OK;
	TRY(json_check_case(p, names, what, e));
	TRY(json_text(p, "os", JSON_MAY, what, a, &d->platform.os, e));
	TRY(json_text(p, "architecture", JSON_MAY, what, a, &d->platform.arch, e));
	TRY(json_text(p, "variant", JSON_MAY, what, a, &d->platform.variant, e));
	d->has_platform = d->platform.os.n || d->platform.arch.n;
	d->attestation = slice_eqs(d->platform.os, "unknown") && slice_eqs(d->platform.arch, "unknown");
	return OK;
}

static enum err_code descriptor_annotations(const json_t *j, const char *what, struct arena *a, struct oci_descriptor *d,
					 struct err *e)
{
	json_t *n;
	struct slice type;
	TRY(json_object_of(j, "annotations", JSON_MAY, what, &n, e));
	if (!n)
		return OK;
	TRY(json_text(n, "org.opencontainers.image.ref.name", JSON_MAY, what, a, &d->ref_name, e));
	TRY(json_text(n, "io.containerd.image.name", JSON_MAY, what, a, &d->image_name, e));
	TRY(json_text(n, "vnd.docker.reference.type", JSON_MAY, what, a, &type, e));
	if (type.n)
		d->attestation = true;
	return OK;
}

static enum err_code descriptor(const json_t *j, const char *what, struct arena *a, struct oci_descriptor *d, struct err *e)
{
	static const char *const names[] = { "mediaType", "digest", "size", "urls", "annotations", "platform", "data", NULL };
	json_t *urls;
	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, 0, "%s has a descriptor that is no object", what);
	TRY(json_check_case(j, names, what, e));
	TRY(json_text(j, "mediaType", JSON_MAY, what, a, &d->media_type, e));
	TRY(json_text(j, "digest", JSON_MUST, what, a, &d->digest, e));
	TRY(json_size(j, "size", JSON_MUST, what, &d->size, e));
	if (!oci_digest_valid(d->digest))
		return err_set(e, ERR_FORMAT, 0, "%s names the digest '%s', which is neither sha256: nor sha512: with lower-case digits", what,
			       ESC(d->digest));
	TRY(json_array_of(j, "urls", JSON_MAY, what, &urls, e));
	if (urls)
		TRY(text_list(urls, what, a, &d->urls, e));
	TRY(descriptor_platform(j, what, a, d, e));
	return descriptor_annotations(j, what, a, d, e);
}

static enum err_code descriptors(const json_t *array, size_t max, const char *what, struct arena *a,
					 struct oci_descriptor_list *ret, struct err *e)
{
	size_t i;
	json_t *v;
	if (json_array_size(array) > max)
		return err_set(e, ERR_LIMIT, 0, "%s lists %zu entries; at most %zu are taken", what, json_array_size(array), max);
	json_array_foreach((json_t *)array, i, v) {
		struct oci_descriptor *d = ARENA_PUSH(a, ret);
		if (!d)
			return arena_ok(a, what, e);
		TRY(descriptor(v, what, a, d, e));
	}
	return OK;
}

static enum err_code check_schema(const json_t *j, struct slice served_as, struct slice own, const char *what, struct err *e)
{
	uint64_t version;
	TRY(json_size(j, "schemaVersion", JSON_MAY, what, &version, e));
	if (version == 1 || is_schema1(served_as) || is_schema1(own) || json_object_get(j, "fsLayers"))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "%s has the old format 'schema 1', which names no config and proves no content; push the image again with a "
			       "current tool", what);
	if (version != 2)
		return err_set(e, ERR_FORMAT, 0, "%s is no manifest: its schemaVersion is not 2", what);
	return OK;
}

/* One body may be read as a manifest by one program and as an index by another (CVE-2021-41190): nothing may fit both. */
static enum err_code check_kind(const json_t *j, struct slice served_as, struct slice own, const char *what,
					 enum oci_doc_kind *ret,
				struct err *e)
{
	bool as_index = json_object_get(j, "manifests"), as_manifest = json_object_get(j, "layers") || json_object_get(j, "config");
	if (as_index && as_manifest)
		return err_set(e, ERR_FORMAT, 0, "%s is ambiguous: it has both 'manifests' and 'layers' or 'config'", what);
	if (!as_index && !as_manifest)
		return err_set(e, ERR_FORMAT, 0, "%s has neither 'layers' nor 'manifests'", what);
	for (int i = 0; i < 2; i++) {
		struct slice t = i ? served_as : own;
		if (as_index ? oci_media_type_is_manifest(t) : oci_media_type_is_index(t))
			return err_set(e, ERR_FORMAT, 0, "%s is %s but its media type is '%s'", what, as_index ? "an index" : "a manifest", ESC(t));
	}
	*ret = as_index ? OCI_DOC_INDEX : OCI_DOC_MANIFEST;
	return OK;
}

static bool is_image_config(struct slice t)
{
	return !t.n || slice_eqs(t, OCI_IMAGE "config.v1+json") || slice_eqs(t, "application/vnd.docker.container.image.v1+json");
}

enum err_code oci_doc_parse(struct slice bytes, struct slice served_as, const char *what, struct arena *a, struct oci_doc *ret,
					 struct err *e)
{
	static const char *const names[] = { "schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", NULL };
	struct oci_doc d = { 0 };
	AUTO_JSON j = NULL;
	json_t *part;
	if (bytes.n > OCI_MAX_MANIFEST_BYTES)
		return err_set(e, ERR_LIMIT, 0, "%s is larger than 4 MiB", what);
	TRY(json_strict(bytes, what, &j, e));
	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, 0, "%s is no JSON object", what);
	TRY(json_check_case(j, names, what, e));
	TRY(json_text(j, "mediaType", JSON_MAY, what, a, &d.media_type, e));
	TRY(check_schema(j, served_as, d.media_type, what, e));
	TRY(check_kind(j, served_as, d.media_type, what, &d.kind, e));
	if (d.kind == OCI_DOC_INDEX) {
		TRY(json_array_of(j, "manifests", JSON_MUST, what, &part, e));
		TRY(descriptors(part, OCI_MAX_IMAGES, what, a, &d.manifests, e));
	} else {
		TRY(json_object_of(j, "config", JSON_MUST, what, &part, e));
		TRY(descriptor(part, what, a, &d.config, e));
		d.artifact = !is_image_config(d.config.media_type);
		TRY(json_array_of(j, "layers", JSON_MUST, what, &part, e));
		TRY(descriptors(part, OCI_MAX_LAYERS, what, a, &d.layers, e));
	}
	*ret = d;
	return arena_ok(a, what, e);
}
