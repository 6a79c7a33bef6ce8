/* A source whose bytes the caller provides (oci_provider.h). */
#include <stdlib.h>
#include "oci_provider.h"
#include "source.h"

struct provider {
	const struct oci_provider *p;
	struct oci_reference ref;
	struct slice root;
};

static enum err_code provider_get(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out, struct err *e)
{
	const struct oci_provider *p = ((struct provider *)s->impl)->p;
	return p->get(p->arg, d->digest, manifest, out, e);
}

static enum err_code provider_resolve(struct oci_source *s, struct err *e)
{
	struct provider *v = s->impl;
	struct oci_identity id = { .reference = v->ref.text, .tag = v->ref.tag };
	struct oci_descriptor root = { .digest = v->root, .size = UINT64_MAX };
	struct slice bytes;
	id.name = arena_printf(&s->arena, "%.*s/%.*s", SLICE_ARG(v->ref.domain), SLICE_ARG(v->ref.path));
	TRY(oci_fetch(s, &root, true, &bytes, e));
	return oci_resolve_document(s, bytes, v->root, SLICE_NULL, &id, e);
}

static enum err_code provider_layer_open(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e)
{
	const struct oci_provider *p = ((struct provider *)s->impl)->p;
	struct stream *below;
	TRY(p->blob_open(p->arg, l->digest, l->size, &below, e));
	return oci_guard_size(below, l->size, l->digest, ret, e);
}

static const struct oci_transport transport_provider = {
	.name = "docker", .resolve = provider_resolve, .get = provider_get, .layer_open = provider_layer_open,
};

enum err_code oci_source_open_provider(const char *reference, const char *root_digest, const struct oci_provider *p, const struct oci_options *o,
				       struct oci_source **ret, struct err *e)
{
	AUTO_OCI_SOURCE s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "open '%s'", ESC(slice_str(reference)));
	*s = (struct oci_source){ .t = &transport_provider, .transport = "docker", .o = *o, .arena = ARENA(OCI_ARENA_BYTES), .fd = -1 };
	struct provider *v = arena_new(&s->arena, struct provider);
	s->text = s->location = arena_dup(&s->arena, slice_str(reference));
	TRY(arena_ok(&s->arena, "open an image", e));
	s->impl = v;
	v->p = p;
	v->root = arena_dup(&s->arena, slice_str(root_digest));
	TRY(arena_ok(&s->arena, "open an image", e));
	if (!oci_digest_valid(v->root))
		return err_set(e, ERR_USAGE, 0, "'%s' is no digest", ESC(v->root));
	TRY(oci_platform_parse(o->platform, &s->platform, &s->arena, e));
	TRY(oci_reference_parse(s->text, &s->arena, &v->ref, e));
	*ret = s;
	s = NULL;
	return OK;
}

static const struct provider *provider_of(const struct oci_source *s) { return s->t == &transport_provider ? s->impl : NULL; }

bool oci_source_verified(const struct oci_source *s)
{
	const struct provider *v = provider_of(s);
	return v && v->p->verified;
}

bool oci_source_as_image(const struct oci_source *s)
{
	const struct provider *v = provider_of(s);
	return v && v->p->as_image;
}

void oci_source_plan(struct oci_source *s, const struct oci_layer *const *layers, size_t n)
{
	const struct provider *v = provider_of(s);
	if (v && v->p->plan)
		v->p->plan(v->p->arg, layers, n);
}
