#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <isa-l/crc.h>
#include <zlib.h>
#include "fake.h"

#define BIG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A writer of zip archives that can also lie. */
struct entry { const char *name, *local_name; struct slice data; bool deflate, descriptor, encrypted, hidden, wrong_crc; uint32_t local_size; };

static struct slice deflate_raw(struct arena *a, struct slice in)
{
	uint8_t *out = arena_alloc(a, in.n + 1000);
	z_stream z = { .next_in = (uint8_t *)in.p, .avail_in = (unsigned)in.n, .next_out = out, .avail_out = (unsigned)in.n + 1000 };
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return slice_of(out, z.total_out);
}

static void header(struct buf *b, const struct entry *en, struct slice packed, bool central, uint32_t at)
{
	const char *name = !central && en->local_name ? en->local_name : en->name;
	uint32_t crc = crc32_gzip_refl(0, en->data.p, en->data.n) ^ en->wrong_crc;
	bool later = !central && en->descriptor;
	buf_put(b, central ? "PK\1\2\24\3" : "PK\3\4", central ? 6 : 4);
	buf_put_le16(b, 20);
	buf_put_le16(b, (uint16_t)((en->encrypted ? 1 : 0) | (en->descriptor ? 8 : 0)));
	buf_put_le16(b, en->deflate ? 8 : 0);
	buf_put_le32(b, 0);
	buf_put_le32(b, later ? 0 : crc);
	buf_put_le32(b, later ? 0 : (uint32_t)packed.n);
	buf_put_le32(b, later ? 0 : !central && en->local_size ? en->local_size : (uint32_t)en->data.n);
	buf_put_le16(b, (uint16_t)strlen(name));
	buf_put_le16(b, 0);
	if (central) {
		buf_put_le32(b, 0);
		buf_put_le16(b, 0);
		buf_put_le32(b, 0100755u << 16);
		buf_put_le32(b, at);
	}
	buf_puts(b, name);
}

static struct slice make_zip(struct arena *a, const struct entry *en, size_t n, const char *before, const char *comment)
{
	struct buf b = BUF(16 * MIB), dir = BUF(MIB);
	uint16_t told = 0;
	buf_puts(&b, before);
	for (size_t i = 0; i < n; i++) {
		struct slice packed = en[i].deflate ? deflate_raw(a, en[i].data) : en[i].data;
		uint32_t at = (uint32_t)(b.n - strlen(before));
		header(&b, &en[i], packed, false, 0);
		buf_put_slice(&b, packed);
		if (en[i].descriptor) {
			buf_put(&b, "PK\7\10", 4);
			buf_put_le32(&b, crc32_gzip_refl(0, en[i].data.p, en[i].data.n));
			buf_put_le32(&b, (uint32_t)packed.n);
			buf_put_le32(&b, (uint32_t)en[i].data.n);
		}
		if (en[i].hidden)
			continue;
		header(&dir, &en[i], packed, true, at);
		told++;
	}
	uint32_t at = (uint32_t)(b.n - strlen(before));
	buf_put_slice(&b, buf_slice(&dir));
	buf_put(&b, "PK\5\6\0\0\0\0", 8);
	buf_put_le16(&b, told);
	buf_put_le16(&b, told);
	buf_put_le32(&b, (uint32_t)dir.n);
	buf_put_le32(&b, at);
	buf_put_le16(&b, (uint16_t)strlen(comment));
	buf_puts(&b, comment);
	struct slice r = arena_dup(a, buf_slice(&b));
	buf_free(&b);
	buf_free(&dir);
	return r;
}

static char *facts(struct analyze_ctx *ctx, const char *path, struct slice c)
{
	enum script_lang lang;
	buf_clear(&ctx->out);
	enum file_class cls = analyze_classify(slice_str(path), c, true, &lang);
	fake_file(ctx, path, c, cls);
	return (char *)buf_cstr(&ctx->out);
}

[[gnu::noinline]] static void has(const char *out, const char *text)
{
	if (!strstr(out, text))
		fail_msg("no %s in\n%s", text, out);
}

[[gnu::noinline]] static void has_not(const char *out, const char *text)
{
	if (strstr(out, text))
		fail_msg("%s in\n%s", text, out);
}

static const char big[] = BIG;

