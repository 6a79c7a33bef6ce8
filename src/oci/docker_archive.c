/* manifest.json of docker save (Docker image specification v1.2), and the OCI manifest beside it where Docker >= 25 wrote one. */
#include "archive.h"

static const char LAYER_TYPE[] = "application/vnd.docker.image.rootfs.diff.tar";

struct found { struct oci_doc doc; struct slice bytes, digest, index_digest; struct slice_list others; bool yes; unsigned probes;
					 };

/* --- The OCI manifest of a config --------------------------------------------------------------------------------------- */

static enum err_code note_others(struct oci_source *s, const struct oci_doc *index, const struct oci_descriptor *but,
					 struct found *f,
				 struct err *e)
{
	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct oci_descriptor *d = &index->manifests.items[i];
		if (d->attestation || !d->has_platform || slice_eq(d->digest, but->digest))
			continue;
		struct slice *p = ARENA_PUSH(&s->arena, &f->others);
		if (p)
			*p = oci_platform_text(d->platform, &s->arena);
	}
	return arena_ok(&s->arena, "list the platforms", e);
}

static enum err_code find_manifest(struct oci_source *s, const struct oci_doc *index, struct slice index_digest,
					 struct slice config_digest,
				   unsigned depth, struct found *f, struct err *e)
{
	struct slice bytes;
	struct oci_doc doc;
	char what[128];
	for (size_t i = 0; i < index->manifests.n && !f->yes; i++) {
		const struct oci_descriptor *d = &index->manifests.items[i];
		if (d->attestation || (d->media_type.n && !oci_media_type_is_manifest(d->media_type) &&
				!oci_media_type_is_index(d->media_type)))
			continue;
		if (++f->probes > OCI_MAX_IMAGES || depth >= OCI_MAX_INDEX_DEPTH)
			return err_set(e, ERR_LIMIT, 0, "index.json of '%s' is nested too deep or lists too much", ESC(s->location));
		enum err_code rc = oci_fetch(s, d, true, &bytes, e);
		if (rc == ERR_NOT_FOUND)
			continue;	/* a platform that was not saved */
		TRY(rc);
		snprintf(what, sizeof(what), "manifest %.*s", SLICE_ARG(d->digest));
		TRY(oci_doc_parse(bytes, d->media_type, what, &s->arena, &doc, e));
		if (doc.kind == OCI_DOC_INDEX) {
			TRY(find_manifest(s, &doc, index_digest.n ? index_digest : d->digest, config_digest, depth + 1, f, e));
		} else if (slice_eq(doc.config.digest, config_digest)) {
			f->doc = doc;
			f->bytes = bytes;
			f->digest = d->digest;
			f->index_digest = index_digest;
			f->yes = true;
			TRY(index_digest.n ? note_others(s, index, d, f, e) : OK);
		}
	}
	return OK;
}

/* The layers of manifest.json and those of the manifest must be the same files. */
static enum err_code attach(struct oci_source *s, const struct found *f, struct oci_image *img, struct err *e)
{
	if (f->doc.layers.n != img->n_layers)
		return err_set(e, ERR_FORMAT, 0, "manifest %.*s names %zu layers, manifest.json %zu", SLICE_ARG(f->digest), f->doc.layers.n,
			       img->n_layers);
	img->digest = f->digest;
	img->index_digest = f->index_digest;
	img->raw_manifest = f->bytes;
	img->other_platforms = f->others;
	for (size_t i = 0; i < img->n_layers; i++) {
		const struct oci_descriptor *d = &f->doc.layers.items[i];
		struct oci_layer *l = &img->layers[i];
		if (!slice_has_prefix(l->blob_key, SL("blobs/")))
			continue;
		if (!slice_eq(l->blob_key, oci_blob_key(s, d->digest)))
			return err_set(e, ERR_FORMAT, 0, "manifest %.*s and manifest.json name different layers at place %zu", SLICE_ARG(f->digest),
					i + 1);
		if (l->size != d->size)
			return err_set(e, ERR_DIGEST, 0, "layer '%s' of '%s' has %llu bytes where its descriptor says %llu", ESC(l->blob_key),
				       ESC(s->location), (unsigned long long)l->size, (unsigned long long)d->size);
		l->digest = d->digest;
		l->media_type = d->media_type;
		l->urls = d->urls;
		oci_layer_classify(l);
	}
	return OK;
}

