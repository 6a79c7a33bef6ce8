#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "intel.h"

static char dir[64];

static const char *put(const char *name, const char *text, size_t n)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
	return path;
}
#define PUT(name, text) put(name, text, sizeof(text) - 1)

static struct intel *open_with(const char *path)
{
	struct intel *in = NULL;
	struct err e = { 0 };
	if (intel_open(&path, path ? 1 : 0, &in, &e) != OK)
		fail_msg("%s", e.msg);
	return in;
}

static bool has(const struct intel *in, enum intel_kind kind, const char *value, struct intel_hit *hit)
{
	struct err e = { 0 };
	struct intel_hit local;
	bool found;
	if (intel_lookup(in, kind, slice_str(value), &found, hit ? hit : &local, &e) != OK)
		fail_msg("%s", e.msg);
	return found;
}

static void seed(void **state)
{
	(void)state;
	AUTO_INTEL in = open_with(NULL);
	struct intel_hit hit;
	/* The story's miner; written in pieces so that this file lists nothing. */
	assert_true(has(in, INTEL_MD5, "16572572588c2e24" "1225ea2bf6807eff", &hit));
	assert_int_equal(hit.threat, KIND_MINER);
	assert_true(hit.seed);
	assert_int_equal(hit.grade, 'v');
	assert_true(has(in, INTEL_IMAGE, "c43602f9cc95" "/openjdk:latest", &hit));
	assert_true(has(in, INTEL_IMAGE, "docker.io/azure" "nql/anything", NULL));
	assert_true(has(in, INTEL_IMAGE, "aquasec/trivy" ":0.69.4", NULL));
	assert_false(has(in, INTEL_IMAGE, "aquasec/trivy:0.60.0", NULL));
	assert_false(has(in, INTEL_IMAGE, "nginx", NULL));
	assert_false(has(in, INTEL_IMAGE, "openjdk:17", NULL));
	assert_true(has(in, INTEL_PACKAGE, "pypi:lite" "llm@1.82.7", NULL));
	assert_false(has(in, INTEL_PACKAGE, "pypi:litellm@1.60.0", NULL));
	assert_true(has(in, INTEL_DOMAIN, "a.b.team" "tnt.red", &hit));
	assert_string_equal(hit.value, "team" "tnt.red");
	assert_false(has(in, INTEL_DOMAIN, "github.com", NULL));
	struct intel_summary s;
	intel_summarize(in, &s);
	assert_true(s.records > 5000 && s.per_kind[INTEL_WALLET] > 2000);
}

