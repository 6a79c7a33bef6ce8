/* What S3 answers is small and flat: elements are looked for by name, whatever stands around them. Nothing in it is trusted: a
 * key is used only when it is one that this store makes. */
#include "s3.h"

bool s3_xml_next(struct slice *rest, struct s3_element *ret)
{
	for (;;) {
		ptrdiff_t open = slice_find_byte(*rest, '<');
		if (open < 0)
			return false;
		struct slice tag = slice_from(*rest, (size_t)open + 1);
		ptrdiff_t close = slice_find_byte(tag, '>');
		if (close < 0)
			return false;
		*rest = slice_from(tag, (size_t)close + 1);
		tag = slice_upto(tag, (size_t)close);
		if (!tag.n || tag.p[0] == '?' || tag.p[0] == '!')
			continue;
		for (size_t i = 0; i < tag.n; i++)
			if (tag.p[i] == ' ' || (i && tag.p[i] == '/')) {
				tag = slice_upto(tag, i);
				break;
			}
		ptrdiff_t text = slice_find_byte(*rest, '<');
		*ret = (struct s3_element){ tag, text < 0 ? *rest : slice_upto(*rest, (size_t)text) };
		return true;
	}
}

struct slice s3_xml_find(struct slice xml, const char *name)
{
	struct s3_element el;
	while (s3_xml_next(&xml, &el))
		if (slice_eqs(el.name, name))
			return el.text;
	return SLICE_NULL;
}

static int entity(struct slice name)
{
	static const struct { struct slice name; char c; } known[] = {
		{ SL("amp"), '&' }, { SL("lt"), '<' }, { SL("gt"), '>' }, { SL("quot"), '"' }, { SL("apos"), '\'' },
	};
	uint8_t x;
	uint64_t v;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_eq(name, known[i].name))
			return known[i].c;
	if (name.n == 4 && name.p[0] == '#' && (name.p[1] | 32) == 'x' && hex_decode(slice_from(name, 2), &x, 1, true))
		return x;
	if (name.n > 1 && name.p[0] == '#' && slice_to_u64(slice_from(name, 1), &v) && v < 127)
		return (int)v;
	return -1;
}

bool s3_xml_text(struct slice raw, char *dst, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		int c = raw.p[i];
		if (c == '&') {
			struct slice name = slice_sub(raw, i + 1, 10);
			ptrdiff_t end = slice_find_byte(name, ';');
			c = end < 0 ? -1 : entity(slice_upto(name, (size_t)end));
			i += end < 0 ? 0 : (size_t)end + 1;
		}
		if (c < ' ' || c > '~' || n + 1 >= cap)
			return false;
		dst[n++] = (char)c;
	}
	dst[n] = 0;
	return true;
}
