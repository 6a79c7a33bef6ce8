#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <zlib.h>
#include "fake.h"
#include "go_build.h"

/* One short line a package: "type name version license location flags". */
static enum err_code short_emit(struct fact_sink *sink, const struct fact *f, struct err *e)
{
	struct analyze_ctx *ctx = (struct analyze_ctx *)sink;
	const struct fact_package *p = &f->package;
	if (f->type != FACT_PACKAGE)
		return OK;
	buf_printf(&ctx->out, "%.*s %.*s %.*s", SLICE_ARG(p->type), SLICE_ARG(p->name), SLICE_ARG(p->version));
	if (p->license.n)
		buf_printf(&ctx->out, " (%.*s)", SLICE_ARG(p->license));
	if (p->location.n)
		buf_printf(&ctx->out, " in %.*s", SLICE_ARG(p->location));
	if (p->flags)
		buf_printf(&ctx->out, " %llu", (unsigned long long)p->flags);
	buf_putc(&ctx->out, '\n');
	return buf_ok(&ctx->out, "the facts of a test", e);
}

static void expect(const char *path, struct slice content, enum file_class cls, const char *want)
{
	struct file_view f = { .path = slice_str(path), .content = content, .mode = 0755, .cls = cls };
	struct analyze_ctx ctx = fake_new();
	struct err e = {};
	const char *got;
	ctx.sink.emit = short_emit;
	for (size_t i = 0; analyzers[i]; i++) {
		static const char *const ours[] = { "go-build", "python", "npm-package", "npm-lock" };
		bool takes = !analyzers[i]->paths && (analyzers[i]->classes >> cls & 1), is_ours = false;
		for (size_t k = 0; k < ARRAY_LEN(ours); k++)
			is_ours = is_ours || !strcmp(analyzers[i]->name, ours[k]);
		for (size_t k = 0; analyzers[i]->paths && analyzers[i]->paths[k]; k++)
			takes = takes || slice_glob(slice_str(analyzers[i]->paths[k]), f.path);
		if (takes && is_ours && analyzers[i]->run(&ctx, &f, &e) != OK)
			buf_printf(&ctx.out, "error: %s\n", e.msg);
	}
	got = buf_cstr(&ctx.out);
	if (strcmp(got, want)) {
		fputs(got, stderr);
		fail_msg("%s: other facts than expected", path);
	}
	fake_free(&ctx);
}

static void expect_packed(const char *name, const char *want)
{
	char path[256];
	uint8_t part[8192];
	int n;
	AUTO_BUF b = BUF(32 * MIB);
	snprintf(path, sizeof(path), TEST_DATA "/go/%s.gz", name);
	gzFile f = gzopen(path, "rb");
	assert_non_null(f);
	while ((n = gzread(f, part, sizeof(part))) > 0)
		buf_put(&b, part, (size_t)n);
	gzclose(f);
	expect("usr/bin/x", buf_slice(&b), FILE_ELF, want);
}

static void go_programs(void **state)
{
	(void)state;
	expect_packed("go1.19",
		"golang stdlib 1.19.8 2\n"
		"golang example.org/hello (devel) 4\n"
		"golang example.org/local (devel)\n"
		"golang golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c\n"
		"golang rsc.io/quote v1.5.2\n"
		"golang rsc.io/sampler v1.99.99\n");
	expect_packed("go1.17",
		"golang stdlib 1.17.2 2\n"
		"golang github.com/evanw/esbuild (devel) 4\n"
		"golang golang.org/x/sys v0.0.0-20210908233432-aa78b53d3365\n");
	expect("usr/bin/x", SL("\x7f" "ELF nonsense"), FILE_ELF, "");
}

static void go_versions(void **state)
{
	(void)state;
	static const struct { const char *from, *to; } t[] = {
		{ "go1.21.5", "1.21.5" }, { "go1.19", "1.19.0" }, { "go1.22rc1", "1.22.0-rc.1" }, { "go1.20.3 X:boringcrypto", "1.20.3" },
		{ "go1.20.12 (Red Hat 1.20.12-1.el9)", "1.20.12" }, { "go1.21.0-fips", "1.21.0" }, { "devel go1.22-abc", "" }, { "go", "" },
		{ "go1.22.1.2.3", "1.22.1" }, { "go99999999999999999999", "999999999.0.0" },
	};
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice v = go_stdlib_version(slice_str(t[i].from), text);
		if (!slice_eqs(v, t[i].to))
			fail_msg("%s gives %.*s", t[i].from, SLICE_ARG(v));
	}
}

