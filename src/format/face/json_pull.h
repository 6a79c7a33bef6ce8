/* A forward reader over JSON (RFC 8259) that copies nothing: for the many small files of package managers, of which three fields matter.
 * It is lax: duplicate names are the caller's to treat (the last counts in package.json), values passed over are checked for balance
 * only, a byte order mark is skipped. Failure is sticky. */
#pragma once
#include "base.h"

struct json_pull {
	struct slice all;
	size_t at;
	bool bad;
};

enum json_kind { JSON_NONE /* end or malformed */, JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_WORD /* true false null */ };

struct json_pull json_pull_of(struct slice bytes);
enum json_kind json_pull_kind(struct json_pull *j);	/* of the value that comes next */
/* Enters what kind said; then next until false, taking or skipping each value. *first starts as true. */
bool json_pull_enter(struct json_pull *j, enum json_kind kind);
bool json_pull_next_member(struct json_pull *j, bool *first, struct slice *ret_name);	/* names are raw: with their escapes */
bool json_pull_next_item(struct json_pull *j, bool *first);
/* The raw text between the quotes; false (and bad) when the next value is no string. */
bool json_pull_string(struct json_pull *j, struct slice *ret_raw);
/* Passes over one value, of any depth, without recursion. */
void json_pull_skip(struct json_pull *j);
/* Undoes escapes; borrows when there are none. Lone surrogates become U+FFFD. {NULL,0} when malformed or the arena is full. */
struct slice json_pull_unescape(struct slice raw, struct arena *a);
