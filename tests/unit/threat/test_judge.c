#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "judge.h"
#include "rules.h"

/* One image in work. */
struct world { struct arena a; struct report r; struct intel *in; struct threat_judge *j; char list[64]; };

static struct world *setup(const char *indicators)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	const char *path = w->list;
	w->a = ARENA(64 * MIB);
	w->r.arena = &w->a;
	w->r.layers.items = arena_calloc(&w->a, 2, sizeof(struct layer_info));
	w->r.layers.n = 2;
	w->r.layers.items[0] = (struct layer_info){ .diff_id = SL("sha256:aa"), .base = true };
	w->r.layers.items[1] = (struct layer_info){ .diff_id = SL("sha256:bb") };
	snprintf(w->list, sizeof(w->list), "/tmp/pabean-judge-%d.txt", (int)getpid());
	FILE *f = fopen(w->list, "w");
	fputs(indicators ? indicators : "nothing.test-zone.org\n", f);
	fclose(f);
	if (intel_open(&path, 1, &w->in, &e) != OK || threat_judge_open(&w->r, w->in, NULL, &w->j, &e) != OK)
		fail_msg("%s", e.msg);
	return w;
}

static void done(struct world *w)
{
	threat_judge_close(w->j);
	intel_close(w->in);
	arena_free(&w->a);
	unlink(w->list);
	free(w);
}

static void see(struct world *w, const struct judge_file *f)
{
	struct err e = { 0 };
	if (threat_judge_file(w->j, f, &e) != OK)
		fail_msg("%s", e.msg);
}

static void finish(struct world *w)
{
	struct err e = { 0 };
	if (threat_judge_config(w->j, &e) != OK || threat_judge_finish(w->j, &e) != OK)
		fail_msg("%s", e.msg);
}

static const struct finding *get(const struct world *w, const char *rule)
{
	for (size_t i = 0; i < w->r.findings.n; i++)
		if (slice_eqs(w->r.findings.items[i].rule, rule))
			return &w->r.findings.items[i];
	return NULL;
}

static const struct finding *need(const struct world *w, const char *rule, enum finding_kind kind, enum severity sev)
{
	const struct finding *f = get(w, rule);
	if (!f) {
		for (size_t i = 0; i < w->r.findings.n; i++)
			print_message("  %.*s\n", SLICE_ARG(w->r.findings.items[i].rule));
		fail_msg("no finding %s", rule);
	}
	if (f->kind != kind || f->severity != sev)
		fail_msg("%s is %s %s", rule, finding_kind_name(f->kind), severity_name(f->severity));
	assert_true(f->title.n && f->description.n && f->advice.n && f->evidence.n && strlen(f->id) == 32);
	return f;
}

static enum severity worst(const struct world *w)
{
	enum severity s = SEV_UNKNOWN;
	for (size_t i = 0; i < w->r.findings.n; i++)
		s = MAX(s, w->r.findings.items[i].severity);
	return s;
}

static struct fact sign(const char *rule, const char *excerpt)
{
	return (struct fact){ .type = FACT_SIGN, .sign = { .rule = slice_str(rule), .excerpt = slice_str(excerpt), .offset = 7 } };
}
static struct fact token(enum token_kind kind, const char *value)
{
	return (struct fact){ .type = FACT_TOKEN, .token = { .kind = kind, .value = slice_str(value), .offset = 9 } };
}

static void digests(void **state)
{
	(void)state;
	struct world *w = setup("55555555555555555555555555555555  a dropper\n");
	uint8_t raw[16], sha[32];
	memset(raw, 0x55, 16);
	memset(sha, 0x12, 32);
	struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0755, .file_class = FILE_ELF, .md5 = slice_of(raw, 16), .sha256 = slice_of(sha, 32) };
	see(w, &(struct judge_file){ .layer = 0, .path = SL("usr/bin/x"), .entry = &en, .hidden = true });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("usr/bin/y"), .entry = &en, .owned = true });
	finish(w);
	const struct finding *f = need(w, "intel.file", KIND_MALWARE, SEV_CRITICAL);
	assert_int_equal(f->evidence.n, 2);
	assert_true(slice_eqs(f->evidence.items[0].path, "/usr/bin/x"));
	assert_int_equal(f->evidence.items[0].sha256.n, 64);
	assert_false(f->hidden);
	assert_false(f->base_layer);
	done(w);
}

