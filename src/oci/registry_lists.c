/* Lists that registries answer with: tags in pages, indexes of referrers. */
#include "oci_registry.h"
#include "registry.h"

enum { MAX_PAGES = 1000, MAX_PAGE_BYTES = 8 << 20 };

static enum err_code take_page(struct slice body, size_t max_names, struct arena *a, struct oci_tags *tags, bool *ret_cut, struct err *e)
{
	AUTO_JSON j = NULL;
	json_t *list = NULL;
	const char *what = "a list of tags";
	TRY(json_strict(body, what, &j, e));
	TRY(json_array_of(j, "tags", JSON_MAY, what, &list, e));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name)
			return err_set(e, ERR_FORMAT, 0, "%s holds something that is no name", what);
		if (tags->n >= max_names) {
			*ret_cut = true;
			return OK;
		}
		struct slice *s = ARENA_PUSH(a, tags);
		if (s)
			*s = arena_dup(a, slice_str(name));
		TRY(arena_ok(a, what, e));
	}
	return OK;
}

enum err_code oci_registry_tags(struct oci_registry *g, struct slice repository, size_t max_names, size_t max_bytes, uint64_t total_ms, struct arena *a,
				struct oci_tags *ret, bool *ret_cut, struct oci_answer *ret_answer, struct err *e)
{
	struct oci_tags tags = { 0 };
	struct oci_registry_request q = { .repository = repository, .rest = SL("tags/list?n=1000"), .accept = "application/json", .once = true,
		.whole_ms = total_ms };
	char link[1024];
	size_t bytes = 0;
	bool cut = false;
	uint64_t until = os_monotonic_ns() + total_ms * 1000000;
	for (unsigned page = 0;; page++) {
		AUTO_BUF body = BUF(MIN((size_t)MAX_PAGE_BYTES, max_bytes - bytes));
		size_t before = tags.n;
		enum err_code rc = oci_registry_fetch(g, &q, &body, ret_answer, e);
		if (rc == ERR_LIMIT && ret_answer->status == 200 && q.link) {	/* more than there is room for */
			cut = true;
			break;
		}
		TRY(rc);
		bytes += body.n;
		TRY(take_page(buf_slice(&body), max_names, a, &tags, &cut, e));
		if (!ret_answer->link[0] || cut)
			break;
		/* A page without a name, or the same link again, would go on for ever. */
		bool circle = q.link && !strcmp(link, ret_answer->link);
		if (tags.n == before || circle || page + 1 >= MAX_PAGES || max_bytes - bytes < 64 * KIB || os_monotonic_ns() > until) {
			cut = true;
			break;
		}
		memcpy(link, ret_answer->link, sizeof(link));
		q.rest = slice_str(link);
		q.link = true;
	}
	*ret = tags;
	*ret_cut = cut;
	return OK;
}

enum err_code oci_index_digests(struct slice body, size_t max, struct arena *a, struct oci_tags *ret, struct err *e)
{
	AUTO_JSON j = NULL;
	json_t *list = NULL;
	struct oci_tags out = { 0 };
	const char *what = "an index";
	TRY(json_strict(body, what, &j, e));
	TRY(json_array_of(j, "manifests", JSON_MAY, what, &list, e));
	for (size_t i = 0; i < json_array_size(list) && out.n < max; i++) {
		struct slice d;
		TRY(json_text(json_array_get(list, i), "digest", JSON_MUST, what, a, &d, e));
		if (!oci_digest_valid(d))
			continue;
		struct slice *s = ARENA_PUSH(a, &out);
		if (s)
			*s = d;
	}
	TRY(arena_ok(a, what, e));
	*ret = out;
	return OK;
}
