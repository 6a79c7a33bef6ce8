/* Indicator files of every form: whatever the bytes, import ends, and what it builds is a table that opens and answers. Tables with
 * the magic go through the table reader; their sums make most damage end there, so records are also read from a table built here. */
#include "intel_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intel_build b;
	struct err e;
	struct intel_table t = { 0 };
	AUTO_BUF out = BUF(64 * MIB);
	if (size > 1 << 16 || build_open(&b, &e) != OK)
		return 0;
	struct intel_reader r = { .build = &b, .feed = "fuzz", .now_s = 1700000000 };
	if (reader_bytes(&r, slice_of(data, size), "fuzz", &e) == OK && build_finish(&b, 0, &out, &e) == OK) {
		if (table_open(buf_slice(&out), "fuzz", &t, &e) != OK)
			__builtin_trap();
		for (uint64_t i = 0; i < t.h.records; i++) {
			uint8_t key[INTEL_KEY_BYTES];
			struct table_meta m;
			uint32_t at, again;
			bool found;
			if (table_record(&t, i, key, &at, &e) != OK || table_meta(&t, at, &m, &e) != OK ||
			    table_find(&t, key, &found, &again, &e) != OK || !found || again != at)
				__builtin_trap();
		}
		table_close(&t);
	}
	build_close(&b);
	/* The same bytes as one value asked for. */
	for (int kind = INTEL_MD5; kind < INTEL_KIND_COUNT; kind++) {
		struct intel_norm v;
		(void)intel_norm((enum intel_kind)kind, slice_of(data, size), &v);
	}
	(void)intel_shape(slice_of(data, size));
	return 0;
}
