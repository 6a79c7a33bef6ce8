/* Languages other than the shell: string literals joined over + and ., variables that hold a literal put in, escapes undone, lists of
 * character codes written as text. Everything else stays as it is. */
#include "filter.h"
#include "view.h"

enum { NAMES_MAX = 128, LITERAL_MAX = 1 << 20 };
struct lang {
	struct arena *a;
	struct slice text;
	size_t at;
	enum script_lang lang;
	struct buf *out;
	struct { struct slice name, value; } vars[NAMES_MAX];
	size_t n_vars;
	bool changed, want_reversed;
};

static bool is_name(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '_';
}

static size_t skip_space(struct slice s, size_t i)
{
	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r'))
		i++;
	return i;
}

/* A number at s: decimal or 0x; its length. */
static size_t number_at(struct slice s, unsigned *ret)
{
	size_t n = 0;
	unsigned base = s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x' ? 16 : 10, v = 0;
	for (n = base == 16 ? 2 : 0; n < s.n && n < 8; n++) {
		uint8_t c = s.p[n] | 0x20;
		unsigned d = c >= '0' && c <= '9' ? (unsigned)c - '0' : c >= 'a' && c <= 'f' ? (unsigned)c - 'a' + 10 : 99;
		if (d >= base || (s.p[n] < '0'))
			break;
		v = v * base + d;
	}
	*ret = v;
	return n;
}

/* 99,117,114,108: at least four character codes; appends them and returns the length, 0 when it is none. */
static size_t codes_at(struct slice s, struct buf *out)
{
	size_t i = 0, end = 0, count = 0, before = out->n;
	for (;;) {
		unsigned v;
		size_t n = number_at(slice_from(s, i), &v);
		if (!n || v > 255 || (v < 32 && (v < 9 || v > 13)))
			break;
		buf_putc(out, (uint8_t)v);
		count++;
		end = i + n;
		i = skip_space(s, end);
		if (i >= s.n || s.p[i] != ',')
			break;
		i = skip_space(s, i + 1);
	}
	if (count >= 4 && !(end < s.n && (is_name(s.p[end]) || s.p[end] == '.')))
		return end;
	out->n = before;
	return 0;
}

/* A literal at l->text[at]: its unescaped content to out, its length, or 0. */
static size_t literal(struct lang *l, size_t at, struct buf *out)
{
	struct slice s = slice_from(l->text, at);
	uint8_t quote = s.n ? s.p[0] : 0;
	if (quote != '"' && quote != '\'' && !(quote == '`' && l->lang == LANG_JS))
		return 0;
	bool triple = l->lang == LANG_PYTHON && s.n > 5 && s.p[1] == quote && s.p[2] == quote;
	size_t from = triple ? 3 : 1, n = from;
	bool raw = l->lang == LANG_PYTHON && at && (l->text.p[at - 1] | 0x20) == 'r';
	for (; n < s.n && n < LITERAL_MAX; n++) {
		if (s.p[n] == '\\')
			n++;
		else if (s.p[n] == quote && (!triple || (n + 2 < s.n && s.p[n + 1] == quote && s.p[n + 2] == quote)))
			break;
		else if (s.p[n] == '\n' && !triple && quote != '`' && l->lang != LANG_PHP && l->lang != LANG_PERL && l->lang != LANG_RUBY)
			return 0;	/* an apostrophe */
	}
	if (n >= s.n || n >= LITERAL_MAX)
		return 0;
	struct slice body = slice_sub(s, from, n - from);
	bool plain = raw || (quote == '\'' && (l->lang == LANG_PHP || l->lang == LANG_PERL)) || slice_find_byte(body, '\\') < 0;
	l->changed |= !plain;
	if (plain)
		buf_put_slice(out, body);
	else
		filter_escapes(out, body);
	return n + (triple ? 3 : 1);
}

