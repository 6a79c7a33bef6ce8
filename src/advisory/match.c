/* The report's packages against the database. */
#include "match.h"

enum { DEFAULT_MAX_AGE_MS = 7 * 86400 * 1000, PACKAGE_SCRATCH_MIB = 64 };

static enum err_code fill_data(struct matcher *m, struct err *e)
{
	struct report *r = m->r;
	struct advisory_status s;
	char built[21], digest[33];
	advisory_db_status(m->db, &s);
	os_format_time(s.built_s, built);
	r->advisories_built = arena_dup(r->arena, slice_str(built));
	r->advisories_records = s.records;
	advisory_db_digest(m->db, digest);
	r->advisories_digest = arena_dup(r->arena, slice_str(digest));
	for (size_t i = 0; i < s.n_ecosystems; i++) {
		struct ecosystem_info *eco = ARENA_PUSH(r->arena, &r->ecosystems);
		if (eco)
			*eco = (struct ecosystem_info){ arena_dup(r->arena, s.ecosystems[i].name), s.ecosystems[i].records };
	}
	if (s.n_ecosystems)
		r->advisories_source = arena_dup(r->arena, s.ecosystems[0].source);
	return arena_ok(r->arena, "the report", e);
}

static enum err_code match_all(struct matcher *m, struct err *e)
{
	for (size_t i = 0; i < m->r->packages.n; i++) {
		struct hit_list hits;
		const struct package *p = &m->r->packages.items[i];
		TRY(match_package(m, p, &hits, e));
		for (size_t k = 0; k < hits.n; k++)
			TRY(report_hit(m, p, &hits.items[k], e));
		arena_free(&m->scratch);
	}
	return OK;
}

enum err_code advisory_match(struct advisory_db *db, struct report *r, const struct advisory_match_options *o, struct err *e)
{
	struct advisory_match_options options = *o;
	if (!options.max_age_ms)
		options.max_age_ms = DEFAULT_MAX_AGE_MS;
	struct matcher m = { .db = db, .r = r, .o = &options, .scratch = ARENA(PACKAGE_SCRATCH_MIB * MIB),
			     .cves = arena_calloc(r->arena, CVE_BUCKETS, sizeof(*m.cves)) };
	TRY(arena_ok(r->arena, "the report", e));
	size_t had = r->findings.n;
	distro_of(&r->os, db, r->arena, &m.distro);
	r->os.known = m.distro.order != VERSION_NONE;
	enum err_code rc = OK;
	if (db)
		rc = fill_data(&m, e);
	if (rc == OK && db)
		rc = match_all(&m, e);
	if (rc == OK)
		rc = match_coverage(&m, e);
	arena_free(&m.scratch);
	for (size_t i = had; i < r->findings.n; i++)
		r->findings.items[i].from_advisories = true;
	return rc;
}
