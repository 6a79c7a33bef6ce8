#include <sys/stat.h>
#include <unistd.h>
#include "keep_test.h"

#define M1 D("1111")
#define M2 D("2222")
#define M3 D("3333")
#define M4 D("4444")

static void grace(void **state)
{
	struct bench *b = *state;
	char used[136], lost[136], young[136];
	blob(b, "used", used);
	blob(b, "lost", lost);
	IMAGE(b, .digest = M1, .blobs = { used }, .tag = "v1");
	os_set_now(NOW + 7000);
	blob(b, "young", young);
	struct store_keep_counts n = keep_with(b, RULES);
	assert_true(n.blobs == 0 && has_bytes(b, lost));
	os_set_now(NOW + 7300);
	struct store_keep_rules dry = RULES;
	dry.dry = true;
	n = keep_with(b, dry);
	assert_true(n.blobs == 1 && n.bytes == 4 && has_bytes(b, lost));
	n = keep_with(b, RULES);
	assert_true(n.blobs == 1 && n.bytes == 4 && !has_bytes(b, lost));
	assert_true(has_bytes(b, used) && has_bytes(b, young));
	assert_int_equal(count(b, "SELECT count(*) FROM blob", NULL, NULL), 2);
	/* used for long, and used again in another place */
	os_set_now(NOW + 400 * DAY);
	n = keep_with(b, RULES);
	assert_true(n.blobs == 1 && has_bytes(b, used) && !has_bytes(b, young));
	blob(b, "lost", lost);
	assert_true(has_bytes(b, lost));
}

static void untagged(void **state)
{
	struct bench *b = *state;
	char x[136], y[136];
	blob(b, "x", x);
	blob(b, "y", y);
	/* an index with a child, a referrer of the index, and the referrer's own */
	IMAGE(b, .digest = M1, .blobs = { x });
	IMAGE(b, .digest = M2, .kind = STORE_INDEX, .children = { M1 }, .tag = "v1");
	IMAGE(b, .digest = M3, .kind = STORE_ARTIFACT, .blobs = { y }, .subject = M2);
	IMAGE(b, .digest = M4, .kind = STORE_ARTIFACT, .blobs = { y }, .subject = M3,
	      .tag = "sha256-1111111111111111111111111111111111111111111111111111111111111111.sig");
	os_set_now(NOW + 100 * DAY);
	struct store_keep_counts n = keep_with(b, RULES);
	assert_true(!n.manifests && !n.blobs && !n.tags);
	DO(b, "DELETE FROM tag WHERE name = 'v1'");
	n = keep_with(b, RULES);
	assert_int_equal(n.manifests, 0);
	os_set_now(NOW + 120 * DAY);
	n = keep_with(b, RULES);
	assert_true(!n.manifests && has_bytes(b, x));
	/* all at once: what was kept by the index inherits its age; a signature's tag goes after its subject, and its manifest
	 * with that */
	os_set_now(NOW + 131 * DAY);
	n = keep_with(b, RULES);
	assert_int_equal(n.manifests, 3);
	assert_int_equal(MANIFESTS(b, M4), 1);
	assert_true(!has_bytes(b, x) && has_bytes(b, y));
	n = keep_with(b, RULES);
	assert_int_equal(n.tags, 1);
	assert_int_equal(n.manifests, 1);
	assert_int_equal(count(b, "SELECT count(*) FROM manifest", NULL, NULL), 0);
	assert_int_equal(count(b, "SELECT count(*) FROM manifest_ref", NULL, NULL), 0);
	assert_true(!has_bytes(b, y));
}

static void tagged_again(void **state)
{
	struct bench *b = *state;
	IMAGE(b, .digest = M1);
	keep_with(b, RULES);
	os_set_now(NOW + 40 * DAY);
	IMAGE(b, .digest = M2, .kind = STORE_INDEX, .children = { M1 });
	IMAGE(b, .digest = M3);
	DO(b, "UPDATE repo_manifest SET pulled_s = ?3 WHERE digest = ?1 OR digest = ?2", M3, M3, NOW + 45 * DAY);
	struct store_keep_counts n = keep_with(b, RULES);
	assert_int_equal(n.manifests, 0);
	/* pulled by digest: stays as long as that goes on */
	os_set_now(NOW + 74 * DAY);
	n = keep_with(b, RULES);
	assert_true(n.manifests == 2 && MANIFESTS(b, M3) == 1);
	os_set_now(NOW + 76 * DAY);
	n = keep_with(b, RULES);
	assert_int_equal(n.manifests, 1);
}

