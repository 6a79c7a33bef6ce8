#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base.h"

static void glob(void **state)
{
	(void)state;
	static const struct { const char *pat, *text; bool want; } t[] = {
		{ "*", "abc", true }, { "*", "a/c", false }, { "**", "a/c", true }, { "a/*/c", "a/b/c", true }, { "a/*/c", "a/b/x/c", false },
		{ "a/**/c", "a/b/x/c", true }, { "**/x.y", "p/q/x.y", true }, { "*.so*", "libc.so.6", true }, { "[a-c]?", "bz", true },
		{ "[!a-c]?", "bz", false }, { "[", "[", true }, { "", "", true }, { "", "a", false }, { "**.pth", "usr/lib/a.pth", true },
		{ "**/a*b/**", "x/aXb/c/d", true }, { "**/a*b/**", "x/aX/b/c/d", false }, { "docker.io/**", "docker.io/library/nginx", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (slice_glob(slice_str(t[i].pat), slice_str(t[i].text)) != t[i].want)
			fail_msg("glob %s %s", t[i].pat, t[i].text);
}

static void pieces_and_lines(void **state)
{
	(void)state;
	struct slice rest = SL("a\r\nb\n\nc"), line;
	static const char *const want[] = { "a", "b", "", "c" };
	for (size_t i = 0; i < 4; i++) {
		assert_true(slice_next_line(&rest, &line));
		assert_true(slice_eqs(line, want[i]));
	}
	assert_false(slice_next_line(&rest, &line));
	rest = SL("x,,y,");
	unsigned n = 0;
	while (slice_next_piece(&rest, ',', &line))
		n++;
	assert_int_equal(n, 4);
}

static void escaping(void **state)
{
	(void)state;
	char out[64];
	assert_string_equal(text_escape_to(out, sizeof(out), SL("a\x1b[31mb\nc\xff\\\xe2\x80\xae")), "a\\x1b[31mb\\x0ac\\xff\\\\\\xe2\\x80\\xae");
	assert_string_equal(text_escape_to(out, 8, SL("abcdefghij")), "abcd...");
	AUTO_BUF b = BUF(64);
	assert_true(text_json_escape(&b, SL("\"\xff\n")));
	assert_string_equal(buf_cstr(&b), "\\\"\\\\xff\\n");
	assert_false(text_is_utf8(SL("\xed\xa0\x80")));
	assert_false(text_is_utf8(SL("\xc0\xaf")));
	assert_true(text_is_utf8(SL("\xf0\x9f\x90\xb3")));
}

static void numbers(void **state)
{
	(void)state;
	uint64_t v;
	assert_true(text_parse_size(SL("128M"), &v) && v == 128 << 20);
	assert_true(text_parse_size(SL("2GiB"), &v) && v == (uint64_t)2 << 30);
	assert_false(text_parse_size(SL("16777216T"), &v));
	assert_false(text_parse_size(SL("M"), &v));
	assert_true(text_parse_duration(SL("7d"), &v) && v == 604800000u);
	assert_false(text_parse_duration(SL("7"), &v));
	assert_false(slice_to_u64(SL("18446744073709551616"), &v));
	assert_int_equal(text_distance(SL("openjdk"), SL("opnejdk"), 3), 1);
	assert_int_equal(text_distance(SL("nginx"), SL("golang"), 2), 3);
}

static void codecs(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(64);
	assert_true(base64_decode(&b, SL("aGVsbG8="), false));
	assert_true(slice_eqs(buf_slice(&b), "hello"));
	buf_clear(&b);
	assert_true(base64_encode(&b, SL("hello!!")));
	assert_string_equal(buf_cstr(&b), "aGVsbG8hIQ==");
	buf_clear(&b);
	assert_false(base64_decode(&b, SL("aGVsbG9="), false));	/* stray bits */
	assert_false(base64_decode(&b, SL("aGVs bG8="), false));
	uint8_t raw[2];
	assert_false(hex_decode(SL("AB12"), raw, 2, false));
	assert_true(hex_decode(SL("AB12"), raw, 2, true));
}

static void limits(void **state)
{
	(void)state;
	struct err e;
	AUTO_BUF b = BUF(10);
	assert_true(buf_puts(&b, "0123456789"));
	assert_false(buf_putc(&b, 'x'));
	assert_int_equal(buf_ok(&b, "thing", &e), ERR_LIMIT);
	AUTO_BUF empty = BUF(10);
	assert_true(buf_printf(&empty, "%s", "") && empty.n == 0);
	assert_true(buf_printf(&empty, "%d", 7) && slice_eqs(buf_slice(&empty), "7"));
	AUTO_ARENA a = ARENA(64 * KIB);
	assert_non_null(arena_alloc(&a, 20000));
	assert_null(arena_alloc(&a, 60000));
	assert_int_equal(arena_ok(&a, "thing", &e), ERR_NOMEM);
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 4));
	struct rd r = rd_of(SL("\x80\x80\x01"));
	assert_int_equal(rd_varint(&r), 16384);
	rd_u8(&r);
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(glob), cmocka_unit_test(pieces_and_lines), cmocka_unit_test(escaping),
		cmocka_unit_test(numbers), cmocka_unit_test(codecs), cmocka_unit_test(limits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
