/* Which modules a rule text imports, without libyara, which would load them. */
#include "yara_private.h"

static size_t skip_string(struct slice t, size_t at)
{
	for (at++; at < t.n && t.p[at] != '"' && t.p[at] != '\n'; at++)
		if (t.p[at] == '\\')
			at++;
	return at + 1;
}

static size_t skip_comment(struct slice t, size_t at)
{
	ptrdiff_t end = t.p[at + 1] == '/' ? slice_find_byte(slice_from(t, at), '\n') : slice_find(slice_from(t, at + 2), SL("*/"));
	if (end < 0)
		return t.n;
	return t.p[at + 1] == '/' ? at + (size_t)end : at + (size_t)end + 4;
}

static bool is_word(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

static size_t skip_space(struct slice t, size_t at)
{
	for (;;) {
		while (at < t.n && (t.p[at] == ' ' || (t.p[at] >= '\t' && t.p[at] <= '\r')))
			at++;
		if (at + 1 >= t.n || t.p[at] != '/' || (t.p[at + 1] != '/' && t.p[at + 1] != '*'))
			return at;
		at = skip_comment(t, at);
	}
}

const char *yara_forbidden_import(struct slice t, uint64_t *ret_line)
{
	static const char *const forbidden[] = { "magic", "cuckoo" };
	for (size_t at = 0; at < t.n;) {
		if (t.p[at] == '"') {
			at = skip_string(t, at);
		} else if (t.p[at] == '/' && at + 1 < t.n && (t.p[at + 1] == '/' || t.p[at + 1] == '*')) {
			at = skip_comment(t, at);
		} else if (is_word(t.p[at])) {
			size_t from = at;
			while (at < t.n && is_word(t.p[at]))
				at++;
			size_t quote = skip_space(t, at);
			if (!slice_eqs(slice_sub(t, from, at - from), "import") || quote >= t.n || t.p[quote] != '"')
				continue;
			at = skip_string(t, quote);
			for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
				if (!slice_eqs(slice_sub(t, quote + 1, at - quote - 2), forbidden[i]))
					continue;
				*ret_line = 1;
				for (size_t k = 0; k < quote; k++)
					*ret_line += t.p[k] == '\n';
				return forbidden[i];
			}
		} else {
			at++;
		}
	}
	return NULL;
}
