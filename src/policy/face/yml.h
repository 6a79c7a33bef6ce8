/* YAML with positions, for files that people write: policies, waivers, configuration. Over libyaml (YAML 1.1 syntax).
 *
 * Only what such files need: one document of maps, lists and scalars. Refused with a position: anchors and aliases, explicit
 * tags, complex or duplicate keys, a second document, NUL bytes. Limits: 4 MiB, 64 levels, 200,000 nodes, 1,000 keys in one map. */
#pragma once
#include "base.h"

enum yml_kind { YML_SCALAR, YML_LIST, YML_MAP };

struct yml_node {
	enum yml_kind kind;
	unsigned line, column;		/* from 1 */
	struct slice text;		/* a scalar's value */
	bool quoted;			/* a quoted scalar is never null, true or a number */
	struct slice key;		/* when this is a map's entry */
	unsigned key_line, key_column;
	struct yml_node *first, *next;	/* children in the order of the file */
	unsigned n;			/* of children */
};

struct yml_doc {
	const char *name;		/* for messages; the caller's, or in the arena */
	struct yml_node *root;		/* NULL for an empty document */
};

/* Parses text; nodes live in the arena, text is copied. `name` must outlive the document. Errors are ERR_USAGE "name:line:column: ...". */
[[nodiscard]] enum err_code yml_parse(struct slice text, const char *name, struct arena *arena, struct yml_doc *ret, struct err *e);
/* Reads and parses a file. ERR_NOT_FOUND when there is none. */
[[nodiscard]] enum err_code yml_load(const char *path, struct arena *arena, struct yml_doc *ret, struct err *e);

/* The value of a key, or NULL (also for NULL and for what is no map). */
struct yml_node *yml_get(const struct yml_node *map, const char *key);
bool yml_is_null(const struct yml_node *node);	/* NULL, an empty plain scalar, `~` or `null` */

/* ERR_USAGE with "name:line:column: " before the message; at the key, or at the value. */
[[nodiscard]] [[gnu::format(printf, 4, 5)]]
enum err_code yml_error(const struct yml_doc *doc, const struct yml_node *node, struct err *e, const char *fmt, ...);
[[nodiscard]] [[gnu::format(printf, 4, 5)]]
enum err_code yml_key_error(const struct yml_doc *doc, const struct yml_node *node, struct err *e, const char *fmt, ...);
/* An unknown key: names the nearest of `known` (NULL-terminated), or lists them when none is near. `what`: "a rule", "the configuration". */
[[nodiscard]] enum err_code yml_unknown_key(const struct yml_doc *doc, const struct yml_node *node, const char *const *known, const char *what,
					    struct err *e);
/* node must be a map whose keys are all in `known`. */
[[nodiscard]] enum err_code yml_check_map(const struct yml_doc *doc, const struct yml_node *node, const char *const *known, const char *what,
					  struct err *e);

/* Typed values; an error says what was expected. */
[[nodiscard]] enum err_code yml_text(const struct yml_doc *doc, const struct yml_node *node, struct slice *ret, struct err *e);
[[nodiscard]] enum err_code yml_bool(const struct yml_doc *doc, const struct yml_node *node, bool *ret, struct err *e);

/* The word of `known` (NULL-terminated) nearest to `word`, or NULL when none is near enough to be meant. */
const char *yml_nearest(struct slice word, const char *const *known);
