#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "codec.h"
#include "elf.h"

/* What was packed (data/upx/README.md). */
static const char d64[] = "34734caf6380a0f04b742c00dc43761bf7330bc247dc4bf160177d6baeb51b2d";
static const char d32[] = "d10638a4cd080f3e19543f680182d611c8a99ab0640841b8665dceb0d4a7be9b";

static struct slice load(const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/upx/%s", TEST_DATA, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	uint8_t *p = malloc(1 << 17);
	size_t n = fread(p, 1, 1 << 17, f);
	fclose(f);
	return slice_of(p, n);
}

static void unpack(struct slice c, struct buf *out, enum upx_result *r)
{
	struct elf f;
	struct err e;
	uint64_t bytes;
	assert_int_equal(elf_open(c, &f, &e), OK);
	assert_int_equal(elf_upx_unpack(&f, out, r, &bytes, &e), OK);
}

static void upx_unpacks_what_was_packed(void **state)
{
	(void)state;
	static const char *const files[] = { "s64.u3.nrv2b", "s64.u4.nrv2d", "s64.u4.nrv2e", "s64.u4.lzma", "s32.u4.nrv2b", "s32.u3.lzma", "s32.u4.nrv2e" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct slice c = load(files[i]);
		AUTO_BUF out = BUF(1 * MIB);
		enum upx_result r;
		uint8_t sum[32];
		char hex[65];
		unpack(c, &out, &r);
		if (r != UPX_UNPACKED)
			fail_msg("%s: %d, %zu bytes", files[i], r, out.n);
		assert_true(digest_of(DIGEST_SHA256, buf_slice(&out), sum));
		hex_encode(hex, sum, 32);
		if (strcmp(hex, files[i][1] == '6' ? d64 : d32) != 0)
			fail_msg("%s: %zu bytes, %s", files[i], out.n, hex);
		free((void *)c.p);
	}
}

static void upx_without_its_marks(void **state)
{
	(void)state;
	struct slice c = load("s64.u4.nrv2e");
	uint8_t *p = (uint8_t *)c.p;
	AUTO_BUF out = BUF(1 * MIB);
	enum upx_result r;
	for (size_t i = 0; i + 4 <= c.n; i++)
		if (memcmp(p + i, "UPX!", 4) == 0)
			memcpy(p + i, "YTS\x99", 4);
	memset(p + 0xf4, 0, 12);	/* p_info's sizes, too */
	unpack(c, &out, &r);
	assert_int_equal(r, UPX_UNPACKED);
	assert_true(slice_find(buf_slice(&out), SL("stratum+tcp://pool.example.invalid")) > 0);
	memcpy(p + 0xec, "UPX!", 4);
	memset(p + 0x170, 0x55, 0x100);
	buf_clear(&out);
	unpack(c, &out, &r);
	assert_int_equal(r, UPX_BROKEN);
	struct err e;
	struct elf f;
	uint64_t bytes;
	free((void *)c.p);
	c = load("s64.u4.nrv2e");
	AUTO_BUF small = BUF(10000);
	assert_int_equal(elf_open(c, &f, &e), OK);
	assert_int_equal(elf_upx_unpack(&f, &small, &r, &bytes, &e), ERR_LIMIT);
	free((void *)c.p);
}

static void describes(const char *path, uint64_t want, uint64_t not_want, const char *import)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return;
	uint8_t *p = malloc(8 << 20);
	size_t n = fread(p, 1, 8 << 20, f);
	fclose(f);
	struct elf elf;
	struct err e;
	struct fact_elf fact;
	AUTO_BUF needed = BUF(4096), imports = BUF(4096);
	assert_int_equal(elf_open(slice_of(p, n), &elf, &e), OK);
	elf_describe(&elf, &fact, &needed, &imports);
	if ((fact.flags & want) != want || fact.flags & not_want)
		fail_msg("%s: flags %#lx", path, (unsigned long)fact.flags);
	struct slice rest = fact.imports, item;
	bool found = !import;
	while (fact_list_next(&rest, &item))
		found |= import && slice_eqs(item, import);
	assert_true(found);
	assert_true(fact.entropy_milli > 4000 && fact.entropy_milli < 7000);
	free(p);
}

static void programs_of_the_system(void **state)
{
	(void)state;
	describes("/bin/sh", ELF_F_PIE | ELF_F_STRIPPED, ELF_F_STATIC | ELF_F_RWX | ELF_F_OVERLAY | ELF_F_GO | ELF_F_RUST | ELF_F_PACKED, "execve");
	describes("/proc/self/exe", ELF_F_PIE, ELF_F_STATIC | ELF_F_NO_SECTIONS | ELF_F_OVERLAY | ELF_F_PACKED, NULL);
}

static void overlay_and_traits(void **state)
{
	(void)state;
	struct slice packed = load("s64.u4.lzma");
	uint8_t *p = calloc(1, packed.n + 5000);
	memcpy(p, packed.p, packed.n);
	struct elf f;
	struct err e;
	struct fact_elf fact;
	AUTO_BUF needed = BUF(4096), imports = BUF(4096);
	assert_int_equal(elf_open(slice_of(p, packed.n + 5000), &f, &e), OK);
	elf_describe(&f, &fact, &needed, &imports);
	assert_int_equal(fact.bits, 64);
	assert_true(fact.flags & ELF_F_STATIC);
	assert_true(fact.flags & ELF_F_NO_SECTIONS);
	assert_true(fact.flags & ELF_F_OVERLAY);
	assert_true(fact.flags & ELF_F_PACKED);
	assert_true(fact.overlay_bytes >= 5000 && fact.overlay_bytes < 6000);
	/* every cut of the file is read without a fault */
	for (size_t n = 0; n < 1000; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, packed.p, n);
		if (elf_open(slice_of(cut, n), &f, &e) == OK) {
			AUTO_BUF out = BUF(1 * MIB);
			enum upx_result r;
			uint64_t bytes;
			buf_clear(&needed);
			buf_clear(&imports);
			elf_describe(&f, &fact, &needed, &imports);
			assert_int_equal(elf_upx_unpack(&f, &out, &r, &bytes, &e), OK);
		}
		free(cut);
	}
	free((void *)packed.p);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(upx_unpacks_what_was_packed), cmocka_unit_test(upx_without_its_marks),
		cmocka_unit_test(programs_of_the_system), cmocka_unit_test(overlay_and_traits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
