/* Blobs that nothing names any more. The protocol stands in store_keep.h. */
#include <stdio.h>
#include <time.h>
#include "keep.h"
#include "os.h"

/* Of `blob b`: a manifest whose content counts as here, or that is being inspected, names it. */
#define NEEDED "EXISTS (SELECT 1 FROM manifest_ref f JOIN repo_manifest m ON m.digest = f.digest WHERE f.child = b.digest AND f.kind < 2 AND (m.gone_s = 0 OR" \
	       " EXISTS (SELECT 1 FROM job j WHERE j.kind = 'inspect' AND j.repo_id = m.repo_id AND j.digest = m.digest AND j.state < 2)))"

static void blob_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->digest = arena_dup(k->arena, sql_text(rows, 0));
	to->size = (uint64_t)sql_int(rows, 1);
}

static enum err_code unneeded_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT b.digest, b.size FROM blob b WHERE b.state = 0 AND b.used_s < ?1 AND b.digest > ?2"
		      " AND NOT " NEEDED
		      " ORDER BY b.digest LIMIT 64", "iz", keep_before(k, k->r->grace_s), k->after));
	return keep_collect(k, rows, blob_row, e);
}

static enum err_code mark_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	int64_t cutoff = keep_before(k, k->r->grace_s), changes, needed;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++) {
		struct keep_item *b = &k->items[i];
		b->number = 0;
		TRY(sql_run(tx, &changes, e, "UPDATE blob SET used_s = used_s WHERE digest = ?1 AND state = 0 AND used_s < ?2",
			    "ti", b->digest, cutoff));
		if (!changes)
			continue;
		TRY(sql_one_int(tx, &needed, e, "SELECT count(*) FROM blob b WHERE b.digest = ?1 AND " NEEDED, "t", b->digest));
		if (needed)
			continue;
		TRY(sql_run(tx, NULL, e, "UPDATE blob SET state = 1 WHERE digest = ?1", "t", b->digest));
		TRY(sql_run(tx, NULL, e, "DELETE FROM repo_blob WHERE digest = ?1", "t", b->digest));
		b->number = 1;
		k->done++;
	}
	return k->done ? sql_announce(tx, e) : OK;
}

/* Those whose bytes are away. */
static enum err_code forget_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++) {
		int64_t changes;
		if (!k->items[i].number)
			continue;
		TRY(sql_run(tx, &changes, e, "DELETE FROM blob WHERE digest = ?1 AND state = 1", "t", k->items[i].digest));
		k->done += (uint64_t)changes;
	}
	return OK;
}

/* Steps 2 and 3 for the items with a number. What could not be removed stays going, for the next time. */
static enum err_code remove_bytes(struct keep *k, struct err *e)
{
	enum err_code first = OK;
	for (size_t i = 0; i < k->n; i++) {
		struct err why = { 0 };
		if (!k->items[i].number)
			continue;
		enum err_code code = first == OK ? keep_pause(k, &why) : first;
		if (code == OK)
			code = blob_remove(k->s->blobs, k->items[i].digest, &why);
		if (code == OK || code == ERR_NOT_FOUND)
			continue;
		k->items[i].number = 0;
		if (first == OK) {
			first = code;
			*e = why;
		}
	}
	struct err why = { 0 };
	uint64_t bytes = 0;
	for (size_t i = 0; i < k->n; i++)
		bytes += k->items[i].number ? k->items[i].size : 0;
	enum err_code code = sql_write(k->s->sql, forget_tx, k, &why);
	if (code == OK) {
		k->counts->blobs += k->done;
		k->counts->bytes += bytes;
	} else if (first == OK) {
		first = code;
		*e = why;
	}
	return first;
}

enum found { UNNEEDED, GOING };

static enum err_code going_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT digest, size FROM blob WHERE state = 1 AND digest > ?1 ORDER BY digest LIMIT 64",
		      "z", k->after));
	return keep_collect(k, rows, blob_row, e);
}

static enum err_code all(struct keep *k, enum found what, struct err *e)
{
	bool more = true;
	k->after[0] = 0;
	while (more) {
		AUTO_ARENA a = ARENA(1 << 20);
		k->arena = &a;
		TRY(keep_find(k, what == GOING ? going_tx : unneeded_tx, e));
		more = k->n == KEEP_BATCH;
		for (size_t i = 0; i < k->n; i++)
			k->items[i].number = 1;
		if (k->n)
			snprintf(k->after, sizeof(k->after), "%.*s", SLICE_ARG(k->items[k->n - 1].digest));
		if (k->r->dry) {
			k->counts->blobs += k->n;
			for (size_t i = 0; i < k->n; i++)
				k->counts->bytes += k->items[i].size;
			continue;
		}
		if (what == UNNEEDED && k->n)
			TRY(sql_write(k->s->sql, mark_tx, k, e));
		if (k->n)
			TRY(remove_bytes(k, e));
	}
	return OK;
}