static void hosts_by_place(void **state)
{
	(void)state;
	static const struct { enum file_class cls; bool reachable; bool owned; enum severity want; } t[] = {
		{ FILE_DOC, false, false, SEV_INFO }, { FILE_TEXT, false, false, SEV_INFO }, { FILE_PKG_INDEX, false, false, SEV_INFO },
		{ FILE_SCRIPT, false, false, SEV_HIGH }, { FILE_SCRIPT, false, true, SEV_HIGH }, { FILE_ELF, false, false, SEV_HIGH },
		{ FILE_TEXT, true, false, SEV_CRITICAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world *w = setup("evil.test-zone.org\n");
		struct fact facts[] = { token(TOKEN_HOST, "cdn.evil.test-zone.org"), token(TOKEN_HOST, "good.test-zone.org") };
		struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0644, .file_class = t[i].cls };
		see(w, &(struct judge_file){ .layer = 1, .path = SL("x"), .entry = &en, .facts = facts, .n_facts = 2, .reachable = t[i].reachable,
					     .owned = t[i].owned });
		finish(w);
		const struct finding *f = need(w, "intel.host", KIND_MALWARE, t[i].want);
		assert_int_equal(f->evidence.n, 1);
		assert_true(slice_eqs(f->subject, "evil.test-zone.org"));
		done(w);
	}
}

static void block_lists_are_notes(void **state)
{
	(void)state;
	char list[4096] = "";
	char names[20][40];
	struct fact facts[20];
	for (int i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "h%d.block.test-zone.org", i);
		strcat(list, names[i]);
		strcat(list, "\n");
		facts[i] = token(TOKEN_HOST, names[i]);
	}
	struct world *w = setup(list);
	struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0644, .file_class = FILE_SCRIPT };
	see(w, &(struct judge_file){ .layer = 1, .path = SL("usr/share/adblock.js"), .entry = &en, .facts = facts, .n_facts = 20 });
	finish(w);
	need(w, "intel.list", KIND_MALWARE, SEV_INFO);
	assert_int_equal(worst(w), SEV_INFO);
	done(w);
	/* The same list in a script that the image runs is no block list. */
	w = setup(list);
	see(w, &(struct judge_file){ .layer = 1, .path = SL("entry.sh"), .entry = &en, .facts = facts, .n_facts = 20, .reachable = true });
	finish(w);
	assert_int_equal(worst(w), SEV_CRITICAL);
	done(w);
}

static void stratum_in_config(void **state)
{
	(void)state;
	struct world *w = setup(NULL);
	struct fact facts[] = { sign("miner.stratum-url", "stratum"), token(TOKEN_HOST, "a.org") };
	facts[0].sign.subject = SL("pool.test-zone.org:3333");
	see(w, &(struct judge_file){ .layer = -1, .path = SL("config:Entrypoint"), .facts = facts, .n_facts = 2, .reachable = true });
	see(w, &(struct judge_file){ .layer = -1, .path = SL("history:3"), .facts = facts, .n_facts = 2, .reachable = true });
	finish(w);
	const struct finding *f = need(w, "miner.stratum-url", KIND_MINER, SEV_CRITICAL);
	assert_int_equal(f->evidence.n, 2);
	assert_true(f->reachable);
	assert_true(slice_eqs(f->evidence.items[1].path, "history:3"));
	assert_true(slice_find(f->title, SL("pool.test-zone.org")) > 0);
	done(w);
}

