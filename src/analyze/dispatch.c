/* Which analyzers want a file. Patterns are filed under their last component (a plain name, or an extension, or the directory before
 * a lone "*"), so that a file costs three hash look-ups however many patterns there are. */
#include "context.h"
#include <stdlib.h>

enum { BUCKETS = 1024, MOST_RULES = 512 };
enum key_kind { KEY_NAME = 1, KEY_EXT, KEY_DIR };

struct rule { struct slice pattern; struct slice key; enum key_kind kind; unsigned analyzer; int16_t next; };
struct dispatch {
	struct rule rules[MOST_RULES];
	size_t n_rules;
	int16_t buckets[BUCKETS];
	unsigned n_analyzers;
	uint64_t by_class[FILE_CLASS_COUNT];	/* bit sets of analyzers */
};

static unsigned bucket_of(enum key_kind kind, struct slice key) { return (unsigned)(slice_hash(key) + kind * 7919u) % BUCKETS; }

static struct slice last_component(struct slice path, struct slice *ret_dir)
{
	ptrdiff_t at = slice_rfind_byte(path, '/');
	*ret_dir = at > 0 ? slice_upto(path, (size_t)at) : SLICE_NULL;
	return slice_from(path, (size_t)(at + 1));
}

static bool plain(struct slice s) { return s.n && slice_find_byte(s, '*') < 0 && slice_find_byte(s, '?') < 0 && slice_find_byte(s, '[') < 0; }

static enum err_code add_rule(struct dispatch *d, unsigned analyzer, const char *pattern, struct err *e)
{
	struct slice dir, last = last_component(slice_str(pattern), &dir);
	struct rule *r = &d->rules[d->n_rules];
	ptrdiff_t dot = slice_rfind_byte(last, '.');
	if (d->n_rules == MOST_RULES)
		return err_set(e, ERR_INTERNAL, 0, "too many analyzer patterns");
	*r = (struct rule){ .pattern = slice_str(pattern), .analyzer = analyzer };
	if (plain(last)) {
		r->kind = KEY_NAME;
		r->key = last;
	} else if (dot >= 0 && plain(slice_from(last, (size_t)dot + 1))) {
		r->kind = KEY_EXT;
		r->key = slice_from(last, (size_t)dot + 1);
	} else if (slice_eqs(last, "*") && plain(last_component(dir, &last))) {
		r->kind = KEY_DIR;
		r->key = last_component(dir, &last);
	} else {
		return err_set(e, ERR_INTERNAL, 0, "analyzer pattern '%s' ends in something that cannot be looked up", pattern);
	}
	unsigned b = bucket_of(r->kind, r->key);
	r->next = d->buckets[b];
	d->buckets[b] = (int16_t)d->n_rules++;
	return OK;
}

enum err_code dispatch_build(struct dispatch **ret, struct err *e)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	memset(d->buckets, 0xff, sizeof(d->buckets));
	for (; analyzers[d->n_analyzers]; d->n_analyzers++) {
		const struct analyzer *a = analyzers[d->n_analyzers];
		enum err_code code = d->n_analyzers < MOST_ANALYZERS ? OK : err_set(e, ERR_INTERNAL, 0, "too many analyzers");
		for (unsigned c = 0; c < FILE_CLASS_COUNT; c++)
			if (a->classes >> c & 1)
				d->by_class[c] |= (uint64_t)1 << d->n_analyzers;
		for (const char *const *p = a->paths; code == OK && p && *p; p++)
			code = add_rule(d, d->n_analyzers, *p, e);
		if (code != OK) {
			free(d);
			return code;
		}
	}
	*ret = d;
	return OK;
}

void dispatch_free(struct dispatch *d) { free(d); }

static uint64_t match_key(const struct dispatch *d, enum key_kind kind, struct slice key, struct slice path)
{
	uint64_t set = 0;
	for (int i = d->buckets[bucket_of(kind, key)]; i >= 0; i = d->rules[i].next) {
		const struct rule *r = &d->rules[i];
		if (r->kind == kind && slice_eq(r->key, key) && slice_glob(r->pattern, path))
			set |= (uint64_t)1 << r->analyzer;
	}
	return set;
}

static uint64_t match_path(const struct dispatch *d, struct slice path)
{
	struct slice dir, up, name = last_component(path, &dir);
	ptrdiff_t dot = slice_rfind_byte(name, '.');
	uint64_t set = match_key(d, KEY_NAME, name, path) | match_key(d, KEY_DIR, last_component(dir, &up), path);
	return dot >= 0 ? set | match_key(d, KEY_EXT, slice_from(name, (size_t)dot + 1), path) : set;
}

enum err_code dispatch_each(const struct dispatch *d, struct slice path, enum file_class cls, bool nested, dispatch_fn *fn, void *arg,
			    struct err *e)
{
	uint64_t set = match_path(d, path) | d->by_class[cls];
	while (set) {
		const struct analyzer *a = analyzers[__builtin_ctzll(set)];
		set &= set - 1;
		if (!nested || a->nested)
			TRY(fn(arg, a, e));
	}
	return OK;
}

bool dispatch_wants_path(const struct dispatch *d, struct slice path, uint64_t *ret_max_bytes)
{
	uint64_t set = match_path(d, path), most = 0;
	for (uint64_t s = set; s; s &= s - 1) {
		uint64_t max = analyzers[__builtin_ctzll(s)]->max_bytes;
		most = MAX(most, max ? max : UINT64_MAX);
	}
	*ret_max_bytes = most;
	return set != 0;
}
