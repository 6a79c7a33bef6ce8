/* Image references as docker writes them: "nginx" is docker.io/library/nginx:latest. */
#include "intel_private.h"

static bool is_registry(struct slice s)
{
	return slice_find_byte(s, '.') >= 0 || slice_find_byte(s, ':') >= 0 || slice_eqs(s, "localhost");
}

/* "docker-archive:FILE:REF", "oci:DIR:tag" and the like name a place; only a reference of docker's form after the transport counts. */
static struct slice without_transport(struct slice s)
{
	static const char *const prefixes[] = { "docker://", "docker-daemon:" };
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_has_prefix(s, slice_str(prefixes[i])))
			return slice_from(s, strlen(prefixes[i]));
	return s;
}

static struct slice lower_dup(struct arena *a, struct slice s)
{
	struct slice copy = arena_dup(a, s);
	for (size_t i = 0; i < copy.n; i++)
		if (copy.p[i] >= 'A' && copy.p[i] <= 'Z')
			((uint8_t *)(uintptr_t)copy.p)[i] = (uint8_t)(copy.p[i] + 32);
	return copy;
}

enum err_code image_name_parse(struct arena *a, struct slice reference, struct image_name *ret, struct err *e)
{
	struct image_name n = { .tag = SL("latest") };
	struct slice rest = without_transport(slice_trim(reference));
	char shown[96];
	if (!rest.n || rest.n > 512 || slice_find_byte(rest, ' ') >= 0)
		return err_set(e, ERR_FORMAT, 0, "'%s' is no image reference", text_escape_to(shown, sizeof(shown), reference));
	ptrdiff_t at = slice_find_byte(rest, '@');
	if (at >= 0) {
		n.digest = arena_dup(a, slice_from(rest, (size_t)at + 1));
		rest = slice_upto(rest, (size_t)at);
	}
	ptrdiff_t slash = slice_rfind_byte(rest, '/'), colon = slice_rfind_byte(rest, ':');
	if (colon > slash) {
		n.tag = arena_dup(a, slice_from(rest, (size_t)colon + 1));
		n.has_tag = true;
		rest = slice_upto(rest, (size_t)colon);
	}
	slash = slice_find_byte(rest, '/');
	n.registry = SL("docker.io");
	if (slash > 0 && is_registry(slice_upto(rest, (size_t)slash))) {
		n.registry = lower_dup(a, slice_upto(rest, (size_t)slash));
		rest = slice_from(rest, (size_t)slash + 1);
		if (slice_eqs(n.registry, "index.docker.io") || slice_eqs(n.registry, "registry-1.docker.io"))
			n.registry = SL("docker.io");
	}
	slash = slice_rfind_byte(rest, '/');
	n.base = lower_dup(a, slash >= 0 ? slice_from(rest, (size_t)slash + 1) : rest);
	n.space = slash > 0 ? lower_dup(a, slice_upto(rest, (size_t)slash)) : SLICE_NULL;
	if (!n.space.n && slice_eqs(n.registry, "docker.io"))
		n.space = SL("library");
	if (!n.base.n)
		return err_set(e, ERR_FORMAT, 0, "'%s' is no image reference", text_escape_to(shown, sizeof(shown), reference));
	TRY(arena_ok(a, "an image reference", e));
	*ret = n;
	return OK;
}
