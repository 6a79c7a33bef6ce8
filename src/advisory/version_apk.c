/* apk-package(5): digits{.digits}[letter]{_suffix[digits]}[~hash][-rN], as apk-tools 3 orders them. */
#include "version.h"

/* The order of kinds is part of the comparison: where one version goes on with a lower kind it is the newer one. */
enum apk_kind { APK_FIRST, APK_DIGIT, APK_LETTER, APK_SUFFIX, APK_SUFFIX_NO, APK_HASH, APK_REVISION, APK_END, APK_INVALID };
enum { APK_SUFFIX_PRE_RELEASES = 4 };
struct apk { enum apk_kind kind; unsigned suffix; struct slice value, rest; };

static const char *const apk_suffixes[] = { "alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p" };

static void apk_digits(struct apk *t, enum apk_kind kind)
{
	t->value = digits_take(&t->rest);
	t->kind = t->value.n ? kind : APK_INVALID;
}

static void apk_word(struct apk *t)
{
	size_t n = 0;
	while (n < t->rest.n && t->rest.p[n] >= 'a' && t->rest.p[n] <= 'z')
		n++;
	t->value = slice_upto(t->rest, n);
	t->rest = slice_from(t->rest, n);
	t->kind = APK_INVALID;
	for (unsigned i = 0; i < ARRAY_LEN(apk_suffixes); i++)
		if (slice_eqs(t->value, apk_suffixes[i])) {
			t->suffix = i;
			t->kind = APK_SUFFIX;
		}
}

static void apk_hash(struct apk *t)
{
	size_t n = 0;
	while (n < t->rest.n && (ch_digit(t->rest.p[n]) || (ch_lower(t->rest.p[n]) >= 'a' && ch_lower(t->rest.p[n]) <= 'f')))
		n++;
	t->value = slice_upto(t->rest, n);
	t->rest = slice_from(t->rest, n);
	t->kind = n ? APK_HASH : APK_INVALID;
}

static void apk_next(struct apk *t)
{
	if (!t->rest.n) {
		t->kind = APK_END;
		return;
	}
	uint8_t c = *t->rest.p;
	enum apk_kind was = t->kind;
	t->kind = APK_INVALID;
	if (c >= 'a' && c <= 'z' && was <= APK_DIGIT) {
		t->value = slice_upto(t->rest, 1);
		t->rest = slice_from(t->rest, 1);
		t->kind = APK_LETTER;
	} else if (c == '.' && was <= APK_DIGIT) {
		t->rest = slice_from(t->rest, 1);
		apk_digits(t, APK_DIGIT);
	} else if (ch_digit(c) && was == APK_SUFFIX) {
		apk_digits(t, APK_SUFFIX_NO);
	} else if (c == '_' && was <= APK_SUFFIX_NO) {
		t->rest = slice_from(t->rest, 1);
		apk_word(t);
	} else if (c == '~' && was < APK_HASH) {
		t->rest = slice_from(t->rest, 1);
		apk_hash(t);
	} else if (was < APK_REVISION && slice_has_prefix(t->rest, SL("-r"))) {
		t->rest = slice_from(t->rest, 2);
		apk_digits(t, APK_REVISION);
	}
}

static struct apk apk_first(struct slice v)
{
	struct apk t = { .rest = v };
	apk_digits(&t, APK_FIRST);
	return t;
}

bool apk_valid(struct slice v)
{
	struct apk t = apk_first(v);
	while (t.kind < APK_END)
		apk_next(&t);
	return t.kind == APK_END;
}

static int apk_token_cmp(const struct apk *a, const struct apk *b)
{
	switch (a->kind) {
	case APK_DIGIT:
		if (*a->value.p == '0' || *b->value.p == '0')	/* a fraction, as in 1.09 < 1.1 */
			return slice_cmp(a->value, b->value);
		[[fallthrough]];
	case APK_FIRST:
	case APK_SUFFIX_NO:
	case APK_REVISION:
		return digits_cmp(a->value, b->value);
	case APK_SUFFIX:
		return (a->suffix > b->suffix) - (a->suffix < b->suffix);
	default:
		return slice_cmp(a->value, b->value);
	}
}

int apk_cmp(struct slice a, struct slice b)
{
	struct apk x = apk_first(a), y = apk_first(b);
	for (; x.kind == y.kind && x.kind < APK_END; apk_next(&x), apk_next(&y)) {
		int c = apk_token_cmp(&x, &y);
		if (c)
			return sign_of(c);
	}
	if (x.kind == y.kind)
		return 0;
	if (x.kind == APK_SUFFIX && x.suffix < APK_SUFFIX_PRE_RELEASES)
		return -1;
	if (y.kind == APK_SUFFIX && y.suffix < APK_SUFFIX_PRE_RELEASES)
		return 1;
	return x.kind > y.kind ? -1 : 1;
}
