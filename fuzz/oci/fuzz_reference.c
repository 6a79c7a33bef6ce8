#include "oci.h"

/* What is taken must mean the same when its normalised form is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_reference r, again;
	struct err e = { 0 };
	(void)oci_digest_valid(slice_of(data, size));
	if (oci_reference_parse(slice_of(data, size), &a, &r, &e) != OK)
		return 0;
	if (oci_reference_parse(r.text, &a, &again, &e) != OK || !slice_eq(r.text, again.text))
		__builtin_trap();
	return 0;
}
