/* Jobs, verdicts, reports, decisions, generations as rows: what workers and servers rely on. */
#include <stdint.h>
#include "keep_test.h"

#define DIGEST "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
#define OTHER "sha256:00000000000000000000000000000000000000000000000000000000000000bb"

struct ask {
	enum { PUT, LEASE, BEAT, DONE, FAILED, COUNT } what;
	const char *kind, *digest, *owner;
	int priority;
	bool again;
	int64_t repo, id;
	uint64_t ms;
	enum err_code code;
	struct store_job job;
	struct store_queue queue;
	struct arena arena;
};

static const char *const kinds[] = { "inspect", "export", NULL };

static enum err_code ask_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct ask *k = arg;
	struct err why = { 0 };
	switch (k->what) {
	case PUT:
		k->code = store_job_put(tx, k->kind ? k->kind : "inspect", k->repo, slice_str(k->digest), k->priority, SL("ann"), k->again, &why);
		break;
	case LEASE:
		k->code = store_job_lease(tx, kinds, k->owner, k->ms, &k->arena, &k->job, &why);
		break;
	case BEAT:
		k->code = store_job_heartbeat(tx, k->id, k->owner, k->ms, &why);
		break;
	case DONE:
		k->code = store_job_done(tx, k->id, k->owner, &why);
		break;
	case FAILED:
		k->code = store_job_failed(tx, k->id, k->owner, SL("it broke"), k->ms, &why);
		break;
	case COUNT:
		k->code = store_queue_count(tx, &k->queue, &why);
		break;
	}
	if (k->code != OK && k->code != ERR_NOT_FOUND)
		*e = why;
	return k->code == ERR_NOT_FOUND ? OK : k->code;
}

static struct arena arena;

static struct ask ask(struct bench *b, struct ask k)
{
	struct err e = { 0 };
	k.arena = arena;
	if (sql_write(b->s.sql, ask_tx, &k, &e) != OK)
		fail_msg("%s", e.msg);
	arena = k.arena;
	return k;
}
#define ASK(...) ask(b, (struct ask){ __VA_ARGS__ })

static void put(struct bench *b, const char *digest, int priority, bool again)
{
	assert_int_equal(ASK(.what = PUT, .repo = 1, .digest = digest, .priority = priority, .again = again).code, OK);
}

/* The job's id; 0: none was ready. */
static int64_t lease(struct bench *b, const char *owner, uint64_t ms, unsigned attempts)
{
	struct ask k = ASK(.what = LEASE, .owner = owner, .ms = ms);
	if (k.code == OK && attempts)
		assert_int_equal(k.job.attempts, attempts);
	return k.code == OK ? k.job.id : 0;
}

static void lease_ends(struct bench *b, int64_t id) { DO(b, "UPDATE job SET lease_until_ms = 1 WHERE id = ?3", .n = id); }
static void wait_ends(struct bench *b, int64_t id) { DO(b, "UPDATE job SET run_after_ms = 1 WHERE id = ?3", .n = id); }

/* One job a manifest and repository, however many ask; the most urgent goes first, and who asks more urgently raises it. */
static void queue(void **state)
{
	struct bench *b = *state;
	for (int i = 0; i < 5; i++)
		put(b, DIGEST, 5, false);
	put(b, OTHER, 7, false);
	ASK(.what = PUT, .repo = 2, .digest = DIGEST, .priority = 6);
	ASK(.what = PUT, .repo = 1, .digest = DIGEST, .priority = 100, .kind = "export");
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 4);
	put(b, DIGEST, 3, true);	/* never lowered */
	assert_int_equal(count(b, "SELECT priority FROM job WHERE repo_id = 1 AND kind = 'inspect' AND digest = ?1", DIGEST, NULL), 5);
	put(b, DIGEST, 8, false);
	struct ask first = ASK(.what = LEASE, .owner = "w1", .ms = 60000), second = ASK(.what = LEASE, .owner = "w2", .ms = 60000);
	assert_true(slice_eqs(first.job.digest, DIGEST) && first.job.repo_id == 1 && slice_eqs(first.job.account, "ann") && slice_eqs(first.job.kind, "inspect"));
	assert_true(slice_eqs(second.job.digest, OTHER));
	/* While it is leased nothing more comes of asking. */
	put(b, DIGEST, 9, true);
	assert_int_equal(ASK(.what = LEASE, .owner = "w3", .ms = 60000).job.repo_id, 2);
	assert_true(slice_eqs(ASK(.what = LEASE, .owner = "w3", .ms = 60000).job.kind, "export"));
	assert_int_equal(lease(b, "w3", 60000, 0), 0);
	struct ask n = ASK(.what = COUNT);
	assert_true(n.queue.waiting == 0 && n.queue.leased == 4 && n.queue.given_up == 0);
}

