/* Gem::Version of RubyGems: runs of digits and of letters; letters (a prerelease) before numbers; zeros at the end of the numeric
 * part and of the whole do not count; "-" stands for ".pre.". */
#include "version.h"

/* N{.alnum}[-ident{.ident}] where ident may hold dashes. */
bool gem_valid(struct slice v)
{
	struct slice s = slice_trim(v), rest, id, first = s;
	if (!s.n)
		return true;
	digits_take(&first);
	if (first.n == s.n || (first.n && *first.p != '.' && *first.p != '-'))
		return false;
	ptrdiff_t dash = slice_find_byte(s, '-');
	rest = dash < 0 ? s : slice_upto(s, (size_t)dash);
	for (bool dashed = false;; dashed = true) {
		while (slice_next_piece(&rest, '.', &id)) {
			if (!id.n)
				return false;
			for (size_t i = 0; i < id.n; i++)
				if (!ch_alnum(id.p[i]) && !(dashed && id.p[i] == '-'))
					return false;
		}
		if (dashed || dash < 0)
			return true;
		rest = slice_from(s, (size_t)dash + 1);
		if (!rest.n)
			return false;
	}
}

/* Walks the segments; a "-" yields the word "pre" first. */
struct gem { struct slice rest; bool pre; };

static bool gem_next(struct gem *g, struct slice *ret)
{
	if (g->pre) {
		g->pre = false;
		*ret = SL("pre");
		return true;
	}
	while (g->rest.n && !ch_alnum(*g->rest.p)) {
		bool dash = *g->rest.p == '-';
		g->rest = slice_from(g->rest, 1);
		if (dash) {
			*ret = SL("pre");
			return true;
		}
	}
	if (!g->rest.n)
		return false;
	bool digits = ch_digit(*g->rest.p);
	size_t n = 0;
	while (n < g->rest.n && (digits ? ch_digit(g->rest.p[n]) : ch_alpha(g->rest.p[n])))
		n++;
	*ret = slice_upto(g->rest, n);
	g->rest = slice_from(g->rest, n);
	return true;
}

static bool seg_zero(struct slice s) { return s.n && ch_digit(*s.p) && digits_cmp(s, SL("0")) == 0; }

/* The next segment without zeros that end the numeric part or everything. */
static bool gem_next_canonical(struct gem *g, bool *in_words, struct slice *ret)
{
	for (;;) {
		if (!gem_next(g, ret))
			return false;
		if (!ch_digit(*ret->p))
			*in_words = true;
		if (!seg_zero(*ret))
			return true;
		struct gem ahead = *g;
		struct slice next;
		bool more = gem_next(&ahead, &next);
		struct gem zeros_end = *g;
		while (more && seg_zero(next)) {
			zeros_end = ahead;
			more = gem_next(&ahead, &next);
		}
		if (more && (ch_digit(*next.p) || *in_words))
			return true;	/* a number follows: this zero counts */
		*g = zeros_end;
	}
}

int gem_cmp(struct slice a, struct slice b)
{
	struct gem x = { slice_trim(a), false }, y = { slice_trim(b), false };
	bool wx = false, wy = false;
	struct slice s, t;
	for (;;) {
		bool hx = gem_next_canonical(&x, &wx, &s), hy = gem_next_canonical(&y, &wy, &t);
		if (!hx && !hy)
			return 0;
		s = hx ? s : SL("0");
		t = hy ? t : SL("0");
		bool nx = ch_digit(*s.p), ny = ch_digit(*t.p);
		if (nx != ny)
			return nx ? 1 : -1;
		int c = nx ? digits_cmp(s, t) : sign_of(slice_cmp(s, t));
		if (c)
			return c;
	}
}
