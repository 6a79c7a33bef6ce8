/* What advisories said of a report, said again with those of now. */
#include "rejudge.h"
#include "data.h"
#include "finish.h"
#include <stdlib.h>

struct rejudge {
	struct rejudge_options o;
	struct data_holder *holder;
};

enum err_code rejudge_open(const struct rejudge_options *o, struct rejudge **ret, struct err *e)
{
	struct rejudge *rj = calloc(1, sizeof(*rj));
	if (!rj)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	rj->o = *o;
	enum err_code code = data_open(&(struct data_paths){ o->db_dir, o->intel_file, o->intel_files, o->n_intel_files }, &rj->holder, e);
	if (code != OK) {
		free(rj);
		return code;
	}
	*ret = rj;
	return OK;
}

void rejudge_close(struct rejudge *rj)
{
	if (!rj)
		return;
	data_close(rj->holder);
	free(rj);
}

enum err_code rejudge_refresh(struct rejudge *rj, bool *ret_changed, struct err *e) { return data_refresh(rj->holder, ret_changed, e); }

void rejudge_generation(struct rejudge *rj, struct rejudge_generation *ret)
{
	struct scan_data *d = data_take(rj->holder);
	memcpy(ret->advisories, d->advisories, sizeof(ret->advisories));
	memcpy(ret->intelligence, d->intelligence, sizeof(ret->intelligence));
	data_give(rj->holder, d);
}

static struct advisory_match_options match_options(const struct rejudge *rj, const struct scan_data *d, uint64_t now_s)
{
	return (struct advisory_match_options){ .now_s = now_s, .max_age_ms = rj->o.db_max_age_ms, .include_owned = rj->o.include_owned,
						.declared = rj->o.declared, .db_error = d->db ? NULL : d->db_error.msg };
}

/* The report as it was before advisories and the policy. */
static void drop_judged(struct report *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->findings.n; i++) {
		struct finding *f = &r->findings.items[i];
		if (f->from_advisories)
			continue;
		f->disposition = f->waived_by = SLICE_NULL;
		f->shown = false;
		r->findings.items[kept++] = *f;
	}
	/* New ones are taken zeroed. */
	if (kept < r->findings.n)
		memset(&r->findings.items[kept], 0, (r->findings.n - kept) * sizeof(*r->findings.items));
	r->findings.n = kept;
	r->verdict = (struct verdict){ 0 };
	r->os.known = r->os.end_of_life = false;
	r->os.eol_date = r->advisories_built = r->advisories_source = r->advisories_digest = SLICE_NULL;
	r->advisories_records = 0;
	r->ecosystems = (struct ecosystem_list){ 0 };
}

enum err_code rejudge_advisories(struct rejudge *rj, struct report *r, uint64_t now_s, struct err *e)
{
	struct scan_data *d = data_take(rj->holder);
	struct advisory_match_options m = match_options(rj, d, now_s);
	m.unmatched_jars = r->unmatched_jars;
	m.unmatched_gems = r->unmatched_gems;
	m.unmatched_crates = r->unmatched_crates;
	drop_judged(r);
	enum err_code code = advisory_match(d->db, r, &m, e);
	data_give(rj->holder, d);
	TRY(code);
	finish_report(r);
	return arena_ok(r->arena, "the report", e);
}

enum err_code rejudge_package_hashes(struct rejudge *rj, const struct os_info *os, const struct package *packages, size_t n, uint64_t *ret_hashes,
				     struct err *e)
{
	struct scan_data *d = data_take(rj->holder);
	struct advisory_match_options m = match_options(rj, d, 0);
	enum err_code code = advisory_package_hashes(d->db, os, packages, n, &m, ret_hashes, e);
	data_give(rj->holder, d);
	return code;
}

enum err_code rejudge_system_hash(struct rejudge *rj, const struct os_info *os, uint64_t now_s, uint64_t *ret_hash, struct err *e)
{
	struct scan_data *d = data_take(rj->holder);
	struct advisory_match_options m = match_options(rj, d, now_s);
	enum err_code code = advisory_system_hash(d->db, os, &m, ret_hash, e);
	data_give(rj->holder, d);
	return code;
}
