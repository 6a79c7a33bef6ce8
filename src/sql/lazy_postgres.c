/* libpq, opened when it is first used. */
#include "postgres_inside.h"

#define FUNCTIONS(X) \
	X(PGconn *, PQconnectStartParams, (const char *const *k, const char *const *v, int expand), (k, v, expand)) \
	X(PostgresPollingStatusType, PQconnectPoll, (PGconn *h), (h)) \
	X(PGconn *, PQconnectdbParams, (const char *const *k, const char *const *v, int expand), (k, v, expand)) \
	X(PQconninfoOption *, PQconninfoParse, (const char *info, char **msg), (info, msg)) \
	X(void, PQconninfoFree, (PQconninfoOption *o), (o)) \
	X(void, PQfinish, (PGconn *h), (h)) \
	X(ConnStatusType, PQstatus, (const PGconn *h), (h)) \
	X(int, PQserverVersion, (const PGconn *h), (h)) \
	X(char *, PQerrorMessage, (const PGconn *h), (h)) \
	X(int, PQsocket, (const PGconn *h), (h)) \
	X(PQnoticeProcessor, PQsetNoticeProcessor, (PGconn *h, PQnoticeProcessor fn, void *arg), (h, fn, arg)) \
	X(PGresult *, PQexec, (PGconn *h, const char *sql), (h, sql)) \
	X(PGresult *, PQprepare, (PGconn *h, const char *name, const char *sql, int n, const Oid *types), (h, name, sql, n, types)) \
	X(PGresult *, PQexecParams, (PGconn *h, const char *sql, int n, const Oid *t, const char *const *v, const int *l, const int *f, int rf), \
	  (h, sql, n, t, v, l, f, rf)) \
	X(PGresult *, PQexecPrepared, (PGconn *h, const char *name, int n, const char *const *v, const int *l, const int *f, int rf), \
	  (h, name, n, v, l, f, rf)) \
	X(int, PQsendQueryPrepared, (PGconn *h, const char *name, int n, const char *const *v, const int *l, const int *f, int rf), \
	  (h, name, n, v, l, f, rf)) \
	X(int, PQsendQuery, (PGconn *h, const char *sql), (h, sql)) \
	X(int, PQsetSingleRowMode, (PGconn *h), (h)) \
	X(PGresult *, PQgetResult, (PGconn *h), (h)) \
	X(int, PQisBusy, (PGconn *h), (h)) \
	X(int, PQconsumeInput, (PGconn *h), (h)) \
	X(PGnotify *, PQnotifies, (PGconn *h), (h)) \
	X(int, PQflush, (PGconn *h), (h)) \
	X(ExecStatusType, PQresultStatus, (const PGresult *r), (r)) \
	X(char *, PQresultErrorField, (const PGresult *r, int field), (r, field)) \
	X(int, PQntuples, (const PGresult *r), (r)) \
	X(int, PQnfields, (const PGresult *r), (r)) \
	X(Oid, PQftype, (const PGresult *r, int col), (r, col)) \
	X(char *, PQcmdStatus, (PGresult *r), (r)) \
	X(char *, PQcmdTuples, (PGresult *r), (r)) \
	X(char *, PQgetvalue, (const PGresult *r, int row, int col), (r, row, col)) \
	X(int, PQgetlength, (const PGresult *r, int row, int col), (r, row, col)) \
	X(int, PQgetisnull, (const PGresult *r, int row, int col), (r, row, col)) \
	X(void, PQclear, (PGresult *r), (r)) \
	X(void, PQfreemem, (void *p), (p))

FUNCTIONS(OS_LAZY_POINTER)
FUNCTIONS(OS_LAZY_FUNCTION)

enum err_code sql_pg_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) };
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static bool loaded;
	enum err_code rc = OK;
	pthread_mutex_lock(&mutex);
	if (!loaded)
		rc = os_library_load("libpq.so.5", "libpq5", symbols, ARRAY_LEN(symbols), e);
	loaded |= rc == OK;
	pthread_mutex_unlock(&mutex);
	return rc;
}
