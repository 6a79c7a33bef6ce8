#include "feed.h"
#include <sys/stat.h>

#define OSV(id, eco, name) "{\"id\":\"" id "\",\"aliases\":[\"CVE-2026-1\"],\"affected\":[{\"package\":{\"ecosystem\":\"" eco "\",\"name\":\"" name \
	"\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}]}]}]}"

static void feed_of(const char *file, const char *const *records, size_t n)
{
	struct feed f = FEED();
	for (size_t i = 0; i < n; i++)
		feed_put(&f, records[i]);
	feed_write(&f, in_dir(file));
}
#define FEED_OF(file, ...) feed_of((file), (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static uint64_t records_of(const char *ecosystem)
{
	struct advisory_db *db = open_ok();
	struct advisory_status s;
	uint64_t n = 0;
	advisory_db_status(db, &s);
	for (size_t i = 0; i < s.n_ecosystems; i++)
		if (slice_eqs(s.ecosystems[i].name, ecosystem))
			n = s.ecosystems[i].records;
	advisory_db_close(db);
	return n;
}

static bool knows(const char *text)
{
	struct advisory_db *db = open_ok();
	AUTO_BUF b = BUF(MIB);
	struct err e;
	bool yes = advisory_db_lookup(db, slice_str(text), &b, &e) == OK;
	advisory_db_close(db);
	return yes;
}

static void replaces_and_keeps(void **state)
{
	(void)state;
	FEED_OF("a.zip", OSV("D-1", "Debian:12", "a"), OSV("D-2", "Debian:11", "b"));
	FEED_OF("b.zip", OSV("P-1", "PyPI", "a"), OSV("P-2", "PyPI", "b"), OSV("P-3", "PyPI", "c"));
	import_ok(in_dir("a.zip"));
	struct advisory_db *before = open_ok();
	import_ok(in_dir("b.zip"));
	assert_int_equal(records_of("Debian"), 2);
	assert_int_equal(records_of("PyPI"), 3);
	struct advisory_status s;
	struct err e;
	advisory_db_status(before, &s);		/* an open database stays as it was */
	assert_int_equal(s.records, 2);
	assert_int_equal(advisory_db_verify(before, &e), OK);
	advisory_db_close(before);
	FEED_OF("c.zip", OSV("D-3", "Debian:12", "a"));
	import_ok(in_dir("c.zip"));
	assert_int_equal(records_of("Debian"), 1);
	assert_int_equal(records_of("PyPI"), 3);
	assert_true(knows("D-3") && !knows("D-1") && knows("P-2") && knows("CVE-2026-1"));
}

static void crossing_record(void **state)
{
	(void)state;
	static const char both[] = "{\"id\":\"P-2\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"n\"},\"versions\":[\"1\"]},"
		"{\"package\":{\"ecosystem\":\"PyPI\",\"name\":\"b\"},\"versions\":[\"1\"]}]}";
	FEED_OF("n.zip", OSV("N-1", "npm", "n"), both);
	import_ok(in_dir("n.zip"));
	assert_int_equal(records_of("npm"), 2);
	assert_int_equal(records_of("PyPI"), 3);	/* npm's feed did not replace them */
}

static void lists_are_kept(void **state)
{
	(void)state;
	write_file(in_dir("k.json"), SL("{\"vulnerabilities\":[{\"cveID\":\"CVE-2026-1\",\"dateAdded\":\"2026-01-01\"}]}"));
	import_ok(in_dir("k.json"));
	import_ok(in_dir("c.zip"));
	struct advisory_db *db = open_ok();
	struct advisory_status s;
	advisory_db_status(db, &s);
	assert_int_equal(s.kev, 1);
	advisory_db_close(db);
}

static void confined(void **state)
{
	(void)state;
	const char *path = in_dir("a.zip");
	struct advisory_import_stats s;
	struct err e = { 0 };
	if (advisory_db_import(in_dir("db"), &path, 1, &(struct advisory_import_options){ 0 }, &s, &e) != OK)
		fail_msg("%s", e.msg);
	assert_int_equal(s.records, 2);
	path = in_dir("broken");
	write_file(path, SL("PK\3\4 nothing"));
	assert_int_equal(advisory_db_import(in_dir("db"), &path, 1, &(struct advisory_import_options){ 0 }, &s, &e), ERR_FORMAT);
	assert_int_equal(records_of("Debian"), 2);
}