/* Who died gives the job back when the lease ends; if it lived after all, what it says counts no more. */
static void takeover(void **state)
{
	struct bench *b = *state;
	put(b, DIGEST, 5, false);
	int64_t id = lease(b, "w1", 60000, 1);
	assert_int_not_equal(id, 0);
	assert_int_equal(lease(b, "w2", 60000, 0), 0);
	lease_ends(b, id);
	assert_int_equal(ASK(.what = BEAT, .id = id, .owner = "w1", .ms = 60000).code, OK);	/* nobody took it: it goes on */
	assert_int_equal(lease(b, "w2", 60000, 0), 0);
	lease_ends(b, id);
	assert_int_equal(lease(b, "w2", 60000, 2), id);
	assert_int_equal(ASK(.what = BEAT, .id = id, .owner = "w1", .ms = 60000).code, ERR_NOT_FOUND);
	assert_int_equal(ASK(.what = DONE, .id = id, .owner = "w1").code, ERR_NOT_FOUND);
	assert_int_equal(ASK(.what = FAILED, .id = id, .owner = "w1", .ms = 0).code, ERR_NOT_FOUND);
	assert_int_equal(count(b, "SELECT count(*) FROM job WHERE state = 1 AND owner = 'w2'", NULL, NULL), 1);
	assert_int_equal(ASK(.what = DONE, .id = id, .owner = "w2").code, OK);
	assert_int_equal(ASK(.what = DONE, .id = id, .owner = "w2").code, ERR_NOT_FOUND);
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 0);
}

static void failures(void **state)
{
	struct bench *b = *state;
	put(b, DIGEST, 5, false);
	int64_t id = lease(b, "w1", 60000, 1);
	assert_int_equal(ASK(.what = FAILED, .id = id, .owner = "w1", .ms = 60000).code, OK);
	assert_int_equal(lease(b, "w1", 60000, 0), 0);		/* backs off */
	put(b, DIGEST, 5, false);
	assert_int_equal(lease(b, "w1", 60000, 0), 0);		/* asking alone does not hurry it */
	wait_ends(b, id);
	struct ask k = ASK(.what = LEASE, .owner = "w1", .ms = 60000);
	assert_true(k.job.id == id && k.job.attempts == 2 && slice_eqs(k.job.error, "it broke"));
	assert_int_equal(ASK(.what = FAILED, .id = id, .owner = "w1", .ms = UINT64_MAX).code, OK);
	assert_int_equal(ASK(.what = COUNT).queue.given_up, 1);
	assert_int_equal(lease(b, "w1", 60000, 0), 0);
	put(b, DIGEST, 5, false);
	assert_int_equal(lease(b, "w1", 60000, 0), 0);
	put(b, DIGEST, 5, true);				/* a person wants it again */
	assert_int_equal(lease(b, "w1", 60000, 1), id);
	/* What interrupted it was no fault of its own. */
	assert_int_equal(ASK(.what = FAILED, .id = id, .owner = "w1", .ms = 0).code, OK);
	assert_int_equal(lease(b, "w2", 60000, 1), id);
}

/* --- Verdicts and reports ------------------------------------------------------------------------------------------------------- */

struct row { struct store_verdict v, got; struct arena *arena; };

static enum err_code verdict_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct row *k = arg;
	TRY(store_verdict_put(tx, &k->v, e));
	return store_verdict_get(tx, k->v.repo_id, k->v.digest, k->arena, &k->got, e);
}

static enum err_code report_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct row *k = arg;
	struct slice body;
	if (store_report_get(tx, 3, SL(DIGEST), k->arena, &body, e) != ERR_NOT_FOUND)
		return err_set(e, ERR_INTERNAL, 0, "a report of nothing");
	TRY(store_report_put(tx, 3, SL(DIGEST), SL("a b"), slice_of("x\0y", 3), SL(""), SL(""), e));
	TRY(store_report_put(tx, 3, SL(DIGEST), SL("a c"), slice_of("\0", 1), SL("1234"), SL(""), e));
	TRY(store_report_get(tx, 3, SL(DIGEST), k->arena, &body, e));
	return slice_eq(body, slice_of("\0", 1)) ? OK : err_set(e, ERR_INTERNAL, 0, "another body");
}

static void verdicts(void **state)
{
	struct bench *b = *state;
	AUTO_ARENA a = ARENA(64 * KIB);
	struct err e = { 0 };
	struct row k = { .arena = &a, .v = { .repo_id = 3, .digest = SL(DIGEST), .state = STATE_HELD, .generation = 7, .policy_digest = SL("p"), .reasons = SL("[]"),
			 .expires_s = 9, .decided_s = 8, .decision_id = 6, .attempts = 5 } };
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(sql_write(b->s.sql, verdict_tx, &k, &e), OK);
		assert_int_equal(k.got.seq, i);		/* raised by every change */
	}
	assert_true(k.got.state == STATE_HELD && k.got.generation == 7 && k.got.expires_s == 9 && k.got.decided_s == 8 && k.got.decision_id == 6 && k.got.attempts == 5);
	assert_true(slice_eqs(k.got.policy_digest, "p") && slice_eqs(k.got.reasons, "[]") && slice_eqs(k.got.digest, DIGEST));
	k.v.repo_id = 4;	/* the same digest elsewhere has a verdict of its own */
	k.v.state = STATE_ADMITTED;
	assert_int_equal(sql_write(b->s.sql, verdict_tx, &k, &e), OK);
	assert_int_equal(k.got.seq, 1);
	assert_int_equal(count(b, "SELECT count(*) FROM verdict WHERE state = 5", NULL, NULL), 1);
	if (sql_write(b->s.sql, report_tx, &k, &e) != OK)
		fail_msg("%s", e.msg);
	for (int s = STATE_UNKNOWN; s <= STATE_FAILED; s++) {
		enum store_state back;
		assert_true(store_state_parse(slice_str(store_state_name((enum store_state)s)), &back) && (int)back == s);
	}
	enum store_state none;
	assert_false(store_state_parse(SL("Admitted"), &none) || store_state_parse(SL(""), &none));
	assert_string_equal(store_state_name((enum store_state)77), "unknown");
}