enum err_code keep_blobs(struct keep *k, struct err *e) { return all(k, UNNEEDED, e); }
enum err_code keep_blobs_going(struct keep *k, struct err *e) { return all(k, GOING, e); }

/* --- Those who rely on blobs ------------------------------------------------------------------------------------------------------ */

enum { SETTLE_TRIES = 200 };
struct settling { int64_t repo_id; struct slice digest, account; uint64_t size; bool going; };

static enum err_code put_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct settling *s = arg;
	return store_blob_put(tx, s->repo_id, s->digest, s->size, s->account, e);
}

static enum err_code is_going_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct settling *s = arg;
	return store_blob_going(tx, s->digest, &s->going, e);
}

enum err_code store_blob_settle(struct store *s, int64_t repo_id, struct slice digest, uint64_t size, struct slice account,
				struct err *e)
{
	struct settling w = { repo_id, digest, account, size, false };
	for (int i = 0; i < SETTLE_TRIES; i++) {
		uint64_t is;
		enum err_code code = sql_write(s->sql, put_tx, &w, e);
		if (code != ERR_CANCELLED)
			return code;
		do {
			nanosleep(&(struct timespec){ .tv_nsec = 25000000 }, NULL);
			TRY(sql_read(s->sql, is_going_tx, &w, e));
		} while (w.going && ++i < SETTLE_TRIES);
		if (!w.going && blob_stat(s->blobs, digest, &is, e) != OK)
			return e->code == ERR_NOT_FOUND ? err_set(e, ERR_TIMEOUT, 0, "the content was removed while it came") :
				e->code;
	}
	return err_set(e, ERR_TIMEOUT, 0, "the content is being removed");
}

enum err_code store_manifest_pin(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "UPDATE repo_manifest SET untagged_s = 0 WHERE repo_id = ?1 AND digest = ?2", "it", repo_id,
		    digest));
	return changes ? OK : err_set(e, ERR_NOT_FOUND, 0, "no such manifest in this repository");
}

/* In order of digest, like everybody who pins several. */
static const struct store_ref *next_ref(const struct store_manifest *m, struct slice after)
{
	const struct store_ref *next = NULL;
	for (size_t i = 0; i < m->n_refs; i++) {
		const struct store_ref *r = &m->refs[i];
		if (r->kind != STORE_REF_CHILD && !r->foreign && slice_cmp(r->digest, after) > 0 && (!next ||
				slice_cmp(r->digest, next->digest) < 0))
			next = r;
	}
	return next;
}

enum err_code store_manifest_here(struct sql_tx *tx, int64_t repo_id, const struct store_manifest *m, struct err *e)
{
	for (const struct store_ref *r = next_ref(m, SL("")); r; r = next_ref(m, r->digest)) {
		enum err_code code = store_blob_pin(tx, r->digest, NULL, e);
		if (code == ERR_NOT_FOUND)
			return err_set(e, ERR_CANCELLED, 0, "the blob %.19s went away during the inspection",
				       (const char *)r->digest.p);
		if (code != OK)
			return code;
	}
	return sql_run(tx, NULL, e, "UPDATE repo_manifest SET gone_s = 0, created_s = CASE WHEN origin = 1 THEN ?3 ELSE"
		       " created_s END WHERE repo_id = ?1 AND digest = ?2"
		       " AND gone_s > 0", "iti", repo_id, m->digest, (int64_t)os_now_s());
}

enum err_code store_blob_lost(struct sql_tx *tx, struct slice digest, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "UPDATE repo_manifest SET gone_s = ?2 WHERE gone_s = 0 AND digest IN (SELECT digest FROM"
		    " manifest_ref WHERE child = ?1 AND kind < 2)", "ti",
		    digest, (int64_t)os_now_s()));
	TRY(sql_run(tx, NULL, e, "DELETE FROM repo_blob WHERE digest = ?1", "t", digest));
	TRY(sql_run(tx, NULL, e, "UPDATE blob SET state = 1 WHERE digest = ?1", "t", digest));
	return sql_announce(tx, e);
}
