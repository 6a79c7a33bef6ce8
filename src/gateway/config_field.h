/* The keys of the configuration as tables: one row gives a key's place in its struct, what it may hold, its default; reading, printing and the command line use the same rows. */
#pragma once
#include "config.h"
#include "yml.h"

enum field_type {
	FIELD_TEXT,		/* struct slice */
	FIELD_URL,		/* struct slice: http:// or https:// with a host, no user, query, fragment; without final slashes */
	FIELD_MS, FIELD_S,	/* uint64_t from "90s", "7d" */
	FIELD_BYTES,		/* uint64_t from "4M" */
	FIELD_COUNT,		/* unsigned */
	FIELD_BOOL,		/* bool */
	FIELD_LIST,		/* struct slice_items */
	FIELD_WORD,		/* unsigned or an enum: index into words */
	FIELD_WORD_BOOL,	/* bool: index into two words */
};
struct config_field {
	const char *key;
	enum field_type type;
	size_t offset;
	const char *standard;		/* as the file would say it; NULL: empty, 0, false */
	const char *const *words;	/* NULL-terminated */
	uint64_t min, max;		/* of numbers, in the struct's unit; max 0: none */
	bool (*valid)(struct slice);	/* of texts and items of lists; NULL: any */
	const char *expected;		/* what valid wants, for the message */
};
/* Tables end with a NULL key. */
extern const struct config_field config_fields_top[], config_fields_upstream[], config_fields_repository[], config_fields_s3[], config_fields_webhook[],
	config_fields_tls[];

[[nodiscard]] enum err_code config_field_defaults(const struct config_field *table, void *obj, struct arena *a, struct err *e);
/* From a text as in the file (lists: one item is added). ERR_USAGE without a position. */
[[nodiscard]] enum err_code config_field_text(const struct config_field *f, void *obj, struct slice text, struct arena *a, struct err *e);
[[nodiscard]] enum err_code config_field_node(const struct config_field *f, void *obj, const struct yml_doc *doc, const struct yml_node *n, struct arena *a,
					      struct err *e);
/* All keys of the map that are in the table; others must be in `more` (NULL-terminated; NULL: none) and are left alone. */
[[nodiscard]] enum err_code config_field_map(const struct config_field *table, const char *const *more, void *obj, const struct yml_doc *doc,
					     const struct yml_node *map, const char *what, struct arena *a, struct err *e);
/* The value as YAML; flow: within {} or []. */
void config_field_print(const struct config_field *f, const void *obj, struct buf *out);
void config_print_text(struct buf *out, struct slice text);
void config_print_items(struct buf *out, const struct slice_items *l);

bool config_valid_url(struct slice s);
bool config_valid_address(struct slice s);	/* "127.0.0.1:5000", "[::1]:5000", ":5000", "unix:PATH" */
bool config_is_loopback(struct slice address);
/* "pull", … beside ACCESS_* bits. */
extern const struct config_right { const char *word; unsigned bit; } config_rights[6];
