#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "oci.h"

#define H64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void good(void **state)
{
	(void)state;
	static const struct { const char *in, *text; } t[] = {
		{ "nginx", "docker.io/library/nginx:latest" },
		{ "nginx:1.27", "docker.io/library/nginx:1.27" },
		{ "index.docker.io/nginx", "docker.io/library/nginx:latest" },
		{ "bitnami/nginx", "docker.io/bitnami/nginx:latest" },
		{ "localhost/x", "localhost/x:latest" },
		{ "localhost:5000/x/y:1", "localhost:5000/x/y:1" },
		{ "ghcr.io/a/b@sha256:" H64, "ghcr.io/a/b@sha256:" H64 },
		{ "nginx:1@sha256:" H64, "docker.io/library/nginx:1@sha256:" H64 },
		{ "a/b@sha512:" H64 H64, "docker.io/a/b@sha512:" H64 H64 },
		{ "[::1]:5000/x", "[::1]:5000/x:latest" },
		{ "FOO/bar", "FOO/bar:latest" },
		{ "a__b/c.d-e---f", "docker.io/a__b/c.d-e---f:latest" },
		{ "localhost:5000", "docker.io/library/localhost:5000" },
		{ "x:_A.b-c", "docker.io/library/x:_A.b-c" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 16);
		struct oci_reference r;
		struct err e;
		if (oci_reference_parse(slice_str(t[i].in), &a, &r, &e) != OK)
			fail_msg("%s: %s", t[i].in, e.msg);
		if (!slice_eqs(r.text, t[i].text))
			fail_msg("%s: %.*s", t[i].in, SLICE_ARG(r.text));
	}
}

static void bad(void **state)
{
	(void)state;
	static const char *const t[] = {
		"", ":", "@", "nginx:", "Nginx", "nginx@", "nginx@sha256:../../x", "nginx@sha256:abc", "nginx@SHA256:" H64, "nginx@md5:" H64,
		"nginx@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "nginx@sha512:" H64, H64, "../x", "a/../b",
				"a//b",
		"/a", "a/", "a___b", "-a", "a-", "a.", "a..b", "x:.a", "x:-a", "host:99999/x", "host:0/x", "host:/x", "-host.io/x",
				"ho_st.io/x",
		"a b", "a\nb", "x:1:2", "x@sha256:" H64 "@sha256:" H64, "x:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "[::1/x", "[zz!]:1/x", "user:pw@host.io/x", "host.io/",
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 16);
		struct oci_reference r;
		struct err e = { 0 };
		if (oci_reference_parse(slice_str(t[i]), &a, &r, &e) == OK)
			fail_msg("taken: %s", t[i]);
		assert_int_equal(e.code, ERR_USAGE);
	}
}

static void digests(void **state)
{
	(void)state;
	assert_true(oci_digest_matches(SL("sha256:" H64), SL("")));
	assert_false(oci_digest_matches(SL("sha256:" H64), SL("x")));
	assert_true(oci_digest_matches(SL("sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
					  "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"), SL("")));
	assert_false(oci_digest_valid(SL("sha256:" H64 "0")));
	assert_false(oci_digest_valid(SL("sha256:")));
	assert_false(oci_digest_valid(SL("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad), cmocka_unit_test(digests) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
