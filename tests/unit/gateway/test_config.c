#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "access.h"
#include "config.h"

static struct gateway_config *parse(const char *text)
{
	struct gateway_config *c = NULL;
	struct err e = { 0 };
	if (gateway_config_parse(slice_str(text), "f", &c, &e) != OK)
		fail_msg("%s", e.msg);
	return c;
}

static void defaults(void **state)
{
	(void)state;
	struct gateway_config *c = parse("color: never\nscan: {timeout: 5m}\n");
	assert_int_equal(c->n_listens, 1);
	assert_true(slice_eqs(c->listens[0].address, "127.0.0.1:5000"));
	assert_int_equal(c->anonymous, ACCESS_PULL | ACCESS_PUSH);
	assert_int_equal(c->n_upstreams, 6);
	const struct config_upstream *u = config_upstream_named(c, SL("docker.io"));
	assert_true(slice_eqs(u->url, "https://registry-1.docker.io"));
	assert_int_equal(u->tag_ttl_ms, 300000);
	assert_int_equal(u->platforms.n, 1);
	assert_true(u->rollback == ROLLBACK_WARN);
	assert_int_equal(c->n_repositories, 1);
	assert_true(config_repository_for(c, SL("a/b/c"))->gate == GATE_ENFORCE);
	assert_true(config_repository_for(c, SL("a"))->rollback == ROLLBACK_HOLD);
	assert_true(slice_eqs(c->policies[0].name, "default"));
	assert_true(slice_eqs(c->database, "sqlite:./pabean-data/pabean.db"));
	assert_int_equal(c->pull_wait_ms, 50000);
	assert_int_equal(c->max_manifest_bytes, 4 * MIB);
	gateway_config_free(c);
	gateway_config_free(NULL);
}

static const char full[] =
	"serve:\n"
	"  listen: [\"127.0.0.1:5000\", {address: \"0.0.0.0:5443\", tls: {cert: c.pem, key: k.pem, client_ca: ca.pem, client_required: yes}}]\n"
	"  mirrors: {docker.io: {listen: \"127.0.0.1:5001\"}}\n"
	"  state: /var/lib/pabean\n  database: postgresql://pabean:geheim@db/pabean\n"
	"  blobs: {s3: {endpoint: \"http://127.0.0.1:9001/\", bucket: pabean, region: us-east-1, redirect: true}}\n"
	"  pull_wait: 20s\n  public_url: https://registry.example/\n  anonymous: [pull]\n  anonymous_from: [10.0.0.0/8, \"fd00::/8\"]\n"
	"  trusted_proxies: 127.0.0.1\n  accounts: {file: accounts.yaml, htpasswd: .htpasswd}\n"
	"  upstreams:\n    docker.io: {tag_ttl: 1m, allow: [\"library/*\"], refuse: [\"library/bad*\"], on_new: wait, tags: admitted}\n    gcr.io: off\n"
	"    partner: {url: \"http://127.0.0.1:5100\", insecure: true, cool_down: 72h, tag_rollback: hold, max_image_bytes: 1500}\n"
	"  policies: {strict: \"strict policy.yaml\", default: mine.yaml}\n"
	"  repositories:\n    - {match: \"scratch/**\", gate: off}\n"
	"    - {match: \"team/**\", policy: strict, immutable_tags: true, quota: 10G, retention: {keep_last: 5, keep_for: 30d}, platforms: [linux/arm64/v8]}\n"
	"  webhooks: [{url: \"http://127.0.0.1:9000/hook\", secret_file: hook.key, events: [verdict.refused, verdict.withdrawn]}]\n"
	"  log: json\n  workers: 0\n  keep_refused: 0s\n  gc_every: 1500ms\n";

