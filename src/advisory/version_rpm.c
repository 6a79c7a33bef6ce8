/* rpm-version(7): [epoch:]version[-release]; segments of digits and of letters, '~' sorts before and '^' after the end. */
#include "version.h"

struct evr { struct slice epoch, version, release; bool has_release; };

static struct evr rpm_split(struct slice v)
{
	struct evr r = { .version = v };
	size_t n = 0;
	while (n < v.n && ch_digit(v.p[n]))
		n++;
	if (n < v.n && v.p[n] == ':') {
		r.epoch = slice_upto(v, n);
		r.version = slice_from(v, n + 1);
	}
	ptrdiff_t dash = slice_rfind_byte(r.version, '-');
	if (dash >= 0) {
		r.has_release = true;
		r.release = slice_from(r.version, (size_t)dash + 1);
		r.version = slice_upto(r.version, (size_t)dash);
	}
	return r;
}

static struct slice rpm_skip(struct slice s)
{
	while (s.n && !ch_alnum(*s.p) && *s.p != '~' && *s.p != '^')
		s = slice_from(s, 1);
	return s;
}

static struct slice rpm_segment(struct slice *s, bool digits)
{
	size_t n = 0;
	while (n < s->n && (digits ? ch_digit(s->p[n]) : ch_alpha(s->p[n])))
		n++;
	struct slice run = slice_upto(*s, n);
	*s = slice_from(*s, n);
	return run;
}

static int rpm_segment_cmp(struct slice *a, struct slice *b)
{
	bool digits = ch_digit(*a->p);
	struct slice x = rpm_segment(a, digits), y = rpm_segment(b, digits);
	if (!y.n)		/* other kinds: numbers are newer */
		return digits ? 1 : -1;
	return digits ? digits_cmp(x, y) : sign_of(slice_cmp(x, y));
}

static int rpm_part_cmp(struct slice a, struct slice b)
{
	if (slice_eq(a, b))
		return 0;
	for (;;) {
		a = rpm_skip(a);
		b = rpm_skip(b);
		bool ta = a.n && *a.p == '~', tb = b.n && *b.p == '~';
		if (ta != tb)
			return ta ? -1 : 1;
		bool ca = a.n && *a.p == '^', cb = b.n && *b.p == '^';
		if (!ta && ca != cb) {
			if (ca)		/* newer than the end, older than anything else that follows */
				return b.n ? -1 : 1;
			return a.n ? 1 : -1;
		}
		if (ta || ca) {
			a = slice_from(a, 1);
			b = slice_from(b, 1);
			continue;
		}
		if (!a.n || !b.n)
			return (a.n > 0) - (b.n > 0);
		int c = rpm_segment_cmp(&a, &b);
		if (c)
			return c;
	}
}

/* rpm itself refuses only an empty version. */
bool rpm_valid(struct slice v) { return rpm_split(v).version.n > 0; }

int rpm_cmp(struct slice a, struct slice b)
{
	struct evr x = rpm_split(a), y = rpm_split(b);
	int c = digits_cmp(x.epoch, y.epoch);
	if (!c)
		c = rpm_part_cmp(x.version, y.version);
	if (c || (!x.has_release && !y.has_release))
		return c;
	if (x.has_release != y.has_release)
		return x.has_release ? 1 : -1;
	return rpm_part_cmp(x.release, y.release);
}
