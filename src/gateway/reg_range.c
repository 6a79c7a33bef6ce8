/* Range of RFC 9110, 14: one range of bytes; several, or another unit, give everything, as the RFC allows. */
#include "registry.h"

int reg_range(struct slice header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length)
{
	uint64_t first = 0, last = UINT64_MAX;
	*ret_offset = 0;
	*ret_length = size;
	if (!slice_has_prefix(header, SL("bytes=")))
		return 200;
	struct slice spec = slice_trim(slice_from(header, 6));
	ptrdiff_t dash = slice_find_byte(spec, '-');
	if (dash < 0 || slice_find_byte(spec, ',') >= 0)
		return 200;
	struct slice from = slice_trim(slice_upto(spec, (size_t)dash)), to = slice_trim(slice_from(spec, (size_t)dash + 1));
	if (!from.n) {
		uint64_t suffix;
		if (!slice_to_u64(to, &suffix))
			return 200;
		if (!suffix || !size)
			return 416;
		*ret_length = MIN(suffix, size);
		*ret_offset = size - *ret_length;
		return 206;
	}
	if (!slice_to_u64(from, &first) || (to.n && !slice_to_u64(to, &last)) || last < first)
		return 200;
	if (first >= size)
		return 416;
	*ret_offset = first;
	*ret_length = MIN(last, size - 1) - first + 1;
	return 206;
}