static void zips(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	const struct entry good[] = { { "d/" , .data = SL("") }, { "x.sh", .data = SL("echo hi\n") }, { "big", .data = SL(BIG), .deflate = true },
		{ "later", .data = SL(BIG), .deflate = true, .descriptor = true } };
	const char *const before[] = { "", "#!/usr/bin/env python3\n", "GIF89a picture\n" }, *const comment[] = { "", "", "a comment" };
	for (unsigned i = 0; i < ARRAY_LEN(before); i++) {
		const char *out = facts(&ctx, "a.zip", make_zip(&a, good, ARRAY_LEN(good), before[i], comment[i]));
		has(out, "\"inner\":\"x.sh\"");
		has(out, "\"inner\":\"big\"");
		has(out, "\"inner\":\"later\"");
		has_not(out, "skipped");
		has_not(out, "integrity");
	}
	fake_free(&ctx);
}

static void zips_that_lie(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	const struct entry name[] = { { "good.txt", "evil.sh", .data = SL("echo\n") } };
	const struct entry size[] = { { "good.txt", .data = SL(BIG), .deflate = true, .local_size = 7 } };
	const struct entry hidden[] = { { "a", .data = SL("1") }, { "hidden.sh", .data = SL("curl\n"), .hidden = true },
		{ "hidden2", .data = SL(BIG), .deflate = true, .descriptor = true, .hidden = true }, { "b", .data = SL("2") } };
	const struct entry secret[] = { { "a", .data = SL("1"), .encrypted = true }, { "b", .data = SL("2"), .encrypted = true } };
	const struct entry crc[] = { { "a", .data = SL("1"), .wrong_crc = true } };
	const char *out = facts(&ctx, "a.zip", make_zip(&a, name, 1, "", ""));
	has(out, "zip.directory");
	has(out, "name of 'good.txt'");
	has(facts(&ctx, "a.zip", make_zip(&a, size, 1, "", "")), "size of 'good.txt'");
	out = facts(&ctx, "a.zip", make_zip(&a, hidden, 4, "", ""));
	has(out, "hidden entry of 'hidden.sh'");
	has(out, "\"inner\":\"hidden.sh\"");
	has(out, "\"inner\":\"hidden2\"");
	has(out, "\"inner\":\"b\"");
	out = facts(&ctx, "a.zip", make_zip(&a, secret, 2, "", ""));
	has(out, "\"reason\":\"encrypted\"");
	has(out, "2 members");
	out = facts(&ctx, "a.zip", make_zip(&a, crc, 1, "", ""));
	has(out, "corrupt: zip");
	has_not(out, "integrity");
	fake_free(&ctx);
}

static struct slice make_with_libarchive(struct arena *a, const char *format, int filter)
{
	size_t used;
	uint8_t *p = arena_alloc(a, MIB);
	struct archive *w = archive_write_new();
	assert_int_equal(archive_write_set_format_by_name(w, format), 0);

	archive_write_add_filter(w, filter);
	archive_write_set_bytes_per_block(w, 0);
	if (archive_write_open_memory(w, p, MIB, &used) != 0)
		fail_msg("format %s: %s", format, archive_error_string(w));
	for (int i = 0; i < 3; i++) {
		struct archive_entry *en = archive_entry_new();
		char name[16];
		snprintf(name, sizeof(name), "./dir/f%d.sh", i);
		archive_entry_set_pathname(en, name);
		archive_entry_set_filetype(en, AE_IFREG);
		archive_entry_set_perm(en, 0755);
		archive_entry_set_size(en, sizeof(big));
		if (archive_write_header(w, en) != 0)
			fail_msg("format %s: %s", format, archive_error_string(w));
		assert_int_equal(archive_write_data(w, big, sizeof(big)), sizeof(big));
		archive_entry_free(en);
	}
	archive_write_close(w);
	archive_write_free(w);
	return slice_of(p, used);
}