/* Facts are data: what a class of file says alone, and what a distribution ships, follows the rows. */
static void rules_follow_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < threat_sign_count; i++) {
		if (!threat_signs[i].weak)
			continue;
		struct world *w = setup(NULL);
		struct fact facts[] = { sign(threat_signs[i].id, "x") };
		facts[0].sign.flags = SIGN_F_WEAK;
		struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0755, .file_class = FILE_SCRIPT };
		see(w, &(struct judge_file){ .layer = 0, .path = SL("usr/lib/x"), .entry = &en, .facts = facts, .n_facts = 1, .owned = true, .owner = SL("deb:x") });
		finish(w);
		if (w->r.findings.n)
			fail_msg("%s is weak and owned, but %.*s", threat_signs[i].id, SLICE_ARG(w->r.findings.items[0].rule));
		done(w);
	}
	/* Documents and package indexes carry no rule that is not for them. */
	for (size_t i = 0; i < threat_sign_count; i++) {
		struct world *w = setup(NULL);
		struct fact facts[] = { sign(threat_signs[i].id, "x") };
		struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0644, .file_class = FILE_DOC };
		see(w, &(struct judge_file){ .layer = 0, .path = SL("usr/share/doc/x"), .entry = &en, .facts = facts, .n_facts = 1 });
		finish(w);
		if (worst(w) > SEV_INFO)
			fail_msg("%s alone in a document: %.*s", threat_signs[i].id, SLICE_ARG(w->r.findings.items[0].rule));
		done(w);
	}
}

static void gaps(void **state)
{
	(void)state;
	static const struct { uint64_t cls; bool reachable, owned; const char *rule; int skip; } t[] = {
		{ SKIP_DATA, false, false, "coverage.data", FINDING_SKIP_DATA }, { SKIP_DATA, true, true, "coverage.executable", FINDING_SKIP_EXECUTABLE },
		{ SKIP_EXECUTABLE, false, true, "coverage.data", FINDING_SKIP_DATA }, { SKIP_EXECUTABLE, false, false, "coverage.executable", FINDING_SKIP_EXECUTABLE },
		{ SKIP_BUDGET, false, true, "coverage.budget", FINDING_SKIP_BUDGET }, { SKIP_LAYER, false, false, "coverage.layer", FINDING_SKIP_LAYER },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world *w = setup(NULL);
		struct fact facts[] = { { .type = FACT_SKIPPED, .skipped = { .reason = SL("encrypted"), .cls = t[i].cls } } };
		for (int k = 0; k < 70; k++) {
			char path[32];
			snprintf(path, sizeof(path), "a/%d.zip", k);
			see(w, &(struct judge_file){ .layer = 0, .path = slice_str(path), .facts = facts, .n_facts = 1, .reachable = t[i].reachable, .owned = t[i].owned });
		}
		finish(w);
		assert_int_equal(w->r.findings.n, 1);
		const struct finding *f = get(w, t[i].rule);
		assert_non_null(f);
		assert_int_equal(f->skip_class, t[i].skip);
		assert_int_equal(f->evidence.n, 50);
		assert_true(slice_find(f->description, SL("70 places")) > 0);
		assert_true(f->base_layer);
		done(w);
	}
}

static void integrity_and_owner(void **state)
{
	(void)state;
	struct world *w = setup(NULL);
	struct fact facts[] = { { .type = FACT_INTEGRITY, .integrity = { .what = SL("tar.duplicate"), .detail = SL("twice") } },
				{ .type = FACT_INTEGRITY, .integrity = { .what = SL("zip.directory"), .detail = SL("differs") } } };
	struct fact_entry en = { .kind = ENTRY_FILE, .mode = 0755, .file_class = FILE_ELF };
	see(w, &(struct judge_file){ .layer = 1, .path = SL("usr/bin/curl"), .entry = &en, .facts = facts, .n_facts = 1, .owned_mismatch = true, .owner = SL("deb:curl") });
	en.file_class = FILE_CONFIG;
	en.mode = 0644;
	see(w, &(struct judge_file){ .layer = 1, .path = SL("etc/x.conf"), .entry = &en, .owned_mismatch = true, .owner = SL("deb:x") });
	see(w, &(struct judge_file){ .layer = 0, .path = SL("usr/share/go/test.zip"), .facts = facts + 1, .n_facts = 1, .owned = true });
	struct err e;
	assert_int_equal(threat_judge_layer_fact(w->j, 0, &(struct fact){ .type = FACT_INTEGRITY, .integrity = { .what = SL("gzip.trailing") } }, &e), OK);
	finish(w);
	need(w, "integrity.package-file-modified", KIND_INTEGRITY, SEV_HIGH);
	need(w, "tar.duplicate", KIND_INTEGRITY, SEV_MEDIUM);
	need(w, "zip.directory", KIND_INTEGRITY, SEV_INFO);
	need(w, "gzip.trailing", KIND_INTEGRITY, SEV_MEDIUM);
	assert_int_equal(w->r.findings.n, 4);
	done(w);
}

