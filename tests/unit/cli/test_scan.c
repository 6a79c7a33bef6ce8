/* The scan command over an engine made for the test: outputs, exit statuses, filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "scan_inside.h"

extern const struct cli_command cli_cmd_scan;

struct scan_engine { struct scan_options o; };
static struct scan_options seen;

enum err_code scan_engine_open(const struct scan_options *o, struct scan_engine **ret, struct err *e)
{
	static struct scan_engine engine;
	(void)e;
	engine.o = seen = *o;
	*ret = &engine;
	return OK;
}

void scan_engine_close(struct scan_engine *s) { (void)s; }

/* "good", "miner", "gap", "broken", "two". */
enum err_code scan_image(struct scan_engine *s, const char *ref, scan_report_fn *fn, void *arg, struct err *e)
{
	if (!strcmp(ref, "broken"))
		return err_set(e, ERR_FORMAT, 0, "the manifest is cut short");
	for (int n = 0; n < (!strcmp(ref, "two") ? 2 : 1); n++) {
		AUTO_ARENA a = ARENA(MIB);
		struct report r = { .arena = &a, .reference = slice_str(ref), .transport = SL("oci"), .complete = true };
		if (!strcmp(ref, "miner") || !strcmp(ref, "gap")) {
			struct finding *f = report_add_finding(&r);
			f->kind = *ref == 'm' ? KIND_MINER : KIND_COVERAGE;
			f->skip_class = *ref == 'm' ? FINDING_SKIP_NONE : FINDING_SKIP_LAYER;
			f->severity = SEV_HIGH;
			f->rule = SL("some.rule");
			f->title = SL("Something");
			finding_seal(&r, f);
		}
		TRY(fn(arg, &r, e));
	}
	(void)s;
	return OK;
}

static char dir[64], out[96], second[96];

/* Freed when the next run begins: `seen` points into it. */
static struct arena last;

static int scan(const char *const *argv)
{
	struct cli c = { .arena = ARENA(4 * MIB), .path = "scan" };
	struct err e = { 0 };
	int argc = 0;
	arena_free(&last);
	while (argv[argc])
		argc++;
	assert_int_equal(cli_setup(&c, &cli_cmd_scan, &e), OK);
	if (cli_parse_args(&c, argc, (char **)argv, 0, &e) != OK)
		fail_msg("%s", e.msg);
	int status = cli_cmd_scan.run(&c);
	last = c.arena;
	return status;
}

static bool file_has(const char *path, const char *text)
{
	AUTO_BUF b = BUF(MIB);
	struct err e;
	return os_read_file(path, &b, &e) == OK && slice_find(buf_slice(&b), slice_str(text)) >= 0;
}

#define TO_FILE "--format", "json", "--output", out

static void statuses(void **state)
{
	(void)state;
	assert_int_equal(scan((const char *[]){ TO_FILE, "good", NULL }), 0);
	assert_true(file_has(out, "\"decision\": \"admit\""));
	assert_int_equal(scan((const char *[]){ TO_FILE, "miner", NULL }), 1);
	assert_int_equal(scan((const char *[]){ TO_FILE, "gap", NULL }), 3);
	assert_int_equal(scan((const char *[]){ TO_FILE, "gap", "miner", "good", NULL }), 1);
	assert_true(file_has(out, "[\n"));
	assert_int_equal(scan((const char *[]){ TO_FILE, "miner", "broken", "good", NULL }), 2);
	assert_true(file_has(out, "\"reference\": \"good\""));
	unlink(out);
	assert_int_equal(scan((const char *[]){ TO_FILE, "broken", NULL }), 2);
	assert_int_equal(access(out, F_OK), -1);
	assert_int_equal(scan((const char *[]){ TO_FILE, NULL }), 2);
	assert_int_equal(scan((const char *[]){ TO_FILE, "two", NULL }), 0);
	assert_true(file_has(out, "[\n"));
}

