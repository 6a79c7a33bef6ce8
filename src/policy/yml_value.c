#include "yml.h"
#include <stdarg.h>
#include <stdio.h>

struct yml_node *yml_get(const struct yml_node *map, const char *key)
{
	if (!map || map->kind != YML_MAP)
		return NULL;
	for (struct yml_node *n = map->first; n; n = n->next)
		if (slice_eqs(n->key, key))
			return n;
	return NULL;
}

bool yml_is_null(const struct yml_node *node)
{
	if (!node)
		return true;
	return node->kind == YML_SCALAR && !node->quoted &&
	       (!node->text.n || slice_eqs(node->text, "~") || slice_eqs(node->text, "null") || slice_eqs(node->text, "Null"));
}

[[gnu::format(printf, 5, 0)]]
static enum err_code error_at(const struct yml_doc *doc, unsigned line, unsigned column, struct err *e, const char *fmt, va_list ap)
{
	char text[sizeof(e->msg)];
	vsnprintf(text, sizeof(text), fmt, ap);
	return err_set(e, ERR_USAGE, 0, "%s:%u:%u: %s", doc->name, line, column, text);
}

enum err_code yml_error(const struct yml_doc *doc, const struct yml_node *node, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	enum err_code code = error_at(doc, node ? node->line : 1, node ? node->column : 1, e, fmt, ap);
	va_end(ap);
	return code;
}

enum err_code yml_key_error(const struct yml_doc *doc, const struct yml_node *node, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	enum err_code code = error_at(doc, node->key_line, node->key_column, e, fmt, ap);
	va_end(ap);
	return code;
}

const char *yml_nearest(struct slice word, const char *const *known)
{
	const char *best = NULL;
	unsigned best_distance = 4;
	for (; *known; known++) {
		struct slice k = slice_str(*known);
		unsigned d = text_distance(word, k, best_distance);
		/* One wrong letter in three is still a slip; a word that is a part of the right one was cut short. */
		if (d < best_distance && d * 3 <= MAX(k.n, word.n) + 1) {
			best = *known;
			best_distance = d;
		}
		if (!best && word.n >= 3 && (slice_find(k, word) >= 0 || (k.n >= 3 && slice_find(word, k) >= 0)))
			best = *known;
	}
	return best;
}

enum err_code yml_unknown_key(const struct yml_doc *doc, const struct yml_node *node, const char *const *known, const char *what, struct err *e)
{
	char word[80];
	text_escape_to(word, sizeof(word), node->key);
	const char *near = yml_nearest(node->key, known);
	if (near)
		return yml_key_error(doc, node, e, "%s has no key '%s', did you mean '%s'?", what, word, near);
	AUTO_BUF all = BUF(KIB);
	for (unsigned i = 0; known[i] && all.n < 180; i++)
		buf_printf(&all, "%s%s", i ? ", " : "", known[i]);
	return yml_key_error(doc, node, e, "%s has no key '%s'; known are %s", what, word, buf_cstr(&all));
}

enum err_code yml_check_map(const struct yml_doc *doc, const struct yml_node *node, const char *const *known, const char *what, struct err *e)
{
	if (!node || node->kind != YML_MAP)
		return yml_error(doc, node, e, "%s must be a map of keys and values", what);
	for (const struct yml_node *n = node->first; n; n = n->next) {
		const char *const *k = known;
		while (*k && !slice_eqs(n->key, *k))
			k++;
		if (!*k)
			return yml_unknown_key(doc, n, known, what, e);
	}
	return OK;
}

enum err_code yml_text(const struct yml_doc *doc, const struct yml_node *node, struct slice *ret, struct err *e)
{
	char key[80];
	if (node->kind != YML_SCALAR || yml_is_null(node))
		return yml_error(doc, node, e, "'%s' needs one word or sentence", text_escape_to(key, sizeof(key), node->key));
	*ret = node->text;
	return OK;
}

enum err_code yml_bool(const struct yml_doc *doc, const struct yml_node *node, bool *ret, struct err *e)
{
	char key[80];
	static const struct { const char *word; bool value; } words[] = {
		{ "true", true }, { "false", false }, { "yes", true }, { "no", false }, { "on", true }, { "off", false },
	};
	for (size_t i = 0; node->kind == YML_SCALAR && i < ARRAY_LEN(words); i++) {
		if (slice_eq_nocase(node->text, slice_str(words[i].word))) {
			*ret = words[i].value;
			return OK;
		}
	}
	return yml_error(doc, node, e, "'%s' must be true or false", text_escape_to(key, sizeof(key), node->key));
}
