/* Pattern lists: the text form of signs and rules (patterns/(name).list), read by pack.c while building and by the tests.
 *
 *	# a comment
 *	[sign sh.name]
 *	key = value, which may go on
 *	  in indented lines (joined by one space)
 *
 * In examples the character U+23CE stands for a newline. */
#pragma once
#include "base.h"

struct list_field { struct slice key, value; unsigned line; };
struct list_row {
	struct slice kind, id, file;
	unsigned line;
	struct { struct list_field *items; size_t n, cap; } fields;
};
struct list { struct list_row *items; size_t n, cap; };

/* Adds the rows of one file to *list; everything lives in the arena or borrows from text. ERR_FORMAT names file and line. */
[[nodiscard]] enum err_code list_parse(struct arena *a, struct slice file, struct slice text, struct list *list, struct err *e);
/* The first field of that key at or after *at (start with 0), which moves behind it; a slice with p == NULL at the end. */
struct slice list_field_next(const struct list_row *r, const char *key, size_t *at);
/* The only or first field of that key. */
struct slice list_field_get(const struct list_row *r, const char *key);
/* An example with its newlines. */
struct slice list_example(struct arena *a, struct slice value);
