/* Generations, the sweep over the catalogue, and the catalogue itself (GATE.md 1, 2). */
#include "gate_fixture.h"
#include "advisory.h"
#include "pulls.h"
#include "rejudge.h"

static const char milder[] = "version: 1\nrules:\n  - {name: malware, when: {kind: malware}, then: hold, because: It may carry malware}\n"
	"  - {name: flaw, when: {kind: vulnerability}, then: refuse, because: It has a flaw}\n";

static int64_t newest(struct bench *b) { return count(b, "SELECT max(number) FROM generation", NULL, NULL); }
static int64_t ours(struct gateway *g) { return atomic_load(&g->gate->generation); }

static void proposals(void **state)
{
	struct bench *b = *state;
	struct gateway two = { 0 };
	assert_true(newest(b) == 1 && ours(&b->g) == 1 && audits(b, "generation.new") == 1);
	node_open(b, &two, "serve");		/* reads the same: nothing new */
	assert_true(newest(b) == 1 && ours(&two) == 1);
	OK_(gate_refresh(&b->g, true, &e));
	new_policy(b, "# a comment\nversion: 1\nrules:\n- name: malware\n  when: {kind: malware}\n  then: refuse\n  because: It carries malware\n"
		   "- {name: odd, when: {kind: integrity}, then: hold, because: It is odd}\n- {name: flaw, when: {kind: vulnerability}, then: refuse, because: It has a flaw}\n");
	assert_int_equal(newest(b), 1);
	new_policy(b, milder);
	assert_true(newest(b) == 2 && ours(&b->g) == 2 && ours(&two) == 1);
	OK_(gate_refresh(&two, false, &e));		/* follows, since the files are the same here */
	assert_true(newest(b) == 2 && ours(&two) == 2);
	write_file(b->policy, "version: 1\nrules: nonsense\n");
	struct err e = { 0 };
	assert_int_equal(gate_refresh(&b->g, true, &e), ERR_USAGE);
	assert_true(newest(b) == 2 && ours(&b->g) == 2);	/* a broken file changes nothing */
	gateway_close_common(&two);
}

/* A worker whose files are others must not judge by them, nor record that it did. */
static void followers(void **state)
{
	struct bench *b = *state;
	struct gateway worker = { 0 };
	struct gateway_config *c;
	struct gateway_run run = b->run;
	struct err e = { 0 };
	char file[96], sub[96];
	snprintf(file, sizeof(file), "%s/other.yaml", b->dir);
	snprintf(sub, sizeof(sub), "%s/state", b->dir);
	write_file(file, usual_policy);
	OK_(gateway_config_parse(slice_str(usual_config), "f", &c, &e));
	OK_(gateway_config_set(c, "state", slice_str(sub), &e));
	OK_(gateway_config_set(c, "policy", slice_str(file), &e));
	run.config = c;
	OK_(gateway_open_common(&worker, &run, "worker", &e));
	assert_true(ours(&worker) == 1 && newest(b) == 1);
	uint64_t checked = atomic_load(&worker.gate->checked_ms);
	usleep(2000);
	new_policy(b, milder);
	assert_int_equal(gate_refresh(&worker, false, &e), ERR_NOT_FOUND);
	assert_int_equal(gate_refresh(&worker, true, &e), ERR_NOT_FOUND);	/* workers never propose */
	assert_true(ours(&worker) == 1 && newest(b) == 2 && atomic_load(&worker.gate->checked_ms) == checked);
	write_file(file, milder);
	OK_(gate_refresh(&worker, false, &e));
	assert_int_equal(ours(&worker), 2);
	gateway_close_common(&worker);
	write_file(file, usual_policy);
	worker = (struct gateway){ 0 };
	assert_int_equal(gateway_open_common(&worker, &run, "worker", &e), ERR_NOT_FOUND);
	assert_int_equal(newest(b), 2);
	gateway_close_common(&worker);
	gateway_config_free(c);
}

