/* What could not be matched, and releases whose time is over: findings, never silence. */
#include "match.h"

static struct finding *add(struct matcher *m, const char *rule, enum severity severity)
{
	struct finding *f = report_add_finding(m->r);
	if (!f)
		return NULL;
	f->rule = slice_str(rule);
	f->kind = KIND_COVERAGE;
	f->severity = severity;
	struct evidence *v = finding_add_evidence(m->r, f);
	if (v) {
		v->layer = -1;
		v->path = SL("data:advisories");
	}
	return f;
}

static enum err_code done(struct matcher *m, struct finding *f, struct err *e)
{
	if (!f || arena_ok(m->r->arena, "the report", e) != OK)
		return err_set(e, ERR_NOMEM, 0, "the report is full");
	finding_seal(m->r, f);
	return OK;
}

static uint64_t count_type(const struct matcher *m, const char *type)
{
	uint64_t n = 0;
	for (size_t i = 0; i < m->r->packages.n; i++) {
		const struct package *p = &m->r->packages.items[i];
		n += slice_eqs(p->type, type) && (!p->owner.n || m->o->include_owned) && (!p->declared || m->o->declared);
	}
	return n;
}

static uint64_t count_system(const struct matcher *m) { return count_type(m, "deb") + count_type(m, "rpm") + count_type(m, "apk"); }

static enum err_code no_database(struct matcher *m, struct err *e)
{
	struct finding *f = add(m, "coverage.no-database", SEV_HIGH);
	if (f) {
		f->skip_class = FINDING_SKIP_LAYER;
		f->title = SL("Nothing was matched against advisories: there is no advisory database");
		f->description = m->o->db_error ? arena_printf(m->r->arena, "%s", m->o->db_error) : SL("No advisory database has been made yet");
		f->advice = SL("Run `pabean db update`, or `pabean db import DIR` where there is no network");
	}
	return done(m, f, e);
}

static enum err_code old_database(struct matcher *m, struct err *e)
{
	uint64_t built = m->db->status.built_s, now = m->o->now_s;
	if (now <= built || (now - built) * 1000 <= m->o->max_age_ms)
		return OK;
	struct finding *f = add(m, "coverage.old-database", SEV_LOW);
	if (f) {
		f->title = arena_printf(m->r->arena, "The advisory database is %llu days old", (unsigned long long)((now - built) / 86400));
		f->description = SL("Vulnerabilities that became known since then are not in this report");
		f->advice = SL("Run `pabean db update`");
	}
	return done(m, f, e);
}

/* Packages of a distribution for which nothing is known of its release. */
static enum err_code no_release_data(struct matcher *m, struct err *e)
{
	uint64_t n = count_system(m), fit = 0;
	for (size_t i = 0; i < m->r->packages.n; i++)
		fit += m->distro.order != VERSION_NONE && version_order_of(m->r->packages.items[i].type) == m->distro.order;
	if (!n || (m->distro.n && fit))
		return OK;
	struct finding *f = add(m, "coverage.no-release-data", SEV_HIGH);
	struct arena *a = m->r->arena;
	if (f) {
		struct slice name = m->distro.name.n ? m->distro.name : SL("this system (it has no os-release)");
		f->skip_class = FINDING_SKIP_LAYER;
		f->subject = m->distro.name;
		f->title = arena_printf(a, "%llu system packages were not matched: there are no advisories for %.*s", (unsigned long long)n, SLICE_ARG(name));
		if (m->distro.base)
			f->advice = arena_printf(a, "Run `pabean db update --ecosystem '%s'`; a release that its maker never gave advisories for stays unmatched",
						 m->distro.base);
		else
			f->advice = SL("Its maker publishes no advisories in OSV form; judge its packages by other means and waive this finding");
	}
	return done(m, f, e);
}

