#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "advisory.h"

/* Chains: each word is older than all that follow; "=" between two means that they are equal. */
static const struct { const char *ecosystem, *chain; } chains[] = {
	{ "Debian:12", "0~~ 0~~a 0~ 0 0a 0+ 1~rc1 1~rc1-1 1 = 1-0 = 0:1 1-0.1 1-1~bpo12+1 1-1 1-1ubuntu1 1-1+b1 1-1+deb12u1 1-2 1-10 1.0 "
		"1.0a 1.0+dfsg 1.0.1 1.1 1.1a 1.1.0 1.10 2.0 9.9 10 1:0.1 1:0.1-1 2:0" },
	{ "Debian", "1.2.3-1 1.2.3-1+deb10u1 1.2.3-1+deb10u2 1.2.3-1.1 1.2.3-2~exp1 1.2.3-2" },
	{ "Debian", "7.6-0 7.6p2-4" },
	{ "Debian", "1.0-1 = 1.00-1 = 01.0-01" },
	{ "AlmaLinux:8", "0 = 00 1.0~~ 1.0~rc1 1.0~rc1^git1 1.0~rc2 1.0 = 1_0 = 1..0 1.0^ 1.0^git1~pre 1.0^git1 1.0^git2 1.0a 1.0aa 1.0.1 1.0.1a 1.1 "
		"1.2 1.10 = 1.010 2 10 10xyz 20101121 1:0 1:0-1 1:0-1.el8 1:0-1.el8_1 1:0-2.el8 2:0" },
	{ "Rocky Linux:9", "0:1.0-1 = 1.0-1 1.0-1a.fc4 1.0-1.fc4" },
	{ "Red Hat", "1.0.a 1.0.1 1.0.1a" },
	{ "Red Hat", "6.0 6.0.rc1" },
	{ "Red Hat", "5.5p1 5.5p2 5.5p10" },
	{ "Red Hat", "1.el6 1.el6_3 1.el6_10" },
	{ "Red Hat", "xyz xyz4 8" },
	{ "Red Hat", "2a = 2.a 2.0" },
	{ "Alpine:v3.19", "0.02 0.1 0.1.0_alpha 0.1.0_alpha2 0.1.0_beta 0.1.0_beta3-r1 0.1.0_pre1 0.1.0_rc1 0.1.0 0.1.0-r0 = 0.1.0-r00 0.1.0-r1 0.1.0_cvs 0.1.0_svn "
		"0.1.0_git20200101 0.1.0_git20200102 0.1.0_hg 0.1.0_p1 0.1.0_p1-r1 0.1.0_p2 0.1.0a 0.1.0a-r1 0.1.0b 0.1.0.1 0.1.1 0.2 1 006 10 21" },
	{ "Alpine", "1.3_pre1-r1 1.3.2" },
	{ "Alpine", "8.2.0015 8.2.002 8.2.1" },
	{ "Alpine", "1.2.3~0123abcd 1.2.3~1123abcd" },
	{ "Alpine", "0.1.0_alpha_pre2 0.1.0_alpha" },
	{ "Alpine", "1.0_p9-r0 1.0_p10-r0" },
	{ "Alpine", "1.0.0_pre20191002222144-r0 1.0.0_pre20210530193627-r0" },
	{ "npm", "0.0.0-0 0.0.0 0.0.1 1.0.0-0 1.0.0-1 1.0.0-10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 "
		"1.0.0 = 1.0.0+build = v1.0.0 = 1.0 = 1 1.0.1 1.2.0 1.10.0 2.0.0-- 2.0.0 99999999999999999999.0.0 100000000000000000000.0.0" },
	{ "crates.io", "1.0.0-x-y-z.4 1.0.0-x-y-z.- 1.0.0" },
	{ "Go", "0.0.0-20190101000000-aaaaaaaaaaaa 0.0.0-20200101000000-000000000000 0.0.0 v0.0.1 v1 = 1.0.0 = v1.0.0+incompatible v1.2.3-pre "
		"v1.2.3-pre.0.20200101000000-abcdefabcdef v1.2.3 = v1.2.3+incompatible v1.2.4-0.20200101000000-abcdefabcdef v1.2.4 v2.0.0+incompatible" },
	{ "Go", "1.21.0-0 1.21.0-rc.2 1.21.0-rc.3 1.21.0 1.21.1" },
	{ "PyPI", "1.0.dev456 1.0a1.dev1 = 1.0.alpha-1_dev1 1.0a1 = 1.0alpha1 = 1.0.a.1 = 1.0_ALPHA-1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 = 1.0beta2 "
		"1.0b2.post345.dev456 1.0b2.post345 = 1.0b2-345 1.0b2-346 1.0c1.dev456 = 1.0rc1.dev456 1.0rc1 = 1.0c1 = 1.0pre1 = 1.0preview1 1.0c3 1.0 = 1 = 1.0.0 = v1.0 "
		"1.0+abc.5 1.0+abc.7 1.0+5 1.0+5.a 1.0.post456.dev34 1.0.post456 = 1.0-456 = 1.0r456 = 1.0.rev.456 1.1.dev1 1.2+123abc 1.2+123abc456 1.2+abc = 1.2+ABC 1.2+abc123 "
		"1.2+abc123def 1.2+1234.abc = 1.2+1234_abc 1.2+123456 1.2.r32+123456 1.2.rev33+123456 1.10 2004.1 1!1.0.dev456 1!1.0 1!2 2!0" },
	{ "RubyGems", "1.a 1.a.1 1.b 1.b1 1.b10.a = 1.b.10.a 1.b.10 1 = 1.0 = 1.0.0 1.0.1 1.2.b 1.2.0.pre = 1.2.pre = 1.2.0.0.pre" },
	{ "RubyGems", "0.beta.1 0.0.0 = 0" },
	{ "RubyGems", "5.2.4.a10 5.2.4.rc1 5.2.4 5.2.4.1" },
};

