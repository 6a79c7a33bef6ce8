/* The parts of the distribution protocol that need no server: ranges, and the memory of hot manifests and open blobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "registry.h"

static void ranges(void **state)
{
	(void)state;
	static const struct { const char *text; uint64_t size; int status; uint64_t offset, length; } t[] = {
		{ "", 10, 200, 0, 10 }, { "bytes=0-0", 10, 206, 0, 1 }, { "bytes=3-", 10, 206, 3, 7 }, { "bytes=3-100", 10, 206, 3, 7 }, { "bytes=-4", 10, 206, 6, 4 },
		{ "bytes=-40", 10, 206, 0, 10 }, { "bytes=-0", 10, 416, 0, 10 }, { "bytes=10-", 10, 416, 0, 10 }, { "bytes=0-", 0, 416, 0, 0 }, { "bytes=5-3", 10, 200, 0, 10 },
		{ "bytes=0-1,4-5", 10, 200, 0, 10 }, { "lines=0-1", 10, 200, 0, 10 }, { "bytes=x-1", 10, 200, 0, 10 }, { "bytes=1", 10, 200, 0, 10 },
		{ "bytes=0-18446744073709551615", 10, 206, 0, 10 }, { "bytes=99999999999999999999-", 10, 200, 0, 10 }, { "bytes=--1", 10, 200, 0, 10 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t offset, length;
		int status = reg_range(slice_str(t[i].text), t[i].size, &offset, &length);
		if (status != t[i].status || (status != 416 && (offset != t[i].offset || length != t[i].length)))
			fail_msg("%s of %d: %d %d+%d", t[i].text, (int)t[i].size, status, (int)offset, (int)length);
	}
}

static struct mem_body *put(struct mem_manifest *m, unsigned n, size_t size)
{
	char digest[100];
	uint8_t *body = calloc(1, size);
	assert_non_null(body);
	snprintf(digest, sizeof(digest), "sha256:%064u", n);
	struct store_manifest s = { .digest = slice_str(digest), .media_type = SL("a/b"), .body = slice_of(body, size) };
	struct mem_body *b = mem_manifest_add(m, &s);
	free(body);
	return b;
}

static struct mem_body *find(struct mem_manifest *m, unsigned n)
{
	char digest[100];
	snprintf(digest, sizeof(digest), "sha256:%064u", n);
	return mem_manifest_body(m, slice_str(digest));
}

static void manifests(void **state)
{
	(void)state;
	struct mem_manifest *m = mem_manifest_open();
	assert_non_null(m);
	struct mem_body *b = put(m, 1, 1000), *again = put(m, 1, 1000), *got;
	assert_ptr_equal(b, again);
	mem_body_release(again);
	mem_manifest_remember(m, SL("a/b"), SL("tag"), b, 7);
	mem_body_release(b);
	got = mem_manifest_known(m, SL("a/b"), SL("tag"), 7);
	assert_ptr_equal(got, b);
	assert_string_equal(mem_body_type(got), "a/b");
	assert_int_equal(mem_body_bytes(got).n, 1000);
	mem_body_release(got);
	/* another reference, another repository, anything that changed */
	assert_null(mem_manifest_known(m, SL("a/b"), SL("other"), 7));
	assert_null(mem_manifest_known(m, SL("a"), SL("b/tag"), 7));
	assert_null(mem_manifest_known(m, SL("a/b"), SL("tag"), 8));
	/* bounded, also by what names hold; what a reader still has stays whole */
	struct mem_body *held = find(m, 1);
	for (unsigned i = 2; i < 100; i++) {
		struct mem_body *x = put(m, i, 256 << 10);
		mem_manifest_remember(m, SL("a/b"), slice_of(&i, sizeof(i)), x, 7);
		mem_body_release(x);
	}
	assert_null(find(m, 1));
	assert_null(mem_manifest_known(m, SL("a/b"), SL("tag"), 7));
	size_t there = 0;
	for (unsigned i = 2; i < 100; i++) {
		struct mem_body *x = find(m, i);
		there += x != NULL;
		mem_body_release(x);
	}
	assert_true(there > 20 && there * (256 << 10) <= MEM_MANIFEST_BYTES);
	assert_int_equal(mem_body_bytes(held).n, 1000);
	mem_body_release(held);
	/* too large for the memory: the caller's alone */
	b = put(m, 1000, 3 << 20);
	assert_non_null(b);
	mem_manifest_remember(m, SL("a/b"), SL("large"), b, 7);
	assert_null(mem_manifest_known(m, SL("a/b"), SL("large"), 7));
	mem_body_release(b);
	mem_manifest_close(m);
}

static void descriptors(void **state)
{
	(void)state;
	struct mem_fd *m = mem_fd_open();
	char text[8] = "";
	FILE *f = tmpfile();
	assert_true(m && f && fputs("hello", f) >= 0 && !fflush(f));
	assert_int_equal(mem_fd_get(m, SL("sha256:aa")), -1);
	mem_fd_put(m, SL("sha256:aa"), fileno(f));
	fclose(f);
	int fd = mem_fd_get(m, SL("sha256:aa"));
	assert_true(fd >= 0 && pread(fd, text, 5, 0) == 5);
	assert_string_equal(text, "hello");
	mem_fd_forget(m, SL("sha256:aa"));
	assert_int_equal(mem_fd_get(m, SL("sha256:aa")), -1);
	assert_true(pread(fd, text, 5, 0) == 5);	/* one that was given out stays */
	close(fd);
	mem_fd_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ranges), cmocka_unit_test(manifests), cmocka_unit_test(descriptors) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
