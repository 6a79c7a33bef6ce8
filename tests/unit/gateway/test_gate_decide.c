/* What people decide, and what that does to verdicts (GATE.md 8). */
#include "gate_fixture.h"

static int64_t last_id;

static enum err_code approve(struct bench *b, const char *repositories, const char *digest, uint64_t until_s)
{
	struct err e = { 0 };
	struct gate_decision_request q = { .repositories = slice_str(repositories), .digest = slice_str(digest), .reason = SL("looked at it"), .until_s = until_s };
	return gate_approve(&b->g, &ann, &q, &last_id, &e);
}
static enum err_code undo(struct bench *b, const char *repositories, const char *digest, uint64_t until_s)
{
	struct err e = { 0 };
	struct gate_decision_request q = { .repositories = slice_str(repositories), .digest = slice_str(digest), .reason = SL("bad"), .until_s = until_s };
	return gate_revoke(&b->g, &ann, &q, &last_id, &e);
}
static enum err_code waive(struct bench *b, const char *yaml, uint64_t until_s)
{
	struct err e = { 0 };
	struct gate_decision_request q = { .repositories = SL("**"), .reason = SL("known"), .until_s = until_s, .waiver = slice_str(yaml) };
	return gate_waive(&b->g, &ann, &q, &last_id, &e);
}
static enum err_code end(struct bench *b, int64_t id)
{
	struct err e = { 0 };
	return gate_end_decision(&b->g, &ann, id, SL("enough"), &e);
}
static enum store_state state_of(struct bench *b, const char *repository, const char *digest) { return verdict(b, repository, digest).v.state; }
static void again(struct bench *b, const char *repository, const char *digest)
{
	struct stored k = verdict(b, repository, digest);
	bool queued;
	OK_(gate_judge_again(&b->g, k.v.repo_id, slice_str(repository), slice_str(digest), false, &queued, &e));
}

static void reasons(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", .name = "one");
	assert_int_equal(INSPECTED("a/b", p.digest, { "misuse", "odd" }), STATE_REFUSED);
	struct stored k = verdict(b, "a/b", p.digest);
	assert_non_null(strstr(k.reasons, "[{\"rule\":\"malware\",\"text\":\"It carries malware: misuse"));
	assert_non_null(strstr(k.reasons, "\"decision\":\"refuse\",\"findings\":[\""));
	assert_true(strstr(k.reasons, "\"rule\":\"odd\"") > strstr(k.reasons, "\"rule\":\"malware\""));
	assert_true(events(b, "verdict.refused") == 1 && audits(b, "verdict.refused") == 1);
	assert_true(k.v.generation > 0 && k.v.decided_s == NOW && !k.v.expires_s && !strncmp(k.policy, "sha256:", 7));
	AUTO_BUF text = BUF(KIB);
	gate_reason_text(slice_str(k.reasons), &text);
	assert_non_null(strstr(buf_cstr(&text), "It carries malware"));
	assert_null(strstr(buf_cstr(&text), "odd"));	/* only of the gravest kind */
	/* The same again is no event. */
	INSPECTED("a/b", p.digest, { "misuse", "odd" });
	assert_true(events(b, "verdict.refused") == 1 && verdict(b, "a/b", p.digest).v.seq == k.v.seq + 1);
	assert_int_equal(INSPECTED("a/b", p.digest, { NULL }, .incomplete = true), STATE_HELD);
}

