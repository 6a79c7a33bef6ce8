/* A strict pull parser for JSON (RFC 8259) in memory: failure is sticky, so a reader asks straight through and checks json_end once.
 * No tree is built; strings borrow from the text unless they hold escapes. Nesting is bounded. */
#pragma once
#include "base.h"

enum { JSON_MAX_DEPTH = 48 };
enum json_type { JSON_NONE, JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

struct json {
	const uint8_t *start, *p, *end;
	struct arena *arena;	/* for strings with escapes */
	unsigned depth;
	uint64_t first;		/* bit per depth: no item was read yet */
	const char *bad;	/* why; NULL: well-formed so far */
};

struct json json_of(struct slice text, struct arena *arena);
static inline size_t json_offset(const struct json *j) { return (size_t)(j->p - j->start); }
/* What comes next; JSON_NONE at the end or when bad. Takes nothing but white space. */
enum json_type json_peek(struct json *j);
/* Takes '{' or '[' when that is what comes next; otherwise skips the value and returns false (a null where a list may stand is no error). */
bool json_enter_object(struct json *j);
bool json_enter_array(struct json *j);
/* The next key of the object entered last; false at its end, which is then left. */
bool json_next_key(struct json *j, struct slice *ret_key);
bool json_next_item(struct json *j);
/* Takes any value: a string into *ret (valid UTF-8), anything else leaves it empty. */
struct slice json_take_string(struct json *j);
/* Takes any value: a number (or a string that holds one) into *ret; false for anything else. */
bool json_number(struct json *j, double *ret);
void json_skip(struct json *j);
/* True when everything was well-formed and nothing but white space is left. */
bool json_end(struct json *j);