static void swept(void **state)
{
	struct bench *b = *state;
	struct push clean = PUSH("a/c", .name = "clean"), bad = PUSH("a/b", "1", "bad"), wait = PUSH("a/w", .name = "wait"), over = PUSH("a/o", .name = "over"),
		    intel = PUSH("a/i", .name = "intel");
	INSPECTED("a/c", clean.digest, CLEAN);
	INSPECTED("a/b", bad.digest, { "m1" });
	INSPECTED("a/o", over.digest, { "m1" });
	INSPECTED("a/i", intel.digest, { "m1" }, .data_id = SL(" sha256:of-before"));
	change(b, "DELETE FROM job", NULL, NULL);
	change(b, "UPDATE verdict SET generation = 0 WHERE digest = ?1", intel.digest, NULL);
	struct stored before = verdict(b, "a/c", clean.digest);
	sweep(b);				/* the others are of now: they are not touched */
	assert_int_equal(verdict(b, "a/c", clean.digest).v.seq, before.v.seq);
	new_policy(b, milder);
	int64_t held = events(b, "verdict.held"), all = count(b, "SELECT count(*) FROM event", NULL, NULL);
	sweep(b);
	struct stored after = verdict(b, "a/c", clean.digest);
	assert_true(after.v.generation == 2 && after.v.state == STATE_ADMITTED && strcmp(after.policy, before.policy) != 0);
	assert_true(verdict(b, "a/b", bad.digest).v.state == STATE_HELD && verdict(b, "a/o", over.digest).v.state == STATE_HELD);
	assert_int_equal(events(b, "verdict.held"), held + 2);
	assert_true(count(b, "SELECT count(*) FROM event", NULL, NULL) == all + 2);	/* who did not change makes none */
	/* Other indicators need the layers' facts: a job behind all others; until then the old verdict stands, and is known to be old. */
	struct stored old = verdict(b, "a/i", intel.digest);
	assert_true(old.v.state == STATE_REFUSED && old.v.generation == 0);
	assert_int_equal(count(b, "SELECT count(*) FROM job WHERE priority = 1 AND digest = ?1", intel.digest, NULL), 1);
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 1);
	/* What is not judged yet is not the sweep's. */
	assert_int_equal(verdict(b, "a/w", wait.digest).v.state, STATE_FETCHING);
	/* An end that has come. */
	change(b, "UPDATE verdict SET state = 3, expires_s = 1900000000 WHERE digest = ?1", over.digest, NULL);
	int64_t seq = verdict(b, "a/c", clean.digest).v.seq;
	sweep(b);
	assert_true(verdict(b, "a/o", over.digest).v.state == STATE_HELD && !verdict(b, "a/o", over.digest).v.expires_s && events(b, "verdict.withdrawn") == 1);
	assert_int_equal(verdict(b, "a/c", clean.digest).v.seq, seq);
}

/* Somebody else judges one between the sweep's reading and its writing. */
static void overtaken(void **state)
{
	struct bench *b = *state;
	struct push one = PUSH("a/1", .name = "one"), two = PUSH("a/2", .name = "two");	/* in the order of repositories */
	INSPECTED("a/1", one.digest, { "m1" });
	INSPECTED("a/2", two.digest, { "m1" });
	new_policy(b, milder);
	change(b, "CREATE TRIGGER other AFTER UPDATE ON verdict WHEN NEW.repo_id = (SELECT id FROM repo WHERE name = 'a/1') BEGIN UPDATE verdict SET state = 3,"
	       " generation = NEW.generation, seq = seq + 1 WHERE repo_id = (SELECT id FROM repo WHERE name = 'a/2'); END", NULL, NULL);
	sweep(b);
	assert_int_equal(verdict(b, "a/1", one.digest).v.state, STATE_HELD);
	assert_true(verdict(b, "a/2", two.digest).v.state == STATE_ADMITTED && verdict(b, "a/2", two.digest).v.seq == 3);
	/* Or it is gone, with its repository's manifest: the others are judged all the same. */
	change(b, "DROP TRIGGER other", NULL, NULL);
	change(b, "CREATE TRIGGER other AFTER UPDATE ON verdict WHEN NEW.repo_id = (SELECT id FROM repo WHERE name = 'a/1') BEGIN DELETE FROM verdict WHERE"
	       " repo_id = (SELECT id FROM repo WHERE name = 'a/2'); END", NULL, NULL);
	new_policy(b, usual_policy);
	sweep(b);
	assert_true(verdict(b, "a/1", one.digest).v.state == STATE_REFUSED && !verdict(b, "a/2", two.digest).there);
}

/* Another node sweeps. */
static void one_sweeper(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/1", .name = "one");
	char setting[96];
	INSPECTED("a/1", p.digest, { "m1" });
	new_policy(b, milder);
	snprintf(setting, sizeof(setting), "%llu elsewhere", (unsigned long long)store_now_ms());
	change(b, "INSERT INTO setting (name, value) VALUES ('sweeper', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", setting, NULL);
	sweep(b);
	assert_int_equal(verdict(b, "a/1", p.digest).v.generation, 1);
	change(b, "UPDATE setting SET value = '1 elsewhere' WHERE name = 'sweeper'", NULL, NULL);
	static _Atomic bool never;
	OK_(gate_sweep(&b->g, &never, &e));	/* it was not forgotten */
	assert_int_equal(verdict(b, "a/1", p.digest).v.generation, 2);
}

/* --- Advisories and the catalogue ------------------------------------------------------------------------------------------------------ */

