/* Words: quotes, escapes, variables, command substitution. */
#include "shell.h"

/* While one word is read. */
struct word {
	struct buf text;
	bool known, decoded, quoted;	/* quoted: empty text is a word too */
	bool split;			/* unquoted expansions brought white space */
};

static bool is_name_byte(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '_';
}

static bool is_end(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '<' || c == '>';
}

static struct slice rest_of(const struct shell *sh) { return slice_from(sh->text, sh->at); }

void shell_set(struct shell_names *names, struct slice name, struct shell_value value)
{
	for (size_t i = 0; i < names->n; i++)
		if (slice_eq(names->items[i].name, name)) {
			names->items[i].value = value;
			return;
		}
	if (names->n < SHELL_NAMES_MAX)
		names->items[names->n++] = (struct shell_name){ name, value };
}

struct shell_value shell_get(const struct shell_names *names, struct slice name)
{
	for (size_t i = 0; i < names->n; i++)
		if (slice_eq(names->items[i].name, name))
			return names->items[i].value;
	return (struct shell_value){ 0 };
}

static void put_value(struct shell *sh, struct word *w, struct shell_value v, bool in_quotes)
{
	buf_put_slice(&w->text, v.text);
	w->decoded |= v.decoded;
	sh->w->changed = true;
	for (size_t i = 0; !in_quotes && i < v.text.n; i++)
		w->split |= v.text.p[i] == ' ' || v.text.p[i] == '\n' || v.text.p[i] == '\t';
}

/* Length up to the closing bracket that matches one already open; 0 when there is none near. */
static size_t closing(struct shell *sh, struct slice s, uint8_t open, uint8_t close)
{
	enum { NEAR = 32 << 10 };
	unsigned level = 1;
	uint8_t quote = 0;
	if (shell_over(sh->w, 0))
		return 0;
	for (size_t i = 0; i < s.n && i < NEAR; i++) {
		uint8_t c = s.p[i];
		if (c == '\\' && quote != '\'') {
			i++;
		} else if (quote) {
			quote = c == quote ? 0 : quote;
		} else if ((c == '\'' || c == '"') && open != '{') {
			quote = c;
		} else if (c == open && open != close) {
			level++;
		} else if (c == close && !--level) {
			return shell_over(sh->w, i) ? 0 : i + 1;
		}
	}
	shell_over(sh->w, MIN(s.n, (size_t)NEAR));
	return 0;
}

/* $( ... ), ` ... ` and <( ... ): what it writes when that is known, else its normalised text in its own brackets. */
static void substitute(struct shell *sh, struct word *w, struct slice inner, const char *head, const char *tail, bool in_quotes)
{
	AUTO_BUF out = BUF(SHELL_VALUE_MAX);
	struct shell_value v = { 0 };
	bool known = false;
	if (sh->nest < SHELL_NEST_MAX) {
		v = shell_run(sh->w, inner, sh->nest + 1, &out);
		known = v.known && v.text.n;
	} else {
		buf_put_slice(&out, inner);
	}
	if (known && head[0] != '<') {
		while (v.text.n && v.text.p[v.text.n - 1] == '\n')
			v.text.n--;
		put_value(sh, w, v, in_quotes);
		return;
	}
	if (known)
		shell_nested(sh->w, v.text, LANG_SHELL, v.decoded);
	w->known = false;
	buf_puts(&w->text, head);
	buf_put_slice(&w->text, slice_trim(buf_slice(&out)));
	buf_puts(&w->text, tail);
}