/* chr(99), String.fromCharCode(...). */
static size_t char_call(struct lang *l, size_t at, struct buf *out)
{
	static const char *const calls[] = { "chr(", "String.fromCharCode(", "bytes([", "bytearray([", "Uint8Array([", "Buffer.from([" };
	struct slice s = slice_from(l->text, at);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct slice name = slice_str(calls[i]);
		if (!slice_has_prefix(s, name) || (at && is_name(l->text.p[at - 1])))
			continue;
		unsigned v;
		size_t from = skip_space(s, name.n), n = codes_at(slice_from(s, from), out);
		if (!n && (n = number_at(slice_from(s, from), &v)) && v < 256)
			buf_putc(out, (uint8_t)v);
		from = skip_space(s, from + n);
		while (n && from < s.n && (s.p[from] == ')' || s.p[from] == ']'))
			if (s.p[from++] == ')')
				break;
		if (n) {
			l->changed = true;
			return from;
		}
	}
	return 0;
}

static struct slice name_at(struct lang *l, size_t at)
{
	size_t n = at;
	if (n < l->text.n && l->text.p[n] == '$')
		n++;
	while (n < l->text.n && is_name(l->text.p[n]))
		n++;
	return slice_sub(l->text, at, n - at);
}

static struct slice var_get(const struct lang *l, struct slice name)
{
	for (size_t i = l->n_vars; name.n && i-- > 0;)
		if (slice_eq(l->vars[i].name, name))
			return l->vars[i].value;
	return SLICE_NULL;
}

/* A piece of text at `at`: literal, character call, or a variable that holds one. */
static size_t piece(struct lang *l, size_t at, struct buf *out, bool with_vars)
{
	size_t n = at < l->text.n ? literal(l, at, out) : 0;
	if (!n && at + 1 < l->text.n && strchr("bBrRuUfF", l->text.p[at]) && (l->text.p[at + 1] == '"' || l->text.p[at + 1] == '\'') &&
	    (n = literal(l, at + 1, out)))
		n++;
	if (!n)
		n = at < l->text.n ? char_call(l, at, out) : 0;
	if (n || !with_vars)
		return n;
	struct slice name = name_at(l, at), value = var_get(l, name);
	if (!value.p)
		return 0;
	buf_put_slice(out, value);
	l->changed = true;
	return name.n;
}

/* Behind a piece: an operator that joins it with another. The offset of that other, or 0. */
static size_t joined(const struct lang *l, size_t at)
{
	size_t i = skip_space(l->text, at);
	if (i >= l->text.n)
		return 0;
	uint8_t c = l->text.p[i];
	if (c == '+' || (c == '.' && (l->lang == LANG_PHP || l->lang == LANG_PERL || l->lang == LANG_LUA || l->lang == LANG_OTHER))) {
		i++;
		if (c == '.' && i < l->text.n && l->text.p[i] == '.')
			i++;
		return i < l->text.n && l->text.p[i] == '=' ? 0 : skip_space(l->text, i);
	}
	/* "a" "b" */
	bool adjacent = i > at && l->lang == LANG_PYTHON && (c == '"' || c == '\'');
	/* ['a','b'].join('') and its kin: judged as if joined */
	return adjacent ? i : 0;
}

static size_t reversal(const struct lang *l, size_t at)
{
	static const char *const forms[] = { "[::-1]", ".split('').reverse().join('')", ".split(\"\").reverse().join(\"\")", ".reverse" };
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (slice_has_prefix(slice_from(l->text, at), slice_str(forms[i])))
			return strlen(forms[i]);
	return 0;
}

/* NAME = before what is being written: the name. */
static struct slice assigned_name(const struct lang *l)
{
	struct slice o = slice_trim(buf_slice(l->out));
	if (o.n < 2 || o.p[o.n - 1] != '=' || strchr("=!<>+", o.p[o.n - 2]))
		return SLICE_NULL;
	o = slice_trim(slice_upto(o, o.n - 1));
	size_t n = o.n;
	while (n && is_name(o.p[n - 1]))
		n--;
	if (n && o.p[n - 1] == '$')
		n--;
	return slice_from(o, n);
}

static bool out_ends(const struct lang *l, const char *what)
{
	return slice_has_suffix(buf_slice(l->out), slice_str(what));
}

