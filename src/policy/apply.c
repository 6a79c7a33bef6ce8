/* From findings to a verdict. */
#include "rules.h"
#include <stdio.h>
#include <stdlib.h>
#include "os.h"

enum { FAIL_ON, UNSEEN, FIRST_RULE };	/* slots of the groups before the policy's own rules */

/* What one rule gathered: the findings it decided. */
struct group { size_t n; struct slice_list ids; const struct finding *worst; };

struct judge {
	const struct policy *p;
	struct report *r;
	const struct policy_options *o;
	struct group *groups;		/* FIRST_RULE + rules */
	bool *told;			/* per waiver: its end was noted */
	uint64_t expires_s;
	struct err *e;
};

static enum err_code out_of_arena(struct judge *j) { return arena_ok(j->r->arena, "the verdict", j->e); }

enum err_code policy_fail_on_parse(struct slice text, struct policy_fail_on *ret, struct err *e)
{
	char word[80];
	enum finding_kind kind;
	struct slice rest = text, name = text;
	struct policy_fail_on f = { .kinds = 0, .severity = SEV_UNKNOWN };
	ptrdiff_t colon = slice_find_byte(text, ':');
	if (colon >= 0) {
		name = slice_upto(text, (size_t)colon);
		rest = slice_from(text, (size_t)colon + 1);
		if (!severity_parse(rest, &f.severity))
			return err_set(e, ERR_USAGE, 0, "'%s' is no severity; known are critical, high, medium, low, info, unknown",
				       text_escape_to(word, sizeof(word), rest));
	}
	if (finding_kind_parse(name, &kind))
		f.kinds = 1u << kind;
	else if (slice_eqs(name, "any"))
		f.kinds = (1u << KIND_COUNT) - 1;
	else
		return err_set(e, ERR_USAGE, 0, "'%s' is no kind of finding; write KIND:SEVERITY such as vulnerability:high, or any:critical",
			       text_escape_to(word, sizeof(word), name));
	*ret = f;
	return OK;
}

static bool fails_on(const struct judge *j, const struct finding *f)
{
	for (size_t i = 0; i < j->o->n_fail_on; i++)
		if ((j->o->fail_on[i].kinds & 1u << f->kind) && f->severity >= j->o->fail_on[i].severity)
			return true;
	return false;
}

static bool unfixed(const struct finding *f) { return f->kind == KIND_VULNERABILITY && !f->fixed_version.n; }

static enum err_code note(struct judge *j, struct slice text)
{
	struct slice *s = ARENA_PUSH(j->r->arena, &j->r->verdict.notes);
	if (!s || !text.p)
		return out_of_arena(j);
	*s = text;
	return OK;
}

/* The waiver that covers f, or NULL. Ones that have ended are told once each. */
static enum err_code find_waiver(struct judge *j, const struct finding *f, const struct waiver **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < j->p->waivers.n; i++) {
		const struct waiver *w = &j->p->waivers.items[i];
		if (!waiver_matches(w, j->r, f))
			continue;
		if (j->o->now_s <= w->until_s) {
			*ret = w;
			return OK;
		}
		if (j->told[i])
			continue;
		j->told[i] = true;
		struct slice what = w->findings.n ? w->findings.items[0] : w->packages.items[0];
		TRY(note(j, arena_printf(j->r->arena, "the waiver for %.*s%s%.*s ended %.*s and no longer applies (%.*s)", SLICE_ARG(what),
					 w->by.n ? " by " : "", SLICE_ARG(w->by), SLICE_ARG(w->until), SLICE_ARG(w->reason))));
	}
	return OK;
}

static enum err_code waive(struct judge *j, struct finding *f, const struct waiver *w)
{
	f->disposition = SL("ignore");
	f->waived_by = arena_printf(j->r->arena, "%.*s%s%.*s%s%.*s", SLICE_ARG(w->reason), w->by.n ? ", by " : "", SLICE_ARG(w->by),
				    w->until.n ? ", until " : "", SLICE_ARG(w->until));
	j->expires_s = MIN(j->expires_s, w->until_s);
	return f->waived_by.p ? OK : out_of_arena(j);
}

static enum err_code gather(struct judge *j, size_t slot, struct finding *f)
{
	struct group *g = &j->groups[slot];
	struct slice *id = ARENA_PUSH(j->r->arena, &g->ids);
	if (!id)
		return out_of_arena(j);
	*id = slice_str(f->id);
	if (!g->worst || f->severity > g->worst->severity)
		g->worst = f;
	g->n++;
	return OK;
}

static bool passes_display(const struct judge *j, const struct finding *f)
{
	return f->severity >= j->o->min_severity && (!j->o->kinds || (j->o->kinds & 1u << f->kind));
}

static enum err_code judge_finding(struct judge *j, struct finding *f)
{
	const struct waiver *w;
	f->disposition = f->waived_by = SLICE_NULL;
	f->shown = passes_display(j, f);
	if (j->o->ignore_unfixed && unfixed(f)) {
		f->disposition = SL("ignore");
		f->shown = f->shown && (f->exploited || slice_eqs(f->fix_state, "wont-fix"));
		return OK;
	}
	TRY(find_waiver(j, f, &w));
	if (w)
		return waive(j, f, w);
	if (fails_on(j, f)) {
		f->disposition = SL("refuse");
		return gather(j, FAIL_ON, f);
	}
	for (size_t i = 0; i < j->p->rules.n; i++) {
		const struct rule *rule = &j->p->rules.items[i];
		if (!when_matches(&rule->when, j->r, f, j->o->now_s))
			continue;
		f->disposition = slice_str(effect_name(rule->effect));
		if (rule->effect == EFFECT_IGNORE) {
			f->shown = false;
			return OK;
		}
		return gather(j, FIRST_RULE + i, f);
	}
	return OK;
}