/* --- One entry of manifest.json --------------------------------------------------------------------------------------------- */

/* "<64 hex>.json" and "blobs/sha256/<64 hex>" promise a digest. */
static struct slice promised_digest(struct slice path, struct arena *a)
{
	ptrdiff_t slash = slice_rfind_byte(path, '/');
	struct slice base = slice_from(path, (size_t)(slash + 1));
	if (slice_has_suffix(base, SL(".json")))
		base.n -= 5;
	struct slice d = arena_printf(a, "sha256:%.*s", SLICE_ARG(base));
	return oci_digest_valid(d) ? d : SLICE_NULL;
}

static enum err_code read_config(struct oci_source *s, struct slice path, struct oci_image *img, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	AUTO_BUF b = BUF(OCI_MAX_CONFIG_BYTES);
	TRY(outer_find(&x->index, path, &m, e));
	TRY(archive_read(s, m, &b, e));
	img->raw_config = arena_dup(&s->arena, buf_slice(&b));
	img->config_digest = oci_digest_of(buf_slice(&b), &s->arena);
	struct slice promised = promised_digest(path, &s->arena);
	TRY(arena_ok(&s->arena, "read a config", e));
	if (promised.n && !slice_eq(promised, img->config_digest))
		return err_set(e, ERR_DIGEST, 0, "config '%s' of '%s' has the digest %.*s; it was damaged or replaced", ESC(path),
				ESC(s->location),
			       SLICE_ARG(img->config_digest));
	return OK;
}

static enum err_code read_layers(struct oci_source *s, const json_t *layers, struct oci_image *img, struct err *e)
{
	struct archive *x = s->impl;
	const struct outer_member *m;
	size_t i;
	json_t *v;
	if (json_array_size(layers) > OCI_MAX_LAYERS)
		return err_set(e, ERR_LIMIT, 0, "manifest.json lists more than %d layers", OCI_MAX_LAYERS);
	img->n_layers = json_array_size(layers);
	img->layers = arena_calloc(&s->arena, img->n_layers, sizeof(*img->layers));
	TRY(arena_ok(&s->arena, "list the layers", e));
	json_array_foreach((json_t *)layers, i, v) {
		struct slice path;
		if (!json_is_string(v))
			return err_set(e, ERR_FORMAT, 0, "manifest.json lists a layer that is no text");
		TRY(outer_clean(SLICE_NULL, slice_of(json_string_value(v), json_string_length(v)), &s->arena, &path, e));
		if (outer_find(&x->index, path, &m, e))
			return err_prefix(e, "layer %zu of '%s' is missing", i + 1, ESC(s->location));
		struct oci_layer *l = &img->layers[i];
		*l = (struct oci_layer){ .media_type = slice_of(LAYER_TYPE, sizeof(LAYER_TYPE) - 1), .size = m->size, .blob_key = m->name };
		oci_layer_classify(l);
		TRY(archive_check_layer(s, l, e));
	}
	return OK;
}

