/* dpkg's file lists: NAME.md5sums has the digests of regular files that are no configuration files, NAME.list has everything,
 * directories and links included, and diversions move files. They are kept until the layer's end and then joined. */
#include <stdio.h>
#include <stdlib.h>
#include "dpkg.h"
#include "registry.h"

enum { KIND_LIST, KIND_MD5SUMS };
enum { DIVERSIONS_MAX = 256 /* a desktop has a dozen */ };
struct list { struct slice package, path, content; int kind; };
struct state {
	struct { struct list *items; size_t n, cap; } lists;
	struct { struct dpkg_diversion *items; size_t n, cap; } diversions;
};
struct owned { struct slice path; uint8_t md5[DPKG_MD5_BYTES]; };

/* "var/lib/dpkg/info/libc6:amd64.md5sums" -> "libc6" */
static struct slice package_of(struct slice path)
{
	struct slice s = slice_from(path, (size_t)(slice_rfind_byte(path, '/') + 1));
	s = slice_upto(s, (size_t)slice_rfind_byte(s, '.'));
	ptrdiff_t colon = slice_find_byte(s, ':');
	return colon < 0 ? s : slice_upto(s, (size_t)colon);
}

/* A full arena is a limit of this file's, not the end of the layer. */
static enum err_code within_budget(const struct arena *a, struct err *e)
{
	return a->failed ? err_set(e, ERR_LIMIT, 0, "dpkg's file lists need more than %zu bytes of memory", a->max_bytes) : OK;
}

static enum err_code keep_diversions(struct arena *a, struct state *s, struct slice content, struct err *e)
{
	struct slice rest = arena_dup(a, content);
	struct dpkg_diversion d;
	s->diversions.n = 0;
	while (dpkg_diversion_next(&rest, &d)) {
		if (s->diversions.n == DIVERSIONS_MAX)
			return err_set(e, ERR_LIMIT, 0, "more than %d diversions", DIVERSIONS_MAX);
		struct dpkg_diversion *slot = ARENA_PUSH(a, &s->diversions);
		if (slot)
			*slot = d;
	}
	return within_budget(a, e);
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct arena *a = analyze_layer_arena(ctx);
	void **slot = analyze_slot(ctx, &analyzer_dpkg_files);
	struct state *s = *slot;
	if (!s)
		s = *slot = arena_new(a, struct state);
	if (s && slice_has_suffix(f->path, SL("/diversions")))
		return keep_diversions(a, s, f->content, e);
	if (s && f->content.n) {
		struct list *l = ARENA_PUSH(a, &s->lists);
		struct slice path = arena_dup(a, f->path), content = arena_dup(a, f->content);
		if (l)
			*l = (struct list){ package_of(path), path, content, slice_has_suffix(path, SL(".list")) ? KIND_LIST : KIND_MD5SUMS };
	}
	return within_budget(a, e);
}

static int by_path(const void *a, const void *b)
{
	return fact_path_cmp(((const struct owned *)a)->path, ((const struct owned *)b)->path);
}

/* The same package (and architecture: the whole file name counts) one after the other, .list before .md5sums. */
static int by_file_name(const void *a, const void *b) { return slice_cmp(((const struct list *)a)->path, ((const struct list *)b)->path); }

