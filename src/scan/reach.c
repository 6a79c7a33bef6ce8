#include "reach.h"
#include <stdlib.h>

enum { MOST_FILES = 1024, MOST_DEPTH = 8, MOST_ROOT_FACTS = 2000, MOST_WORDS = 4096, ASKED = 4 * MOST_WORDS };

struct reached { int layer; struct slice path; unsigned depth; };

struct reach {
	struct effective_fs *fs;
	struct facts_file *const *files;
	int n_layers;
	struct arena *a;
	struct slice workdir;
	struct slice_list path_dirs, volumes;
	struct reached *items;
	size_t n, next;
	unsigned words;
	uint64_t asked[ASKED];		/* hashes of references that were followed before: scripts name the same programs over and over */
	struct reach_missing_list missing;
};

bool reach_has(const struct reach *r, int layer, struct slice path)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].layer == layer && slice_eq(r->items[i].path, path))
			return true;
	return false;
}

const struct reach_missing_list *reach_missing(const struct reach *r) { return &r->missing; }

void reach_close(struct reach *r)
{
	if (!r)
		return;
	effective_fs_close(r->fs);
	free(r->items);
	free(r);
}

/* Adds the file behind `path` if there is one. */
static enum err_code add_path(struct reach *r, struct slice path, unsigned depth, bool *ret_found, struct err *e)
{
	struct slice real;
	struct fact_entry entry;
	struct err why;
	int layer;
	*ret_found = false;
	enum err_code code = effective_follow(r->fs, path, r->a, &real, &layer, &entry, &why);
	if (code == ERR_NOT_FOUND || code == ERR_LIMIT)
		return OK;
	if (code != OK) {
		*e = why;
		return code;
	}
	if (entry.kind != ENTRY_FILE)
		return OK;
	*ret_found = true;
	if (r->n < MOST_FILES && !reach_has(r, layer, real))
		r->items[r->n++] = (struct reached){ layer, real, depth };
	return OK;
}

static struct slice join(struct reach *r, struct slice dir, struct slice name)
{
	return arena_printf(r->a, "%.*s/%.*s", (int)MIN(dir.n, (size_t)65536), (const char *)dir.p, (int)MIN(name.n, (size_t)65536), (const char *)name.p);
}

/* One word as a shell or execve would find it; `from`: the directory of the script that says it. */
static enum err_code add_word(struct reach *r, struct slice word, struct slice from, unsigned depth, bool program, bool *ret_found, struct err *e)
{
	*ret_found = false;
	if (!word.n || word.n > 4096 || slice_find_byte(word, 0) >= 0 || r->words++ > MOST_WORDS)
		return OK;
	if (word.p[0] == '/')
		return add_path(r, word, depth, ret_found, e);
	bool slash = slice_find_byte(word, '/') >= 0;
	if (program && !slash) {
		for (size_t i = 0; i < r->path_dirs.n && !*ret_found; i++)
			TRY(add_path(r, join(r, r->path_dirs.items[i], word), depth, ret_found, e));
	} else {
		TRY(add_path(r, join(r, r->workdir, word), depth, ret_found, e));
		if (!*ret_found && from.p)
			TRY(add_path(r, join(r, from, word), depth, ret_found, e));
	}
	return arena_ok(r->a, "following what the image runs", e);
}

static struct slice dir_of(struct slice path)
{
	ptrdiff_t at = slice_rfind_byte(path, '/');
	return at < 0 ? SL("") : slice_upto(path, (size_t)at);
}

/* True when this reference was followed already. The table is four times what may be followed, so a free place is always near. */
static bool asked_before(struct reach *r, struct slice item, struct slice from)
{
	bool anywhere = slice_find_byte(item, '/') < 0 && item.p[0] == 'x';	/* looked for in PATH, whoever asks */
	uint64_t h = (slice_hash(item) ^ (anywhere ? 0 : slice_hash(from) * 31)) | 1;
	for (size_t i = h % ASKED, left = 64; left; i = (i + 1) % ASKED, left--) {
		if (r->asked[i] == h)
			return true;
		if (!r->asked[i]) {
			r->asked[i] = h;
			return false;
		}
	}
	return false;
}

