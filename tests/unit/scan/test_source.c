/* The engine over a provider: one look at each layer, names that cost nothing, several threads. This program is its own parse worker. */
#include "world.h"

/* What a report says. */
struct seen { struct buf json; size_t packages, names; };

static enum err_code on_report(void *arg, struct report *r, struct err *e)
{
	struct seen *seen = arg;
	struct report_writer *out;
	AUTO_FD fd = memfd_create("report", MFD_CLOEXEC);
	uint8_t piece[4096];
	ssize_t n;
	seen->packages = r->packages.n;
	for (size_t i = 0; i < r->findings.n; i++)
		seen->names += r->findings.items[i].kind == KIND_NAME;
	TRY(report_open(fd, REPORT_JSON, &(struct report_options){ .version = "0" }, &out, e));
	TRY(report_add(out, r, e));
	TRY(report_finish(out, e));
	report_close(out);
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_put(&seen->json, piece, (size_t)n);
	return OK;
}

static enum err_code scan_as(struct world *w, const char *name, struct seen *seen, struct err *e)
{
	struct oci_provider p = { .get = get, .blob_open = blob_open, .plan = plan, .arg = &w->store };
	AUTO_OCI_SOURCE s = NULL;
	*seen = (struct seen){ .json = BUF(1 << 20) };
	TRY(oci_source_open_provider(name, w->root, &p, &OCI_OPTIONS_DEFAULT, &s, e));
	return scan_source(w->engine, s, on_report, seen, e);
}

static void test_names(void **state)
{
	struct world *w = *state;
	struct seen a, b;
	struct err e = { 0 };
	if (scan_as(w, "localhost:5000/team/app:1", &a, &e) != OK)
		fail_msg("%s", e.msg);
	assert_int_equal(a.packages, 2);
	assert_int_equal(w->store.opens, 2);	/* equal layers are read once */
	assert_int_equal(w->store.planned, 2);
	assert_int_equal(a.names, 0);
	/* The same digest under a name that lies: no bytes are needed. */
	uint64_t start = os_monotonic_ns();
	assert_int_equal(scan_as(w, "docker.io/someone/openjdk:8", &b, &e), OK);
	uint64_t ms = (os_monotonic_ns() - start) / 1000000;
	assert_int_equal(w->store.opens, 2);
	assert_int_equal(w->store.planned, 2);
	assert_true(b.names > 0);
	assert_true(ms < 1000);	/* under sanitizers; some milliseconds otherwise */
	if (getenv("PABEAN_TEST_TIMES"))
		print_message("a second name: %.2f ms\n", (double)(os_monotonic_ns() - start) / 1e6);
	buf_free(&a.json);
	buf_free(&b.json);
}

struct job { struct world *w; struct seen seen; enum err_code code; struct err e; };

static void *scan_main(void *arg)
{
	struct job *j = arg;
	j->code = scan_as(j->w, "localhost:5000/team/app:1", &j->seen, &j->e);
	return NULL;
}

static void test_threads(void **state)
{
	struct job jobs[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){ .w = *state };
		assert_int_equal(pthread_create(&threads[i], NULL, scan_main, &jobs[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++) {
		if (jobs[i].code != OK)
			fail_msg("%s", jobs[i].e.msg);
		assert_true(jobs[i].seen.json.n > 100);
		assert_true(slice_eq(buf_slice(&jobs[i].seen.json), buf_slice(&jobs[0].seen.json)));
	}
	for (int i = 0; i < 4; i++)
		buf_free(&jobs[i].seen.json);
}

/* The provider's bytes are not those of the digest. */
static void test_lying(void **state)
{
	struct world *w = *state;
	struct seen a;
	struct err e = { 0 };
	struct scan_options o = { .oci = OCI_OPTIONS_DEFAULT, .db_dir = w->dir, .cache_dir = w->dir, .jobs = 2, .no_cache = true };
	struct scan_engine *first = w->engine;
	struct slice was = w->store.items[1].bytes;
	struct oci_provider p = { .get = get, .blob_open = blob_open, .arg = &w->store };
	assert_int_equal(scan_engine_open(&o, &w->engine, &e), OK);
	w->store.items[1].bytes = w->store.items[0].bytes;
	assert_int_equal(scan_as(w, "localhost:5000/team/app:1", &a, &e), ERR_FORMAT);	/* longer than promised */
	w->store.items[1].bytes = slice_upto(was, was.n - 512);
	AUTO_OCI_SOURCE s = NULL;
	assert_int_equal(oci_source_open_provider("a/b:1", w->root, &p, &OCI_OPTIONS_DEFAULT, &s, &e), OK);
	assert_int_equal(scan_source(w->engine, s, on_report, &a, &e), ERR_DIGEST);
	w->store.items[1].bytes = was;
	scan_engine_close(w->engine);
	w->engine = first;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "parse"))
		return analyze_worker_main(argc, argv);
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_threads), cmocka_unit_test(test_lying) };
	return cmocka_run_group_tests(tests, open_world, close_world);
}
