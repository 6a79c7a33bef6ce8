#include "collect.h"
#include <stdlib.h>

struct slice collect_display_path(struct arena *a, struct slice path, struct slice inner)
{
	size_t n = 1 + path.n + (inner.n ? 2 + inner.n : 0);
	uint8_t *p = arena_alloc(a, n + 1), *at = p;
	if (!p)
		return SLICE_NULL;
	*at++ = '/';
	memcpy(at, path.p, path.n);
	at += path.n;
	if (inner.n) {
		memcpy(at, "!/", 2);
		memcpy(at + 2, inner.p, inner.n);
	}
	return slice_of(p, n);
}

bool collect_has_program(void *arg, struct slice name)
{
	const struct collect *c = arg;
	return programs_has(&c->programs, name);
}

bool collect_has_path(void *arg, struct slice path)
{
	struct collect *c = arg;
	return reach_path_exists(c->reach, path);
}

void collect_free(struct collect *c)
{
	programs_free(&c->programs);
	hard_links_close(c->links);
	free(c->skip_path_used);
	free(c->group);
}

/* --- Packages and the operating system --- */

static struct slice dup(struct collect *c, struct slice s) { return s.n ? arena_dup(c->r->arena, s) : SLICE_NULL; }

/* The layer that brought a package: the lowest from which on every copy of this database names it. */
static int package_layer(const struct effective_path *p, const struct layer_fact *pkg)
{
	int layer = pkg->layer;
	const struct fact_package *want = &pkg->fact.package;
	/* Only small databases are compared row by row; a large one's packages stand in nearly the same order in all copies. */
	for (size_t i = 0; i < p->n_facts && p->n_facts < 20000; i++) {
		const struct fact_package *have = &p->facts[i].fact.package;
		if (p->facts[i].layer >= layer)
			break;
		if (p->facts[i].fact.type == FACT_PACKAGE && slice_eq(have->name, want->name) && slice_eq(have->version, want->version) &&
		    slice_eq(have->arch, want->arch) && slice_eq(p->facts[i].fact.inner, pkg->fact.inner))
			return p->facts[i].layer;
	}
	return layer;
}

static struct slice owner_of(const struct effective_path *p)
{
	for (size_t i = 0; i < p->n_owned; i++)
		if (p->owned[i].current)
			return p->owned[i].owned.package;
	return SLICE_NULL;
}

static enum err_code add_package(struct collect *c, const struct effective_path *p, const struct layer_fact *f, struct err *e)
{
	const struct fact_package *k = &f->fact.package;
	struct package *out = ARENA_PUSH(c->r->arena, &c->r->packages);
	if (!out)
		return arena_ok(c->r->arena, "the list of packages", e);
	*out = (struct package){ .type = dup(c, k->type), .name = dup(c, k->name), .version = dup(c, k->version), .arch = dup(c, k->arch),
				 .source_name = dup(c, k->source_name.n ? k->source_name : k->name),
				 .source_version = dup(c, k->source_version.n ? k->source_version : k->version), .license = dup(c, k->license),
				 .module = dup(c, k->module), .vendor = dup(c, k->vendor), .location = dup(c, k->location),
				 .path = collect_display_path(c->r->arena, p->path, f->fact.inner), .layer = package_layer(p, f),
				 .declared = k->flags & PKG_DECLARED, .go_stdlib = k->flags & PKG_GO_STDLIB };
	if (!slice_eqs(k->type, "deb") && !slice_eqs(k->type, "apk") && !slice_eqs(k->type, "rpm"))
		out->owner = dup(c, owner_of(p));
	return arena_ok(c->r->arena, "the list of packages", e);
}

static unsigned os_rank(struct slice path)
{
	static const char *const order[] = { "etc/os-release", "usr/lib/os-release", "etc/lsb-release" };
	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		if (slice_eqs(path, order[i]))
			return 10 - i;
	return 1;
}

static void take_os(struct collect *c, const struct effective_path *p, const struct fact_os_release *o)
{
	unsigned rank = os_rank(p->path);
	if (rank <= c->os_rank || !o->id.n)
		return;
	c->os_rank = rank;
	c->r->os = (struct os_info){ .id = dup(c, o->id), .version_id = dup(c, o->version_id), .name = dup(c, o->pretty_name),
				     .codename = dup(c, o->codename) };
}

