/* What people decide: approvals, revocations, waivers, judging again. */
#include "gate_inside.h"
#include "os.h"
#include "report_store.h"
#include "store_content.h"
#include <stdio.h>

enum { MOST_ROWS = 1000, DEFAULT_APPROVE_S = 90 * 86400 };

struct decide {
	struct gateway *g;
	const struct access_subject *who;
	const struct gate_decision_request *q;
	const char *kind;
	struct arena *arena;
	int64_t id;
	struct target { int64_t repo_id; struct slice repository; bool index; } *items;	/* repositories that hold the digest and match */
	size_t n, cap;
};

static struct slice who_name(const struct access_subject *who) { return slice_str(who->socket && !who->name[0] ? "operator" : who->name); }

static enum err_code find_targets(struct sql_tx *tx, struct decide *d, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	d->items = NULL;
	d->n = d->cap = 0;
	TRY(sql_query(tx, &rows, e, "SELECT r.id, r.name, m.kind FROM repo_manifest p JOIN repo r ON r.id = p.repo_id JOIN manifest m ON m.digest = p.digest"
		      " WHERE p.digest = ?1 ORDER BY r.name", "t", d->q->digest));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		if (!slice_glob(d->q->repositories, sql_text(rows, 1)))
			continue;
		if (d->n == MOST_ROWS)
			return err_set(e, ERR_LIMIT, 0, "the digest is in more than %d matching repositories; name fewer", MOST_ROWS);
		struct target *t = arena_push(d->arena, &d->items, &d->n, &d->cap, sizeof(*t));
		if (t)
			*t = (struct target){ sql_int(rows, 0), arena_dup(d->arena, sql_text(rows, 1)), sql_int(rows, 2) == STORE_INDEX };
		TRY(arena_ok(d->arena, "a list of repositories", e));
	}
}

/* The ids of what refuses and holds now, in all targets: what the approval covers. */
static enum err_code covered(struct sql_tx *tx, struct decide *d, struct buf *out, struct err *e)
{
	struct policy_set *set = gate_policies(d->g);
	enum err_code code = OK;
	size_t inspected = 0, put = 0;
	buf_putc(out, '[');
	for (size_t i = 0; code == OK && i < d->n; i++) {
		AUTO_ARENA a = ARENA(256 << 20);
		struct report r = { 0 };
		struct slice body;
		struct err why = { 0 };
		struct policy_options o = { .now_s = os_now_s() };
		code = store_report_get(tx, d->items[i].repo_id, d->q->digest, &a, &body, &why);
		if (code == ERR_NOT_FOUND) {
			code = OK;
			continue;
		}
		if (code != OK || (code = report_decode(body, &a, &r, &why)) != OK ||
		    (code = policy_apply(policy_set_find(set, config_repository_for(d->g->config, d->items[i].repository)->policy)->policy, &r, &o, &why)) != OK) {
			*e = why;
			break;
		}
		inspected++;
		for (size_t k = 0; k < r.findings.n; k++)
			if (slice_eqs(r.findings.items[k].disposition, "refuse") || slice_eqs(r.findings.items[k].disposition, "hold"))
				buf_printf(out, "%s\"%s\"", put++ ? "," : "", r.findings.items[k].id);
	}
	buf_putc(out, ']');
	policy_set_release(set);
	if (code != OK)
		return code;
	if (!inspected)
		return err_set(e, ERR_NOT_FOUND, 0, "it was not inspected yet, so there is nothing to approve; pull it or use `pabean fetch` first");
	return buf_ok(out, "the findings that are approved", e);
}

static enum err_code record(struct sql_tx *tx, struct decide *d, struct slice findings, struct err *e)
{
	const struct gate_decision_request *q = d->q;
	struct store_decision row = { .kind = slice_str(d->kind), .repositories = q->repositories, .digest = q->digest, .findings = findings, .waiver = q->waiver.n ? q->waiver : SL(""),
				      .reason = q->reason, .account = who_name(d->who), .until_s = q->until_s };
	char type[40];
	AUTO_BUF body = BUF(16 << 10);
	TRY(store_decision_add(tx, &row, &d->id, e));
	snprintf(type, sizeof(type), "decision.%s", d->kind);
	TRY(audit_put(d->g, tx, d->who, type, e, "ztztztzizi", "repositories", q->repositories, "digest", q->digest, "reason", q->reason, "decision", d->id, "until",
		      (int64_t)q->until_s));
	buf_printf(&body, "{\"decision\":%lld,\"by\":\"", (long long)d->id);
	text_json_escape(&body, row.account);
	buf_puts(&body, "\",\"reason\":\"");
	text_json_escape(&body, slice_upto(q->reason, 2000));
	buf_puts(&body, "\"}");
	TRY(buf_ok(&body, "an event", e));
	TRY(event_put(d->g, tx, type, q->repositories, q->digest, buf_slice(&body), e));
	return sql_announce(tx, e);
}

