/* Uploads that nobody goes on with; bytes and uploads that no row knows (a crash between the two). */
#include <stdio.h>
#include "keep.h"

static void upload_row(struct keep *k, struct sql_rows *rows, struct keep_item *to)
{
	to->digest = arena_dup(k->arena, sql_text(rows, 0));
	to->name = arena_dup(k->arena, sql_text(rows, 1));
	to->number = sql_int(rows, 2);
}

static enum err_code old_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT id, state, updated_s FROM upload WHERE id > ?1 AND updated_s < ?2 ORDER BY id LIMIT"
		      " 8", "zi", k->after,
		      keep_before(k, k->r->upload_keep_s)));
	return keep_collect(k, rows, upload_row, e);
}

/* The row first: who goes on with it now finds none. A crash before the bytes go leaves them to keep_walk. */
static enum err_code forget_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	k->done = 0;
	for (size_t i = 0; i < k->n; i++) {
		int64_t changes;
		TRY(sql_run(tx, &changes, e, "DELETE FROM upload WHERE id = ?1 AND updated_s = ?2", "ti", k->items[i].digest,
			    k->items[i].number));
		k->items[i].repo_id = changes;
		k->done += (uint64_t)changes;
	}
	return OK;
}

enum err_code keep_uploads(struct keep *k, struct err *e)
{
	k->after[0] = 0;
	while (k->r->upload_keep_s) {
		AUTO_ARENA a = ARENA(4 << 20);	/* a state has up to 64 KiB */
		k->arena = &a;
		TRY(keep_find(k, old_tx, e));
		if (!k->n)
			return OK;
		k->done = k->n;
		if (!k->r->dry)
			TRY(sql_write(k->s->sql, forget_tx, k, e));
		for (size_t i = 0; i < k->n && !k->r->dry; i++) {
			char id[BLOB_ID_BYTES];
			snprintf(id, sizeof(id), "%.*s", SLICE_ARG(k->items[i].digest));
			if (k->items[i].repo_id)
				TRY(blob_upload_remove(k->s->blobs, id, k->items[i].name, e));
		}
		k->counts->uploads += k->done;
		snprintf(k->after, sizeof(k->after), "%.*s", SLICE_ARG(k->items[k->n - 1].digest));
	}
	return OK;
}

/* --- What no row knows --------------------------------------------------------------------------------------------------------------------- */

struct stray { struct keep *k; struct slice name; uint64_t size; bool known, uploads, more; };

static enum err_code known_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct stray *s = arg;
	int64_t n;
	TRY(s->uploads ? sql_one_int(tx, &n, e, "SELECT count(*) FROM upload WHERE id = ?1", "t", s->name) :
	    sql_one_int(tx, &n, e, "SELECT count(*) FROM blob WHERE digest = ?1", "t", s->name));
	s->known = n > 0;
	return OK;
}

/* A going row makes it garbage like all other: whoever brings the same bytes right now waits for its end. */
static enum err_code going_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct stray *s = arg;
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "INSERT INTO blob (digest, size, state, created_s, used_s) VALUES (?1, ?2, 1, ?3, ?3) ON"
		    " CONFLICT (digest) DO NOTHING", "tii", s->name,
		    (int64_t)s->size, s->k->now));
	s->known = !changes;
	return OK;
}

static enum err_code on_stray(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e)
{
	struct stray *s = arg;
	struct keep *k = s->k;
	uint64_t age = s->uploads ? k->r->upload_keep_s : k->r->grace_s;
	TRY(keep_pause(k, e));
	if ((int64_t)modified_s >= keep_before(k, age))
		return OK;
	s->name = name;
	s->size = size;
	TRY(sql_read(k->s->sql, known_tx, s, e));
	if (s->known)
		return OK;
	*(s->uploads ? &k->counts->uploads : &k->counts->blobs) += k->r->dry;
	if (k->r->dry)
		return OK;
	if (!s->uploads) {
		s->more = true;
		return sql_write(k->s->sql, going_tx, s, e);
	}
	char id[BLOB_ID_BYTES];
	snprintf(id, sizeof(id), "%.*s", SLICE_ARG(name));
	TRY(blob_upload_remove(k->s->blobs, id, SLICE_NULL, e));
	k->counts->uploads++;
	return OK;
}

enum err_code keep_walk(struct keep *k, struct err *e)
{
	struct stray s = { .k = k };
	if (!k->r->walk)
		return OK;
	TRY(blob_walk(k->s->blobs, on_stray, &s, e));
	s.uploads = true;
	if (k->r->upload_keep_s)
		TRY(blob_walk_uploads(k->s->blobs, on_stray, &s, e));
	return s.more ? keep_blobs_going(k, e) : OK;
}
