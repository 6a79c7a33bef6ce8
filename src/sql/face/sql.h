/* Records: one SQL dialect over SQLite (file, WAL) and PostgreSQL (libpq). Thread-safe. Logs nothing.
 *
 * SQL text is written once for both: parameters are ?1, ?2, … ; what both understand (INSERT … ON CONFLICT, RETURNING, CTEs) is used as it is, and
 * these words are replaced: $ID (an integer primary key that the database numbers), $INT (64-bit integer), $BLOB (bytes), $LOCK (" FOR UPDATE
 * SKIP LOCKED" on PostgreSQL, nothing on SQLite). SQL text is always a string literal: statements are prepared once a connection and kept by
 * its address. Values only ever come in as parameters. Strings, quoted names and comments are left as they are. Alike on both: LIKE minds
 * case, columns that migrations make as TEXT sort by bytes, "x" is a name and never a string, foreign keys are checked, ids are never
 * given twice. Not alike, so best not used: types that are neither TEXT, $INT nor $BLOB; scalar min and max; comparing a number with
 * text. At most 64 parameters. */
#pragma once
#include "base.h"

enum sql_kind { SQL_SQLITE, SQL_POSTGRES };

/* Numbered steps, run in order in one transaction each, under a lock that other processes respect; a database newer than the program
 * is ERR_UNSUPPORTED. Each text may hold several statements. */
struct sql_migration { int number; const char *what, *text; };

struct sql_options {
	const char *url;		/* "sqlite:PATH", or "postgresql://…" / "postgres://…" as libpq takes it */
	unsigned connections;		/* at most, beside those for writing and listening; 0: 4 */
	const struct sql_migration *migrations;
	size_t n_migrations;
	uint64_t busy_ms;		/* waiting for another process' lock, or for a lost PostgreSQL to return; 0: 10 s */
};

struct sql;
[[nodiscard]] enum err_code sql_open(const struct sql_options *o, struct sql **ret, struct err *e);
void sql_close(struct sql *db);		/* takes NULL; no call may be running */
enum sql_kind sql_kind_of(const struct sql *db);

/* --- Transactions ------------------------------------------------------------------------------------------------- */

struct sql_tx;
typedef enum err_code sql_tx_fn(struct sql_tx *tx, void *arg, struct err *e);

/* fn sees one consistent state. */
[[nodiscard]] enum err_code sql_read(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e);
/* All or nothing; OK only once it is durable (synced). fn returning an error rolls back and is returned. fn may run more than once
 * (serialisation failure, lost connection, a neighbour in the same commit that broke it), so it must have no effects but those on tx and must set its outputs anew each time.
 * SQLite: one writer thread takes what waits into one commit (savepoint each), so many small writes share one sync.
 * PostgreSQL: each on a connection of its own, READ COMMITTED; 40001, 40P01 are tried again. ERR_TIMEOUT: locked too long; ERR_IO: disk or server. */
[[nodiscard]] enum err_code sql_write(struct sql *db, sql_tx_fn *fn, void *arg, struct err *e);

/* --- Statements --------------------------------------------------------------------------------------------------- */

/* Runs with parameters by `types`, one letter each: i = int64_t, t = struct slice text, b = struct slice bytes, z = const char * (NULL is null),
 * n = null (no argument). Beware: pass int64_t for i (cast), or the call is wrong. *ret_changes (may be NULL): rows changed.
 * ERR_FORMAT never; a violated constraint (unique, foreign key; a deferred one at the commit) is ERR_USAGE, and so is text (t, z) with a NUL in it
 * or that is no UTF-8. A slice without bytes is an empty value, never null, whatever its pointer.
 * After a statement failed nothing but a rollback can follow: further ones fail with its code, and so does the transaction if fn returns OK all
 * the same. Who expects a conflict uses ON CONFLICT DO NOTHING and looks at *ret_changes. */
[[nodiscard]] enum err_code sql_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const char *types, ...);

/* Rows: open, step until *ret_row is false, close (what fn leaves open is closed when it returns). One transaction may have several open at
 * once (nested loops), also with sql_run between; whether a loop sees what is written meanwhile is not said. INSERT … RETURNING takes
 * effect although its rows are not asked for. PostgreSQL: rows stream, but a statement run in the middle of a loop brings the rest of them
 * into memory. */
struct sql_rows;
[[nodiscard]] enum err_code sql_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const char *types, ...);
[[nodiscard]] enum err_code sql_next(struct sql_rows *rows, bool *ret_row, struct err *e);
void sql_rows_close(struct sql_rows *rows);	/* takes NULL */
static inline void sql_rows_cleanup(struct sql_rows **r) { sql_rows_close(*r); }
#define AUTO_SQL_ROWS [[gnu::cleanup(sql_rows_cleanup)]] struct sql_rows *
/* Columns from 0; valid until the next sql_next. null: 0, empty slice with p == NULL. */
bool sql_is_null(struct sql_rows *rows, int column);
int64_t sql_int(struct sql_rows *rows, int column);
struct slice sql_text(struct sql_rows *rows, int column);
struct slice sql_bytes(struct sql_rows *rows, int column);
/* One integer of the first row: ERR_NOT_FOUND when there is none. */
[[nodiscard]] enum err_code sql_one_int(struct sql_tx *tx, int64_t *ret, struct err *e, const char *sql, const char *types, ...);

/* --- Changes made by others ------------------------------------------------------------------------------------------ */

/* Calls fn (from a thread of its own, one at a time) soon after a transaction of anybody, in any process on any machine, committed that had called
 * sql_announce, and at least once a second (alive: whether the database could be asked just now). SQLite: at once for this process, by
 * data_version every 25 ms for others; PostgreSQL: LISTEN/NOTIFY. Announcements may be merged: fn looks at the tables for what changed. The
 * first call comes at once and counts as an announcement, and so does the first one after a lost connection. At most 8 listeners, until
 * sql_close; fn may read and write. */
typedef void sql_change_fn(void *arg, bool announced, bool alive);
[[nodiscard]] enum err_code sql_listen(struct sql *db, sql_change_fn *fn, void *arg, struct err *e);
/* Waits for a call that is running; none comes afterwards. Not from fn. */
void sql_unlisten(struct sql *db, sql_change_fn *fn, void *arg);
[[nodiscard]] enum err_code sql_announce(struct sql_tx *tx, struct err *e);

/* SQLite: a consistent copy into a new file while in use (backup), synced; ERR_USAGE when there is a file already. PostgreSQL: ERR_UNSUPPORTED (pg_dump). */
[[nodiscard]] enum err_code sql_backup(struct sql *db, const char *path, struct err *e);
