#include "sqlite.h"

static enum err_code on_row(void *arg, uint64_t rowid, struct slice blob, struct err *)
{
	*(volatile uint64_t *)arg += rowid + (blob.n ? blob.p[0] + blob.p[blob.n - 1] : 0);
	return OK;
}

/* A length of two little-endian bytes in units of 512 bytes, the database, its log. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size), db;
	struct err e = {};
	struct sqlite_wal_info info;
	uint64_t n = 0;
	if (size < 2)
		return 0;
	db = slice_sub(s, 2, (size_t)(data[0] | data[1] << 8) * 512);
	(void)!sqlite_table_blobs(db, slice_from(s, 2 + db.n), "Packages", 1, on_row, &n, &info, &e);
	return 0;
}