/* ${name...}: offset and length, replacement of a literal, defaults; others leave the value as it is. */
static void braces(struct shell *sh, struct word *w, struct slice in, bool in_quotes)
{
	size_t n = 0;
	while (n < in.n && is_name_byte(in.p[n]))
		n++;
	struct slice name = slice_upto(in, n), op = slice_from(in, n), pat, with;
	struct shell_value v = shell_get(&sh->w->vars, name);
	if (slice_eqs(name, "IFS") || slice_eqs(in, "IFS")) {
		put_value(sh, w, (struct shell_value){ SL(" "), true, false }, in_quotes);
		return;
	}
	if (!v.known && op.n > 2 && op.p[0] == ':' && (op.p[1] == '-' || op.p[1] == '=')) {
		buf_put_slice(&w->text, slice_from(op, 2));
		sh->w->changed = true;
		return;
	}
	if (!v.known || !n) {
		w->known = false;
		buf_puts(&w->text, "${");
		buf_put_slice(&w->text, in);
		buf_puts(&w->text, "}");
		return;
	}
	uint64_t from = 0, count = UINT64_MAX;
	if (op.n > 1 && op.p[0] == ':') {
		struct slice numbers = slice_from(op, 1), part;
		if (slice_next_piece(&numbers, ':', &part) && slice_to_u64(slice_trim(part), &from)) {
			(void)slice_to_u64(slice_trim(numbers), &count);
			v.text = slice_sub(v.text, (size_t)MIN(from, (uint64_t)v.text.n), (size_t)MIN(count, (uint64_t)v.text.n));
		}
	} else if (op.n > 2 && op.p[0] == '/') {
		bool all = op.p[1] == '/';
		op = slice_from(op, all ? 2 : 1);
		AUTO_BUF made = BUF(SHELL_VALUE_MAX);
		if (slice_next_piece(&op, '/', &pat) && pat.n) {
			with = op;
			for (ptrdiff_t hit; (hit = slice_find(v.text, pat)) >= 0 && !made.failed; v.text = slice_from(v.text, (size_t)hit + pat.n)) {
				buf_put_slice(&made, slice_upto(v.text, (size_t)hit));
				buf_put_slice(&made, with);
				if (!all) {
					v.text = slice_from(v.text, (size_t)hit + pat.n);
					break;
				}
			}
		}
		buf_put_slice(&made, v.text);
		v.text = arena_dup(sh->w->j->a, buf_slice(&made));
	}
	put_value(sh, w, v, in_quotes);
}

/* $'...': at stands behind the opening quote. */
static void ansi_quotes(struct shell *sh, struct word *w)
{
	struct slice s = rest_of(sh);
	size_t n = 0;
	while (n < s.n && s.p[n] != '\'')
		n += s.p[n] == '\\' ? 2 : 1;
	n = MIN(n, s.n);
	filter_escapes(&w->text, slice_upto(s, n));
	sh->at += MIN(n + 1, s.n);
	sh->w->changed = true;
	w->quoted = true;
}

/* At a '$'. */
static void dollar(struct shell *sh, struct word *w, bool in_quotes)
{
	struct slice s = rest_of(sh);
	size_t n;
	if (s.n > 2 && s.p[1] == '(' && (n = closing(sh, slice_from(s, 2), '(', ')'))) {
		sh->at += 2 + n;
		substitute(sh, w, slice_sub(s, 2, n - 1), "$(", ")", in_quotes);
	} else if (s.n > 2 && s.p[1] == '{' && (n = closing(sh, slice_from(s, 2), '{', '}'))) {
		sh->at += 2 + n;
		braces(sh, w, slice_sub(s, 2, n - 1), in_quotes);
	} else if (s.n > 1 && s.p[1] == '\'' && !in_quotes) {
		sh->at += 2;
		ansi_quotes(sh, w);
	} else if (s.n > 1 && s.p[1] == '"' && !in_quotes) {
		sh->at++;
	} else if (s.n > 2 && (s.p[1] == '@' || s.p[1] == '*') && (w->text.n || is_name_byte(s.p[2])) && !in_quotes) {
		sh->at += 2;	/* no arguments: nothing, in the middle of a word only to confuse */
		sh->w->changed = true;
	} else if (s.n > 1 && is_name_byte(s.p[1])) {
		for (n = 1; n < s.n && is_name_byte(s.p[n]); n++)
			;
		sh->at += n;
		struct shell_value v = shell_get(&sh->w->vars, slice_sub(s, 1, n - 1));
		if (slice_eqs(slice_sub(s, 1, n - 1), "IFS"))
			v = (struct shell_value){ SL(" "), true, false };
		if (v.known) {
			put_value(sh, w, v, in_quotes);
		} else {
			w->known = false;
			buf_put_slice(&w->text, slice_upto(s, n));
		}
	} else {
		buf_putc(&w->text, '$');
		sh->at++;
	}
}