static void filters_and_policy(void **state)
{
	(void)state;
	assert_int_equal(scan((const char *[]){ TO_FILE, "--severity", "critical", "miner", NULL }), 1);
	assert_true(file_has(out, "\"not_shown\": 1"));
	assert_int_equal(scan((const char *[]){ TO_FILE, "--kind", "name,miner", "miner", NULL }), 1);
	assert_true(file_has(out, "\"not_shown\": 0"));
	assert_int_equal(scan((const char *[]){ TO_FILE, "--kind", "minr", "miner", NULL }), 2);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--fail-on", "coverage:high", "gap", NULL }), 1);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--fail-on", "coverage:hi", "gap", NULL }), 2);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--policy", "/nonexistent", "good", NULL }), 2);
	FILE *f = fopen(second, "w");
	fputs("waivers:\n- {finding: some.rule, until: 2027-01-31, reason: tested}\n", f);
	fclose(f);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--waivers", second, "--now", "2027-01-01", "miner", NULL }), 0);
	assert_true(file_has(out, "\"expires\": \"2027-01-31T23:59:59Z\""));
	assert_int_equal(scan((const char *[]){ TO_FILE, "--waivers", second, "--now", "2027-02-01", "miner", NULL }), 1);
	assert_true(file_has(out, "no longer applies"));
}

static void outputs(void **state)
{
	(void)state;
	assert_int_equal(scan((const char *[]){ "-f", "sarif", "-o", out, "-f", "jsonl", "-o", second, "good", NULL }), 0);
	assert_true(file_has(out, "\"2.1.0\""));
	assert_true(file_has(second, "{\"schema\":\"pabean.scan/1\""));
	assert_int_equal(scan((const char *[]){ "-o", out, "-f", "jsonl", "good", NULL }), 0);
	assert_true(file_has(out, "{\"schema\":"));
	assert_int_equal(scan((const char *[]){ "-o", out, "good", NULL }), 0);
	assert_true(file_has(out, "ADMIT  good"));
	assert_int_equal(scan((const char *[]){ "-f", "json", "-f", "sarif", "good", NULL }), 2);
	assert_int_equal(scan((const char *[]){ "-f", "json", "-o", out, "-f", "sarif", "-o", out, "good", NULL }), 2);
	assert_int_equal(scan((const char *[]){ "-o", out, "-o", second, "good", NULL }), 2);
	assert_int_equal(scan((const char *[]){ "-f", "json", "-o", "/nonexistent/x", "good", NULL }), 2);
	if (access("/dev/full", W_OK) == 0)
		assert_int_equal(scan((const char *[]){ "-f", "json", "-o", "/dev/full", "good", NULL }), 2);
}

static void lists_and_options(void **state)
{
	(void)state;
	FILE *f = fopen(second, "w");
	fputs("# images\ngood\n\n  miner  \n", f);
	fclose(f);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--input-list", second, "gap", NULL }), 1);
	assert_true(file_has(out, "\"reference\": \"good\""));
	assert_true(file_has(out, "\"reference\": \"gap\""));
	assert_int_equal(scan((const char *[]){ TO_FILE, "--input-list", "/nonexistent", NULL }), 2);
	assert_int_equal(scan((const char *[]){ TO_FILE, "--db", "/d", "--jobs", "3", "--memory", "2G", "--timeout", "90s", "--db-max-age", "1d",
						"--skip-path", "a/**", "--tls-verify=false", "--cache-dir", "/c", "good", NULL }), 0);
	assert_string_equal(seen.db_dir, "/d");
	assert_string_equal(seen.intel_file, "/d/intel.table");
	assert_string_equal(seen.cache_dir, "/c");
	assert_int_equal(seen.jobs, 3);
	assert_int_equal(seen.timeout_ms, 90000);
	assert_int_equal(seen.db_max_age_ms, 86400000);
	assert_int_equal(seen.n_skip_paths, 1);
	assert_false(seen.oci.tls_verify);
}

static int start(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/pabean-scan-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	return 0;
}

static int stop(void **state)
{
	struct err e;
	(void)state;
	return os_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses), cmocka_unit_test(filters_and_policy), cmocka_unit_test(outputs), cmocka_unit_test(lists_and_options),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
