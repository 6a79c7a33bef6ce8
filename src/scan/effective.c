#include "effective.h"
#include <stdlib.h>

enum { MOST_FACTS = 400000, MOST_OWNED = 4096 };

struct seen effective_resolve(const struct at_layer *at, size_t n, int floor)
{
	struct seen s = { .layer = -1, .floor = floor };
	for (size_t i = 0; i < n; i++)
		if (at[i].whiteout && at[i].layer > s.floor)
			s.floor = at[i].layer;
	s.child_floor = s.floor;
	for (size_t i = 0; i < n; i++) {
		if (at[i].opaque && at[i].layer > s.child_floor)
			s.child_floor = at[i].layer;
		if (!at[i].present || at[i].layer < s.floor)
			continue;
		s.layer = at[i].layer;
		s.is_dir = at[i].entry.kind == ENTRY_DIR;
		if (!s.is_dir && at[i].layer > s.child_floor)
			s.child_floor = at[i].layer;
	}
	return s;
}

/* One section of one layer, one fact ahead. */
struct ahead {
	struct facts_cursor cursor;
	struct fact fact;
	int layer;
	bool has;
};

struct frame { size_t path_n; int child_floor, link_layer; /* the layer whose non-directory is seen here, -1 none */ };

struct walk {
	struct ahead *all;	/* entries, owned, others of each layer */
	size_t n_all;
	int n_layers;
	struct buf path;
	struct frame *stack;
	size_t depth, cap_depth;
	struct at_layer *at;
	size_t n_at;
	struct layer_fact *facts;
	size_t n_facts, cap_facts;
	struct owned_row *owned;
	size_t n_owned;
	uint8_t **source_seen;	/* per layer: whether its i-th source is the visible one */
	struct facts_file *const *files;
};

static enum err_code step(struct ahead *a, struct err *e)
{
	enum err_code code = facts_cursor_next(&a->cursor, &a->fact, e);
	a->has = code == OK;
	return code == ERR_NOT_FOUND ? OK : code;
}

static enum err_code take_entry(struct walk *w, const struct ahead *a)
{
	struct at_layer *t = w->n_at ? &w->at[w->n_at - 1] : NULL;
	if (!t || t->layer != a->layer) {
		t = &w->at[w->n_at++];
		*t = (struct at_layer){ .layer = a->layer };
	}
	if (a->fact.entry.kind == ENTRY_WHITEOUT) {
		t->whiteout = true;
	} else if (a->fact.entry.kind == ENTRY_OPAQUE) {
		t->opaque = true;
	} else {
		t->present = true;
		t->entry = a->fact.entry;
	}
	return OK;
}

static enum err_code take_fact(struct walk *w, const struct ahead *a, struct err *e)
{
	if (w->n_facts == w->cap_facts) {
		size_t cap = w->cap_facts ? w->cap_facts * 2 : 64;
		struct layer_fact *p = cap <= MOST_FACTS * 2 ? reallocarray(w->facts, cap, sizeof(*p)) : NULL;
		if (!p)
			return err_set(e, ERR_LIMIT, 0, "more than %d facts about one file", MOST_FACTS);
		w->facts = p;
		w->cap_facts = cap;
	}
	struct layer_fact *f = &w->facts[w->n_facts++];
	*f = (struct layer_fact){ a->layer, a->fact };
	f->fact.path = buf_slice(&w->path);
	return OK;
}

