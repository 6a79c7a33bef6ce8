#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sample.h"

static bool contains(struct buf *b, const char *text) { return slice_find(buf_slice(b), slice_str(text)) >= 0; }

/* Strict enough to notice a missing comma or quote: values, nesting, escapes. */
static const char *skip_value(const char *p, int depth);
static const char *space(const char *p) { while (*p == ' ' || *p == '\n') p++; return p; }

static const char *skip_string(const char *p)
{
	assert_int_equal(*p, '"');
	for (p++; *p != '"'; p++) {
		assert_true((uint8_t)*p >= 0x20);
		if (*p == '\\') {
			p++;
			assert_non_null(strchr("\"\\/bfnrtu", *p));
		}
	}
	return p + 1;
}

static const char *skip_items(const char *p, int depth, bool members)
{
	char end = members ? '}' : ']';
	p = space(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		if (members) {
			p = space(skip_string(space(p)));
			assert_int_equal(*p, ':');
			p++;
		}
		p = space(skip_value(space(p), depth + 1));
		if (*p == end)
			return p + 1;
		assert_int_equal(*p, ',');
		p++;
	}
}

static const char *skip_value(const char *p, int depth)
{
	assert_true(depth < 12);
	if (*p == '{' || *p == '[')
		return skip_items(p, depth, *p == '{');
	if (*p == '"')
		return skip_string(p);
	const char *start = p;
	while (strchr("truefalsn0123456789.-", *p) && *p)
		p++;
	assert_true(p > start);
	return p;
}

static void check(struct buf *b)
{
	const char *p = space(skip_value(space(buf_cstr(b)), 0));
	if (*p)
		fail_msg("behind the value: %.60s", p);
}

static void one_object(void **state)
{
	(void)state;
	struct sample s;
	struct report_options o = { .version = "0.1.0" };
	AUTO_BUF b = BUF(4 * MIB);
	AUTO_BUF again = BUF(4 * MIB);
	sample_init(&s);
	render(&s, 1, REPORT_JSON, &o, &b);
	check(&b);
	static const char *const want[] = {
		"\"schema\": \"pabean.scan/1\"", "\"decision\": \"refuse\"", "\"effect\": \"hold\"", "\"path\": \"/tmp/a\\n\\u001b[31m\\\\xff.sh\"",
		"\"path_base64\": \"L3RtcC9hChtbMzFt/y5zaA==\"", "\"Debian:10\": 44021", "\"path\": \"config:Entrypoint\"", "\"path\": \"/opt/x.rar\"",
		"\"expires\": null", "\"score\": 0.91234", "\"critical\": 3",
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!contains(&b, want[i]))
			fail_msg("no %s in\n%s", want[i], buf_cstr(&b));
	assert_int_equal(b.p[0], '{');
	render(&s, 1, REPORT_JSON, &o, &again);
	assert_true(slice_eq(buf_slice(&b), buf_slice(&again)));
	arena_free(&s.arena);
}

static void arrays(void **state)
{
	(void)state;
	struct sample s;
	sample_init(&s);
	for (unsigned n = 0; n < 4; n++) {
		for (int always = 0; always < 2; always++) {
			struct report_options o = { .version = "1", .always_array = always };
			AUTO_BUF b = BUF(4 * MIB);
			render(&s, n, REPORT_JSON, &o, &b);
			check(&b);
			assert_int_equal(b.p[0], n == 1 && !always ? '{' : '[');
		}
	}
	struct report_options o = { .version = "1" };
	AUTO_BUF b = BUF(4 * MIB);
	render(&s, 3, REPORT_JSONL, &o, &b);
	struct slice rest = buf_slice(&b), line;
	unsigned lines = 0;
	while (slice_next_line(&rest, &line)) {
		AUTO_BUF one = BUF(4 * MIB);
		buf_put_slice(&one, line);
		check(&one);
		lines++;
	}
	assert_int_equal(lines, 3);
	arena_free(&s.arena);
}

static void sarif(void **state)
{
	(void)state;
	struct sample s;
	struct report_options o = { .version = "0.1.0" };
	AUTO_BUF b = BUF(4 * MIB);
	sample_init(&s);
	s.r.findings.items[3].waived_by = SL("accepted");
	render(&s, 2, REPORT_SARIF, &o, &b);
	check(&b);
	static const char *const want[] = {
		"\"version\": \"2.1.0\"", "\"uri\": \"opt/.x/java\"", "\"uri\": \"tmp/a%0A%1B%5B31m%FF.sh\"", "\"security-severity\": \"9.5\"",
		"\"pabeanFinding/v1\"", "\"suppressions\"", "\"uri\": \"docker.io/somebody/openjdk%3A8\"",
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!contains(&b, want[i]))
			fail_msg("no %s in\n%s", want[i], buf_cstr(&b));
	arena_free(&s.arena);
}

static void full_disk(void **state)
{
	(void)state;
	struct sample s;
	struct report_options o = { .version = "1" };
	struct report_writer *w = NULL;
	struct err e = { 0 };
	sample_init(&s);
	FILE *full = fopen("/dev/full", "w");
	if (!full)
		skip();
	assert_int_equal(report_open(fileno(full), REPORT_JSON, &o, &w, &e), OK);
	assert_int_equal(report_add(w, &s.r, &e), OK);
	assert_int_equal(report_finish(w, &e), ERR_IO);
	report_close(w);
	fclose(full);
	arena_free(&s.arena);
}

/* For validation against the schemas by other programs: WRITE_SAMPLES=DIR. */
static void write_samples(void **state)
{
	(void)state;
	static const struct { const char *name; enum report_format format; } files[] = {
		{ "sample.json", REPORT_JSON }, { "sample.sarif", REPORT_SARIF },
	};
	const char *dir = getenv("WRITE_SAMPLES");
	struct sample s;
	sample_init(&s);
	for (size_t i = 0; dir && i < ARRAY_LEN(files); i++) {
		struct report_options o = { .version = "0.1.0" };
		char path[4096];
		AUTO_BUF b = BUF(4 * MIB);
		render(&s, 1, files[i].format, &o, &b);
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
		fclose(f);
	}
	arena_free(&s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_object), cmocka_unit_test(arrays), cmocka_unit_test(sarif), cmocka_unit_test(full_disk),
		cmocka_unit_test(write_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
