#include "out.h"
#include <stdio.h>

static void line(struct json *j)
{
	if (!j->pretty)
		return;
	out_putc(j->o, '\n');
	for (unsigned i = 0; i < j->depth; i++)
		out_puts(j->o, "  ");
}

static void separate(struct json *j)
{
	if (j->filled[j->depth])
		out_putc(j->o, ',');
	if (j->depth)
		line(j);
	j->filled[j->depth] = true;
}

static void string(struct json *j, struct slice s)
{
	out_putc(j->o, '"');
	text_json_escape(&j->o->b, s);
	out_putc(j->o, '"');
}

void jw_member(struct json *j, struct slice name)
{
	separate(j);
	string(j, name);
	out_puts(j->o, j->pretty ? ": " : ":");
}

void jw_key(struct json *j, const char *key)
{
	if (key)
		jw_member(j, slice_str(key));
	else
		separate(j);
}

void jw_open(struct json *j, const char *key, char bracket)
{
	jw_key(j, key);
	out_putc(j->o, bracket);
	if (j->depth + 1 < ARRAY_LEN(j->filled))
		j->depth++;
	j->filled[j->depth] = false;
}

void jw_close(struct json *j, char bracket)
{
	bool filled = j->filled[j->depth];
	if (j->depth)
		j->depth--;
	if (filled)
		line(j);
	out_putc(j->o, bracket);
}

void report_json_text(struct json *j, const char *key, struct slice s)
{
	jw_key(j, key);
	string(j, s);
}

void jw_null(struct json *j, const char *key)
{
	jw_key(j, key);
	out_puts(j->o, "null");
}

void jw_text_or_null(struct json *j, const char *key, struct slice s)
{
	if (s.n)
		report_json_text(j, key, s);
	else
		jw_null(j, key);
}

void jw_raw(struct json *j, const char *key, struct slice s)
{
	char beside[64];
	report_json_text(j, key, s);
	if (text_is_utf8(s))
		return;
	snprintf(beside, sizeof(beside), "%s_base64", key);
	jw_key(j, beside);
	out_putc(j->o, '"');
	base64_encode(&j->o->b, s);
	out_putc(j->o, '"');
}

void report_json_number(struct json *j, const char *key, uint64_t n)
{
	jw_key(j, key);
	out_printf(j->o, "%llu", (unsigned long long)n);
}

void jw_int_or_null(struct json *j, const char *key, int n)
{
	if (n < 0)
		jw_null(j, key);
	else
		report_json_number(j, key, (uint64_t)n);
}

void jw_real(struct json *j, const char *key, double d, unsigned decimals)
{
	/* The program never calls setlocale: the point is a point. */
	jw_key(j, key);
	out_printf(j->o, "%.*f", (int)decimals, d);
}

void jw_bool(struct json *j, const char *key, bool b)
{
	jw_key(j, key);
	out_puts(j->o, b ? "true" : "false");
}

void jw_list(struct json *j, const char *key, const struct slice_list *l)
{
	jw_open(j, key, '[');
	for (size_t i = 0; i < l->n; i++)
		report_json_text(j, NULL, l->items[i]);
	jw_close(j, ']');
}
