#include "store_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(32 << 20);
	struct store_manifest m;
	struct err e = { 0 };
	if (store_manifest_parse(slice_of(data, size), SLICE_NULL, SLICE_NULL, &a, &m, &e) != OK)
		return 0;
	for (size_t i = 0; i < m.n_refs; i++)
		if ((m.refs[i].kind == STORE_REF_CHILD) != (m.kind == STORE_INDEX) || m.refs[i].size > INT64_MAX)
			__builtin_trap();
	return 0;
}
