#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "tar.h"

/* tests/live/tar-go.sh compares the reader with Go's in thousands of archives; here is what Go does not say: offsets, flags, how an
 * archive ends, limits, and that content is not copied. */

static void put_header(struct buf *b, const char *name, char type, size_t size)
{
	uint8_t h[512] = { 0 };
	unsigned sum = 0;
	snprintf((char *)h, 100, "%s", name);
	snprintf((char *)h + 100, 8, "%07o", 04755);
	snprintf((char *)h + 108, 8, "%07o", 0);
	snprintf((char *)h + 116, 8, "%07o", 0);
	snprintf((char *)h + 124, 12, "%011zo", size);
	snprintf((char *)h + 136, 12, "%011o", 1);
	memset(h + 148, ' ', 8);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	assert_true(buf_put(b, h, sizeof(h)));
}

static void put_zeros(struct buf *b, size_t n)
{
	while (n--)
		buf_putc(b, 0);
}

static void put_file(struct buf *b, const char *name, char type, struct slice content)
{
	put_header(b, name, type, content.n);
	buf_put_slice(b, content);
	put_zeros(b, -content.n & 511);
}

struct seen {
	char log[4096];
	const uint8_t *start, *end;	/* what was fed: content must point there */
	unsigned flags;
	enum err_code refuse;
};

[[gnu::format(printf, 2, 3)]] static void note(struct seen *s, const char *fmt, ...)
{
	size_t n = strlen(s->log);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->log + n, sizeof(s->log) - n, fmt, ap);
	va_end(ap);
}

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e)
{
	struct seen *s = arg;
	note(s, "[%c %.*s %llu @%llu %llu]", t->type, (int)(t->name.n > 40 ? 40 : t->name.n), (const char *)t->name.p,
	     (unsigned long long)t->size, (unsigned long long)t->header_offset, (unsigned long long)t->content_offset);
	s->flags |= t->flags;
	return s->refuse ? err_set(e, s->refuse, 0, "refused") : OK;
}

static enum err_code on_data(void *arg, struct slice chunk, uint64_t at, bool last, struct err *)
{
	struct seen *s = arg;
	if (at == SIZE_MAX) {
		note(s, "(%zu zeros%s)", chunk.n, last ? "." : "");
		return OK;
	}
	assert_true(chunk.p >= s->start && chunk.p + chunk.n <= s->end);
	note(s, "(%zu @%llu%s)", chunk.n, (unsigned long long)at, last ? "." : "");
	return OK;
}

/* Feeds all in pieces of `step` bytes; result or error at the end. */
static enum err_code scan(const struct buf *b, size_t step, struct seen *s, struct tar_result *ret, struct err *e)
{
	struct tar_handler h = { on_entry, on_data, s };
	struct tar_reader *r;
	enum err_code code = OK;
	struct slice rest = buf_slice(b);
	s->log[0] = '\0';
	s->flags = 0;
	s->start = b->p;
	s->end = b->p + b->n;
	assert_int_equal(tar_reader_open(&h, &r, e), OK);
	for (; rest.n && code == OK; rest = slice_from(rest, step))
		code = tar_reader_feed(r, slice_upto(rest, step), e);
	if (code != OK) {
		struct err again;
		assert_int_equal(tar_reader_feed(r, SL("x"), &again), code);
		assert_int_equal(tar_reader_finish(r, ret, &again), code);
		assert_string_equal(again.msg, e->msg);
	} else {
		code = tar_reader_finish(r, ret, e);
	}
	tar_reader_close(r);
	return code;
}

static void offsets_and_pieces(void **)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	put_file(&b, "dir/", '5', SLICE_NULL);
	put_file(&b, "dir/a", '0', SL("hello"));
	put_file(&b, "dir/b", '0', SLICE_NULL);
	put_zeros(&b, 1024);
	assert_int_equal(scan(&b, b.n, &s, &res, &e), OK);
	assert_string_equal(s.log, "[5 dir/ 0 @0 512][0 dir/a 5 @512 1024](5 @1024.)[0 dir/b 0 @1536 2048]");
	assert_int_equal(res.end, TAR_END_CLEAN);
	assert_int_equal(res.entries, 3);
	assert_int_equal(res.trailing_bytes, 0);
	assert_int_equal(scan(&b, 3, &s, &res, &e), OK);
	assert_string_equal(s.log, "[5 dir/ 0 @0 512][0 dir/a 5 @512 1024](2 @1024)(3 @1026.)[0 dir/b 0 @1536 2048]");
	s.refuse = ERR_CANCELLED;
	assert_int_equal(scan(&b, b.n, &s, &res, &e), ERR_CANCELLED);
	assert_string_equal(s.log, "[5 dir/ 0 @0 512]");
}

static void ends(void **)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	assert_int_equal(scan(&b, 1, &s, &res, &e), OK);
	assert_int_equal(res.end, TAR_END_NO_ZERO_BLOCKS);
	put_file(&b, "a", '0', SL("hello"));
	assert_int_equal(scan(&b, 100, &s, &res, &e), OK);
	assert_int_equal(res.end, TAR_END_NO_ZERO_BLOCKS);
	put_zeros(&b, 512);
	assert_int_equal(scan(&b, 100, &s, &res, &e), OK);
	assert_int_equal(res.end, TAR_END_LONE_ZERO_BLOCK);
	put_zeros(&b, 512 + 300);
	assert_int_equal(scan(&b, 100, &s, &res, &e), OK);
	assert_int_equal(res.end, TAR_END_CLEAN);
	assert_int_equal(res.trailing_bytes, 300);
	assert_false(res.trailing_nonzero);
	buf_puts(&b, "!more");
	assert_int_equal(scan(&b, 100, &s, &res, &e), OK);
	assert_true(res.trailing_nonzero);
	assert_int_equal(res.trailing_bytes, 305);
	assert_int_equal(res.trailing_offset, 2048 + 300);
}

