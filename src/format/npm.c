#include "json_pull.h"
#include "npm.h"

enum { DEPTH_MAX = 64, TEXT_MAX_BYTES = 1024 };

/* The string that comes next, or an empty slice for another value, which is skipped. */
static struct slice string_or_skip(struct json_pull *j, struct arena *a)
{
	struct slice raw;
	if (json_pull_kind(j) != JSON_STRING) {
		json_pull_skip(j);
		return SLICE_NULL;
	}
	return json_pull_string(j, &raw) && raw.n <= TEXT_MAX_BYTES ? json_pull_unescape(raw, a) : SLICE_NULL;
}

/* "MIT", {"type":"MIT"}, or a list of these, whose first counts. */
static struct slice read_license(struct json_pull *j, struct arena *a, unsigned depth)
{
	struct slice value = SLICE_NULL, name;
	bool first = true;
	enum json_kind kind = json_pull_kind(j);
	if (kind == JSON_OBJECT && depth < 2 && json_pull_enter(j, kind)) {
		while (json_pull_next_member(j, &first, &name))
			if (slice_eq(name, SL("type")))
				value = string_or_skip(j, a);
			else
				json_pull_skip(j);
		return value;
	}
	if (kind == JSON_ARRAY && depth < 1 && json_pull_enter(j, kind)) {
		while (json_pull_next_item(j, &first)) {
			struct slice one = read_license(j, a, depth + 1);
			value = value.n ? value : one;
		}
		return value;
	}
	return string_or_skip(j, a);
}

/* npm itself reads "v1.2.3" and "=1.2.3" as "1.2.3". */
static struct slice clean_version(struct slice v)
{
	v = slice_trim(v);
	while (v.n && (v.p[0] == 'v' || v.p[0] == '='))
		v = slice_from(v, 1);
	return v;
}

enum err_code npm_package_parse(struct slice content, struct arena *a, struct npm_package *ret, struct err *e)
{
	struct json_pull j = json_pull_of(content);
	struct npm_package p = {};
	struct slice name, license;
	bool first = true;
	json_pull_enter(&j, JSON_OBJECT);
	while (json_pull_next_member(&j, &first, &name)) {
		if (slice_eq(name, SL("name"))) {
			p.name = string_or_skip(&j, a);
		} else if (slice_eq(name, SL("version"))) {
			p.version = clean_version(string_or_skip(&j, a));
		} else if (slice_eq(name, SL("license")) || slice_eq(name, SL("licenses"))) {
			license = read_license(&j, a, 0);
			p.license = license.n ? license : p.license;
		} else {
			json_pull_skip(&j);
		}
	}
	if (j.bad)
		return err_at(e, ERR_FORMAT, j.at, "package.json is no JSON object");
	*ret = p;
	return OK;
}

/* Takes the last component off *path. */
static struct slice pop(struct slice *path)
{
	ptrdiff_t at = slice_rfind_byte(*path, '/');
	struct slice last = slice_from(*path, (size_t)(at + 1));
	*path = at < 0 ? SLICE_NULL : slice_upto(*path, (size_t)at);
	return last;
}

bool npm_is_installed_path(struct slice path)
{
	if (!slice_eq(pop(&path), SL("package.json")))
		return false;
	struct slice name = pop(&path), above = pop(&path);
	if (!name.n || name.p[0] == '@')
		return false;
	if (above.n && above.p[0] == '@')
		above = pop(&path);
	return slice_eq(above, SL("node_modules"));
}

struct lock { struct json_pull j; struct arena *a; npm_lock_fn *fn; void *arg; };

/* A version or an alias "npm:real@1.2.3"; false for URLs, paths and tags. */
static bool plain_version(struct npm_package *p)
{
	if (slice_has_prefix(p->version, SL("npm:"))) {
		struct slice real = slice_from(p->version, 4);
		ptrdiff_t at = slice_rfind_byte(real, '@');
		if (at <= 0)
			return false;
		p->name = slice_upto(real, (size_t)at);
		p->version = slice_from(real, (size_t)at + 1);
	}
	p->version = clean_version(p->version);
	return p->name.n && p->version.n && p->version.p[0] >= '0' && p->version.p[0] <= '9' && slice_find_byte(p->version, '/') < 0;
}