static enum err_code approve_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decide *d = arg;
	AUTO_BUF findings = BUF(4 << 20);
	TRY(find_targets(tx, d, e));
	if (!d->n)
		return err_set(e, ERR_NOT_FOUND, 0, "no such manifest in these repositories");
	TRY(covered(tx, d, &findings, e));
	return record(tx, d, buf_slice(&findings), e);
}

static void revoked_text(struct slice who, struct slice reason, struct buf *out)
{
	buf_puts(out, "[{\"rule\":\"revoked\",\"text\":\"revoked by ");
	text_json_escape(out, who);
	buf_puts(out, ": ");
	text_json_escape(out, slice_upto(reason, 1000));
	buf_puts(out, "\",\"decision\":\"refuse\",\"findings\":[]}]");
}

struct revocations { struct slice repository; struct arena *arena; struct store_decision d; };

/* The one that lasts longest. */
static enum err_code one_revocation(void *arg, const struct store_decision *d, struct err *e)
{
	struct revocations *k = arg;
	bool longer = !k->d.id || (k->d.until_s && (!d->until_s || d->until_s > k->d.until_s));
	if (!slice_eqs(d->kind, "revoke") || !slice_glob(d->repositories, k->repository) || !longer)
		return OK;
	k->d = *d;
	k->d.account = arena_dup(k->arena, d->account);
	k->d.reason = arena_dup(k->arena, d->reason);
	return arena_ok(k->arena, "a decision", e);
}

enum err_code gate_revoked_index(struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, int64_t generation, struct err *e)
{
	AUTO_ARENA a = ARENA(MIB);
	AUTO_BUF reasons = BUF(16 << 10);
	struct revocations k = { .repository = repository, .arena = &a };
	TRY(store_decisions(tx, digest, false, one_revocation, &k, e));
	if (!k.d.id)
		return sql_run(tx, NULL, e, "DELETE FROM verdict WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest);
	revoked_text(k.d.account, k.d.reason, &reasons);
	TRY(buf_ok(&reasons, "a verdict's reasons", e));
	struct store_verdict v = { .repo_id = repo_id, .digest = digest, .state = STATE_REFUSED, .generation = generation, .policy_digest = SL(""), .reasons = buf_slice(&reasons),
				   .decided_s = os_now_s(), .decision_id = k.d.id, .expires_s = k.d.until_s };
	return store_verdict_put(tx, &v, e);
}

/* An index that is revoked gets a verdict of its own, which its own row remembers. */
static enum err_code revoke_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decide *d = arg;
	AUTO_BUF reasons = BUF(16 << 10);
	TRY(find_targets(tx, d, e));
	if (!d->n)
		return err_set(e, ERR_NOT_FOUND, 0, "no such manifest in these repositories");
	TRY(record(tx, d, SL("[]"), e));
	revoked_text(who_name(d->who), d->q->reason, &reasons);
	TRY(buf_ok(&reasons, "a verdict's reasons", e));
	for (size_t i = 0; i < d->n; i++) {
		struct judged j = { .verdict = { .repo_id = d->items[i].repo_id, .digest = d->q->digest, .state = STATE_REFUSED, .generation =
						 atomic_load(&d->g->gate->generation), .policy_digest = SL(""), .reasons = buf_slice(&reasons),
						 .decided_s = os_now_s(), .decision_id = d->id, .expires_s = d->q->until_s } };
		struct store_verdict old;
		enum err_code code = store_verdict_get(tx, d->items[i].repo_id, d->q->digest, d->arena, &old, e);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
		TRY(gate_store_verdict(d->g, tx, d->items[i].repository, code == OK ? &old : NULL, &j, e));
		/* It may be revoked already, and for longer. */
		if (d->items[i].index)
			TRY(gate_revoked_index(tx, d->items[i].repo_id, d->items[i].repository, d->q->digest, j.verdict.generation, e));
	}
	return OK;
}

