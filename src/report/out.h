/* Where the formats write: a buffer in front of a descriptor, with sticky failure; and JSON on top. Private to this room. */
#pragma once
#include "report.h"

struct out {
	struct buf b;
	int fd;
	bool hold;	/* keep everything in memory for now */
	struct err err;	/* the first failure */
};

void out_init(struct out *o, int fd);
void out_free(struct out *o);
void out_put(struct out *o, struct slice s);
void out_puts(struct out *o, const char *s);
void out_putc(struct out *o, char c);
[[gnu::format(printf, 2, 3)]] void out_printf(struct out *o, const char *fmt, ...);
void out_flush(struct out *o);
[[nodiscard]] enum err_code out_check(struct out *o, struct err *e);

/* JSON, written straight through; `key` NULL inside arrays. */
struct json { struct out *o; bool pretty; bool filled[16]; unsigned depth; };
void jw_open(struct json *j, const char *key, char bracket);	/* '{' or '[' */
void jw_close(struct json *j, char bracket);			/* '}' or ']' */
void jw_key(struct json *j, const char *key);		/* separators and the key; a value must follow */
void report_json_text(struct json *j, const char *key, struct slice s);
void jw_text_or_null(struct json *j, const char *key, struct slice s);	/* empty: null */
/* As report_json_text; when the bytes are no UTF-8, also "<key>_base64" with the raw bytes. */
void jw_raw(struct json *j, const char *key, struct slice s);
void report_json_number(struct json *j, const char *key, uint64_t n);
void jw_int_or_null(struct json *j, const char *key, int n);	/* negative: null */
void jw_real(struct json *j, const char *key, double d, unsigned decimals);
void jw_bool(struct json *j, const char *key, bool b);
void jw_null(struct json *j, const char *key);
void jw_list(struct json *j, const char *key, const struct slice_list *l);
void jw_member(struct json *j, struct slice name);	/* like jw_key with a name from outside */

/* The formats. */
void report_json(struct json *j, const struct report *r, const struct report_options *o);
void report_sarif_begin(struct json *j);
void report_sarif_run(struct json *j, const struct report *r, const struct report_options *o, struct out *out);
void report_sarif_end(struct json *j);
void report_table(struct out *out, const struct report *r, const struct report_options *o);

/* An absolute path in the image: a leading slash where there is none, pseudo places (config:, history:, image:, name:, data:) as they are. */
struct place { bool slash; struct slice path; };
struct place place_of(struct slice path);
