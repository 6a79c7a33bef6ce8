#include "list.h"

static bool join_continuation(struct arena *a, struct list_row *row, struct slice line)
{
	if (!row || !row->fields.n)
		return false;
	struct list_field *f = &row->fields.items[row->fields.n - 1];
	f->value = arena_printf(a, "%.*s %.*s", SLICE_ARG(f->value), SLICE_ARG(slice_trim(line)));
	return true;
}

static bool start_row(struct arena *a, struct list *list, struct slice head, struct slice file, unsigned line)
{
	ptrdiff_t space = slice_find_byte(head, ' ');
	if (space <= 0 || !slice_has_suffix(head, SL("]")))
		return false;
	struct list_row *row = ARENA_PUSH(a, list);
	if (!row)
		return false;
	row->kind = slice_sub(head, 1, (size_t)space - 1);
	row->id = slice_trim(slice_sub(head, (size_t)space, head.n - 1 - (size_t)space));
	row->file = file;
	row->line = line;
	return true;
}

static bool add_field(struct arena *a, struct list *list, struct slice line, unsigned number)
{
	ptrdiff_t eq = slice_find(line, SL(" = "));
	if (eq <= 0 || !list->n)
		return false;
	struct list_row *row = &list->items[list->n - 1];
	struct list_field *f = ARENA_PUSH(a, &row->fields);
	if (!f)
		return false;
	f->key = slice_trim(slice_upto(line, (size_t)eq));
	f->value = slice_trim(slice_from(line, (size_t)eq + 3));
	f->line = number;
	return true;
}

enum err_code list_parse(struct arena *a, struct slice file, struct slice text, struct list *list, struct err *e)
{
	struct slice line;
	for (unsigned number = 1; slice_next_line(&text, &line); number++) {
		bool ok = true;
		if (!slice_trim(line).n || line.p[0] == '#')
			continue;
		if (line.p[0] == ' ' || line.p[0] == '\t')
			ok = join_continuation(a, list->n ? &list->items[list->n - 1] : NULL, line);
		else if (line.p[0] == '[')
			ok = start_row(a, list, slice_trim(line), file, number);
		else
			ok = add_field(a, list, line, number);
		if (!ok)
			return err_set(e, ERR_FORMAT, 0, "%.*s:%u: not a row, a field or its continuation", SLICE_ARG(file), number);
	}
	return arena_ok(a, "pattern list", e);
}

struct slice list_field_next(const struct list_row *r, const char *key, size_t *at)
{
	while (*at < r->fields.n) {
		const struct list_field *f = &r->fields.items[(*at)++];
		if (slice_eqs(f->key, key))
			return f->value;
	}
	return SLICE_NULL;
}

struct slice list_field_get(const struct list_row *r, const char *key)
{
	size_t at = 0;
	return list_field_next(r, key, &at);
}

struct slice list_example(struct arena *a, struct slice value)
{
	static const uint8_t newline[3] = { 0xe2, 0x8f, 0x8e };
	uint8_t *out = arena_alloc(a, value.n + 1);
	size_t n = 0;
	if (!out)
		return SLICE_NULL;
	for (size_t i = 0; i < value.n; i++) {
		if (value.n - i >= 3 && !memcmp(value.p + i, newline, 3)) {
			out[n++] = '\n';
			i += 2;
		} else {
			out[n++] = value.p[i];
		}
	}
	return slice_of(out, n);
}
