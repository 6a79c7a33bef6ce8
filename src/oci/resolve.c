/* From a root document to images: nested indexes, the choice of a platform, configs. Every document is verified before it is parsed. */
#include "source.h"

struct slice oci_digest_of(struct slice bytes, struct arena *a)
{
	uint8_t d[32];
	char hex[65];
	if (!digest_of(DIGEST_SHA256, bytes, d))
		return SLICE_NULL;
	hex_encode(hex, d, sizeof(d));
	return arena_printf(a, "sha256:%s", hex);
}

struct slice oci_blob_key(struct oci_source *s, struct slice digest)
{
	if (!s->t->path_keys)
		return digest;
	return arena_printf(&s->arena, "blobs/%.*s/%.*s", 6, (const char *)digest.p, SLICE_ARG(slice_from(digest, 7)));
}

enum err_code oci_fetch(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct slice *ret, struct err *e)
{
	size_t max = manifest ? OCI_MAX_MANIFEST_BYTES : OCI_MAX_CONFIG_BYTES;
	const char *kind = manifest ? "manifest" : "config";
	AUTO_BUF b = BUF(max);
	if (d->size != UINT64_MAX && d->size > max)
		return err_set(e, ERR_LIMIT, 0, "%s %.*s has %llu bytes; at most %zu MiB are taken", kind, SLICE_ARG(d->digest),
			       (unsigned long long)d->size, max >> 20);
	TRY(s->t->get(s, d, manifest, &b, e));
	if (d->size != UINT64_MAX && b.n != d->size)
		return err_set(e, ERR_DIGEST, 0, "%s %.*s has %zu bytes where %llu are promised", kind, SLICE_ARG(d->digest), b.n,
			       (unsigned long long)d->size);
	if (!oci_digest_matches(d->digest, buf_slice(&b)))
		return err_set(e, ERR_DIGEST, 0, "%s %.*s: its bytes have another digest; it was damaged or replaced", kind,
				SLICE_ARG(d->digest));
	*ret = arena_dup(&s->arena, buf_slice(&b));
	return arena_ok(&s->arena, kind, e);
}

/* --- One image ------------------------------------------------------------------------------------------------------ */

enum err_code oci_image_add(struct oci_source *s, const struct oci_image *img, struct err *e)
{
	for (size_t i = 0; i < s->images.n; i++) {
		const struct oci_image *o = &s->images.items[i];
		if (img->digest.n ? slice_eq(o->digest, img->digest) : img->config_digest.n && slice_eq(o->config_digest, img->config_digest))
			return OK;
	}
	if (s->images.n >= OCI_MAX_IMAGES)
		return err_set(e, ERR_LIMIT, 0, "'%s' holds more than %d images", ESC(s->text), OCI_MAX_IMAGES);
	struct oci_image *p = ARENA_PUSH(&s->arena, &s->images);
	if (p)
		*p = *img;
	return arena_ok(&s->arena, "list the images", e);
}

enum err_code oci_image_set_config(struct oci_source *s, struct oci_image *img, const char *what, struct err *e)
{
	struct image_config *c = &img->config;
	TRY(oci_config_parse(img->raw_config, img->n_layers, what, &s->arena, c, e));
	for (size_t i = 0; i < img->n_layers; i++)
		img->layers[i].diff_id = c->diff_ids.items[i];
	img->layer_history = oci_config_layer_history(c, img->n_layers, &s->arena);
	if (c->os.n || c->architecture.n)
		img->platform = oci_platform_text((struct oci_platform){ c->os.n ? c->os : SL("linux"), c->architecture, c->variant },
				&s->arena);
	return arena_ok(&s->arena, what, e);
}

enum err_code oci_check_platform(struct oci_source *s, const struct oci_image *img, struct err *e)
{
	struct oci_platform have = { img->config.os, img->config.architecture, img->config.variant };
	if (!s->o.platform || s->o.all_platforms || !have.arch.n || oci_platform_match(s->platform, have))
		return OK;
	return err_set(e, ERR_NOT_FOUND, 0, "'%s' is not for %s; it is for %.*s only", ESC(s->text), ESC(slice_str(s->o.platform)),
		       SLICE_ARG(img->platform));
}

static enum err_code layers_of(struct oci_source *s, const struct oci_doc *doc, struct oci_image *img, struct err *e)
{
	img->n_layers = doc->layers.n;
	img->layers = arena_calloc(&s->arena, doc->layers.n, sizeof(*img->layers));
	TRY(arena_ok(&s->arena, "list the layers", e));
	for (size_t i = 0; i < doc->layers.n; i++) {
		const struct oci_descriptor *d = &doc->layers.items[i];
		struct oci_layer *l = &img->layers[i];
		*l = (struct oci_layer){ .digest = d->digest, .media_type = d->media_type, .size = d->size, .urls = d->urls,
			.blob_key = oci_blob_key(s, d->digest) };
		oci_layer_classify(l);
		if (l->known_type && l->distributable && s->t->check_layer)
			TRY(s->t->check_layer(s, l, e));
	}
	return arena_ok(&s->arena, "list the layers", e);
}

