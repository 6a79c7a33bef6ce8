#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "yml.h"

static void positions(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(MIB);
	struct yml_doc doc;
	struct err e;
	assert_int_equal(yml_parse(SL("a: 1\nlist:\n  - x\n  - {k: \"true\", z: ~}\n"), "f", &a, &doc, &e), OK);
	struct yml_node *l = yml_get(doc.root, "list");
	assert_int_equal(l->kind, YML_LIST);
	assert_int_equal(l->n, 2);
	struct yml_node *m = l->first->next, *k = yml_get(m, "k");
	assert_int_equal(m->line, 4);
	assert_int_equal(m->column, 5);
	assert_true(k->quoted);
	assert_int_equal(k->key_column, 6);
	assert_true(yml_is_null(yml_get(m, "z")));
	assert_null(yml_get(m, "none"));
}

static void refused(void **state)
{
	(void)state;
	static const struct { const char *text, *want; } t[] = {
		{ "a: &x 1\nb: *x\n", "f:1:4: anchors" }, { "a: 1\nb: 2\na: 3\n", "f:3:1: the key 'a' is given twice, first in line 1" },
		{ "b: *x\n", "f:1:4: aliases" }, { "a: !!str x\n", "f:1:4: tags" }, { "a: 1\n---\nb: 2\n", "f:2:1: a second document" },
		{ "{a: 1}: 2\n", "f:1:1: a key must be a plain word" }, { "a: [1\n", "not valid YAML" }, { "a: \"\\0\"\n", "NUL" },
		{ "\xff\xfe\xff", "UTF-8" }, { "a:\n\t- b\n", "f:2:1: not valid YAML" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(MIB);
		struct yml_doc doc;
		struct err e = { 0 };
		assert_int_equal(yml_parse(slice_str(t[i].text), "f", &a, &doc, &e), ERR_USAGE);
		if (!strstr(e.msg, t[i].want))
			fail_msg("%s: %s", t[i].text, e.msg);
	}
}

static void limits(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(64 * MIB);
	AUTO_BUF b = BUF(16 * MIB);
	struct yml_doc doc;
	struct err e;
	for (int i = 0; i < 100; i++)
		buf_putc(&b, '[');
	assert_int_equal(yml_parse(buf_slice(&b), "f", &a, &doc, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "64 levels"));
	buf_clear(&b);
	for (int i = 0; i < 1001; i++)
		buf_printf(&b, "k%d: 1\n", i);
	assert_int_equal(yml_parse(buf_slice(&b), "f", &a, &doc, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "1000 keys"));
	assert_int_equal(yml_parse(SL(""), "f", &a, &doc, &e), OK);
	assert_null(doc.root);
	struct arena tiny = ARENA(64);
	assert_int_equal(yml_parse(SL("a: [1,2,3,4,5,6,7,8,9]"), "f", &tiny, &doc, &e), ERR_NOMEM);
	arena_free(&tiny);
}

static void nearest(void **state)
{
	(void)state;
	static const char *const known[] = { "severity", "package", "rule", "image", "exploited", NULL };
	static const struct { const char *word, *want; } t[] = {
		{ "severty", "severity" }, { "packages", "package" }, { "roule", "rule" }, { "sever", "severity" }, { "zzz", NULL }, { "x", NULL },
		{ "exploitd", "exploited" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *got = yml_nearest(slice_str(t[i].word), known);
		if (!t[i].want ? got != NULL : !got || strcmp(got, t[i].want))
			fail_msg("%s: %s", t[i].word, got ? got : "(none)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions), cmocka_unit_test(refused), cmocka_unit_test(limits), cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
