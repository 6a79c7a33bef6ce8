#include "base.h"
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	if (!b)
		return;
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

bool buf_reserve(struct buf *b, size_t more)
{
	size_t need;
	if (b->failed)
		return false;
	if (!add_ok(b->n, more, &need) || need > b->max) {
		b->failed = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	/* Callers size max in bytes of content; one spare byte holds the NUL of buf_cstr. */
	cap = MIN(cap, MAX(b->max, need));
	uint8_t *p = realloc(b->p, cap + 1);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

bool buf_put(struct buf *b, const void *p, size_t n)
{
	if (!buf_reserve(b, n))
		return false;
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	return true;
}

bool buf_put_slice(struct buf *b, struct slice s) { return buf_put(b, s.p, s.n); }
bool buf_puts(struct buf *b, const char *s) { return buf_put(b, s, strlen(s)); }
bool buf_putc(struct buf *b, uint8_t c) { return buf_put(b, &c, 1); }

bool buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	bool good = n >= 0 && buf_reserve(b, (size_t)n);
	if (good && n) {	/* an empty text into an empty buffer has no memory to write its NUL to */
		/* The spare byte behind cap takes the NUL. */
		vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
	return good;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bool good = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return good;
}

static bool put_le(struct buf *b, uint64_t v, unsigned n)
{
	uint8_t raw[8];
	for (unsigned i = 0; i < n; i++)
		raw[i] = (uint8_t)(v >> (8 * i));
	return buf_put(b, raw, n);
}

bool buf_put_le16(struct buf *b, uint16_t v) { return put_le(b, v, 2); }
bool buf_put_le32(struct buf *b, uint32_t v) { return put_le(b, v, 4); }
bool buf_put_le64(struct buf *b, uint64_t v) { return put_le(b, v, 8); }

bool buf_put_varint(struct buf *b, uint64_t v)
{
	uint8_t raw[10];
	unsigned n = 0;
	for (; v >= 0x80; v >>= 7)
		raw[n++] = (uint8_t)(v | 0x80);
	raw[n++] = (uint8_t)v;
	return buf_put(b, raw, n);
}

const char *buf_cstr(struct buf *b)
{
	if (b->failed || !b->p)
		return "";
	b->p[b->n] = 0;
	return (const char *)b->p;
}

enum err_code buf_ok(const struct buf *b, const char *what, struct err *e)
{
	if (!b->failed)
		return OK;
	return err_set(e, ERR_LIMIT, 0, "%s is larger than the limit of %zu bytes, or memory ran out", what, b->max);
}
