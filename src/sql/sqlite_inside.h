/* Inside the SQLite half of the room. */
#pragma once
#include <sqlite3.h>
#include "inside.h"

#define LITE_BUCKETS 64

struct lite_stmt {
	struct sql_rows rows;	/* first */
	struct lite_stmt *next;
	const char *key;	/* the literal's address */
	char *text;		/* and what stood there */
	sqlite3_stmt *s;
	unsigned params;
	bool busy;		/* its rows are open */
	bool row, ended;	/* it stands on a row that was not asked for yet; no more will come */
};

struct lite_conn {
	struct sql_tx tx;	/* first */
	sqlite3 *h;
	struct lite_stmt *bucket[LITE_BUCKETS];
	unsigned statements;
	uint64_t busy_ms, busy_until_ns;
	uint64_t deadline_ns;	/* of what runs now; 0: busy_ms from when it first has to wait */
};

/* A write that waits for its commit; on its caller's stack. */
struct lite_write;

struct lite {
	struct sql base;	/* first */
	char *path;
	struct sql_pool pool;
	struct lite_conn *readers[SQL_MAX_CONNECTIONS];

	pthread_mutex_t mutex;			/* for what follows */
	pthread_cond_t work, keep, changed;
	bool stop, writing, listening;
	struct lite_write *first, **last;
	bool want_checkpoint, want_look;
	pthread_t writer, keeper, listener;

	struct lite_conn *write_conn;		/* the writer's own from here */
	_Atomic int wal_frames;			/* after the last commit */
	int inline_at;
	_Atomic uint64_t commits;		/* for the test of how many writes shared one */
};

[[nodiscard]] enum err_code sql_lite_load(struct err *e);
void sql_lite_config(sqlite3 *h, int option, int value);

/* sqlite_conn.c */
[[nodiscard]] enum err_code sql_lite_connect(struct lite *db, bool read_only, struct lite_conn **ret, struct err *e);
void sql_lite_disconnect(struct lite_conn *c);
enum err_code sql_lite_error(struct lite_conn *c, int rc, const char *sql, struct err *e);
[[nodiscard]] enum err_code sql_lite_exec(struct lite_conn *c, const char *sql, struct err *e);	/* a literal, prepared once */
[[nodiscard]] enum err_code sql_lite_prepare(struct lite_conn *c, const char *sql, struct lite_stmt **ret, struct err *e);

/* sqlite_stmt.c */
enum err_code sql_lite_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const struct sql_value *v, size_t n);
enum err_code sql_lite_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const struct sql_value *v, size_t n);
enum err_code sql_lite_next(struct sql_rows *rows, bool *ret_row, struct err *e);
void sql_lite_rows_close(struct sql_rows *rows);
bool sql_lite_is_null(struct sql_rows *rows, int column);
int64_t sql_lite_int(struct sql_rows *rows, int column);
struct slice sql_lite_get(struct sql_rows *rows, int column, bool bytes);
enum err_code sql_lite_script(struct sql_tx *tx, const char *text, struct err *e);

/* sqlite_write.c */
enum err_code sql_lite_write(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e);
void sql_lite_stop_writing(struct lite *db);

/* sqlite_keep.c */
void *sql_lite_keeper(void *arg);
void sql_lite_checkpoint_inline(struct lite *db);
enum err_code sql_lite_listen(struct sql *base, struct err *e);
enum err_code sql_lite_announce(struct sql_tx *tx, struct err *e);
enum err_code sql_lite_backup(struct sql *db, const char *path, struct err *e);
