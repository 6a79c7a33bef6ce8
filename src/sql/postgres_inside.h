/* Inside the PostgreSQL half of the room. */
#pragma once
#include <libpq-fe.h>
#include "inside.h"

#define PG_BUCKETS 64
#define PG_CHANNEL "pabean_changed"
/* From pg_type.dat; fixed in the protocol. */
enum { PG_OID_BOOL = 16, PG_OID_BYTEA = 17, PG_OID_INT8 = 20, PG_OID_TEXT = 25 };

struct pg_stmt {
	struct pg_stmt *next;
	const char *key;	/* the literal's address */
	char *text;		/* and what stood there */
	char types[SQL_MAX_PARAMS + 1];
	char name[16];
};

/* What can be done after a failure. */
enum pg_way {
	PG_FINAL,	/* report it */
	PG_AGAIN,	/* serialisation failure, deadlock: rolled back, run it again */
	PG_STALE,	/* what is prepared no longer fits the tables: again with a new connection, once */
	PG_LOST,	/* no connection; nothing was committed */
};

struct pg_conn {
	struct sql_tx tx;	/* first */
	struct pg *db;
	PGconn *h;
	struct pg_stmt *bucket[PG_BUCKETS];
	unsigned statements, named;
	struct pg_rows *live;	/* whose rows are still on their way */
	enum pg_way way;	/* after a failure */
	char server[40];	/* when it was started: another one after a restart */
	char xid[24];
};

struct pg_cell { const uint8_t *p; size_t n; };

/* Rows as they came, one after the other in `held`: for each column a length (LE32, all ones is null), the bytes, a NUL. */
struct pg_rows {
	struct sql_rows rows;	/* first */
	struct pg_conn *c;
	const char *sql;
	struct buf held, now;	/* what was not asked for yet; the row that the caller stands on */
	size_t at;
	int columns;
	struct pg_cell *cell;
	bool ended, on_row;
	enum err_code failed;
	struct err why;
};

struct pg {
	struct sql base;	/* first */
	char *url;
	struct sql_pool pool[2];			/* reading, writing */
	struct pg_conn conn[2][SQL_MAX_CONNECTIONS];
	pthread_t listener;
	bool listening;
	_Atomic bool stop;
	int wake;	/* eventfd */
};

[[nodiscard]] enum err_code sql_pg_load(struct err *e);

/* postgres_conn.c */
[[nodiscard]] enum err_code sql_pg_connect(struct pg_conn *c, struct err *e);
PGconn *sql_pg_connect_start(const char *url);
void sql_pg_disconnect(struct pg_conn *c);
/* Fills e from a failed result (or the connection when there is none), sets c->way. */
enum err_code sql_pg_error(struct pg_conn *c, const PGresult *r, const char *sql, struct err *e);
/* A command without parameters and rows. */
[[nodiscard]] enum err_code sql_pg_exec(struct pg_conn *c, const char *sql, struct err *e);
[[nodiscard]] enum err_code sql_pg_prepare(struct pg_conn *c, const char *sql, const struct sql_value *v, size_t n, struct pg_stmt **ret, struct err *e);

/* postgres_rows.c */
enum err_code sql_pg_run(struct sql_tx *tx, int64_t *ret_changes, struct err *e, const char *sql, const struct sql_value *v, size_t n);
enum err_code sql_pg_query(struct sql_tx *tx, struct sql_rows **ret, struct err *e, const char *sql, const struct sql_value *v, size_t n);
enum err_code sql_pg_next(struct sql_rows *rows, bool *ret_row, struct err *e);
void sql_pg_rows_close(struct sql_rows *rows);
bool sql_pg_is_null(struct sql_rows *rows, int column);
int64_t sql_pg_int(struct sql_rows *rows, int column);
struct slice sql_pg_get(struct sql_rows *rows, int column, bool bytes);
enum err_code sql_pg_script(struct sql_tx *tx, const char *text, struct err *e);

/* postgres_listen.c */
enum err_code sql_pg_listen(struct sql *base, struct err *e);
