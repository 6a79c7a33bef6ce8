#include "python_meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct python_meta m;
	struct err e = {};
	volatile uint64_t n = 0;
	if (python_meta_parse(slice_of(data, size), &m, &e) == OK)
		n += slice_hash(m.name) + slice_hash(m.version) + slice_hash(m.license);
	(void)n;
	return 0;
}