static void import(struct bench *b, const char *zlib_fixed, bool bash)
{
	char paths[2][128], text[2][700];
	struct advisory_import_stats stats;
	snprintf(text[0], sizeof(text[0]), "{\"id\":\"DEBIAN-CVE-2026-1\",\"upstream\":[\"CVE-2026-1\"],\"summary\":\"A flaw\",\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":"
		 "{\"ecosystem\":\"Debian:12\",\"name\":\"zlib\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"%s\"}]}]}]}", zlib_fixed);
	snprintf(text[1], sizeof(text[1]), "{\"id\":\"DEBIAN-CVE-2026-2\",\"upstream\":[\"CVE-2026-2\"],\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":"
		 "{\"ecosystem\":\"Debian:12\",\"name\":\"bash\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"%s\"}]}]}]}", bash ? "9" : "1");
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.json", b->dir, i);
		write_file(paths[i], text[i]);
	}
	OK_(advisory_db_import(b->db, (const char *[]){ paths[0], paths[1] }, 2, &(struct advisory_import_options){ .unconfined = true }, &stats, &e));
	OK_(gate_refresh(&b->g, false, &e));
}

static void advisories(void **state)
{
	struct bench *b = *state;
	struct push z = PUSH("a/z", "1", "zlib"), s = PUSH("a/s", "1", "bash");
	INSPECTED("a/z", z.digest, { "fine" }, .package = "zlib", .version = "1.2");
	INSPECTED("a/s", s.digest, { "fine" }, .package = "bash", .version = "5.2");
	import(b, "1.1", false);		/* of neither, but now there is data */
	assert_true(newest(b) == 2 && ours(&b->g) == 2);
	sweep(b);
	assert_true(verdict(b, "a/z", z.digest).v.state == STATE_ADMITTED && verdict(b, "a/z", z.digest).v.generation == 2);
	/* One package: only what holds it is matched anew. */
	change(b, "CREATE TABLE was AS SELECT * FROM package", NULL, NULL);
	os_set_now(NOW + 5);
	import(b, "1.3", false);
	sweep(b);
	assert_int_equal(count(b, "SELECT count(*) FROM package p JOIN was w ON w.id = p.id WHERE w.match_hash <> p.match_hash AND p.name <> 'zlib'", NULL, NULL), 0);
	assert_int_equal(count(b, "SELECT count(*) FROM report WHERE made_s = 1900000005", NULL, NULL), 1);
	assert_int_equal(count(b, "SELECT count(*) FROM verdict WHERE generation = 3", NULL, NULL), 2);
	assert_true(verdict(b, "a/z", z.digest).v.state == STATE_REFUSED && strstr(verdict(b, "a/z", z.digest).reasons, "CVE-2026-1"));
	assert_true(verdict(b, "a/s", s.digest).v.state == STATE_ADMITTED && events(b, "verdict.withdrawn") == 1);
	/* A pull that comes before the sweep is judged on the spot. */
	import(b, "1.3", true);
	struct stored k = verdict(b, "a/s", s.digest);
	bool queued;
	assert_int_equal(look(b, "a/s", s.digest).view.result, GATE_WAIT);
	OK_(gate_judge_again(&b->g, k.v.repo_id, SL("a/s"), slice_str(s.digest), false, &queued, &e));
	assert_true(!queued && verdict(b, "a/s", s.digest).v.state == STATE_REFUSED && verdict(b, "a/s", s.digest).v.generation == 4);
	/* And back again. */
	import(b, "1.1", false);
	sweep(b);
	assert_true(verdict(b, "a/z", z.digest).v.state == STATE_ADMITTED && verdict(b, "a/s", s.digest).v.state == STATE_ADMITTED);
	os_set_now(NOW);
}

struct finding_what { uint32_t ids[8]; size_t n; const char *name, *version, *subject; char found[8][140]; size_t n_found; bool there; };
static enum err_code on_found(void *arg, int64_t repo_id, struct slice digest, struct err *e)
{
	struct finding_what *k = arg;
	(void)repo_id, (void)e;
	if (k->n_found < 8)
		snprintf(k->found[k->n_found++], 140, "%.*s", SLICE_ARG(digest));
	return OK;
}
static enum err_code find_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct finding_what *k = arg;
	k->n = k->there = 0;
	if (k->subject)
		TRY(catalogue_subject(tx, slice_str(k->subject), k->ids, &k->there, e));
	else
		TRY(catalogue_packages(tx, slice_str(k->name), slice_str(k->version), k->ids, ARRAY_LEN(k->ids), &k->n, e));
	return catalogue_find(tx, k->subject, k->ids, k->subject ? k->there : k->n, on_found, k, e);
}
static struct finding_what search(struct bench *b, const char *name, const char *version, const char *subject)
{
	struct finding_what k = { .name = name, .version = version, .subject = subject };
	OK_(sql_read(b->g.store.sql, find_tx, &k, &e));
	return k;
}

