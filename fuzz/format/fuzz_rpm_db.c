#include "rpm.h"

static enum err_code on_blob(void *arg, struct slice blob, struct err *)
{
	*(volatile uint64_t *)arg += blob.n ? blob.p[0] + blob.p[blob.n - 1] : 0;
	return OK;
}

/* Both databases of one file: each refuses the other's magic at once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {};
	uint64_t n = 0, damaged;
	if (rpm_ndb_blobs(slice_of(data, size), on_blob, &n, &damaged, &e) != OK)
		(void)!rpm_bdb_blobs(slice_of(data, size), on_blob, &n, &damaged, &e);
	return 0;
}
