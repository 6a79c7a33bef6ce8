#include "auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_challenge c = { 0 };
	oci_challenge_parse(slice_of(data, size), &a, &c);
	(void)oci_same_owner(slice_of(data, size / 2), slice_of(data + size / 2, size - size / 2));
	return 0;
}
