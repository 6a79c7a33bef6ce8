#include "feed.h"

#define PKG(eco, name) "{\"package\":{\"ecosystem\":\"" eco "\",\"name\":\"" name "\"},"
#define RANGE(type, ...) "\"ranges\":[{\"type\":\"" type "\",\"events\":[" __VA_ARGS__ "]}]}"
#define EV(kind, v) "{\"" kind "\":\"" v "\"}"
#define INTRO(v) EV("introduced", v)
#define FIXED(v) EV("fixed", v)
#define REC(id, rest, affected) "{\"id\":\"" id "\"," rest "\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[" affected "]}"

static const char *const records[] = {
	/* Debian: advisory with upstream CVEs, record per CVE, record without CVE, withdrawn */
	REC("DSA-1-1", "\"upstream\":[\"CVE-2026-1001\",\"CVE-2026-1002\"],\"summary\":\"curl - security update\",",
	    PKG("Debian:12", "curl") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("7.88.1-10+deb12u5"))),
	REC("DEBIAN-CVE-2026-1002", "\"upstream\":[\"CVE-2026-1002\"],",
	    PKG("Debian:12", "curl") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("7.88.1-10+deb12u6"))),
	REC("DEBIAN-CVE-2026-1003", "", PKG("Debian:12", "curl") "\"ecosystem_specific\":{\"urgency\":\"unimportant\"}," RANGE("ECOSYSTEM", INTRO("0"))),
	REC("DEBIAN-CVE-2026-1004", "\"withdrawn\":\"2026-02-01T00:00:00Z\",", PKG("Debian:12", "curl") RANGE("ECOSYSTEM", INTRO("0"))),
	REC("DEBIAN-CVE-2026-1005", "\"upstream\":[\"CVE-2026-1005\"],", PKG("Debian:12", "binnmu") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("1.0-2"))),
	REC("DEBIAN-CVE-2026-1006", "\"upstream\":[\"CVE-2026-1006\"],", PKG("Debian:11", "curl") RANGE("ECOSYSTEM", INTRO("0"))),
	/* several intervals in any order, last_affected, limit, versions, GIT */
	REC("PYSEC-1", "\"aliases\":[\"CVE-2026-2001\",\"GHSA-aaaa-bbbb-cccc\"],\"related\":[\"CVE-2026-2999\"],",
	    PKG("PyPI", "Foo_Bar.baz") "\"versions\":[\"9.9\",\"1.0.post1\"]," RANGE("ECOSYSTEM", FIXED("1.5") "," INTRO("2.0") "," INTRO("1.0") "," FIXED("2.3"))),
	REC("GHSA-aaaa-bbbb-cccc", "\"aliases\":[\"CVE-2026-2001\"],\"severity\":[{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}],",
	    PKG("PyPI", "foo-bar-baz") RANGE("ECOSYSTEM", INTRO("1.0") "," FIXED("1.5"))),
	REC("PYSEC-2", "\"aliases\":[\"CVE-2026-2002\"],", PKG("PyPI", "last") RANGE("ECOSYSTEM", INTRO("0") "," EV("last_affected", "1.2"))),
	REC("PYSEC-3", "\"aliases\":[\"CVE-2026-2003\"],", PKG("PyPI", "limited") RANGE("ECOSYSTEM", INTRO("0") "," EV("limit", "2.0"))),
	REC("PYSEC-4", "\"aliases\":[\"CVE-2026-2004\"],", PKG("PyPI", "gitonly") "\"versions\":[\"0.1\"]," RANGE("GIT", INTRO("0"))),
	REC("PYSEC-5", "", PKG("PyPI", "nocve") RANGE("ECOSYSTEM", INTRO("0"))),
	/* Go */
	REC("GO-1", "\"aliases\":[\"CVE-2026-3001\"],", PKG("Go", "stdlib") RANGE("SEMVER", INTRO("1.21.0-0") "," FIXED("1.21.4"))),
	REC("GO-2", "\"aliases\":[\"CVE-2026-3002\"],", PKG("Go", "example.com/m") RANGE("SEMVER", INTRO("0") "," FIXED("0.0.0-20200202000000-abcdefabcdef"))),
	REC("GO-3", "\"aliases\":[\"CVE-2026-3003\"],", PKG("Go", "example.com/inc") RANGE("SEMVER", INTRO("2.0.0+incompatible") "," FIXED("2.5.0+incompatible"))),
	REC("GO-4", "\"aliases\":[\"CVE-2026-3004\"],", PKG("Go", "toolchain") RANGE("SEMVER", INTRO("0"))),
	/* npm: malware and a declared package; an advisory that also concerns PyPI */
	REC("MAL-2026-1", "\"summary\":\"Malicious code in evil\",", PKG("npm", "evil") "\"versions\":[\"1.0.0\"]}"),
	REC("GHSA-xxxx-yyyy-zzzz", "\"aliases\":[\"CVE-2026-4001\"],\"database_specific\":{\"severity\":\"MODERATE\"},",
	    PKG("npm", "@s/x") RANGE("SEMVER", INTRO("0") "," FIXED("2.0.0")) "," PKG("PyPI", "alsopy") RANGE("ECOSYSTEM", INTRO("0"))),
	/* rpm: missing epoch, modules, bug fixes, the word in the summary, severity from NVD for another */
	REC("ALSA-1", "\"related\":[\"CVE-2026-5001\",\"CVE-2026-5002\"],\"summary\":\"Important: bash security update\",",
	    PKG("AlmaLinux:9", "bash") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("5.1-5.el9"))),
	REC("ALSA-2", "\"related\":[\"CVE-2026-5003\"],\"summary\":\"Moderate: nodejs:18 security update\",",
	    PKG("AlmaLinux:9", "nodejs") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("1:18.9.0-1.module_el9.1+2"))),
	REC("ALBA-3", "\"related\":[],\"summary\":\"bash bug fix update\",", PKG("AlmaLinux:9", "bash") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("9-9"))),
	/* Ubuntu Pro */
	REC("UBUNTU-CVE-2026-6001", "\"upstream\":[\"CVE-2026-6001\"],\"severity\":[{\"type\":\"Ubuntu\",\"score\":\"low\"}],",
	    PKG("Ubuntu:22.04:LTS", "zlib") RANGE("ECOSYSTEM", INTRO("0")) "," PKG("Ubuntu:Pro:22.04:LTS", "zlib") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("1.2+esm1"))),
	/* Alpine, by origin */
	REC("ALPINE-CVE-2026-7001", "\"upstream\":[\"CVE-2026-7001\"],", PKG("Alpine:v3.19", "openssl") RANGE("ECOSYSTEM", INTRO("0") "," FIXED("3.1.4-r5"))),
	/* an ecosystem whose order is unknown, and a broken record */
	REC("X-1", "", PKG("Nowhere", "n") "\"versions\":[\"1\"]}"),
	"{\"id\":\"BROKEN\",",
};

