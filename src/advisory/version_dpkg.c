/* deb-version(7): [epoch:]upstream[-revision]. */
#include "version.h"

struct dpkg { struct slice epoch, upstream, revision; };

static struct dpkg dpkg_split(struct slice v)
{
	struct dpkg d = { SLICE_NULL, slice_trim(v), SLICE_NULL };
	ptrdiff_t colon = slice_find_byte(d.upstream, ':');
	if (colon >= 0) {
		d.epoch = slice_upto(d.upstream, (size_t)colon);
		d.upstream = slice_from(d.upstream, (size_t)colon + 1);
	}
	ptrdiff_t dash = slice_rfind_byte(d.upstream, '-');
	if (dash >= 0) {
		d.revision = slice_from(d.upstream, (size_t)dash + 1);
		d.upstream = slice_upto(d.upstream, (size_t)dash);
	}
	return d;
}

bool dpkg_valid(struct slice v)
{
	struct slice t = slice_trim(v);
	struct dpkg d = dpkg_split(v);
	uint64_t epoch = 0;
	bool has_epoch = slice_find_byte(t, ':') >= 0;
	if (has_epoch && (!slice_to_u64(d.epoch, &epoch) || epoch > INT32_MAX))
		return false;
	struct slice rest = has_epoch ? slice_from(t, d.epoch.n + 1) : t;
	if (!d.upstream.n || (slice_rfind_byte(rest, '-') >= 0 && !d.revision.n))
		return false;
	for (size_t i = 0; i < d.upstream.n; i++)
		if (!ch_alnum(d.upstream.p[i]) && !memchr("-+._~:", d.upstream.p[i], 6))
			return false;
	for (size_t i = 0; i < d.revision.n; i++)
		if (!ch_alnum(d.revision.p[i]) && !memchr("+._~", d.revision.p[i], 4))
			return false;
	return true;
}

/* '~' before the end, the end (and digits) before letters, letters before everything else. */
static int dpkg_weight(struct slice s, size_t i)
{
	if (i >= s.n || ch_digit(s.p[i]))
		return 0;
	if (s.p[i] == '~')
		return -1;
	return ch_alpha(s.p[i]) ? s.p[i] : s.p[i] + 256;
}

static int dpkg_part_cmp(struct slice a, struct slice b)
{
	while (a.n || b.n) {
		size_t i = 0;
		while ((i < a.n && !ch_digit(a.p[i])) || (i < b.n && !ch_digit(b.p[i]))) {
			int wa = dpkg_weight(a, i), wb = dpkg_weight(b, i);
			if (wa != wb)
				return wa < wb ? -1 : 1;
			i++;
		}
		a = slice_from(a, i);
		b = slice_from(b, i);
		int c = digits_cmp(digits_take(&a), digits_take(&b));
		if (c)
			return c;
	}
	return 0;
}

int dpkg_cmp(struct slice a, struct slice b)
{
	struct dpkg x = dpkg_split(a), y = dpkg_split(b);
	int c = digits_cmp(x.epoch, y.epoch);
	if (!c)
		c = dpkg_part_cmp(x.upstream, y.upstream);
	return c ? c : dpkg_part_cmp(x.revision, y.revision);
}