static enum err_code add_manifest(struct oci_source *s, struct slice bytes, struct slice digest, const struct oci_doc *doc,
				  const struct oci_identity *id, bool chosen, const struct slice_list *others, struct err *e)
{
	struct oci_image img = { .reference = id->reference, .name = id->name, .tag = id->tag, .transport = slice_str(s->transport),
		.digest = digest, .index_digest = id->index_digest, .config_digest = doc->config.digest, .raw_manifest = bytes };
	char what[128];
	s->saw_artifact |= doc->artifact;
	if (doc->artifact && !oci_source_as_image(s))
		return err_set(e, ERR_UNSUPPORTED, 0, "'%s' is not a container image but an artifact with a config of type '%s'", ESC(s->text),
			       ESC(doc->config.media_type));
	snprintf(what, sizeof(what), "config %.*s", SLICE_ARG(doc->config.digest));
	if (others)
		img.other_platforms = *others;
	TRY(oci_fetch(s, &doc->config, false, &img.raw_config, e));
	TRY(layers_of(s, doc, &img, e));
	TRY(oci_image_set_config(s, &img, what, e));
	if (!chosen)
		TRY(oci_check_platform(s, &img, e));
	return oci_image_add(s, &img, e);
}

/* --- Indexes ---------------------------------------------------------------------------------------------------------- */

struct leaf {
	const struct oci_descriptor *d;
	struct oci_platform platform;
	bool has_platform;
};
struct leaf_list { struct leaf *items; size_t n, cap; unsigned probes; };

struct path { struct slice digest; const struct path *up; };	/* the indexes above, to see cycles */

static enum err_code collect(struct oci_source *s, const struct oci_doc *doc, const struct path *up, unsigned depth,
					 struct leaf_list *out,
			     struct err *e);

static enum err_code descend(struct oci_source *s, const struct oci_descriptor *d, const struct path *up, unsigned depth,
					 struct leaf_list *out,
			     struct err *e)
{
	struct slice bytes;
	struct oci_doc doc;
	char what[128];
	for (const struct path *p = up; p; p = p->up)
		if (slice_eq(p->digest, d->digest))
			return err_set(e, ERR_FORMAT, 0, "index %.*s contains itself", SLICE_ARG(d->digest));
	if (depth >= OCI_MAX_INDEX_DEPTH || ++out->probes > OCI_MAX_PROBES)
		return err_set(e, ERR_LIMIT, 0, "'%s' nests indexes deeper than %d levels or too many of them", ESC(s->text),
				OCI_MAX_INDEX_DEPTH);
	enum err_code rc = oci_fetch(s, d, true, &bytes, e);
	if (rc == ERR_NOT_FOUND && s->t->partial)
		return OK;
	TRY(rc);
	snprintf(what, sizeof(what), "index %.*s", SLICE_ARG(d->digest));
	TRY(oci_doc_parse(bytes, d->media_type, what, &s->arena, &doc, e));
	struct path here = { d->digest, up };
	return collect(s, &doc, &here, depth + 1, out, e);
}

/* A manifest listed without a platform: its config has it. */
static enum err_code probe_platform(struct oci_source *s, struct leaf *l, struct leaf_list *out, struct err *e)
{
	struct slice bytes, config;
	struct oci_doc doc;
	struct image_config c;
	char what[128];
	if (++out->probes > OCI_MAX_PROBES)
		return err_set(e, ERR_LIMIT, 0, "'%s' lists more than %d manifests without a platform", ESC(s->text), OCI_MAX_PROBES);
	snprintf(what, sizeof(what), "manifest %.*s", SLICE_ARG(l->d->digest));
	TRY(oci_fetch(s, l->d, true, &bytes, e));
	TRY(oci_doc_parse(bytes, l->d->media_type, what, &s->arena, &doc, e));
	if (doc.artifact || doc.kind == OCI_DOC_INDEX)
		return OK;
	TRY(oci_fetch(s, &doc.config, false, &config, e));
	TRY(oci_config_parse(config, doc.layers.n, what, &s->arena, &c, e));
	l->platform = (struct oci_platform){ c.os, c.architecture, c.variant };
	l->has_platform = c.architecture.n > 0;
	return OK;
}

static enum err_code collect(struct oci_source *s, const struct oci_doc *doc, const struct path *up, unsigned depth,
					 struct leaf_list *out,
			     struct err *e)
{
	for (size_t i = 0; i < doc->manifests.n; i++) {
		const struct oci_descriptor *d = &doc->manifests.items[i];
		if (d->attestation)
			continue;
		if (oci_media_type_is_index(d->media_type)) {
			TRY(descend(s, d, up, depth, out, e));
			continue;
		}
		if (d->media_type.n && !oci_media_type_is_manifest(d->media_type))
			continue;
		if (out->n >= OCI_MAX_IMAGES)
			return err_set(e, ERR_LIMIT, 0, "'%s' lists more than %d manifests", ESC(s->text), OCI_MAX_IMAGES);
		struct leaf *l = ARENA_PUSH(&s->arena, out);
		if (l)
			*l = (struct leaf){ d, d->platform, d->has_platform };
	}
	return arena_ok(&s->arena, "list the platforms", e);
}