static const char kev[] = "{\"title\":\"k\",\"vulnerabilities\":[{\"cveID\":\"CVE-2026-1001\",\"dateAdded\":\"2026-03-01\",\"dueDate\":\"2026-03-22\","
	"\"knownRansomwareCampaignUse\":\"Known\"}]}";
static const char epss[] = "#model_version:v2025.03.14,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1001,0.94321,0.99912\n";
static const char nvd[] = "{\"format\":\"NVD_CVE\",\"vulnerabilities\":[{\"cve\":{\"id\":\"CVE-2026-1001\",\"published\":\"2026-02-03T10:00:00.000\","
	"\"descriptions\":[{\"lang\":\"es\",\"value\":\"x\"},{\"lang\":\"en\",\"value\":\"A flaw in curl\"}],\"metrics\":{\"cvssMetricV31\":[{\"type\":"
	"\"Secondary\",\"cvssData\":{\"vectorString\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L\"}},{\"type\":\"Primary\",\"cvssData\":{"
	"\"vectorString\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N\",\"baseSeverity\":\"MEDIUM\"}}]}}}]}";

static int setup(void **state)
{
	struct feed f = FEED();
	if (dir_make(state))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		feed_put(&f, records[i]);
	os_set_now(1790000000);
	feed_write(&f, in_dir("feed.zip"));
	struct advisory_import_stats s = import_ok(in_dir("feed.zip"));
	assert_int_equal(s.malformed, 1);
	assert_int_equal(s.withdrawn, 1);
	assert_int_equal(s.ignored, 1);
	write_file(in_dir("kev.json"), slice_str(kev));
	write_file(in_dir("epss.csv"), slice_str(epss));
	write_file(in_dir("nvd.json"), slice_str(nvd));
	assert_int_equal(import_ok(in_dir("kev.json")).kev, 1);
	assert_int_equal(import_ok(in_dir("epss.csv")).epss, 1);
	assert_int_equal(import_ok(in_dir("nvd.json")).nvd, 1);
	return 0;
}

