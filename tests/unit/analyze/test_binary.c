#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "fake.h"

static struct slice load(const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%.*s/format/data/upx/%s", (int)(sizeof(TEST_DATA) - sizeof("/analyze/data")), TEST_DATA, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint8_t *p = malloc(1 << 20);
	size_t n = fread(p, 1, 1 << 20, f);
	fclose(f);
	return slice_of(p, n);
}

static void want(struct analyze_ctx *ctx, const char *text)
{
	if (!strstr(buf_cstr(&ctx->out), text))
		fail_msg("no %s in\n%s", text, buf_cstr(&ctx->out));
}

static void packed_program_is_unpacked(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	struct slice c = load("s64.u4.lzma");
	fake_file(&ctx, "opt/x", c, FILE_ELF);
	want(&ctx, "\"upx!unpacked\"");
	char flags[64];
	/* static, stripped, no sections, packed with UPX and unpacked, high entropy and a writable program */
	snprintf(flags, sizeof(flags), "\"flags\":%u", ELF_F_STATIC | ELF_F_STRIPPED | ELF_F_NO_SECTIONS | ELF_F_UPX | ELF_F_UPX_UNPACKED | ELF_F_PACKED);
	want(&ctx, flags);
	free((void *)c.p);
	fake_free(&ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(packed_program_is_unpacked) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