static void every_key(void **state)
{
	(void)state;
	struct gateway_config *c = parse(full);
	bool reserved;
	struct slice rest;
	assert_int_equal(c->n_listens, 3);
	assert_true(c->listens[1].client_required);
	assert_true(slice_eqs(c->listens[2].mirror, "docker.io"));
	assert_true(slice_eqs(c->s3_endpoint, "http://127.0.0.1:9001"));
	assert_true(slice_eqs(c->public_url, "https://registry.example"));
	assert_int_equal(c->n_upstreams, 6);
	const struct config_upstream *u = config_upstream_of(c, SL("docker.io/library/nginx"), &rest, &reserved);
	assert_true(u->wait_on_new && u->tags_admitted && slice_eqs(rest, "library/nginx"));
	assert_true(config_upstream_allows(u, rest));
	assert_false(config_upstream_allows(u, SL("library/bad1")));
	assert_false(config_upstream_allows(u, SL("someone/x")));
	assert_null(config_upstream_of(c, SL("gcr.io/x"), &rest, &reserved));
	assert_true(reserved);
	assert_true(config_upstream_of(c, SL("partner/x"), &rest, &reserved)->cool_down_ms == 72 * 3600000ULL);
	assert_true(config_repository_for(c, SL("scratch/a/b"))->gate == GATE_OFF);
	const struct config_repository *p = config_repository_for(c, SL("team/app"));
	assert_true(p->immutable_tags && p->keep_last == 5 && p->keep_for_s == 30 * 86400 && p->quota_bytes == 10 * GIB);
	assert_int_equal(c->n_repositories, 3);
	assert_true(c->log_json);
	gateway_config_free(c);
}

/* Printing, reading and printing again gives the same; no password is in it. */
static void printed(void **state)
{
	(void)state;
	static const char *const t[] = { "", full, "serve:\n  upstreams: off\n  listen: 'unix:/run/x y.sock'\n  policies: {\"null\": \"a\\\"b\"}\n" };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_BUF one = BUF(MIB);
		AUTO_BUF two = BUF(MIB);
		struct err e;
		struct gateway_config *c = parse(t[i]);
		assert_int_equal(gateway_config_print(c, &one, &e), OK);
		struct gateway_config *again = parse(buf_cstr(&one));
		assert_int_equal(gateway_config_print(again, &two, &e), OK);
		assert_string_equal(buf_cstr(&one), buf_cstr(&two));
		assert_null(strstr(buf_cstr(&one), "geheim"));
		gateway_config_free(c);
		gateway_config_free(again);
	}
}