static void verdict(struct bench *b, const char *digest, int state, int64_t at)
{
	static const char *const put[] = {
		"INSERT INTO verdict (repo_id, digest, state, generation, policy_digest, reasons, expires_s, decided_s,"
			" decision_id, attempts, seq)"
		" SELECT repo_id, digest, 3, 1, ?2, '[]', 0, ?3, 0, 0, 1 FROM repo_manifest WHERE digest = ?1",
		"INSERT INTO verdict (repo_id, digest, state, generation, policy_digest, reasons, expires_s, decided_s,"
			" decision_id, attempts, seq)"
		" SELECT repo_id, digest, 4, 1, ?2, '[]', 0, ?3, 0, 0, 1 FROM repo_manifest WHERE digest = ?1",
	};
	DO(b, put[state == STATE_REFUSED], digest, "", at);
}

static struct store_retention not_enforced(void *arg, struct slice repository)
{
	(void)arg;
	return (struct store_retention){ .enforced = slice_eqs(repository, "enforced") };
}

static void refused(void **state)
{
	struct bench *b = *state;
	char own[136], shared[136], free_one[136];
	blob(b, "own", own);
	blob(b, "shared", shared);
	blob(b, "free", free_one);
	IMAGE(b, .repository = "enforced", .digest = M1, .blobs = { own, shared }, .tag = "bad");
	IMAGE(b, .repository = "enforced", .digest = M2, .blobs = { shared }, .tag = "good");
	IMAGE(b, .repository = "free", .digest = M3, .blobs = { free_one }, .tag = "bad");
	verdict(b, M1, STATE_REFUSED, NOW);
	verdict(b, M2, STATE_ADMITTED, NOW);
	verdict(b, M3, STATE_REFUSED, NOW);
	struct store_keep_rules r = RULES;
	r.retention = not_enforced;
	os_set_now(NOW + 6 * DAY);
	assert_int_equal(keep_with(b, r).contents, 0);
	os_set_now(NOW + 8 * DAY);
	struct store_keep_counts n = keep_with(b, r);
	assert_true(n.contents == 1 && n.blobs == 1 && !has_bytes(b, own) && has_bytes(b, shared) && has_bytes(b, free_one));
	/* facts and verdict stay, tags too */
	assert_int_equal(MANIFESTS(b, M1), 1);
	assert_int_equal(count(b, "SELECT count(*) FROM verdict", NULL, NULL), 3);
	assert_int_equal(count(b, "SELECT gone_s FROM repo_manifest WHERE digest = ?1", M1, NULL), NOW + 8 * DAY);
	/* pushed once more */
	blob(b, "own", own);
	IMAGE(b, .repository = "enforced", .digest = M1, .blobs = { own, shared }, .tag = "bad");
	assert_int_equal(count(b, "SELECT gone_s FROM repo_manifest WHERE digest = ?1", M1, NULL), 0);
	assert_int_equal(keep_with(b, r).contents, 0);
}

static void unpulled(void **state)
{
	struct bench *b = *state;
	char x[136], y[136], z[136];
	blob(b, "x", x);
	blob(b, "y", y);
	blob(b, "z", z);
	IMAGE(b, .digest = M1, .blobs = { x }, .origin = 1, .tag = "1");
	IMAGE(b, .digest = M2, .blobs = { y }, .origin = 1, .tag = "2");
	IMAGE(b, .digest = M3, .blobs = { z }, .tag = "3");
	DO(b, "UPDATE repo_manifest SET pulled_s = ?3 WHERE digest = ?1 OR digest = ?2", M2, M2, NOW + 30 * DAY);
	os_set_now(NOW + 91 * DAY);
	/* an inspection that waits needs what it is about */
	DO(b, "INSERT INTO job (kind, repo_id, digest, state, priority, attempts, run_after_ms, owner, lease_until_ms,"
	   " created_ms, account, error)"
	   " SELECT 'inspect', repo_id, digest, 0, 0, 0, 0, ?2, 0, 0, '', '' FROM repo_manifest WHERE digest = ?1", M1);
	assert_int_equal(keep_with(b, RULES).contents, 0);
	DO(b, "DELETE FROM job");
	struct store_keep_counts n = keep_with(b, RULES);
	assert_true(n.contents == 1 && n.blobs == 1 && !has_bytes(b, x) && has_bytes(b, y) && has_bytes(b, z));
}

