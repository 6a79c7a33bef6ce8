#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "fake.h"

#define P "\n{'fact':'package','path':"
#define O "\n{'fact':'owned','path':"
#define R "\n{'fact':'os-release','path':"

/* The facts so far as lines, a quote for each apostrophe and an apostrophe for each quote, so that they read well in C. */
static void expect(struct analyze_ctx *ctx, const char *want)
{
	buf_cstr(&ctx->out);
	for (size_t i = 0; i < ctx->out.n; i++)
		ctx->out.p[i] = ctx->out.p[i] == '"' ? '\'' : ctx->out.p[i] == '\'' ? '"' : ctx->out.p[i];
	struct slice got = slice_trim(buf_slice(&ctx->out)), w = slice_trim(slice_str(want));
	if (!slice_eq(got, w))
		fail_msg("got\n%s\nwant%s", buf_cstr(&ctx->out), want);
	fake_free(ctx);
}

static void dpkg(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	fake_file(&ctx, "var/lib/dpkg/info/dash.md5sums", SL(
		"00112233445566778899aabbccddeeff  usr/share/doc/dash/copyright\n"
		"ffeeddccbbaa99887766554433221100  bin/sh\n"), FILE_TEXT);
	fake_file(&ctx, "var/lib/dpkg/info/dash.list", SL("/.\n/bin\n/bin/sh\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/dash\n"
		"/usr/share/doc/dash/copyright\n/usr/share/extra\n/bin/link\n"), FILE_TEXT);
	fake_file(&ctx, "var/lib/dpkg/diversions", SL("/bin/sh\n/bin/sh.distrib\nbash\n"), FILE_TEXT);
	fake_file(&ctx, "var/lib/dpkg/info/bash:amd64.md5sums", SL("00112233445566778899aabbccddeeff  bin/sh\n"), FILE_TEXT);
	fake_file(&ctx, "var/lib/dpkg/status", SL(
		"Package: dash\nStatus: install ok installed\nArchitecture: amd64\nSource: dash-src (1:0.5)\nVersion: 0.5-1+b2\n"
		"Conffiles:\n /etc/dash 00112233445566778899aabbccddeeff\n /etc/old 00112233445566778899aabbccddeeff obsolete\n\n"
		"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"), FILE_TEXT);
	fake_file(&ctx, "var/lib/dpkg/status.d/tzdata", SL("Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n"), FILE_TEXT);
	fake_finish(&ctx);
	expect(&ctx,
		P "'var/lib/dpkg/status','type':'deb','name':'dash','version':'0.5-1+b2','arch':'amd64','source_name':'dash-src','source_version':'1:0.5'}"
		O "'etc/dash','package':'deb:dash','source':'var/lib/dpkg/status','algo':1,'digest':'00112233445566778899aabbccddeeff','conffile':1}"
		P "'var/lib/dpkg/status.d/tzdata','type':'deb','name':'tzdata','version':'2024a-0+deb12u1','arch':'all','source_name':'tzdata','source_version':'2024a-0+deb12u1'}"
		/* bash diverts dash's sh */
		O "'bin/sh','package':'deb:bash','source':'var/lib/dpkg/info/bash:amd64.md5sums','algo':1,'digest':'00112233445566778899aabbccddeeff'}"
		O "'bin/sh.distrib','package':'deb:dash','source':'var/lib/dpkg/info/dash.md5sums','algo':1,'digest':'ffeeddccbbaa99887766554433221100'}"
		O "'usr/share/doc/dash/copyright','package':'deb:dash','source':'var/lib/dpkg/info/dash.md5sums','algo':1,'digest':'00112233445566778899aabbccddeeff'}"
		/* without digest, and no directory */
		O "'bin/link','package':'deb:dash','source':'var/lib/dpkg/info/dash.list'}"
		O "'usr/share/extra','package':'deb:dash','source':'var/lib/dpkg/info/dash.list'}");
}

