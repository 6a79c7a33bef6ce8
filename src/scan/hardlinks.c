#include "hardlinks.h"
#include <stdlib.h>

enum { MOST_LINKS = 500000, MOST_CHAIN = 4 };

struct link { int layer; struct slice path, target; };
struct link_list { struct link *items; size_t n, cap; };
struct hard_links {
	struct arena arena;
	struct link_list list;		/* in the order of their targets */
	size_t next;
	struct effective_fs *fs;
	bool *shown;			/* per layer, for the path visited last */
	int n_layers;
};

static int by_target(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int c = fact_path_cmp(x->target, y->target);
	return c ? c : x->layer != y->layer ? (x->layer < y->layer ? -1 : 1) : fact_path_cmp(x->path, y->path);
}

static enum err_code gather(struct hard_links *h, struct facts_file *file, int layer, struct err *e)
{
	struct facts_cursor c;
	struct fact fact;
	enum err_code code;
	facts_cursor_init(&c, file, SECTION_ENTRIES);
	while ((code = facts_cursor_next(&c, &fact, e)) == OK) {
		if (fact.entry.kind != ENTRY_HARDLINK)
			continue;
		struct link *l = h->list.n < MOST_LINKS ? ARENA_PUSH(&h->arena, &h->list) : NULL;
		if (!l) {
			code = err_set(e, ERR_LIMIT, 0, "an image with more than %d hard links", MOST_LINKS);
			break;
		}
		*l = (struct link){ layer, arena_dup(&h->arena, fact.path), arena_dup(&h->arena, fact.entry.link) };
	}
	facts_cursor_free(&c);
	return code == ERR_NOT_FOUND ? arena_ok(&h->arena, "hard links", e) : code;
}

enum err_code hard_links_open(struct facts_file *const *files, int n_layers, struct hard_links **ret, struct err *e)
{
	struct hard_links *h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	h->arena = ARENA(512 * MIB);
	h->n_layers = n_layers;
	h->shown = calloc((size_t)n_layers + 1, sizeof(bool));
	enum err_code code = h->shown ? effective_fs_open(files, n_layers, &h->fs, e) : err_set(e, ERR_NOMEM, 0, "out of memory");
	for (int l = 0; code == OK && l < n_layers; l++)
		if (files[l] && facts_file_end(files[l])->hard_links)
			code = gather(h, files[l], l, e);
	if (code != OK) {
		hard_links_close(h);
		return code;
	}
	if (h->list.n)
		qsort(h->list.items, h->list.n, sizeof(*h->list.items), by_target);
	*ret = h;
	return OK;
}

void hard_links_close(struct hard_links *h)
{
	if (!h)
		return;
	effective_fs_close(h->fs);
	free(h->shown);
	arena_free(&h->arena);
	free(h);
}

static size_t first_to(const struct hard_links *h, struct slice target)
{
	size_t lo = 0, hi = h->list.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (fact_path_cmp(h->list.items[mid].target, target) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The link is seen at its own path, or by a link to it. */
static enum err_code visible(struct hard_links *h, const struct link *l, unsigned depth, bool *ret, struct err *e)
{
	struct seen seen;
	struct fact_entry entry;
	TRY(effective_lookup(h->fs, l->path, &seen, &entry, e));
	*ret = seen.layer == l->layer;
	for (size_t i = first_to(h, l->path); depth < MOST_CHAIN && !*ret && i < h->list.n && slice_eq(h->list.items[i].target, l->path); i++)
		if (h->list.items[i].layer >= l->layer)
			TRY(visible(h, &h->list.items[i], depth + 1, ret, e));
	return OK;
}

/* What the link means stands at p as its own layer and those below it have left it. */
static enum err_code take(struct hard_links *h, const struct effective_path *p, const struct link *l, bool *ret_had, struct err *e)
{
	int layer = -1;
	for (size_t i = 0; i < p->n_at && p->at[i].layer <= l->layer; i++) {
		if (p->at[i].whiteout)
			layer = -1;
		if (p->at[i].present)
			layer = p->at[i].layer;
	}
	*ret_had = layer >= 0;
	if (layer < 0 || layer == p->seen.layer || h->shown[layer])
		return OK;
	return visible(h, l, 0, &h->shown[layer], e);
}

enum err_code hard_links_visit(struct hard_links *h, const struct effective_path *p, hard_link_missing_fn *missing, void *arg, struct err *e)
{
	for (int l = 0; l < h->n_layers; l++)
		h->shown[l] = false;
	for (; h->next < h->list.n; h->next++) {
		const struct link *l = &h->list.items[h->next];
		int c = p ? fact_path_cmp(l->target, p->path) : -1;
		bool had = false;
		if (c > 0)
			break;
		if (c == 0)
			TRY(take(h, p, l, &had, e));
		if (!had)
			TRY(missing(arg, l->layer, l->path, e));
	}
	return OK;
}

bool hard_links_show(const struct hard_links *h, int layer) { return h->shown[layer]; }
