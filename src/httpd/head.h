/* A request's head, read strictly where libmicrohttpd left it. Its lax places (bare LF, folded lines, NUL, white space around names, repeated and
 * contradicting lengths) are how requests are smuggled past a proxy; here each of them makes the head bad. One cannot be seen any more: a NUL beside a
 * bare LF looks like CRLF (no proxy of note passes NULs on); what fields there are is agreed on all the same. */
#pragma once
#include "base.h"

enum { HEAD_MAX_FIELDS = 100, HEAD_MAX_TARGET = 8192, HEAD_MAX_FIELD = 8192, HEAD_MAX_METHOD = 32 };

struct head_field { struct slice name, value; };
struct head {
	struct slice method, target;	/* target as sent, with its query */
	bool http_1_0;
	struct head_field fields[HEAD_MAX_FIELDS];
	unsigned n_fields;
};
/* What lengths and framing say. */
struct head_framing { bool has_length, chunked, expect_continue, close; uint64_t length; };

/* Reads a head in which each CR and LF of a line's end, the space behind the method, the space before the version and each field's first colon became
 * NUL (that is what libmicrohttpd does); the target's own bytes were changed, so it is given. 0, or the status to answer: 400, 414, 431. */
int httpd_head_read(struct slice raw, struct slice target, struct head *ret);
/* 0, or 400, 501, 417: RFC 9112 6.3, 3.2 (exactly one Host). */
int httpd_head_framing(const struct head *h, struct head_framing *ret);
bool httpd_is_token(struct slice s);
/* No control character but tab. */
bool httpd_is_field_value(struct slice s);
