/* Which packages new advisories speak of: hashes of what they said before are compared with what they say now. */
#include "catalogue.h"
#include "catalogue_inside.h"
#include "os.h"
#include "rejudge.h"
#include "store.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1024, REHASH_ARENA = 8 << 20 };

struct rehash_row { int64_t id; uint64_t old; struct slice os, body; bool system; };
struct rehash {
	struct rejudge *rj;
	struct arena *arena;
	struct rehash_row *rows;
	size_t n, cap;
	uint64_t hashes[BATCH];
	int64_t after;
	char from[64];
	const char *to;
	uint32_t *ids;			/* of what changed */
	size_t n_ids, cap_ids;
};

static enum err_code read_batch(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rehash *k = arg;
	AUTO_SQL_ROWS rows = NULL;
	k->rows = NULL;
	k->n = k->cap = 0;
	TRY(sql_query(tx, &rows, e, "SELECT id, match_hash, os, body, purl FROM package WHERE id > ?1 ORDER BY id LIMIT 1024", "i", k->after));
	for (;;) {
		bool row;
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct rehash_row *to = arena_push(k->arena, &k->rows, &k->n, &k->cap, sizeof(*to));
		if (to)
			*to = (struct rehash_row){ sql_int(rows, 0), (uint64_t)sql_int(rows, 1), arena_dup(k->arena, sql_text(rows, 2)),
						   arena_dup(k->arena, sql_bytes(rows, 3)), slice_eqs(sql_text(rows, 4), "os:") };
		TRY(arena_ok(k->arena, "a batch of packages", e));
	}
}

static void read_os(struct slice text, struct os_info *ret)
{
	struct os_info os = { 0 };
	struct slice *const parts[] = { &os.id, &os.version_id, &os.codename, &os.name };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!slice_next_piece(&text, '|', parts[i]))
			break;
	*ret = os;
}

static enum err_code hash_one(struct rehash *k, size_t i, struct err *e)
{
	struct os_info os;
	struct package p;
	read_os(k->rows[i].os, &os);
	if (k->rows[i].system)
		return rejudge_system_hash(k->rj, &os, os_now_s(), &k->hashes[i], e);
	catalogue_package_read(k->rows[i].body, &p);
	return rejudge_package_hashes(k->rj, &os, &p, 1, &k->hashes[i], e);
}

static enum err_code write_batch(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rehash *k = arg;
	for (size_t i = 0; i < k->n; i++)
		if (k->hashes[i] != k->rows[i].old)
			TRY(sql_run(tx, NULL, e, "UPDATE package SET match_hash = ?2 WHERE id = ?1", "ii", k->rows[i].id, (int64_t)k->hashes[i]));
	return OK;
}

static enum err_code keep_changed(struct rehash *k, struct err *e)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->hashes[i] == k->rows[i].old)
			continue;
		if (k->n_ids == k->cap_ids) {
			size_t cap = k->cap_ids ? 2 * k->cap_ids : 1024;
			uint32_t *more = realloc(k->ids, cap * sizeof(*more));
			if (!more)
				return err_set(e, ERR_NOMEM, 0, "out of memory");
			k->ids = more;
			k->cap_ids = cap;
		}
		k->ids[k->n_ids++] = (uint32_t)k->rows[i].id;
	}
	return OK;
}

static enum err_code all_batches(struct sql *db, struct rehash *k, struct err *e)
{
	do {
		AUTO_ARENA a = ARENA(REHASH_ARENA);
		k->arena = &a;
		TRY(sql_read(db, read_batch, k, e));
		for (size_t i = 0; i < k->n; i++)
			TRY(hash_one(k, i, e));
		TRY(keep_changed(k, e));
		TRY(sql_write(db, write_batch, k, e));
		if (k->n)
			k->after = k->rows[k->n - 1].id;
	} while (k->n == BATCH);
	return OK;
}

static enum err_code read_from(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rehash *k = arg;
	AUTO_ARENA a = ARENA(4096);
	struct slice was = SLICE_NULL;
	enum err_code code = store_setting_get(tx, "hashed_with", &a, &was, e);
	snprintf(k->from, sizeof(k->from), "%.*s", SLICE_ARG(was));
	return code == ERR_NOT_FOUND ? OK : code;
}

/* First what is to be: if this stops halfway, the reports that are still of `from` are matched anew, all of them, which is slow but right. */
static enum err_code write_to(struct sql_tx *tx, void *arg, struct err *e)
{
	struct rehash *k = arg;
	return store_setting_put(tx, "hashed_with", slice_str(k->to), e);
}

enum err_code catalogue_rehash(struct sql *db, struct rejudge *rj, char ret_from[64], uint32_t **ret_ids, size_t *ret_n, struct err *e)
{
	struct rejudge_generation data;
	rejudge_generation(rj, &data);
	struct rehash k = { .rj = rj, .to = data.advisories };
	TRY(sql_read(db, read_from, &k, e));
	enum err_code code = OK;
	if (strcmp(k.from, k.to)) {
		code = sql_write(db, write_to, &k, e);
		if (code == OK)
			code = all_batches(db, &k, e);
	}
	if (code != OK) {
		free(k.ids);
		return code;
	}
	memcpy(ret_from, k.from, sizeof(k.from));
	*ret_ids = k.ids;
	*ret_n = k.n_ids;
	return OK;
}
