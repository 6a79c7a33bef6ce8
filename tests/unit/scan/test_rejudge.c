/* Stored reports judged again: what comes out is what a fresh scan with the same advisories gives. */
#include "world.h"
#include "advisory.h"
#include "rejudge.h"
#include "report_store.h"

enum { NOW = 1800000000 };

/* An import replaces the ecosystem. */
static void import(struct world *w, const char *const *records, size_t n)
{
	char paths[2][128];
	struct err e = { 0 };
	struct advisory_import_stats stats;
	for (size_t i = 0; i < n; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/record%zu.json", w->dir, i);
		write_file(w->dir, strrchr(paths[i], '/') + 1, slice_str(records[i]));
	}
	if (advisory_db_import(w->dir, (const char *[]){ paths[0], paths[1] }, n, &(struct advisory_import_options){ .unconfined = true }, &stats, &e) != OK)
		fail_msg("%s", e.msg);
	assert_int_equal(stats.records, n);
}

static const char zlib_record[] = "{\"id\":\"DEBIAN-CVE-2026-1\",\"upstream\":[\"CVE-2026-1\"],\"summary\":\"A flaw\",\"modified\":\"2026-01-01T00:00:00Z\","
	"\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"zlib\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},"
	"{\"fixed\":\"1:1.2.14\"}]}]}]}";
static const char bash_record[] = "{\"id\":\"DEBIAN-CVE-2026-2\",\"upstream\":[\"CVE-2026-2\"],\"details\":\"Another\\nflaw\",\"modified\":\"2026-01-01T00:00:00Z\","
	"\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"bash\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}]}]}]}";

static enum err_code on_report(void *arg, struct report *r, struct err *e) { return report_encode(r, arg, e); }

static void fresh(struct world *w, struct buf *ret)
{
	struct oci_provider p = { .get = get, .blob_open = blob_open, .arg = &w->store };
	AUTO_OCI_SOURCE s = NULL;
	struct err e = { 0 };
	bool changed;
	assert_int_equal(scan_engine_refresh(w->engine, &changed, &e), OK);
	assert_int_equal(oci_source_open_provider("docker.io/someone/openjdk:8", w->root, &p, &OCI_OPTIONS_DEFAULT, &s, &e), OK);
	if (scan_source(w->engine, s, on_report, ret, &e) != OK)
		fail_msg("%s", e.msg);
}

/* Judges `stored` again as if a policy had seen it, and compares. */
static void rejudged(struct rejudge *rj, const struct buf *stored, const struct buf *want, size_t vulnerabilities)
{
	AUTO_ARENA a = ARENA(16 << 20);
	AUTO_BUF got = BUF(1 << 20);
	struct report r;
	struct err e = { 0 };
	size_t n = 0;
	assert_int_equal(report_decode(buf_slice(stored), &a, &r, &e), OK);
	for (size_t i = 0; i < r.findings.n; i++)
		r.findings.items[i].disposition = SL("refuse");
	r.verdict.decision = DECISION_REFUSE;
	if (rejudge_advisories(rj, &r, os_now_s(), &e) != OK)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < r.findings.n; i++)
		n += r.findings.items[i].kind == KIND_VULNERABILITY;
	assert_int_equal(n, vulnerabilities);
	assert_int_equal(report_encode(&r, &got, &e), OK);
	assert_true(slice_eq(buf_slice(&got), buf_slice(want)));
}

static void hashes(struct rejudge *rj, uint64_t h[3], uint64_t *system)
{
	const struct os_info debian = { .id = SL("debian"), .version_id = SL("12") };
	struct package p[3] = { { .type = SL("deb"), .name = SL("zlib1g"), .version = SL("1:1.2.13"), .source_name = SL("zlib"), .source_version = SL("1:1.2.13") },
				{ .type = SL("deb"), .name = SL("bash"), .version = SL("5.2") }, { .type = SL("npm"), .name = SL("left-pad"), .version = SL("1.0.0") } };
	struct err e = { 0 };
	assert_int_equal(rejudge_package_hashes(rj, &debian, p, 3, h, &e), OK);
	assert_int_equal(rejudge_system_hash(rj, &debian, NOW, system, &e), OK);
}

static void test_same_as_fresh(void **state)
{
	struct world *w = *state;
	AUTO_BUF none = BUF(1 << 20), one = BUF(1 << 20), two = BUF(1 << 20);
	struct rejudge *rj;
	struct rejudge_generation before, after;
	struct err e = { 0 };
	uint64_t h0[3], h1[3], h2[3], s0, s1, s2;
	bool changed;
	assert_int_equal(rejudge_open(&(struct rejudge_options){ .db_dir = w->dir }, &rj, &e), OK);
	rejudge_generation(rj, &before);
	assert_string_equal(before.advisories, "");
	assert_int_equal(strlen(before.intelligence), 71);
	hashes(rj, h0, &s0);
	fresh(w, &none);
	rejudged(rj, &none, &none, 0);
	import(w, (const char *[]){ zlib_record }, 1);
	rejudged(rj, &none, &none, 0);	/* not refreshed: still the old data */
	assert_int_equal(rejudge_refresh(rj, &changed, &e), OK);
	assert_true(changed);
	assert_int_equal(rejudge_refresh(rj, &changed, &e), OK);
	assert_false(changed);
	fresh(w, &one);
	rejudged(rj, &none, &one, 1);
	hashes(rj, h1, &s1);
	import(w, (const char *[]){ zlib_record, bash_record }, 2);
	assert_int_equal(rejudge_refresh(rj, &changed, &e), OK);
	assert_true(changed);
	fresh(w, &two);
	rejudged(rj, &one, &two, 2);
	rejudged(rj, &none, &two, 2);
	rejudged(rj, &two, &two, 2);
	hashes(rj, h2, &s2);
	rejudge_generation(rj, &after);
	assert_int_equal(strlen(after.advisories), 32);
	AUTO_ARENA a = ARENA(16 << 20);
	struct report r;
	assert_int_equal(report_decode(buf_slice(&two), &a, &r, &e), OK);
	assert_true(slice_eqs(r.advisories_digest, after.advisories) && slice_eqs(r.intel_digest, after.intelligence));
	/* Only what an import spoke of has another hash. */
	assert_true(h0[0] == 0 && h0[1] == 0 && h0[2] == 0);
	assert_true(h1[0] != 0 && h1[1] == 0 && h1[2] == 0);
	assert_true(h2[0] == h1[0] && h2[1] != 0 && h2[2] == 0);
	assert_true(s0 != s1 && s1 == s2);
	rejudge_close(rj);
}

static void test_damaged(void **state)
{
	struct world *w = *state;
	AUTO_BUF stored = BUF(1 << 20);
	struct rejudge *rj;
	struct err e = { 0 };
	bool changed;
	assert_int_equal(rejudge_open(&(struct rejudge_options){ .db_dir = w->dir }, &rj, &e), OK);
	fresh(w, &stored);
	write_file(w->dir, "new", SL("PABEADV1 but not really"));
	char from[128], to[128];
	snprintf(from, sizeof(from), "%s/new", w->dir);
	snprintf(to, sizeof(to), "%s/" ADVISORY_DB_NAME, w->dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(rejudge_refresh(rj, &changed, &e), ERR_FORMAT);
	rejudged(rj, &stored, &stored, 2);
	rejudge_close(rj);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "parse"))
		return analyze_worker_main(argc, argv);
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_as_fresh), cmocka_unit_test(test_damaged) };
	return cmocka_run_group_tests(tests, open_world, close_world);
}