static enum err_code waive_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct decide *d = arg;
	struct store_generation now;
	TRY(record(tx, d, SL("[]"), e));
	TRY(store_generation_get(tx, d->arena, &now, e));
	now.waivers++;
	return store_generation_add(tx, &now, d->g->node, &now.number, e);
}

static enum err_code check(struct gateway *g, const struct gate_decision_request *q, bool end_needed, struct err *e)
{
	uint64_t now = os_now_s(), most = g->config->approve_max_s ? g->config->approve_max_s : DEFAULT_APPROVE_S;
	if (!slice_trim(q->reason).n)
		return err_set(e, ERR_USAGE, 0, "a reason is needed (--reason): it stands in the audit log");
	if (q->reason.n > 4000 || q->repositories.n > 512)
		return err_set(e, ERR_USAGE, 0, "the reason or the pattern of repositories is too long");
	if (end_needed && !q->until_s)
		return err_set(e, ERR_USAGE, 0, "an end is needed (--until DATE), at most %llu days away", (unsigned long long)(most / 86400));
	if (q->until_s && q->until_s <= now)
		return err_set(e, ERR_USAGE, 0, "--until lies in the past");
	if (end_needed && q->until_s > now + most)
		return err_set(e, ERR_USAGE, 0, "--until may be at most %llu days away (approve_max)", (unsigned long long)(most / 86400));
	return OK;
}

static enum err_code judge_targets(struct decide *d, struct err *e)
{
	for (size_t i = 0; i < d->n; i++) {
		bool queued;
		if (d->items[i].index)
			continue;
		enum err_code code = gate_judge_again(d->g, d->items[i].repo_id, d->items[i].repository, d->q->digest, false, &queued, e);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
	}
	return OK;
}

enum err_code gate_approve(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e)
{
	AUTO_ARENA a = ARENA(16 << 20);
	struct decide d = { .g = g, .who = who, .q = q, .kind = "approve", .arena = &a };
	TRY(check(g, q, true, e));
	TRY(sql_write(g->store.sql, approve_tx, &d, e));
	TRY(judge_targets(&d, e));
	atomic_fetch_add(&g->changes, 1);	/* what is remembered here is void at once, before the announcement comes round */
	*ret_id = d.id;
	return OK;
}

enum err_code gate_revoke(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e)
{
	AUTO_ARENA a = ARENA(16 << 20);
	struct decide d = { .g = g, .who = who, .q = q, .kind = "revoke", .arena = &a };
	TRY(check(g, q, false, e));
	TRY(sql_write(g->store.sql, revoke_tx, &d, e));
	atomic_fetch_add(&g->changes, 1);	/* what is remembered here is void at once, before the announcement comes round */
	*ret_id = d.id;
	return OK;
}

enum err_code gate_waive(struct gateway *g, const struct access_subject *who, const struct gate_decision_request *q, int64_t *ret_id, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct gate_decision_request of_all = *q;
	struct decide d = { .g = g, .who = who, .q = &of_all, .kind = "waive", .arena = &a };
	struct policy_set *set;
	of_all.digest = SLICE_NULL;	/* the waiver itself says what it is about, and waivers are found by that */
	TRY(check(g, q, true, e));
	/* A waiver that does not parse would stop every judgement. */
	if (policy_set_load(g, q->waiver, &set, e) != OK)
		return err_prefix(e, "this is no waiver");
	policy_set_release(set);
	TRY(sql_write(g->store.sql, waive_tx, &d, e));
	*ret_id = d.id;
	return gate_refresh(g, false, e);
}

/* --- Ending, judging again ------------------------------------------------------------------------------------------------------- */

struct ending { struct decide d; int64_t id; struct slice reason; struct store_decision row; bool found; };

static enum err_code one(void *arg, const struct store_decision *d, struct err *e)
{
	struct ending *k = arg;
	if (d->ended_s)
		return OK;
	k->found = true;
	k->row = *d;
	k->row.kind = arena_dup(k->d.arena, d->kind);
	k->row.repositories = arena_dup(k->d.arena, d->repositories);
	k->row.digest = arena_dup(k->d.arena, d->digest);
	return arena_ok(k->d.arena, "a decision", e);
}