static enum err_code add_refs(struct reach *r, struct slice refs, struct slice from, unsigned depth, struct err *e)
{
	struct slice item;
	bool found;
	while (fact_list_next(&refs, &item)) {
		if (item.n < 3 || item.p[1] != ':' || asked_before(r, item, from))
			continue;
		struct slice word = slice_from(item, 2);
		uint8_t kind = item.p[0];
		if (kind == 'x' || kind == 's')
			TRY(add_word(r, word, from, depth, kind == 'x', &found, e));
		else if (kind == 'm' && word.p[0] == '.') {
			TRY(add_word(r, word, from, depth, false, &found, e));
			if (!found)
				TRY(add_word(r, arena_printf(r->a, "%.*s.js", SLICE_ARG(word)), from, depth, false, &found, e));
		}
	}
	return OK;
}

/* What the scripts at one path of one layer run. */
static enum err_code follow_script(struct reach *r, const struct reached *f, struct err *e)
{
	struct facts_cursor c;
	struct fact fact;
	enum err_code code;
	facts_cursor_init(&c, r->files[f->layer], SECTION_OTHERS);
	code = facts_cursor_seek(&c, f->path, e);
	while (code == OK && (code = facts_cursor_next(&c, &fact, e)) == OK) {
		int cmp = fact_path_cmp(fact.path, f->path);
		if (cmp > 0)
			break;
		if (cmp == 0 && fact.type == FACT_SCRIPT)
			code = add_refs(r, fact.script.refs, dir_of(f->path), f->depth + 1, e);
	}
	facts_cursor_free(&c);
	return code == ERR_NOT_FOUND ? OK : code;
}

/* Files below these are run or loaded by others without being named by the entrypoint. */
static const char *const root_dirs[] = { "etc/cron.d", "etc/crontab", "etc/cron.daily", "etc/cron.hourly", "etc/cron.monthly", "etc/cron.weekly",
					 "etc/init.d", "etc/ld.so.preload", "etc/profile.d", "etc/rc.local", "etc/systemd/system", "var/spool/cron" };

static enum err_code add_root_dir(struct reach *r, int layer, struct slice dir, struct err *e)
{
	struct facts_cursor c;
	struct fact fact;
	unsigned n = 0;
	facts_cursor_init(&c, r->files[layer], SECTION_OTHERS);
	enum err_code code = facts_cursor_seek(&c, dir, e);
	while (code == OK && n < MOST_ROOT_FACTS && (code = facts_cursor_next(&c, &fact, e)) == OK) {
		bool inside = slice_has_prefix(fact.path, dir) && (fact.path.n == dir.n || fact.path.p[dir.n] == '/');
		if (!inside && fact_path_cmp(fact.path, dir) > 0)
			break;
		bool found;
		if (inside && fact.type == FACT_SCRIPT && ++n)
			code = add_path(r, fact.path, 1, &found, e);
	}
	facts_cursor_free(&c);
	return code == ERR_NOT_FOUND ? OK : code;
}

static bool in_volume(const struct reach *r, struct slice word)
{
	for (size_t i = 0; i < r->volumes.n; i++) {
		struct slice v = r->volumes.items[i];
		if (v.n > 1 && slice_has_prefix(word, v) && (word.n == v.n || word.p[v.n] == '/'))
			return true;
	}
	return false;
}

static enum err_code add_command(struct reach *r, const struct slice_list *argv, const char *where, struct err *e)
{
	for (size_t i = 0; i < argv->n && i < 64; i++) {
		bool found;
		struct slice word = argv->items[i];
		TRY(add_word(r, word, SLICE_NULL, 0, i == 0, &found, e));
		bool volume = word.n && word.p[0] == '/' && in_volume(r, word);
		if ((i == 0 && !found) || volume) {
			struct reach_missing *m = ARENA_PUSH(r->a, &r->missing);
			if (m)
				*m = (struct reach_missing){ word, slice_str(where), volume };
		}
	}
	return OK;
}

static enum err_code add_pseudo(struct reach *r, const struct facts_file *pseudo, struct err *e)
{
	struct facts_cursor c;
	struct fact fact;
	enum err_code code = OK;
	facts_cursor_init(&c, pseudo, SECTION_OTHERS);
	while (code == OK && (code = facts_cursor_next(&c, &fact, e)) == OK) {
		if (fact.type == FACT_SCRIPT && slice_has_prefix(fact.path, SL("config:")) && !slice_eqs(fact.path, "config:Labels") &&
		    !slice_eqs(fact.path, "config:Env"))
			code = add_refs(r, fact.script.refs, SLICE_NULL, 1, e);
	}
	facts_cursor_free(&c);
	return code == ERR_NOT_FOUND ? OK : code;
}