static enum err_code no_language_data(struct matcher *m, const char *type, const char *ecosystem, struct err *e)
{
	uint64_t n = count_type(m, type);
	for (size_t i = 0; i < m->db->status.n_ecosystems; i++)
		if (slice_eqs(m->db->status.ecosystems[i].name, ecosystem))
			return OK;
	if (!n)
		return OK;
	struct finding *f = add(m, "coverage.no-ecosystem-data", SEV_MEDIUM);
	if (f) {
		f->subject = slice_str(ecosystem);
		f->title = arena_printf(m->r->arena, "%llu packages were not matched: the database has no advisories of %s", (unsigned long long)n, ecosystem);
		f->advice = arena_printf(m->r->arena, "Run `pabean db update --ecosystem %s`", ecosystem);
	}
	return done(m, f, e);
}

static enum err_code unmatched(struct matcher *m, uint64_t n, const char *what, struct err *e)
{
	if (!n)
		return OK;
	struct finding *f = add(m, "coverage.not-matched", SEV_INFO);
	if (f) {
		f->subject = slice_str(what);
		f->title = arena_printf(m->r->arena, "%llu %s were not matched: pabean does not match these yet", (unsigned long long)n, what);
		f->advice = SL("Judge them by other means: that nothing is reported of them does not mean that nothing is wrong");
	}
	return done(m, f, e);
}

static enum err_code other_types(struct matcher *m, struct err *e)
{
	static const char *const matched[] = { "deb", "rpm", "apk", "pypi", "npm", "golang", "gem", "cargo" };
	uint64_t n = 0;
	for (size_t i = 0; i < m->r->packages.n; i++) {
		bool known = false;
		for (size_t k = 0; k < ARRAY_LEN(matched) && !known; k++)
			known = slice_eqs(m->r->packages.items[i].type, matched[k]);
		n += !known;
	}
	TRY(unmatched(m, n, "packages of other kinds", e));
	TRY(unmatched(m, m->o->unmatched_jars, "Java archives", e));
	TRY(unmatched(m, m->o->unmatched_gems, "Ruby gems", e));
	return unmatched(m, m->o->unmatched_crates, "Rust crates", e);
}

static enum err_code undecided(struct matcher *m, struct err *e)
{
	if (!m->undecided)
		return OK;
	struct finding *f = add(m, "coverage.no-version-order", SEV_INFO);
	if (f) {
		f->title = arena_printf(m->r->arena, "%llu comparisons were not possible: a version is not written as its ecosystem writes versions",
					(unsigned long long)m->undecided);
		f->advice = SL("Look at the packages with unusual versions by hand");
	}
	return done(m, f, e);
}

static enum err_code end_of_life(struct matcher *m, struct err *e)
{
	struct report *r = m->r;
	uint64_t last;
	struct slice day = distro_end_of_life(&r->os);
	if (!os_parse_time(day, &last))
		return OK;
	r->os.eol_date = day;
	r->os.end_of_life = m->o->now_s >= last + 86400;
	if (!r->os.end_of_life)
		return OK;
	struct finding *f = add(m, "os.end-of-life", SEV_HIGH);
	if (f) {
		f->kind = KIND_MISCONFIGURATION;
		f->evidence.items[0].path = SL("/etc/os-release");
		f->subject = m->distro.name;
		f->title = arena_printf(r->arena, "%.*s gets no security updates since %.*s", SLICE_ARG(m->distro.name), SLICE_ARG(day));
		f->description = SL("Vulnerabilities found since then are neither fixed nor, often, reported for this release");
		f->advice = SL("Build on a release that its maker still keeps up");
	}
	return done(m, f, e);
}

enum err_code match_coverage(struct matcher *m, struct err *e)
{
	TRY(end_of_life(m, e));
	if (!m->db)
		return no_database(m, e);
	TRY(old_database(m, e));
	TRY(no_release_data(m, e));
	TRY(no_language_data(m, "pypi", "PyPI", e));
	TRY(no_language_data(m, "npm", "npm", e));
	TRY(no_language_data(m, "golang", "Go", e));
	TRY(other_types(m, e));
	return undecided(m, e);
}
