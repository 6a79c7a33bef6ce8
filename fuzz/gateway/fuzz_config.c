/* The section `serve:` from anywhere; what is accepted prints to something that is accepted and prints the same. */
#include <stdlib.h>
#include "gateway.h"

static bool print(struct slice text, struct buf *out)
{
	struct gateway_config *c;
	struct err e;
	if (gateway_config_parse(text, "input", &c, &e) != OK)
		return false;
	if (gateway_config_print(c, out, &e) != OK)
		abort();
	(void)gateway_config_check(c, false, false, false, &e);
	gateway_config_free(c);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF one = BUF(16 * MIB);
	AUTO_BUF two = BUF(16 * MIB);
	if (size > 64 * KIB || !print(slice_of(data, size), &one))
		return 0;
	if (!print(buf_slice(&one), &two) || !slice_eq(buf_slice(&one), buf_slice(&two)))
		abort();
	return 0;
}
