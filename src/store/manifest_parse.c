/* Manifests and indexes as they come from outside, read strictly: what two programs could read differently is refused (CVE-2014-8179, CVE-2021-41190), and so is a
 * digest of any other kind than sha256 and sha512. Formats: OCI image-spec 1.1, Docker distribution manifest v2 schema 2. */
#include "store_content.h"
#include "json_strict.h"
#include "oci.h"

#define DOCKER "application/vnd.docker.distribution.manifest."
#define OCI "application/vnd.oci.image."

enum { MOST_BYTES = 16 << 20, MOST_TEXT = 1024, MOST_DATA = 64 << 10 };

static bool is_index_type(struct slice t) { return slice_eqs(t, OCI "index.v1+json") || slice_eqs(t, DOCKER "list.v2+json"); }
static bool is_image_type(struct slice t) { return slice_eqs(t, OCI "manifest.v1+json") || slice_eqs(t, DOCKER "v2+json"); }
static bool is_schema1_type(struct slice t) { return slice_eqs(t, DOCKER "v1+json") || slice_eqs(t, DOCKER "v1+prettyjws"); }
static bool is_docker_type(struct slice t) { return slice_has_prefix(t, SL(DOCKER)); }

/* What curl or a script sends that says nothing about a manifest. */
static bool says_nothing(struct slice t)
{
	return !t.n || slice_eqs(t, "application/json") || slice_eqs(t, "application/octet-stream");
}

/* "a/b; charset=utf-8" -> "a/b" */
static struct slice bare_type(struct slice t)
{
	ptrdiff_t at = slice_find_byte(t, ';');
	return slice_trim(at < 0 ? t : slice_upto(t, (size_t)at));
}

static enum err_code short_text(const json_t *obj, const char *key, enum json_need need, const char *what, struct arena *a, struct slice *ret, struct err *e)
{
	TRY(json_text(obj, key, need, what, a, ret, e));
	return ret->n <= MOST_TEXT ? OK : err_set(e, ERR_LIMIT, 0, "field '%s' of %s is longer than %d bytes", key, what, MOST_TEXT);
}

/* Texts only, as the specification has it; canonical: sorted, without white space. */
static enum err_code annotations(const json_t *obj, const char *what, struct arena *a, struct slice *ret, struct err *e)
{
	json_t *map, *value;
	const char *key;
	*ret = SL("{}");
	TRY(json_object_of(obj, "annotations", JSON_MAY, what, &map, e));
	if (!map)
		return OK;
	json_object_foreach(map, key, value)
		if (!json_is_string(value))
			return err_set(e, ERR_FORMAT, 0, "annotation '%s' of %s is no text", ESC(slice_str(key)), what);
	if (!json_object_size(map))
		return OK;
	char *text = json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS);
	if (text)
		*ret = arena_dup(a, slice_str(text));
	free(text);
	return text ? arena_ok(a, what, e) : err_set(e, ERR_NOMEM, 0, "read %s", what);
}

static enum err_code platform(const json_t *obj, const char *what, struct arena *a, struct slice *ret, struct err *e)
{
	static const char *const names[] = { "os", "architecture", "variant", "os.version", "os.features", "features", NULL };
	struct slice os, arch, variant;
	json_t *p;
	*ret = SL("");
	TRY(json_object_of(obj, "platform", JSON_MAY, what, &p, e));
	if (!p)
		return OK;
	TRY(json_check_case(p, names, what, e));
	TRY(short_text(p, "os", JSON_MAY, what, a, &os, e));
	TRY(short_text(p, "architecture", JSON_MAY, what, a, &arch, e));
	TRY(short_text(p, "variant", JSON_MAY, what, a, &variant, e));
	if (os.n || arch.n)
		*ret = arena_printf(a, "%.*s/%.*s%s%.*s", SLICE_ARG(os), SLICE_ARG(arch), variant.n ? "/" : "", SLICE_ARG(variant));
	return arena_ok(a, what, e);
}

/* Content inside the descriptor, which clients take in place of the blob: it must be that blob. */
static enum err_code embedded(const json_t *obj, const struct store_ref *r, const char *what, struct err *e)
{
	AUTO_BUF bytes = BUF(MOST_DATA);
	json_t *data = json_object_get(obj, "data");
	if (!data || json_is_null(data))
		return OK;
	if (!json_is_string(data))
		return err_set(e, ERR_FORMAT, 0, "field 'data' of %s is no text", what);
	if (json_string_length(data) > MOST_DATA)
		return err_set(e, ERR_LIMIT, 0, "field 'data' of %s is longer than %d bytes", what, MOST_DATA);
	if (!base64_decode(&bytes, slice_of(json_string_value(data), json_string_length(data)), false) || bytes.n != r->size ||
	    !oci_digest_matches(r->digest, buf_slice(&bytes)))
		return err_set(e, ERR_FORMAT, 0, "field 'data' of %s is not the content of its digest and size", what);
	return OK;
}

