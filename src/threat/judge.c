/* The judge: hands each fact to the one who judges its kind, and turns drafts into findings at the end. */
#include "judge_private.h"
#include <stdlib.h>

enum err_code threat_judge_open(struct report *r, const struct intel *in, const struct judge_options *opt, struct threat_judge **ret,
				struct err *e)
{
	AUTO_JUDGE j = calloc(1, sizeof(*j));
	if (!j)
		return err_set(e, ERR_NOMEM, 0, "judge the image");
	j->r = r;
	j->intel = in;
	j->max_evidence = opt && opt->max_evidence ? opt->max_evidence : DRAFT_EVIDENCE;
	j->seen = calloc(threat_sign_count + 1, sizeof(struct seen *));
	if (!j->seen)
		return err_set(e, ERR_NOMEM, 0, "judge the image");
	*ret = j;
	j = NULL;
	return OK;
}

void threat_judge_close(struct threat_judge *j)
{
	if (!j)
		return;
	free(j->slots);
	free(j->seen);
	free(j);
}

static enum err_code judge_single(struct threat_judge *j, const struct judge_file *f, const struct fact *fact, struct err *e)
{
	switch (fact->type) {
	case FACT_YARA: return judge_yara(j, f, &fact->yara, e);
	case FACT_INTEGRITY: return judge_integrity(j, f, &fact->integrity, e);
	case FACT_SKIPPED: return judge_skipped(j, f, &fact->skipped, e);
	default: return OK;	/* signs and tokens are judged together below */
	}
}

enum err_code threat_judge_file(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	bool signs = false, tokens = false;
	j->files++;
	for (size_t i = 0; i < f->n_facts; i++) {
		signs |= f->facts[i].type == FACT_SIGN;
		tokens |= f->facts[i].type == FACT_TOKEN;
		TRY(judge_single(j, f, &f->facts[i], e));
	}
	TRY(judge_digests(j, f, e));
	TRY(judge_entry(j, f, e));
	if (signs)
		TRY(judge_signs(j, f, e));
	return tokens ? judge_token_hits(j, f, e) : OK;
}

enum err_code threat_judge_layer_fact(struct threat_judge *j, int layer, const struct fact *f, struct err *e)
{
	struct judge_file place = { .layer = layer, .path = f->path, .inner = f->inner };
	j->files++;
	return judge_single(j, &place, f, e);
}

/* "and 120 more places": what the limit on evidence left out is told. */
static void tell_count(struct threat_judge *j, struct draft *d)
{
	struct finding *f = &d->f;
	if (d->count > f->evidence.n)
		f->description = arena_printf(j->r->arena, "%.*s%s%llu places in all, the first %zu are shown.", SLICE_ARG(f->description),
					      f->description.n ? " " : "", (unsigned long long)d->count, f->evidence.n);
}

enum err_code threat_judge_finish(struct threat_judge *j, struct err *e)
{
	if (j->finished)
		return err_set(e, ERR_INTERNAL, 0, "an image was judged twice");
	j->finished = true;
	TRY(judge_reference(j, e));
	TRY(judge_packages(j, e));
	TRY(judge_signs_image(j, e));
	for (size_t i = 0; i < j->drafts.n; i++) {
		struct draft *d = j->drafts.items[i];
		if (d->dropped || !d->f.evidence.n)
			continue;
		d->f.hidden = !d->shown_any;
		d->f.owned = !d->unowned_any;
		d->f.base_layer = d->base_all;
		tell_count(j, d);
		struct finding *f = report_add_finding(j->r);
		if (!f)
			break;
		*f = d->f;
		finding_seal(j->r, f);
	}
	return arena_ok(j->r->arena, "the report", e);
}

/* --- The image's own name ------------------------------------------------------------------------------------------------- */

struct slice image_reference(const struct report *r)
{
	static const char *const plain[] = { "docker://", "docker-daemon:" };
	static const char *const archives[] = { "docker-archive:", "oci-archive:", "oci:" };
	static const char *const nameless[] = { "dir:", "rootfs:" };
	struct slice s = slice_trim(r->reference);
	if (slice_eqs(r->transport, "rootfs") || slice_eqs(r->transport, "dir"))
		return SLICE_NULL;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (slice_has_prefix(s, slice_str(plain[i])))
			return slice_from(s, strlen(plain[i]));
	for (size_t i = 0; i < ARRAY_LEN(nameless); i++)
		if (slice_has_prefix(s, slice_str(nameless[i])))
			return SLICE_NULL;
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		if (!slice_has_prefix(s, slice_str(archives[i])))
			continue;
		s = slice_from(s, strlen(archives[i]));
		ptrdiff_t colon = slice_find_byte(s, ':');
		s = colon < 0 ? SLICE_NULL : slice_from(s, (size_t)colon + 1);
		/* In an OCI layout the part behind the colon is often no name but a tag. */
		return i == 0 || slice_find_byte(s, '/') > 0 ? s : SLICE_NULL;
	}
	if (!s.n || s.p[0] == '/' || s.p[0] == '.' || s.p[0] == '-' || slice_has_suffix(s, SL(".tar")) || slice_has_suffix(s, SL(".tar.gz")))
		return SLICE_NULL;
	return s;
}