static void backquotes(struct shell *sh, struct word *w, bool in_quotes)
{
	struct slice s = slice_from(rest_of(sh), 1);
	size_t n = closing(sh, s, '`', '`');
	if (!n) {
		buf_putc(&w->text, '`');
		sh->at++;
		return;
	}
	sh->at += 1 + n;
	substitute(sh, w, slice_upto(s, n - 1), "`", "`", in_quotes);
}

static void double_quotes(struct shell *sh, struct word *w)
{
	sh->at++;
	w->quoted = true;
	while (sh->at < sh->text.n && sh->text.p[sh->at] != '"') {
		uint8_t c = sh->text.p[sh->at], next = sh->at + 1 < sh->text.n ? sh->text.p[sh->at + 1] : 0;
		if (c == '\\' && next && strchr("\"\\$`\n", next)) {
			if (next != '\n')
				buf_putc(&w->text, next);
			sh->at += 2;
		} else if (c == '$') {
			dollar(sh, w, true);
		} else if (c == '`') {
			backquotes(sh, w, true);
		} else {
			buf_putc(&w->text, c);
			sh->at++;
		}
	}
	sh->at += sh->at < sh->text.n;
}

static void single_quotes(struct shell *sh, struct word *w)
{
	struct slice s = slice_from(rest_of(sh), 1);
	ptrdiff_t end = slice_find_byte(s, '\'');
	size_t n = end < 0 ? s.n : (size_t)end;
	buf_put_slice(&w->text, slice_upto(s, n));
	sh->at += 1 + MIN(n + 1, s.n);
	w->quoted = true;
}

void shell_add_word(struct shell *sh, struct slice text, bool known, bool decoded)
{
	if (sh->n_words < SHELL_WORDS_MAX)
		sh->words[sh->n_words++] = (struct shell_value){ text, known, decoded };
}

/* {a,b,c} as a whole word: several words. */
static bool brace_list(struct shell *sh, struct slice s)
{
	if (s.n < 4 || s.p[0] != '{' || s.p[s.n - 1] != '}' || slice_find_byte(s, ',') < 0 || slice_find_byte(s, ' ') >= 0)
		return false;
	struct slice rest = slice_sub(s, 1, s.n - 2), part;
	while (slice_next_piece(&rest, ',', &part))
		shell_add_word(sh, part, true, false);
	sh->w->changed = true;
	return true;
}

void shell_word(struct shell *sh)
{
	struct word w = { .text = BUF(SHELL_VALUE_MAX), .known = true };
	while (sh->at < sh->text.n && !is_end(sh->text.p[sh->at])) {
		uint8_t c = sh->text.p[sh->at];
		if (c == '\\') {
			if (sh->at + 1 < sh->text.n && sh->text.p[sh->at + 1] != '\n')
				buf_putc(&w.text, sh->text.p[sh->at + 1]);
			sh->at = MIN(sh->at + 2, sh->text.n);
			sh->w->changed = true;
		} else if (c == '\'') {
			sh->w->changed |= w.text.n > 0;
			single_quotes(sh, &w);
		} else if (c == '"') {
			sh->w->changed |= w.text.n > 0;
			double_quotes(sh, &w);
		} else if (c == '$') {
			dollar(sh, &w, false);
		} else if (c == '`') {
			backquotes(sh, &w, false);
		} else {
			buf_putc(&w.text, c);
			sh->at++;
		}
	}
	struct slice text = arena_dup(sh->w->j->a, buf_slice(&w.text)), part;
	if (w.text.n || w.quoted) {
		if (w.split && sh->n_words) {
			while (slice_next_piece(&text, ' ', &part))
				if (part.n)
					shell_add_word(sh, part, w.known, w.decoded);
		} else if (w.quoted || !brace_list(sh, text)) {
			shell_add_word(sh, text, w.known, w.decoded);
		}
	}
	buf_free(&w.text);
}