static bool is_foreign(struct slice t)
{
	return slice_has_prefix(t, SL(OCI "layer.nondistributable.")) || slice_has_prefix(t, SL("application/vnd.docker.image.rootfs.foreign."));
}

static enum err_code descriptor(const json_t *obj, int kind, const char *what, struct arena *a, struct store_ref *ret, struct err *e)
{
	static const char *const names[] = { "mediaType", "digest", "size", "urls", "annotations", "platform", "data", "artifactType", NULL };
	struct store_ref r = { .kind = kind };
	struct slice ignored;
	if (!json_is_object(obj))
		return err_set(e, ERR_FORMAT, 0, "%s is no object", what);
	TRY(json_check_case(obj, names, what, e));
	TRY(short_text(obj, "mediaType", JSON_MAY, what, a, &r.media_type, e));
	TRY(short_text(obj, "artifactType", JSON_MAY, what, a, &ignored, e));
	TRY(json_text(obj, "digest", JSON_MUST, what, a, &r.digest, e));
	TRY(json_size(obj, "size", JSON_MUST, what, &r.size, e));
	if (!oci_digest_valid(r.digest))
		return err_set(e, ERR_FORMAT, 0, "%s names the digest '%s', which is neither sha256: nor sha512: with lower-case digits", what, ESC(r.digest));
	TRY(platform(obj, what, a, &r.platform, e));
	TRY(annotations(obj, what, a, &ignored, e));
	TRY(embedded(obj, &r, what, e));
	r.foreign = kind == STORE_REF_LAYER && is_foreign(r.media_type);
	*ret = r;
	return OK;
}

static enum err_code add_ref(const json_t *obj, int kind, const char *what, struct arena *a, struct store_manifest *m, struct err *e)
{
	struct store_ref *r = arena_push(a, &m->refs, &m->n_refs, &m->cap_refs, sizeof(*m->refs));
	return r ? descriptor(obj, kind, what, a, r, e) : arena_ok(a, what, e);
}

static enum err_code add_refs(const json_t *obj, const char *key, int kind, size_t most, const char *what, struct arena *a, struct store_manifest *m, struct err *e)
{
	json_t *list, *item;
	size_t i;
	TRY(json_array_of(obj, key, JSON_MUST, "the manifest", &list, e));
	if (json_array_size(list) > most)
		return err_set(e, ERR_LIMIT, 0, "the manifest lists %zu entries; at most %zu are taken", json_array_size(list), most);
	json_array_foreach(list, i, item)
		TRY(add_ref(item, kind, what, a, m, e));
	return OK;
}

static enum err_code check_version(const json_t *obj, struct slice came_as, struct slice own, struct err *e)
{
	uint64_t version;
	TRY(json_size(obj, "schemaVersion", JSON_MAY, "the manifest", &version, e));
	if (version == 1 || is_schema1_type(came_as) || is_schema1_type(own) || json_object_get(obj, "fsLayers"))
		return err_set(e, ERR_UNSUPPORTED, 0, "the manifest has the old format 'schema 1', which proves no content; push the image with a current tool");
	return version == 2 ? OK : err_set(e, ERR_FORMAT, 0, "the manifest's schemaVersion is not 2");
}

/* One body, one meaning: its fields, its mediaType and the type it came with must agree. Without a mediaType it is OCI's. */
static enum err_code check_type(const json_t *obj, struct slice came_as, struct arena *a, struct store_manifest *m, bool *ret_index, struct err *e)
{
	bool index = json_object_get(obj, "manifests"), image = json_object_get(obj, "layers") || json_object_get(obj, "config");
	struct slice own;
	TRY(short_text(obj, "mediaType", JSON_MAY, "the manifest", a, &own, e));
	TRY(check_version(obj, came_as, own, e));
	if (index == image)
		return err_set(e, ERR_FORMAT, 0, index ? "the manifest is ambiguous: it has both 'manifests' and 'layers' or 'config'" :
			       "the manifest has neither 'layers' nor 'manifests'");
	if (!own.n)
		own = index ? SL(OCI "index.v1+json") : SL(OCI "manifest.v1+json");
	if (!(index ? is_index_type(own) : is_image_type(own)))
		return err_set(e, ERR_FORMAT, 0, "%s has the media type '%s'", index ? "an index" : "an image manifest", ESC(own));
	if (!says_nothing(came_as) && !slice_eq(came_as, own))
		return err_set(e, ERR_FORMAT, 0, "the manifest came as '%s' but is '%s'", ESC(came_as), ESC(own));
	m->media_type = own;
	*ret_index = index;
	return OK;
}