static void broken(void **)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	put_file(&b, "a", '0', SL("hello"));
	for (size_t n = 1; n < 517; n++) {	/* within the header and the content */
		struct buf cut = { .p = b.p, .n = n };
		assert_int_equal(scan(&cut, n, &s, &res, &e), ERR_FORMAT);
		assert_int_equal(e.offset, n);
	}
	struct buf padding = { .p = b.p, .n = 600 };
	assert_int_equal(scan(&padding, 600, &s, &res, &e), OK);
	put_zeros(&b, 512);
	put_file(&b, "behind a zero block", '0', SLICE_NULL);
	assert_int_equal(scan(&b, b.n, &s, &res, &e), ERR_FORMAT);
	assert_int_equal(e.offset, 1536);
	b.p[2] ^= 1;
	assert_int_equal(scan(&b, b.n, &s, &res, &e), ERR_FORMAT);
	assert_int_equal(e.offset, 0);
	assert_non_null(strstr(e.msg, "checksum"));
}

static void flags(void **)
{
	static const struct { const char *pax, *name; char type; unsigned want; } t[] = {
		{ "14 path=other\n", "n", '0', TAR_F_PAX }, { "9 size=3\n", "n", '0', TAR_F_PAX | TAR_F_PAX_SIZE }, { "9 size=5\n", "n", '0', TAR_F_PAX },
		{ "9 path=a\n9 path=b\n", "n", '0', TAR_F_PAX | TAR_F_PAX_TWICE }, { "", "n/", '0', TAR_F_DIR_WITH_SLASH_AS_FILE },
		{ "", "n", '2', TAR_F_SIZE_WITHOUT_DATA },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_BUF b = BUF(64 * KIB);
		struct seen s = { 0 };
		struct tar_result res;
		struct err e;
		if (t[i].pax[0])
			put_file(&b, "x", 'x', slice_str(t[i].pax));
		if (t[i].type == '2')
			put_header(&b, t[i].name, t[i].type, 5);
		else
			put_file(&b, t[i].name, t[i].type, SL("hello"));
		assert_int_equal(scan(&b, b.n, &s, &res, &e), OK);
		assert_int_equal(s.flags, t[i].want);
	}
	AUTO_BUF b = BUF(64 * KIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	put_file(&b, "L", 'L', SL("long-name"));
	put_file(&b, "x", 'x', SL("14 path=other\n"));
	put_file(&b, "short", '0', SLICE_NULL);
	put_file(&b, "next", '0', SLICE_NULL);
	assert_int_equal(scan(&b, b.n, &s, &res, &e), OK);
	assert_int_equal(s.flags, TAR_F_PAX | TAR_F_GNU_LONG | TAR_F_PAX_AND_GNU);
	assert_string_equal(s.log, "[0 long-name 0 @2048 2560][0 next 0 @2560 3072]");
}

static void sparse_offsets(void **)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	put_file(&b, "x", 'x', SL("22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.size=100000\n"));
	put_header(&b, "sparse", '0', 512 + 10);
	buf_puts(&b, "1\n70000\n10\n");
	put_zeros(&b, 512 - 11);
	buf_puts(&b, "0123456789");
	assert_int_equal(scan(&b, b.n, &s, &res, &e), OK);
	assert_string_equal(s.log, "[0 sparse 100000 @1024 2048](65536 zeros)(4464 zeros)(10 @2048)(29990 zeros.)");
	assert_int_equal(s.flags, TAR_F_PAX | TAR_F_SPARSE);
	b.p[1024 + 512 + 2] = '9';	/* a hole of 90000, then 10 bytes: still fits */
	assert_int_equal(scan(&b, b.n, &s, &res, &e), OK);
}

/* A hole of 2^62 bytes must not keep anybody busy; a name of megabytes must not fill memory. */
static void limits(void **)
{
	AUTO_BUF b = BUF(4 * MIB);
	struct seen s = { 0 };
	struct tar_result res;
	struct err e;
	put_file(&b, "x", 'x',
		 SL("26 GNU.sparse.numblocks=0\n22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n39 GNU.sparse.size=4611686018427387904\n"));
	put_file(&b, "sparse", '0', SLICE_NULL);
	assert_int_equal(scan(&b, b.n, &s, &res, &e), ERR_LIMIT);
	buf_clear(&b);
	put_header(&b, "L", 'L', TAR_MAX_NAME + 1);
	assert_int_equal(scan(&b, b.n, &s, &res, &e), ERR_LIMIT);
	/* a path of 100,000 levels is no problem */
	buf_clear(&b);
	put_header(&b, "L", 'L', 200000);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, "d/");
	put_zeros(&b, -(size_t)200000 & 511);
	put_file(&b, "short", '5', SLICE_NULL);
	assert_int_equal(scan(&b, 1000, &s, &res, &e), OK);
	assert_int_equal(res.entries, 1);
	assert_int_equal(s.flags, TAR_F_GNU_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_and_pieces), cmocka_unit_test(ends), cmocka_unit_test(broken), cmocka_unit_test(flags),
		cmocka_unit_test(sparse_offsets), cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