static void max_bytes(void **state)
{
	struct bench *b = *state;
	char x[136], y[136], z[136];
	blob(b, "xxxxxxxxxx", x);
	blob(b, "yyyyyyyyyy", y);
	blob(b, "zzzzzzzzzz", z);
	IMAGE(b, .digest = M1, .blobs = { x }, .origin = 1, .tag = "1");
	IMAGE(b, .digest = M2, .blobs = { y }, .origin = 1, .tag = "2");
	IMAGE(b, .digest = M3, .blobs = { z }, .tag = "3");
	DO(b, "UPDATE repo_manifest SET pulled_s = ?3 WHERE digest = ?1 OR digest = ?2", M1, M1, NOW + 5 * DAY);
	struct store_keep_rules r = RULES;
	r.max_bytes = 15;
	assert_int_equal(keep_with(b, r).contents, 0);	/* too young */
	os_set_now(NOW + 6 * DAY);
	struct store_keep_counts n = keep_with(b, r);
	assert_true(n.contents == 1 && n.blobs == 1 && n.bytes == 10 && !has_bytes(b, y));
	r.max_bytes = 5;	/* pushed content never goes for that */
	n = keep_with(b, r);
	assert_true(n.contents == 1 && !has_bytes(b, x) && has_bytes(b, z));
}

static struct store_retention last_two(void *arg, struct slice repository)
{
	(void)repository;
	return *(struct store_retention *)arg;
}

static void retention(void **state)
{
	struct bench *b = *state;
	static const char *const tags[] = { "a", "b", "c", "d", "e" };
	struct store_retention two = { .keep_last = 2, .enforced = true }, days = { .keep_last = 1, .keep_for_s = 10 * DAY };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		os_set_now(NOW + i * 3 * DAY);
		IMAGE(b, .digest = i % 2 ? M1 : M2, .tag = tags[i]);
	}
	os_set_now(NOW + 16 * DAY);
	struct store_keep_rules r = RULES;
	r.retention = last_two;
	r.arg = &days;
	assert_int_equal(keep_with(b, r).tags, 2);	/* c, d and e are younger than ten days */
	r.arg = &two;
	assert_int_equal(keep_with(b, r).tags, 1);
	assert_int_equal(count(b, "SELECT count(*) FROM tag WHERE name IN ('d', 'e')", NULL, NULL), 2);
	assert_int_equal(count(b, "SELECT count(*) FROM tag_history WHERE what = 3 AND name = ?1", "a", NULL) > 0, 1);
}

static void strays(void **state)
{
	struct bench *b = *state;
	char x[136], y[136];
	struct err e = { 0 };
	struct blob_upload *u;
	struct store_keep_rules r = RULES;
	r.walk = true;
	blob(b, "x", x);
	blob(b, "y", y);
	DO(b, "DELETE FROM blob WHERE digest = ?1", x);
	DO(b, "UPDATE blob SET state = 1 WHERE digest = ?1", y);	/* begun before a crash */
	assert_int_equal(blob_upload_begin(b->s.blobs, DIGEST_SHA256, &u, &e), OK);
	assert_int_equal(blob_upload_append(u, SL("abc"), &e), OK);
	char id[BLOB_ID_BYTES];
	strcpy(id, blob_upload_id(u));
	blob_upload_close(u);
	DO(b, "INSERT INTO upload (id, repo_id, account, bytes, state, created_s, updated_s) VALUES (?1, 1, ?2, 3, '', ?3, ?3)",
	   "00000000000000000000000000000000", "", NOW - 2 * DAY);
	/* the clock of the files is the real one, which is far before NOW: all of them are old */
	struct store_keep_counts n = keep_with(b, r);
	assert_true(n.blobs == 2 && n.uploads == 2 && !has_bytes(b, x) && !has_bytes(b, y));
	assert_int_equal(blob_upload_resume(b->s.blobs, id, 3, SLICE_NULL, &u, &e), ERR_NOT_FOUND);
	assert_int_equal(count(b, "SELECT count(*) FROM blob", NULL, NULL), 0);
}

