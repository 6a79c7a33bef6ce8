/* A growable byte buffer with a maximum: there is no growable buffer without one. */
#pragma once
#include <stdarg.h>
#include "err.h"
#include "slice.h"

struct buf {
	uint8_t *p;
	size_t n;
	size_t cap;
	size_t max;	/* bytes; never grows beyond */
	bool failed;	/* sticky: an append was refused (over max, or out of memory) */
};

#define BUF(max_bytes) ((struct buf){ .max = (max_bytes) })
void buf_free(struct buf *b);
#define AUTO_BUF [[gnu::cleanup(buf_free)]] struct buf

/* Appends are sticky: after one failed, all others do nothing and return false. Check once at the end with buf_ok. */
bool buf_reserve(struct buf *b, size_t more);
bool buf_put(struct buf *b, const void *p, size_t n);
bool buf_put_slice(struct buf *b, struct slice s);
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, uint8_t c);
[[gnu::format(printf, 2, 3)]] bool buf_printf(struct buf *b, const char *fmt, ...);
[[gnu::format(printf, 2, 0)]] bool buf_vprintf(struct buf *b, const char *fmt, va_list ap);
bool buf_put_le16(struct buf *b, uint16_t v);
bool buf_put_le32(struct buf *b, uint32_t v);
bool buf_put_le64(struct buf *b, uint64_t v);
bool buf_put_varint(struct buf *b, uint64_t v);	/* LEB128 */
static inline struct slice buf_slice(const struct buf *b) { return (struct slice){ b->p, b->n }; }
static inline void buf_clear(struct buf *b) { b->n = 0; b->failed = false; }
/* The content as a NUL-terminated string (the NUL is not counted in n); "" when failed or empty. */
const char *buf_cstr(struct buf *b);
/* OK, or ERR_LIMIT/ERR_NOMEM that says what was being built. */
[[nodiscard]] enum err_code buf_ok(const struct buf *b, const char *what, struct err *e);