static enum err_code add_environment(struct reach *r, const struct image_config *c, struct err *e)
{
	static const char *const hooks[] = { "BASH_ENV", "ENV", "LD_PRELOAD", "LD_AUDIT", "PYTHONSTARTUP", "NODE_OPTIONS", "PERL5OPT", "RUBYOPT",
					     "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS" };
	for (size_t i = 0; i < c->env.n; i++) {
		struct slice value = c->env.items[i], name, word;
		bool hook = false, found;
		if (!slice_next_piece(&value, '=', &name))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(hooks); k++)
			hook = hook || slice_eqs(name, hooks[k]);
		/* Wherever a path begins in the value: LD_PRELOAD=/a:/b, -javaagent:/x.jar=opt, --require /y */
		for (size_t at = 0; hook && at < value.n; at++) {
			if (value.p[at] != '/' || (at && !strchr(" :=", value.p[at - 1])))
				continue;
			size_t end = at;
			while (end < value.n && !strchr(" :=,", value.p[end]))
				end++;
			word = slice_sub(value, at, end - at);
			TRY(add_path(r, word, 1, &found, e));
			at = end;
		}
	}
	return OK;
}

static void set_path_dirs(struct reach *r, const struct image_config *c)
{
	struct slice path = SL("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), dir;
	for (size_t i = 0; i < c->env.n; i++)
		if (slice_has_prefix(c->env.items[i], SL("PATH=")))
			path = slice_from(c->env.items[i], 5);
	while (slice_next_piece(&path, ':', &dir) && r->path_dirs.n < 64) {
		struct slice *d = ARENA_PUSH(r->a, &r->path_dirs);
		if (d)
			*d = dir;
	}
}

static enum err_code compute(struct reach *r, const struct facts_file *pseudo, const struct image_config *c, struct err *e)
{
	r->workdir = c->working_dir.n ? c->working_dir : SL("/");
	r->volumes = c->volumes;
	set_path_dirs(r, c);
	TRY(add_command(r, &c->entrypoint, "config:Entrypoint", e));
	if (c->entrypoint.n) {	/* then Cmd is its arguments */
		for (size_t i = 0; i < c->cmd.n && i < 64; i++) {
			bool found;
			TRY(add_word(r, c->cmd.items[i], SLICE_NULL, 0, i == 0, &found, e));
		}
	} else {
		TRY(add_command(r, &c->cmd, "config:Cmd", e));
	}
	TRY(add_environment(r, c, e));
	if (pseudo)
		TRY(add_pseudo(r, pseudo, e));
	for (int l = 0; l < r->n_layers; l++)
		for (size_t i = 0; r->files[l] && i < ARRAY_LEN(root_dirs); i++)
			TRY(add_root_dir(r, l, slice_str(root_dirs[i]), e));
	/* What npm runs at the start and after an installation. */
	struct slice own = arena_printf(r->a, "%.*s/package.json", (int)MIN(r->workdir.n, (size_t)4096), (const char *)r->workdir.p);
	bool found;
	if (own.p)
		TRY(add_path(r, own, 1, &found, e));
	for (; r->next < r->n; r->next++) {
		struct reached f = r->items[r->next];
		if (f.depth < MOST_DEPTH)
			TRY(follow_script(r, &f, e));
	}
	return arena_ok(r->a, "following what the image runs", e);
}

enum err_code reach_compute(struct facts_file *const *files, int n_layers, const struct facts_file *pseudo, const struct image_config *config,
			    struct arena *a, struct reach **ret, struct err *e)
{
	struct reach *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	*r = (struct reach){ .files = files, .n_layers = n_layers, .a = a, .items = calloc(MOST_FILES, sizeof(*r->items)) };
	enum err_code code = r->items ? effective_fs_open(files, n_layers, &r->fs, e) : err_set(e, ERR_NOMEM, 0, "out of memory");
	if (code == OK)
		code = compute(r, pseudo, config, e);
	if (code != OK) {
		reach_close(r);
		return code;
	}
	*ret = r;
	return OK;
}

bool reach_path_exists(struct reach *r, struct slice path)
{
	struct slice real;
	struct fact_entry entry;
	struct err why;
	int layer;
	return effective_follow(r->fs, path, r->a, &real, &layer, &entry, &why) == OK;
}
