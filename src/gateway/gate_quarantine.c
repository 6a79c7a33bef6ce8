/* What lies in the store and may not go out: bounded, so that pulling and pushing cannot fill it (GATE.md 21). Counted every few seconds, not with each request. */
#include "gate_inside.h"

struct quarantine { struct gateway *g; uint64_t bytes; };

/* Of no admitted manifest, in whichever repository. What repositories without a gate hold is none of it; who is asked only when the rest seems too much. */
#define WAITING "b.state = 0 AND NOT EXISTS (SELECT 1 FROM manifest_ref m JOIN verdict v ON v.digest = m.digest WHERE m.child = b.digest AND m.kind < 2 AND v.state = 3)"

static enum err_code ungated(struct sql_tx *tx, struct quarantine *q, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row, counted = false;
	char last[144] = "";
	TRY(sql_query(tx, &rows, e, "SELECT b.digest, b.size, r.name FROM blob b JOIN repo_blob l ON l.digest = b.digest JOIN repo r ON r.id = l.repo_id WHERE " WAITING
		      " ORDER BY b.digest", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct slice digest = sql_text(rows, 0);
		if (!slice_eqs(digest, last)) {
			size_t n = MIN(digest.n, sizeof(last) - 1);
			memcpy(last, digest.p, n);
			last[n] = '\0';
			counted = false;
		}
		if (counted || config_repository_for(q->g->config, sql_text(rows, 2))->gate != GATE_OFF)
			continue;
		counted = true;
		q->bytes -= MIN(q->bytes, (uint64_t)sql_int(rows, 1));
	}
}

static enum err_code count_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct quarantine *q = arg;
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT CAST(COALESCE(SUM(b.size), 0) AS $INT) FROM blob b WHERE " WAITING, ""));
	q->bytes = (uint64_t)n;
	return q->bytes >= q->g->config->quarantine_bytes ? ungated(tx, q, e) : OK;
}

void gate_quarantine_count(struct gateway *g)
{
	struct quarantine q = { .g = g };
	struct err e = { 0 };
	uint64_t changes = atomic_load(&g->changes);
	if (!g->config->quarantine_bytes || changes == g->gate->quarantine_changes)
		return;
	if (sql_read(g->store.sql, count_tx, &q, &e) != OK)
		return;		/* the figure of before stays */
	g->gate->quarantine_changes = changes;
	bool full = q.bytes >= g->config->quarantine_bytes;
	if (atomic_exchange(&g->gate->quarantine_full, full) != full)
		gateway_log(g, full ? LOG_WARN : LOG_INFO, full ? "the quarantine is full: nothing new is taken" : "the quarantine has room again", "zizi", "bytes",
			    (int64_t)q.bytes, "limit", (int64_t)g->config->quarantine_bytes);
}

enum err_code gate_quarantine_room(struct gateway *g, struct err *e)
{
	if (!g->gate || !atomic_load(&g->gate->quarantine_full))
		return OK;
	return err_set(e, ERR_LIMIT, 0, "too much waits for its inspection or was refused (quarantine_bytes); nothing new is taken until some of it is admitted or gone");
}