static void dpkg_malformed(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	fake_file(&ctx, "var/lib/dpkg/status", SL("nonsense\nPackage: a\nVersion: 1\nStatus: hold ok installed\n\n\n\nVersion: 2\n"), FILE_TEXT);
	expect(&ctx,
		P "'var/lib/dpkg/status','type':'deb','name':'a','version':'1','source_name':'a','source_version':'1'}"
		"\n{'fact':'skipped','path':'var/lib/dpkg/status','reason':'malformed package database',"
		"'detail':'dpkg\"s status has lines that are no fields','cls':3}");
}

static void apk(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	fake_file(&ctx, "lib/apk/db/installed", SL(
		"C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:musl-utils\nV:1.2.4-r2\nA:x86_64\nT:the C library\nL:MIT AND BSD-2-Clause\no:musl\n"
		"F:\nR:rootfile\nF:usr/bin\nM:0:0:0755\nR:ldd\na:0:0:0755\nZ:Q1AQIDBAUGBwgJCgsMDQ4PEBESExQ=\nR:getent\nZ:Q2zzz=\n\n"
		"P:broken\nA:noarch\n\n"
		"P:last\nV:1\nF:etc\nR:last.conf\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="), FILE_TEXT);
	expect(&ctx,
		P "'lib/apk/db/installed','type':'apk','name':'musl-utils','version':'1.2.4-r2','arch':'x86_64','source_name':'musl','source_version':'1.2.4-r2','license':'MIT AND BSD-2-Clause'}"
		O "'rootfile','package':'apk:musl-utils','source':'lib/apk/db/installed'}"
		O "'usr/bin/ldd','package':'apk:musl-utils','source':'lib/apk/db/installed','algo':2,'digest':'0102030405060708090a0b0c0d0e0f1011121314'}"
		O "'usr/bin/getent','package':'apk:musl-utils','source':'lib/apk/db/installed'}"
		P "'lib/apk/db/installed','type':'apk','name':'last','version':'1','source_name':'last','source_version':'1'}"
		O "'etc/last.conf','package':'apk:last','source':'lib/apk/db/installed','algo':2,'digest':'0000000000000000000000000000000000000000','conffile':1}"
		"\n{'fact':'skipped','path':'lib/apk/db/installed','reason':'malformed package database',"
		"'detail':'apk\"s database has lines that are no fields','cls':3}");
}

static void os_release(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	fake_file(&ctx, "etc/os-release", SL("# c\nNAME=\"Debian\"\nPRETTY_NAME=\"Debian \\\"12\\\"\"\nID=debian\nVERSION_ID='12'\nVERSION_CODENAME=bookworm\n"), FILE_TEXT);
	fake_file(&ctx, "etc/lsb-release", SL("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n"), FILE_TEXT);
	fake_file(&ctx, "etc/debian_version", SL("12.5\n"), FILE_TEXT);
	fake_file(&ctx, "etc/alpine-release", SL("3.19.1\n"), FILE_TEXT);
	fake_file(&ctx, "etc/redhat-release", SL("CentOS Linux release 7.9.2009 (Core)\n"), FILE_TEXT);
	fake_file(&ctx, "usr/lib/os-release", SL("\n"), FILE_TEXT);
	expect(&ctx,
		R "'etc/os-release','id':'debian','version_id':'12','pretty_name':'Debian \\'12\\'','codename':'bookworm'}"
		R "'etc/lsb-release','id':'ubuntu','version_id':'22.04','codename':'jammy'}"
		R "'etc/debian_version','id':'debian','version_id':'12','pretty_name':'Debian GNU/Linux 12.5'}"
		R "'etc/alpine-release','id':'alpine','version_id':'3.19.1','pretty_name':'Alpine Linux 3.19.1'}"
		R "'etc/redhat-release','id':'centos','version_id':'7.9.2009','pretty_name':'CentOS Linux release 7.9.2009 (Core)'}");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(dpkg), cmocka_unit_test(dpkg_malformed), cmocka_unit_test(apk), cmocka_unit_test(os_release) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
