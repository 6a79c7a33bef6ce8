#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(32 << 20);
	struct oci_doc d;
	struct err e = { 0 };
	if (oci_doc_parse(slice_of(data, size), SLICE_NULL, "fuzz", &a, &d, &e) == OK && d.layers.n && d.manifests.n)
		__builtin_trap();
	return 0;
}
