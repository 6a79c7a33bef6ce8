/* What all imported sources say of a CVE, gathered once per match. */
#include "match.h"
#include "cvss.h"

enum { MAX_ROWS = 20000 };

static void grade_keep(struct cve_info *c, enum grade_rank rank, struct grade g)
{
	struct grade *have = &c->grades[rank];
	if (!g.vector.n && !g.word.n && !g.score_tenths)
		return;
	/* of several of one rank the one with a vector, then the graver */
	bool better = !c->has[rank] || (g.vector.n && !have->vector.n) || (!!g.vector.n == !!have->vector.n && grade_severity(&g) > grade_severity(have));
	if (better)
		*have = g;
	c->has[rank] = true;
}

static struct slice take(struct rd *r) { return rd_bytes(r, (size_t)rd_varint(r)); }

static bool take_row(struct cve_info *c, const struct row *row)
{
	struct row_key k;
	struct rd r = rd_of(row->value);
	row_key_split(row->key, &k);
	if (k.kind != 'C' || !k.part[1].n)
		return false;
	struct slice base = slice_from(k.part[1], 1);
	switch (k.part[1].p[0]) {
	case 'e':
		c->epss_score = (uint32_t)rd_varint(&r);
		c->epss_percentile = (uint32_t)rd_varint(&r);
		c->epss_date = take(&r);
		c->epss = !r.bad;
		break;
	case 'k':
		c->kev_added = take(&r);
		c->kev_due = take(&r);
		c->ransomware = rd_u8(&r) == 1;
		c->kev = !r.bad;
		break;
	case 'n':
		grade_keep(c, RANK_NVD, grade_decode(&r));
		c->published_s = rd_varint(&r);
		c->text = take(&r);
		break;
	case 's':
		grade_keep(c, is_distribution(base) ? RANK_DISTRIBUTION : slice_has_prefix(k.part[2], SL("GHSA-")) ? RANK_GHSA : RANK_OSV, grade_decode(&r));
		break;
	default:
		return false;
	}
	return !r.bad;
}

enum err_code cve_info_get(struct matcher *m, struct slice id, struct cve_info **ret, struct err *e)
{
	struct cve_info **bucket = &m->cves[slice_hash(id) % CVE_BUCKETS];
	for (struct cve_info *c = *bucket; c; c = c->next)
		if (slice_eq(c->id, id)) {
			*ret = c;
			return OK;
		}
	struct cve_info *c = arena_new(m->r->arena, struct cve_info);
	struct slice key = row_key_make(m->r->arena, 'C', id, SL(""), SLICE_NULL, SLICE_NULL);
	struct db_iter it;
	struct row row;
	bool more;
	TRY(arena_ok(m->r->arena, "the report", e));
	c->id = slice_sub(key, 1, id.n);
	TRY(db_seek(m->db, key, &it, e));
	for (unsigned i = 0; i < MAX_ROWS; i++) {
		TRY(db_next_of(&it, key, &row, &more, e));
		if (!more)
			break;
		if (!take_row(c, &row))
			return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (a row of a CVE)");
	}
	c->next = *bucket;
	*bucket = c;
	*ret = c;
	return OK;
}

enum severity grade_severity(const struct grade *g)
{
	if (g->score_tenths || g->vector.n) {
		bool v2 = g->vector.n && !slice_has_prefix(g->vector, SL("CVSS:3")) && !slice_has_prefix(g->vector, SL("CVSS:4"));
		double score = g->score_tenths / 10.0;
		if (g->score_tenths || advisory_cvss_score(g->vector, &score))
			return advisory_cvss_severity(score, v2);
	}
	return severity_of_word(g->word);
}