/* "CVE-2024-1 in openssl 3.0.1", or the title and where. */
static void describe(struct buf *b, const struct finding *f)
{
	if (f->kind == KIND_VULNERABILITY && f->subject.n && f->package_name.n) {
		buf_put_slice(b, f->subject);
		buf_printf(b, " in %.*s %.*s", SLICE_ARG(f->package_name), SLICE_ARG(f->installed_version));
		return;
	}
	buf_put_slice(b, slice_upto(f->title, 300));
	struct slice path = f->evidence.n ? f->evidence.items[0].path : SLICE_NULL;
	bool place = path.n && !slice_has_prefix(path, SL("data:")) && !slice_has_prefix(path, SL("name:")) && !slice_has_prefix(path, SL("image:"));
	if (place && slice_find(f->title, path) < 0) {
		buf_puts(b, " in ");
		buf_put_slice(b, slice_upto(path, 300));
	}
}

static enum err_code add_reason(struct judge *j, const struct group *g, struct slice rule, struct slice because, enum effect effect)
{
	AUTO_BUF b = BUF(8 * KIB);
	enum decision d = effect == EFFECT_REFUSE ? DECISION_REFUSE : effect == EFFECT_HOLD ? DECISION_HOLD : DECISION_ADMIT;
	struct verdict *v = &j->r->verdict;
	if (because.n)
		buf_printf(&b, "%.*s", SLICE_ARG(because));
	else
		buf_printf(&b, "rule '%.*s' matched", SLICE_ARG(rule));
	if (g->worst) {
		buf_puts(&b, ": ");
		describe(&b, g->worst);
	}
	if (g->n > 1)
		buf_printf(&b, " and %zu more", g->n - 1);
	TRY(buf_ok(&b, "the reason of the verdict", j->e));
	struct verdict_reason *reason = ARENA_PUSH(j->r->arena, &v->reasons);
	if (!reason)
		return out_of_arena(j);
	*reason = (struct verdict_reason){ .rule = arena_dup(j->r->arena, rule), .text = arena_dup(j->r->arena, buf_slice(&b)),
					   .findings = g->ids, .decision = d };
	v->decision = MAX(v->decision, d);
	return OK;
}

/* Reasons in the order of their weight, then of the rules. */
static enum err_code add_reasons(struct judge *j)
{
	for (enum effect effect = EFFECT_REFUSE; effect >= EFFECT_WARN; effect--) {
		if (effect == EFFECT_REFUSE && j->groups[FAIL_ON].n)
			TRY(add_reason(j, &j->groups[FAIL_ON], SL("fail-on"), SL("the command line fails on this"), effect));
		if (effect == EFFECT_HOLD && j->groups[UNSEEN].n)
			TRY(add_reason(j, &j->groups[UNSEEN], SL("incomplete"), SL("the image was not inspected completely"), effect));
		for (size_t i = 0; i < j->p->rules.n; i++) {
			const struct rule *rule = &j->p->rules.items[i];
			if (rule->effect == effect && j->groups[FIRST_RULE + i].n)
				TRY(add_reason(j, &j->groups[FIRST_RULE + i], rule->name, rule->because, effect));
		}
	}
	return OK;
}

/* An image of which something was not inspected must not pass because nobody made a finding of it. */
static bool gap_without_finding(const struct report *r)
{
	if (r->complete)
		return false;
	for (size_t i = 0; i < r->findings.n; i++)
		if (r->findings.items[i].kind == KIND_COVERAGE)
			return false;
	return true;
}

static enum err_code conclude(struct judge *j)
{
	struct verdict *v = &j->r->verdict;
	char digest[72], until[21];
	v->decision = DECISION_ADMIT;
	if (gap_without_finding(j->r))
		j->groups[UNSEEN].n = 1;
	TRY(add_reasons(j));
	policy_digest(j->p, digest);
	v->policy_digest = arena_dup(j->r->arena, slice_str(digest));
	if (j->expires_s != UINT64_MAX) {
		os_format_time(j->expires_s, until);
		v->expires = arena_dup(j->r->arena, slice_str(until));
	}
	return out_of_arena(j);
}

enum err_code policy_apply(const struct policy *p, struct report *r, const struct policy_options *o, struct err *e)
{
	struct judge j = { .p = p, .r = r, .o = o, .expires_s = UINT64_MAX, .e = e };
	r->verdict = (struct verdict){ .decision = DECISION_REFUSE };
	j.groups = arena_calloc(r->arena, FIRST_RULE + p->rules.n, sizeof(*j.groups));
	j.told = arena_calloc(r->arena, p->waivers.n + 1, sizeof(*j.told));
	enum err_code code = out_of_arena(&j);
	for (size_t i = 0; i < r->findings.n && code == OK; i++)
		code = judge_finding(&j, &r->findings.items[i]);
	if (code == OK)
		code = conclude(&j);
	if (code != OK)
		r->verdict.decision = DECISION_REFUSE;
	return code;
}
