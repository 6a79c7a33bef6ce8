/* What is known of a manifest, recursively for indexes, and the tags that follow from it (GATE.md 3, 4, 5, 7). */
#include "gate_fixture.h"

static void one_image(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", .name = "one");
	assert_int_equal(p.code, OK);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_WAIT);
	assert_int_equal(count(b, "SELECT count(*) FROM job WHERE digest = ?1", p.digest, NULL), 1);
	assert_int_equal(look(b, "a/b", "sha256:00").view.result, GATE_ABSENT);
	assert_int_equal(INSPECTED("a/b", p.digest, CLEAN), STATE_ADMITTED);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_YES);
	/* The same digest under a dishonest name has a verdict of its own. */
	struct push q = PUSH("evil/openssl", .name = "one");
	assert_string_equal(p.digest, q.digest);
	assert_int_equal(look(b, "evil/openssl", q.digest).view.result, GATE_WAIT);
	assert_int_equal(INSPECTED("evil/openssl", q.digest, { "misleading" }), STATE_REFUSED);
	assert_int_equal(look(b, "evil/openssl", q.digest).view.result, GATE_REFUSED);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_YES);
	/* Failed: waits; given up: held, never admitted. */
	change(b, "UPDATE verdict SET state = 6, attempts = 3 WHERE digest = ?1", p.digest, NULL);
	assert_true(look(b, "a/b", p.digest).view.result == GATE_WAIT && look(b, "a/b", p.digest).view.failed);
	change(b, "UPDATE verdict SET attempts = 65535 WHERE digest = ?1", p.digest, NULL);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_HELD);
}

static void old_verdicts(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", .name = "one");
	INSPECTED("a/b", p.digest, CLEAN);
	change(b, "UPDATE verdict SET generation = generation - 1", NULL, NULL);
	assert_true(look(b, "a/b", p.digest).view.result == GATE_WAIT && look(b, "a/b", p.digest).stale == 1);
	/* one that claims to be newer than what this node judges by is no answer either */
	change(b, "UPDATE verdict SET generation = generation + 2", NULL, NULL);
	assert_true(look(b, "a/b", p.digest).view.result == GATE_WAIT && look(b, "a/b", p.digest).stale == 1);
	change(b, "UPDATE verdict SET generation = generation - 1, expires_s = 1900000010", NULL, NULL);
	assert_true(look(b, "a/b", p.digest).view.result == GATE_YES && look(b, "a/b", p.digest).view.expires_s == NOW + 10);
	os_set_now(NOW + 10);
	assert_true(look(b, "a/b", p.digest).view.result == GATE_WAIT && look(b, "a/b", p.digest).stale == 1);
	os_set_now(NOW);
	/* Its content was let go: to be pushed, or fetched, again. */
	change(b, "UPDATE repo_manifest SET gone_s = 1", NULL, NULL);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_HELD);
	struct push u = PUSH("up/b", .name = "two", .upstream = true);
	INSPECTED("up/b", u.digest, CLEAN);
	change(b, "UPDATE repo_manifest SET gone_s = 1", NULL, NULL);
	assert_true(look(b, "up/b", u.digest).view.result == GATE_WAIT && look(b, "up/b", u.digest).missing == 1);
}

