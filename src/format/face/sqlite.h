/* SQLite files, read where they lie. Format: sqlite.org/fileformat2.html, walformat.html. Reads the whole rows of one table by its name, with
 * the write-ahead log as an overlay: nothing is copied but values on overflow pages, no SQL is run, nothing of the schema is. */
#pragma once
#include "base.h"

enum { SQLITE_VALUE_MAX_BYTES = 64 << 20 };

/* How the log was taken. As SQLite does, frames count up to the last commit before the first frame that does not verify; what follows with
 * an older salt is a leftover. `damaged`: a log with bytes but no valid header, or a frame of this log with a wrong checksum. */
struct sqlite_wal_info { uint64_t frames_used; bool damaged; };

typedef enum err_code sqlite_blob_fn(void *arg, uint64_t rowid, struct slice blob, struct err *e);
/* Calls fn with one column's value (blob or text; others are passed over) of every row. wal may be {NULL,0}. ERR_NOT_FOUND when there is no
 * such table, ERR_FORMAT when a page is not what it should be (rows before it were reported), ERR_LIMIT for values over the maximum. */
[[nodiscard]] enum err_code sqlite_table_blobs(struct slice db, struct slice wal, const char *table, unsigned column, sqlite_blob_fn *fn,
					       void *arg, struct sqlite_wal_info *ret_wal, struct err *e);
