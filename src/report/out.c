#include "out.h"
#include <stdio.h>
#include "os.h"

enum { FLUSH_BYTES = 64 << 10 };

void out_init(struct out *o, int fd)
{
	*o = (struct out){ .b = BUF(GIB), .fd = fd };
}

void out_free(struct out *o) { buf_free(&o->b); }

void out_flush(struct out *o)
{
	if (o->b.failed && !o->err.code)
		(void)buf_ok(&o->b, "the report", &o->err);
	if (!o->err.code && o->b.n)
		(void)os_write_all(o->fd, o->b.p, o->b.n, "the report", &o->err);
	buf_clear(&o->b);
}

static void maybe_flush(struct out *o)
{
	if (!o->hold && (o->b.n >= FLUSH_BYTES || o->b.failed))
		out_flush(o);
}

void out_put(struct out *o, struct slice s)
{
	buf_put_slice(&o->b, s);
	maybe_flush(o);
}

void out_puts(struct out *o, const char *s) { out_put(o, slice_str(s)); }
void out_putc(struct out *o, char c) { out_put(o, slice_of(&c, 1)); }

void out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&o->b, fmt, ap);
	va_end(ap);
	maybe_flush(o);
}

enum err_code out_check(struct out *o, struct err *e)
{
	if (o->hold && o->b.failed && !o->err.code)
		(void)buf_ok(&o->b, "the report", &o->err);
	if (o->err.code)
		*e = o->err;
	return o->err.code;
}

struct place place_of(struct slice path)
{
	bool pseudo = slice_has_prefix(path, SL("config:")) || slice_has_prefix(path, SL("history:")) || slice_has_prefix(path, SL("image:")) ||
		      slice_has_prefix(path, SL("name:")) || slice_has_prefix(path, SL("data:"));
	return (struct place){ .slash = path.n && path.p[0] != '/' && !pseudo, .path = path };
}