static void approval(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one"), q = PUSH("c/d", "1", "one");
	assert_int_equal(approve(b, "a/*", p.digest, NOW + DAY), ERR_NOT_FOUND);	/* not inspected yet */
	INSPECTED("a/b", p.digest, { "m1", "odd1" });
	INSPECTED("c/d", q.digest, { "m1", "odd1" });
	assert_int_equal(approve(b, "a/*", p.digest, NOW + DAY), OK);
	int64_t id = last_id;
	struct stored k = verdict(b, "a/b", p.digest);
	assert_true(k.v.state == STATE_ADMITTED && k.v.decision_id == id && k.v.expires_s == NOW + DAY && strstr(k.reasons, "approved by ann: looked at it"));
	assert_string_equal(tag(b, "a/b", "1").served, p.digest);
	assert_int_equal(state_of(b, "c/d", q.digest), STATE_REFUSED);	/* another repository */
	assert_true(events(b, "decision.approve") == 1 && audits(b, "decision.approve") == 1 && count(b, "SELECT count(*) FROM decision", NULL, NULL) == 1);
	/* The same findings, or fewer, are covered; a new one that holds is held, and the approval stays. */
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1" }), STATE_ADMITTED);
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1", "odd1", "odd2" }), STATE_HELD);
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1", "odd1" }), STATE_ADMITTED);
	/* What could not be inspected this time is not what was approved. */
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1" }, .incomplete = true), STATE_HELD);
	assert_int_equal(events(b, "approval.ended"), 0);
	/* A new one that refuses ends it, for good. */
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1", "m2" }), STATE_REFUSED);
	assert_true(events(b, "approval.ended") == 1 && audits(b, "approval.ended") == 1);
	assert_int_equal(count(b, "SELECT count(*) FROM decision WHERE ended_s > 0 AND ended_why <> ''", NULL, NULL), 1);
	assert_int_equal(INSPECTED("a/b", p.digest, { "m1" }), STATE_REFUSED);
	assert_int_equal(end(b, id), ERR_NOT_FOUND);
}

static void approval_over(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one");
	INSPECTED("a/b", p.digest, { "m1" });
	assert_int_equal(approve(b, "a/b", p.digest, NOW + DAY), OK);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_YES);
	os_set_now(NOW + DAY);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_WAIT);	/* stale: no one is admitted by it any more */
	again(b, "a/b", p.digest);
	assert_true(state_of(b, "a/b", p.digest) == STATE_REFUSED && events(b, "verdict.withdrawn") == 1);
	/* Ended by a person. */
	assert_int_equal(approve(b, "a/b", p.digest, NOW + 2 * DAY), OK);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_ADMITTED);
	assert_int_equal(end(b, last_id), OK);
	assert_true(state_of(b, "a/b", p.digest) == STATE_REFUSED && events(b, "decision.ended") == 1 && audits(b, "decision.ended") == 1);
	os_set_now(NOW);
}

static void limits(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one");
	INSPECTED("a/b", p.digest, { "m1" });
	uint64_t most = b->c->approve_max_s ? b->c->approve_max_s : 90 * DAY;
	assert_int_equal(approve(b, "a/b", p.digest, 0), ERR_USAGE);
	assert_int_equal(approve(b, "a/b", p.digest, NOW), ERR_USAGE);
	assert_int_equal(approve(b, "a/b", p.digest, NOW + most + 1), ERR_USAGE);
	assert_int_equal(approve(b, "z/*", p.digest, NOW + 1), ERR_NOT_FOUND);
	assert_int_equal(waive(b, "- {finding: test.m1, reason: x}\n", NOW + most + 1), ERR_USAGE);
	assert_int_equal(waive(b, "- {finding: test.m1, reason: x}\n", 0), ERR_USAGE);
	assert_int_equal(undo(b, "a/b", p.digest, NOW - 1), ERR_USAGE);
	struct gate_decision_request q = { .repositories = SL("a/b"), .digest = slice_str(p.digest), .reason = SL(" \t"), .until_s = NOW + 1 };
	struct err e = { 0 };
	int64_t id;
	assert_int_equal(gate_approve(&b->g, &ann, &q, &id, &e), ERR_USAGE);
	assert_int_equal(count(b, "SELECT count(*) FROM decision", NULL, NULL), 0);
	assert_int_equal(approve(b, "a/b", p.digest, NOW + most), OK);
}

static void revocation(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one");
	INSPECTED("a/b", p.digest, { "m1" });
	assert_int_equal(waive(b, "- {finding: test.m1, reason: known}\n", NOW + DAY), OK);
	again(b, "a/b", p.digest);
	struct stored k = verdict(b, "a/b", p.digest);
	assert_int_equal(k.v.state, STATE_ADMITTED);
	assert_int_equal(approve(b, "a/b", p.digest, NOW + DAY), OK);
	assert_int_equal(undo(b, "**", p.digest, 0), OK);
	int64_t id = last_id;
	assert_true(state_of(b, "a/b", p.digest) == STATE_REFUSED && events(b, "verdict.withdrawn") == 1 && events(b, "decision.revoke") == 1);
	again(b, "a/b", p.digest);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_REFUSED);
	assert_int_equal(INSPECTED("a/b", p.digest, CLEAN), STATE_REFUSED);
	/* An approval given later does not lift it: the revocation is to be ended. */
	assert_int_equal(approve(b, "a/b", p.digest, NOW + DAY), OK);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_REFUSED);
	assert_int_equal(end(b, id), OK);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_ADMITTED);
	/* Before anybody inspected it. */
	struct push q = PUSH("a/b", "2", "two");
	assert_int_equal(undo(b, "a/b", q.digest, 0), OK);
	assert_int_equal(look(b, "a/b", q.digest).view.result, GATE_REFUSED);
	assert_int_equal(INSPECTED("a/b", q.digest, CLEAN), STATE_REFUSED);
}

