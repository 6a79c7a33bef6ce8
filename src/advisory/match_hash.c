/* What an update changed: per package a hash over what the database says of it. */
#include "match.h"

enum { BATCH = 1024, BATCH_ARENA = 256 << 20, PACKAGE_SCRATCH = 64 << 20, DEFAULT_MAX_AGE_MS = 7 * 86400 * 1000 };

static void mix(uint64_t *h, uint64_t v)
{
	*h = (*h ^ v) * 0x9e3779b97f4a7c15ull;
	*h ^= *h >> 29;
}

static void mix_text(uint64_t *h, struct slice s) { mix(h, db_sum(s)); }

static void mix_grade(uint64_t *h, const struct grade *g)
{
	mix_text(h, g->vector);
	mix_text(h, g->word);
	mix(h, g->score_tenths);
}

/* All that report_hit takes from it. */
static void mix_hit(uint64_t *h, const struct hit *hit)
{
	mix_text(h, hit->subject);
	mix_text(h, hit->fixed);
	mix_text(h, hit->pro_fixed);
	mix_grade(h, &hit->own);
	mix(h, hit->record.published_s);
	mix_text(h, hit->record.summary);
	mix_text(h, hit->record.details);
	mix_text(h, hit->record.references);
	for (size_t i = 0; i < hit->aliases.n; i++)
		mix_text(h, hit->aliases.items[i]);
}

/* But for the score's date and percentile. */
static void mix_cve(uint64_t *h, const struct cve_info *c)
{
	for (int i = 0; i < RANK_COUNT; i++) {
		mix(h, c->has[i]);
		if (c->has[i])
			mix_grade(h, &c->grades[i]);
	}
	mix(h, c->published_s);
	mix_text(h, c->text);
	mix(h, (uint64_t)c->kev | (uint64_t)c->ransomware << 1 | (uint64_t)c->epss << 2);
	mix(h, c->epss_score);
	mix_text(h, c->kev_added);
	mix_text(h, c->kev_due);
}

static enum err_code hash_one(struct matcher *m, const struct package *p, uint64_t *ret, struct err *e)
{
	struct hit_list hits;
	struct cve_info *c;
	uint64_t h = 0;
	m->undecided = 0;
	TRY(match_package(m, p, &hits, e));
	for (size_t i = 0; i < hits.n; i++) {
		TRY(cve_info_get(m, hits.items[i].subject, &c, e));
		mix_hit(&h, &hits.items[i]);
		mix_cve(&h, c);
	}
	if (m->undecided)
		mix(&h, m->undecided);
	*ret = (hits.n || m->undecided) && !h ? 1 : h;
	return OK;
}

/* What is known of CVEs is kept for a batch: packages of one source name the same ones. */
static enum err_code hash_batch(struct matcher *m, const struct package *packages, size_t n, uint64_t *ret, struct err *e)
{
	AUTO_ARENA a = ARENA(BATCH_ARENA);
	struct report r = { .arena = &a };
	m->r = &r;
	m->cves = arena_calloc(&a, CVE_BUCKETS, sizeof(*m->cves));
	TRY(arena_ok(&a, "matching", e));
	for (size_t i = 0; i < n; i++) {
		struct arena_mark mark = arena_mark(&m->scratch);
		TRY(hash_one(m, &packages[i], &ret[i], e));
		arena_rewind(&m->scratch, mark);
	}
	return OK;
}

enum err_code advisory_package_hashes(struct advisory_db *db, const struct os_info *os, const struct package *packages, size_t n,
				      const struct advisory_match_options *o, uint64_t *ret_hashes, struct err *e)
{
	AUTO_ARENA a = ARENA(MIB);
	struct matcher m = { .db = db, .o = o, .scratch = ARENA(PACKAGE_SCRATCH) };
	enum err_code code = OK;
	memset(ret_hashes, 0, n * sizeof(*ret_hashes));
	if (!db)
		return OK;
	distro_of(os, db, &a, &m.distro);
	TRY(arena_ok(&a, "matching", e));
	(void)arena_alloc(&m.scratch, 1);	/* so that its first block outlives each package */
	for (size_t at = 0; at < n && code == OK; at += BATCH)
		code = hash_batch(&m, packages + at, MIN(n - at, (size_t)BATCH), ret_hashes + at, e);
	arena_free(&m.scratch);
	return code;
}

enum err_code advisory_system_hash(struct advisory_db *db, const struct os_info *os, const struct advisory_match_options *o, uint64_t *ret_hash,
				   struct err *e)
{
	AUTO_ARENA a = ARENA(MIB);
	struct distro d;
	uint64_t h = 1, last, max_age_ms = o->max_age_ms ? o->max_age_ms : DEFAULT_MAX_AGE_MS;
	distro_of(os, db, &a, &d);
	TRY(arena_ok(&a, "matching", e));
	mix(&h, db != NULL);
	mix_text(&h, d.name);
	for (size_t i = 0; i < d.n; i++)
		mix_text(&h, d.ecosystems[i]);
	for (size_t i = 0; db && i < db->status.n_ecosystems; i++)
		mix_text(&h, db->status.ecosystems[i].name);
	mix(&h, os_parse_time(distro_end_of_life(os), &last) && o->now_s >= last + 86400);
	mix(&h, db && o->now_s > db->status.built_s && (o->now_s - db->status.built_s) * 1000 > max_age_ms);
	*ret_hash = h;
	return OK;
}
