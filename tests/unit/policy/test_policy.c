#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "policy.h"

enum { NOW = 1800000000 };	/* 2027-01-15 */

struct world { struct arena arena; struct report r; };

static void world_init(struct world *w)
{
	*w = (struct world){ .arena = ARENA(4 * MIB) };
	w->r.arena = &w->arena;
	w->r.complete = true;
	w->r.reference = SL("docker.io/library/app:1");
}

static struct finding *add(struct world *w, enum finding_kind kind, enum severity severity, const char *rule)
{
	struct finding *f = report_add_finding(&w->r);
	assert_non_null(f);
	f->kind = kind;
	f->severity = severity;
	f->rule = slice_str(rule);
	f->title = SL("Something");
	snprintf(f->id, sizeof(f->id), "%032zx", w->r.findings.n);
	struct evidence *ev = finding_add_evidence(&w->r, f);
	ev->path = SL("/usr/bin/x");
	return f;
}

static enum decision judge(struct world *w, const char *text, const struct policy_options *o)
{
	AUTO_POLICY p = NULL;
	struct err e;
	struct policy_options standard = { .now_s = NOW };
	enum err_code code = text ? policy_parse(slice_str(text), "p.yaml", &p, &e) : policy_load(NULL, &p, &e);
	if (code != OK)
		fail_msg("%s", e.msg);
	assert_int_equal(policy_apply(p, &w->r, o ? o : &standard, &e), OK);
	return w->r.verdict.decision;
}

static void default_policy(void **state)
{
	(void)state;
	static const struct {
		enum finding_kind kind; enum severity severity; const char *rule; int skip; bool fixed, exploited; enum decision want;
	} t[] = {
		{ KIND_MALWARE, SEV_HIGH, "m", 0, 0, 0, DECISION_REFUSE }, { KIND_MALWARE, SEV_MEDIUM, "m", 0, 0, 0, DECISION_HOLD },
		{ KIND_MALWARE, SEV_INFO, "m", 0, 0, 0, DECISION_ADMIT }, { KIND_MALWARE, SEV_UNKNOWN, "m", 0, 0, 0, DECISION_REFUSE },
		{ KIND_MINER, SEV_CRITICAL, "m", 0, 0, 0, DECISION_REFUSE }, { KIND_MINER, SEV_INFO, "m", 0, 0, 0, DECISION_ADMIT },
		{ KIND_ATTACK_TOOL, SEV_HIGH, "a", 0, 0, 0, DECISION_REFUSE }, { KIND_ATTACK_TOOL, SEV_LOW, "a", 0, 0, 0, DECISION_ADMIT },
		{ KIND_NAME, SEV_CRITICAL, "name.impersonation", 0, 0, 0, DECISION_REFUSE },
		{ KIND_NAME, SEV_HIGH, "name.lookalike", 0, 0, 0, DECISION_HOLD }, { KIND_NAME, SEV_INFO, "name.official-base", 0, 0, 0, DECISION_ADMIT },
		{ KIND_VULNERABILITY, SEV_CRITICAL, "vuln.CVE-1", 0, true, 0, DECISION_REFUSE },
		{ KIND_VULNERABILITY, SEV_CRITICAL, "vuln.CVE-1", 0, false, 0, DECISION_ADMIT },
		{ KIND_VULNERABILITY, SEV_HIGH, "vuln.CVE-1", 0, true, 0, DECISION_ADMIT },
		{ KIND_VULNERABILITY, SEV_UNKNOWN, "vuln.CVE-1", 0, true, 0, DECISION_ADMIT },
		{ KIND_VULNERABILITY, SEV_LOW, "vuln.CVE-1", 0, false, true, DECISION_REFUSE },
		{ KIND_INTEGRITY, SEV_HIGH, "toc.mismatch", 0, 0, 0, DECISION_REFUSE },
		{ KIND_INTEGRITY, SEV_HIGH, "integrity.package-file-modified", 0, 0, 0, DECISION_HOLD },
		{ KIND_INTEGRITY, SEV_INFO, "media-type", 0, 0, 0, DECISION_ADMIT },
		{ KIND_COVERAGE, SEV_INFO, "coverage.x", FINDING_SKIP_LAYER, 0, 0, DECISION_HOLD },
		{ KIND_COVERAGE, SEV_INFO, "coverage.x", FINDING_SKIP_EXECUTABLE, 0, 0, DECISION_HOLD },
		{ KIND_COVERAGE, SEV_INFO, "coverage.x", FINDING_SKIP_BUDGET, 0, 0, DECISION_HOLD },
		{ KIND_COVERAGE, SEV_INFO, "coverage.x", FINDING_SKIP_DATA, 0, 0, DECISION_ADMIT },
		{ KIND_COVERAGE, SEV_HIGH, "coverage.no-database", FINDING_SKIP_LAYER, 0, 0, DECISION_HOLD },
		{ KIND_COVERAGE, SEV_HIGH, "coverage.no-release-data", 0, 0, 0, DECISION_HOLD },
		{ KIND_COVERAGE, SEV_LOW, "coverage.old-database", 0, 0, 0, DECISION_ADMIT },
		{ KIND_COVERAGE, SEV_INFO, "coverage.not-matched", 0, 0, 0, DECISION_ADMIT },
		{ KIND_COVERAGE, SEV_MEDIUM, "coverage.anything", 0, 0, 0, DECISION_HOLD },
		{ KIND_MISCONFIGURATION, SEV_HIGH, "config.root", 0, 0, 0, DECISION_ADMIT },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		world_init(&w);
		struct finding *f = add(&w, t[i].kind, t[i].severity, t[i].rule);
		f->skip_class = (enum skip_class_copy)t[i].skip;
		f->fixed_version = t[i].fixed ? SL("2") : SLICE_NULL;
		f->exploited = t[i].exploited;
		if (judge(&w, NULL, NULL) != t[i].want)
			fail_msg("case %zu %s", i, t[i].rule);
		assert_int_equal(w.r.verdict.reasons.n > 0, t[i].want != DECISION_ADMIT || !strcmp(t[i].rule, "coverage.old-database"));
		assert_int_equal(w.r.verdict.policy_digest.n, 71);
		arena_free(&w.arena);
	}
}

