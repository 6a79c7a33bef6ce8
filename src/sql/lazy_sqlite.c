/* libsqlite3, opened when it is first used. */
#include "sqlite_inside.h"

#define FUNCTIONS(X) \
	X(int, sqlite3_initialize, (void), ()) \
	X(int, sqlite3_open_v2, (const char *path, sqlite3 **h, int flags, const char *vfs), (path, h, flags, vfs)) \
	X(int, sqlite3_close_v2, (sqlite3 *h), (h)) \
	X(int, sqlite3_exec, (sqlite3 *h, const char *sql, int (*fn)(void *, int, char **, char **), void *arg, char **msg), (h, sql, fn, arg, msg)) \
	X(int, sqlite3_prepare_v3, (sqlite3 *h, const char *sql, int n, unsigned flags, sqlite3_stmt **s, const char **tail), (h, sql, n, flags, s, tail)) \
	X(int, sqlite3_finalize, (sqlite3_stmt *s), (s)) \
	X(int, sqlite3_step, (sqlite3_stmt *s), (s)) \
	X(int, sqlite3_reset, (sqlite3_stmt *s), (s)) \
	X(int, sqlite3_clear_bindings, (sqlite3_stmt *s), (s)) \
	X(int, sqlite3_bind_int64, (sqlite3_stmt *s, int i, sqlite3_int64 v), (s, i, v)) \
	X(int, sqlite3_bind_null, (sqlite3_stmt *s, int i), (s, i)) \
	X(int, sqlite3_bind_text64, (sqlite3_stmt *s, int i, const char *p, sqlite3_uint64 n, void (*d)(void *), unsigned char enc), (s, i, p, n, d, enc)) \
	X(int, sqlite3_bind_blob64, (sqlite3_stmt *s, int i, const void *p, sqlite3_uint64 n, void (*d)(void *)), (s, i, p, n, d)) \
	X(int, sqlite3_column_count, (sqlite3_stmt *s), (s)) \
	X(int, sqlite3_column_type, (sqlite3_stmt *s, int i), (s, i)) \
	X(sqlite3_int64, sqlite3_column_int64, (sqlite3_stmt *s, int i), (s, i)) \
	X(const unsigned char *, sqlite3_column_text, (sqlite3_stmt *s, int i), (s, i)) \
	X(const void *, sqlite3_column_blob, (sqlite3_stmt *s, int i), (s, i)) \
	X(int, sqlite3_column_bytes, (sqlite3_stmt *s, int i), (s, i)) \
	X(sqlite3_int64, sqlite3_changes64, (sqlite3 *h), (h)) \
	X(sqlite3_int64, sqlite3_total_changes64, (sqlite3 *h), (h)) \
	X(const char *, sqlite3_errmsg, (sqlite3 *h), (h)) \
	X(const char *, sqlite3_errstr, (int rc), (rc)) \
	X(int, sqlite3_extended_errcode, (sqlite3 *h), (h)) \
	X(int, sqlite3_extended_result_codes, (sqlite3 *h, int on), (h, on)) \
	X(int, sqlite3_system_errno, (sqlite3 *h), (h)) \
	X(int, sqlite3_get_autocommit, (sqlite3 *h), (h)) \
	X(int, sqlite3_busy_handler, (sqlite3 *h, int (*fn)(void *, int), void *arg), (h, fn, arg)) \
	X(void *, sqlite3_wal_hook, (sqlite3 *h, int (*fn)(void *, sqlite3 *, const char *, int), void *arg), (h, fn, arg)) \
	X(int, sqlite3_wal_checkpoint_v2, (sqlite3 *h, const char *name, int mode, int *log, int *done), (h, name, mode, log, done))

FUNCTIONS(OS_LAZY_POINTER)
FUNCTIONS(OS_LAZY_FUNCTION)
/* These take variable arguments and cannot be wrapped by name. */
static typeof(sqlite3_config) *sqlite3_config_ptr;
static typeof(sqlite3_db_config) *sqlite3_db_config_ptr;

enum err_code sql_lite_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) { "sqlite3_config", &sqlite3_config_ptr },
		{ "sqlite3_db_config", &sqlite3_db_config_ptr } };
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static bool loaded;
	enum err_code rc = OK;
	pthread_mutex_lock(&mutex);
	if (!loaded && (rc = os_library_load("libsqlite3.so.0", "libsqlite3-0", symbols, ARRAY_LEN(symbols), e)) == OK) {
		/* Counting every allocation takes a lock that all connections share. It cannot be changed once the library is in use. */
		sqlite3_config_ptr(SQLITE_CONFIG_MEMSTATUS, 0);
		loaded = true;
		if (sqlite3_initialize() != SQLITE_OK)
			rc = err_set(e, ERR_INTERNAL, 0, "libsqlite3 does not start");
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

void sql_lite_config(sqlite3 *h, int option, int value) { sqlite3_db_config_ptr(h, option, value, NULL); }
