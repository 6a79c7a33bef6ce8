/* The audit chain's rows. */
#include <stdio.h>
#include "codec.h"
#include "store_journal.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

void audit_hash(struct slice before, struct slice line, char ret[AUDIT_HASH_BYTES])
{
	uint8_t h[DIGEST_MAX_BYTES] = { 0 };
	AUTO_DIGEST d = NULL;
	struct err e;
	if (digest_open(DIGEST_SHA256, &d, &e) == OK) {
		digest_update(d, before);
		digest_update(d, line);
		digest_final(d, h);
	}
	hex_encode(ret, h, 32);
}

/* A row that is updated holds other writers back until this transaction ends: so numbers have no gaps and the chain one order. */
static enum err_code take_turn(struct sql_tx *tx, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "INSERT INTO setting (name, value) VALUES ('audit.turn', '') ON CONFLICT (name) DO NOTHING", ""));
	return sql_run(tx, NULL, e, "UPDATE setting SET value = '' WHERE name = 'audit.turn'", "");
}

enum err_code store_audit_last(struct sql_tx *tx, bool lock, int64_t *ret_seq, char ret_hash[AUDIT_HASH_BYTES], struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	if (lock)
		TRY(take_turn(tx, e));
	TRY(sql_query(tx, &rows, e, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", ""));
	TRY(sql_next(rows, &row, e));
	*ret_seq = row ? sql_int(rows, 0) : 0;
	struct slice hash = row ? sql_text(rows, 1) : slice_str(zeros);
	snprintf(ret_hash, AUDIT_HASH_BYTES, "%.*s", SLICE_ARG(hash));
	return OK;
}

enum err_code store_audit_add(struct sql_tx *tx, int64_t seq, struct slice before, struct slice line, struct err *e)
{
	char hash[AUDIT_HASH_BYTES];
	if (line.n > AUDIT_LINE_MAX)
		return err_set(e, ERR_LIMIT, 0, "an audit record of more than %d bytes", AUDIT_LINE_MAX);
	audit_hash(before, line, hash);
	return sql_run(tx, NULL, e, "INSERT INTO audit (seq, line, hash) VALUES (?1, ?2, ?3)", "itz", seq, line, hash);
}

enum err_code store_audit_read(struct sql_tx *tx, int64_t after, uint64_t n, store_audit_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT seq, line, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2", "ii", after, (int64_t)MIN(n, (uint64_t)INT64_MAX)));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		TRY(fn(arg, sql_int(rows, 0), sql_text(rows, 1), sql_text(rows, 2), e));
	}
}