static void errors(void **state)
{
	(void)state;
	static const struct { const char *text, *want; } t[] = {
		{ "serve:\n  lisen: x\n", "f:2:3: the part 'serve' has no key 'lisen', did you mean 'listen'?" },
		{ "serve:\n  listen: localhost:5000\n", "f:2:11: 'localhost:5000' is not an address such as" },
		{ "serve:\n  listen: [127.0.0.1:1, 127.0.0.1:1]\n", "f:2:25: '127.0.0.1:1' is listened on twice" },
		{ "serve:\n  listen: 127.0.0.1:5001\n  mirrors: {docker.io: {listen: 127.0.0.1:5001}}\n", "f:3:33: '127.0.0.1:5001' is listened on twice" },
		{ "serve:\n  mirrors: {dcker.io: {listen: 127.0.0.1:5001}}\n", "f:2:13: the mirror 'dcker.io' has no upstream" },
		{ "serve:\n  pull_wait: 50\n", "f:2:14: 'pull_wait' is '50', but must be a duration" },
		{ "serve:\n  workers: 1000\n", "f:2:12: 'workers' is '1000', but must be at most 64" },
		{ "serve:\n  max_staleness: 10ms\n", "at least 1s" },
		{ "serve:\n  repositories: [{match: a, policy: strict}]\n", "f:2:37: there is no policy 'strict'" },
		{ "serve:\n  repositories: [{match: \"**\"}, {match: a}]\n", "f:2:33: this rule is never reached" },
		{ "serve:\n  repositories: [{gate: off}]\n", "'match' is missing" },
		{ "serve:\n  repositories: [{match: a, gate: on}]\n", "but must be enforce, warn or off" },
		{ "serve:\n  anonymous: [pull, admin]\n", "f:2:21: 'anonymous' has 'admin'" },
		{ "serve:\n  upstreams: {p: {url: \"http://x\"}}\n", "insecure: true" },
		{ "serve:\n  upstreams: {p: {}}\n", "f:2:15: the upstream 'p' needs a 'url'" },
		{ "serve:\n  upstreams: {\"P/q\": off}\n", "cannot be the first part" },
		{ "serve:\n  upstreams: {p: {url: \"https://u:p@x\"}}\n", "without user" },
		{ "serve:\n  upstreams: {docker.io: {platforms: [amd64]}}\n", "a platform such as linux/amd64" },
		{ "serve:\n  tls: {cert: a}\n", "'tls' needs both" },
		{ "serve:\n  public_url: https://a/b\n", "must end with the host" },
		{ "serve:\n  blobs: {s3: {bucket: b}}\n", "'s3' needs 'endpoint' and 'bucket'" },
		{ "serve:\n  webhooks: [{url: \"https://x\"}]\n", "needs 'url' and 'secret_file'" },
		{ "serve:\n  state: \"a\\nb\"\n", "f:2:10: 'state' is 'a\\x0ab'" },
		{ "serve:\n  anonymous_from: [10.0.0.0/33]\n", "a network such as" },
		{ "serve: 1\n", "f:1:8: the part 'serve' must be a map" }, { "- a\n", "f:1:1:" }, { "serve:\n  state:\n", "'state' needs one value" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct gateway_config *c = NULL;
		struct err e = { 0 };
		assert_int_equal(gateway_config_parse(slice_str(t[i].text), "f", &c, &e), ERR_USAGE);
		if (!strstr(e.msg, t[i].want))
			fail_msg("%s: %s", t[i].text, e.msg);
	}
}

static void set_and_check(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct gateway_config *c = parse("serve:\n  mirrors: {ghcr.io: {listen: 127.0.0.1:5001}}\n");
	assert_int_equal(gateway_config_check(c, false, false, false, &e), OK);
	assert_int_equal(gateway_config_set(c, "listen", SL("127.0.0.1:7000, unix:/tmp/x.sock"), &e), OK);
	assert_int_equal(c->n_listens, 3);
	assert_int_equal(gateway_config_check(c, false, false, false, &e), OK);
	assert_int_equal(c->anonymous, ACCESS_PULL | ACCESS_PUSH);
	assert_int_equal(gateway_config_set(c, "listen", SL(":5000"), &e), OK);
	assert_int_equal(c->anonymous, 0);
	assert_int_equal(gateway_config_check(c, false, false, false, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "no TLS"));
	assert_int_equal(gateway_config_check(c, true, false, false, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "no accounts"));
	assert_int_equal(gateway_config_check(c, true, true, false, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "public_url"));
	assert_int_equal(gateway_config_set(c, "public_url", SL("https://r.example"), &e), OK);
	assert_int_equal(gateway_config_check(c, true, true, false, &e), OK);
	assert_int_equal(gateway_config_check(c, true, false, true, &e), OK);
	assert_int_equal(gateway_config_set(c, "listen", SL("nowhere"), &e), ERR_USAGE);
	assert_int_equal(gateway_config_set(c, "state", SL("/x"), &e), OK);
	assert_true(slice_eqs(c->database, "sqlite:/x/pabean.db"));
	assert_int_equal(gateway_config_set(c, "policy", SL("p.yaml"), &e), OK);
	assert_true(slice_eqs(c->policies[0].file, "p.yaml"));
	assert_int_equal(gateway_config_set(c, "upstreams", SL("x"), &e), ERR_USAGE);
	gateway_config_free(c);
	c = parse(full);
	assert_int_equal(gateway_config_check(c, false, false, false, &e), OK);
	gateway_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(every_key), cmocka_unit_test(printed), cmocka_unit_test(errors), cmocka_unit_test(set_and_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