/* Version 2 and 3: "node_modules/a/node_modules/@s/b": { "version", "name" (of an alias), "link", "license" } */
static enum err_code read_packages(struct lock *l, struct err *e)
{
	struct slice key, name;
	bool first = true;
	json_pull_enter(&l->j, JSON_OBJECT);
	while (json_pull_next_member(&l->j, &first, &key)) {
		struct npm_package p = {};
		struct slice path = json_pull_unescape(key, l->a), marker = SL("node_modules/");
		bool link = false, inner = true;
		for (ptrdiff_t at; (at = slice_find(path, marker)) >= 0;)
			p.name = path = slice_from(path, (size_t)at + marker.n);
		if (json_pull_kind(&l->j) != JSON_OBJECT) {
			json_pull_skip(&l->j);
			continue;
		}
		json_pull_enter(&l->j, JSON_OBJECT);
		struct slice real = SLICE_NULL;
		while (json_pull_next_member(&l->j, &inner, &name)) {
			if (slice_eq(name, SL("version")))
				p.version = string_or_skip(&l->j, l->a);
			else if (slice_eq(name, SL("name")))
				real = string_or_skip(&l->j, l->a);
			else if (slice_eq(name, SL("license")))
				p.license = read_license(&l->j, l->a, 0);
			else {
				link = link || slice_eq(name, SL("link"));
				json_pull_skip(&l->j);
			}
		}
		p.name = p.name.n && real.n ? real : p.name;
		if (!l->j.bad && !link && plain_version(&p))
			TRY(l->fn(l->arg, &p, e));
	}
	return OK;
}

/* Version 1: "a": { "version", "dependencies": { … } } */
static enum err_code read_dependencies(struct lock *l, unsigned depth, struct err *e)
{
	struct slice key, name;
	bool first = true;
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, 0, "a package-lock.json nested deeper than %d", DEPTH_MAX);
	json_pull_enter(&l->j, JSON_OBJECT);
	while (json_pull_next_member(&l->j, &first, &key)) {
		struct npm_package p = { .name = json_pull_unescape(key, l->a) };
		bool inner = true;
		if (json_pull_kind(&l->j) != JSON_OBJECT) {
			json_pull_skip(&l->j);
			continue;
		}
		json_pull_enter(&l->j, JSON_OBJECT);
		while (json_pull_next_member(&l->j, &inner, &name)) {
			if (slice_eq(name, SL("version")))
				p.version = string_or_skip(&l->j, l->a);
			else if (slice_eq(name, SL("dependencies")) && json_pull_kind(&l->j) == JSON_OBJECT)
				TRY(read_dependencies(l, depth + 1, e));
			else
				json_pull_skip(&l->j);
		}
		if (!l->j.bad && plain_version(&p))
			TRY(l->fn(l->arg, &p, e));
	}
	return OK;
}

enum err_code npm_lock_parse(struct slice content, struct arena *a, npm_lock_fn *fn, void *arg, struct err *e)
{
	struct json_pull j = json_pull_of(content), packages = {}, dependencies = {};
	struct slice name;
	bool first = true;
	json_pull_enter(&j, JSON_OBJECT);
	while (json_pull_next_member(&j, &first, &name)) {
		if (slice_eq(name, SL("packages")) && json_pull_kind(&j) == JSON_OBJECT)
			packages = j;
		else if (slice_eq(name, SL("dependencies")) && json_pull_kind(&j) == JSON_OBJECT)
			dependencies = j;
		json_pull_skip(&j);
	}
	struct lock l = { packages.all.p ? packages : dependencies, a, fn, arg };
	if (!j.bad && l.j.all.p)
		TRY(packages.all.p ? read_packages(&l, e) : read_dependencies(&l, 0, e));
	if (j.bad || l.j.bad)
		return err_at(e, ERR_FORMAT, j.bad ? j.at : l.j.at, "the lock file is not the JSON that npm writes");
	return a->failed ? err_set(e, ERR_LIMIT, 0, "the lock file needs more than %zu bytes of memory", a->max_bytes) : OK;
}
