/* Parameters, rights, and what a reference means here. */
#include "api_inside.h"
#include "oci.h"
#include "store_content.h"

struct slice api_param(struct api *a, const char *name)
{
	struct slice v;
	return http_query(a->c->r, name, &v) ? v : SLICE_NULL;
}

uint64_t api_limit(struct api *a, uint64_t standard)
{
	uint64_t n;
	return slice_to_u64(api_param(a, "n"), &n) && n ? MIN(n, (uint64_t)API_MOST_ITEMS) : standard;
}

bool api_may(struct api *a, unsigned right, struct slice repository)
{
	return a->c->who.socket || access_may(&a->c->who, right, repository);
}

bool api_may_pattern(struct api *a, unsigned right, struct slice pattern)
{
	return a->c->who.socket || access_may_pattern(&a->c->who, right, pattern);
}

/* A first part that looks like a host, and is no upstream, is this registry's own name as the person knows it. */
static struct slice without_host(struct gateway *g, struct slice name)
{
	struct slice rest;
	bool reserved;
	ptrdiff_t slash = slice_find_byte(name, '/');
	if (slash < 0 || config_upstream_of(g->config, name, &rest, &reserved) || !reserved)
		return name;
	return slice_from(name, (size_t)slash + 1);
}

enum err_code api_ref_parse(struct api *a, struct slice text, struct api_ref *ret, struct err *e)
{
	char shown[96];
	struct api_ref r = { 0 };
	ptrdiff_t at = slice_find_byte(text, '@');
	text_escape_to(shown, sizeof(shown), text);
	if (at >= 0) {
		r.digest = slice_from(text, (size_t)at + 1);
		text = slice_upto(text, (size_t)at);
	}
	text = without_host(a->g, text);
	ptrdiff_t colon = slice_rfind_byte(text, ':');
	if (colon >= 0) {
		r.tag = slice_from(text, (size_t)colon + 1);
		text = slice_upto(text, (size_t)colon);
	} else if (!r.digest.n) {
		r.tag = SL("latest");
	}
	r.repository = text;
	if (!store_name_valid(text) || (r.tag.n && !store_tag_valid(r.tag)) || (r.digest.n && !oci_digest_valid(r.digest)) || (colon >= 0 && !r.tag.n))
		return err_set(e, ERR_USAGE, 0, "'%s' is no reference such as team/app:1.4 or team/app@sha256:…", shown);
	r.rule = config_repository_for(a->g->config, text);
	*ret = r;
	return OK;
}

enum err_code api_ref_find(struct api *a, struct sql_tx *tx, struct slice reference, struct api_ref *ret, struct err *e)
{
	struct arena *arena = http_arena(a->c->r);
	struct slice repository = api_param(a, "repository"), digest = api_param(a, "digest");
	struct store_tag tag;
	struct api_ref r;
	if (!reference.n && repository.n && digest.n)
		reference = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(repository), SLICE_ARG(digest));
	if (!reference.n)
		return err_set(e, ERR_USAGE, 0, "'reference' is missing: which image?");
	TRY(api_ref_parse(a, reference, &r, e));
	/* Rights before any look-up: existing and missing names look alike (GATE.md 13). */
	if (!api_may(a, ACCESS_PULL, r.repository))
		return err_set(e, ERR_AUTH, 0, "this account may not pull there");
	enum err_code code = store_repo(tx, r.repository, SLICE_NULL, false, &r.repo_id, e);
	if (code == OK && !r.digest.n) {
		code = store_tag_get(tx, r.repo_id, r.tag, arena, &tag, e);
		if (code == OK) {
			r.digest = tag.pushed_digest;
			r.served = tag.served_digest;
		}
	}
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "%.*s is not known here", SLICE_ARG(reference));
	TRY(code);
	*ret = r;
	return OK;
}