static void index_revoked(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", .name = "one"), i = PUSH("a/b", "1", .name = "i", .index = true, .children = { { p.digest, "linux/amd64" } });
	INSPECTED("a/b", p.digest, CLEAN);
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_YES);
	assert_int_equal(undo(b, "a/b", i.digest, 0), OK);
	int64_t first = last_id;
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_REFUSED);
	assert_int_equal(look(b, "a/b", p.digest).view.result, GATE_YES);
	/* A second one, for a while only: neither its end nor its time lifts the first. */
	assert_int_equal(undo(b, "a/*", i.digest, NOW + 10), OK);
	os_set_now(NOW + 20);
	sweep(b);
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_REFUSED);
	os_set_now(NOW);
	assert_int_equal(undo(b, "a/*", i.digest, 0), OK);
	assert_int_equal(end(b, last_id), OK);
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_REFUSED);
	assert_int_equal(end(b, first), OK);
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_REFUSED);	/* the one for a while */
	os_set_now(NOW + 20);
	sweep(b);
	assert_int_equal(look(b, "a/b", i.digest).view.result, GATE_YES);
	os_set_now(NOW);
}

static void waiver(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one"), q = PUSH("c/d", "1", "one");
	INSPECTED("a/b", p.digest, { "m1" });
	INSPECTED("c/d", q.digest, { "m1" });
	int64_t before = atomic_load(&b->g.gate->generation);
	assert_int_equal(waive(b, "- {finding: [, reason: x}\n", NOW + DAY), ERR_USAGE);	/* would stop every judgement */
	assert_int_equal(waive(b, "- {finding: test.m1, image: \"registry.example/a/b*\", reason: known, until: 2030-03-18}\n", NOW + DAY), OK);
	assert_true(atomic_load(&b->g.gate->generation) > before && events(b, "decision.waive") == 1 && audits(b, "decision.waive") == 1);
	sweep(b);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_ADMITTED);
	assert_int_equal(state_of(b, "c/d", q.digest), STATE_REFUSED);
	assert_true(verdict(b, "a/b", p.digest).v.expires_s > NOW);	/* it ends with its waiver */
	assert_int_equal(end(b, last_id), OK);
	sweep(b);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_REFUSED);
}

/* Ten thousand decisions later an old one can still be ended, and an old waiver is still in force. */
static void many(void **state)
{
	struct bench *b = *state;
	struct push p = PUSH("a/b", "1", "one");
	INSPECTED("a/b", p.digest, { "m1" });
	assert_int_equal(waive(b, "- {finding: test.m1, reason: known}\n", NOW + DAY), OK);
	int64_t id = last_id;
	change(b, "INSERT INTO decision (kind, repositories, digest, findings, waiver, reason, account, created_s, until_s, ended_s, ended_why) WITH RECURSIVE n(i) AS (SELECT 1"
	       " UNION ALL SELECT i + 1 FROM n WHERE i < 10001) SELECT 'approve', 'x', 'sha256:0', '[]', '', '', '', 0, 0, 1, '' FROM n", NULL, NULL);
	OK_(gate_refresh(&b->g, true, &e));
	again(b, "a/b", p.digest);
	assert_int_equal(state_of(b, "a/b", p.digest), STATE_ADMITTED);
	assert_int_equal(end(b, id), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reasons, set_up, tear_down), cmocka_unit_test_setup_teardown(approval, set_up, tear_down),
		cmocka_unit_test_setup_teardown(approval_over, set_up, tear_down), cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(revocation, set_up, tear_down), cmocka_unit_test_setup_teardown(index_revoked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waiver, set_up, tear_down), cmocka_unit_test_setup_teardown(many, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