/* The tag that was asked for, else the first. */
static enum err_code choose_tag(struct oci_source *s, const json_t *tags, size_t number, bool *ret_wanted, struct oci_image *img,
					 struct err *e)
{
	struct oci_reference want = { 0 }, r;
	struct err ignored = { 0 };
	char at[24];
	size_t i;
	json_t *v;
	snprintf(at, sizeof(at), "@%zu", number);
	bool by_number = s->want.n && s->want.p[0] == '@';
	*ret_wanted = !s->want.n || slice_eqs(s->want, at);
	if (s->want.n && !by_number)
		TRY(oci_reference_parse(s->want, &s->arena, &want, e));
	img->reference = s->text;
	json_array_foreach((json_t *)tags, i, v) {
		if (!json_is_string(v))
			return err_set(e, ERR_FORMAT, 0, "manifest.json lists a tag that is no text");
		if (oci_reference_parse(slice_of(json_string_value(v), json_string_length(v)), &s->arena, &r, &ignored))
			continue;
		bool match = want.text.n && slice_eq(r.text, want.text);
		if (match || !img->name.n) {
			img->reference = r.text;
			img->name = arena_printf(&s->arena, "%.*s/%.*s", SLICE_ARG(r.domain), SLICE_ARG(r.path));
			img->tag = r.tag;
		}
		*ret_wanted |= match;
		if (match)
			break;
	}
	return arena_ok(&s->arena, "read manifest.json", e);
}

static enum err_code add_entry(struct oci_source *s, const json_t *entry, size_t number, const struct oci_doc *index,
					 struct err *e)
{
	static const char *const names[] = { "Config", "RepoTags", "Layers", NULL };
	struct oci_image img = { .transport = slice_str(s->transport) };
	struct found f = { 0 };
	json_t *layers, *tags;
	struct slice config;
	bool wanted;
	if (!json_is_object(entry))
		return err_set(e, ERR_FORMAT, 0, "manifest.json lists something that is no object");
	TRY(json_check_case(entry, names, "manifest.json", e));
	TRY(json_array_of(entry, "RepoTags", JSON_MAY, "manifest.json", &tags, e));
	TRY(choose_tag(s, tags, number, &wanted, &img, e));
	if (!wanted)
		return OK;
	TRY(json_text(entry, "Config", JSON_MUST, "manifest.json", &s->arena, &config, e));
	TRY(json_array_of(entry, "Layers", JSON_MAY, "manifest.json", &layers, e));
	TRY(outer_clean(SLICE_NULL, config, &s->arena, &config, e));
	TRY(read_config(s, config, &img, e));
	TRY(read_layers(s, layers, &img, e));
	TRY(oci_image_set_config(s, &img, "the image's config", e));
	if (index)
		TRY(find_manifest(s, index, SLICE_NULL, img.config_digest, 0, &f, e));
	if (f.yes)
		TRY(attach(s, &f, &img, e));
	TRY(oci_check_platform(s, &img, e));
	return oci_image_add(s, &img, e);
}

enum err_code docker_archive_resolve(struct oci_source *s, const struct outer_member *manifest_json,
					 const struct outer_member *index_json,
				     struct err *e)
{
	AUTO_BUF b = BUF(OCI_MAX_MANIFEST_BYTES);
	AUTO_BUF ib = BUF(OCI_MAX_MANIFEST_BYTES);
	AUTO_JSON j = NULL;
	struct oci_doc index = { 0 };
	size_t i;
	json_t *v;
	TRY(archive_read(s, manifest_json, &b, e));
	TRY(json_strict(buf_slice(&b), "manifest.json", &j, e));
	if (!json_is_array(j))
		return err_set(e, ERR_FORMAT, 0, "manifest.json of '%s' is no list", ESC(s->location));
	if (json_array_size(j) > OCI_MAX_IMAGES)
		return err_set(e, ERR_LIMIT, 0, "'%s' holds more than %d images", ESC(s->location), OCI_MAX_IMAGES);
	if (index_json) {
		TRY(archive_read(s, index_json, &ib, e));
		TRY(oci_doc_parse(buf_slice(&ib), SLICE_NULL, "index.json", &s->arena, &index, e));
	}
	json_array_foreach(j, i, v)
		TRY(add_entry(s, v, i, index_json ? &index : NULL, e));
	if (!s->images.n && s->want.n)
		return err_set(e, ERR_NOT_FOUND, 0, "'%s' holds no image '%s'", ESC(s->location), ESC(s->want));
	return OK;
}
