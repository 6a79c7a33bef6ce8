/* Drafts: findings in the making, kept by rule and key, with a bounded number of pieces of evidence. */
#include "judge_private.h"
#include <stdlib.h>

static bool grow(struct threat_judge *j)
{
	size_t n = j->n_slots ? j->n_slots * 2 : 256;
	uint32_t *fresh = calloc(n, sizeof(*fresh));
	if (!fresh)
		return false;
	for (size_t i = 0; i < j->drafts.n; i++) {
		size_t k = j->drafts.items[i]->hash & (n - 1);
		while (fresh[k])
			k = (k + 1) & (n - 1);
		fresh[k] = (uint32_t)i + 1;
	}
	free(j->slots);
	j->slots = fresh;
	j->n_slots = n;
	return true;
}

enum err_code draft_get(struct threat_judge *j, const struct judge_text *t, struct slice key, struct draft **ret, bool *ret_new, struct err *e)
{
	uint64_t hash = slice_hash(slice_str(t->rule)) * 31 + slice_hash(key);
	if (j->drafts.n * 2 >= j->n_slots && !grow(j))
		return err_set(e, ERR_NOMEM, 0, "judge the image");
	size_t k = hash & (j->n_slots - 1);
	for (; j->slots[k]; k = (k + 1) & (j->n_slots - 1)) {
		struct draft *d = j->drafts.items[j->slots[k] - 1];
		if (d->hash == hash && slice_eq(d->f.subject, key) && slice_eqs(d->f.rule, t->rule)) {
			*ret = d;
			*ret_new = false;
			return OK;
		}
	}
	struct draft *d = arena_new(j->r->arena, struct draft), **item = ARENA_PUSH(j->r->arena, &j->drafts);
	if (!d || !item)
		return arena_ok(j->r->arena, "the report", e);
	*item = d;
	j->slots[k] = (uint32_t)j->drafts.n;
	d->hash = hash;
	d->last_file = SIZE_MAX;
	d->base_all = true;
	d->f.rule = slice_str(t->rule);
	d->f.kind = t->kind;
	d->f.severity = t->severity;
	d->f.title = slice_str(t->title);
	d->f.description = slice_str(t->description);
	d->f.advice = slice_str(t->advice);
	d->f.subject = arena_dup(j->r->arena, key);
	*ret = d;
	*ret_new = true;
	return arena_ok(j->r->arena, "the report", e);
}

static enum err_code add(struct threat_judge *j, struct draft *d, const struct evidence *v, bool reachable, bool owned, struct err *e)
{
	bool base = v->layer >= 0 && (size_t)v->layer < j->r->layers.n && j->r->layers.items[v->layer].base;
	d->count++;
	d->shown_any |= !v->hidden;
	d->unowned_any |= !owned;
	d->base_all &= base;
	d->f.reachable |= reachable;
	if (d->last_file != j->files) {
		d->last_file = j->files;
		d->from_file = 0;
	}
	if (d->f.evidence.n >= j->max_evidence || d->from_file++ >= FILE_EVIDENCE)
		return OK;
	struct evidence *slot = finding_add_evidence(j->r, &d->f);
	if (slot)
		*slot = *v;
	return arena_ok(j->r->arena, "the report", e);
}

struct slice judge_path(struct threat_judge *j, const struct judge_file *f)
{
	struct arena *a = j->r->arena;
	if (judge_is_config(f))
		return arena_dup(a, f->path);
	AUTO_BUF b = BUF(MIB);
	buf_putc(&b, '/');
	buf_put_slice(&b, f->path);
	if (f->inner.n) {
		buf_puts(&b, "!/");
		buf_put_slice(&b, f->inner);
	}
	return arena_dup(a, buf_slice(&b));
}

static struct slice hex_of(struct arena *a, struct slice raw)
{
	char hex[65];
	if (raw.n != 32)
		return SLICE_NULL;
	hex_encode(hex, raw.p, raw.n);
	return arena_dup(a, slice_of(hex, 64));
}

enum err_code draft_evidence(struct threat_judge *j, struct draft *d, const struct judge_file *f, const struct spot *s, struct err *e)
{
	struct evidence v = { .layer = f->layer, .hidden = f->hidden };
	bool keep = d->f.evidence.n < j->max_evidence && (d->last_file != j->files || d->from_file < FILE_EVIDENCE);
	if (keep) {	/* copies only for what is kept */
		v.path = judge_path(j, f);
		v.sha256 = hex_of(j->r->arena, judge_sha256(f));
		if (s) {
			v.has_offset = s->has_offset;
			v.offset = s->offset;
			v.excerpt = arena_dup(j->r->arena, slice_upto(s->excerpt, 200));
		}
	}
	return add(j, d, &v, f->reachable, f->owned, e);
}

enum err_code draft_place(struct threat_judge *j, struct draft *d, const struct place *p, struct err *e)
{
	struct evidence v = { .layer = p->layer, .path = p->path, .has_offset = p->layer >= 0, .offset = p->offset, .sha256 = p->sha256,
			      .excerpt = p->excerpt, .hidden = p->hidden };
	return add(j, d, &v, p->reachable, p->owned, e);
}

enum err_code draft_add(struct threat_judge *j, const struct judge_text *t, struct slice key, const struct judge_file *f, const struct spot *s,
			struct draft **ret, struct err *e)
{
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, t, key, &d, &fresh, e));
	draft_raise(d, t->severity);
	if (f)
		TRY(draft_evidence(j, d, f, s, e));
	if (ret)
		*ret = d;
	return OK;
}

void draft_raise(struct draft *d, enum severity s)
{
	if (s > d->f.severity)
		d->f.severity = s;
}

const char *judge_shown(struct threat_judge *j, struct slice s)
{
	char text[112];
	const char *copy = arena_strdup(j->r->arena, text_escape_to(text, sizeof(text), s));
	return copy ? copy : "";
}

enum file_class judge_class(const struct judge_file *f)
{
	if (f->reachable || judge_is_config(f))
		return f->elf ? FILE_ELF : FILE_SCRIPT;
	if (f->entry && f->entry->file_class < FILE_CLASS_COUNT)
		return (enum file_class)f->entry->file_class;
	return f->elf ? FILE_ELF : f->script ? FILE_SCRIPT : FILE_CLASS_COUNT;
}
