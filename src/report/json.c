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

void json_member(struct json *j, struct slice name)
{
	separate(j);
	string(j, name);
	out_puts(j->o, j->pretty ? ": " : ":");
}

void json_key(struct json *j, const char *key)
{
	if (key)
		json_member(j, slice_str(key));
	else
		separate(j);
}

void json_open(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	out_putc(j->o, bracket);
	if (j->depth + 1 < ARRAY_LEN(j->filled))
		j->depth++;
	j->filled[j->depth] = false;
}

void json_close(struct json *j, char bracket)
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
	json_key(j, key);
	string(j, s);
}

void json_null(struct json *j, const char *key)
{
	json_key(j, key);
	out_puts(j->o, "null");
}

void json_text_or_null(struct json *j, const char *key, struct slice s)
{
	if (s.n)
		report_json_text(j, key, s);
	else
		json_null(j, key);
}

void json_raw(struct json *j, const char *key, struct slice s)
{
	char beside[64];
	report_json_text(j, key, s);
	if (text_is_utf8(s))
		return;
	snprintf(beside, sizeof(beside), "%s_base64", key);
	json_key(j, beside);
	out_putc(j->o, '"');
	base64_encode(&j->o->b, s);
	out_putc(j->o, '"');
}

void report_json_number(struct json *j, const char *key, uint64_t n)
{
	json_key(j, key);
	out_printf(j->o, "%llu", (unsigned long long)n);
}

void json_int_or_null(struct json *j, const char *key, int n)
{
	if (n < 0)
		json_null(j, key);
	else
		report_json_number(j, key, (uint64_t)n);
}

void json_real(struct json *j, const char *key, double d, unsigned decimals)
{
	/* The program never calls setlocale: the point is a point. */
	json_key(j, key);
	out_printf(j->o, "%.*f", (int)decimals, d);
}

void json_bool(struct json *j, const char *key, bool b)
{
	json_key(j, key);
	out_puts(j->o, b ? "true" : "false");
}

void json_list(struct json *j, const char *key, const struct slice_list *l)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < l->n; i++)
		report_json_text(j, NULL, l->items[i]);
	json_close(j, ']');
}
