/* index.json of a layout or archive: which of its entries the person means, and what they are called. */
#include "source.h"

static struct oci_identity layout_identity(struct oci_source *s, const struct oci_descriptor *d)
{
	struct oci_identity id = { .reference = s->text };
	struct oci_reference r;
	struct err ignored = { 0 };
	struct slice full = d->image_name.n ? d->image_name : d->ref_name;
	bool qualified = slice_find_byte(full, '/') >= 0 || slice_find_byte(full, ':') >= 0;
	id.tag = d->ref_name;
	if (qualified && oci_reference_parse(full, &s->arena, &r, &ignored) == OK) {
		id.name = arena_printf(&s->arena, "%.*s/%.*s", SLICE_ARG(r.domain), SLICE_ARG(r.path));
		id.tag = r.tag;
	}
	return id;
}

static bool entry_wanted(struct oci_source *s, const struct oci_descriptor *d)
{
	if (d->attestation)
		return false;
	if (!s->want.n)
		return true;
	return slice_eq(s->want_digest ? d->digest : d->ref_name, s->want) || (!s->want_digest && slice_eq(d->image_name, s->want));
}

static bool same_name(const struct oci_descriptor *a, const struct oci_descriptor *b)
{
	return slice_eq(a->ref_name, b->ref_name) && slice_eq(a->image_name, b->image_name);
}

/* Entries of one name: one document, or a manifest per platform. */
static enum err_code resolve_group(struct oci_source *s, const struct oci_doc *group, struct slice index_json, struct err *e)
{
	struct oci_identity id = layout_identity(s, &group->manifests.items[0]);
	struct slice bytes;
	bool platforms = group->manifests.n > 1;
	for (size_t i = 0; i < group->manifests.n; i++)
		platforms &= group->manifests.items[i].has_platform;
	if (platforms) {
		id.index_digest = oci_digest_of(index_json, &s->arena);
		return oci_resolve_choose(s, group, id.index_digest, &id, e);
	}
	for (size_t i = 0; i < group->manifests.n; i++) {
		const struct oci_descriptor *d = &group->manifests.items[i];
		TRY(oci_fetch(s, d, true, &bytes, e));
		TRY(oci_resolve_document(s, bytes, d->digest, d->media_type, &id, e));
	}
	return OK;
}

static enum err_code no_entry(struct oci_source *s, const struct oci_doc *doc, struct err *e)
{
	AUTO_BUF names = BUF(160);
	for (size_t i = 0; i < doc->manifests.n && names.n < 100; i++)
		if (doc->manifests.items[i].ref_name.n)
			buf_printf(&names, "%s%s", names.n ? ", " : "", text_escape_to((char[48]){ 0 }, 48, doc->manifests.items[i].ref_name));
	if (!s->want.n)
		return err_set(e, ERR_NOT_FOUND, 0, "'%s' holds no image", ESC(s->text));
	return err_set(e, ERR_NOT_FOUND, 0, "'%s' holds no image '%s'%s%s", ESC(s->location), ESC(s->want), names.n ? "; it has " : "",
		       buf_cstr(&names));
}

/* A digest that index.json does not name may stand in an index below. */
static enum err_code resolve_unlisted(struct oci_source *s, const struct oci_doc *doc, struct err *e)
{
	struct oci_descriptor d = { .digest = s->want, .size = UINT64_MAX };
	struct oci_identity id = { .reference = s->text };
	struct slice bytes;
	if (!s->want_digest)
		return no_entry(s, doc, e);
	if (oci_fetch(s, &d, true, &bytes, e) != OK)
		return e->code == ERR_NOT_FOUND ? no_entry(s, doc, e) : e->code;
	return oci_resolve_document(s, bytes, d.digest, SLICE_NULL, &id, e);
}

enum err_code oci_resolve_layout(struct oci_source *s, struct slice index_json, struct err *e)
{
	struct oci_doc doc;
	struct err artifact = { 0 };
	TRY(oci_doc_parse(index_json, SLICE_NULL, "index.json", &s->arena, &doc, e));
	if (doc.kind != OCI_DOC_INDEX)
		return err_set(e, ERR_FORMAT, 0, "index.json of '%s' is no index", ESC(s->location));
	bool *done = arena_calloc(&s->arena, doc.manifests.n + 1, sizeof(*done));
	TRY(arena_ok(&s->arena, "index.json", e));
	for (size_t i = 0; i < doc.manifests.n; i++) {
		struct oci_doc group = { .kind = OCI_DOC_INDEX };
		for (size_t k = i; k < doc.manifests.n; k++) {
			const struct oci_descriptor *d = &doc.manifests.items[k];
			if (done[k] || !entry_wanted(s, d) || !same_name(d, &doc.manifests.items[i]))
				continue;
			done[k] = true;
			struct oci_descriptor *p = ARENA_PUSH(&s->arena, &group.manifests);
			if (p)
				*p = *d;
		}
		TRY(arena_ok(&s->arena, "index.json", e));
		if (!group.manifests.n)
			continue;
		s->saw_artifact = false;
		enum err_code rc = resolve_group(s, &group, index_json, e);
		/* Signatures and the like beside images are no images; asked for by name they are an error. */
		if (rc == ERR_UNSUPPORTED && !s->want.n && s->saw_artifact)
			artifact = *e;
		else
			TRY(rc);
	}
	if (s->images.n)
		return OK;
	if (artifact.code) {
		*e = artifact;
		return e->code;
	}
	return resolve_unlisted(s, &doc, e);
}
