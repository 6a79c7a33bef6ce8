/* First byte: the order; then two versions with a line end between. */
#include <stdlib.h>
#include "advisory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum version_order order = (enum version_order)(*data % (VERSION_GEM + 1));
	struct slice rest = slice_of(data + 1, size - 1), a = SLICE_NULL, b = SLICE_NULL;
	slice_next_piece(&rest, '\n', &a);
	slice_next_piece(&rest, '\n', &b);
	if (a.n > VERSION_MAX_BYTES || b.n > VERSION_MAX_BYTES)
		return 0;
	bool valid = version_valid(order, a) && version_valid(order, b);
	int forth = version_cmp(order, a, b), back = version_cmp(order, b, a);
	if (valid && ((forth < 0) != (back > 0) || (forth == 0) != (back == 0) || version_cmp(order, a, a) != 0))
		abort();
	return 0;
}
