/* From a report to a verdict: the policy, then what people decided. */
#include "gate_inside.h"
#include "os.h"
#include <jansson.h>
#include <stdio.h>

enum { MOST_REASONS = 20, MOST_FINDINGS = 50, REASONS_BYTES = 64 << 10 };

static void put_reason(struct buf *b, struct slice rule, struct slice text, const char *decision, const struct slice_list *findings)
{
	buf_puts(b, b->n > 1 ? ",{\"rule\":\"" : "{\"rule\":\"");
	text_json_escape(b, rule);
	buf_puts(b, "\",\"text\":\"");
	text_json_escape(b, slice_upto(text, 1000));
	buf_printf(b, "\",\"decision\":\"%s\",\"findings\":[", decision);
	for (size_t i = 0; findings && i < findings->n && i < MOST_FINDINGS; i++) {
		buf_puts(b, i ? ",\"" : "\"");
		text_json_escape(b, findings->items[i]);
		buf_putc(b, '"');
	}
	buf_puts(b, "]}");
}

struct decided {
	const struct report *r;
	struct slice repository;
	struct arena *arena;
	struct store_decision revoke, approve;	/* id 0: none */
};

static enum err_code one_decision(void *arg, const struct store_decision *d, struct err *e)
{
	struct decided *s = arg;
	struct store_decision *to = slice_eqs(d->kind, "revoke") ? &s->revoke : slice_eqs(d->kind, "approve") ? &s->approve : NULL;
	if (!to || to->id || !slice_glob(d->repositories, s->repository))
		return OK;
	*to = *d;
	to->reason = arena_dup(s->arena, d->reason);
	to->findings = arena_dup(s->arena, d->findings);
	to->account = arena_dup(s->arena, d->account);
	return arena_ok(s->arena, "a decision", e);
}

static bool covers(json_t *list, const char *id)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (json_is_string(one) && !strcmp(json_string_value(one), id))
			return true;
	return false;
}

/* The gravest decision of what the approval does not cover (GATE.md 8). Incomplete inspections without a finding stay held. */
static enum decision uncovered(const struct report *r, struct slice findings)
{
	json_error_t why;
	json_t *list = json_loadb((const char *)findings.p, findings.n, 0, &why);
	enum decision worst = DECISION_ADMIT;
	bool any = false;
	for (size_t i = 0; i < r->findings.n; i++) {
		const struct finding *f = &r->findings.items[i];
		bool refuse = slice_eqs(f->disposition, "refuse"), hold = slice_eqs(f->disposition, "hold");
		if (!refuse && !hold)
			continue;
		any = true;
		if (covers(list, f->id))
			continue;
		enum decision one = refuse ? DECISION_REFUSE : DECISION_HOLD;
		worst = one > worst ? one : worst;
	}
	json_decref(list);
	/* Held because it is incomplete, without a finding that says so: the approval speaks of nothing that could cover it. */
	for (size_t i = 0; i < r->verdict.reasons.n; i++)
		if (!r->verdict.reasons.items[i].findings.n)
			worst = MAX(worst, r->verdict.reasons.items[i].decision);
	return any ? worst : DECISION_HOLD;
}

/* What refuses is approved, but something new holds (GATE.md 8). */
static void partly(struct judged *j, struct buf *reasons, const struct store_decision *d)
{
	put_reason(reasons, SL("approved"), SL("what was found since it was approved is not covered by that"), "hold", NULL);
	j->verdict.state = STATE_HELD;
	j->verdict.decision_id = d->id;
	if (d->until_s && (!j->verdict.expires_s || d->until_s < j->verdict.expires_s))
		j->verdict.expires_s = d->until_s;
}

