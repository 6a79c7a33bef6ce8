#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>
#include "codec.h"

static void slices_and_limits(void **)
{
	AUTO_STREAM s = NULL;
	AUTO_STREAM l = NULL;
	AUTO_BUF all = BUF(100), small = BUF(4);
	struct err e;
	uint8_t b[4];
	size_t n;
	assert_int_equal(stream_of_slice(SL("0123456789"), &s, &e), OK);
	assert_int_equal(stream_limit(s, 6, &l, &e), OK);
	assert_int_equal(stream_read_full(l, b, 4, &n, &e), OK);
	assert_int_equal(n, 4);
	assert_int_equal(stream_read_full(l, b, 4, &n, &e), OK);
	assert_int_equal(n, 2);
	assert_memory_equal(b, "45", 2);
	assert_int_equal(stream_read(l, b, 4, &n, &e), OK);
	assert_int_equal(n, 0);
	assert_int_equal(stream_read_all(s, &all, &e), OK);
	assert_true(slice_eq(buf_slice(&all), SL("6789")));
	stream_close(s);
	assert_int_equal(stream_of_slice(SL("abcd"), &s, &e), OK);
	assert_int_equal(stream_read_all(s, &small, &e), OK);	/* exactly full */
	stream_close(s);
	buf_clear(&small);
	assert_int_equal(stream_of_slice(SL("abcde"), &s, &e), OK);
	assert_int_equal(stream_read_all(s, &small, &e), ERR_LIMIT);
}

static void descriptors(void **)
{
	FILE *f = tmpfile();
	struct stream *s;
	struct err e;
	uint8_t b[32];
	size_t n;
	assert_non_null(f);
	fputs("hello, range", f);
	fflush(f);
	assert_int_equal(stream_of_fd_range(fileno(f), 7, 3, &s, &e), OK);
	assert_int_equal(stream_read_full(s, b, sizeof(b), &n, &e), OK);
	assert_int_equal(n, 3);
	assert_memory_equal(b, "ran", 3);
	stream_close(s);
	assert_int_equal(stream_of_fd_range(fileno(f), 7, 30, &s, &e), OK);
	assert_int_equal(stream_read_full(s, b, sizeof(b), &n, &e), ERR_FORMAT);
	stream_close(s);
	assert_int_equal(stream_of_fd_range(fileno(f), UINT64_MAX, 3, &s, &e), ERR_LIMIT);
	rewind(f);
	assert_int_equal(stream_of_fd(dup(fileno(f)), true, &s, &e), OK);
	assert_int_equal(stream_read_full(s, b, sizeof(b), &n, &e), OK);
	assert_int_equal(n, 12);
	stream_close(s);
	fclose(f);
	assert_int_equal(stream_of_fd(-1, false, &s, &e), OK);
	assert_int_equal(stream_read(s, b, 1, &n, &e), ERR_IO);
	stream_close(s);
	stream_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(slices_and_limits), cmocka_unit_test(descriptors) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