struct fixture { struct arena arena; struct report r; struct advisory_db *db; };

static struct fixture *begin(const char *os, const char *version)
{
	struct fixture *x = calloc(1, sizeof(*x));
	x->arena = ARENA(64 * MIB);
	x->r = (struct report){ .arena = &x->arena, .os = { .id = slice_str(os), .version_id = slice_str(version) } };
	x->db = open_ok();
	return x;
}

static struct package *add(struct fixture *x, const char *type, const char *name, const char *version)
{
	struct package *p = ARENA_PUSH(&x->arena, &x->r.packages);
	*p = (struct package){ .type = slice_str(type), .name = slice_str(name), .version = slice_str(version), .layer = -1,
			       .purl = arena_printf(&x->arena, "pkg:%s/%s@%s", type, name, version) };
	return p;
}

static void match(struct fixture *x, struct advisory_match_options o)
{
	struct err e = { 0 };
	if (!o.now_s)
		o.now_s = 1790000000;
	if (advisory_match(x->db, &x->r, &o, &e) != OK)
		fail_msg("%s", e.msg);
}

static struct finding *find(struct fixture *x, const char *rule, const char *package)
{
	for (size_t i = 0; i < x->r.findings.n; i++) {
		struct finding *f = &x->r.findings.items[i];
		if (slice_eqs(f->rule, rule) && (!package || slice_eqs(f->package_name, package)))
			return f;
	}
	return NULL;
}

static size_t vulns(const struct fixture *x)
{
	size_t n = 0;
	for (size_t i = 0; i < x->r.findings.n; i++)
		n += x->r.findings.items[i].kind == KIND_VULNERABILITY;
	return n;
}

static void end(struct fixture *x)
{
	advisory_db_close(x->db);
	arena_free(&x->arena);
	free(x);
}

#define IS(s, text) assert_true(slice_eqs((s), (text)))

static void debian(void **state)
{
	(void)state;
	struct fixture *x = begin("debian", "12");
	struct package *p = add(x, "deb", "libcurl4", "7.88.1-10+deb12u4");
	p->source_name = SL("curl");
	p->source_version = SL("7.88.1-10+deb12u4");
	add(x, "deb", "binnmu", "1.0-2+b3");
	match(x, (struct advisory_match_options){ 0 });
	assert_int_equal(vulns(x), 3);
	struct finding *f = find(x, "vuln.CVE-2026-1001", "libcurl4");
	assert_non_null(f);
	IS(f->fixed_version, "7.88.1-10+deb12u5");
	IS(f->fix_state, "fixed");
	assert_true(f->exploited && f->kev_ransomware && f->has_epss);
	IS(f->kev_due, "2026-03-22");
	IS(f->epss_date, "2026-11-20");
	assert_true(f->epss_score > 0.943 && f->epss_score < 0.944);
	assert_int_equal(f->severity, SEV_MEDIUM);	/* NVD's primary vector */
	assert_true(f->cvss_score == 6.1);
	f = find(x, "vuln.CVE-2026-1002", NULL);
	IS(f->fixed_version, "7.88.1-10+deb12u6");	/* both records must be satisfied */
	assert_int_equal(f->aliases.n, 2);
	f = find(x, "vuln.CVE-2026-1003", NULL);
	assert_int_equal(f->severity, SEV_INFO);
	IS(f->fix_state, "wont-fix");
	assert_true(x->r.os.known && !x->r.os.end_of_life);
	assert_null(find(x, "coverage.old-database", NULL));
	end(x);
}

static void fixed_debian(void **state)
{
	(void)state;
	struct fixture *x = begin("debian", "12");
	add(x, "deb", "curl", "7.88.1-10+deb12u6");
	match(x, (struct advisory_match_options){ .now_s = 1790000000 + 8 * 86400 });
	assert_int_equal(vulns(x), 1);	/* the one without a fix */
	assert_non_null(find(x, "coverage.old-database", NULL));
	end(x);
}

