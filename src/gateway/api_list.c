/* Lists: the queue, the catalogue, pulls, decisions, requests, nodes, dead letters. */
#include "api_inside.h"
#include "oci.h"
#include "store_journal.h"

enum { SCAN = 5000 };	/* rows looked at for one page */

static void list_open(struct api *a, const char *key)
{
	js_open(&a->j, '{');
	js_key(&a->j, key);
	js_open(&a->j, '[');
}

static void list_close(struct api *a, struct slice next)
{
	js_close(&a->j, ']');
	js_ktext(&a->j, "next", next);
	js_close(&a->j, '}');
}

static int64_t param_int(struct api *a, const char *name)
{
	uint64_t v;
	return slice_to_u64(api_param(a, name), &v) && v <= INT64_MAX ? (int64_t)v : 0;
}

enum err_code api_queue(struct api *a, struct sql_tx *tx, struct err *e)
{
	static const char *const states[] = { "waiting", "running", "given_up" };
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	AUTO_BUF next = BUF(64);
	uint64_t n = api_limit(a, 100), found = 0;
	TRY(sql_query(tx, &rows, e, "SELECT j.id, j.kind, r.name, j.digest, j.state, j.attempts, j.created_ms, j.run_after_ms, j.owner, j.error, j.priority FROM job j"
		      " JOIN repo r ON r.id = j.repo_id WHERE j.id > ?1 ORDER BY j.id LIMIT ?2", "ii", param_int(a, "after"), (int64_t)SCAN));
	list_open(a, "jobs");
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		struct slice name = sql_text(rows, 2);
		int64_t state = sql_int(rows, 4);
		if (!api_may(a, ACCESS_PULL, name))
			continue;
		js_open(j, '{');
		js_kint(j, "id", sql_int(rows, 0));
		js_ktext(j, "kind", sql_text(rows, 1));
		js_ktext(j, "repository", name);
		js_ktext(j, "digest", sql_text(rows, 3));
		js_ktext(j, "state", slice_str(state >= 0 && state < 3 ? states[state] : "unknown"));
		js_kint(j, "attempts", sql_int(rows, 5));
		js_ktime(j, "created", (uint64_t)sql_int(rows, 6) / 1000);
		js_ktime(j, "not_before", (uint64_t)sql_int(rows, 7) / 1000);
		js_ktext(j, "worker", sql_text(rows, 8));
		js_ktext(j, "error", sql_text(rows, 9));
		js_kint(j, "priority", sql_int(rows, 10));
		js_close(j, '}');
		buf_clear(&next);
		buf_printf(&next, "%lld", (long long)sql_int(rows, 0));
		found++;
	}
	list_close(a, found == n ? buf_slice(&next) : SL(""));
	return OK;
}

/* after: "REPOSITORY:TAG". */
enum err_code api_catalogue(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	struct slice pattern = api_param(a, "repository"), after = api_param(a, "after"), tag = SLICE_NULL;
	AUTO_BUF next = BUF(KIB);
	uint64_t n = api_limit(a, 100), found = 0, scanned = 0;
	ptrdiff_t colon = slice_rfind_byte(after, ':');
	if (colon >= 0) {
		tag = slice_from(after, (size_t)colon + 1);
		after = slice_upto(after, (size_t)colon);
	}
	TRY(sql_query(tx, &rows, e, "SELECT r.name, t.name, t.pushed_digest, t.served_digest, t.updated_s, COALESCE(v.state, 0), COALESCE(s.state, 0) FROM tag t"
		      " JOIN repo r ON r.id = t.repo_id LEFT JOIN verdict v ON v.repo_id = t.repo_id AND v.digest = t.pushed_digest"
		      " LEFT JOIN verdict s ON s.repo_id = t.repo_id AND s.digest = t.served_digest"
		      " WHERE r.name > ?1 OR (r.name = ?1 AND t.name > ?2) ORDER BY r.name, t.name LIMIT ?3", "tti", after.n ? after : SL(""), tag.n ? tag : SL(""),
		      (int64_t)SCAN));
	list_open(a, "tags");
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		struct slice name = sql_text(rows, 0);
		scanned++;
		buf_clear(&next);
		buf_printf(&next, "%.*s:%.*s", SLICE_ARG(name), SLICE_ARG(sql_text(rows, 1)));
		if ((pattern.n && !slice_glob(pattern, name)) || !api_may(a, ACCESS_PULL, name))
			continue;
		js_open(j, '{');
		js_ktext(j, "repository", name);
		js_ktext(j, "tag", sql_text(rows, 1));
		js_ktext(j, "digest", sql_text(rows, 2));
		js_ktext(j, "state", slice_str(store_state_name((enum store_state)sql_int(rows, 5))));
		js_ktext(j, "served", sql_text(rows, 3));
		js_ktext(j, "served_state", slice_str(store_state_name((enum store_state)sql_int(rows, 6))));
		js_ktime(j, "updated", (uint64_t)sql_int(rows, 4));
		js_close(j, '}');
		found++;
	}
	list_close(a, found == n || scanned == SCAN ? buf_slice(&next) : SL(""));
	return OK;
}

