/* Signs become findings by the rule table: first what one file shows alone, at the end what the image shows together. */
#include "judge_private.h"

enum { RULES_MAX = 512 };

static struct slice long_dup(struct threat_judge *j, struct slice s) { return arena_dup(j->r->arena, slice_upto(s, 200)); }

static bool counts(const struct judge_file *f, const struct fact_sign *s, int index)
{
	bool weak = (s->flags & SIGN_F_WEAK) || threat_signs[index].weak;
	/* What a distribution ships is spared weak signs only. */
	return !(weak && f->owned);
}

/* Which classes a rule may look at this place in; a nested file of unknown class is trusted to the signs' own classes. */
static bool class_fits(const struct threat_rule *r, const struct judge_file *f)
{
	enum file_class c = judge_class(f);
	uint32_t have = c == FILE_CLASS_COUNT ? UINT32_MAX : 1u << c;
	if (f->reachable || judge_is_config(f))
		have |= 1u << FILE_SCRIPT | (f->entry && f->entry->file_class < FILE_CLASS_COUNT ? 1u << f->entry->file_class : 0);
	return !r->classes || (r->classes & have);
}

static bool in_list(const char *list, const char *id)
{
	struct slice rest = slice_str(list), one;
	while (list && slice_next_piece(&rest, ',', &one))
		if (slice_eqs(slice_trim(one), id))
			return true;
	return false;
}

static struct judge_text text_of(const struct threat_rule *r, bool reachable)
{
	enum severity s = reachable && r->severity_reachable > r->severity ? r->severity_reachable : r->severity;
	return (struct judge_text){ .rule = r->id, .kind = r->kind, .severity = s, .title = r->title, .description = r->description,
				    .advice = r->advice };
}

/* What grave findings are about: the same bytes in two layers are one finding, other bytes another. Notes are gathered over the image. */
static struct slice key_of(struct threat_judge *j, const struct judge_text *t, const struct judge_file *f)
{
	if (t->severity <= SEV_LOW)
		return SLICE_NULL;
	if (judge_is_config(f))
		return SL("config");	/* the same words in Cmd and history are one matter */
	struct slice sha = judge_sha256(f);
	char hex[65];
	if (sha.n == 32) {
		hex_encode(hex, sha.p, 32);
		return arena_dup(j->r->arena, slice_of(hex, 64));
	}
	return judge_path(j, f);
}

static enum err_code report_rule(struct threat_judge *j, const struct threat_rule *r, const struct judge_file *f, const struct sign_set *used,
				 struct err *e)
{
	struct judge_text t = text_of(r, f->reachable || judge_is_config(f));
	struct draft *d;
	bool fresh;
	struct sign_set done = { 0 };
	TRY(draft_get(j, &t, key_of(j, &t, f), &d, &fresh, e));
	draft_raise(d, t.severity);
	d->f.weak = r->flags & RULE_WEAK;
	for (size_t i = 0; i < f->n_facts; i++) {
		const struct fact_sign *s = &f->facts[i].sign;
		int at = f->facts[i].type == FACT_SIGN ? threat_sign_index(s->rule) : -1;
		if (at < 0 || !sign_set_has(used, at) || sign_set_has(&done, at) || !counts(f, s, at))
			continue;
		sign_set_add(&done, at);
		struct spot spot = { .has_offset = !judge_is_config(f), .offset = s->offset, .excerpt = s->excerpt.n ? s->excerpt : s->subject };
		TRY(draft_evidence(j, d, f, &spot, e));
		if (fresh && s->subject.n && slice_eqs(d->f.title, r->title))
			d->f.title = arena_printf(j->r->arena, "%s: %s", r->title, judge_shown(j, s->subject));
	}
	return arena_ok(j->r->arena, "the report", e);
}

/* Remembers places for the rules over the whole image. */
static enum err_code remember(struct threat_judge *j, const struct judge_file *f, const struct fact_sign *s, int index, struct err *e)
{
	struct seen *seen = j->seen[index];
	if (!seen)
		seen = j->seen[index] = arena_new(j->r->arena, struct seen);
	if (!seen || seen->n == SEEN_PLACES)
		return arena_ok(j->r->arena, "the report", e);
	struct slice sha = judge_sha256(f);
	char hex[65] = "";
	if (sha.n == 32)
		hex_encode(hex, sha.p, 32);
	enum file_class c = judge_class(f);
	seen->places[seen->n++] = (struct place){ .layer = f->layer, .path = judge_path(j, f), .sha256 = long_dup(j, slice_str(hex)),
		.excerpt = long_dup(j, s->excerpt.n ? s->excerpt : s->subject), .subject = long_dup(j, s->subject), .offset = s->offset,
		.hidden = f->hidden, .reachable = f->reachable || judge_is_config(f), .owned = f->owned,
		.classes = c == FILE_CLASS_COUNT ? threat_signs[index].classes : 1u << c };
	return arena_ok(j->r->arena, "the report", e);
}