static void python(void **state)
{
	(void)state;
	expect("usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA", SL(
		"Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: Apache 2.0\nDescription: x\n y\n\nName: other\n"), FILE_TEXT,
		"pypi requests 2.31.0 (Apache 2.0) in usr/lib/python3/dist-packages\n");
	expect("opt/v/site-packages/a.egg-info/PKG-INFO", SL("name: a\r\nversion: 1\r\nLicense: UNKNOWN\r\n"
		"Classifier: License :: OSI Approved :: MIT License\r\n"), FILE_TEXT, "pypi a 1 (MIT License) in opt/v/site-packages\n");
	expect("s/b-1.egg-info", SL("Name: b\nVersion: 1\nLicense-Expression: MIT\nLicense: old\n"), FILE_TEXT, "pypi b 1 (MIT) in s\n");
	expect("s/c.egg/EGG-INFO/PKG-INFO", SL("Name: c\nVersion: 1"), FILE_TEXT, "pypi c 1 in s/c.egg\n");
	expect("s/d.dist-info/METADATA", SL("\nName: d\nVersion: 1\n"), FILE_TEXT, "error: the Python metadata has no name or no version\n");
	expect("s/METADATA", SL("Name: d\nVersion: 1\n"), FILE_TEXT, "");
}

static void npm_installed(void **state)
{
	(void)state;
	struct slice content = SL("\xef\xbb\xbf{ \"version\": \"0.0.1\", \"x\": {\"name\": [\"no\", {\"a\\\"\": -1e5}]},\n"
		"\"name\": \"left-\\u0070ad\", \"version\": \"v1.2.3\", \"license\": {\"type\": \"MIT\"}, }");
	expect("app/node_modules/left-pad/package.json", content, FILE_CONFIG, "npm left-pad 1.2.3 (MIT) in app/node_modules/left-pad\n");
	expect("node_modules/@s/x/package.json", SL("{\"name\":\"@s/x\",\"version\":\"1.0.0\",\"licenses\":[{\"type\":\"ISC\"},\"B\"]}"), FILE_CONFIG,
		"npm @s/x 1.0.0 (ISC) in node_modules/@s/x\n");
	expect("node_modules/a/node_modules/b/package.json", SL("{\"name\":\"b\",\"version\":\"1.0.0\"}"), FILE_CONFIG,
		"npm b 1.0.0 in node_modules/a/node_modules/b\n");
	/* not installed: below a package, a scope's directory, nothing at all */
	expect("app/node_modules/a/esm/package.json", content, FILE_CONFIG, "");
	expect("app/node_modules/a/b/c/package.json", content, FILE_CONFIG, "");
	expect("app/node_modules/@s/package.json", content, FILE_CONFIG, "");
	expect("app/package.json", content, FILE_CONFIG, "");
	expect("node_modules/a/package.json", SL("{\"name\":\"a\"}"), FILE_CONFIG, "");
	expect("node_modules/a/package.json", SL("[]"), FILE_CONFIG, "error: package.json is no JSON object (at byte 0)\n");
}

static void npm_locked(void **state)
{
	(void)state;
	expect("app/package-lock.json", SL("{\"name\":\"app\",\"lockfileVersion\":3,\"packages\":{"
		"\"\":{\"name\":\"app\",\"version\":\"1.0.0\"},"
		"\"node_modules/a\":{\"version\":\"1.0.0\",\"resolved\":\"https://x\",\"license\":\"MIT\"},"
		"\"node_modules/a/node_modules/@s/b\":{\"version\":\"2.0.0\"},"
		"\"node_modules/alias\":{\"name\":\"real\",\"version\":\"3.0.0\"},"
		"\"node_modules/w\":{\"resolved\":\"packages/w\",\"link\":true},"
		"\"packages/w\":{\"version\":\"9.0.0\"}},"
		"\"dependencies\":{\"twice\":{\"version\":\"1.0.0\"}}}"), FILE_CONFIG,
		"npm a 1.0.0 (MIT) 1\nnpm @s/b 2.0.0 1\nnpm real 3.0.0 1\n");
	expect("package-lock.json", SL("{\"lockfileVersion\":1,\"dependencies\":{"
		"\"a\":{\"version\":\"1.0.0\",\"requires\":{\"b\":\"^1\"},\"dependencies\":{\"b\":{\"version\":\"1.5.0\"}}},"
		"\"g\":{\"version\":\"git+ssh://git@h/x.git#1\"},\"s\":{\"version\":\"npm:string-width@4.2.3\"}}}"), FILE_CONFIG,
		"npm b 1.5.0 1\nnpm a 1.0.0 1\nnpm string-width 4.2.3 1\n");
	expect("app/node_modules/a/package-lock.json", SL("{\"dependencies\":{\"b\":{\"version\":\"1.5.0\"}}}"), FILE_CONFIG, "");
	expect("package-lock.json", SL("{\"packages\":{\"node_modules/a\":{\"version\":\"1.0.0\""), FILE_CONFIG,
		"error: the lock file is not the JSON that npm writes (at byte 48)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_programs), cmocka_unit_test(go_versions), cmocka_unit_test(python), cmocka_unit_test(npm_installed),
		cmocka_unit_test(npm_locked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