/* --- Decisions -------------------------------------------------------------------------------------------------------------------- */

struct decisions { struct store_decision d; int64_t id; const char *digest; bool ended_too; int64_t seen[16]; size_t n; char why[64]; };

static enum err_code on_decision(void *arg, const struct store_decision *d, struct err *e)
{
	struct decisions *k = arg;
	(void)e;
	if (k->n < ARRAY_LEN(k->seen))
		k->seen[k->n++] = d->id;
	snprintf(k->why, sizeof(k->why), "%.*s", SLICE_ARG(d->ended_why));
	return OK;
}
static enum err_code add_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decisions *k = arg;
	return store_decision_add(tx, &k->d, &k->id, e);
}
static enum err_code list_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decisions *k = arg;
	return store_decisions(tx, slice_str(k->digest), k->ended_too, on_decision, k, e);
}
static enum err_code end_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decisions *k = arg;
	return store_decision_end(tx, k->id, "enough", e);
}

static int64_t decide(struct bench *b, const char *kind, const char *digest, uint64_t until_s)
{
	struct err e = { 0 };
	struct decisions k = { .d = { .kind = slice_str(kind), .repositories = SL("a/*"), .digest = slice_str(digest), .findings = SL("[]"), .waiver = SL(""), .reason = SL("why"),
			       .account = SL("ann"), .until_s = until_s } };
	assert_int_equal(sql_write(b->s.sql, add_tx, &k, &e), OK);
	return k.id;
}
static struct decisions listed(struct bench *b, const char *digest, bool ended_too)
{
	struct err e = { 0 };
	struct decisions k = { .digest = digest, .ended_too = ended_too };
	assert_int_equal(sql_read(b->s.sql, list_tx, &k, &e), OK);
	return k;
}

static void decisions(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	int64_t one = decide(b, "approve", DIGEST, NOW + DAY), two = decide(b, "revoke", DIGEST, 0);
	decide(b, "revoke", OTHER, 0);
	struct decisions k = listed(b, DIGEST, false);
	assert_true(k.n == 2 && k.seen[0] == two && k.seen[1] == one);	/* the newest first */
	os_set_now(NOW + DAY);					/* at its end it is over */
	k = listed(b, DIGEST, false);
	assert_true(k.n == 1 && k.seen[0] == two);
	k.id = two;
	assert_int_equal(sql_write(b->s.sql, end_tx, &k, &e), OK);
	assert_int_equal(sql_write(b->s.sql, end_tx, &k, &e), ERR_NOT_FOUND);	/* ended once */
	assert_int_equal(listed(b, DIGEST, false).n, 0);
	k = listed(b, DIGEST, true);
	assert_true(k.n == 2 && k.seen[1] == one);
	assert_int_equal(listed(b, "", true).n, 3);
	os_set_now(NOW);
}

struct generations { struct store_generation g; struct arena *arena; int64_t number; };
static enum err_code generation_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct generations *k = arg;
	TRY(store_generation_get(tx, k->arena, &k->g, e));
	if (k->g.number)
		return err_set(e, ERR_INTERNAL, 0, "a generation before the first");
	for (int i = 0; i < 3; i++)
		TRY(store_generation_add(tx, &(struct store_generation){ .policies = SL("p"), .advisories = SL(""), .intel = SL("i"), .waivers = i }, "n1", &k->number, e));
	return store_generation_get(tx, k->arena, &k->g, e);
}
static void generations(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	AUTO_ARENA a = ARENA(4 * KIB);
	struct generations k = { .arena = &a };
	DO(b, "DELETE FROM generation");
	if (sql_write(b->s.sql, generation_tx, &k, &e) != OK)
		fail_msg("%s", e.msg);
	assert_true(k.g.number == k.number && k.g.waivers == 2 && slice_eqs(k.g.policies, "p") && slice_eqs(k.g.intel, "i") && !k.g.advisories.n);
}

static int begin(void **state)
{
	arena = ARENA(MIB);
	return set_up(state);
}
static int end(void **state)
{
	arena_free(&arena);
	return tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(queue, begin, end), cmocka_unit_test_setup_teardown(takeover, begin, end),
		cmocka_unit_test_setup_teardown(failures, begin, end), cmocka_unit_test_setup_teardown(verdicts, begin, end),
		cmocka_unit_test_setup_teardown(decisions, begin, end), cmocka_unit_test_setup_teardown(generations, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