static void by_person(struct judged *j, struct buf *reasons, const struct store_decision *d, enum store_state state, const char *what)
{
	char text[1400], who[160], why[1024];
	text_escape_to(who, sizeof(who), d->account);
	text_escape_to(why, sizeof(why), d->reason);
	snprintf(text, sizeof(text), "%s by %s: %s", what, who[0] ? who : "the operator", why);
	put_reason(reasons, slice_str(state == STATE_REFUSED ? "revoked" : "approved"), slice_str(text), state == STATE_REFUSED ? "refuse" : "admit", NULL);
	j->verdict.state = state;
	j->verdict.decision_id = d->id;
	if (d->until_s && (!j->verdict.expires_s || d->until_s < j->verdict.expires_s))
		j->verdict.expires_s = d->until_s;
}

static void put_policy_reasons(const struct report *r, struct buf *b)
{
	size_t shown = 0;
	for (int decision = DECISION_REFUSE; decision >= DECISION_ADMIT; decision--) {
		for (size_t i = 0; i < r->verdict.reasons.n && shown < MOST_REASONS; i++) {
			const struct verdict_reason *v = &r->verdict.reasons.items[i];
			if ((int)v->decision != decision)
				continue;
			put_reason(b, v->rule, v->text, decision_name(v->decision), &v->findings);
			shown++;
		}
	}
}

enum err_code gate_judge(struct gateway *g, struct sql_tx *tx, const struct policy_set *set, int64_t generation, int64_t repo_id, struct slice repository,
			 struct slice digest, struct report *r, struct arena *a, struct judged *ret, struct err *e)
{
	const struct config_repository *rule = config_repository_for(g->config, repository);
	const struct policy_item *item = policy_set_find(set, rule->policy);
	struct policy_options o = { .now_s = os_now_s() };
	struct decided d = { .r = r, .repository = repository, .arena = a };
	AUTO_BUF reasons = BUF(REASONS_BYTES);
	TRY(policy_apply(item->policy, r, &o, e));
	TRY(store_decisions(tx, digest, false, one_decision, &d, e));
	struct judged j = { .verdict = { .repo_id = repo_id, .digest = digest, .generation = generation, .decided_s = o.now_s,
					 .policy_digest = arena_dup(a, slice_str(item->digest)) } };
	if (r->verdict.expires.n && !os_parse_time(r->verdict.expires, &j.verdict.expires_s))
		return err_set(e, ERR_INTERNAL, 0, "a verdict ends at no time: %.*s", SLICE_ARG(r->verdict.expires));
	j.verdict.state = r->verdict.decision == DECISION_ADMIT ? STATE_ADMITTED : r->verdict.decision == DECISION_HOLD ? STATE_HELD : STATE_REFUSED;
	buf_putc(&reasons, '[');
	if (d.revoke.id) {
		by_person(&j, &reasons, &d.revoke, STATE_REFUSED, "revoked");
	} else if (d.approve.id && j.verdict.state != STATE_ADMITTED) {
		enum decision rest = uncovered(r, d.approve.findings);
		if (rest == DECISION_ADMIT)
			by_person(&j, &reasons, &d.approve, STATE_ADMITTED, "approved");
		else if (rest == DECISION_REFUSE)
			j.ended_decision = d.approve.id;
		else if (j.verdict.state == STATE_REFUSED)
			partly(&j, &reasons, &d.approve);
	}
	put_policy_reasons(r, &reasons);
	buf_putc(&reasons, ']');
	TRY(buf_ok(&reasons, "a verdict's reasons", e));
	j.verdict.reasons = arena_dup(a, buf_slice(&reasons));
	TRY(arena_ok(a, "a verdict", e));
	*ret = j;
	return OK;
}

void gate_reason_text(struct slice text, struct buf *out)
{
	json_error_t why;
	json_t *list = json_loadb((const char *)text.p, text.n, 0, &why), *one;
	size_t i, shown = 0;
	const char *gravest = NULL;
	json_array_foreach(list, i, one) {
		const char *decision = json_string_value(json_object_get(one, "decision")), *sentence = json_string_value(json_object_get(one, "text"));
		if (!decision || !sentence || (gravest && strcmp(decision, gravest)) || shown == 3)
			continue;
		gravest = decision;
		buf_puts(out, shown++ ? "; " : "");
		text_escape(out, slice_upto(slice_str(sentence), 160));
	}
	json_decref(list);
}

