#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "effective.h"

/* A layer as text: one entry a line: kind, path, and for links " > target". */
static struct facts_file *layer(const char *text)
{
	struct facts_writer *w;
	struct facts_file *f;
	struct err e;
	struct slice rest = slice_str(text), line;
	uint8_t id[32] = { 1 };
	AUTO_BUF b = BUF(MIB);
	assert_int_equal(facts_writer_open("/tmp", NULL, &w, &e), OK);
	while (slice_next_line(&rest, &line)) {
		ptrdiff_t arrow = slice_find(line, SL(" > "));
		struct fact fact = { .type = FACT_ENTRY, .path = slice_sub(line, 2, arrow < 0 ? line.n : (size_t)arrow - 2),
				     .entry = { .kind = line.p[0] } };
		if (arrow >= 0)
			fact.entry.link = slice_from(line, (size_t)arrow + 3);
		buf_clear(&b);
		assert_int_equal(fact_encode(&b, &fact, &e), OK);
		assert_int_equal(facts_writer_add(w, &fact, buf_slice(&b), &e), OK);
	}
	struct fact end = { .type = FACT_END, .end = { .diff_id = slice_of(id, 32) } };
	buf_clear(&b);
	assert_int_equal(fact_encode(&b, &end, &e), OK);
	assert_int_equal(facts_writer_add(w, &end, buf_slice(&b), &e), OK);
	assert_int_equal(facts_writer_finish(w, &f, &e), OK);
	return f;
}

static enum err_code list_seen(void *arg, const struct effective_path *p, struct err *e)
{
	struct buf *out = arg;
	(void)e;
	if (p->seen.layer >= 0)
		buf_printf(out, "%.*s@%d%s\n", SLICE_ARG(p->path), p->seen.layer, p->below_link ? "!" : "");
	return OK;
}

/* The walk and single look-ups must agree about every path. */
static enum err_code compare_lookup(void *arg, const struct effective_path *p, struct err *e)
{
	struct seen s;
	struct fact_entry entry;
	assert_int_equal(effective_lookup(arg, p->path, &s, &entry, e), OK);
	if (s.layer != p->seen.layer)
		fail_msg("%.*s: walk says layer %d, look-up %d", SLICE_ARG(p->path), p->seen.layer, s.layer);
	return OK;
}

static void check(const char *const *layers, int n, const char *want)
{
	struct facts_file *files[8];
	struct effective_fs *fs;
	struct err e;
	AUTO_BUF out = BUF(MIB);
	for (int i = 0; i < n; i++)
		files[i] = layers[i] ? layer(layers[i]) : NULL;
	assert_int_equal(effective_walk(files, n, list_seen, &out, &e), OK);
	assert_string_equal(buf_cstr(&out), want);
	assert_int_equal(effective_fs_open(files, n, &fs, &e), OK);
	assert_int_equal(effective_walk(files, n, compare_lookup, fs, &e), OK);
	effective_fs_close(fs);
	for (int i = 0; i < n; i++)
		facts_file_close(files[i]);
}

static void overwriting(void **state)
{
	(void)state;
	check((const char *const[]){ "d a\nf a/x\nf a/y\n", "f a/x\n" }, 2, "a@0\na/x@1\na/y@0\n");
}

static void whiteouts(void **state)
{
	(void)state;
	check((const char *const[]){ "d a\nf a/x\nf b\n", "w a/x\nw b\n", "f b\n" }, 3, "a@0\nb@2\n");
	/* acts on lower layers only, whatever its position */
	check((const char *const[]){ "f x\n", "w x\nf x\n" }, 2, "x@1\n");
	/* a removed directory takes its tree along; what an upper layer puts there again stays */
	check((const char *const[]){ "d a\nd a/b\nf a/b/c\n", "w a\n", "d a\nf a/z\n" }, 3, "a@2\na/z@2\n");
}

static void opaque(void **state)
{
	(void)state;
	check((const char *const[]){ "d a\nf a/x\nd a/s\nf a/s/y\n", "d a\no a\nf a/new\n" }, 2, "a@1\na/new@1\n");
}

static void replaced_directory(void **state)
{
	(void)state;
	check((const char *const[]){ "d a\nf a/x\n", "f a\n" }, 2, "a@1\n");
	check((const char *const[]){ "d a\nf a/x\n", "f a\n", "d a\nf a/z\n" }, 3, "a@2\na/z@2\n");
}

static void below_a_link(void **state)
{
	(void)state;
	check((const char *const[]){ "d usr\nd usr/bin\nl bin > usr/bin\n", "f bin/sh\nf usr/bin/x\n" }, 2, "bin@0\nbin/sh@1!\nusr@0\nusr/bin@0\nusr/bin/x@1\n");
}

static void missing_layer(void **state)
{
	(void)state;
	check((const char *const[]){ "f a\n", NULL, "f b\n" }, 3, "a@0\nb@2\n");
}

static void following(void **state)
{
	struct facts_file *files[2] = { layer("d usr\nd usr/bin\nf usr/bin/dash\nl bin > usr/bin\nl usr/bin/sh > dash\nl loop > loop\nl up > ../../../usr\nh hard > usr/bin/dash\n"),
					layer("l entry > /bin/sh\nl abs > //usr/./bin/../bin/dash\nw hard2\n") };
	struct effective_fs *fs;
	struct fact_entry entry;
	struct slice path;
	struct err e;
	int l;
	AUTO_ARENA a = ARENA(MIB);
	(void)state;
	assert_int_equal(effective_fs_open(files, 2, &fs, &e), OK);
	static const struct { const char *ask, *want; } t[] = { { "/entry", "usr/bin/dash" }, { "bin/sh", "usr/bin/dash" }, { "abs", "usr/bin/dash" },
		{ "up/bin/sh", "usr/bin/dash" }, { "hard", "usr/bin/dash" }, { "loop", NULL }, { "bin/nothing", NULL }, { "../../usr/bin/dash", "usr/bin/dash" } };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		enum err_code code = effective_follow(fs, slice_str(t[i].ask), &a, &path, &l, &entry, &e);
		if (!t[i].want) {
			assert_int_equal(code, ERR_NOT_FOUND);
			continue;
		}
		assert_int_equal(code, OK);
		assert_true(slice_eqs(path, t[i].want));
		assert_int_equal(l, 0);
	}
	effective_fs_close(fs);
	facts_file_close(files[0]);
	facts_file_close(files[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(overwriting), cmocka_unit_test(whiteouts), cmocka_unit_test(opaque),
		cmocka_unit_test(replaced_directory), cmocka_unit_test(below_a_link), cmocka_unit_test(missing_layer), cmocka_unit_test(following) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