static void python(void **state)
{
	(void)state;
	static const struct { const char *name, *version; size_t want; } t[] = {
		{ "foo.bar_baz", "0.9", 0 }, { "Foo-Bar-Baz", "1.0", 1 }, { "foo_bar_baz", "1.4.9", 1 }, { "foo-bar-baz", "1.5", 0 }, { "foo-bar-baz", "1.9", 0 },
		{ "foo-bar-baz", "2.0", 1 }, { "foo-bar-baz", "2.3rc1", 1 }, { "foo-bar-baz", "2.3", 0 }, { "foo-bar-baz", "9.9.0", 1 },
		{ "last", "1.2", 1 }, { "last", "1.2.1", 0 }, { "limited", "1.9", 1 }, { "limited", "2.0", 0 }, { "gitonly", "0.1", 1 }, { "gitonly", "0.2", 0 },
		{ "nocve", "3", 1 }, { "alsopy", "1", 0 /* npm's advisory does not bring PyPI's rows... */ },
	};
	for (size_t i = 0; i < ARRAY_LEN(t) - 1; i++) {
		struct fixture *x = begin("", "");
		add(x, "pypi", t[i].name, t[i].version);
		match(x, (struct advisory_match_options){ 0 });
		if (vulns(x) != t[i].want)
			fail_msg("%s %s: %zu", t[i].name, t[i].version, vulns(x));
		end(x);
	}
	struct fixture *x = begin("", "");
	add(x, "pypi", "foo-bar-baz", "1.2");
	add(x, "pypi", "nocve", "1.2");
	match(x, (struct advisory_match_options){ 0 });
	struct finding *f = find(x, "vuln.CVE-2026-2001", NULL);
	assert_int_equal(f->severity, SEV_CRITICAL);
	IS(f->fixed_version, "1.5");
	assert_int_equal(f->aliases.n, 2);
	assert_null(find(x, "vuln.CVE-2026-2999", NULL));	/* related counts for distributions only */
	assert_non_null(find(x, "vuln.PYSEC-5", NULL));
	end(x);
}