/* --- Storing ----------------------------------------------------------------------------------------------------------- */

static bool judged_state(enum store_state s) { return s == STATE_ADMITTED || s == STATE_REFUSED || s == STATE_HELD; }

static enum err_code pullers(struct sql_tx *tx, const struct store_verdict *v, struct buf *b, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT account, address, max(last_s) FROM pull WHERE repo_id = ?1 AND digest = ?2 GROUP BY account, address"
		      " ORDER BY 3 DESC LIMIT 100", "it", v->repo_id, v->digest));
	buf_puts(b, ",\"pulled_by\":[");
	for (size_t n = 0;; n++) {
		char when[21];
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		os_format_time((uint64_t)sql_int(rows, 2), when);
		buf_puts(b, n ? ",{\"account\":\"" : "{\"account\":\"");
		text_json_escape(b, sql_text(rows, 0));
		buf_puts(b, "\",\"address\":\"");
		text_json_escape(b, sql_text(rows, 1));
		buf_printf(b, "\",\"last\":\"%s\"}", when);
	}
	buf_putc(b, ']');
	return OK;
}

static enum err_code tell(struct gateway *g, struct sql_tx *tx, struct slice repository, const struct store_verdict *old, const struct judged *j, struct err *e)
{
	const struct store_verdict *v = &j->verdict;
	bool withdrawn = old && old->state == STATE_ADMITTED && v->state != STATE_ADMITTED;
	AUTO_BUF b = BUF(128 << 10);
	AUTO_BUF type = BUF(64);
	buf_printf(&type, "verdict.%s", withdrawn ? "withdrawn" : store_state_name(v->state));
	buf_puts(&b, "{\"repository\":\"");
	text_json_escape(&b, repository);
	buf_printf(&b, "\",\"digest\":\"%.*s\",\"state\":\"%s\",\"was\":\"%s\",\"policy\":\"%.*s\",\"generation\":%lld,\"reasons\":", SLICE_ARG(v->digest),
		   store_state_name(v->state), old ? store_state_name(old->state) : "unknown", SLICE_ARG(v->policy_digest), (long long)v->generation);
	buf_put_slice(&b, v->reasons.n ? v->reasons : SL("[]"));
	if (withdrawn)
		TRY(pullers(tx, v, &b, e));
	buf_putc(&b, '}');
	TRY(buf_ok(&b, "an event", e));
	TRY(event_put(g, tx, buf_cstr(&type), repository, v->digest, buf_slice(&b), e));
	return audit_put(g, tx, NULL, buf_cstr(&type), e, "ztztztzi", "repository", repository, "digest", v->digest, "policy", v->policy_digest, "generation",
			 v->generation);
}

enum err_code gate_store_verdict(struct gateway *g, struct sql_tx *tx, struct slice repository, const struct store_verdict *old, const struct judged *j,
				 struct err *e)
{
	const struct store_verdict *v = &j->verdict;
	TRY(store_verdict_put(tx, v, e));
	if (j->ended_decision) {
		TRY(store_decision_end(tx, j->ended_decision, "a new finding that refuses is not covered", e));
		TRY(audit_put(g, tx, NULL, "approval.ended", e, "ztztzi", "repository", repository, "digest", v->digest, "decision", j->ended_decision));
		TRY(event_put(g, tx, "approval.ended", repository, v->digest, SL("{}"), e));
	}
	if (judged_state(v->state) && (!old || old->state != v->state))
		TRY(tell(g, tx, repository, old, j, e));
	if (v->state == STATE_ADMITTED && (!old || old->state != STATE_ADMITTED))
		TRY(gate_promote(g, tx, v->repo_id, repository, v->digest, e));
	return sql_announce(tx, e);
}
