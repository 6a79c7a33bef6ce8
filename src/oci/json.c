#include "json_strict.h"
#include <limits.h>

struct scan {
	size_t values;
	unsigned depth;
	bool in_string, escaped;
};

/* Counts before jansson builds a tree, whose values cost some 20 times their text. */
static bool scan_byte(struct scan *s, uint8_t c)
{
	if (s->in_string) {
		if (s->escaped)
			s->escaped = false;
		else if (c == '\\')
			s->escaped = true;
		else if (c == '"')
			s->in_string = false;
		return true;
	}
	if (c == '"')
		s->in_string = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if ((c == '}' || c == ']') && s->depth)
		s->depth--;
	else if (c != ',')
		return true;
	s->values++;
	return s->depth <= JSON_MAX_NESTING && s->values <= JSON_MAX_VALUES;
}

static bool within_limits(struct slice bytes)
{
	struct scan s = { 0 };
	for (size_t i = 0; i < bytes.n; i++)
		if (!scan_byte(&s, bytes.p[i]))
			return false;
	return true;
}

enum err_code json_strict(struct slice bytes, const char *what, json_t **ret, struct err *e)
{
	json_error_t je;
	if (!within_limits(bytes))
		return err_set(e, ERR_LIMIT, 0, "%s is nested deeper than %d levels or has more than %d values", what, JSON_MAX_NESTING,
			       JSON_MAX_VALUES);
	json_t *j = json_loadb((const char *)bytes.p, bytes.n, JSON_REJECT_DUPLICATES, &je);
	if (!j && json_error_code(&je) == json_error_out_of_memory)
		return err_set(e, ERR_NOMEM, 0, "read %s", what);
	if (!j)
		return err_at(e, ERR_FORMAT, je.position < 0 ? 0 : (uint64_t)je.position, "%s is not strict JSON: %s", what,
			      ESC(slice_str(je.text)));
	*ret = j;
	return OK;
}

bool json_is_document(struct slice bytes)
{
	AUTO_JSON j = within_limits(bytes) ? json_loadb((const char *)bytes.p, bytes.n, 0, NULL) : NULL;
	return j;
}

enum err_code json_check_case(const json_t *obj, const char *const *names, const char *what, struct err *e)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)obj, key, v) {
		for (size_t i = 0; names[i]; i++)
			if (strcmp(key, names[i]) && slice_eq_nocase(slice_str(key), slice_str(names[i])))
				return err_set(e, ERR_FORMAT, 0, "%s has a field '%s', which some programs read as '%s'", what,
					       ESC(slice_str(key)), names[i]);
	}
	return OK;
}

static enum err_code field(const json_t *obj, const char *key, enum json_need need, json_type type, const char *what,
					 json_t **ret,
			   struct err *e)
{
	static const char *const type_names[] = { "an object", "an array", "text", "a whole number", "a number", "true", "false",
			"null" };
	json_t *v = json_object_get(obj, key);
	*ret = NULL;
	if (!v || json_is_null(v))
		return need == JSON_MAY ? OK : err_set(e, ERR_FORMAT, 0, "%s has no field '%s'", what, key);
	if (json_typeof(v) != type)
		return err_set(e, ERR_FORMAT, 0, "field '%s' of %s is not %s", key, what, type_names[type]);
	*ret = v;
	return OK;
}

enum err_code json_text(const json_t *obj, const char *key, enum json_need need, const char *what, struct arena *a,
					 struct slice *ret,
			struct err *e)
{
	json_t *v;
	TRY(field(obj, key, need, JSON_STRING, what, &v, e));
	if (!v) {
		*ret = SLICE_NULL;
		return OK;
	}
	*ret = arena_dup(a, slice_of(json_string_value(v), json_string_length(v)));
	return arena_ok(a, what, e);
}

enum err_code json_size(const json_t *obj, const char *key, enum json_need need, const char *what, uint64_t *ret, struct err *e)
{
	json_t *v;
	TRY(field(obj, key, need, JSON_INTEGER, what, &v, e));
	if (v && json_integer_value(v) < 0)
		return err_set(e, ERR_FORMAT, 0, "field '%s' of %s is negative", key, what);
	*ret = v ? (uint64_t)json_integer_value(v) : 0;
	return OK;
}

enum err_code json_object_of(const json_t *obj, const char *key, enum json_need need, const char *what, json_t **ret,
					 struct err *e)
{
	return field(obj, key, need, JSON_OBJECT, what, ret, e);
}

enum err_code json_array_of(const json_t *obj, const char *key, enum json_need need, const char *what, json_t **ret,
					 struct err *e)
{
	return field(obj, key, need, JSON_ARRAY, what, ret, e);
}
