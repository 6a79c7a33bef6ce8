#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake.h"
#include "toc_watch.h"

#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"
static const char table[] =
	"{\"version\":1,\"entries\":[{\"name\":\"bin/\",\"type\":\"dir\",\"mode\":493},"
	"{\"name\":\"bin/sh\",\"type\":\"reg\",\"size\":5,\"digest\":\"sha256:" ZERO64 "\",\"chunkSize\":5},"
	"{\"name\":\"bin/sh\",\"type\":\"chunk\",\"offset\":77},"
	"{\"name\":\"bin/l\\u0061\",\"type\":\"symlink\",\"linkName\":\"/bin/sh\"},"
	"{\"name\":\"bin/h\",\"type\":\"hardlink\",\"linkName\":\"bin/sh\"},"
	"{\"name\":\"bin/.wh.old\",\"type\":\"reg\"},{\"name\":\"etc/.wh..wh..opq\",\"type\":\"reg\"}]}";

static struct fact entry(const char *path, int kind, uint64_t size, const char *link)
{
	static const uint8_t zero[32];
	return (struct fact){ .type = FACT_ENTRY, .path = slice_str(path), .entry = { .kind = (uint64_t)kind, .size = size, .link = slice_str(link),
			      .sha256 = kind == ENTRY_FILE && size ? slice_of(zero, 32) : SLICE_NULL } };
}

static char *compare(struct analyze_ctx *ctx, const struct fact *entries, size_t n, const char *json)
{
	struct toc_watch *w = toc_watch_open(ctx);
	assert_non_null(w);
	buf_clear(&ctx->out);
	for (size_t i = 0; i < n; i++)
		toc_watch_entry(w, &entries[i]);
	fake_file(ctx, "stargz.index.json", slice_str(json), FILE_CONFIG);
	fake_finish(ctx);
	return (char *)buf_cstr(&ctx->out);
}

static void table_and_tar(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	struct fact e[] = { entry("etc", ENTRY_OPAQUE, 0, ""), entry("bin", ENTRY_DIR, 0, ""), entry("bin/sh", ENTRY_FILE, 5, ""),
		entry("bin/la", ENTRY_SYMLINK, 0, "/bin/sh"), entry("bin/h", ENTRY_HARDLINK, 0, "bin/sh"), entry("bin/old", ENTRY_WHITEOUT, 0, ""),
		entry("stargz.index.json", ENTRY_FILE, 300, "") };
	assert_string_equal(compare(&ctx, e, ARRAY_LEN(e), table), "");
	e[2].entry.size = 6;
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e), table), "toc.entries"));
	e[2].entry.size = 5;
	e[3].entry.link = SL("/bin/evil");
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e), table), "toc.entries"));
	e[3].entry.link = SL("/bin/sh");
	e[2].entry.sha256.p = (const uint8_t *)table;
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e), table), "another digest of 'bin/sh'"));
	e[2].entry.sha256 = SLICE_NULL;
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e), table), "toc: digests"));
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e) - 2, table), "toc.entries"));
	assert_non_null(strstr(compare(&ctx, e, ARRAY_LEN(e), "{\"entries\":[{\"name\":"), "toc.entries"));
	fake_free(&ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table_and_tar) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
