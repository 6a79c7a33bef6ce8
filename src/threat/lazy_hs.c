/* vectorscan, opened when it is first used. */
#include <hs/hs.h>
#include "set.h"
#include "os.h"

#define FUNCTIONS(X) \
	X(hs_error_t, hs_alloc_scratch, (const hs_database_t *db, hs_scratch_t **scratch), (db, scratch)) \
	X(hs_error_t, hs_close_stream, (hs_stream_t *id, hs_scratch_t *scratch, match_event_handler fn, void *ctx), (id, scratch, fn, ctx)) \
	X(hs_error_t, hs_compile_multi, (const char *const *text, const unsigned *flags, const unsigned *ids, unsigned n, unsigned mode, const hs_platform_info_t *on, hs_database_t **db, hs_compile_error_t **why), (text, flags, ids, n, mode, on, db, why)) \
	X(hs_error_t, hs_deserialize_database, (const char *bytes, const size_t n, hs_database_t **db), (bytes, n, db)) \
	X(hs_error_t, hs_free_compile_error, (hs_compile_error_t *why), (why)) \
	X(hs_error_t, hs_free_database, (hs_database_t *db), (db)) \
	X(hs_error_t, hs_free_scratch, (hs_scratch_t *scratch), (scratch)) \
	X(hs_error_t, hs_open_stream, (const hs_database_t *db, unsigned flags, hs_stream_t **ret), (db, flags, ret)) \
	X(hs_error_t, hs_reset_stream, (hs_stream_t *id, unsigned flags, hs_scratch_t *scratch, match_event_handler fn, void *ctx), (id, flags, scratch, fn, ctx)) \
	X(hs_error_t, hs_scan_stream, (hs_stream_t *id, const char *data, unsigned n, unsigned flags, hs_scratch_t *scratch, match_event_handler fn, void *ctx), (id, data, n, flags, scratch, fn, ctx)) \
	X(hs_error_t, hs_serialize_database, (const hs_database_t *db, char **bytes, size_t *n), (db, bytes, n))

FUNCTIONS(OS_LAZY_POINTER)
FUNCTIONS(OS_LAZY_FUNCTION)

enum err_code threat_library_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) };
	static bool loaded;	/* with the pointers above the second exception from "no globals": a library is loaded once a process */
	if (!loaded)
		TRY(os_library_load("libhs.so.5", "libhyperscan5 or libvectorscan5", symbols, ARRAY_LEN(symbols), e));
	loaded = true;
	return OK;
}
