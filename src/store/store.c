/* Opening, settings. */
#include "store.h"
#include "os.h"
#include <time.h>

enum err_code store_open(const struct store_options *o, struct store *ret, struct err *e)
{
	struct sql_options so = { .url = o->database_url, .connections = o->connections, .migrations = store_migrations, .n_migrations = store_migrations_n };
	struct store s = { 0 };
	TRY(sql_open(&so, &s.sql, e));
	if (blob_open(o->blobs, &s.blobs, e) != OK) {
		sql_close(s.sql);
		return e->code;
	}
	*ret = s;
	return OK;
}

void store_close(struct store *s)
{
	blob_close(s->blobs);
	sql_close(s->sql);
	*s = (struct store){ 0 };
}

enum err_code store_setting_get(struct sql_tx *tx, const char *name, struct arena *a, struct slice *ret, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT value FROM setting WHERE name = ?1", "z", name));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "no setting '%s'", name);
	*ret = arena_dup(a, sql_text(rows, 0));
	return arena_ok(a, "a setting", e);
}

enum err_code store_setting_put(struct sql_tx *tx, const char *name, struct slice value, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "zt", name, value);
}

uint64_t store_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}
