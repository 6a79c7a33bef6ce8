#include "zip.h"

static void drain(const struct zip_entry *en)
{
	struct decompress_info info;
	AUTO_STREAM s = NULL;
	struct err e;
	uint8_t out[4096];
	size_t n, total = 0;
	if (zip_entry_stream(en, &info, &s, &e) != OK)
		return;
	while (total < 1 << 20 && stream_read(s, out, sizeof(out), &n, &e) == OK && n)
		total += n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice c = slice_of(data, size);
	struct zip z;
	struct zip_entry en;
	uint64_t pos = 0;
	bool damaged = false;
	if (zip_find(c, &z))
		for (unsigned i = 0; i < 50 && zip_next(&z, &pos, &en, &damaged); i++) {
			zip_entry_locate(&z, &en);
			drain(&en);
		}
	int64_t at = 0;
	for (unsigned i = 0; i < 50 && (at = zip_find_local(c, (uint64_t)at, size)) >= 0; i++, at++)
		if (zip_local_at(c, (uint64_t)at, size, &en))
			drain(&en);
	return 0;
}