static void two_kinds_at_once(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	AUTO_BUF b = BUF(MIB);
	const struct entry one[] = { { "first.sh", .data = SL("echo 1\n") } }, two[] = { { "second.sh", .data = SL("echo 2\n") } };
	struct slice x = make_zip(&a, one, 1, "", ""), y = make_zip(&a, two, 1, "", "");
	buf_put_slice(&b, x);
	buf_put_slice(&b, y);
	const char *out = facts(&ctx, "a.zip", buf_slice(&b));
	has(out, "\"inner\":\"second.sh\"");
	has(out, "\"inner\":\"first.sh\"");
	has(out, "hidden entry");
	buf_clear(&b);
	buf_put_slice(&b, make_with_libarchive(&a, "ustar", ARCHIVE_FILTER_GZIP));
	buf_put(&b, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
	out = facts(&ctx, "a.tgz", buf_slice(&b));
	has(out, "\"inner\":\"a.tar!/dir/f0.sh\"");
	fake_free(&ctx);
}

static void every_cut_of_a_zip(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	const struct entry good[] = { { "x.sh", .data = SL("echo hi\n") }, { "big", .data = SL(BIG), .deflate = true },
		{ "later", .data = SL(BIG), .deflate = true, .descriptor = true } };
	struct slice z = make_zip(&a, good, ARRAY_LEN(good), "", "");
	for (size_t n = 40; n < z.n; n++) {
		uint8_t *cut = malloc(n);
		memcpy(cut, z.p, n);
		const char *out = facts(&ctx, "a.zip", slice_of(cut, n));
		has(out, "corrupt: zip");
		has_not(out, "integrity");
		free(cut);
	}
	fake_free(&ctx);
}

static void other_formats(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	static const struct { const char *format; int filter; const char *name, *want; } t[] = {
		{ "paxr", ARCHIVE_FILTER_NONE, "x", "\"inner\":\"dir/f2.sh\"" },
		{ "gnutar", ARCHIVE_FILTER_GZIP, "x.gz", "\"inner\":\"x!/dir/f2.sh\"" },
		{ "ustar", ARCHIVE_FILTER_XZ, "x.xz", "\"inner\":\"x!/dir/f2.sh\"" },
		{ "newc", ARCHIVE_FILTER_ZSTD, "x.zst", "\"inner\":\"x!/dir/f2.sh\"" },
		{ "odc", ARCHIVE_FILTER_BZIP2, "x.bz2", "\"inner\":\"x!/dir/f2.sh\"" },
		{ "7zip", ARCHIVE_FILTER_NONE, "x", "dir/f2.sh\"" },
		{ "iso9660", ARCHIVE_FILTER_NONE, "x", "f2.sh\"" },
		{ "argnu", ARCHIVE_FILTER_NONE, "x", "f2.sh\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice c = make_with_libarchive(&a, t[i].format, t[i].filter);
		const char *out = facts(&ctx, t[i].name, c);
		has(out, t[i].want);
		has_not(out, "skipped");
	}
	has(facts(&ctx, "x", SL("hsqs\0\0\0\0\0\0\0\0\0\0\0\0")), "unsupported: squashfs");
	has(facts(&ctx, "x", SL("\x04\x22\x4d\x18\0\0\0\0")), "unsupported: lz4");
	has(facts(&ctx, "x", SL("\x1f\x8b\x08\0\0\0\0\0\0\0garbage")), "corrupt: gzip");
	has(facts(&ctx, "x.asar", SL("\4\0\0\0\x34\0\0\0\x30\0\0\0\x2c\0\0\0"
				      "{\"files\":{\"a\":{\"size\":5,\"offset\":\"0\"}}}      hello")), "\"inner\":\"a\"");
	fake_free(&ctx);
}

static void budgets_and_bundles(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_ARENA a = ARENA(64 * MIB);
	const struct entry many[] = { { "a", .data = SL(BIG) }, { "b", .data = SL(BIG) }, { "c", .data = SL(BIG) } };
	struct slice z = make_zip(&a, many, 3, "", "");
	ctx.budget_bytes = sizeof(big) + 10;
	has(facts(&ctx, "a.zip", z), "budget: expanded bytes");
	ctx.budget_bytes = MIB;
	ctx.budget_members = 2;
	has(facts(&ctx, "a.zip", z), "budget: archive members");
	ctx.budget_members = 1000;
	for (int i = 0; i < 6; i++) {
		struct entry nest = { "n.zip", .data = z };
		z = make_zip(&a, &nest, 1, "", "");
	}
	has(facts(&ctx, "a.zip", z), "budget: archive depth");
	AUTO_BUF self = BUF(MIB);
	buf_puts(&self, "#!/bin/sh\ntail -n +4 \"$0\" | tar xz\nexit 0\n");
	for (int i = 0; i < 20; i++)
		buf_puts(&self, "# some more lines\n");
	buf_put_slice(&self, make_with_libarchive(&a, "ustar", ARCHIVE_FILTER_GZIP));
	ctx.budget_members = 1000;
	has(facts(&ctx, "install.run", buf_slice(&self)), "\"inner\":\"payload!/content!/dir/f2.sh\"");
	fake_free(&ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(zips), cmocka_unit_test(zips_that_lie), cmocka_unit_test(two_kinds_at_once), cmocka_unit_test(every_cut_of_a_zip),
		cmocka_unit_test(other_formats), cmocka_unit_test(budgets_and_bundles) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