static int next_word(const char **p, char *dst)
{
	int eq = 0, used = 0;
	while (sscanf(*p, "%255s%n", dst, &used) == 1) {
		*p += used;
		if (strcmp(dst, "="))
			return 1 + eq;
		eq = 1;
	}
	return 0;
}

static void check(const char *eco, const char *a, const char *b, int want)
{
	struct err e = { 0 };
	int got = 9;
	if (version_compare(slice_str(eco), slice_str(a), slice_str(b), &got, &e) != OK)
		fail_msg("%s %s %s: %s", eco, a, b, e.msg);
	if (got != want)
		fail_msg("%s: %s %c %s expected, got %d", eco, a, "<=>"[want + 1], b, got);
	assert_int_equal(version_compare(slice_str(eco), slice_str(b), slice_str(a), &got, &e), OK);
	if (got != -want)
		fail_msg("%s: %s and %s are not antisymmetric", eco, a, b);
}

static void orders(void **state)
{
	(void)state;
	static char words[100][256];
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		int rank[100], n = 0, kind;
		const char *p = chains[i].chain;
		while ((kind = next_word(&p, words[n]))) {
			rank[n] = n ? rank[n - 1] + (kind == 1) : 0;
			n++;
		}
		for (int a = 0; a < n; a++)
			for (int b = a; b < n; b++)
				check(chains[i].ecosystem, words[a], words[b], rank[a] < rank[b] ? -1 : 0);
	}
}

static void refused(void **state)
{
	(void)state;
	static const struct { const char *eco, *v; } t[] = {
		{ "Debian", "" }, { "Debian", "1:" }, { "Debian", "a:1" }, { "Debian", "1-" }, { "Debian", "1 2" }, { "Debian", "-1:1" },
		{ "Alpine", "" }, { "Alpine", "a1" }, { "Alpine", "1.0bc" }, { "Alpine", "1.0-1" }, { "Alpine", "1_foo" }, { "Alpine", "1.0-r" }, { "Alpine", "1." },
		{ "PyPI", "" }, { "PyPI", "french toast" }, { "PyPI", "1.0+" }, { "PyPI", "1.0+_a" }, { "PyPI", "1.0+a+b" }, { "PyPI", "1.0-" }, { "PyPI", "a" },
		{ "Go", "v1.02.3" }, { "Go", "v1.2-pre" }, { "Go", "v1.2.3.4" }, { "Go", "v1.2.3-01" }, { "Go", "(devel)" }, { "Go", "v" },
		{ "npm", "" }, { "npm", "latest" }, { "npm", "1.2.3-" }, { "npm", "1.2.3-a..b" }, { "npm", "1.x" }, { "RubyGems", "junk" }, { "RubyGems", "1..2" },
	};
	int got;
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (version_compare(slice_str(t[i].eco), slice_str(t[i].v), SL("1"), &got, &e) != ERR_FORMAT)
			fail_msg("%s takes '%s'", t[i].eco, t[i].v);
	assert_int_equal(version_compare(SL("CRAN"), SL("1"), SL("1"), &got, &e), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(orders), cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
