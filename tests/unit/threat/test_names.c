#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "names.h"

static bool has_program(void *arg, struct slice base)
{
	struct slice rest = slice_str(arg), one;
	while (slice_next_piece(&rest, ' ', &one))
		if (slice_eq(one, base))
			return true;
	return false;
}
static bool has_path(void *arg, struct slice path) { return has_program(arg, path); }

struct row {
	const char *ref, *programs, *os, *start, *rule;	/* rule NULL: none above info */
	enum severity severity;
	const char *transport, *protect, *label, *value;
};

static const struct row rows[] = {
	/* The story: the name of an official image, a miner inside. */
	{ "somebody/openjdk:17", "sh xm1", "alpine", "/xm1", "name.impersonation", SEV_CRITICAL },
	{ "somebody/golang", "sh", "debian", "/run", "name.impersonation", SEV_CRITICAL },
	{ "ghcr.io/x/nginx", "python3", "debian", "python3", "name.impersonation", SEV_CRITICAL },
	{ "openjdk:latest", "sh", "debian", "/x", "name.impersonation", SEV_CRITICAL, "docker-archive" },
	{ "docker-archive:/tmp/a.tar:somebody/python3", "sh", "debian", "/x", "name.impersonation", SEV_CRITICAL, "docker-archive" },
	{ "somebody/debian", "sh", "alpine", "sh", "name.impersonation", SEV_CRITICAL },
	/* Honest ones. */
	{ "bitnami/nginx", "nginx sh", "debian", "/opt/bitnami/scripts/nginx/entrypoint.sh", NULL },
	{ "somebody/nginx", "nginx", "debian", "nginx", NULL }, { "nginx:1.27", "nginx", "debian", "/docker-entrypoint.sh", NULL },
	{ "openjdk", "java", "debian", "jshell", NULL, 0, "docker-archive" }, { "nginx", "", "", "/x", NULL, 0, "docker" },
	{ "arm64v8/redis", "redis-server", "debian", "docker-entrypoint.sh", NULL }, { "postgrest/postgrest", "postgrest", "", "postgrest", NULL },
	{ "registry.corp.example/team/api", "api", "debian", "/api", NULL }, { "parity/polkadot", "polkadot", "", "polkadot", NULL },
	{ "prom/prometheus", "prometheus", "", "/bin/prometheus", NULL }, { "grafana/grafana", "grafana", "alpine", "/run.sh", NULL },
	{ "mcr.microsoft.com/dotnet/sdk", "dotnet", "debian", "bash", NULL }, { "nginxinc/nginx-unprivileged", "nginx", "debian", "nginx", NULL },
	{ "rootfs:/x/openjdk", "", "", "", NULL }, { "team/golang-builder", "sh", "alpine", "sh", NULL }, { "acme/node18", "node", "debian", "node", NULL },
	{ "localhost/mongo", "mongod", "ubuntu", "mongod", NULL }, { "team/mysql", "mysqld", "ol", "docker-entrypoint.sh", NULL },
	{ "cimg/go", "go", "ubuntu", "bash", NULL }, { "library/python", "python3.12", "debian", "python3", NULL, 0, "docker-archive" },
	{ "foo/docker-nginx", "nginx", "debian", "nginx", NULL }, { "redis/redis-stack", "redis-server", "ubuntu", "/entrypoint.sh", NULL },
	/* The content does not fit, but the name is a common word or the house is private. */
	{ "parity/node", "polkadot", "ubuntu", "polkadot", "name.content", SEV_MEDIUM },
	{ "registry.corp.example/base/openjdk", "sh", "debian", "sh", "name.content", SEV_MEDIUM },
	{ "somebody/nginx", "nginx other", "debian", "/opt/other", "name.content", SEV_LOW },
	/* Look-alikes. */
	{ "x/ngnix", "nginx", "debian", "nginx", "name.lookalike", SEV_HIGH }, { "x/nglnx", "nginx", "debian", "nginx", "name.lookalike", SEV_HIGH },
	{ "x/rnariadb", "mysqld", "debian", "mysqld", "name.lookalike", SEV_HIGH }, { "x/p0stgres", "postgres", "", "postgres", "name.lookalike", SEV_HIGH },
	{ "x/ubunut", "sh", "ubuntu", "sh", "name.lookalike", SEV_HIGH }, { "x/pythin", "python3", "", "python3", "name.lookalike", SEV_HIGH },
	{ "x/reddis", "redis-server", "", "redis-server", "name.lookalike", SEV_HIGH }, { "bitnarni/app", "app", "", "app", "name.lookalike", SEV_HIGH },
	{ "Iibrary/app", "app", "", "app", "name.lookalike", SEV_HIGH }, { "x/official-nginx", "sh", "", "sh", "name.lookalike", SEV_LOW },
	{ "x/open-jdk", "sh", "", "/x", "name.lookalike", SEV_LOW }, { "x/n\xd0\xbe" "de", "node", "", "node", "name.lookalike", SEV_HIGH },
	{ "xn--dcker-jye.io/library/x", "x", "", "x", "name.lookalike", SEV_HIGH }, { "quay.lo/a/b", "b", "", "b", "name.lookalike", SEV_HIGH },
	/* Protected names. */
	{ "stranger/billing-api", "api", "", "api", "name.impersonation", SEV_HIGH, NULL, "acme/billing-api" },
	{ "acrne/billing-api", "api", "", "api", "name.impersonation", SEV_CRITICAL, NULL, "acme/billing-api" },
	{ "acme/billing-api:2", "api", "", "api", NULL, 0, NULL, "acme/billing-api" },
	{ "x/biling-api", "api", "", "api", "name.lookalike", SEV_HIGH, NULL, "acme/billing-api" },
	{ "x/other", "api", "", "api", "name.label", SEV_LOW, NULL, "acme/billing-api", "org.opencontainers.image.source", "https://git.example/acme/billing-api" },
	/* Labels. */
	{ "x/y", "sh", "alpine", "/x", "name.label", SEV_MEDIUM, NULL, NULL, "org.opencontainers.image.title", "nginx" },
	{ "x/y", "sh", "alpine", "/x", "name.label", SEV_MEDIUM, NULL, NULL, "org.opencontainers.image.source", "https://github.com/docker-library/redis.git" },
	{ "x/y", "sh", "ubuntu", "/x", NULL, 0, NULL, NULL, "org.opencontainers.image.ref.name", "ubuntu" },
};