enum err_code api_pulls(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	struct slice digest = api_param(a, "digest");
	uint64_t n = api_limit(a, API_MOST_ITEMS), found = 0;
	if (!digest.n) {
		struct api_ref r;
		TRY(api_ref_find(a, tx, api_param(a, "reference"), &r, e));
		digest = r.digest;
	}
	if (!oci_digest_valid(digest))
		return err_set(e, ERR_USAGE, 0, "'digest' is no digest such as sha256:…");
	TRY(sql_query(tx, &rows, e, "SELECT r.name, p.account, p.address, MAX(p.last_s), SUM(p.count) FROM pull p JOIN repo r ON r.id = p.repo_id WHERE p.digest = ?1"
		      " GROUP BY r.name, p.account, p.address ORDER BY MAX(p.last_s) DESC LIMIT ?2", "ti", digest, (int64_t)SCAN));
	js_open(j, '{');
	js_ktext(j, "digest", digest);
	js_key(j, "pulls");
	js_open(j, '[');
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		if (!api_may(a, ACCESS_APPROVE, sql_text(rows, 0)))
			continue;
		js_open(j, '{');
		js_ktext(j, "repository", sql_text(rows, 0));
		js_ktext(j, "account", sql_text(rows, 1));
		js_ktext(j, "address", sql_text(rows, 2));
		js_ktime(j, "last", (uint64_t)sql_int(rows, 3));
		js_kint(j, "count", sql_int(rows, 4));
		js_close(j, '}');
		found++;
	}
	js_close(j, ']');
	js_close(j, '}');
	return OK;
}

enum err_code api_decisions(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	struct slice digest = api_param(a, "digest");
	bool all = slice_eqs(api_param(a, "ended"), "true");
	AUTO_BUF next = BUF(64);
	int64_t after = param_int(a, "after");
	uint64_t n = api_limit(a, 100), found = 0;
	TRY(sql_query(tx, &rows, e, "SELECT id, kind, repositories, digest, findings, waiver, reason, account, created_s, until_s, ended_s, ended_why FROM decision"
		      " WHERE (?1 = 0 OR id < ?1) AND (?2 = '' OR digest = ?2) AND (?3 <> 0 OR ended_s = 0) ORDER BY id DESC LIMIT ?4", "itii", after,
		      digest.n ? digest : SL(""), (int64_t)all, (int64_t)SCAN));
	list_open(a, "decisions");
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		/* Reasons are for those who may pull there (GATE.md 13), or decide there. */
		if (!api_may_pattern(a, ACCESS_PULL, sql_text(rows, 2)) && !api_may_pattern(a, ACCESS_APPROVE, sql_text(rows, 2)))
			continue;
		js_open(j, '{');
		js_kint(j, "id", sql_int(rows, 0));
		js_ktext(j, "kind", sql_text(rows, 1));
		js_ktext(j, "repositories", sql_text(rows, 2));
		js_ktext(j, "digest", sql_text(rows, 3));
		js_kraw(j, "findings", sql_text(rows, 4).n ? sql_text(rows, 4) : SL("[]"));
		js_ktext(j, "waiver", sql_text(rows, 5));
		js_ktext(j, "reason", sql_text(rows, 6));
		js_ktext(j, "by", sql_text(rows, 7));
		js_ktime(j, "created", (uint64_t)sql_int(rows, 8));
		js_ktime(j, "until", (uint64_t)sql_int(rows, 9));
		js_ktime(j, "ended", (uint64_t)sql_int(rows, 10));
		js_ktext(j, "ended_why", sql_text(rows, 11));
		js_close(j, '}');
		buf_clear(&next);
		buf_printf(&next, "%lld", (long long)sql_int(rows, 0));
		found++;
	}
	list_close(a, found == n ? buf_slice(&next) : SL(""));
	return OK;
}