static void rows(void **state)
{
	struct bench *b = *state;
	char x[136];
	blob(b, "x", x);
	IMAGE(b, .digest = M1, .blobs = { x }, .tag = "v");
	verdict(b, M1, STATE_REFUSED, NOW);
	DO(b, "INSERT INTO repo_blob (repo_id, digest, account, at_s) SELECT id, ?1, ?2, 1 FROM repo", x, "me");
	DO(b, "INSERT INTO repo_blob (repo_id, digest, account, at_s) SELECT id, ?1, ?2, 1 FROM repo", D("9999"), "me");
	DO(b, "INSERT INTO pull (repo_id, digest, account, address, day, last_s, count) VALUES (1, ?1, ?2, '', 1, ?3, 1)", M1,
	   "me", NOW - 91 * DAY);
	DO(b, "INSERT INTO pull (repo_id, digest, account, address, day, last_s, count) VALUES (1, ?1, ?2, '', 2, ?3, 1)", M1,
	   "me", NOW - 89 * DAY);
	struct store_keep_counts n = keep_with(b, RULES);
	assert_int_equal(n.links, 1);
	assert_int_equal(count(b, "SELECT count(*) FROM pull", NULL, NULL), 1);
	DO(b, "DELETE FROM repo_manifest");
	DO(b, "DELETE FROM tag");
	os_set_now(NOW + DAY);
	keep_with(b, RULES);
	assert_int_equal(count(b, "SELECT count(*) FROM verdict", NULL, NULL) + count(b, "SELECT count(*) FROM manifest", NULL,
										      NULL), 0);
}

static void lease(void **state)
{
	struct bench *b = *state;
	struct store_keep_counts n;
	struct err e = { 0 };
	char other[200];
	snprintf(other, sizeof(other), "%llu 1/1 elsewhere them", (unsigned long long)store_now_ms());
	DO(b, "INSERT INTO setting (name, value) VALUES ('keeper', ?1)", other);
	assert_int_equal(store_keep_run(&b->s, &RULES, "here", &never, &n, &e), ERR_NOT_FOUND);
	snprintf(other, sizeof(other), "%llu 1/1 elsewhere them",
		 (unsigned long long)store_now_ms() - STORE_KEEP_LEASE_MS - 1000);
	DO(b, "UPDATE setting SET value = ?1 WHERE name = 'keeper'", other);
	assert_int_equal(store_keep_run(&b->s, &RULES, "here", &never, &n, &e), OK);
	assert_int_equal(count(b, "SELECT count(*) FROM setting WHERE name = 'keeper'", NULL, NULL), 0);
	/* of this machine, and alive, or another process with its number by now */
	AUTO_BUF boot = BUF(100);
	struct stat st;
	assert_true(os_read_file("/proc/sys/kernel/random/boot_id", &boot, &e) == OK && !stat("/proc/self/ns/pid", &st));
	snprintf(other, sizeof(other), "%llu %d/1 %.36s/%llu them", (unsigned long long)store_now_ms(), (int)getpid(),
		 buf_cstr(&boot), (unsigned long long)st.st_ino);
	DO(b, "INSERT INTO setting (name, value) VALUES ('keeper', ?1)", other);
	assert_int_equal(store_keep_run(&b->s, &RULES, "here", &never, &n, &e), OK);
	_Atomic bool stop = true;
	assert_int_equal(store_keep_run(&b->s, &RULES, "here", &stop, &n, &e), ERR_CANCELLED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { TEST(grace), TEST(untagged), TEST(tagged_again), TEST(refused), TEST(unpulled),
					    TEST(max_bytes), TEST(retention), TEST(strays),
					    TEST(rows), TEST(lease) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