static bool source_is_current(const struct walk *w, int layer, struct slice source)
{
	const struct slice *list;
	size_t n, lo = 0, hi;
	facts_file_sources(w->files[layer], &list, &n);
	hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = fact_path_cmp(list[mid], source);
		if (c == 0)
			return w->source_seen[layer][mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static enum err_code take(struct walk *w, struct ahead *a, struct err *e)
{
	switch (a->cursor.section) {
	case SECTION_ENTRIES:
		return take_entry(w, a);
	case SECTION_OWNED:
		if (w->n_owned < MOST_OWNED)	/* more claims on one path than any real system makes: the rest changes nothing */
			w->owned[w->n_owned++] = (struct owned_row){ a->layer, source_is_current(w, a->layer, a->fact.owned.source), a->fact.owned };
		return OK;
	default:
		return take_fact(w, a, e);
	}
}

static bool below(struct slice path, struct slice dir)
{
	return !dir.n || (path.n > dir.n && path.p[dir.n] == '/' && memcmp(path.p, dir.p, dir.n) == 0);
}

static enum err_code push(struct walk *w, struct frame f, struct err *e)
{
	if (w->depth == w->cap_depth) {
		size_t cap = w->cap_depth ? w->cap_depth * 2 : 64;
		struct frame *p = reallocarray(w->stack, cap, sizeof(*p));
		if (!p)
			return err_set(e, ERR_NOMEM, 0, "out of memory");
		w->stack = p;
		w->cap_depth = cap;
	}
	w->stack[w->depth++] = f;
	return OK;
}

/* All facts at the smallest path that is left. */
static enum err_code gather(struct walk *w, struct buf *dirs, bool *ret_more, struct err *e)
{
	struct ahead *least = NULL;
	for (size_t i = 0; i < w->n_all; i++)
		if (w->all[i].has && (!least || fact_path_cmp(w->all[i].fact.path, least->fact.path) < 0))
			least = &w->all[i];
	*ret_more = least != NULL;
	if (!least)
		return OK;
	buf_clear(&w->path);
	buf_put_slice(&w->path, least->fact.path);
	TRY(buf_ok(&w->path, "a path", e));
	/* Leave the directories that this path is not in; dirs holds the deepest one's path, the others are its prefixes. */
	while (w->depth && !below(buf_slice(&w->path), slice_of(dirs->p, w->stack[w->depth - 1].path_n)))
		w->depth--;
	w->n_at = w->n_facts = w->n_owned = 0;
	for (size_t i = 0; i < w->n_all; i++) {
		while (w->all[i].has && slice_eq(w->all[i].fact.path, buf_slice(&w->path))) {
			TRY(take(w, &w->all[i], e));
			TRY(step(&w->all[i], e));
		}
	}
	return OK;
}

static enum err_code visit_path(struct walk *w, struct buf *dirs, effective_fn *visit, void *arg, struct err *e)
{
	const struct frame *top = w->depth ? &w->stack[w->depth - 1] : NULL;
	struct effective_path p = { .path = buf_slice(&w->path), .at = w->at, .n_at = w->n_at, .facts = w->facts, .n_facts = w->n_facts,
				    .owned = w->owned, .n_owned = w->n_owned };
	p.seen = effective_resolve(w->at, w->n_at, top ? top->child_floor : 0);
	/* A layer above a link or file put something below it: runtimes follow the link or fail, the effective tree is a guess. */
	p.below_link = top && top->link_layer >= 0 && w->n_at && w->at[w->n_at - 1].present && w->at[w->n_at - 1].layer >= top->link_layer;
	TRY(visit(arg, &p, e));
	int link_layer = p.seen.layer >= 0 && !p.seen.is_dir ? p.seen.layer : top ? top->link_layer : -1;
	if (!w->n_at || (p.seen.child_floor == (top ? top->child_floor : 0) && link_layer == (top ? top->link_layer : -1)))
		return OK;
	buf_clear(dirs);
	buf_put_slice(dirs, p.path);
	TRY(buf_ok(dirs, "a path", e));
	return push(w, (struct frame){ p.path.n, p.seen.child_floor, link_layer }, e);
}

/* Which package lists are the ones a container sees. */
static enum err_code resolve_sources(struct walk *w, struct err *e)
{
	struct effective_fs *fs;
	enum err_code code = effective_fs_open(w->files, w->n_layers, &fs, e);
	for (int l = 0; code == OK && l < w->n_layers; l++) {
		const struct slice *list;
		size_t n;
		if (!w->files[l])
			continue;
		facts_file_sources(w->files[l], &list, &n);
		w->source_seen[l] = calloc(n ? n : 1, 1);
		if (!w->source_seen[l])
			code = err_set(e, ERR_NOMEM, 0, "out of memory");
		for (size_t i = 0; code == OK && i < n; i++) {
			struct seen s;
			struct fact_entry entry;
			code = effective_lookup(fs, list[i], &s, &entry, e);
			w->source_seen[l][i] = code == OK && s.layer == l;
		}
	}
	if (fs)
		effective_fs_close(fs);
	return code;
}

static enum err_code walk_init(struct walk *w, struct facts_file *const *files, int n_layers, struct err *e)
{
	size_t n = (size_t)n_layers;
	*w = (struct walk){ .n_layers = n_layers, .files = files, .path = BUF(4 * MIB) };
	w->all = calloc(n * SECTION_COUNT + 1, sizeof(*w->all));
	w->at = calloc(n + 1, sizeof(*w->at));
	w->owned = calloc(MOST_OWNED, sizeof(*w->owned));
	w->source_seen = calloc(n + 1, sizeof(*w->source_seen));
	if (!w->all || !w->at || !w->owned || !w->source_seen)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	/* Sections of one kind in layer order, so that what is gathered at a path is in layer order. */
	for (unsigned s = 0; s < SECTION_COUNT; s++) {
		for (int l = 0; l < n_layers; l++) {
			if (!files[l])
				continue;
			struct ahead *a = &w->all[w->n_all++];
			a->layer = l;
			facts_cursor_init(&a->cursor, files[l], (enum facts_section)s);
			TRY(step(a, e));
		}
	}
	return resolve_sources(w, e);
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n_all; i++)
		facts_cursor_free(&w->all[i].cursor);
	for (int l = 0; w->source_seen && l < w->n_layers; l++)
		free(w->source_seen[l]);
	free(w->all);
	free(w->at);
	free(w->owned);
	free(w->source_seen);
	free(w->facts);
	free(w->stack);
	buf_free(&w->path);
}

enum err_code effective_walk(struct facts_file *const *files, int n_layers, effective_fn *visit, void *arg, struct err *e)
{
	struct walk w;
	AUTO_BUF dirs = BUF(4 * MIB);
	bool more = true;
	enum err_code code = walk_init(&w, files, n_layers, e);
	while (code == OK && more) {
		code = gather(&w, &dirs, &more, e);
		if (code == OK && more)
			code = visit_path(&w, &dirs, visit, arg, e);
	}
	walk_free(&w);
	return code;
}