static void plain_list(void **state)
{
	(void)state;
	AUTO_INTEL in = open_with(PUT("list.txt",
		"# comment\nhxxp://evil[.]example-bad[.]net/a/b.sh\n6.6.6.0/24\n7.7.7.7:3333\n  Bad-Host.TEST-zone.org.\n*.wild.test-zone.org\n"
		"com\ngithub.com\n10.0.0.0/8\nco.uk\n192.168.1.1\n0.0.0.0 hosts-file.test-zone.org\n"
		"https://github.com/evil/repo\nd41d8cd98f00b204e9800998ecf8427e\n"
		"1111111111111111111111111111111111111111111111111111111111111111  dropper.bin\n2001:470:1:2::/64\n?!\n"));
	struct intel_hit hit;
	assert_true(has(in, INTEL_URL, "http://evil.example-bad.net/a/b.sh?x=1#f", &hit));
	assert_true(has(in, INTEL_URL, "https://EVIL.example-bad.net:443/a/b.sh/", NULL));
	assert_false(has(in, INTEL_URL, "http://evil.example-bad.net/a/c.sh", NULL));
	assert_false(has(in, INTEL_DOMAIN, "evil.example-bad.net", NULL));
	assert_true(has(in, INTEL_IP, "6.6.6.77", &hit));
	assert_false(has(in, INTEL_IP, "6.6.7.1", NULL));
	assert_true(has(in, INTEL_URL, "http://6.6.6.9:8080/x", NULL));
	assert_true(has(in, INTEL_URL, "stratum+tcp://7.7.7.7:3333", NULL));
	assert_false(has(in, INTEL_IP, "7.7.7.7", NULL));
	assert_true(has(in, INTEL_DOMAIN, "x.bad-host.test-zone.org", NULL));
	assert_true(has(in, INTEL_DOMAIN, "deep.wild.test-zone.org", NULL));
	assert_true(has(in, INTEL_DOMAIN, "hosts-file.test-zone.org.", NULL));
	assert_false(has(in, INTEL_DOMAIN, "test-zone.org", NULL));
	assert_false(has(in, INTEL_DOMAIN, "example.co.uk", NULL));
	assert_false(has(in, INTEL_DOMAIN, "api.github.com", NULL));
	assert_true(has(in, INTEL_URL, "https://github.com/evil/repo/raw/main/x.sh", NULL));
	assert_false(has(in, INTEL_URL, "https://github.com/good/repo", NULL));
	assert_false(has(in, INTEL_IP, "192.168.1.1", NULL));
	assert_false(has(in, INTEL_IP, "10.1.2.3", NULL));
	assert_true(has(in, INTEL_IP, "[2001:470:1:2::abcd]:443", NULL));
	assert_false(has(in, INTEL_MD5, "d41d8cd98f00b204e9800998ecf8427e", NULL));
	assert_true(has(in, INTEL_SHA256, "1111111111111111111111111111111111111111111111111111111111111111", &hit));
	assert_string_equal(hit.what, "dropper.bin");
	assert_string_equal(hit.feed, "list.txt");
	assert_false(hit.seed);
}

