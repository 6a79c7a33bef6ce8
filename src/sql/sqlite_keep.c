/* SQLite beside its transactions: checkpoints, listening, backup. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sqlite_inside.h"

/* --- Checkpoints ------------------------------------------------------------------------------------------------------
 * The keeper copies the log into the file while the writer goes on; neither waits for the other. Only when the log has grown large
 * (the writer never pauses, so the copy never catches up) does the writer copy the small rest itself, after which the log starts over. */

#define STEP_FRAMES 1000	/* new pages that are worth the syncs of a checkpoint */
#define INLINE_FRAMES 6000	/* 24 MiB */

void *sql_lite_keeper(void *arg)
{
	struct lite *db = arg;
	struct lite_conn *c = NULL;
	struct err e;
	int at = 0;
	for (;;) {
		pthread_mutex_lock(&db->mutex);
		while (!db->want_checkpoint && !db->stop)
			pthread_cond_wait(&db->keep, &db->mutex);
		bool stop = db->stop;
		db->want_checkpoint = false;
		pthread_mutex_unlock(&db->mutex);
		if (stop)
			break;
		int frames = atomic_load(&db->wal_frames);
		if (frames < at)	/* it started over */
			at = 0;
		if (frames < at + STEP_FRAMES || (!c && sql_lite_connect(db, false, &c, &e) != OK))
			continue;
		at = frames;
		/* A failure is not told: the records are safe in the log, the next one tries again, and a broken disk shows at commits. */
		(void)sqlite3_wal_checkpoint_v2(c->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	sql_lite_disconnect(c);
	return NULL;
}

void sql_lite_checkpoint_inline(struct lite *db)
{
	int frames = atomic_load(&db->wal_frames);
	if (frames < db->inline_at)
		db->inline_at = 0;
	/* A long reader keeps the log from starting over: not at every commit then. */
	if (frames < INLINE_FRAMES || frames < db->inline_at + STEP_FRAMES)
		return;
	db->inline_at = frames;
	(void)sqlite3_wal_checkpoint_v2(db->write_conn->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* --- Listening -------------------------------------------------------------------------------------------------------- */

#define POLL_NS 25000000
#define TELL_NS 1000000000

struct watch { int64_t version, count; bool alive; };

static enum err_code read_int(struct lite_conn *c, const char *sql, int64_t *ret, struct err *e)
{
	struct lite_stmt *st;
	TRY(sql_lite_prepare(c, sql, &st, e));
	int rc = sqlite3_step(st->s);
	int64_t v = rc == SQLITE_ROW ? sqlite3_column_int64(st->s, 0) : 0;
	enum err_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? OK : sql_lite_error(c, rc, sql, e);
	sqlite3_reset(st->s);
	if (code == OK)
		*ret = v;
	return code;
}

/* True when something was announced since the last look. */
static bool look(struct lite_conn *c, struct watch *w)
{
	struct err e;
	int64_t version, count;
	w->alive = false;
	if (read_int(c, "PRAGMA data_version", &version, &e) != OK)
		return false;
	if (version == w->version) {
		w->alive = true;
		return false;
	}
	if (read_int(c, "SELECT count FROM sql_changes WHERE one = 1", &count, &e) != OK)
		return false;
	bool announced = count != w->count;
	*w = (struct watch){ version, count, true };
	return announced;
}

static void *listener(void *arg)
{
	struct lite *db = arg;
	struct lite_conn *c = NULL;
	struct watch w = { -1, -1, true };	/* the first look is told as an announcement */
	struct err e;
	uint64_t told = 0;
	bool was_alive = true;
	for (;;) {
		pthread_mutex_lock(&db->mutex);
		struct timespec until = sql_time(os_monotonic_ns() + POLL_NS);
		while (!db->stop && !db->want_look && pthread_cond_timedwait(&db->changed, &db->mutex, &until) != ETIMEDOUT)
			;
		bool stop = db->stop;
		db->want_look = false;
		pthread_mutex_unlock(&db->mutex);
		if (stop)
			break;
		w.alive = false;
		bool announced = (c || sql_lite_connect(db, true, &c, &e) == OK) && look(c, &w);
		uint64_t now = os_monotonic_ns();
		if (!announced && w.alive == was_alive && now - told < TELL_NS)
			continue;
		told = now;
		was_alive = w.alive;
		sql_tell_listeners(&db->base, announced, w.alive);
	}
	sql_lite_disconnect(c);
	return NULL;
}

enum err_code sql_lite_listen(struct sql *base, struct err *e)
{
	struct lite *db = (struct lite *)base;
	pthread_mutex_lock(&db->mutex);
	enum err_code rc = sql_thread(&db->listener, listener, db, e);
	db->listening = rc == OK;
	db->want_look = true;
	pthread_mutex_unlock(&db->mutex);
	return rc;
}

enum err_code sql_lite_announce(struct sql_tx *tx, struct err *e)
{
	return sql_run(tx, NULL, e, "UPDATE sql_changes SET count = count + 1 WHERE one = 1", "");
}

/* --- Backup ------------------------------------------------------------------------------------------------------------- */

static enum err_code copy_into(struct lite_conn *c, const char *path, struct err *e)
{
	static const char sql[] = "VACUUM INTO ?1";
	struct lite_stmt *st;
	TRY(sql_lite_prepare(c, sql, &st, e));
	int rc = sqlite3_bind_text64(st->s, 1, path, strlen(path), SQLITE_STATIC, SQLITE_UTF8);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st->s);
	enum err_code code = rc == SQLITE_DONE ? OK : sql_lite_error(c, rc, sql, e);
	sqlite3_reset(st->s);
	return code;
}

static enum err_code sync_file(const char *path, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0600) || fsync(fd))
		return err_set(e, ERR_IO, errno, "sync the backup");
	return OK;
}

static enum err_code sync_dir_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, MAX((size_t)(slash - path), (size_t)1)) : strdup(".");
	if (!dir)
		return err_set(e, ERR_NOMEM, 0, "no memory for a path");
	AUTO_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0 || fsync(fd))
		return err_set(e, ERR_IO, errno, "sync the directory of the backup");
	return OK;
}

enum err_code sql_lite_backup(struct sql *base, const char *path, struct err *e)
{
	struct lite_conn *c;
	char *tmp;
	if (asprintf(&tmp, "%s.tmp-%d", path, (int)getpid()) < 0)
		return err_set(e, ERR_NOMEM, 0, "no memory for a path");
	unlink(tmp);	/* of a backup that was killed */
	enum err_code rc = sql_lite_connect((struct lite *)base, false, &c, e);
	if (rc == OK) {
		rc = copy_into(c, tmp, e);
		sql_lite_disconnect(c);
	}
	if (rc == OK)
		rc = sync_file(tmp, e);
	/* A link, not a rename: what is there already stays. */
	if (rc == OK && link(tmp, path))
		rc = err_set(e, errno == EEXIST ? ERR_USAGE : ERR_IO, errno, "make the backup");
	unlink(tmp);
	free(tmp);
	return rc == OK ? sync_dir_of(path, e) : rc;
}