static void indexes(void **state)
{
	struct bench *b = *state;
	struct push amd = PUSH("some/x", .name = "amd"), arm = PUSH("some/x", .name = "arm"), arm8 = PUSH("some/x", .name = "arm8"), s390 = PUSH("some/x", .name = "s390"),
		    att = PUSH("some/x", .name = "att");
	struct push i = PUSH("some/x", .name = "i", .index = true, .children = { { amd.digest, "linux/amd64" }, { arm8.digest, "linux/arm64/v8" },
			     { s390.digest, "linux/s390x" }, { att.digest, "unknown/unknown" } });
	assert_int_equal(i.code, OK);
	assert_int_equal(look(b, "some/x", i.digest).view.result, GATE_WAIT);
	INSPECTED("some/x", amd.digest, CLEAN);
	assert_int_equal(look(b, "some/x", i.digest).view.result, GATE_WAIT);	/* a variant of arm64 is of interest */
	INSPECTED("some/x", arm8.digest, CLEAN);
	assert_int_equal(look(b, "some/x", i.digest).view.result, GATE_YES);
	/* Others do not count, whatever is said of them, and are asked for on their own. */
	INSPECTED("some/x", s390.digest, { "malware" });
	INSPECTED("some/x", att.digest, { "malware" });
	assert_int_equal(look(b, "some/x", i.digest).view.result, GATE_YES);
	assert_int_equal(look(b, "some/x", s390.digest).view.result, GATE_REFUSED);
	/* Held, then refused: the graver one speaks. */
	INSPECTED("some/x", amd.digest, { "odd" });
	assert_int_equal(look(b, "some/x", i.digest).view.result, GATE_HELD);
	INSPECTED("some/x", arm8.digest, { "malware" });
	struct looking k = look(b, "some/x", i.digest);
	assert_int_equal(k.view.result, GATE_REFUSED);
	assert_string_equal(k.about, arm8.digest);
	assert_non_null(strstr(k.reasons, "malware"));
	/* None of a platform of interest: all count but attestations. */
	struct push none = PUSH("some/x", .name = "none", .index = true, .children = { { s390.digest, "linux/s390x" }, { att.digest, "unknown/unknown" } });
	assert_int_equal(look(b, "some/x", none.digest).view.result, GATE_REFUSED);
	INSPECTED("some/x", s390.digest, CLEAN);
	assert_int_equal(look(b, "some/x", none.digest).view.result, GATE_YES);
	/* Where no platform says what it is for, it counts, beside those of interest, too. */
	struct push bare = PUSH("some/x", .name = "bare", .index = true, .children = { { arm.digest, "linux/arm64" }, { att.digest, NULL } });
	INSPECTED("some/x", arm.digest, CLEAN);
	assert_int_equal(look(b, "some/x", bare.digest).view.result, GATE_REFUSED);
	/* A repository without platforms wants all. */
	struct push all1 = PUSH("all/x", .name = "amd"), all2 = PUSH("all/x", .name = "s390");
	struct push all = PUSH("all/x", .name = "i", .index = true, .children = { { all1.digest, "linux/amd64" }, { all2.digest, "linux/s390x" } });
	INSPECTED("all/x", all1.digest, CLEAN);
	assert_int_equal(look(b, "all/x", all.digest).view.result, GATE_WAIT);
	INSPECTED("all/x", all2.digest, CLEAN);
	assert_int_equal(look(b, "all/x", all.digest).view.result, GATE_YES);
}

static void nested(void **state)
{
	struct bench *b = *state;
	struct push leaf = PUSH("a/n", .name = "leaf"), last = leaf;
	char levels[8][140];
	INSPECTED("a/n", leaf.digest, CLEAN);
	for (int i = 0; i < 6; i++) {
		char name[8];
		snprintf(name, sizeof(name), "l%d", i);
		strcpy(levels[i], last.digest);
		last = PUSH("a/n", .name = name, .index = true, .children = { { levels[i], i ? NULL : "linux/amd64" } });
		struct looking k = look(b, "a/n", last.digest);
		if (i < 4)
			assert_true(last.code == OK && k.code == OK && k.view.result == GATE_YES);
		else
			assert_true(last.code == ERR_LIMIT || k.code == ERR_LIMIT);
		if (last.code != OK)
			break;
	}
	/* A child that is not here: from upstream it is fetched; nobody can wait for one that was deleted here. */
	struct push gone = PUSH("a/n", .name = "gone"), i = PUSH("a/n", .name = "i", .index = true, .children = { { gone.digest, "linux/amd64" } });
	INSPECTED("a/n", gone.digest, CLEAN);
	change(b, "DELETE FROM repo_manifest WHERE digest = ?1", gone.digest, NULL);
	struct looking k = look(b, "a/n", i.digest);
	assert_true(k.view.result == GATE_HELD && k.missing == 0 && strstr(k.reasons, "push"));
	struct push u = PUSH("up/n", .name = "i", .index = true, .upstream = true, .children = { { gone.digest, "linux/amd64" } });
	k = look(b, "up/n", u.digest);
	assert_int_equal(k.view.result, GATE_WAIT);
	assert_string_equal(k.first_missing, gone.digest);
}