/* --- Coverage --- */

enum err_code collect_skip(struct collect *c, int layer, struct slice path, const char *reason, const char *detail, int cls, uint64_t bytes,
			   struct err *e)
{
	struct fact f = { .type = FACT_SKIPPED, .path = path, .skipped = { .reason = slice_str(reason), .detail = slice_str(detail),
									   .cls = (uint64_t)cls, .bytes = bytes } };
	struct skipped_item *item = ARENA_PUSH(c->r->arena, &c->r->skipped);
	if (!item)
		return arena_ok(c->r->arena, "the list of gaps", e);
	*item = (struct skipped_item){ .layer = layer, .path = path.n ? dup(c, path) : SLICE_NULL, .reason = dup(c, f.skipped.reason),
				       .detail = dup(c, f.skipped.detail), .bytes = bytes, .cls = cls };
	return threat_judge_layer_fact(c->judge, layer, &f, e);
}

/* SCAN.md 15: a gap in what runs holds, a gap in what a package brought is only told. */
static uint64_t gap_class(uint64_t cls, bool reachable, bool owned)
{
	if (cls == SKIP_DATA && reachable)
		return SKIP_EXECUTABLE;
	if (cls == SKIP_EXECUTABLE && owned && !reachable)
		return SKIP_DATA;
	return cls;
}

static enum err_code note_gap(struct collect *c, int layer, struct slice path, const struct fact *f, struct err *e)
{
	struct skipped_item *item = ARENA_PUSH(c->r->arena, &c->r->skipped);
	if (!item)
		return arena_ok(c->r->arena, "the list of gaps", e);
	*item = (struct skipped_item){ .layer = layer, .path = path.n ? collect_display_path(c->r->arena, path, f->inner) : SLICE_NULL,
				       .reason = dup(c, f->skipped.reason), .detail = dup(c, f->skipped.detail), .bytes = f->skipped.bytes,
				       .cls = (int)f->skipped.cls };
	return OK;
}

/* --- Files --- */

static void judge_owner(const struct effective_path *p, const struct at_layer *at, struct judge_file *f)
{
	const struct fact_entry *en = &at->entry;
	for (size_t i = 0; i < p->n_owned; i++) {
		const struct fact_owned *o = &p->owned[i].owned;
		struct slice have = o->algo == DIGEST_MD5 ? en->md5 : o->algo == DIGEST_SHA1 ? en->sha1 : o->algo == DIGEST_SHA256 ? en->sha256 : SLICE_NULL;
		/* What an upper layer hid was its package's as of that layer: its own list may be hidden, too. */
		if (!p->owned[i].current && !f->hidden)
			continue;
		if (!have.n || !o->digest.n || o->conffile) {
			f->owner = f->owner.n ? f->owner : o->package;
			continue;
		}
		if (slice_eq(have, o->digest)) {
			f->owned = true;
			f->owned_mismatch = false;
			f->owner = o->package;
			return;
		}
		if (!f->hidden && !o->conffile) {
			f->owned_mismatch = true;
			f->owner = o->package;
		}
	}
	bool program = (en->file_class == FILE_ELF || en->file_class == FILE_ELF_LIB || (en->file_class == FILE_SCRIPT && en->mode & 0111));
	f->owned_mismatch = f->owned_mismatch && program;
}

static bool skip_path(struct collect *c, struct slice path)
{
	bool hit = false;
	for (size_t i = 0; i < c->s->o.n_skip_paths; i++) {
		struct slice glob = slice_str(c->s->o.skip_paths[i]);
		if (glob.n && glob.p[0] == '/')
			glob = slice_from(glob, 1);
		if (slice_glob(glob, path)) {
			c->skip_path_used[i] = true;
			hit = true;
		}
	}
	return hit;
}