enum err_code judge_signs(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	struct sign_set seen = { 0 };
	struct { const struct threat_rule *rule; struct sign_set used; } held[64];
	size_t n = 0;
	bool any = false;
	for (size_t i = 0; i < f->n_facts; i++) {
		const struct fact_sign *s = &f->facts[i].sign;
		int at = f->facts[i].type == FACT_SIGN ? threat_sign_index(s->rule) : -1;
		if (at < 0 || !counts(f, s, at))
			continue;
		if (!sign_set_has(&seen, at))
			TRY(remember(j, f, s, at, e));
		sign_set_add(&seen, at);
		any = true;
	}
	if (!any)
		return OK;
	for (size_t i = 0; i < threat_rule_count && n < ARRAY_LEN(held); i++) {
		const struct threat_rule *r = &threat_rules[i];
		if ((r->flags & RULE_IMAGE) || ((r->flags & RULE_WEAK) && f->owned) || !class_fits(r, f) ||
		    ((r->flags & RULE_REACHABLE) && !f->reachable && !judge_is_config(f)))
			continue;
		if (threat_rule_holds(r, &seen, &held[n].used))
			held[n++].rule = r;
	}
	for (size_t i = 0; i < n; i++) {
		bool superseded = false;
		for (size_t k = 0; k < n; k++)
			superseded |= k != i && in_list(held[k].rule->supersedes, held[i].rule->id);
		if (!superseded)
			TRY(report_rule(j, held[i].rule, f, &held[i].used, e));
	}
	return OK;
}

/* --- The whole image ------------------------------------------------------------------------------------------------ */

/* The signs seen in places that the rule may look at. */
static struct sign_set gather(const struct threat_judge *j, const struct threat_rule *r)
{
	struct sign_set set = { 0 };
	for (size_t i = 0; i < threat_sign_count; i++)
		for (unsigned k = 0; j->seen[i] && k < j->seen[i]->n; k++)
			if (!r->classes || (j->seen[i]->places[k].classes & r->classes) || j->seen[i]->places[k].reachable)
				sign_set_add(&set, (int)i);
	return set;
}

static bool same_place(const struct place *a, const struct place *b) { return a->layer == b->layer && slice_eq(a->path, b->path); }

/* A strong finding of the same kind says it already. */
static bool told_already(struct threat_judge *j, const struct threat_rule *r, enum severity s)
{
	bool told = false;
	for (size_t i = 0; i < j->drafts.n; i++) {
		struct draft *d = j->drafts.items[i];
		told |= d->f.kind == r->kind && d->f.severity >= s && !d->f.weak;
	}
	return told;
}

/* Notes of a kind ("an address of a wallet") are part of what a grave finding of that kind says. */
static void drop_notes(struct threat_judge *j, enum finding_kind kind)
{
	bool grave = false;
	for (size_t i = 0; i < j->drafts.n; i++)
		grave |= j->drafts.items[i]->f.kind == kind && j->drafts.items[i]->f.severity >= SEV_HIGH && !j->drafts.items[i]->f.weak;
	for (size_t i = 0; grave && i < j->drafts.n; i++)
		j->drafts.items[i]->dropped |= j->drafts.items[i]->f.kind == kind && j->drafts.items[i]->f.weak;
}

static enum err_code report_image_rule(struct threat_judge *j, const struct threat_rule *r, const struct sign_set *used, struct err *e)
{
	const struct place *first = NULL;
	bool several = false, reachable = false;
	for (size_t i = 0; i < threat_sign_count; i++) {
		for (unsigned k = 0; sign_set_has(used, (int)i) && k < j->seen[i]->n; k++) {
			const struct place *p = &j->seen[i]->places[k];
			several |= first && !same_place(first, p);
			first = first ? first : p;
			reachable |= p->reachable;
		}
	}
	/* All in one file: that is what the rules for one file are for. */
	if (!several || ((r->flags & RULE_REACHABLE) && !reachable))
		return OK;
	struct judge_text t = text_of(r, reachable);
	if (told_already(j, r, t.severity))
		return OK;
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &t, SLICE_NULL, &d, &fresh, e));
	for (size_t i = 0; i < threat_sign_count; i++) {
		for (unsigned k = 0; sign_set_has(used, (int)i) && k < MIN(j->seen[i]->n, 2u); k++) {
			j->files++;	/* each place on its own account */
			TRY(draft_place(j, d, &j->seen[i]->places[k], e));
		}
	}
	return OK;
}

enum err_code judge_signs_image(struct threat_judge *j, struct err *e)
{
	for (size_t i = 0; i < threat_rule_count; i++) {
		const struct threat_rule *r = &threat_rules[i];
		if (!(r->flags & RULE_IMAGE))
			continue;
		struct sign_set set = gather(j, r), used;
		if (threat_rule_holds(r, &set, &used))
			TRY(report_image_rule(j, r, &used, e));
	}
	drop_notes(j, KIND_MINER);
	return OK;
}
