#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "facts.h"
#include "finding.h"

static void round_trip(void **state)
{
	(void)state;
	struct err e;
	AUTO_BUF b = BUF(MIB), list = BUF(KIB), json = BUF(4 * KIB);
	fact_list_put(&list, SL("x:/bin/sh"));
	fact_list_put(&list, SL(""));
	fact_list_put(&list, SL("s:lib.sh"));
	struct fact in = { .type = FACT_SCRIPT, .path = SL("usr/bin/x"), .inner = SL("a/b"),
			   .script = { .lang = LANG_SHELL, .interpreter = SL("/bin/sh"), .refs = buf_slice(&list) } }, out;
	assert_int_equal(fact_encode(&b, &in, &e), OK);
	assert_int_equal(fact_decode(buf_slice(&b), &out, &e), OK);
	assert_true(slice_eq(out.path, in.path) && slice_eq(out.inner, in.inner));
	assert_int_equal(out.script.lang, LANG_SHELL);
	assert_true(slice_eq(out.script.refs, in.script.refs));
	assert_true(fact_to_json(&json, &out));
	assert_string_equal(buf_cstr(&json), "{\"fact\":\"script\",\"path\":\"usr/bin/x\",\"inner\":\"a/b\",\"lang\":1,\"interpreter\":\"/bin/sh\","
					     "\"refs\":[\"x:/bin/sh\",\"\",\"s:lib.sh\"]}");
	/* Every truncation and every extension is refused. */
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(fact_decode(slice_upto(buf_slice(&b), n), &out, &e), ERR_FORMAT);
	buf_putc(&b, 0);
	assert_int_equal(fact_decode(buf_slice(&b), &out, &e), ERR_FORMAT);
}

static void every_type(void **state)
{
	(void)state;
	struct err e;
	for (unsigned t = 1; t < FACT_TYPE_COUNT; t++) {
		AUTO_BUF b = BUF(MIB);
		struct fact in = { .type = t, .path = SL("p") }, out;
		assert_int_equal(fact_encode(&b, &in, &e), OK);
		assert_int_equal(fact_decode(buf_slice(&b), &out, &e), OK);
		assert_int_equal(out.type, t);
		assert_string_not_equal(fact_type_name(t), "unknown");
		assert_true(fact_limit(t).max_bytes > 0);
	}
}

static void order(void **state)
{
	(void)state;
	static const char *const sorted[] = { "", "a", "a/b", "a/b/c", "a/c", "a b", "a!", "a.b", "aa", "b", "directory/name", "directory/namf" };
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int c = fact_path_cmp(slice_str(sorted[i]), slice_str(sorted[j]));
			if ((c > 0) - (c < 0) != (i > j) - (i < j))
				fail_msg("%s against %s gives %d", sorted[i], sorted[j], c);
		}
}

static void purls(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(MIB);
	struct os_info os = { .id = SL("debian"), .version_id = SL("12") };
	static const struct { const char *type, *name, *version, *arch, *want; } t[] = {
		{ "deb", "libstdc++6", "1:2.3+b1", "amd64", "pkg:deb/debian/libstdc%2B%2B6@1:2.3%2Bb1?arch=amd64&distro=debian-12" },
		{ "rpm", "bash", "1:5.1-4", "x86_64", "pkg:rpm/debian/bash@5.1-4?arch=x86_64&distro=debian-12&epoch=1" },
		{ "npm", "@babel/core", "7.0.0", "", "pkg:npm/%40babel/core@7.0.0" },
		{ "golang", "github.com/A/b", "v1.0.0", "", "pkg:golang/github.com/a/b@v1.0.0" },
		{ "pypi", "Foo_Bar", "1.0", "", "pkg:pypi/foo-bar@1.0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct package p = { .type = slice_str(t[i].type), .name = slice_str(t[i].name), .version = slice_str(t[i].version),
				     .arch = slice_str(t[i].arch) };
		struct slice got = package_purl(&a, &p, &os);
		assert_string_equal((const char *)got.p, t[i].want);
	}
}

static void finding_ids(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(MIB);
	struct report r = { .arena = &a };
	struct layer_info *l = ARENA_PUSH(&a, &r.layers);
	l->diff_id = SL("sha256:aa");
	char first[33] = "";
	for (int i = 0; i < 3; i++) {
		struct finding *f = report_add_finding(&r);
		f->rule = SL("miner.x");
		struct evidence *v = finding_add_evidence(&r, f);
		v->path = SL("/a");
		v->layer = i == 2 ? -1 : 0;
		finding_seal(&r, f);
		assert_int_equal(strlen(f->id), 32);
		if (i == 0)
			memcpy(first, f->id, sizeof(first));
		assert_int_equal(!strcmp(first, f->id), i < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(every_type), cmocka_unit_test(order),
		cmocka_unit_test(purls), cmocka_unit_test(finding_ids) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
