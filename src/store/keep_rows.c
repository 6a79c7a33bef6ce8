/* Rows that serve nobody any more. Small statements, each its own transaction; what may be many goes a thousand at a time. */
#include "keep.h"

enum { CACHE_KEEP_S = 7 * 86400, GENERATION_KEEP_S = 30 * 86400, FIRST_SEEN_KEEP_S = 400 * 86400 };

struct deletion { struct keep *k; int which; int64_t n; };

enum { PULLS, LINKS, CACHE, GENERATIONS, SEEN, VERDICTS, REPORTS, REPORT_INDEXES, JOBS, MOST_KINDS };

/* Each at most 1000 rows. */
static enum err_code one_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct deletion *d = arg;
	struct keep *k = d->k;
	switch (d->which) {
	case PULLS:
		return !k->r->keep_pulls_s ? OK : sql_run(tx, &d->n, e, "DELETE FROM pull WHERE (repo_id, digest, account,"
							  " address, day) IN (SELECT repo_id, digest, account, address,"
			       " day FROM pull WHERE last_s < ?1 LIMIT 1000)", "i", keep_before(k, k->r->keep_pulls_s));
	case LINKS:	/* who brought a blob, when nothing came of it */
		return sql_run(tx, &d->n, e, "DELETE FROM repo_blob WHERE (repo_id, digest, account) IN (SELECT l.repo_id,"
			       " l.digest, l.account FROM repo_blob l WHERE l.at_s < ?1 AND"
			       " NOT EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest m ON m.digest = f.digest WHERE"
				       " f.child = l.digest AND f.kind < 2 AND"
			       " m.repo_id = l.repo_id) LIMIT 1000) AND at_s < ?1", "i", keep_before(k, k->r->grace_s));
	case CACHE:
		return sql_run(tx, &d->n, e, "DELETE FROM upstream_cache WHERE at_ms < ?1", "i", keep_before(k,
				CACHE_KEEP_S) * 1000);
	case GENERATIONS:
		return sql_run(tx, &d->n, e, "DELETE FROM generation WHERE at_s < ?1 AND number < (SELECT max(number) FROM"
			       " generation) - 100 AND NOT EXISTS (SELECT 1 FROM verdict v"
			       " WHERE v.generation = generation.number)", "i", keep_before(k, GENERATION_KEEP_S));
	case SEEN:
		return sql_run(tx, &d->n, e, "DELETE FROM first_seen WHERE at_s < ?1 AND NOT EXISTS (SELECT 1 FROM"
			       " repo_manifest m WHERE m.repo_id = first_seen.repo_id AND m.digest ="
			       " first_seen.digest)", "i", keep_before(k, FIRST_SEEN_KEEP_S));
	case VERDICTS:	/* of what was deleted; the gate makes another one if it comes back */
		return sql_run(tx, &d->n, e, "DELETE FROM verdict WHERE (repo_id, digest) IN (SELECT v.repo_id, v.digest FROM"
			       " verdict v WHERE v.decided_s < ?1 AND NOT EXISTS (SELECT 1"
			       " FROM repo_manifest m WHERE m.repo_id = v.repo_id AND m.digest = v.digest) LIMIT 1000)", "i",
				       keep_before(k, k->r->grace_s));
	case REPORTS:
		return sql_run(tx, &d->n, e, "DELETE FROM report WHERE (repo_id, digest) IN (SELECT v.repo_id, v.digest FROM"
			       " report v WHERE v.made_s < ?1 AND NOT EXISTS (SELECT 1 FROM"
			       " repo_manifest m WHERE m.repo_id = v.repo_id AND m.digest = v.digest) LIMIT 1000)", "i",
				       keep_before(k, k->r->grace_s));
	case REPORT_INDEXES:
		return sql_run(tx, &d->n, e, "DELETE FROM report_index WHERE (repo_id, digest) IN (SELECT v.repo_id, v.digest"
			       " FROM report_index v WHERE NOT EXISTS (SELECT 1 FROM report m"
			       " WHERE m.repo_id = v.repo_id AND m.digest = v.digest) LIMIT 1000)", "");
	default:	/* given up, and in the way of the next try: of content let go, or of nothing */
		return sql_run(tx, &d->n, e, "DELETE FROM job WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM repo_manifest m"
			       " WHERE m.repo_id = job.repo_id AND m.digest = job.digest AND"
			       " m.gone_s = 0)", "");
	}
}

/* Is there anything? Asked as a read, which nobody waits for. */
static enum err_code any_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct deletion *d = arg;
	struct keep *k = d->k;
	switch (d->which) {
	case PULLS:
		return sql_one_int(tx, &d->n, e, "SELECT count(*) FROM (SELECT 1 FROM pull WHERE last_s < ?1 LIMIT 1) AS x", "i",
				   keep_before(k, k->r->keep_pulls_s));
	case LINKS:
		return sql_one_int(tx, &d->n, e, "SELECT count(*) FROM (SELECT 1 FROM repo_blob l WHERE l.at_s < ?1 AND NOT"
				   " EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest m ON"
				   " m.digest = f.digest WHERE f.child = l.digest AND f.kind < 2 AND m.repo_id = l.repo_id)"
					   " LIMIT 1) AS x", "i", keep_before(k, k->r->grace_s));
	case VERDICTS:
		return sql_one_int(tx, &d->n, e, "SELECT count(*) FROM (SELECT 1 FROM verdict v WHERE v.decided_s < ?1 AND NOT"
				   " EXISTS (SELECT 1 FROM repo_manifest m WHERE"
				   " m.repo_id = v.repo_id AND m.digest = v.digest) LIMIT 1) AS x", "i", keep_before(k,
						   k->r->grace_s));
	case REPORTS:
		return sql_one_int(tx, &d->n, e, "SELECT count(*) FROM (SELECT 1 FROM report v WHERE v.made_s < ?1 AND NOT"
				   " EXISTS (SELECT 1 FROM repo_manifest m WHERE"
				   " m.repo_id = v.repo_id AND m.digest = v.digest) LIMIT 1) AS x", "i", keep_before(k,
						   k->r->grace_s));
	case REPORT_INDEXES:
		return sql_one_int(tx, &d->n, e, "SELECT count(*) FROM (SELECT 1 FROM report_index v WHERE NOT EXISTS (SELECT 1"
				   " FROM report m WHERE m.repo_id = v.repo_id AND"
				   " m.digest = v.digest) LIMIT 1) AS x", "");
	default:
		d->n = 1;
		return OK;
	}
}

enum err_code keep_rows(struct keep *k, struct err *e)
{
	for (int which = 0; which < MOST_KINDS && !k->r->dry; which++) {
		struct deletion d = { .k = k, .which = which };
		do {
			TRY(keep_pause(k, e));
			TRY(sql_read(k->s->sql, any_tx, &d, e));
			if (!d.n)
				break;
			d.n = 0;
			TRY(sql_write(k->s->sql, one_tx, &d, e));
			*(which == LINKS ? &k->counts->links : &k->counts->rows) += (uint64_t)d.n;
		} while (d.n >= 1000);
	}
	return OK;
}
