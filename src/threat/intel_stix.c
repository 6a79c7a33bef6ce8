/* STIX 2.1 patterns (OASIS STIX 2.1, section 9): which values does an indicator name?
 *
 * Taken are `path = 'value'`, `path IN ('a', 'b')` and `path ISSUBSET 'net'`. A value that only counts together with others (AND,
 * FOLLOWEDBY) is no indicator by itself, a file's digest excepted; neither is a negated one. */
#include "intel_private.h"

enum { PATH_MAX_BYTES = 256 };

struct scan { struct slice rest; bool bad; };

static void skip_space(struct scan *s)
{
	s->rest = slice_from(s->rest, 0);
	while (s->rest.n && (s->rest.p[0] == ' ' || (s->rest.p[0] >= '\t' && s->rest.p[0] <= '\r')))
		s->rest = slice_from(s->rest, 1);
}

static bool word_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':' || c == '.' ||
	       c == '*';
}

/* 'text' with \' and \\ undone, into dst. */
static bool take_string(struct scan *s, char *dst, size_t cap, struct slice *ret)
{
	size_t n = 0, i = 1;
	for (; i < s->rest.n && s->rest.p[i] != '\''; i++) {
		if (s->rest.p[i] == '\\' && i + 1 < s->rest.n)
			i++;
		if (n >= cap)
			return false;
		dst[n++] = (char)s->rest.p[i];
	}
	if (i >= s->rest.n)
		return false;
	s->rest = slice_from(s->rest, i + 1);
	*ret = slice_of(dst, n);
	return true;
}

/* An object path: words, quoted parts (hashes.'SHA-256') and list steps ([*], [0]) behind one. */
static bool take_path(struct scan *s, char *dst, struct slice *ret)
{
	size_t n = 0;
	for (;;) {
		uint8_t c = s->rest.n ? s->rest.p[0] : 0;
		if (c == '\'' && n) {
			struct slice part;
			if (!take_string(s, dst + n, PATH_MAX_BYTES - n, &part))
				return false;
			n += part.n;
		} else if (c == '[' && n) {
			ptrdiff_t close = slice_find_byte(s->rest, ']');
			if (close < 0)
				return false;
			s->rest = slice_from(s->rest, (size_t)close + 1);
		} else if (word_char(c) && n < PATH_MAX_BYTES) {
			dst[n++] = (char)c;
			s->rest = slice_from(s->rest, 1);
		} else {
			break;
		}
	}
	*ret = slice_of(dst, n);
	return n > 0;
}

static struct slice take_word(struct scan *s)
{
	size_t n = 0;
	while (n < s->rest.n && word_char(s->rest.p[n]))
		n++;
	struct slice word = slice_upto(s->rest, n);
	s->rest = slice_from(s->rest, n);
	return word;
}

/* What a path's value is; "" when pabean has no use for it. */
static const char *path_type(struct slice path)
{
	static const struct { const char *prefix, *suffix, *type; } t[] = {
		{ "file:hashes.", "MD5", "md5" }, { "file:hashes.", "SHA-1", "sha1" }, { "file:hashes.", "SHA1", "sha1" },
		{ "file:hashes.", "SHA-256", "sha256" }, { "file:hashes.", "SHA256", "sha256" }, { "artifact:hashes.", "SHA-256", "sha256" },
		{ "artifact:hashes.", "MD5", "md5" }, { "domain-name:value", "", "domain" }, { "ipv4-addr:value", "", "ip" },
		{ "ipv6-addr:value", "", "ip" }, { "url:value", "", "url" }, { "network-traffic:dst_ref.value", "", "ip" },
		{ "network-traffic:src_ref.value", "", "ip" }, { "cryptocurrency-wallet:", "", "wallet" }, { "x-cryptocurrency-wallet:", "", "wallet" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		size_t n = strlen(t[i].suffix);
		if (slice_has_prefix(path, slice_str(t[i].prefix)) && path.n >= n &&
		    slice_eq_nocase(slice_from(path, path.n - n), slice_str(t[i].suffix)))
			return t[i].type;
	}
	return "";
}

static bool is_word(struct slice w, const char *text) { return slice_eq_nocase(w, slice_str(text)); }

/* Only the words outside quotes count. */
static bool joined(struct slice pattern)
{
	struct scan s = { pattern, false };
	char text[INTEL_TEXT_MAX];
	struct slice ignored;
	while (s.rest.n) {
		if (s.rest.p[0] == '\'') {
			if (!take_string(&s, text, sizeof(text), &ignored))
				return true;
			continue;
		}
		struct slice w = take_word(&s);
		if (is_word(w, "AND") || is_word(w, "FOLLOWEDBY"))
			return true;
		if (!w.n)
			s.rest = slice_from(s.rest, 1);
	}
	return false;
}

static enum err_code one_value(struct intel_reader *r, struct scan *s, const char *type, const struct intel_row *about, bool take, struct err *e)
{
	char text[INTEL_TEXT_MAX];
	struct slice value;
	if (!s->rest.n || s->rest.p[0] != '\'') {
		take_word(s);
		return OK;
	}
	if (!take_string(s, text, sizeof(text), &value)) {
		s->bad = true;
		return OK;
	}
	if (!take)
		return OK;
	struct intel_row row = *about;
	row.type = slice_str(type);
	row.value = value;
	return reader_row(r, &row, e);
}

/* Behind the path: [NOT] operator value(s). */
static enum err_code comparison(struct intel_reader *r, struct scan *s, struct slice path, bool together, const struct intel_row *about,
				struct err *e)
{
	const char *type = path_type(path);
	skip_space(s);
	struct slice word = take_word(s);
	bool negated = is_word(word, "NOT"), equal = false;
	if (negated) {
		skip_space(s);
		word = take_word(s);
	}
	if (!word.n) {
		size_t n = 0;
		while (n < s->rest.n && s->rest.p[n] && strchr("=<>!", s->rest.p[n]))
			n++;
		equal = n == 1 && s->rest.p[0] == '=';
		s->rest = slice_from(s->rest, n ? n : 1);
	}
	bool in = is_word(word, "IN"), digest = !strcmp(type, "md5") || !strncmp(type, "sha", 3);
	bool take = *type && !negated && (equal || in || (is_word(word, "ISSUBSET") && !strcmp(type, "ip"))) && (!together || digest);
	skip_space(s);
	if (!in || !s->rest.n || s->rest.p[0] != '(')
		return one_value(r, s, type, about, take, e);
	s->rest = slice_from(s->rest, 1);
	while (s->rest.n && s->rest.p[0] != ')' && !s->bad) {
		skip_space(s);
		if (s->rest.n && s->rest.p[0] == '\'')
			TRY(one_value(r, s, type, about, take, e));
		else
			s->rest = slice_from(s->rest, s->rest.n && s->rest.p[0] != ')');
	}
	return OK;
}

enum err_code reader_stix_pattern(struct intel_reader *r, struct slice pattern, const struct intel_row *about, struct err *e)
{
	struct scan s = { slice_upto(pattern, 1 << 20), false };
	bool together = joined(s.rest);
	char path_text[PATH_MAX_BYTES + 1];
	while (s.rest.n && !s.bad) {
		struct slice path;
		if (!word_char(s.rest.p[0])) {
			s.rest = slice_from(s.rest, 1);
			continue;
		}
		if (!take_path(&s, path_text, &path))
			break;
		if (slice_find_byte(path, ':') > 0)
			TRY(comparison(r, &s, path, together, about, e));
	}
	if (s.bad)
		reader_unknown(r, slice_upto(pattern, 80));
	return OK;
}
