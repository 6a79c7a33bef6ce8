/* PEP 440 (packaging.python.org, "Version specifiers"): [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local], with its many spellings. */
#include "version.h"

struct pep440 {
	struct slice epoch, release, pre_no, post_no, dev_no, local;
	int pre;		/* 1 a, 2 b, 3 rc; 0 none */
	bool post, dev, has_local;
};

static bool take_word(struct slice *s, const char *word)
{
	size_t n = strlen(word);
	if (s->n < n || !slice_eq_nocase(slice_upto(*s, n), slice_str(word)))
		return false;
	*s = slice_from(*s, n);
	return true;
}

static void take_sep(struct slice *s)
{
	if (s->n && (*s->p == '-' || *s->p == '_' || *s->p == '.'))
		*s = slice_from(*s, 1);
}

/* One of words with optional separators and number around it; the number of the word from 1, or 0 and *s untouched. */
static int take_tag(struct slice *s, const char *const *words, size_t n_words, struct slice *ret_no)
{
	struct slice t = *s;
	take_sep(&t);
	for (size_t i = 0; i < n_words; i++) {
		if (!take_word(&t, words[i]))
			continue;
		struct slice after = t;
		take_sep(&after);
		if (after.n && ch_digit(*after.p))
			t = after;
		else if (after.n != t.n)
			t = after;	/* "1.0a." + digits is optional: the separator belongs to the tag */
		*ret_no = digits_take(&t);
		*s = t;
		return (int)i + 1;
	}
	return 0;
}

static bool take_release(struct slice *s, struct pep440 *v)
{
	struct slice t = *s, first = digits_take(&t);
	if (!first.n)
		return false;
	if (t.n && *t.p == '!') {
		v->epoch = first;
		t = slice_from(t, 1);
		*s = t;
		if (!digits_take(&t).n)
			return false;
	}
	while (t.n >= 2 && *t.p == '.' && ch_digit(t.p[1])) {
		t = slice_from(t, 1);
		digits_take(&t);
	}
	v->release = slice_upto(*s, s->n - t.n);
	*s = t;
	return true;
}

static void take_post(struct slice *s, struct pep440 *v)
{
	static const char *const words[] = { "post", "rev", "r" };
	if (s->n >= 2 && *s->p == '-' && ch_digit(s->p[1])) {
		*s = slice_from(*s, 1);
		v->post_no = digits_take(s);
		v->post = true;
	} else {
		v->post = take_tag(s, words, ARRAY_LEN(words), &v->post_no) != 0;
	}
}

static bool take_local(struct slice s, struct pep440 *v)
{
	if (!s.n)
		return true;
	if (*s.p != '+')
		return false;
	v->local = slice_from(s, 1);
	v->has_local = true;
	bool in_piece = false;
	for (size_t i = 0; i < v->local.n; i++) {
		bool word = ch_alnum(v->local.p[i]);
		if (!word && (!in_piece || !memchr("-_.", v->local.p[i], 3)))
			return false;
		in_piece = word;
	}
	return in_piece;
}

static bool pep440_parse(struct slice text, struct pep440 *v)
{
	static const char *const pre[] = { "alpha", "beta", "preview", "pre", "a", "b", "c", "rc" };
	static const int pre_rank[] = { 1, 2, 3, 3, 1, 2, 3, 3 };
	static const char *const dev[] = { "dev" };
	struct slice s = slice_trim(text);
	*v = (struct pep440){ 0 };
	take_word(&s, "v");
	if (!take_release(&s, v))
		return false;
	int w = take_tag(&s, pre, ARRAY_LEN(pre), &v->pre_no);
	v->pre = w ? pre_rank[w - 1] : 0;
	take_post(&s, v);
	v->dev = take_tag(&s, dev, 1, &v->dev_no) != 0;
	return take_local(s, v);
}

bool pep440_valid(struct slice text)
{
	struct pep440 v;
	return pep440_parse(text, &v);
}

static int release_cmp(struct slice a, struct slice b)
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

/* 1.dev0 < 1.a1 < 1 <= 1.post1 */
static int pre_rank_of(const struct pep440 *v)
{
	return v->pre ? v->pre : v->dev && !v->post ? 0 : 4;
}

static struct slice local_piece(struct slice *s)
{
	size_t n = 0;
	while (n < s->n && ch_alnum(s->p[n]))
		n++;
	struct slice piece = slice_upto(*s, n);
	*s = slice_from(*s, n + 1);
	return piece;
}

static int nocase_cmp(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (ch_lower(a.p[i]) != ch_lower(b.p[i]))
			return ch_lower(a.p[i]) < ch_lower(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

static bool is_number(struct slice s)
{
	struct slice t = s;
	return s.n && digits_take(&t).n == s.n;
}

static int local_cmp(struct slice a, struct slice b)
{
	while (a.n && b.n) {
		struct slice x = local_piece(&a), y = local_piece(&b);
		bool nx = is_number(x), ny = is_number(y);
		if (nx != ny)
			return nx ? 1 : -1;
		int c = nx ? digits_cmp(x, y) : nocase_cmp(x, y);
		if (c)
			return c;
	}
	return (a.n > 0) - (b.n > 0);
}

int pep440_cmp(struct slice a, struct slice b)
{
	struct pep440 x, y;
	bool ok_x = pep440_parse(a, &x), ok_y = pep440_parse(b, &y);
	if (!ok_x || !ok_y)		/* what is no version comes first */
		return ok_x != ok_y ? (ok_x ? 1 : -1) : sign_of(slice_cmp(a, b));
	int c = digits_cmp(x.epoch, y.epoch);
	if (!c)
		c = release_cmp(x.release, y.release);
	if (!c)
		c = pre_rank_of(&x) - pre_rank_of(&y);
	if (!c)
		c = digits_cmp(x.pre_no, y.pre_no);
	if (!c)
		c = (int)x.post - (int)y.post;
	if (!c)
		c = digits_cmp(x.post_no, y.post_no);
	if (!c)
		c = (int)y.dev - (int)x.dev;
	if (!c)
		c = digits_cmp(x.dev_no, y.dev_no);
	if (c || !x.has_local || !y.has_local)
		return c ? sign_of(c) : (int)x.has_local - (int)y.has_local;
	return local_cmp(x.local, y.local);
}
