/* The conditions of a rule: reading them, and whether a finding meets them. */
#include "rules.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const when_keys[] = { "kind", "rule", "severity", "package", "type", "path", "image", "fixed", "exploited", "ransomware",
					 "epss", "age", "layer", "hidden", "reachable", "owned", "skip", NULL };

enum err_code texts_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct slice_list *ret, struct err *e)
{
	const struct yml_node *one = node->kind == YML_LIST ? node->first : node;
	if (!one)
		return yml_error(doc, node, e, "an empty list would never match; leave the key out to match everything");
	for (; one; one = node->kind == YML_LIST ? one->next : NULL) {
		if (one->kind != YML_SCALAR || !one->text.n)
			return yml_error(doc, one, e, "expected a word or a pattern");
		struct slice *s = ARENA_PUSH(&p->arena, ret);
		if (!s)
			return arena_ok(&p->arena, doc->name, e);
		*s = one->text;
	}
	return OK;
}

/* One word or a list of words out of a table; sets the bits that `bits_of` gives each. */
static enum err_code words_parse(const struct yml_doc *doc, const struct yml_node *node, const char *const *words, const uint32_t *bits,
				 const char *what, uint32_t *ret, struct err *e)
{
	const struct yml_node *one = node->kind == YML_LIST ? node->first : node;
	if (!one)
		return yml_error(doc, node, e, "an empty list would never match; leave the key out to match everything");
	for (; one; one = node->kind == YML_LIST ? one->next : NULL) {
		unsigned i = 0;
		while (one->kind == YML_SCALAR && words[i] && !slice_eqs(one->text, words[i]))
			i++;
		if (one->kind != YML_SCALAR || !words[i]) {
			char word[80];
			const char *near = one->kind == YML_SCALAR ? yml_nearest(one->text, words) : NULL;
			AUTO_BUF all = BUF(KIB);
			for (unsigned k = 0; words[k]; k++)
				buf_printf(&all, "%s%s", k ? ", " : "", words[k]);
			return yml_error(doc, one, e, "'%s' is no %s%s%s%s; known are %s",
					 one->kind == YML_SCALAR ? text_escape_to(word, sizeof(word), one->text) : "(list or map)", what,
					 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", buf_cstr(&all));
		}
		*ret |= bits ? bits[i] : 1u << i;
	}
	return OK;
}

static enum err_code kinds_parse(const struct yml_doc *doc, const struct yml_node *node, uint32_t *ret, struct err *e)
{
	const char *words[KIND_COUNT + 1] = { NULL };
	for (unsigned k = 0; k < KIND_COUNT; k++)
		words[k] = finding_kind_name((enum finding_kind)k);
	return words_parse(doc, node, words, NULL, "kind of finding", ret, e);
}

static enum err_code severities_parse(const struct yml_doc *doc, const struct yml_node *node, uint32_t *ret, struct err *e)
{
	const char *words[SEV_COUNT + 1] = { NULL };
	uint32_t bits[SEV_COUNT];
	for (unsigned s = 0; s < SEV_COUNT; s++) {
		words[s] = severity_name((enum severity)s);
		/* A level means itself and what is graver; `unknown` means only itself, since nothing says how grave it is. */
		bits[s] = s == SEV_UNKNOWN ? 1u << s : ((1u << SEV_COUNT) - 1) & ~((1u << s) - 1);
	}
	return words_parse(doc, node, words, bits, "severity", ret, e);
}

static enum err_code tri_parse(const struct yml_doc *doc, const struct yml_node *node, enum tri *ret, struct err *e)
{
	bool v = false;
	TRY(yml_bool(doc, node, &v, e));
	*ret = v ? YES : NO;
	return OK;
}

static enum err_code epss_parse(const struct yml_doc *doc, const struct yml_node *node, struct when *w, struct err *e)
{
	char text[32];
	struct slice t = node->kind == YML_SCALAR ? node->text : SLICE_NULL;
	if (slice_has_prefix(t, SL(">=")))
		t = slice_trim(slice_from(t, 2));
	bool good = t.n > 0 && t.n < sizeof(text);
	for (size_t i = 0; good && i < t.n; i++)
		good = (t.p[i] >= '0' && t.p[i] <= '9') || t.p[i] == '.';
	if (good) {
		char *end = NULL;
		memcpy(text, t.p, t.n);
		text[t.n] = 0;
		w->epss_min = strtod(text, &end);
		good = end && !*end && w->epss_min <= 1;
	}
	if (!good)
		return yml_error(doc, node, e, "'epss' must be a probability from 0 to 1, such as 0.5: it matches this score and higher ones");
	w->has_epss = true;
	return OK;
}

/* "30d" or ">30d": published at least so long ago; "<7d": since then. */
static enum err_code age_parse(const struct yml_doc *doc, const struct yml_node *node, struct when *w, struct err *e)
{
	struct slice t = node->kind == YML_SCALAR ? node->text : SLICE_NULL;
	uint64_t ms;
	bool younger = t.n && t.p[0] == '<';
	if (t.n && (t.p[0] == '<' || t.p[0] == '>'))
		t = slice_from(t, t.n > 1 && t.p[1] == '=' ? 2 : 1);
	if (!text_parse_duration(slice_trim(t), &ms))
		return yml_error(doc, node, e, "'age' must be a time since publication, such as 30d (at least) or \"<7d\" (less than)");
	w->has_age = true;
	w->age_younger = younger;
	w->age_s = ms / 1000;
	return OK;
}

static enum err_code layer_parse(const struct yml_doc *doc, const struct yml_node *node, struct when *w, struct err *e)
{
	static const char *const words[] = { "base", "app", NULL };
	uint32_t bits = 0;
	TRY(words_parse(doc, node, words, NULL, "part of an image", &bits, e));
	w->base = bits == 1 ? YES : bits == 2 ? NO : ANY;
	return OK;
}

static enum err_code condition_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *n, struct when *w, struct err *e)
{
	static const char *const skips[] = { "none", "layer", "executable", "data", "budget", NULL };
	const struct { const char *key; struct slice_list *list; } texts[] = {
		{ "rule", &w->rules }, { "package", &w->packages }, { "type", &w->types }, { "path", &w->paths }, { "image", &w->images },
	};
	const struct { const char *key; enum tri *flag; } flags[] = {
		{ "fixed", &w->fixed }, { "exploited", &w->exploited }, { "ransomware", &w->ransomware }, { "hidden", &w->hidden },
		{ "reachable", &w->reachable }, { "owned", &w->owned },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (slice_eqs(n->key, texts[i].key))
			return texts_parse(p, doc, n, texts[i].list, e);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (slice_eqs(n->key, flags[i].key))
			return tri_parse(doc, n, flags[i].flag, e);
	if (slice_eqs(n->key, "kind"))
		return kinds_parse(doc, n, &w->kinds, e);
	if (slice_eqs(n->key, "severity"))
		return severities_parse(doc, n, &w->severities, e);
	if (slice_eqs(n->key, "skip"))
		return words_parse(doc, n, skips, NULL, "class of what was not inspected", &w->skips, e);
	if (slice_eqs(n->key, "epss"))
		return epss_parse(doc, n, w, e);
	if (slice_eqs(n->key, "age"))
		return age_parse(doc, n, w, e);
	return layer_parse(doc, n, w, e);
}

enum err_code when_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct when *ret, struct err *e)
{
	TRY(yml_check_map(doc, node, when_keys, "'when'", e));
	for (const struct yml_node *n = node->first; n; n = n->next)
		TRY(condition_parse(p, doc, n, ret, e));
	return OK;
}