/* Five small indexes that name each other's children many times over must not ask for millions of looks. */
static void multiplied(void **state)
{
	struct bench *b = *state;
	struct push leaf = PUSH("a/m", .name = "leaf"), l1[4], l2[4], l3[4];
	INSPECTED("a/m", leaf.digest, CLEAN);
	char name[16];
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "1-%d", i);
		l1[i] = PUSH("a/m", .name = name, .index = true, .children = { { leaf.digest, "linux/amd64" }, { leaf.digest, "linux/arm64" }, { leaf.digest, "linux/arm" },
			     { leaf.digest, "linux/386" }, { leaf.digest, "linux/s390x" }, { leaf.digest, "linux/riscv64" } });
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "2-%d", i);
		l2[i] = PUSH("a/m", .name = name, .index = true, .children = { { l1[0].digest, NULL }, { l1[1].digest, NULL }, { l1[2].digest, NULL }, { l1[3].digest, NULL } });
		assert_int_equal(l2[i].code, OK);
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "3-%d", i);
		l3[i] = PUSH("a/m", .name = name, .index = true, .children = { { l2[0].digest, NULL }, { l2[1].digest, NULL }, { l2[2].digest, NULL }, { l2[3].digest, NULL }, { l2[0].digest, NULL },
			     { l2[1].digest, NULL } });
	}
	struct push top = PUSH("a/m", .name = "top", .index = true, .children = { { l3[0].digest, NULL }, { l3[1].digest, NULL }, { l3[2].digest, NULL }, { l3[3].digest, NULL },
			       { l3[0].digest, NULL }, { l3[1].digest, NULL } });
	assert_int_equal(top.code, ERR_LIMIT);
	assert_int_equal(look(b, "a/m", l2[0].digest).code, OK);
}

/* --- Tags --------------------------------------------------------------------------------------------------------------------------- */

static void served(void **state)
{
	struct bench *b = *state;
	struct push one = PUSH("a/t", "1", "one");
	assert_string_equal(tag(b, "a/t", "1").pushed, one.digest);
	assert_string_equal(tag(b, "a/t", "1").served, "");
	INSPECTED("a/t", one.digest, CLEAN);
	assert_string_equal(tag(b, "a/t", "1").served, one.digest);
	/* A refused and a held push leave what is served alone. */
	struct push bad = PUSH("a/t", "1", "bad"), odd = PUSH("a/t", "1", "odd");
	INSPECTED("a/t", bad.digest, { "malware" });
	INSPECTED("a/t", odd.digest, { "odd" });
	assert_string_equal(tag(b, "a/t", "1").pushed, odd.digest);
	assert_string_equal(tag(b, "a/t", "1").served, one.digest);
	/* A withdrawn one stays what the tag says: it is refused, and nothing older comes back by itself. */
	struct push two = PUSH("a/t", "1", "two");
	INSPECTED("a/t", two.digest, CLEAN);
	assert_string_equal(tag(b, "a/t", "1").served, two.digest);
	INSPECTED("a/t", two.digest, { "malware" });
	assert_string_equal(tag(b, "a/t", "1").served, two.digest);
	assert_int_equal(look(b, "a/t", two.digest).view.result, GATE_REFUSED);
	assert_int_equal(events(b, "verdict.withdrawn"), 1);
	/* Without a gate the tag is served at once. */
	struct push free_one = PUSH("off/t", "1", "bad");
	assert_string_equal(tag(b, "off/t", "1").served, free_one.digest);
	/* What is admitted already needs no second look. */
	PUSH("a/t", "same", "one");
	assert_string_equal(tag(b, "a/t", "same").served, one.digest);
}