static bool begins(struct slice t, struct slice with) { return slice_eq_nocase(slice_upto(t, with.n), with); }

static bool is_root_fs(struct slice t)
{
	return !t.n || begins(t, SL(OCI "layer.")) || begins(t, SL("application/vnd.docker.image.rootfs."));
}

/* What no known client would run (GATE.md 6): dockerd also runs configs of these careless types. */
static bool is_artifact(const struct store_manifest *m)
{
	static const char *const runs[] = { OCI "config.v1+json", "application/vnd.docker.container.image.v1+json", "application/octet-stream", "application/json",
		"text/html", "" };
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		if (slice_eq_nocase(bare_type(m->config_type), slice_str(runs[i])))
			return false;
	for (size_t i = 0; i < m->n_refs; i++)
		if (m->refs[i].kind == STORE_REF_LAYER && is_root_fs(m->refs[i].media_type))
			return false;
	return true;
}

static enum err_code read_subject(const json_t *obj, struct arena *a, struct store_manifest *m, struct err *e)
{
	struct store_ref r;
	json_t *subject;
	m->subject = SL("");
	TRY(json_object_of(obj, "subject", JSON_MAY, "the manifest", &subject, e));
	if (!subject)
		return OK;
	if (is_docker_type(m->media_type))
		return err_set(e, ERR_FORMAT, 0, "a Docker manifest has no field 'subject'");
	TRY(descriptor(subject, STORE_REF_CHILD, "the subject", a, &r, e));
	m->subject = r.digest;
	return OK;
}

static enum err_code read_parts(const json_t *obj, bool index, struct arena *a, struct store_manifest *m, struct err *e)
{
	struct slice type;
	TRY(short_text(obj, "artifactType", JSON_MAY, "the manifest", a, &type, e));
	m->artifact_type = type.n ? type : SL("");
	m->config_type = SL("");
	if (index) {
		m->kind = STORE_INDEX;
		TRY(add_refs(obj, "manifests", STORE_REF_CHILD, OCI_MAX_IMAGES, "an entry of the index", a, m, e));
	} else {
		json_t *config;
		TRY(json_object_of(obj, "config", JSON_MUST, "the manifest", &config, e));
		TRY(add_ref(config, STORE_REF_CONFIG, "the config's descriptor", a, m, e));
		m->config_type = m->refs[0].media_type;
		TRY(add_refs(obj, "layers", STORE_REF_LAYER, OCI_MAX_LAYERS, "a layer's descriptor", a, m, e));
		m->kind = is_artifact(m) ? STORE_ARTIFACT : STORE_IMAGE;
		if (!type.n)	/* so that referrers can be listed by it, as the distribution specification says */
			m->artifact_type = m->config_type;
	}
	TRY(annotations(obj, "the manifest", a, &m->annotations, e));
	return read_subject(obj, a, m, e);
}

static enum err_code check_digest(struct slice body, struct slice want, struct arena *a, struct slice *ret, struct err *e)
{
	char text[7 + 64 + 1] = "sha256:";
	uint8_t sum[DIGEST_MAX_BYTES];
	if (want.n) {
		*ret = arena_dup(a, want);
		if (!oci_digest_valid(want))
			return err_set(e, ERR_DIGEST, 0, "'%s' is no sha256 or sha512 digest", ESC(want));
		return oci_digest_matches(want, body) ? arena_ok(a, "a digest", e) : err_set(e, ERR_DIGEST, 0, "the manifest's bytes do not have the digest %s", ESC(want));
	}
	if (!digest_of(DIGEST_SHA256, body, sum))
		return err_set(e, ERR_INTERNAL, 0, "no SHA-256");
	hex_encode(text + 7, sum, 32);
	*ret = arena_dup(a, slice_str(text));
	return arena_ok(a, "a digest", e);
}

enum err_code store_manifest_parse(struct slice body, struct slice media_type, struct slice digest, struct arena *a, struct store_manifest *ret, struct err *e)
{
	static const char *const names[] = { "schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations", "fsLayers", NULL };
	struct store_manifest m = { .body = body };
	AUTO_JSON obj = NULL;
	bool index = false;
	if (body.n > MOST_BYTES)
		return err_set(e, ERR_LIMIT, 0, "the manifest is larger than %d bytes", MOST_BYTES);
	TRY(check_digest(body, digest, a, &m.digest, e));
	TRY(json_strict(body, "the manifest", &obj, e));
	if (!json_is_object(obj))
		return err_set(e, ERR_FORMAT, 0, "the manifest is no JSON object");
	TRY(json_check_case(obj, names, "the manifest", e));
	TRY(check_type(obj, bare_type(media_type), a, &m, &index, e));
	TRY(read_parts(obj, index, a, &m, e));
	TRY(arena_ok(a, "a manifest", e));
	*ret = m;
	return OK;
}