/* The rows of a list or of md5sums, in path order. */
static enum err_code read_rows(struct arena *a, const struct list *l, struct owned **ret, size_t *ret_n, struct err *e)
{
	size_t max = 1, n = 0;
	bool sorted = true, more = true;
	struct slice rest = l->content;
	struct dpkg_file file = {};
	for (const uint8_t *p = rest.p, *end = rest.p + rest.n; p && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		max++;
	struct owned *v = arena_calloc(a, max, sizeof(*v));
	TRY(within_budget(a, e));
	for (; n < max; n++) {
		more = l->kind == KIND_LIST ? dpkg_list_next(&rest, &file.path) : dpkg_md5sums_next(&rest, &file);
		if (!more)
			break;
		v[n].path = file.path;
		memcpy(v[n].md5, file.md5, sizeof(file.md5));
		sorted = sorted && (!n || by_path(&v[n - 1], &v[n]) <= 0);
	}
	if (!sorted)
		qsort(v, n, sizeof(*v), by_path);
	*ret = v;
	*ret_n = n;
	return OK;
}

/* Where a package's file really is. */
static struct slice diverted(const struct state *s, struct slice package, struct slice path)
{
	for (size_t i = 0; i < s->diversions.n; i++) {
		const struct dpkg_diversion *d = &s->diversions.items[i];
		if (slice_eq(d->from, path) && !slice_eq(d->package, package))
			return d->to;
	}
	return path;
}

static bool is_below(struct slice dir, struct slice path)
{
	return path.n > dir.n && path.p[dir.n] == '/' && slice_has_prefix(path, dir);
}

static enum err_code emit(struct analyze_ctx *ctx, const struct state *s, const struct list *l, const struct owned *o, bool md5, struct err *e)
{
	char owner[256];
	int n = snprintf(owner, sizeof(owner), "deb:%.*s", (int)MIN(l->package.n, sizeof(owner) - 8), (const char *)l->package.p);
	return FACT_EMIT(analyze_sink(ctx), e, .type = FACT_OWNED, .path = diverted(s, l->package, o->path), .owned = {
		.package = slice_of(owner, (size_t)n), .source = l->path, .algo = md5 ? DIGEST_MD5 : DIGEST_NONE,
		.digest = md5 ? slice_of(o->md5, sizeof(o->md5)) : SLICE_NULL });
}

/* One package: its digests, then what only its list has. Directories are no files: in path order one is followed by what it holds. */
static enum err_code join(struct analyze_ctx *ctx, const struct state *s, const struct list *list, const struct list *sums, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * MIB);
	struct owned *m = NULL, *v = NULL;
	size_t n_m = 0, n_v = 0, at = 0;
	if (sums)
		TRY(read_rows(&a, sums, &m, &n_m, e));
	if (list)
		TRY(read_rows(&a, list, &v, &n_v, e));
	for (size_t i = 0; i < n_m; i++)
		TRY(emit(ctx, s, sums, &m[i], true, e));
	for (size_t i = 0; i < n_v; i++) {
		if (i + 1 < n_v && is_below(v[i].path, v[i + 1].path))
			continue;
		while (at < n_m && by_path(&m[at], &v[i]) < 0)
			at++;
		if (at == n_m || !slice_eq(m[at].path, v[i].path))
			TRY(emit(ctx, s, list, &v[i], false, e));
	}
	return OK;
}

static enum err_code finish(struct analyze_ctx *ctx, struct err *e)
{
	struct state *s = *analyze_slot(ctx, &analyzer_dpkg_files);
	if (!s || !s->lists.n)
		return OK;
	struct list *v = s->lists.items;
	qsort(v, s->lists.n, sizeof(*v), by_file_name);
	for (size_t i = 0; i < s->lists.n; i++) {
		bool pair = v[i].kind == KIND_LIST && i + 1 < s->lists.n && v[i + 1].kind == KIND_MD5SUMS &&
			    slice_eq(slice_upto(v[i].path, v[i].path.n - 5), slice_upto(v[i + 1].path, v[i + 1].path.n - 8));
		TRY(join(ctx, s, v[i].kind == KIND_LIST ? &v[i] : NULL, v[i].kind == KIND_MD5SUMS ? &v[i] : pair ? &v[i + 1] : NULL, e));
		i += pair;
	}
	return OK;
}

const struct analyzer analyzer_dpkg_files = {
	.name = "dpkg-files", .version = 1, .max_bytes = 32 * MIB,
	.paths = (const char *const[]){ "var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/info/*.list", "var/lib/dpkg/status.d/*.md5sums",
		"var/lib/dpkg/diversions", NULL },
	.run = run, .finish = finish,
};
