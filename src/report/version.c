/* The order of deb-version(7), used only to choose the latest among versions that fix one package; matching has the exact orders. */
#include "table.h"

static int order(struct slice s, size_t i)
{
	uint8_t c = i < s.n ? s.p[i] : 0;
	if (!c || (c >= '0' && c <= '9'))
		return 0;
	if (c == '~')
		return -1;
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? c : c + 256;
}

static bool digit(struct slice s, size_t i) { return i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; }

static int part_cmp(struct slice a, struct slice b)
{
	size_t i = 0, k = 0;
	while (i < a.n || k < b.n) {
		while ((i < a.n && !digit(a, i)) || (k < b.n && !digit(b, k))) {
			int x = order(a, i), y = order(b, k);
			if (x != y)
				return x < y ? -1 : 1;
			i += i < a.n && !digit(a, i);
			k += k < b.n && !digit(b, k);
		}
		while (digit(a, i) && a.p[i] == '0')
			i++;
		while (digit(b, k) && b.p[k] == '0')
			k++;
		int first = 0;
		for (; digit(a, i) && digit(b, k); i++, k++)
			if (!first)
				first = (int)a.p[i] - (int)b.p[k];
		if (digit(a, i) || digit(b, k))
			return digit(a, i) ? 1 : -1;
		if (first)
			return first < 0 ? -1 : 1;
	}
	return 0;
}

static uint64_t epoch(struct slice *v)
{
	uint64_t n = 0;
	ptrdiff_t colon = slice_find_byte(*v, ':');
	if (colon > 0 && slice_to_u64(slice_upto(*v, (size_t)colon), &n))
		*v = slice_from(*v, (size_t)colon + 1);
	return n;
}

int t_version_cmp(struct slice a, struct slice b)
{
	uint64_t x = epoch(&a), y = epoch(&b);
	if (x != y)
		return x < y ? -1 : 1;
	ptrdiff_t i = slice_rfind_byte(a, '-'), k = slice_rfind_byte(b, '-');
	int c = part_cmp(i < 0 ? a : slice_upto(a, (size_t)i), k < 0 ? b : slice_upto(b, (size_t)k));
	return c ? c : part_cmp(i < 0 ? SLICE_NULL : slice_from(a, (size_t)i + 1), k < 0 ? SLICE_NULL : slice_from(b, (size_t)k + 1));
}