static void stix(void **state)
{
	(void)state;
	AUTO_INTEL in = open_with(PUT("b.json",
		"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":["
		"{\"type\":\"indicator\",\"id\":\"indicator--1\",\"name\":\"Drop\\u0070er\",\"pattern_type\":\"stix\","
		"\"pattern\":\"[file:hashes.'SHA-256' = '2222222222222222222222222222222222222222222222222222222222222222' OR "
		"file:hashes.MD5 = '22222222222222222222222222222222']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--2\",\"pattern\":\"[domain-name:value IN ('one.stix-test.org', 'two.stix-test.org')]\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--3\",\"pattern\":\"[ipv4-addr:value ISSUBSET '5.5.5.0/24'] OR [url:value = 'http://s.org.xyz/it\\\\'s']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--4\",\"pattern\":\"[domain-name:value = 'and.stix-test.org' AND network-traffic:dst_port = 80]\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--5\",\"pattern\":\"[domain-name:value NOT = 'not.stix-test.org']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--6\",\"revoked\":true,\"pattern\":\"[domain-name:value = 'rev.stix-test.org']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--7\",\"valid_until\":\"2001-01-01T00:00:00Z\",\"pattern\":\"[domain-name:value = 'old.stix-test.org']\"},"
		"{\"type\":\"domain-name\",\"id\":\"domain-name--1\",\"value\":\"observed.stix-test.org\"}]}"));
	struct intel_hit hit;
	assert_true(has(in, INTEL_SHA256, "2222222222222222222222222222222222222222222222222222222222222222", &hit));
	assert_string_equal(hit.what, "Dropper");
	assert_true(has(in, INTEL_MD5, "22222222222222222222222222222222", NULL));
	assert_true(has(in, INTEL_DOMAIN, "two.stix-test.org", NULL));
	assert_true(has(in, INTEL_IP, "5.5.5.5", NULL));
	assert_true(has(in, INTEL_URL, "http://s.org.xyz/it's", NULL));
	static const char *const not[] = { "and.stix-test.org", "not.stix-test.org", "rev.stix-test.org", "old.stix-test.org", "observed.stix-test.org" };
	for (size_t i = 0; i < ARRAY_LEN(not); i++)
		if (has(in, INTEL_DOMAIN, not[i], NULL))
			fail_msg("%s is no indicator", not[i]);
}

static void misp_and_csv(void **state)
{
	(void)state;
	AUTO_INTEL in = open_with(PUT("m.json",
		"{\"response\":[{\"Event\":{\"info\":\"A cryptojacking campaign\",\"Attribute\":["
		"{\"type\":\"domain|ip\",\"category\":\"Network activity\",\"to_ids\":true,\"value\":\"misp.test-zone.org|4.4.4.4\"},"
		"{\"type\":\"ip-dst|port\",\"category\":\"Network activity\",\"to_ids\":true,\"value\":\"4.4.5.5|9000\"},"
		"{\"type\":\"filename|sha1\",\"category\":\"Payload\",\"to_ids\":true,\"value\":\"x.bin|3333333333333333333333333333333333333333\"},"
		"{\"type\":\"url\",\"category\":\"External analysis\",\"to_ids\":false,\"value\":\"http://blog.test-zone.org/report\"},"
		"{\"type\":\"email-src\",\"category\":\"x\",\"to_ids\":true,\"value\":\"a@b.org\"}]}}]}"));
	struct intel_hit hit;
	assert_true(has(in, INTEL_DOMAIN, "misp.test-zone.org", &hit));
	assert_string_equal(hit.what, "A cryptojacking campaign");
	assert_int_equal(hit.threat, KIND_MINER);
	assert_true(has(in, INTEL_IP, "4.4.5.5:9000", NULL));
	assert_true(has(in, INTEL_SHA1, "3333333333333333333333333333333333333333", NULL));
	assert_false(has(in, INTEL_URL, "http://blog.test-zone.org/report", NULL));
	AUTO_INTEL csv = open_with(PUT("c.csv",
		"type,value,what,source\nmd5,44444444444444444444444444444444,\"a, \"\"b\"\"\",me\nnamespace,docker.io/badspace,x,y\n"
		"email,a@b.org,,\n"));
	assert_true(has(csv, INTEL_MD5, "44444444444444444444444444444444", &hit));
	assert_string_equal(hit.what, "a, \"b\"");
	assert_string_equal(hit.source, "me");
	assert_true(has(csv, INTEL_IMAGE, "badspace/x:2", NULL));
	AUTO_INTEL bare = open_with(PUT("d.csv", "domain,csv.test-zone.org,bad\nip,3.3.3.3\n"));
	assert_true(has(bare, INTEL_DOMAIN, "csv.test-zone.org", NULL));
	assert_true(has(bare, INTEL_IP, "3.3.3.3", NULL));
	AUTO_INTEL pk = open_with(PUT("p.csv", "malicious_package,target_package,ecosystem\nRequ_ests.x,requests,pypi\n"));
	assert_true(has(pk, INTEL_PACKAGE, "pypi:requ-ests-x@1.0", NULL));
}

static void import_keeps_and_replaces(void **state)
{
	(void)state;
	char out[128];
	snprintf(out, sizeof(out), "%s/intel.tab", dir);
	struct intel_import_stats st;
	struct err e = { 0 };
	const char *a = PUT("a.txt", "one.test-zone.org\ntwo.test-zone.org\ntwo.test-zone.org\n"), *b = PUT("b.txt", "three.test-zone.org\n");
	assert_int_equal(intel_import(&a, 1, out, &st, &e), OK);
	assert_int_equal(st.added, 2);
	assert_int_equal(intel_import(&b, 1, out, &st, &e), OK);
	assert_int_equal(st.kept, 2);
	assert_int_equal(st.total, 3);
	a = PUT("a.txt", "one.test-zone.org\n");
	assert_int_equal(intel_import(&a, 1, out, &st, &e), OK);
	assert_int_equal(st.total, 2);
	AUTO_INTEL in = open_with(out);
	assert_true(has(in, INTEL_DOMAIN, "one.test-zone.org", NULL));
	assert_true(has(in, INTEL_DOMAIN, "three.test-zone.org", NULL));
	assert_false(has(in, INTEL_DOMAIN, "two.test-zone.org", NULL));
	const char *junk = PUT("junk.txt", "hello world\n!!\n");
	assert_int_equal(intel_import(&junk, 1, out, &st, &e), ERR_FORMAT);
	const char *none = "/nonexistent/x";
	assert_int_equal(intel_import(&none, 1, out, &st, &e), ERR_NOT_FOUND);
}

static void damage_is_refused(void **state)
{
	(void)state;
	char out[128];
	snprintf(out, sizeof(out), "%s/d.tab", dir);
	const char *a = PUT("big.txt", "one.test-zone.org\n");
	struct intel_import_stats st;
	struct err e = { 0 };
	assert_int_equal(intel_import(&a, 1, out, &st, &e), OK);
	FILE *f = fopen(out, "rb");
	static char raw[1 << 20];
	size_t n = fread(raw, 1, sizeof(raw), f);
	fclose(f);
	assert_true(n > 4096);
	for (size_t at = 0; at < n; at += 997) {
		raw[at] ^= 0x40;
		const char *bad = put("bad.tab", raw, n);
		struct intel *in = NULL;
		bool found = false;
		struct intel_hit hit;
		enum err_code code = at < 8 ? ERR_FORMAT : intel_open(&bad, 1, &in, &e);
		if (code == OK) {
			code = intel_lookup(in, INTEL_DOMAIN, SL("one.test-zone.org"), &found, &hit, &e);
			if (code == OK && !found)
				fail_msg("damage at %zu hid a record", at);
		}
		intel_close(in);
		raw[at] ^= 0x40;
	}
	const char *cut = put("cut.tab", raw, n - 1);
	struct intel *in = NULL;
	assert_int_equal(intel_open(&cut, 1, &in, &e), ERR_FORMAT);
}

static void texts(void **state)
{
	(void)state;
	AUTO_INTEL in = open_with(NULL);
	AUTO_BUF out = BUF(64 * KIB);
	struct err e;
	bool found;
	assert_int_equal(intel_status(in, &out, &e), OK);
	assert_non_null(strstr(buf_cstr(&out), "wallet"));
	buf_clear(&out);
	assert_int_equal(intel_lookup_text(in, SL("nothing.test-zone.org"), &out, &found, &e), OK);
	assert_false(found);
	assert_string_equal(buf_cstr(&out), "nothing.test-zone.org is not listed\n");
	buf_clear(&out);
	assert_int_equal(intel_lookup_text(in, SL("xanthe" ".anondns.net"), &out, &found, &e), OK);
	assert_true(found);
}

static void image_names(void **state)
{
	(void)state;
	static const struct { const char *ref, *registry, *space, *base, *tag; } t[] = {
		{ "nginx", "docker.io", "library", "nginx", "latest" }, { "bitnami/nginx:1.2", "docker.io", "bitnami", "nginx", "1.2" },
		{ "localhost:5000/x", "localhost:5000", "", "x", "latest" }, { "docker://ghcr.io/a/b/C:v1@sha256:ab", "ghcr.io", "a/b", "c", "v1" },
		{ "index.docker.io/library/redis", "docker.io", "library", "redis", "latest" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(64 * KIB);
		struct image_name n;
		struct err e;
		assert_int_equal(image_name_parse(&a, slice_str(t[i].ref), &n, &e), OK);
		if (!slice_eqs(n.registry, t[i].registry) || !slice_eqs(n.space, t[i].space) || !slice_eqs(n.base, t[i].base) || !slice_eqs(n.tag, t[i].tag))
			fail_msg("%s", t[i].ref);
	}
}

int main(void)
{
	snprintf(dir, sizeof(dir), "/tmp/pabean-intel-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed), cmocka_unit_test(plain_list), cmocka_unit_test(stix), cmocka_unit_test(misp_and_csv),
		cmocka_unit_test(import_keeps_and_replaces), cmocka_unit_test(damage_is_refused), cmocka_unit_test(texts),
		cmocka_unit_test(image_names),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char cmd[96];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) ? 1 : failed;
}
