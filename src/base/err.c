#include "base.h"
#include <stdio.h>

[[gnu::format(printf, 3, 0)]] static void append_v(struct err *e, size_t at, const char *fmt, va_list ap)
{
	if (at < sizeof(e->msg))
		vsnprintf(e->msg + at, sizeof(e->msg) - at, fmt, ap);
}

[[gnu::format(printf, 2, 3)]] static void append(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	append_v(e, strnlen(e->msg, sizeof(e->msg)), fmt, ap);
	va_end(ap);
}

enum err_code err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
	va_list ap;
	e->code = code;
	e->sys = sys;
	e->offset = 0;
	va_start(ap, fmt);
	append_v(e, 0, fmt, ap);
	va_end(ap);
	if (sys) {
		char text[96];
		append(e, ": %s", strerror_r(sys, text, sizeof(text)));
	}
	return code;
}

enum err_code err_at(struct err *e, enum err_code code, uint64_t offset, const char *fmt, ...)
{
	va_list ap;
	e->code = code;
	e->sys = 0;
	e->offset = offset;
	va_start(ap, fmt);
	append_v(e, 0, fmt, ap);
	va_end(ap);
	append(e, " (at byte %llu)", (unsigned long long)offset);
	return code;
}

enum err_code err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	memcpy(old, e->msg, sizeof(old));
	old[sizeof(old) - 1] = 0;
	va_start(ap, fmt);
	append_v(e, 0, fmt, ap);
	va_end(ap);
	append(e, ": %s", old);
	return e->code;
}

const char *err_code_name(enum err_code code)
{
	static const char *const names[] = {
		[OK] = "ok", [ERR_IO] = "io", [ERR_NOMEM] = "memory", [ERR_FORMAT] = "format", [ERR_LIMIT] = "limit",
		[ERR_DIGEST] = "digest", [ERR_NOT_FOUND] = "not-found", [ERR_UNSUPPORTED] = "unsupported",
		[ERR_USAGE] = "usage", [ERR_NET] = "network", [ERR_AUTH] = "auth", [ERR_TIMEOUT] = "timeout",
		[ERR_CANCELLED] = "cancelled", [ERR_CRASHED] = "crashed", [ERR_INTERNAL] = "internal",
	};
	return (size_t)code < ARRAY_LEN(names) && names[code] ? names[code] : "unknown";
}