/* --- Matching --------------------------------------------------------------------------------------------------------- */

static bool any_glob(const struct slice_list *patterns, struct slice text)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (slice_glob(patterns->items[i], text))
			return true;
	return false;
}

/* A pattern is held against the reference as it stands and against it without tag and digest, so that "docker.io/library/nginx"
 * covers every tag. */
bool image_matches(const struct slice_list *patterns, const struct report *r)
{
	if (!patterns->n || any_glob(patterns, r->reference))
		return true;
	struct slice bare = r->reference;
	ptrdiff_t at = slice_find_byte(bare, '@');
	if (at >= 0)
		bare = slice_upto(bare, (size_t)at);
	if (any_glob(patterns, bare))
		return true;
	ptrdiff_t colon = slice_rfind_byte(bare, ':'), slash = slice_rfind_byte(bare, '/');
	if (colon > slash && colon > 0)
		bare = slice_upto(bare, (size_t)colon);
	if (any_glob(patterns, bare))
		return true;
	/* "REPOSITORY@DIGEST": that image, and only there. */
	AUTO_BUF exact = BUF(4096);
	buf_printf(&exact, "%.*s@%.*s", SLICE_ARG(bare), SLICE_ARG(r->digest));
	if (!exact.failed && any_glob(patterns, buf_slice(&exact)))
		return true;
	ptrdiff_t scheme = slice_find(bare, SL("://"));
	return (scheme > 0 && any_glob(patterns, slice_from(bare, (size_t)scheme + 3))) || any_glob(patterns, r->digest);
}

bool package_matches(const struct slice_list *patterns, const struct finding *f)
{
	return !patterns->n || (f->package_name.n && any_glob(patterns, f->package_name)) || (f->package.n && any_glob(patterns, f->package));
}

static bool path_matches(const struct slice_list *patterns, const struct finding *f)
{
	for (size_t i = 0; i < f->evidence.n; i++)
		if (any_glob(patterns, f->evidence.items[i].path))
			return true;
	return !patterns->n;
}

static bool tri_ok(enum tri want, bool is) { return want == ANY || (want == YES) == is; }

static bool age_ok(const struct when *w, const struct finding *f, uint64_t now_s)
{
	if (!w->has_age)
		return true;
	if (!f->published_s)
		return false;
	uint64_t age = now_s > f->published_s ? now_s - f->published_s : 0;
	return w->age_younger ? age < w->age_s : age >= w->age_s;
}

bool when_matches(const struct when *w, const struct report *r, const struct finding *f, uint64_t now_s)
{
	if ((w->kinds && !(w->kinds & 1u << f->kind)) || (w->severities && !(w->severities & 1u << f->severity)) ||
	    (w->skips && !(w->skips & 1u << f->skip_class)))
		return false;
	if ((w->rules.n && !any_glob(&w->rules, f->rule)) || (w->types.n && !any_glob(&w->types, f->package_type)))
		return false;
	if (!tri_ok(w->fixed, f->fixed_version.n > 0) || !tri_ok(w->exploited, f->exploited) || !tri_ok(w->ransomware, f->kev_ransomware) ||
	    !tri_ok(w->base, f->base_layer) || !tri_ok(w->hidden, f->hidden) || !tri_ok(w->reachable, f->reachable) ||
	    !tri_ok(w->owned, f->owned))
		return false;
	if (w->has_epss && !(f->has_epss && f->epss_score >= w->epss_min))
		return false;
	return age_ok(w, f, now_s) && package_matches(&w->packages, f) && path_matches(&w->paths, f) && image_matches(&w->images, r);
}