static void go(void **state)
{
	(void)state;
	static const struct { const char *name, *version; size_t want; } t[] = {
		{ "stdlib", "go1.21.3", 1 }, { "stdlib", "go1.21rc2", 1 }, { "stdlib", "go1.21.4", 0 }, { "stdlib", "go1.20.9", 0 }, { "stdlib", "go1.21.3 X:nocoverageredesign", 1 },
		{ "example.com/m", "v0.0.0-20200101000000-abcdefabcdef", 1 }, { "example.com/m", "v0.0.0-20200303000000-abcdefabcdef", 0 },
		{ "example.com/m", "v0.1.0", 0 }, { "example.com/m", "(devel)", 0 }, { "example.com/inc", "v2.4.0+incompatible", 1 },
		{ "example.com/inc", "v2.5.0+incompatible", 0 }, { "toolchain", "go1.21.3", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture *x = begin("", "");
		struct package *p = add(x, "golang", t[i].name, t[i].version);
		p->go_stdlib = !strcmp(t[i].name, "stdlib");
		match(x, (struct advisory_match_options){ 0 });
		if (vulns(x) != t[i].want)
			fail_msg("%s %s: %zu", t[i].name, t[i].version, vulns(x));
		end(x);
	}
}

static void npm(void **state)
{
	(void)state;
	struct fixture *x = begin("debian", "12");
	add(x, "npm", "evil", "1.0.0");
	add(x, "npm", "evil", "1.0.1");
	add(x, "npm", "@s/x", "1.9.9");
	add(x, "npm", "@s/x", "1.0.0")->declared = true;
	add(x, "npm", "@s/x", "1.1.0")->owner = SL("deb:node-x");
	match(x, (struct advisory_match_options){ 0 });
	assert_int_equal(vulns(x), 1);
	struct finding *f = find(x, "malware.MAL-2026-1", NULL);
	assert_int_equal(f->kind, KIND_MALWARE);
	IS(f->installed_version, "1.0.0");
	assert_int_equal(find(x, "vuln.CVE-2026-4001", NULL)->severity, SEV_MEDIUM);
	x->r.findings.n = 0;
	match(x, (struct advisory_match_options){ .declared = true, .include_owned = true });
	assert_int_equal(vulns(x), 3);
	end(x);
}

static void rpm(void **state)
{
	(void)state;
	struct fixture *x = begin("almalinux", "9.3");
	add(x, "rpm", "bash", "0:5.1-4.el9");
	add(x, "rpm", "nodejs", "1:18.1.0-1.module_el9.0+1")->module = SL("nodejs:18:9000:abc");
	add(x, "rpm", "nodejs", "1:16.1.0-1.module_el9.0+1")->module = SL("nodejs:16:9000:abc");
	add(x, "rpm", "nodejs", "1:16.0.0-1.el9");
	match(x, (struct advisory_match_options){ 0 });
	assert_int_equal(vulns(x), 3);
	struct finding *f = find(x, "vuln.CVE-2026-5001", "bash");
	assert_int_equal(f->severity, SEV_HIGH);
	IS(f->fixed_version, "5.1-5.el9");
	assert_non_null(find(x, "vuln.CVE-2026-5002", "bash"));
	IS(find(x, "vuln.CVE-2026-5003", "nodejs")->installed_version, "1:18.1.0-1.module_el9.0+1");
	end(x);
}

static void ubuntu_pro(void **state)
{
	(void)state;
	struct fixture *x = begin("ubuntu", "22.04");
	add(x, "deb", "zlib", "1.2");
	match(x, (struct advisory_match_options){ 0 });
	struct finding *f = find(x, "vuln.CVE-2026-6001", NULL);
	assert_int_equal(vulns(x), 1);
	assert_int_equal(f->fixed_version.n, 0);
	assert_true(slice_find(f->advice, SL("with Ubuntu Pro")) >= 0);
	assert_int_equal(f->severity, SEV_LOW);
	end(x);
	x = begin("ubuntu", "22.04");
	add(x, "deb", "zlib", "1.2+esm0");
	match(x, (struct advisory_match_options){ 0 });
	IS(find(x, "vuln.CVE-2026-6001", NULL)->fixed_version, "1.2+esm1");
	end(x);
}

static void alpine(void **state)
{
	(void)state;
	struct fixture *x = begin("alpine", "3.19.1");
	add(x, "apk", "libssl3", "3.1.4-r4")->source_name = SL("openssl");
	match(x, (struct advisory_match_options){ 0 });
	assert_int_equal(vulns(x), 1);
	assert_true(x->r.os.end_of_life);
	assert_non_null(find(x, "os.end-of-life", NULL));
	end(x);
}

static void coverage(void **state)
{
	(void)state;
	struct fixture *x = begin("debian", "13");
	add(x, "deb", "curl", "1");
	add(x, "maven", "a:b", "1");
	match(x, (struct advisory_match_options){ .unmatched_jars = 4 });
	struct finding *f = find(x, "coverage.no-release-data", NULL);
	assert_non_null(f);
	assert_int_equal(f->skip_class, FINDING_SKIP_LAYER);
	assert_non_null(find(x, "coverage.not-matched", NULL));
	end(x);
	x = begin("debian", "12");
	advisory_db_close(x->db);
	x->db = NULL;
	match(x, (struct advisory_match_options){ 0 });
	f = find(x, "coverage.no-database", NULL);
	assert_int_equal(f->skip_class, FINDING_SKIP_LAYER);
	assert_true(slice_find(f->advice, SL("pabean db update")) >= 0);
	end(x);
	x = begin("fedora", "40");
	add(x, "rpm", "bash", "1");
	match(x, (struct advisory_match_options){ 0 });
	assert_non_null(find(x, "coverage.no-release-data", NULL));
	assert_true(x->r.os.known && x->r.os.end_of_life);
	end(x);
}

static void cvss(void **state)
{
	(void)state;
	static const struct { const char *vector; double want; } t[] = {
		{ "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8 }, { "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1 },
		{ "CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8 }, { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0 },
		{ "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0 }, { "AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5 }, { "(AV:N/AC:L/Au:N/C:C/I:C/A:C)", 10.0 },
		{ "AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2 }, { "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O", 9.8 },
		{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3 }, { "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0 },
		{ "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3 }, { "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N", 5.1 },
		{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0 },
	};
	static const char *const bad[] = { "", "CVSS:3.1/AV:N", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:X", "CVSS:5.0/AV:N", "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
					   "AV:N/AC:L/Au:N/C:P/I:P", "7.5", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N" };
	double got;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (!advisory_cvss_score(slice_str(t[i].vector), &got) || got != t[i].want)
			fail_msg("%s: %f", t[i].vector, got);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(advisory_cvss_score(slice_str(bad[i]), &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debian), cmocka_unit_test(fixed_debian), cmocka_unit_test(python), cmocka_unit_test(go), cmocka_unit_test(npm), cmocka_unit_test(rpm),
		cmocka_unit_test(ubuntu_pro), cmocka_unit_test(alpine), cmocka_unit_test(coverage), cmocka_unit_test(cvss),
	};
	return cmocka_run_group_tests(tests, setup, dir_remove);
}
