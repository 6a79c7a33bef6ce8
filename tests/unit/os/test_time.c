#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "os.h"

static void formats_and_parses(void **)
{
	static const struct { uint64_t s; const char *text; } t[] = {
		{ 0, "1970-01-01T00:00:00Z" }, { 951782400, "2000-02-29T00:00:00Z" }, { 1795369500, "2026-11-22T17:45:00Z" },
		{ 4107542399, "2100-02-28T23:59:59Z" }, { 4107542400, "2100-03-01T00:00:00Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char dst[21];
		uint64_t s = 1;
		os_format_time(t[i].s, dst);
		assert_string_equal(dst, t[i].text);
		assert_true(os_parse_time(slice_str(t[i].text), &s));
		assert_int_equal(s, t[i].s);
	}
}

static void parses_others(void **)
{
	static const struct { const char *text; uint64_t s; } good[] = {
		{ "1970-01-02", 86400 }, { "1970-01-01T01:00:00+01:00", 0 }, { "1970-01-01T00:00:00-00:30", 1800 },
		{ "1970-01-01t00:00:01.123456z", 1 }, { "1970-01-01 00:00:02Z", 2 },
	};
	static const char *const bad[] = {
		"", "1970", "1970-1-1", "1970-13-01", "1970-02-29", "1970-01-00", "1970-01-01T", "1970-01-01T00:00:00", "1970-01-01T24:00:00Z",
		"1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00Zx", "1969-12-31", "1970-01-01T00:00:00+01:00",
	};
	uint64_t s;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(os_parse_time(slice_str(good[i].text), &s));
		assert_int_equal(s, good[i].s);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (os_parse_time(slice_str(bad[i]), &s))
			fail_msg("%s was taken", bad[i]);
}

static void now(void **)
{
	setenv("SOURCE_DATE_EPOCH", "12345", 1);
	assert_int_equal(os_now_s(), 12345);
	setenv("SOURCE_DATE_EPOCH", "soon", 1);
	assert_true(os_now_s() > 1600000000);
	unsetenv("SOURCE_DATE_EPOCH");
	assert_true(os_now_s() > 1600000000);
	os_set_now(77);
	assert_int_equal(os_now_s(), 77);
	assert_true(os_cpu_count() >= 1);
	uint64_t a = os_monotonic_ns();
	assert_true(os_monotonic_ns() >= a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats_and_parses), cmocka_unit_test(parses_others), cmocka_unit_test(now) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
