/* Events and their deliveries to webhooks. */
#include "store_journal.h"

enum err_code store_event_add(struct sql_tx *tx, const struct store_event *v, int64_t *ret_seq, struct err *e)
{
	return sql_one_int(tx, ret_seq, e, "INSERT INTO event (at_ms, type, repository, digest, body) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING seq", "itttt",
			   (int64_t)v->at_ms, v->type, v->repository, v->digest, v->body);
}

static struct store_event event_of(struct sql_rows *rows, int at)
{
	return (struct store_event){
		.seq = sql_int(rows, at), .at_ms = (uint64_t)sql_int(rows, at + 1), .type = sql_text(rows, at + 2), .repository = sql_text(rows, at + 3),
		.digest = sql_text(rows, at + 4), .body = sql_text(rows, at + 5),
	};
}

enum err_code store_events(struct sql_tx *tx, int64_t after, uint64_t n, store_event_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT seq, at_ms, type, repository, digest, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2", "ii", after,
		      (int64_t)MIN(n, (uint64_t)INT64_MAX)));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct store_event v = event_of(rows, 0);
		TRY(fn(arg, &v, e));
	}
}

enum err_code store_event_last(struct sql_tx *tx, int64_t *ret_seq, struct err *e)
{
	return sql_one_int(tx, ret_seq, e, "SELECT COALESCE(MAX(seq), 0) FROM event", "");
}

enum err_code store_delivery_add(struct sql_tx *tx, int64_t event_seq, struct slice url, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO delivery (event_seq, url, state, attempts, next_ms, owner, lease_until_ms, error)"
		       " VALUES (?1, ?2, 0, 0, 0, '', 0, '') ON CONFLICT (event_seq, url) DO NOTHING", "it", event_seq, url);
}

static enum err_code event_get(struct sql_tx *tx, int64_t seq, struct arena *a, struct store_event *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT seq, at_ms, type, repository, digest, body FROM event WHERE seq = ?1", "i", seq));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no event %lld", (long long)seq);
	struct store_event v = event_of(rows, 0);
	*ret = (struct store_event){ v.seq, v.at_ms, arena_dup(a, v.type), arena_dup(a, v.repository), arena_dup(a, v.digest), arena_dup(a, v.body) };
	return arena_ok(a, "an event", e);
}

enum err_code store_delivery_lease(struct sql_tx *tx, const char *owner, uint64_t lease_ms, struct arena *a, struct store_delivery *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	int64_t now = (int64_t)store_now_ms(), seq;
	TRY(sql_query(tx, &rows, e,
		      "UPDATE delivery SET owner = ?1, lease_until_ms = ?2, attempts = attempts + 1 WHERE id = (SELECT id FROM delivery WHERE state = 0 AND"
		      " next_ms <= ?3 AND lease_until_ms < ?3 ORDER BY next_ms, id LIMIT 1$LOCK) RETURNING id, url, attempts, event_seq", "zii", owner,
		      now + (int64_t)lease_ms, now));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "nothing is to be delivered");
	*ret = (struct store_delivery){ .id = sql_int(rows, 0), .url = arena_dup(a, sql_text(rows, 1)), .attempts = (unsigned)sql_int(rows, 2) };
	seq = sql_int(rows, 3);
	TRY(arena_ok(a, "a delivery", e));
	return event_get(tx, seq, a, &ret->event, e);
}

enum err_code store_delivery_sent(struct sql_tx *tx, int64_t id, struct err *e)
{
	return sql_run(tx, NULL, e, "UPDATE delivery SET state = 1, owner = '', lease_until_ms = 0, error = '' WHERE id = ?1", "i", id);
}

enum err_code store_delivery_failed(struct sql_tx *tx, int64_t id, struct slice url, struct slice error, uint64_t retry_ms, struct err *e)
{
	int64_t next = retry_ms == UINT64_MAX ? 0 : (int64_t)(store_now_ms() + retry_ms);
	TRY(sql_run(tx, NULL, e, "UPDATE delivery SET state = ?2, owner = '', lease_until_ms = 0, error = ?3, next_ms = ?4 WHERE id = ?1", "iiti", id,
		    (int64_t)(retry_ms == UINT64_MAX ? 2 : 0), error, next));
	if (retry_ms == UINT64_MAX)
		return OK;
	return sql_run(tx, NULL, e, "UPDATE delivery SET next_ms = ?2 WHERE url = ?1 AND state = 0 AND next_ms < ?2", "ti", url, next);
}

enum err_code store_dead_letters(struct sql_tx *tx, uint64_t n, store_delivery_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT e.seq, e.at_ms, e.type, e.repository, e.digest, e.body, d.id, d.url, d.attempts, d.error FROM delivery d JOIN event e"
		      " ON e.seq = d.event_seq WHERE d.state = 2 ORDER BY d.id DESC LIMIT ?1", "i", (int64_t)MIN(n, (uint64_t)INT64_MAX)));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct store_delivery d = {
			.event = event_of(rows, 0), .id = sql_int(rows, 6), .url = sql_text(rows, 7), .attempts = (unsigned)sql_int(rows, 8), .error = sql_text(rows, 9),
		};
		TRY(fn(arg, &d, e));
	}
}

enum err_code store_delivery_again(struct sql_tx *tx, int64_t id, struct err *e)
{
	int64_t changed;
	TRY(sql_run(tx, &changed, e, "UPDATE delivery SET state = 0, attempts = 0, next_ms = 0, error = '' WHERE id = ?1 AND state = 2", "i", id));
	return changed ? OK : err_set(e, ERR_NOT_FOUND, 0, "there is no dead letter %lld", (long long)id);
}

enum err_code store_events_drop(struct sql_tx *tx, uint64_t before_ms, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "DELETE FROM delivery WHERE state = 1 AND event_seq IN (SELECT seq FROM event WHERE at_ms < ?1)", "i", (int64_t)before_ms));
	return sql_run(tx, NULL, e, "DELETE FROM event WHERE at_ms < ?1 AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_seq = event.seq)", "i",
		       (int64_t)before_ms);
}