/* The facts [from, to) of p, all of one layer and one inner path, judged. */
enum err_code collect_judge_group(struct collect *c, const struct effective_path *p, const struct at_layer *at, struct judge_file *f, size_t from,
				 size_t to, struct err *e)
{
	size_t n = 0;
	struct fact_entry nested;
	if (to - from > c->cap_group) {
		free(c->group);
		c->cap_group = to - from + 64;
		c->group = calloc(c->cap_group, sizeof(*c->group));
		if (!c->group)
			return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	f->entry = f->inner.n || !at ? NULL : &at->entry;
	f->elf = NULL;
	f->script = NULL;
	for (size_t i = from; i < to; i++) {
		const struct fact *fact = &p->facts[i].fact;
		if (fact->type == FACT_ENTRY) {
			nested = fact->entry;
			f->entry = &nested;
			continue;
		}
		struct fact *copy = &c->group[n++];
		*copy = *fact;
		if (copy->type == FACT_SKIPPED) {
			copy->skipped.cls = gap_class(copy->skipped.cls, f->reachable, f->owned);
			TRY(note_gap(c, f->layer, p->path, copy, e));
		}
		if (copy->type == FACT_ELF)
			f->elf = &copy->elf;
		if (copy->type == FACT_SCRIPT)
			f->script = &copy->script;
	}
	f->facts = c->group;
	f->n_facts = n;
	return threat_judge_file(c->judge, f, e);
}

static enum err_code judge_layer_file(struct collect *c, const struct effective_path *p, const struct at_layer *at, size_t from, size_t to,
				      struct err *e)
{
	struct judge_file f = { .layer = at->layer, .path = p->path, .hidden = p->seen.layer != at->layer };
	f.hidden = f.hidden && !hard_links_show(c->links, at->layer);
	if (c->s->o.n_skip_paths && skip_path(c, p->path))
		return OK;
	judge_owner(p, at, &f);
	f.reachable = !f.hidden && reach_has(c->reach, at->layer, p->path);
	/* The file itself, then each member of an archive in it. */
	size_t mid = from;
	while (mid < to && !p->facts[mid].fact.inner.n)
		mid++;
	bool odd = at->entry.kind != ENTRY_FILE || at->entry.mode & 06000 || at->entry.caps.n || slice_eqs(p->path, "etc/ld.so.preload");
	if (mid > from || at->entry.sha256.n || odd)
		TRY(collect_judge_group(c, p, at, &f, from, mid, e));
	while (mid < to) {
		size_t end = mid;
		f.inner = p->facts[mid].fact.inner;
		while (end < to && slice_eq(p->facts[end].fact.inner, f.inner))
			end++;
		TRY(collect_judge_group(c, p, at, &f, mid, end, e));
		mid = end;
	}
	return OK;
}

static int by_inner(const void *a, const void *b)
{
	const struct layer_fact *x = a, *y = b;
	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return slice_cmp(x->fact.inner, y->fact.inner);
}

/* Facts of members come in the order of nested reading; group them. Stable where it matters: equal members' facts are a set. */
static void group_by_inner(const struct effective_path *p)
{
	for (size_t i = 1; i < p->n_facts; i++) {
		if (by_inner(&p->facts[i - 1], &p->facts[i]) > 0) {
			qsort((void *)(uintptr_t)p->facts, p->n_facts, sizeof(*p->facts), by_inner);
			return;
		}
	}
}

/* Facts of a whole layer have no path. */
static enum err_code layer_wide(struct collect *c, const struct effective_path *p, struct err *e)
{
	for (size_t i = 0; i < p->n_facts; i++) {
		const struct layer_fact *f = &p->facts[i];
		if (f->fact.type == FACT_SKIPPED)
			TRY(note_gap(c, f->layer, SLICE_NULL, &f->fact, e));
		TRY(threat_judge_layer_fact(c->judge, f->layer, &f->fact, e));
	}
	return OK;
}

/* Packages of ecosystems that are seen but not read. */
static void note_unmatched(struct collect *c, const struct effective_path *p, const struct at_layer *at)
{
	struct slice path = p->path;
	if (at->entry.kind != ENTRY_FILE)
		return;
	if (slice_has_suffix(path, SL(".jar")) || slice_has_suffix(path, SL(".war")) || slice_has_suffix(path, SL(".ear")))
		c->jars++;
	else if (slice_has_suffix(path, SL(".gemspec")) && slice_find(path, SL("specifications/")) >= 0)
		c->gems++;
	for (size_t i = 0; i < p->n_facts; i++)
		if (p->facts[i].layer == at->layer && p->facts[i].fact.type == FACT_ELF && !p->facts[i].fact.inner.n &&
		    p->facts[i].fact.elf.flags & ELF_F_RUST && !owner_of(p).n)
			c->crates++;
}

/* A script named "java" that carries signs is no proof of a Java. */
static bool pretends(const struct effective_path *p, const struct at_layer *at)
{
	if (at->entry.file_class != FILE_SCRIPT)
		return false;
	for (size_t i = 0; i < p->n_facts; i++)
		if (p->facts[i].layer == at->layer && p->facts[i].fact.type == FACT_SIGN && !(p->facts[i].fact.sign.flags & SIGN_F_WEAK))
			return true;
	return false;
}

static enum err_code missing_target(void *arg, int layer, struct slice path, struct err *e)
{
	struct collect *c = arg;
	struct fact f = { .type = FACT_INTEGRITY, .path = path, .integrity = { .what = SL("tar.hardlink-missing"),
		.detail = SL("neither this layer nor those below it have what the link names") } };
	return threat_judge_layer_fact(c->judge, layer, &f, e);
}

static enum err_code visit(void *arg, const struct effective_path *p, struct err *e)
{
	struct collect *c = arg;
	size_t from = 0;
	TRY(hard_links_visit(c->links, p, missing_target, c, e));
	if (!p->path.n && p->n_facts)
		return layer_wide(c, p, e);
	group_by_inner(p);
	for (size_t i = 0; i < p->n_at; i++) {
		if (p->at[i].layer != p->seen.layer)
			continue;
		note_unmatched(c, p, &p->at[i]);
		if (!pretends(p, &p->at[i]))
			programs_note(&c->programs, p->path, &p->at[i].entry);
	}
	for (size_t i = 0; i < p->n_facts; i++) {
		if (p->facts[i].layer != p->seen.layer)
			continue;
		if (p->facts[i].fact.type == FACT_PACKAGE)
			TRY(add_package(c, p, &p->facts[i], e));
		else if (p->facts[i].fact.type == FACT_OS_RELEASE)
			take_os(c, p, &p->facts[i].fact.os_release);
	}
	if (p->below_link) {
		struct fact f = { .type = FACT_INTEGRITY, .path = p->path, .integrity = { .what = SL("tar.below-link"),
			.detail = SL("an entry below a path that a lower layer made a link or a file") } };
		TRY(threat_judge_layer_fact(c->judge, p->at[p->n_at - 1].layer, &f, e));
	}
	for (size_t i = 0; i < p->n_at; i++) {
		while (from < p->n_facts && p->facts[from].layer < p->at[i].layer)
			from++;
		size_t to = from;
		while (to < p->n_facts && p->facts[to].layer == p->at[i].layer)
			to++;
		if (p->at[i].present && p->at[i].entry.kind != ENTRY_DIR && p->at[i].entry.kind != ENTRY_SYMLINK)
			TRY(judge_layer_file(c, p, &p->at[i], from, to, e));
		else if (to > from)
			for (size_t k = from; k < to; k++)
				if (p->facts[k].fact.type == FACT_INTEGRITY || p->facts[k].fact.type == FACT_SKIPPED)
					TRY(threat_judge_layer_fact(c->judge, p->facts[k].layer, &p->facts[k].fact, e));
		from = to;
	}
	return OK;
}

enum err_code collect_run(struct collect *c, const struct facts_file *pseudo, struct err *e)
{
	c->skip_path_used = calloc(c->s->o.n_skip_paths + 1, sizeof(bool));
	if (!c->skip_path_used)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	TRY(hard_links_open(c->files, c->n_layers, &c->links, e));
	TRY(effective_walk(c->files, c->n_layers, visit, c, e));
	TRY(hard_links_visit(c->links, NULL, missing_target, c, e));
	if (pseudo)
		TRY(collect_config(c, pseudo, e));
	const struct reach_missing_list *missing = reach_missing(c->reach);
	for (size_t i = 0; i < missing->n; i++)
		TRY(collect_skip(c, -1, missing->items[i].where, missing->items[i].volume ? "code on a volume" : "program not in the image",
				 arena_slice_cstr(c->r->arena, missing->items[i].word), SKIP_EXECUTABLE, 0, e));
	for (size_t i = 0; i < c->s->o.n_skip_paths; i++)
		if (c->skip_path_used[i])
			TRY(collect_skip(c, -1, slice_str(c->s->o.skip_paths[i]), "skip-path", "left out by --skip-path", SKIP_EXECUTABLE, 0, e));
	return OK;
}
