/* Keys and values of log lines and audit records; types: pairs of 'z' (the key, a literal) and the value's letter: z = const char *, t = struct slice, i = int64_t. */
#pragma once
#include <stdarg.h>
#include "base.h"

enum { FIELD_VALUE_MAX = 2048 };	/* bytes of one value; the rest is cut */
void fields_json(struct buf *out, const char *types, va_list *ap);	/* ,"key":"value",… */
void fields_logfmt(struct buf *out, const char *types, va_list *ap);	/*  key=value … */
void fields_json_text(struct buf *out, const char *key, struct slice value);
void fields_time(uint64_t ms, char dst[32]);	/* 2026-11-22T18:00:00.123Z */
