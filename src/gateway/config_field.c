/* Single values of the configuration: from text, from a node, and back. */
#include "config_field.h"

static void *member(const struct config_field *f, void *obj) { return (char *)obj + f->offset; }
static const void *member_of(const struct config_field *f, const void *obj) { return (const char *)obj + f->offset; }

static enum err_code wrong(const struct config_field *f, struct slice text, const char *expected, struct err *e)
{
	char shown[80];
	return err_set(e, ERR_USAGE, 0, "'%s' is '%s', but must be %s", f->key, text_escape_to(shown, sizeof(shown), text), expected);
}

static enum err_code word(const struct config_field *f, struct slice text, unsigned *ret, struct err *e)
{
	AUTO_BUF all = BUF(KIB);
	for (unsigned i = 0; f->words[i]; i++) {
		if (slice_eqs(text, f->words[i])) {
			*ret = i;
			return OK;
		}
		buf_printf(&all, "%s%s", i ? f->words[i + 1] ? ", " : " or " : "", f->words[i]);
	}
	return wrong(f, text, buf_cstr(&all), e);
}

static enum err_code boolean(const struct config_field *f, struct slice text, bool *ret, struct err *e)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (slice_eq_nocase(text, slice_str(words[i]))) {
			*ret = i % 2;
			return OK;
		}
	}
	return wrong(f, text, "true or false", e);
}

static void print_duration(struct buf *out, uint64_t ms)
{
	static const struct { uint64_t ms; const char *unit; } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ms >= units[i].ms && ms % units[i].ms == 0) {
			buf_printf(out, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].unit);
			return;
		}
	}
	buf_printf(out, ms ? "%llums" : "%llus", (unsigned long long)ms);
}

static void print_size(struct buf *out, uint64_t bytes)
{
	static const char units[] = "GMK";
	for (unsigned i = 0; i < 3; i++) {
		uint64_t one = (uint64_t)1 << (30 - 10 * i);
		if (bytes >= one && bytes % one == 0) {
			buf_printf(out, "%llu%c", (unsigned long long)(bytes / one), units[i]);
			return;
		}
	}
	buf_printf(out, "%llu", (unsigned long long)bytes);
}

static void print_number(enum field_type type, uint64_t v, struct buf *out)
{
	if (type == FIELD_MS || type == FIELD_S)
		print_duration(out, type == FIELD_S ? v * 1000 : v);
	else if (type == FIELD_BYTES)
		print_size(out, v);
	else
		buf_printf(out, "%llu", (unsigned long long)v);
}

static enum err_code beyond(const struct config_field *f, struct slice text, const char *how, uint64_t bound, struct err *e)
{
	AUTO_BUF b = BUF(KIB);
	buf_printf(&b, "%s ", how);
	print_number(f->type, bound, &b);
	return wrong(f, text, buf_cstr(&b), e);
}

static enum err_code number(const struct config_field *f, struct slice text, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;
	bool time = f->type == FIELD_MS || f->type == FIELD_S;
	bool good = time ? text_parse_duration(text, &v) : f->type == FIELD_BYTES ? text_parse_size(text, &v) : slice_to_u64(text, &v);
	if (!good)
		return wrong(f, text, time ? "a duration such as 90s, 10m, 2h or 7d" : f->type == FIELD_BYTES ? "a size such as 512M or 20G" : "a number", e);
	if (f->type == FIELD_S)
		v /= 1000;
	if (v < f->min)
		return beyond(f, text, "at least", f->min, e);
	if (f->max && v > f->max)
		return beyond(f, text, "at most", f->max, e);
	if (f->type == FIELD_COUNT && v > UINT32_MAX)
		return beyond(f, text, "at most", UINT32_MAX, e);
	*ret = v;
	return OK;
}

static enum err_code text_of(const struct config_field *f, struct slice text, struct arena *a, struct slice *ret, struct err *e)
{
	if (f->valid && !f->valid(text))
		return wrong(f, text, f->expected, e);
	while (f->type == FIELD_URL && text.n && text.p[text.n - 1] == '/')
		text.n--;
	struct slice copy = arena_dup(a, text);
	TRY(arena_ok(a, "the configuration", e));
	*ret = copy;
	return OK;
}

enum err_code config_field_text(const struct config_field *f, void *obj, struct slice text, struct arena *a, struct err *e)
{
	void *to = member(f, obj);
	uint64_t v = 0;
	unsigned w = 0;
	struct slice item;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_URL:
		return text_of(f, text, a, to, e);
	case FIELD_MS:
	case FIELD_S:
	case FIELD_BYTES:
		return number(f, text, to, e);
	case FIELD_COUNT:
		TRY(number(f, text, &v, e));
		*(unsigned *)to = (unsigned)v;
		return OK;
	case FIELD_BOOL:
		return boolean(f, text, to, e);
	case FIELD_LIST:
		TRY(text_of(f, text, a, &item, e));
		struct slice *place = ARENA_PUSH(a, (struct slice_items *)to);
		if (place)
			*place = item;
		return arena_ok(a, "the configuration", e);
	case FIELD_WORD:
		TRY(word(f, text, &w, e));
		memcpy(to, &w, sizeof(w));
		return OK;
	case FIELD_WORD_BOOL:
		TRY(word(f, text, &w, e));
		*(bool *)to = w;
		return OK;
	}
	return OK;
}