static void incomplete_without_finding_holds(void **state)
{
	(void)state;
	struct world w;
	world_init(&w);
	w.r.complete = false;
	assert_int_equal(judge(&w, NULL, NULL), DECISION_HOLD);
	arena_free(&w.arena);
}

static void conditions(void **state)
{
	(void)state;
	static const struct { const char *when; bool match; } t[] = {
		{ "{}", true }, { "{kind: vulnerability}", true }, { "{kind: [malware, vulnerability]}", true }, { "{kind: malware}", false },
		{ "{rule: 'vuln.*'}", true }, { "{rule: 'x.*'}", false }, { "{severity: low}", true }, { "{severity: high}", false },
		{ "{severity: [unknown, medium]}", true }, { "{severity: unknown}", false }, { "{package: openssl}", true },
		{ "{package: 'pkg:deb/**'}", true }, { "{package: curl}", false }, { "{type: deb}", true }, { "{path: '/usr/**'}", true },
		{ "{path: '/opt/**'}", false }, { "{fixed: true}", true }, { "{fixed: false}", false }, { "{exploited: false}", true },
		{ "{epss: 0.5}", true }, { "{epss: 0.9}", false }, { "{age: 30d}", true }, { "{age: '<30d'}", false }, { "{age: 900d}", false },
		{ "{layer: base}", true }, { "{layer: app}", false }, { "{layer: [base, app]}", true }, { "{hidden: false}", true },
		{ "{reachable: true}", false }, { "{image: 'docker.io/library/*'}", true }, { "{image: 'docker.io/library/app'}", true },
		{ "{image: 'docker.io/x/*'}", false }, { "{skip: none}", true }, { "{skip: layer}", false }, { "{owned: true}", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		char text[256];
		world_init(&w);
		struct finding *f = add(&w, KIND_VULNERABILITY, SEV_MEDIUM, "vuln.CVE-2024-1");
		f->subject = SL("CVE-2024-1");
		f->package = SL("pkg:deb/debian/openssl@3");
		f->package_name = SL("openssl");
		f->package_type = SL("deb");
		f->fixed_version = SL("3.1");
		f->has_epss = true;
		f->epss_score = 0.7;
		f->published_s = NOW - 100 * 86400;
		f->base_layer = true;
		snprintf(text, sizeof(text), "rules:\n - when: %s\n   then: hold\n", t[i].when);
		if ((judge(&w, text, NULL) == DECISION_HOLD) != t[i].match)
			fail_msg("%s", t[i].when);
		arena_free(&w.arena);
	}
}

static void first_rule_decides(void **state)
{
	(void)state;
	struct world w;
	world_init(&w);
	struct finding *f = add(&w, KIND_MALWARE, SEV_CRITICAL, "m.a");
	struct finding *g = add(&w, KIND_MALWARE, SEV_HIGH, "m.b");
	f = &w.r.findings.items[0];
	(void)g;
	assert_int_equal(judge(&w, "rules:\n- {when: {rule: m.a}, then: ignore}\n- {name: bad, when: {kind: malware}, then: warn, because: Look}\n", NULL),
			 DECISION_ADMIT);
	f = &w.r.findings.items[0];
	assert_true(slice_eqs(f[0].disposition, "ignore"));
	assert_false(f[0].shown);
	assert_true(slice_eqs(f[1].disposition, "warn"));
	assert_int_equal(w.r.verdict.reasons.n, 1);
	assert_true(slice_eqs(w.r.verdict.reasons.items[0].rule, "bad"));
	assert_true(slice_eqs(w.r.verdict.reasons.items[0].text, "Look: Something in /usr/bin/x"));
	arena_free(&w.arena);
}

static void waivers(void **state)
{
	(void)state;
	static const struct { const char *waiver; enum decision want; const char *expires; size_t notes; } t[] = {
		{ "{finding: CVE-2024-1, reason: r}", DECISION_ADMIT, "", 0 },
		{ "{finding: CVE-2024-1, until: 2027-01-31, reason: r, by: b}", DECISION_ADMIT, "2027-01-31T23:59:59Z", 0 },
		{ "{finding: CVE-2024-1, until: 2027-01-14, reason: r, by: b}", DECISION_HOLD, "", 1 },
		{ "{finding: CVE-2024-1, until: 2027-01-15, reason: the day itself counts}", DECISION_ADMIT, "2027-01-15T23:59:59Z", 0 },
		{ "{finding: '00000000000000000000000000000001', reason: r}", DECISION_ADMIT, "", 0 },
		{ "{finding: [X, vuln.CVE-2024-1], reason: r}", DECISION_ADMIT, "", 0 }, { "{finding: CVE-2024-2, reason: r}", DECISION_HOLD, "", 0 },
		{ "{package: openssl, reason: r}", DECISION_ADMIT, "", 0 }, { "{finding: GHSA-x, reason: r}", DECISION_ADMIT, "", 0 },
		{ "{finding: CVE-2024-1, package: curl, reason: r}", DECISION_HOLD, "", 0 },
		{ "{finding: CVE-2024-1, image: 'docker.io/library/app', reason: r}", DECISION_ADMIT, "", 0 },
		{ "{finding: CVE-2024-1, image: 'docker.io/other/**', reason: r}", DECISION_HOLD, "", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		char text[512];
		world_init(&w);
		struct finding *f = add(&w, KIND_VULNERABILITY, SEV_HIGH, "vuln.CVE-2024-1");
		f->subject = SL("CVE-2024-1");
		f->package_name = SL("openssl");
		struct slice alias = SL("GHSA-x");
		f->aliases = (struct slice_list){ &alias, 1, 1 };
		snprintf(text, sizeof(text), "rules: [{when: {}, then: hold}]\nwaivers:\n- %s\n", t[i].waiver);
		if (judge(&w, text, NULL) != t[i].want || !slice_eqs(w.r.verdict.expires, t[i].expires) || w.r.verdict.notes.n != t[i].notes)
			fail_msg("%s: %s", t[i].waiver, w.r.verdict.expires.p ? (const char *)w.r.verdict.expires.p : "");
		arena_free(&w.arena);
	}
}

static void display_and_command_line(void **state)
{
	(void)state;
	struct world w;
	struct err e;
	world_init(&w);
	add(&w, KIND_MALWARE, SEV_HIGH, "m.a");
	struct policy_options o = { .now_s = NOW, .min_severity = SEV_CRITICAL, .kinds = 1u << KIND_NAME };
	assert_int_equal(judge(&w, NULL, &o), DECISION_REFUSE);	/* what is not shown still counts */
	assert_false(w.r.findings.items[0].shown);
	arena_free(&w.arena);

	world_init(&w);
	struct finding *f = add(&w, KIND_VULNERABILITY, SEV_CRITICAL, "vuln.X");
	f->fix_state = SL("wont-fix");
	add(&w, KIND_VULNERABILITY, SEV_CRITICAL, "vuln.Y")->exploited = false;
	o = (struct policy_options){ .now_s = NOW, .ignore_unfixed = true };
	assert_int_equal(judge(&w, "rules: [{when: {}, then: refuse}]", &o), DECISION_ADMIT);
	assert_true(w.r.findings.items[0].shown);
	assert_false(w.r.findings.items[1].shown);
	struct policy_fail_on fail[1];
	assert_int_equal(policy_fail_on_parse(SL("vulnerability:high"), fail, &e), OK);
	o = (struct policy_options){ .now_s = NOW, .fail_on = fail, .n_fail_on = 1 };
	assert_int_equal(judge(&w, NULL, &o), DECISION_REFUSE);
	assert_true(slice_eqs(w.r.verdict.reasons.items[0].rule, "fail-on"));
	assert_int_equal(policy_fail_on_parse(SL("vulnerability:hihg"), fail, &e), ERR_USAGE);
	assert_int_equal(policy_fail_on_parse(SL("vuln"), fail, &e), ERR_USAGE);
	assert_int_equal(policy_fail_on_parse(SL("any:critical"), fail, &e), OK);
	arena_free(&w.arena);
}

static void errors_explain(void **state)
{
	(void)state;
	static const struct { const char *text, *want; } t[] = {
		{ "", "p.yaml:1:1: the policy is empty" }, { "rulez: []\n", "p.yaml:1:1: a policy has no key 'rulez', did you mean 'rules'?" },
		{ "rules:\n- when: {kind: malwear}\n  then: hold\n", "p.yaml:2:16: 'malwear' is no kind of finding, did you mean 'malware'?" },
		{ "rules:\n- when: {severty: high}\n  then: hold\n", "p.yaml:2:10: 'when' has no key 'severty', did you mean 'severity'?" },
		{ "rules:\n- when: {}\n  then: deny\n", "p.yaml:3:9: 'then' must be" }, { "rules:\n- then: hold\n", "p.yaml:2:3: this rule has no 'when'" },
		{ "rules:\n- when: {epss: 5}\n  then: hold\n", "p.yaml:2:16: 'epss' must be" },
		{ "rules:\n- when: {age: 5}\n  then: hold\n", "p.yaml:2:15: 'age' must be" },
		{ "rules:\n- when: {kind: []}\n  then: hold\n", "p.yaml:2:16: an empty list" },
		{ "rules: []\nwaivers:\n- {finding: X, until: soon, reason: r}\n", "p.yaml:3:23: 'until' must be" },
		{ "rules: []\nwaivers:\n- {reason: r}\n", "p.yaml:3:3: this waiver names nothing" },
		{ "rules: []\nwaivers:\n- {finding: X}\n", "p.yaml:3:3: this waiver has no 'reason'" }, { "version: 2\nrules: []\n", "version 1" },
		{ "waivers: []\n", "no 'rules'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct policy *p = NULL;
		struct err e = { 0 };
		assert_int_equal(policy_parse(slice_str(t[i].text), "p.yaml", &p, &e), ERR_USAGE);
		assert_null(p);
		if (!strstr(e.msg, t[i].want))
			fail_msg("%s: %s", t[i].text, e.msg);
	}
}

static void check_finds_all(void **state)
{
	(void)state;
	char path[] = "/tmp/pabean-policy-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "rules:\n- {when: {kid: malware}, then: hold}\n- {when: {}, then: hold}\n- {when: {}, then: deny}\n";
	static const char fine[] = "rules:\n- {name: a, when: {}, then: hold}\n- {name: a, when: {kind: name}, then: hold}\n"
				   "waivers:\n- {finding: X, until: 2020-01-01, reason: r}\n";
	struct policy_problem problems[8];
	size_t n = 0;
	struct err e;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(policy_check(path, NOW, problems, 8, &n, &e), OK);
	assert_int_equal(n, 2);
	assert_true(problems[0].fatal && problems[0].line == 2 && problems[0].column == 11);
	assert_true(problems[1].fatal && problems[1].line == 4);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, fine, sizeof(fine) - 1, 0), sizeof(fine) - 1);
	assert_int_equal(policy_check(path, NOW, problems, 8, &n, &e), OK);
	assert_int_equal(n, 3);	/* never reached, the same name, ended */
	for (size_t i = 0; i < n; i++)
		assert_false(problems[i].fatal);
	close(fd);
	unlink(path);
	assert_int_not_equal(policy_check(path, NOW, problems, 8, &n, &e), OK);
}

static void digest_is_canonical(void **state)
{
	(void)state;
	static const char *const same[] = { "rules:\n- {name: x, when: {kind: malware, fixed: yes}, then: hold}\n",
					    "# comment\nrules:\n  - then: hold\n    when: {fixed: true, kind: [malware]}\n    name: \"x\"\n" };
	char a[72], b[72], c[72];
	AUTO_POLICY p = NULL;
	struct err e;
	assert_int_equal(policy_parse(slice_str(same[0]), "p", &p, &e), OK);
	policy_digest(p, a);
	policy_free(p);
	p = NULL;
	assert_int_equal(policy_parse(slice_str(same[1]), "p", &p, &e), OK);
	policy_digest(p, b);
	assert_string_equal(a, b);
	policy_free(p);
	p = NULL;
	assert_int_equal(policy_load(NULL, &p, &e), OK);
	policy_digest(p, c);
	assert_string_not_equal(a, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_policy), cmocka_unit_test(incomplete_without_finding_holds), cmocka_unit_test(conditions),
		cmocka_unit_test(first_rule_decides), cmocka_unit_test(waivers), cmocka_unit_test(display_and_command_line),
		cmocka_unit_test(errors_explain), cmocka_unit_test(check_finds_all), cmocka_unit_test(digest_is_canonical),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
