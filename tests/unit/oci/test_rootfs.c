#include <errno.h>
#include "make.h"
#include "outer_tar.h"

static const struct outer_member *member(const struct outer_index *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (slice_eqs(x->items[i].name, name))
			return &x->items[i];
	fail_msg("no %s", name);
	return NULL;
}

/* The stream is read back by the strict reader of outer archives. */
static void walk(void **state)
{
	struct fixture *f = *state;
	AUTO_OCI_SOURCE s = NULL;
	AUTO_STREAM in = NULL;
	AUTO_ARENA a = ARENA(8 << 20);
	const struct oci_image *img;
	size_t n;
	struct err e = { 0 };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	struct outer_index x = { 0 };
	struct outer_member m;
	bool end;
	char ref[128], deep[260];
	memset(deep, 'd', sizeof(deep));
	deep[120] = '/';
	deep[241] = 0;
	write_file(f->dir, "etc/hello", SL("world"));
	write_file(f->dir, "etc/empty", SL(""));
	write_file(f->dir, ".wh.hidden", SL("x"));
	write_file(f->dir, deep, SL("deep"));
	snprintf(ref, sizeof(ref), "%s/link", f->dir);
	assert_int_equal(symlink("etc/hello", ref), 0);
	snprintf(ref, sizeof(ref), "%s/fifo", f->dir);
	assert_int_equal(mkfifo(ref, 0600), 0);
	snprintf(ref, sizeof(ref), "rootfs:%s", f->dir);
	if (scan(ref, &o, &s, &img, &n, &e) || oci_layer_open(s, img, 0, &in, &e))
		fail_msg("%s", e.msg);
	struct outer_in tar = { .fd = -1, .st = in };
	for (;;) {
		if (outer_next(&tar, &a, &m, &end, &e))
			fail_msg("%s", e.msg);
		if (end)
			break;
		struct outer_member *p = ARENA_PUSH(&a, &x);
		*p = m;
		assert_int_equal(outer_skip(&tar, m.size + outer_padding(m.size), m.name, &e), OK);
	}
	uint8_t rest[1024];
	assert_int_equal(stream_read_full(in, rest, sizeof(rest), &n, &e), OK);
	assert_int_equal(n, 512);
	assert_int_equal(member(&x, "etc/hello")->size, 5);
	assert_int_equal(member(&x, deep)->size, 4);
	assert_true(slice_eqs(member(&x, "link")->link, "etc/hello"));
	assert_int_equal(member(&x, "fifo")->kind, OUTER_OTHER);
	assert_int_equal(member(&x, "etc")->kind, OUTER_OTHER);
	const struct oci_unreadable *u;
	assert_int_equal(oci_source_unreadable(s, &u), 1);
	assert_true(slice_eqs(u->path, ".wh.hidden") && u->sys == EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(walk, setup, teardown) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
