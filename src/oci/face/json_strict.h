/* Strict JSON for documents that several programs read: what two readers could understand differently is refused. */
#pragma once
#include <jansson.h>
#include "base.h"

static inline void json_cleanup_(json_t **j) { json_decref(*j); }
#define AUTO_JSON [[gnu::cleanup(json_cleanup_)]] json_t *
/* Hostile text for a message; lives to the end of the enclosing block. */
#define ESC(s) text_escape_to((char[128]){ 0 }, 128, (s))

enum { JSON_MAX_NESTING = 32, JSON_MAX_VALUES = 250000 };

/* An object or array; at most JSON_MAX_NESTING deep, JSON_MAX_VALUES values, no key twice. `what` names the document in messages. */
[[nodiscard]] enum err_code json_strict(struct slice bytes, const char *what, json_t **ret, struct err *e);
/* Is this a well-formed JSON object or array? (To tell metadata from layers: no tar, gzip or zstd data is one.) */
bool json_is_document(struct slice bytes);

/* No key of obj may be equal to one of the names (NULL-terminated) but for case: Go's decoder, which most readers use, would take it. */
[[nodiscard]] enum err_code json_check_case(const json_t *obj, const char *const *names, const char *what, struct err *e);

/* A field's value copied to the arena. Absent and null leave *ret empty (ERR_FORMAT when required); another type is ERR_FORMAT. */
enum json_need { JSON_MAY, JSON_MUST };
[[nodiscard]] enum err_code json_text(const json_t *obj, const char *key, enum json_need need, const char *what, struct arena *a,
				      struct slice *ret, struct err *e);
[[nodiscard]] enum err_code json_size(const json_t *obj, const char *key, enum json_need need, const char *what, uint64_t *ret,
					 struct err *e);
[[nodiscard]] enum err_code json_object_of(const json_t *obj, const char *key, enum json_need need, const char *what,
					 json_t **ret, struct err *e);
[[nodiscard]] enum err_code json_array_of(const json_t *obj, const char *key, enum json_need need, const char *what,
					 json_t **ret, struct err *e);