static void catalogue(void **state)
{
	struct bench *b = *state;
	struct push one = PUSH("a/1", .name = "one"), two = PUSH("a/2", .name = "two"), three = PUSH("a/3", .name = "three");
	INSPECTED("a/1", one.digest, { "m1", "same" }, .package = "zlib", .version = "1.2");
	INSPECTED("a/2", two.digest, { "same" }, .package = "zlib", .version = "1.3");
	INSPECTED("a/3", three.digest, { "same" }, .package = "zlib", .version = "1.3");
	assert_int_equal(count(b, "SELECT count(*) FROM package WHERE purl <> 'os:'", NULL, NULL), 2);	/* each once */
	assert_int_equal(count(b, "SELECT count(*) FROM package WHERE purl = 'os:'", NULL, NULL), 1);
	assert_int_equal(search(b, "zlib", "", NULL).n_found, 3);
	assert_int_equal(search(b, "zlib", "1.3", NULL).n_found, 2);
	struct finding_what k = search(b, "zlib", "1.2", NULL);
	assert_true(k.n == 1 && k.n_found == 1 && !strcmp(k.found[0], one.digest));
	assert_int_equal(search(b, "zli", "", NULL).n_found, 0);
	assert_int_equal(search(b, NULL, NULL, "test.same").n_found, 3);
	assert_int_equal(search(b, NULL, NULL, "test.m1").n_found, 1);
	assert_false(search(b, NULL, NULL, "test.m").there);
	INSPECTED("a/1", one.digest, { "same" }, .package = "zlib", .version = "1.3");	/* looked at again */
	assert_true(search(b, NULL, NULL, "test.m1").n_found == 0 && search(b, "zlib", "1.3", NULL).n_found == 3);
	static const uint8_t list[] = { 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 128, 9 };	/* 1, 5, 2^31, a torn end */
	assert_true(catalogue_holds(slice_of(list, sizeof(list)), (const uint32_t[]){ 2, 5 }, 2) && catalogue_holds(slice_of(list, sizeof(list)), (const uint32_t[]){ 1u << 31 }, 1));
	assert_false(catalogue_holds(slice_of(list, sizeof(list)), (const uint32_t[]){ 0, 2, 6, 9 }, 4) || catalogue_holds(SL(""), (const uint32_t[]){ 1 }, 1));
	assert_false(catalogue_holds(slice_of(list, sizeof(list)), NULL, 0));
}

static void pulled(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/1", .name = "one");
	struct pulls *l;
	OK_(pulls_open(&l, &e));
	OK_(pulls_flush(&b->g, l, &e));
	for (int i = 0; i < 3; i++)
		pulls_note(l, SL("a/1"), slice_str(p.digest), "ann", "192.0.2.1");
	pulls_note(l, SL("a/1"), slice_str(p.digest), "ann", "192.0.2.2");
	pulls_note(l, SL("no/such"), slice_str(p.digest), "ann", "192.0.2.1");
	OK_(pulls_flush(&b->g, l, &e));
	pulls_note(l, SL("a/1"), slice_str(p.digest), "ann", "192.0.2.1");
	OK_(pulls_flush(&b->g, l, &e));
	assert_int_equal(count(b, "SELECT count(*) FROM pull", NULL, NULL), 2);
	assert_int_equal(count(b, "SELECT count FROM pull WHERE address = ?1", "192.0.2.1", NULL), 4);
	assert_int_equal(count(b, "SELECT pulled_s FROM repo_manifest", NULL, NULL), NOW);
	/* More different ones than fit are counted as lost, and nothing else is. */
	for (int i = 0; i < 1500; i++) {
		char address[64];
		snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		pulls_note(l, SL("a/1"), slice_str(p.digest), "bob", address);
	}
	assert_int_equal(pulls_lost(l), 476);
	OK_(pulls_flush(&b->g, l, &e));
	assert_int_equal(count(b, "SELECT count(*) FROM pull WHERE account = 'bob'", NULL, NULL), 1024);
	/* Who pulled what is withdrawn stands in the event. */
	INSPECTED("a/1", p.digest, CLEAN);
	INSPECTED("a/1", p.digest, { "m1" });
	assert_int_equal(count(b, "SELECT count(*) FROM event WHERE type = 'verdict.withdrawn' AND body LIKE '%\"pulled_by\":[{\"account\":%'", NULL, NULL), 1);
	pulls_close(l);
	pulls_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(proposals, set_up, tear_down), cmocka_unit_test_setup_teardown(followers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(swept, set_up, tear_down), cmocka_unit_test_setup_teardown(overtaken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_sweeper, set_up, tear_down), cmocka_unit_test_setup_teardown(advisories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(catalogue, set_up, tear_down), cmocka_unit_test_setup_teardown(pulled, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
