/* Lists: tags of a repository, repositories. Bounded in entries and bytes, whatever is asked for (CVE-2023-2253). */
#include "registry.h"
#include "upstream.h"

enum { MOST_TAGS = 10000, MOST_REPOS = 1000, MOST_SCANNED = 20000, BATCH = 500, LIST_ARENA = 16 << 20, MOST_BYTES = 4 << 20 };

struct names { struct slice *items; size_t n, cap; };

struct list {
	struct call *c;
	struct arena *arena;
	uint64_t n;			/* entries asked for */
	struct slice last;		/* behind this one */
	struct names names;
	bool served_only, unknown;
};

static enum err_code add(void *arg, struct slice name, struct err *e)
{
	struct list *l = arg;
	struct slice *to = ARENA_PUSH(l->arena, &l->names);
	if (to)
		*to = arena_dup(l->arena, name);
	return arena_ok(l->arena, "a list of names", e);
}

/* {"before":[…]} */
static void answer(struct call *c, const struct names *names, size_t n, const char *before)
{
	AUTO_BUF out = BUF(MOST_BYTES);
	buf_puts(&out, before);
	for (size_t i = 0; i < n; i++) {
		buf_puts(&out, i ? ",\"" : "\"");
		text_json_escape(&out, names->items[i]);
		buf_putc(&out, '"');
	}
	buf_puts(&out, "]}");
	if (out.failed)
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a list is too long" });
	else
		http_respond(c->r, 200, "application/json", buf_slice(&out));
}

/* --- Tags ------------------------------------------------------------------------------------------------------------------------------- */

static enum err_code tags_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct list *l = arg;
	int64_t repo_id;
	l->names.n = 0;
	enum err_code code = store_repo(tx, l->c->repository, SLICE_NULL, false, &repo_id, e);
	l->unknown = code == ERR_NOT_FOUND;
	if (code != OK)
		return l->unknown ? OK : code;
	return store_tags(tx, repo_id, l->last, l->n + 1, l->served_only, add, l, e);
}

/* Both are sorted; what both have comes once. At most n + 1, which is how one knows that there is more. */
static enum err_code merge(struct list *l, const struct slice *other, size_t n_other, struct err *e)
{
	struct names own = l->names;
	size_t i = 0, k = 0;
	l->names = (struct names){ 0 };
	while (k < n_other && slice_cmp(other[k], l->last) <= 0 && l->last.n)
		k++;
	while (l->names.n <= l->n && (i < own.n || k < n_other)) {
		int order = i == own.n ? 1 : k == n_other ? -1 : slice_cmp(own.items[i], other[k]);
		TRY(add(l, order <= 0 ? own.items[i] : other[k], e));
		i += order <= 0;
		k += order >= 0;
	}
	return OK;
}

static void list_tags(struct http_request *r, void *arg)
{
	struct list *l = arg;
	struct call *c = l->c;
	AUTO_ARENA arena = ARENA(LIST_ARENA);
	AUTO_BUF before = BUF(1024);
	struct err e = { 0 };
	struct slice *theirs;
	size_t n;
	(void)r;
	l->arena = &arena;
	l->served_only = c->upstream && c->upstream->tags_admitted;
	enum err_code code = sql_read(c->g->store.sql, tags_tx, l, &e);
	if (code == OK && c->upstream && !l->served_only) {
		enum err_code got = upstream_tags(c, &arena, &theirs, &n, &e);
		if (got == OK) {
			l->unknown = false;
			code = merge(l, theirs, n, &e);
		} else if (l->unknown && got != ERR_NOT_FOUND) {
			code = got;
		} else if (got != ERR_NOT_FOUND) {
			answer_warning(c, "the upstream's tags are not known at the moment: %s", e.msg);
		}
	}
	if (code != OK) {
		answer_fault(c, &e);
		return;
	}
	if (l->unknown) {
		answer_error(c, 404, "NAME_UNKNOWN", "no such repository");
		return;
	}
	size_t give = MIN(l->names.n, (size_t)l->n);
	if (l->names.n > give && give)
		reg_link_next(c, l->n, l->names.items[give - 1], NULL, SLICE_NULL);
	buf_puts(&before, "{\"name\":\"");
	text_json_escape(&before, c->repository);
	buf_puts(&before, "\",\"tags\":[");
	answer(c, &l->names, give, buf_cstr(&before));
}

/* --- Repositories -------------------------------------------------------------------------------------------------------------------------- */

static enum err_code repos_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct list *l = arg;
	l->names.n = 0;
	return store_repos(tx, l->last, BATCH, add, l, e);
}

static void list_repos(struct http_request *r, void *arg)
{
	struct list *l = arg;
	struct call *c = l->c;
	AUTO_ARENA arena = ARENA(LIST_ARENA);
	struct names give = { 0 };
	struct err e = { 0 };
	bool more = true;
	(void)r;
	l->arena = &arena;
	for (size_t scanned = 0; more && give.n < l->n && scanned < MOST_SCANNED;) {
		if (sql_read(c->g->store.sql, repos_tx, l, &e) != OK) {
			answer_fault(c, &e);
			return;
		}
		more = l->names.n == BATCH;
		for (size_t i = 0; i < l->names.n; i++) {
			struct slice name = l->names.items[i];
			if (give.n == l->n) {
				more = true;
				break;
			}
			l->last = name;
			struct slice *to = access_may_list(&c->who, name) ? ARENA_PUSH(&arena, &give) : NULL;
			if (to)
				*to = name;
		}
		scanned += l->names.n;
		l->names = (struct names){ 0 };
	}
	if (more && l->n)
		reg_link_next(c, l->n, l->last, NULL, SLICE_NULL);
	answer(c, &give, give.n, "{\"repositories\":[");
}

static void start(struct call *c, uint64_t most, http_fn *fn)
{
	struct list *l = arena_new(http_arena(c->r), struct list);
	if (!l) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
		return;
	}
	l->c = c;
	if (reg_page(c, most, &l->n, &l->last))
		http_defer(c->r, fn, l);
}

void reg_tags(struct call *c) { start(c, MOST_TAGS, list_tags); }
void reg_catalog(struct call *c) { start(c, MOST_REPOS, list_repos); }
