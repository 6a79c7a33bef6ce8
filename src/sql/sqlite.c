/* SQLite: opening, closing, reading. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "sqlite_inside.h"

static void lite_close(struct sql *base)
{
	struct lite *db = (struct lite *)base;
	sql_lite_stop_writing(db);
	if (db->listening) {
		pthread_mutex_lock(&db->mutex);
		pthread_cond_signal(&db->changed);
		pthread_mutex_unlock(&db->mutex);
		pthread_join(db->listener, NULL);
	}
	for (size_t i = 0; i < db->base.connections; i++)
		sql_lite_disconnect(db->readers[i]);
	pthread_mutex_destroy(&db->mutex);
	pthread_cond_destroy(&db->work);
	pthread_cond_destroy(&db->keep);
	pthread_cond_destroy(&db->changed);
	sql_pool_destroy(&db->pool);
	sql_base_destroy(base);
	free(db->path);
	free(db);
}

static enum err_code lite_read(struct sql *base, sql_tx_fn *fn, void *arg, struct err *e)
{
	struct lite *db = (struct lite *)base;
	struct err ignored;
	unsigned i;
	TRY(sql_pool_take(&db->pool, base->busy_ms, &i, e));
	enum err_code rc = OK;
	if (!db->readers[i])
		rc = sql_lite_connect(db, true, &db->readers[i], e);
	struct lite_conn *c = db->readers[i];
	if (rc == OK) {
		sql_tx_begin(&c->tx, base, true);
		rc = sql_lite_exec(c, "BEGIN", e);
	}
	if (rc == OK) {
		rc = sql_tx_run(&c->tx, fn, arg, e);
		if (sql_lite_exec(c, "ROLLBACK", &ignored) != OK && !sqlite3_get_autocommit(c->h)) {
			sql_lite_disconnect(c);
			db->readers[i] = NULL;
		}
	}
	sql_pool_give(&db->pool, i);
	return rc;
}

unsigned long sql_lite_commits(const struct sql *db) { return atomic_load(&((const struct lite *)db)->commits); }

/* BEGIN IMMEDIATE is the lock. */
static enum err_code lite_migration_lock(struct sql_tx *tx, struct err *e)
{
	(void)tx, (void)e;
	return OK;
}

static const struct sql_backend lite_backend = {
	.kind = SQL_SQLITE,
	.close = lite_close,
	.read = lite_read,
	.write = sql_lite_write,
	.run = sql_lite_run,
	.query = sql_lite_query,
	.next = sql_lite_next,
	.rows_close = sql_lite_rows_close,
	.is_null = sql_lite_is_null,
	.get_int = sql_lite_int,
	.get = sql_lite_get,
	.script = sql_lite_script,
	.migration_lock = lite_migration_lock,
	.announce = sql_lite_announce,
	.listen = sql_lite_listen,
	.backup = sql_lite_backup,
	.has_table = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
};

/* For its owner only, and so are the files that SQLite puts beside it. Made without opening it: closing a descriptor of a file
 * gives up all locks that this process has on it. */
static enum err_code make_private(const char *path, struct err *e)
{
	if (mknod(path, S_IFREG | 0600, 0) && errno != EEXIST)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "make the database '%s'", path);
	return OK;
}

enum err_code sql_lite_open(const struct sql_options *o, const char *where, struct sql **ret, struct err *e)
{
	TRY(sql_lite_load(e));
	TRY(make_private(where, e));
	struct lite *db = calloc(1, sizeof(*db));
	char *path = strdup(where);
	if (!db || !path) {
		free(db);
		free(path);
		return err_set(e, ERR_NOMEM, 0, "no memory for the database");
	}
	sql_base_init(&db->base, &lite_backend, o);
	db->path = path;
	db->last = &db->first;
	pthread_mutex_init(&db->mutex, NULL);
	sql_cond_init(&db->work);
	sql_cond_init(&db->keep);
	sql_cond_init(&db->changed);
	sql_pool_init(&db->pool, db->base.connections);
	*ret = &db->base;
	return OK;
}