enum err_code api_requests(struct api *a, struct sql_tx *tx, struct err *e)
{
	static const char *const states[] = { "open", "granted", "declined" };
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	bool all = slice_eqs(api_param(a, "answered"), "true");
	AUTO_BUF next = BUF(64);
	uint64_t n = api_limit(a, 100), found = 0;
	TRY(sql_query(tx, &rows, e, "SELECT q.id, r.name, q.digest, q.reason, q.account, q.created_s, q.state, q.answered_by FROM request q JOIN repo r ON r.id = q.repo_id"
		      " WHERE q.id > ?1 AND (?2 <> 0 OR q.state = 0) ORDER BY q.id LIMIT ?3", "iii", param_int(a, "after"), (int64_t)all, (int64_t)SCAN));
	list_open(a, "requests");
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		int64_t state = sql_int(rows, 6);
		if (!api_may(a, ACCESS_PULL, sql_text(rows, 1)))
			continue;
		js_open(j, '{');
		js_kint(j, "id", sql_int(rows, 0));
		js_ktext(j, "repository", sql_text(rows, 1));
		js_ktext(j, "digest", sql_text(rows, 2));
		js_ktext(j, "reason", sql_text(rows, 3));
		js_ktext(j, "by", sql_text(rows, 4));
		js_ktime(j, "created", (uint64_t)sql_int(rows, 5));
		js_ktext(j, "state", slice_str(state >= 0 && state < 3 ? states[state] : "unknown"));
		js_ktext(j, "answered_by", sql_text(rows, 7));
		js_close(j, '}');
		buf_clear(&next);
		buf_printf(&next, "%lld", (long long)sql_int(rows, 0));
		found++;
	}
	list_close(a, found == n ? buf_slice(&next) : SL(""));
	return OK;
}

enum err_code api_nodes(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	TRY(sql_query(tx, &rows, e, "SELECT name, role, version, started_ms, seen_ms FROM node ORDER BY name LIMIT ?1", "i", (int64_t)API_MOST_ITEMS));
	list_open(a, "nodes");
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			break;
		js_open(j, '{');
		js_ktext(j, "name", sql_text(rows, 0));
		js_ktext(j, "role", sql_text(rows, 1));
		js_ktext(j, "version", sql_text(rows, 2));
		js_ktime(j, "started", (uint64_t)sql_int(rows, 3) / 1000);
		js_ktime(j, "seen", (uint64_t)sql_int(rows, 4) / 1000);
		js_kbool(j, "alive", (uint64_t)sql_int(rows, 4) + 30000 > store_now_ms());
		js_close(j, '}');
	}
	list_close(a, SL(""));
	return OK;
}

static enum err_code on_letter(void *arg, const struct store_delivery *d, struct err *e)
{
	struct js *j = arg;
	(void)e;
	js_open(j, '{');
	js_kint(j, "id", d->id);
	js_ktext(j, "url", d->url);
	js_kint(j, "attempts", d->attempts);
	js_ktext(j, "error", d->error);
	js_kint(j, "event", d->event.seq);
	js_ktext(j, "type", d->event.type);
	js_ktime(j, "at", d->event.at_ms / 1000);
	js_close(j, '}');
	return OK;
}

enum err_code api_dead_letters(struct api *a, struct sql_tx *tx, struct err *e)
{
	list_open(a, "dead_letters");
	TRY(store_dead_letters(tx, api_limit(a, 100), on_letter, &a->j, e));
	list_close(a, SL(""));
	return OK;
}