static void modes(void **state)
{
	(void)state;
	struct world *w = setup(NULL);
	struct fact_entry su = { .kind = ENTRY_FILE, .mode = 04755, .file_class = FILE_ELF }, dev = { .kind = ENTRY_BLOCK, .dev_major = 8 },
			  null = { .kind = ENTRY_CHAR, .dev_major = 1, .dev_minor = 3 }, ww = { .kind = ENTRY_FILE, .mode = 0777, .file_class = FILE_SCRIPT };
	struct fact_elf upx = { .flags = ELF_F_UPX | ELF_F_UPX_BROKEN };
	see(w, &(struct judge_file){ .layer = 0, .path = SL("usr/bin/passwd"), .entry = &su, .owned = true, .owner = SL("deb:passwd") });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("opt/tool"), .entry = &su });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("tmp/.x/bash"), .entry = &su });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("dev/sda"), .entry = &dev });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("dev/null"), .entry = &null });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("app/run.sh"), .entry = &ww });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("bin/p"), .elf = &upx });
	see(w, &(struct judge_file){ .layer = 1, .path = SL("bin/q"), .elf = &upx, .owned = true });
	finish(w);
	assert_int_equal(need(w, "file.setuid", KIND_MISCONFIGURATION, SEV_LOW)->evidence.n, 1);
	need(w, "file.setuid-shell", KIND_MISCONFIGURATION, SEV_HIGH);
	assert_int_equal(need(w, "file.device-node", KIND_MISCONFIGURATION, SEV_LOW)->evidence.n, 1);
	need(w, "file.world-writable", KIND_MISCONFIGURATION, SEV_LOW);
	assert_int_equal(need(w, "elf.packed-unreadable", KIND_INTEGRITY, SEV_HIGH)->evidence.n, 1);
	done(w);
}

static void config(void **state)
{
	(void)state;
	struct world *w = setup(NULL);
	struct slice env[] = { SL("PATH=/tmp/x:/usr/bin"), SL("DB_PASSWORD=hunter2"), SL("POSTGRES_PASSWORD_FILE=/run/x"), SL("API_KEY=$KEY"),
			       SL("X=AKIA" "ABCDEFGHIJKLMNOP"), SL("MYSQL_ALLOW_EMPTY_PASSWORD=yes") };
	struct slice ports[] = { SL("2375/tcp"), SL("22"), SL("80/tcp") }, start[] = { SL("sudo"), SL("/app") };
	struct slice history[] = { SL("|1 GITHUB_TOKEN=abcdef /bin/sh -c make"), SL("/bin/sh -c #(nop) ENV LANG=C") };
	w->r.config.env = (struct slice_list){ env, ARRAY_LEN(env), 0 };
	w->r.config.exposed_ports = (struct slice_list){ ports, 3, 0 };
	w->r.config.entrypoint = (struct slice_list){ start, 2, 0 };
	w->r.config.history_created_by = (struct slice_list){ history, 2, 0 };
	w->r.config.history_n = 2;
	finish(w);
	need(w, "config.root-user", KIND_MISCONFIGURATION, SEV_INFO);
	need(w, "config.docker-port", KIND_MISCONFIGURATION, SEV_MEDIUM);
	need(w, "config.remote-port", KIND_MISCONFIGURATION, SEV_LOW);
	need(w, "config.sudo", KIND_MISCONFIGURATION, SEV_LOW);
	need(w, "config.path", KIND_MISCONFIGURATION, SEV_LOW);
	need(w, "config.secret-key", KIND_MISCONFIGURATION, SEV_HIGH);
	unsigned secrets = 0;
	for (size_t i = 0; i < w->r.findings.n; i++) {
		const struct finding *f = &w->r.findings.items[i];
		secrets += slice_eqs(f->rule, "config.secret");
		for (size_t k = 0; k < f->evidence.n; k++)
			if (slice_find(f->evidence.items[k].excerpt, SL("hunter2")) >= 0)
				fail_msg("the secret is in the report");
	}
	assert_int_equal(secrets, 2);
	done(w);
}

