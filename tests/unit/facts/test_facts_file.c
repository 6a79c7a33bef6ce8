#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "facts_file.h"
#include "os.h"

static char dir[] = "/tmp/pabean-test-XXXXXX";

static int setup(void **state) { (void)state; return mkdtemp(dir) ? 0 : -1; }
static int teardown(void **state)
{
	struct err e;
	(void)state;
	return os_remove_tree(dir, &e) == OK ? 0 : -1;
}

static void add(struct facts_writer *w, const struct fact *f)
{
	struct err e;
	AUTO_BUF b = BUF(MIB);
	assert_int_equal(fact_encode(&b, f, &e), OK);
	assert_int_equal(facts_writer_add(w, f, buf_slice(&b), &e), OK);
}

static void add_end(struct facts_writer *w)
{
	uint8_t id[32] = { 7 };
	add(w, &(struct fact){ .type = FACT_END, .end = { .diff_id = slice_of(id, 32), .entries = 3 } });
}

/* n entries in an order made by multiplying with a number prime to n; size is what tells them apart. */
static struct facts_file *make(uint32_t n, uint32_t step, const char *path)
{
	struct facts_writer *w;
	struct facts_file *f;
	struct err e;
	assert_int_equal(facts_writer_open(dir, path, &w, &e), OK);
	for (uint32_t i = 0; i < n; i++) {
		char name[64];
		uint32_t k = (uint32_t)((uint64_t)i * step % n);
		snprintf(name, sizeof(name), "dir%03u/file-with-a-long-name-%08u", k / 1000, k);
		add(w, &(struct fact){ .type = FACT_ENTRY, .path = slice_str(name), .entry = { .kind = ENTRY_FILE, .size = k, .mtime = 1700000000 } });
	}
	add_end(w);
	assert_int_equal(facts_writer_finish(w, &f, &e), OK);
	return f;
}

static void check_order(struct facts_file *f, uint32_t n)
{
	struct facts_cursor c;
	struct fact fact;
	struct err e;
	facts_cursor_init(&c, f, SECTION_ENTRIES);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(facts_cursor_next(&c, &fact, &e), OK);
		assert_int_equal(fact.entry.size, i);
	}
	assert_int_equal(facts_cursor_next(&c, &fact, &e), ERR_NOT_FOUND);
	for (uint32_t i = 1; i < n; i = i * 3 + 1) {
		char name[64];
		snprintf(name, sizeof(name), "dir%03u/file-with-a-long-name-%08u", i / 1000, i);
		assert_int_equal(facts_cursor_seek(&c, slice_str(name), &e), OK);
		do
			assert_int_equal(facts_cursor_next(&c, &fact, &e), OK);
		while (fact_path_cmp(fact.path, slice_str(name)) < 0);
		assert_int_equal(fact.entry.size, i);
	}
	facts_cursor_free(&c);
	facts_file_close(f);
}

static void sorted_input(void **state) { (void)state; check_order(make(200000, 1, NULL), 200000); }
static void shuffled_input(void **state) { (void)state; check_order(make(200000, 77773, NULL), 200000); }
static void small_input(void **state) { (void)state; check_order(make(997, 31, NULL), 997); }

static void duplicates(void **state)
{
	struct facts_writer *w;
	struct facts_file *f;
	struct facts_cursor c;
	struct fact fact;
	struct err e;
	unsigned dup = 0, whiteout = 0;
	(void)state;
	assert_int_equal(facts_writer_open(dir, NULL, &w, &e), OK);
	static const struct { const char *path; uint64_t kind; } in[] = { { "a", ENTRY_FILE }, { "b", ENTRY_DIR }, { "b", ENTRY_OPAQUE },
		{ "c", ENTRY_WHITEOUT }, { "d", ENTRY_FILE }, { "a", ENTRY_FILE }, { "c", ENTRY_FILE } };
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		add(w, &(struct fact){ .type = FACT_ENTRY, .path = slice_str(in[i].path), .entry = { .kind = in[i].kind } });
	add_end(w);
	assert_int_equal(facts_writer_finish(w, &f, &e), OK);
	facts_cursor_init(&c, f, SECTION_OTHERS);
	while (facts_cursor_next(&c, &fact, &e) == OK) {
		assert_int_equal(fact.type, FACT_INTEGRITY);
		dup += slice_eqs(fact.integrity.what, "tar.duplicate") && slice_eqs(fact.path, "a");
		whiteout += slice_eqs(fact.integrity.what, "tar.whiteout-and-entry") && slice_eqs(fact.path, "c");
	}
	assert_int_equal(dup, 1);
	assert_int_equal(whiteout, 1);
	facts_cursor_free(&c);
	facts_file_close(f);
}

static void damage(void **state)
{
	struct facts_file *f;
	struct facts_cursor c;
	struct fact fact;
	struct err e;
	char path[128];
	AUTO_BUF good = BUF(16 * MIB);
	(void)state;
	snprintf(path, sizeof(path), "%s/facts", dir);
	facts_file_close(make(5000, 1, path));
	assert_int_equal(os_read_file(path, &good, &e), OK);
	/* Every byte matters: a flipped one is found when the file is opened or when its block is read. */
	for (size_t at = 0; at < good.n; at += 97) {
		FILE *out = fopen(path, "wb");
		good.p[at] ^= 0x10;
		fwrite(good.p, 1, good.n, out);
		fclose(out);
		good.p[at] ^= 0x10;
		enum err_code code = facts_file_open(path, &f, &e);
		if (code == OK) {
			facts_cursor_init(&c, f, SECTION_ENTRIES);
			while ((code = facts_cursor_next(&c, &fact, &e)) == OK)
				;
			facts_cursor_free(&c);
			facts_file_close(f);
		}
		if (code != ERR_FORMAT)
			fail_msg("a flipped bit at byte %zu of %zu went unseen", at, good.n);
	}
	assert_int_equal(truncate(path, (off_t)good.n / 2), 0);
	assert_int_equal(facts_file_open(path, &f, &e), ERR_FORMAT);
	unlink(path);
	assert_int_equal(facts_file_open(path, &f, &e), ERR_NOT_FOUND);
}

static void sources(void **state)
{
	struct facts_writer *w;
	struct facts_file *f;
	struct err e;
	const struct slice *list;
	size_t n;
	(void)state;
	assert_int_equal(facts_writer_open(dir, NULL, &w, &e), OK);
	for (unsigned i = 0; i < 3000; i++) {
		char path[64], source[64];
		snprintf(path, sizeof(path), "usr/bin/p%u", i);
		snprintf(source, sizeof(source), "var/lib/dpkg/info/p%u.md5sums", i % 700);
		add(w, &(struct fact){ .type = FACT_OWNED, .path = slice_str(path), .owned = { .package = SL("deb:p"), .source = slice_str(source) } });
	}
	add_end(w);
	assert_int_equal(facts_writer_finish(w, &f, &e), OK);
	facts_file_sources(f, &list, &n);
	assert_int_equal(n, 700);
	for (size_t i = 1; i < n; i++)
		assert_true(fact_path_cmp(list[i - 1], list[i]) < 0);
	assert_int_equal(facts_file_count(f, FACT_OWNED), 3000);
	facts_file_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sorted_input), cmocka_unit_test(shuffled_input), cmocka_unit_test(small_input),
		cmocka_unit_test(duplicates), cmocka_unit_test(damage), cmocka_unit_test(sources) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