static enum err_code end_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct ending *k = arg;
	struct store_generation now;
	char why[400];
	k->found = false;
	TRY(store_decision_get(tx, k->id, one, k, e));
	if (!k->found)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no decision %lld in force", (long long)k->id);
	snprintf(why, sizeof(why), "%.*s", (int)MIN(k->reason.n, (size_t)390), (const char *)k->reason.p);
	TRY(store_decision_end(tx, k->id, why, e));
	TRY(audit_put(k->d.g, tx, k->d.who, "decision.ended", e, "ziztzt", "decision", k->id, "kind", k->row.kind, "reason", k->reason));
	TRY(event_put(k->d.g, tx, "decision.ended", k->row.repositories, k->row.digest, SL("{}"), e));
	if (slice_eqs(k->row.kind, "waive")) {
		TRY(store_generation_get(tx, k->d.arena, &now, e));
		now.waivers++;
		TRY(store_generation_add(tx, &now, k->d.g->node, &now.number, e));
	} else {
		k->d.q = &(struct gate_decision_request){ .repositories = k->row.repositories, .digest = k->row.digest };
		TRY(find_targets(tx, &k->d, e));
		for (size_t i = 0; i < k->d.n; i++)
			if (k->d.items[i].index)
				TRY(gate_revoked_index(tx, k->d.items[i].repo_id, k->d.items[i].repository, k->row.digest, atomic_load(&k->d.g->gate->generation), e));
	}
	return sql_announce(tx, e);
}

enum err_code gate_end_decision(struct gateway *g, const struct access_subject *who, int64_t id, struct slice reason, struct err *e)
{
	AUTO_ARENA a = ARENA(16 << 20);
	struct ending k = { .d = { .g = g, .who = who, .arena = &a }, .id = id, .reason = reason };
	if (!slice_trim(reason).n)
		return err_set(e, ERR_USAGE, 0, "a reason is needed (--reason): it stands in the audit log");
	TRY(sql_write(g->store.sql, end_tx, &k, e));
	atomic_fetch_add(&g->changes, 1);	/* what is remembered here is void at once, before the announcement comes round */
	if (slice_eqs(k.row.kind, "waive"))
		return gate_refresh(g, false, e);
	struct gate_decision_request q = { .digest = k.row.digest };
	k.d.q = &q;
	return judge_targets(&k.d, e);
}

struct rejudge_all {
	struct gateway *g;
	const struct access_subject *who;
	struct slice repositories, digest;
	struct arena *arena;
	struct item { int64_t repo_id; struct slice repository, digest; } *items;
	size_t n, cap;
	bool inspect;
};

static enum err_code list_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rejudge_all *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	k->items = NULL;
	k->n = k->cap = 0;
	TRY(sql_query(tx, &rows, e, "SELECT v.repo_id, r.name, v.digest FROM verdict v JOIN repo r ON r.id = v.repo_id JOIN manifest m ON m.digest = v.digest"
		      " WHERE (?1 = '' OR v.digest = ?1) AND m.kind <> 1 ORDER BY v.repo_id, v.digest", "t", k->digest));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		if (!slice_glob(k->repositories, sql_text(rows, 1)))
			continue;
		struct item *to = arena_push(k->arena, &k->items, &k->n, &k->cap, sizeof(*to));
		if (to)
			*to = (struct item){ sql_int(rows, 0), arena_dup(k->arena, sql_text(rows, 1)), arena_dup(k->arena, sql_text(rows, 2)) };
		TRY(arena_ok(k->arena, "a list of verdicts", e));
	}
}

static enum err_code note_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rejudge_all *k = arg;
	TRY(audit_put(k->g, tx, k->who, "rejudge", e, "ztztzi", "repositories", k->repositories, "digest", k->digest, "n", (int64_t)k->n));
	for (size_t i = 0; k->inspect && i < k->n; i++)
		TRY(store_job_put(tx, "inspect", k->items[i].repo_id, k->items[i].digest, 6, who_name(k->who), true, e));
	return sql_announce(tx, e);
}

enum err_code gate_rejudge(struct gateway *g, const struct access_subject *who, struct slice repositories, struct slice digest, bool inspect, uint64_t *ret_n, struct err *e)
{
	AUTO_ARENA a = ARENA(128 << 20);
	struct rejudge_all k = { .g = g, .who = who, .repositories = repositories, .digest = digest, .arena = &a, .inspect = inspect };
	TRY(sql_read(g->store.sql, list_tx, &k, e));
	TRY(sql_write(g->store.sql, note_tx, &k, e));
	for (size_t i = 0; !inspect && i < k.n; i++) {
		bool queued;
		enum err_code code = gate_judge_again(g, k.items[i].repo_id, k.items[i].repository, k.items[i].digest, false, &queued, e);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
	}
	*ret_n = k.n;
	return OK;
}