/* Every byte of the file is under a checksum, and no damage is worse than an error. */
static void damaged(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(MIB);
	struct err e;
	assert_int_equal(os_read_file(in_dir("db/advisories.db"), &b, &e), OK);
	assert_int_equal(mkdir(in_dir("bad"), 0755), 0);
	for (size_t i = 0; i < b.n; i += 1 + b.n / 1500) {
		struct advisory_db *db = NULL;
		b.p[i] ^= 0x41;
		write_file(in_dir("bad/advisories.db"), buf_slice(&b));
		if (advisory_db_open(in_dir("bad"), &db, &e) == OK) {
			if (advisory_db_verify(db, &e) == OK)
				fail_msg("byte %zu of %zu", i, b.n);
			AUTO_BUF out = BUF(MIB);
			(void)!advisory_db_lookup(db, SL("CVE-2026-1"), &out, &e);
			advisory_db_close(db);
		}
		assert_int_equal(e.code, ERR_FORMAT);
		b.p[i] ^= 0x41;
		write_file(in_dir("bad/advisories.db"), slice_upto(buf_slice(&b), i));
		assert_int_equal(advisory_db_open(in_dir("bad"), &db, &e), ERR_FORMAT);
	}
	assert_int_equal(advisory_db_open(in_dir("nowhere"), &(struct advisory_db *){ NULL }, &e), ERR_NOT_FOUND);
}

static enum err_code try_import(struct slice zip, struct advisory_import_stats *s)
{
	const char *path = in_dir("try.zip");
	struct err e = { 0 };
	write_file(path, zip);
	return advisory_db_import(in_dir("db2"), &path, 1, &(struct advisory_import_options){ .unconfined = true }, s, &e);
}

static void hostile_zips(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(MIB);
	struct err e;
	struct advisory_import_stats s;
	assert_int_equal(os_read_file(in_dir("a.zip"), &b, &e), OK);
	assert_int_equal(try_import(buf_slice(&b), &s), OK);
	for (size_t i = 0; i < b.n; i += 7)
		assert_int_not_equal(try_import(slice_upto(buf_slice(&b), i), &s), OK);
	for (size_t i = 0; i < b.n; i += 5) {	/* whatever it is, it ends */
		b.p[i] ^= 0xff;
		(void)!try_import(buf_slice(&b), &s);
		b.p[i] ^= 0xff;
	}
	/* a size that lies: the local data is right, the directory claims one byte less */
	size_t dir = b.n - 22 - 2 * (46 + 7);
	assert_memory_equal(b.p + dir, "PK\1\2", 4);
	b.p[dir + 24]--;
	assert_int_equal(try_import(buf_slice(&b), &s), OK);
	assert_int_equal(s.malformed, 1);
	assert_int_equal(s.records, 1);
	/* members that share their bytes */
	b.p[dir + 24]++;
	memset(b.p + dir + 20, 0, 8);
	memcpy(b.p + dir + 20, (uint32_t[]){ (uint32_t)b.n - 10, (uint32_t)b.n - 10 }, 8);
	assert_int_equal(try_import(buf_slice(&b), &s), ERR_FORMAT);
}

static void malformed_records(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "[]", "{", "{\"id\":\"A\",\"id\":\"B\"}", "{\"id\":1}", "{\"id\":\"A\",}", "{\"id\":\"A\"} x", "{\"id\":\"\\ud800\"}", "{\"id\":\"a\tb\"}",
		"{\"id\":\"A\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"\\x\"}}]}", "{\"id\":\"\xff\"}", "{\"n\":01,\"id\":\"A\"}",
	};
	struct feed f = FEED();
	char deep[400] = "{\"id\":\"A\",\"x\":";
	memset(deep + strlen(deep), '[', 300);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		feed_put(&f, bad[i]);
	feed_put(&f, deep);
	feed_put(&f, OSV("G-1", "npm", "g"));
	feed_write(&f, in_dir("m.zip"));
	struct advisory_import_stats s = import_ok(in_dir("m.zip"));
	assert_int_equal(s.malformed, ARRAY_LEN(bad) + 1);
	assert_int_equal(s.records, 1);
	assert_true(strstr(s.malformed_text[3], "twice") != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_and_keeps), cmocka_unit_test(crossing_record), cmocka_unit_test(lists_are_kept), cmocka_unit_test(confined),
		cmocka_unit_test(damaged), cmocka_unit_test(hostile_zips), cmocka_unit_test(malformed_records),
	};
	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
