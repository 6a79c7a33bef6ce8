#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(32 << 20);
	struct image_config c;
	struct err e = { 0 };
	for (size_t n = 0; n < 3; n++)
		if (oci_config_parse(slice_of(data, size), n, "fuzz", &a, &c, &e) == OK)
			(void)oci_config_layer_history(&c, n, &a);
	return 0;
}
