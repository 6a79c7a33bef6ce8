#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <zlib.h>
#include "fake.h"

static struct slice unpack(struct buf *b, const char *path)
{
	uint8_t part[8192];
	int n;
	gzFile f = gzopen(path, "rb");
	assert_non_null(f);
	*b = BUF(4 * MIB);
	while ((n = gzread(f, part, sizeof(part))) > 0)
		buf_put(b, part, (size_t)n);
	assert_int_equal(n, 0);
	gzclose(f);
	return buf_slice(b);
}

static int by_line(const void *a, const void *b) { return slice_cmp(*(const struct slice *)a, *(const struct slice *)b); }

/* The facts' lines, sorted (each database has its own order), with the database's path as @, are those of rpm.golden. */
static void expect_golden(struct analyze_ctx *ctx, const char *path)
{
	struct slice lines[256], rest = buf_slice(&ctx->out), needle = slice_str(path);
	AUTO_BUF got = BUF(MIB), want = {};
	size_t n = 0;
	while (n < ARRAY_LEN(lines) && slice_next_line(&rest, &lines[n]))
		n++;
	qsort(lines, n, sizeof(*lines), by_line);
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t at;
		while ((at = slice_find(lines[i], needle)) >= 0) {
			buf_put_slice(&got, slice_upto(lines[i], (size_t)at));
			buf_putc(&got, '@');
			lines[i] = slice_from(lines[i], (size_t)at + needle.n);
		}
		buf_put_slice(&got, lines[i]);
		buf_putc(&got, '\n');
	}
	unpack(&want, TEST_DATA "/rpm/rpm.golden");
	if (!slice_eq(buf_slice(&got), buf_slice(&want))) {
		fputs(buf_cstr(&got), stderr);
		fail_msg("these are not the facts expected of %s", path);
	}
	fake_free(ctx);
}

static void single_file(void **state)
{
	(void)state;
	static const char *const names[] = { "Packages", "Packages.db" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct analyze_ctx ctx = fake_new();
		AUTO_BUF b = {};
		char file[256], path[64];
		snprintf(file, sizeof(file), TEST_DATA "/rpm/%s.gz", names[i]);
		snprintf(path, sizeof(path), "var/lib/rpm/%s", names[i]);
		fake_file(&ctx, path, unpack(&b, file), FILE_PKG_INDEX);
		fake_finish(&ctx);
		expect_golden(&ctx, path);
	}
}

/* Whatever the order of the two files. */
static void sqlite_with_log(void **state)
{
	(void)state;
	static const char path[] = "usr/lib/sysimage/rpm/rpmdb.sqlite";
	for (int wal_first = 0; wal_first < 2; wal_first++) {
		struct analyze_ctx ctx = fake_new();
		AUTO_BUF db = {}, wal = {};
		unpack(&db, TEST_DATA "/rpm/rpmdb.sqlite.gz");
		unpack(&wal, TEST_DATA "/rpm/rpmdb.sqlite-wal.gz");
		for (int i = 0; i < 2; i++)
			if (i == wal_first)
				fake_file(&ctx, path, buf_slice(&db), FILE_PKG_INDEX);
			else
				fake_file(&ctx, "usr/lib/sysimage/rpm/rpmdb.sqlite-wal", buf_slice(&wal), FILE_PKG_INDEX);
		fake_finish(&ctx);
		expect_golden(&ctx, path);
	}
}

static unsigned count(struct analyze_ctx *ctx, const char *what)
{
	unsigned n = 0;
	struct slice rest = buf_slice(&ctx->out);
	for (ptrdiff_t at; (at = slice_find(rest, slice_str(what))) >= 0; n++)
		rest = slice_from(rest, (size_t)at + 1);
	fake_free(ctx);
	return n;
}

static void sqlite_without_log(void **state)
{
	(void)state;
	struct analyze_ctx ctx = fake_new();
	AUTO_BUF db = {}, wal = {};
	unpack(&db, TEST_DATA "/rpm/rpmdb.sqlite.gz");
	unpack(&wal, TEST_DATA "/rpm/rpmdb.sqlite-wal.gz");
	fake_file(&ctx, "var/lib/rpm/rpmdb.sqlite", buf_slice(&db), FILE_PKG_INDEX);
	fake_finish(&ctx);
	assert_int_equal(count(&ctx, "\"fact\":\"package\""), 1);
	/* a log alone, and one with a byte changed, are told */
	ctx = fake_new();
	fake_file(&ctx, "var/lib/rpm/rpmdb.sqlite-wal", buf_slice(&wal), FILE_PKG_INDEX);
	fake_finish(&ctx);
	assert_int_equal(count(&ctx, "its database is in another layer"), 1);
	ctx = fake_new();
	wal.p[5000] ^= 1;
	fake_file(&ctx, "var/lib/rpm/rpmdb.sqlite", buf_slice(&db), FILE_PKG_INDEX);
	fake_file(&ctx, "var/lib/rpm/rpmdb.sqlite-wal", buf_slice(&wal), FILE_PKG_INDEX);
	fake_finish(&ctx);
	assert_int_equal(count(&ctx, "the log is damaged"), 1);
	ctx = fake_new();
	db.p[0] ^= 1;
	fake_file(&ctx, "var/lib/rpm/rpmdb.sqlite", buf_slice(&db), FILE_PKG_INDEX);
	fake_finish(&ctx);
	assert_int_equal(count(&ctx, "not an SQLite file"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(single_file), cmocka_unit_test(sqlite_with_log), cmocka_unit_test(sqlite_without_log) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
