#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sample.h"
#include "table.h"

static bool contains(struct buf *b, const char *text) { return slice_find(buf_slice(b), slice_str(text)) >= 0; }

/* No line is wider than the terminal, nothing hostile reaches it, at any width. */
static void widths(void **state)
{
	(void)state;
	static const unsigned list[] = { 40, 60, 80, 120, 200 };
	struct sample s;
	sample_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		for (int verbose = 0; verbose < 2; verbose++) {
			struct report_options o = { .version = "1", .width = list[i], .verbose = verbose };
			AUTO_BUF b = BUF(4 * MIB);
			render(&s, 1, REPORT_TABLE, &o, &b);
			struct slice rest = buf_slice(&b), line;
			while (slice_next_line(&rest, &line))
				if (t_columns(line) > list[i])
					fail_msg("width %u: %.*s", list[i], SLICE_ARG(line));
			assert_false(contains(&b, "\x1b"));
			assert_false(contains(&b, "\xff"));
			assert_true(contains(&b, "REFUSE  docker.io/somebody/openjdk:8"));
		}
	}
	arena_free(&s.arena);
}

static void content(void **state)
{
	(void)state;
	struct sample s;
	struct report_options o = { .version = "1", .width = 80 };
	AUTO_BUF b = BUF(4 * MIB);
	sample_init(&s);
	render(&s, 1, REPORT_TABLE, &o, &b);
	static const char *const want[] = {
		"  refuse  The image mines", "past its end of life, 2024-06-30", "6,680 files", "VULNERABILITIES", "libssl1.1, openssl",
		"1.1.1n-0+deb10u3 → 1.1.1n-0+deb10u6", "CVE-2021-3156 exploited!", "will not be fixed", "\\x1b[31m\\xff", "hidden by a later layer",
		"layer 2: RUN apt-get update", "base image, layer 1: ADD file:a1b2c3d4e5f6 in /", "--verbose lists it",
	};
	if (getenv("SHOW"))
		printf("%s\n", buf_cstr(&b));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!contains(&b, want[i]))
			fail_msg("no '%s' in\n%s", want[i], buf_cstr(&b));
	assert_false(contains(&b, "Runs as root"));
	arena_free(&s.arena);
}

static void colours_and_ascii(void **state)
{
	(void)state;
	struct sample s;
	struct report_options o = { .version = "1", .width = 80, .color = true };
	AUTO_BUF b = BUF(4 * MIB);
	sample_init(&s);
	render(&s, 1, REPORT_TABLE, &o, &b);
	assert_true(contains(&b, "\x1b[1;97;41m REFUSE \x1b[0m"));
	if (getenv("SHOW"))
		printf("%s\n", buf_cstr(&b));
	buf_clear(&b);
	o = (struct report_options){ .version = "1", .width = 80, .ascii = true };
	render(&s, 1, REPORT_TABLE, &o, &b);
	for (size_t i = 0; i < b.n; i++)
		assert_true(b.p[i] < 0x80);
	arena_free(&s.arena);
}

static void clean_image(void **state)
{
	(void)state;
	struct sample s = { .arena = ARENA(MIB) };
	struct report_options o = { .version = "1", .width = 80 };
	AUTO_BUF b = BUF(MIB);
	s.r = (struct report){ .arena = &s.arena, .reference = SL("x"), .complete = true };
	render(&s, 1, REPORT_TABLE, &o, &b);
	assert_true(contains(&b, "ADMIT  x\n\n  admit   Nothing was found.\n"));
	arena_free(&s.arena);
}

static void instructions(void **state)
{
	(void)state;
	static const struct { const char *raw, *want; } t[] = {
		{ "/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]" }, { "/bin/sh -c apt update", "RUN apt update" },
		{ "RUN /bin/sh -c make # buildkit", "RUN make" }, { "|1 A=b /bin/sh -c make", "RUN make" }, { "COPY a /b # buildkit", "COPY a /b" },
		{ "RUN |1 A=b /bin/sh -c make # buildkit", "RUN make" }, { "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_BUF b = BUF(KIB);
		t_instruction(&b, slice_str(t[i].raw));
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
}

static void versions(void **state)
{
	(void)state;
	static const char *const ascending[] = { "1.0~rc1", "1.0", "1.0-1", "1.0a", "1.2", "1.10", "1:0.1" };
	for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
		for (size_t k = 0; k < ARRAY_LEN(ascending); k++) {
			int c = t_version_cmp(slice_str(ascending[i]), slice_str(ascending[k]));
			if ((i < k) != (c < 0) || (i == k) != (c == 0))
				fail_msg("%s %s: %d", ascending[i], ascending[k], c);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths), cmocka_unit_test(content), cmocka_unit_test(colours_and_ascii), cmocka_unit_test(clean_image),
		cmocka_unit_test(instructions), cmocka_unit_test(versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