/* In order of acceptance, not of verdicts. */
static void order(void **state)
{
	struct bench *b = *state;
	struct push one = PUSH("a/t", "1", "one"), two = PUSH("a/t", "1", "two"), three = PUSH("a/t", "1", "three");
	INSPECTED("a/t", two.digest, CLEAN);	/* admitted, and no later one is */
	assert_string_equal(tag(b, "a/t", "1").served, two.digest);
	INSPECTED("a/t", one.digest, CLEAN);	/* late: an older push */
	assert_string_equal(tag(b, "a/t", "1").served, two.digest);
	INSPECTED("a/t", three.digest, { "malware" });
	assert_string_equal(tag(b, "a/t", "1").served, two.digest);
	assert_string_equal(tag(b, "a/t", "1").pushed, three.digest);
	assert_int_equal(events(b, "tag.rollback"), 0);
	/* What was pushed before the tag was deleted does not count for the one that was made anew. */
	struct push four = PUSH("a/t", "2", "four");
	change(b, "DELETE FROM tag WHERE name = '2'", NULL, NULL);
	change(b, "INSERT INTO tag_history (repo_id, name, digest, what, account, at_s) SELECT repo_id, name, digest, 3, '', 0 FROM tag_history WHERE name = '2'", NULL, NULL);
	struct push five = PUSH("a/t", "2", "five");
	INSPECTED("a/t", four.digest, CLEAN);
	assert_string_equal(tag(b, "a/t", "2").served, "");
	INSPECTED("a/t", five.digest, CLEAN);
	assert_string_equal(tag(b, "a/t", "2").served, five.digest);
}

static void rollback(void **state)
{
	struct bench *b = *state;
	static const char *const repos[] = { "a/r", "free/r" };
	for (int i = 0; i < 2; i++) {
		struct push one = PUSH(repos[i], "1", "one");
		INSPECTED(repos[i], one.digest, CLEAN);
		struct push two = PUSH(repos[i], "1", "two");
		INSPECTED(repos[i], two.digest, CLEAN);
		PUSH(repos[i], "1", "one");
		assert_string_equal(tag(b, repos[i], "1").pushed, one.digest);
		assert_string_equal(tag(b, repos[i], "1").served, i ? one.digest : two.digest);
		assert_int_equal(look(b, repos[i], one.digest).view.result, GATE_YES);	/* by its digest it stays */
	}
	assert_int_equal(events(b, "tag.rollback"), 1);
}

static void index_tags(void **state)
{
	struct bench *b = *state;
	struct push one = PUSH("a/i", .name = "one"), two = PUSH("a/i", .name = "two");
	struct push i = PUSH("a/i", "1", .name = "i", .index = true, .children = { { one.digest, "linux/amd64" }, { two.digest, "linux/arm64" } });
	INSPECTED("a/i", one.digest, CLEAN);
	assert_string_equal(tag(b, "a/i", "1").served, "");
	INSPECTED("a/i", two.digest, CLEAN);
	assert_string_equal(tag(b, "a/i", "1").served, i.digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_image, set_up, tear_down), cmocka_unit_test_setup_teardown(old_verdicts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(indexes, set_up, tear_down), cmocka_unit_test_setup_teardown(nested, set_up, tear_down),
		cmocka_unit_test_setup_teardown(multiplied, set_up, tear_down), cmocka_unit_test_setup_teardown(served, set_up, tear_down),
		cmocka_unit_test_setup_teardown(order, set_up, tear_down), cmocka_unit_test_setup_teardown(rollback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(index_tags, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
