/* Expression, newline, text: compiles or is refused, and the search ends. */
#include "regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(4 * MIB);
	struct regex re;
	struct err e;
	struct slice text = slice_of(data, MIN(size, (size_t)4 * KIB));
	ptrdiff_t nl = slice_find_byte(text, '\n');
	if (nl < 0 || nl > 200)
		return 0;
	if (regex_compile(&a, slice_upto(text, (size_t)nl), size & 1, &re, &e) == OK)
		(void)regex_search(&re, slice_from(text, (size_t)nl + 1));
	return 0;
}