static void judge_row(const struct row *t)
{
	AUTO_ARENA a = ARENA(8 * MIB);
	struct report r = { .arena = &a, .reference = slice_str(t->ref), .transport = slice_str(t->transport) };
	struct slice start = slice_str(t->start), key = slice_str(t->label), value = slice_str(t->value), protect = slice_str(t->protect);
	r.os.id = slice_str(t->os);
	r.os.known = r.os.id.n;
	if (start.n)
		r.config.entrypoint = (struct slice_list){ &start, 1, 1 };
	if (key.n) {
		r.config.label_keys = (struct slice_list){ &key, 1, 1 };
		r.config.label_values = (struct slice_list){ &value, 1, 1 };
	}
	struct image_view v = { .report = &r, .has_program = has_program, .has_path = has_path, .arg = (void *)(uintptr_t)t->programs };
	struct names_options opt = { .protected_names = &protect, .n_protected = protect.n ? 1 : 0 };
	struct err e = { 0 };
	if (names_judge(&r, &opt, &v, &e) != OK)
		fail_msg("%s: %s", t->ref, e.msg);
	bool found = false;
	for (size_t i = 0; i < r.findings.n; i++) {
		const struct finding *f = &r.findings.items[i];
		assert_true(f->title.n && f->description.n && f->advice.n && f->evidence.n == 1 && f->kind == KIND_NAME);
		if (t->rule && slice_eqs(f->rule, t->rule) && f->severity == t->severity)
			found = true;
		if (f->severity > (t->rule ? t->severity : SEV_INFO))
			fail_msg("%s: %.*s: %.*s", t->ref, SLICE_ARG(f->rule), SLICE_ARG(f->title));
	}
	if (t->rule && !found)
		fail_msg("%s: no %s (%zu findings)", t->ref, t->rule, r.findings.n);
}

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		judge_row(&rows[i]);
}

/* Official names do not accuse each other. */
static void officials_are_at_peace(void **state)
{
	(void)state;
	static const char *const some[] = { "adminer", "bash", "debian", "golang", "mongo", "mongo-express", "mysql", "nats", "nginx", "node", "php",
		"pypy", "python", "redis", "ros", "ruby", "rust", "solr", "storm", "tomcat", "tomee", "unit", "varnish", "znc", "percona", "perl", "nim" };
	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		assert_true(names_is_official(slice_str(some[i])));
		judge_row(&(struct row){ .ref = some[i], .programs = "", .os = "", .start = "", .transport = "docker" });
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(officials_are_at_peace) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