static enum err_code probe_all(struct oci_source *s, struct leaf_list *leaves, struct err *e)
{
	size_t kept = 0;
	if (leaves->n == 1 && !s->o.platform)
		return OK;
	for (size_t i = 0; i < leaves->n; i++) {
		struct leaf l = leaves->items[i];
		enum err_code rc = l.has_platform ? OK : probe_platform(s, &l, leaves, e);
		if (rc == ERR_NOT_FOUND && s->t->partial)
			continue;
		TRY(rc);
		if (l.has_platform || leaves->n == 1)
			leaves->items[kept++] = l;
	}
	leaves->n = kept;
	return OK;
}

static const struct leaf *best_of(struct oci_source *s, const struct leaf_list *leaves)
{
	const struct leaf *best = NULL;
	unsigned best_score = 0;
	if (leaves->n == 1 && !leaves->items[0].has_platform)
		return &leaves->items[0];
	for (size_t i = 0; i < leaves->n; i++) {
		unsigned score = oci_platform_match(s->platform, leaves->items[i].platform);
		if (score > best_score) {
			best = &leaves->items[i];
			best_score = score;
		}
	}
	return best;
}

static enum err_code no_platform(struct oci_source *s, const struct leaf_list *leaves, struct err *e)
{
	AUTO_BUF present = BUF(160);
	struct slice want = oci_platform_text(s->platform, &s->arena);
	for (size_t i = 0; i < leaves->n; i++) {
		struct slice t = oci_platform_text(leaves->items[i].platform, &s->arena);
		if (present.n + t.n + 8 > present.max) {
			buf_puts(&present, ", …");
			break;
		}
		buf_printf(&present, "%s%.*s", present.n ? ", " : "", SLICE_ARG(t));
	}
	return err_set(e, ERR_NOT_FOUND, 0, "'%s' has no image for %.*s; it has %s", ESC(s->text), SLICE_ARG(want),
		       present.n ? buf_cstr(&present) : "none at all");
}

static enum err_code add_leaf(struct oci_source *s, const struct leaf *l, const struct oci_identity *id,
					 const struct slice_list *others,
			      struct err *e)
{
	struct slice bytes;
	struct oci_doc doc;
	char what[128];
	snprintf(what, sizeof(what), "manifest %.*s", SLICE_ARG(l->d->digest));
	TRY(oci_fetch(s, l->d, true, &bytes, e));
	TRY(oci_doc_parse(bytes, l->d->media_type, what, &s->arena, &doc, e));
	if (doc.kind != OCI_DOC_MANIFEST)
		return err_set(e, ERR_FORMAT, 0, "%s is listed as a manifest but is an index", what);
	return add_manifest(s, bytes, l->d->digest, &doc, id, true, others, e);
}

static enum err_code list_others(struct oci_source *s, const struct leaf_list *leaves, const struct leaf *but,
					 struct slice_list *ret, struct err *e)
{
	for (size_t i = 0; i < leaves->n; i++) {
		const struct leaf *l = &leaves->items[i];
		if (l == but || slice_eq(l->d->digest, but->d->digest) || !l->has_platform)
			continue;
		struct slice t = oci_platform_text(l->platform, &s->arena);
		bool known = false;
		for (size_t k = 0; k < ret->n; k++)
			known |= slice_eq(ret->items[k], t);
		struct slice *p = known ? NULL : ARENA_PUSH(&s->arena, ret);
		if (p)
			*p = t;
	}
	return arena_ok(&s->arena, "list the platforms", e);
}

enum err_code oci_resolve_choose(struct oci_source *s, const struct oci_doc *doc, struct slice digest,
					 const struct oci_identity *id, struct err *e)
{
	struct leaf_list leaves = { 0 };
	struct slice_list others = { 0 };
	struct path here = { digest, NULL };
	TRY(collect(s, doc, &here, 0, &leaves, e));
	if (s->o.all_platforms) {
		for (size_t i = 0; i < leaves.n; i++)
			TRY(add_leaf(s, &leaves.items[i], id, NULL, e));
		return leaves.n ? OK : no_platform(s, &leaves, e);
	}
	TRY(probe_all(s, &leaves, e));
	const struct leaf *best = best_of(s, &leaves);
	if (!best)
		return no_platform(s, &leaves, e);
	TRY(list_others(s, &leaves, best, &others, e));
	return add_leaf(s, best, id, &others, e);
}

enum err_code oci_resolve_document(struct oci_source *s, struct slice bytes, struct slice digest, struct slice served_as,
				   const struct oci_identity *id, struct err *e)
{
	struct oci_doc doc;
	char what[160];
	snprintf(what, sizeof(what), "the manifest of '%s'", ESC(s->text));
	TRY(oci_doc_parse(bytes, served_as, what, &s->arena, &doc, e));
	if (doc.kind == OCI_DOC_MANIFEST)
		return add_manifest(s, bytes, digest, &doc, id, false, NULL, e);
	struct oci_identity below = *id;
	if (!below.index_digest.n)
		below.index_digest = digest;
	return oci_resolve_choose(s, &doc, digest, &below, e);
}