enum err_code config_field_defaults(const struct config_field *t, void *obj, struct arena *a, struct err *e)
{
	for (; t->key; t++)
		if (t->standard)
			TRY(config_field_text(t, obj, slice_str(t->standard), a, e));
	return OK;
}

/* The error of a value without a position gets that of its node. */
static enum err_code at_node(enum err_code code, const struct yml_doc *doc, const struct yml_node *n, struct err *e)
{
	struct err inner = *e;
	return code == ERR_USAGE ? yml_error(doc, n, e, "%s", inner.msg) : code;
}

enum err_code config_field_node(const struct config_field *f, void *obj, const struct yml_doc *doc, const struct yml_node *n, struct arena *a, struct err *e)
{
	enum { MAX_ITEMS = 10000 };
	if (f->type != FIELD_LIST) {
		if (n->kind != YML_SCALAR || yml_is_null(n))
			return yml_error(doc, n, e, "'%s' needs one value", f->key);
		return at_node(config_field_text(f, obj, n->text, a, e), doc, n, e);
	}
	struct slice_items *list = member(f, obj);
	*list = (struct slice_items){ 0 };
	if (n->kind == YML_SCALAR && !yml_is_null(n))	/* one item may stand by itself */
		return at_node(config_field_text(f, obj, n->text, a, e), doc, n, e);
	if (n->kind != YML_LIST)
		return yml_error(doc, n, e, "'%s' must be a list such as [a, b]", f->key);
	if (n->n > MAX_ITEMS)
		return yml_error(doc, n, e, "'%s' has more than %d items", f->key, MAX_ITEMS);
	for (const struct yml_node *one = n->first; one; one = one->next) {
		if (one->kind != YML_SCALAR || yml_is_null(one))
			return yml_error(doc, one, e, "'%s' is a list of plain values", f->key);
		TRY(at_node(config_field_text(f, obj, one->text, a, e), doc, one, e));
	}
	return OK;
}

enum err_code config_field_map(const struct config_field *table, const char *const *more, void *obj, const struct yml_doc *doc, const struct yml_node *map,
			       const char *what, struct arena *a, struct err *e)
{
	const char *known[64];
	size_t n = 0;
	for (const struct config_field *f = table; f->key; f++)
		known[n++] = f->key;
	for (; more && *more; more++)
		known[n++] = *more;
	known[n] = NULL;
	TRY(yml_check_map(doc, map, known, what, e));
	for (const struct config_field *f = table; f->key; f++) {
		const struct yml_node *value = yml_get(map, f->key);
		if (value)
			TRY(config_field_node(f, obj, doc, value, a, e));
	}
	return OK;
}

/* --- Back to text ------------------------------------------------------------------------------------------------------ */

void config_print_text(struct buf *out, struct slice text)
{
	static const char *const taken[] = { "null", "Null", "true", "false", "yes", "no", "on", "off" };
	bool plain = text.n > 0 && (text.p[0] == '/' || text.p[0] == '.' || (text.p[0] >= 'a' && text.p[0] <= 'z'));
	for (size_t i = 0; plain && i < text.n; i++)
		plain = (text.p[i] >= 'a' && text.p[i] <= 'z') || (text.p[i] >= 'A' && text.p[i] <= 'Z') || (text.p[i] >= '0' && text.p[i] <= '9') ||
			text.p[i] == '.' || text.p[i] == '-' || text.p[i] == '_' || text.p[i] == '/';
	for (size_t i = 0; plain && i < ARRAY_LEN(taken); i++)
		plain = !slice_eq_nocase(text, slice_str(taken[i]));
	if (plain) {
		buf_put_slice(out, text);
		return;
	}
	buf_putc(out, '"');
	text_json_escape(out, text);
	buf_putc(out, '"');
}

void config_print_items(struct buf *out, const struct slice_items *l)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_puts(out, i ? ", " : "");
		config_print_text(out, l->items[i]);
	}
	buf_putc(out, ']');
}

void config_field_print(const struct config_field *f, const void *obj, struct buf *out)
{
	const void *from = member_of(f, obj);
	unsigned w = 0;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_URL:
		config_print_text(out, *(const struct slice *)from);
		break;
	case FIELD_MS:
	case FIELD_S:
	case FIELD_BYTES:
		print_number(f->type, *(const uint64_t *)from, out);
		break;
	case FIELD_COUNT:
		print_number(f->type, *(const unsigned *)from, out);
		break;
	case FIELD_BOOL:
		buf_puts(out, *(const bool *)from ? "true" : "false");
		break;
	case FIELD_LIST:
		config_print_items(out, from);
		break;
	case FIELD_WORD:
		memcpy(&w, from, sizeof(w));
		buf_puts(out, f->words[w]);
		break;
	case FIELD_WORD_BOOL:
		buf_puts(out, f->words[*(const bool *)from]);
		break;
	}
}
