/* semver.org 2.0, and Go's use of it (golang.org/x/mod/semver). */
#include "version.h"

/* Takes "N.N.N", "-pre" and "+build" apart. */
struct semver { struct slice core, pre, build; bool has_pre, has_build; };

static struct semver semver_split(struct slice v)
{
	struct semver s = { .core = slice_trim(v) };
	if (s.core.n && *s.core.p == '=')
		s.core = slice_trim(slice_from(s.core, 1));
	if (s.core.n && (*s.core.p == 'v' || *s.core.p == 'V'))
		s.core = slice_from(s.core, 1);
	ptrdiff_t at = slice_find_byte(s.core, '+');
	if (at >= 0) {
		s.has_build = true;
		s.build = slice_from(s.core, (size_t)at + 1);
		s.core = slice_upto(s.core, (size_t)at);
	}
	at = slice_find_byte(s.core, '-');
	if (at >= 0) {
		s.has_pre = true;
		s.pre = slice_from(s.core, (size_t)at + 1);
		s.core = slice_upto(s.core, (size_t)at);
	}
	return s;
}

static bool all_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ch_digit(s.p[i]))
			return false;
	return s.n > 0;
}

static bool idents_valid(struct slice s, bool no_leading_zero)
{
	struct slice rest = s, id;
	if (!s.n)
		return false;
	while (slice_next_piece(&rest, '.', &id)) {
		if (!id.n || (no_leading_zero && id.n > 1 && *id.p == '0' && all_digits(id)))
			return false;
		for (size_t i = 0; i < id.n; i++)
			if (!ch_alnum(id.p[i]) && id.p[i] != '-')
				return false;
	}
	return true;
}

static bool core_valid(struct slice core, bool strict, size_t *ret_parts)
{
	struct slice rest = core, part;
	size_t n = 0;
	if (!core.n)
		return false;
	while (slice_next_piece(&rest, '.', &part)) {
		if (!all_digits(part) || (strict && part.n > 1 && *part.p == '0'))
			return false;
		n++;
	}
	*ret_parts = n;
	return !strict || n <= 3;
}

bool semver_valid(struct slice v)
{
	struct semver s = semver_split(v);
	size_t n;
	return core_valid(s.core, false, &n) && (!s.has_pre || idents_valid(s.pre, false)) && (!s.has_build || idents_valid(s.build, false));
}

bool go_valid(struct slice v)
{
	struct semver s = semver_split(v);
	size_t n;
	if (!core_valid(s.core, true, &n) || (n < 3 && (s.has_pre || s.has_build)))
		return false;
	return (!s.has_pre || idents_valid(s.pre, true)) && (!s.has_build || idents_valid(s.build, false));
}

static int core_cmp(struct slice a, struct slice b)
{
	struct slice x, y;
	for (;;) {
		bool ha = slice_next_piece(&a, '.', &x), hb = slice_next_piece(&b, '.', &y);
		if (!ha && !hb)
			return 0;
		int c = digits_cmp(ha ? x : SLICE_NULL, hb ? y : SLICE_NULL);
		if (c)
			return c;
	}
}

static int pre_cmp(struct slice a, struct slice b)
{
	struct slice x, y;
	for (;;) {
		bool ha = slice_next_piece(&a, '.', &x), hb = slice_next_piece(&b, '.', &y);
		if (!ha || !hb)
			return ha - hb;		/* fewer identifiers come first */
		bool nx = all_digits(x), ny = all_digits(y);
		if (nx != ny)
			return nx ? -1 : 1;
		int c = nx ? digits_cmp(x, y) : slice_cmp(x, y);
		if (c)
			return sign_of(c);
	}
}

int semver_cmp(struct slice a, struct slice b)
{
	struct semver x = semver_split(a), y = semver_split(b);
	int c = core_cmp(x.core, y.core);
	if (c)
		return c;
	if (!x.has_pre || !y.has_pre)
		return (int)y.has_pre - (int)x.has_pre;
	return pre_cmp(x.pre, y.pre);
}