static void packages_and_name(void **state)
{
	(void)state;
	struct world *w = setup("pypi:evilpkg@1.2.3\ndocker.io/badspace/thing\n");
	struct package pk[] = { { .type = SL("pypi"), .name = SL("EvilPkg"), .version = SL("1.2.3"), .purl = SL("pkg:pypi/evilpkg@1.2.3"), .path = SL("/x"), .layer = 1 },
				{ .type = SL("pypi"), .name = SL("evilpkg"), .version = SL("1.2.4") } };
	w->r.packages = (struct package_list){ pk, 2, 2 };
	w->r.reference = SL("docker-archive:/tmp/x.tar:badspace/thing:v1");
	finish(w);
	const struct finding *f = need(w, "intel.package", KIND_MALWARE, SEV_CRITICAL);
	assert_true(slice_eqs(f->package, "pkg:pypi/evilpkg@1.2.3"));
	assert_true(slice_eqs(f->evidence.items[0].path, "/x"));
	need(w, "intel.image", KIND_MALWARE, SEV_CRITICAL);
	assert_int_equal(w->r.findings.n, 2);
	done(w);
}

static void yara(void **state)
{
	(void)state;
	struct world *w = setup(NULL);
	AUTO_BUF meta = BUF(1024);
	fact_list_put(&meta, SL("description=Finds it"));
	fact_list_put(&meta, SL("score=95"));
	struct fact facts[] = { { .type = FACT_YARA, .yara = { .rule = SL("CoinMiner_X"), .meta = buf_slice(&meta), .excerpt = SL("abc") } },
				{ .type = FACT_YARA, .yara = { .rule = SL("Plain") } } };
	see(w, &(struct judge_file){ .layer = 0, .path = SL("a"), .facts = facts, .n_facts = 2 });
	finish(w);
	const struct finding *f = need(w, "yara.CoinMiner_X", KIND_MINER, SEV_CRITICAL);
	assert_true(slice_eqs(f->title, "YARA rule CoinMiner_X: Finds it"));
	need(w, "yara.Plain", KIND_MALWARE, SEV_HIGH);
	done(w);
}

/* A wallet in Env, a pool in one file, a miner's options in another layer: one finding. */
static void parts_of_a_miner(void **state)
{
	(void)state;
	struct fact wallet[] = { sign("wallet.monero", "WALLET=4...") }, pool[] = { sign("miner.pool-host", "pool=") },
		    options[] = { sign("miner.command-donate", "--donate") };
	struct fact_entry script = { .kind = ENTRY_FILE, .mode = 0755, .file_class = FILE_SCRIPT };
	for (int with = 0; with < 8; with++) {
		struct world *w = setup(NULL);
		if (with & 1)
			see(w, &(struct judge_file){ .layer = -1, .path = SL("config:Env"), .facts = wallet, .n_facts = 1, .reachable = true });
		if (with & 2)
			see(w, &(struct judge_file){ .layer = 0, .path = SL("etc/p.sh"), .entry = &script, .facts = pool, .n_facts = 1 });
		if (with & 4)
			see(w, &(struct judge_file){ .layer = 1, .path = SL("opt/x.sh"), .entry = &script, .facts = options, .n_facts = 1 });
		finish(w);
		const struct finding *f = get(w, "miner.assembled");
		if (with == 7) {
			need(w, "miner.assembled", KIND_MINER, SEV_CRITICAL);
			assert_int_equal(f->evidence.n, 3);
			assert_int_equal(w->r.findings.n, 1);
			assert_true(f->reachable);
		} else if (worst(w) > SEV_INFO && with != 6) {	/* a pool and a miner's options are enough without a wallet */
			fail_msg("parts %d: %.*s", with, SLICE_ARG(w->r.findings.items[0].rule));
		}
		done(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests), cmocka_unit_test(hosts_by_place), cmocka_unit_test(block_lists_are_notes),
		cmocka_unit_test(stratum_in_config), cmocka_unit_test(rules_follow_the_table), cmocka_unit_test(gaps),
		cmocka_unit_test(integrity_and_owner), cmocka_unit_test(modes), cmocka_unit_test(config), cmocka_unit_test(packages_and_name),
		cmocka_unit_test(yara), cmocka_unit_test(parts_of_a_miner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