/* A chain of pieces starts at l->at; writes it as one literal. false: no chain here. */
static bool chain(struct lang *l)
{
	AUTO_BUF made = BUF(LITERAL_MAX);
	struct slice name = name_at(l, l->at);
	size_t n = piece(l, l->at, &made, name.n && joined(l, l->at + name.n)), next;
	if (!n)
		return false;
	size_t end = l->at + n;
	while ((next = joined(l, end)) && (n = piece(l, next, &made, true))) {
		l->changed = true;
		end = next + n;
	}
	struct slice text = buf_slice(&made);
	AUTO_BUF turned = BUF(LITERAL_MAX);
	size_t back = reversal(l, end);
	if (back || out_ends(l, "strrev(") || out_ends(l, "reverse(")) {
		filter_reverse(&turned, text);
		text = buf_slice(&turned);
		end += back;
		l->changed = true;
	} else if (out_ends(l, "str_rot13(") || (text.n > 8 && slice_find(slice_sub(l->text, end, 24), SL("rot")) >= 0)) {
		filter_rot13(&turned, text);
		text = buf_slice(&turned);
		l->changed = true;
	}
	name = assigned_name(l);
	if (name.n && text.n && l->n_vars < NAMES_MAX) {
		l->vars[l->n_vars].name = arena_dup(l->a, name);
		l->vars[l->n_vars++].value = arena_dup(l->a, text);
	}
	buf_putc(l->out, '"');
	buf_put_slice(l->out, text);
	buf_putc(l->out, '"');
	l->at = end;
	return true;
}

/* ['a','b'] with .join( behind it or "".join( before it. */
static bool joined_list(struct lang *l)
{
	AUTO_BUF made = BUF(LITERAL_MAX);
	size_t i = skip_space(l->text, l->at + 1), n;
	while ((n = piece(l, i, &made, true))) {
		i = skip_space(l->text, i + n);
		if (i < l->text.n && l->text.p[i] == ',')
			i = skip_space(l->text, i + 1);
		else
			break;
	}
	if (i >= l->text.n || l->text.p[i] != ']' || made.n < 2)
		return false;
	struct slice behind = slice_sub(l->text, i + 1, 8);
	if (!slice_has_prefix(behind, SL(".join")) && !out_ends(l, ".join(") && !out_ends(l, "implode(\"\","))
		return false;
	buf_putc(l->out, '"');
	buf_put_slice(l->out, buf_slice(&made));
	buf_putc(l->out, '"');
	l->at = i + 1;
	l->changed = true;
	return true;
}

/* What may start a chain; keeps the rest of the code at copying speed. */
static bool may_start(const struct lang *l, uint8_t c)
{
	if (c == '"' || c == '\'' || c == '`')
		return true;
	uint8_t next = l->at + 1 < l->text.n ? l->text.p[l->at + 1] : 0;
	if (c == 'c' || c == 'S' || c == 'b' || c == 'U' || c == 'B' || next == '"' || next == '\'')
		return true;
	return l->n_vars && (is_name(c) || c == '$');
}

bool lang_normalise(struct file_judge *j, struct slice text, enum script_lang lang, struct buf *out)
{
	struct lang *l = arena_new(j->a, struct lang);
	if (!l)
		return false;
	l->a = j->a;
	l->text = text;
	l->lang = lang;
	l->out = out;
	while (l->at < text.n && !out->failed) {
		uint8_t c = text.p[l->at];
		bool start = !l->at || !is_name(text.p[l->at - 1]);
		if (c == '[' && joined_list(l))
			continue;
		if (start && may_start(l, c) && chain(l))
			continue;
		if (start && c >= '0' && c <= '9') {
			AUTO_BUF codes = BUF(LITERAL_MAX);
			size_t n = codes_at(slice_from(text, l->at), &codes);
			if (n) {
				buf_putc(out, '"');
				buf_put_slice(out, buf_slice(&codes));
				buf_putc(out, '"');
				l->at += n;
				l->changed = true;
				continue;
			}
		}
		size_t n = is_name(c) || c == '$' ? MAX(name_at(l, l->at).n, (size_t)1) : 1;
		while (l->at + n < text.n && strchr(" \t\n;:,(){}", text.p[l->at + n]) && text.p[l->at + n])
			n++;
		buf_put_slice(out, slice_sub(text, l->at, n));
		l->at += n;
	}
	return l->changed;
}
