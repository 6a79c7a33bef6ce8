/* Inside the room: what both databases share. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "os.h"
#include "sql.h"

#define SQL_MAX_PARAMS 64
#define SQL_MAX_CONNECTIONS 64
#define SQL_MAX_LISTENERS 8
#define SQL_MAX_STATEMENTS 512		/* kept prepared, a connection */
#define SQL_TEXT_MAX (256 * KIB)	/* of one statement or migration */
#define SQL_BUSY_MS 10000

/* A parameter. z comes as t, or as a null of that type. */
struct sql_value { char type; bool null; int64_t i; struct slice s; };

/* First member of a backend's rows. */
struct sql_rows { struct sql_tx *tx; struct sql_rows *next_open; };

/* First member of a backend's connection. */
struct sql_tx {
	struct sql *db;
	struct sql_rows *open;
	bool read_only, announced;
	bool failed;		/* a statement failed: nothing but a rollback can follow, on both databases alike */
	struct err why;
};

struct sql_backend {
	enum sql_kind kind;
	void (*close)(struct sql *db);
	enum err_code (*read)(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e);
	enum err_code (*write)(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e);
	enum err_code (*run)(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const struct sql_value *v, size_t n);
	enum err_code (*query)(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const struct sql_value *v, size_t n);
	enum err_code (*next)(struct sql_rows *rows, bool *ret_row, struct err *e);
	void (*rows_close)(struct sql_rows *rows);
	bool (*is_null)(struct sql_rows *rows, int column);
	int64_t (*get_int)(struct sql_rows *rows, int column);
	struct slice (*get)(struct sql_rows *rows, int column, bool bytes);	/* not for nulls */
	/* Several statements without parameters; the lock that makes migrations one at a time. */
	enum err_code (*script)(struct sql_tx *tx, const char *text, struct err *e);
	enum err_code (*migration_lock)(struct sql_tx *tx, struct err *e);
	enum err_code (*announce)(struct sql_tx *tx, struct err *e);
	enum err_code (*listen)(struct sql *db, struct err *e);	/* the first listener is there: start the thread */
	enum err_code (*backup)(struct sql *db, const char *path, struct err *e);
	const char *has_table;	/* a query with the table's name as ?1 that counts */
};

/* Connections taken one at a time, the lowest free one first, so that no more are opened than are needed at once. */
struct sql_pool {
	unsigned n;
	_Atomic uint64_t free;	/* a bit each */
	_Atomic unsigned waiters;
	pthread_mutex_t mutex;
	pthread_cond_t freed;
};
void sql_pool_init(struct sql_pool *p, unsigned n);
void sql_pool_destroy(struct sql_pool *p);
[[nodiscard]] enum err_code sql_pool_take(struct sql_pool *p, uint64_t wait_ms, unsigned *ret, struct err *e);
void sql_pool_give(struct sql_pool *p, unsigned i);

struct sql_listeners {
	pthread_mutex_t mutex, telling;	/* telling: held while they are called */
	struct { sql_change_fn *fn; void *arg; } item[SQL_MAX_LISTENERS];
	_Atomic unsigned n;
};
void sql_tell_listeners(struct sql *db, bool announced, bool alive);

/* First member of a backend's database. */
struct sql {
	const struct sql_backend *ops;
	unsigned connections;
	uint64_t busy_ms;
	struct sql_listeners listeners;
};
/* `where`: what follows "sqlite:", or the whole address. */
[[nodiscard]] enum err_code sql_lite_open(const struct sql_options *o, const char *where, struct sql **ret, struct err *e);
[[nodiscard]] enum err_code sql_pg_open(const struct sql_options *o, const char *where, struct sql **ret, struct err *e);
unsigned long sql_lite_commits(const struct sql *db);	/* so far, by this process; for tests */
void sql_base_init(struct sql *db, const struct sql_backend *ops, const struct sql_options *o);
void sql_base_destroy(struct sql *db);
[[nodiscard]] enum err_code sql_migrate(struct sql *db, const struct sql_options *o, struct err *e);

/* The text for one database: $ID, $INT, $BLOB, $LOCK and ?N outside of strings, quoted names and comments. *ret_params: the highest N. */
[[nodiscard]] enum err_code sql_translate(const char *sql, enum sql_kind kind, struct buf *out, unsigned *ret_params, struct err *e);
/* A migration's text: TEXT sorts by bytes on PostgreSQL, too. */
[[nodiscard]] enum err_code sql_translate_script(const char *sql, enum sql_kind kind, struct buf *out, unsigned *ret_params, struct err *e);

/* Remembers the first failure of a transaction; returns e's code. */
enum err_code sql_tx_fail(struct sql_tx *tx, const struct err *e);
void sql_tx_begin(struct sql_tx *tx, struct sql *db, bool read_only);
/* Runs fn, closes the rows it left open; a failure that fn did not pass on is one all the same. */
[[nodiscard]] enum err_code sql_tx_run(struct sql_tx *tx, sql_tx_fn *fn, void *arg, struct err *e);
void sql_rows_opened(struct sql_rows *rows, struct sql_tx *tx);
void sql_rows_forget(struct sql_rows *rows);

/* A thread that gets no signals. */
[[nodiscard]] enum err_code sql_thread(pthread_t *ret, void *(*run)(void *), void *arg, struct err *e);
void sql_cond_init(pthread_cond_t *c);	/* on the monotonic clock */
struct timespec sql_time(uint64_t monotonic_ns);
