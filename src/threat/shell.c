/* Commands, operators, redirections, here-documents. */
#include "shell.h"

bool shell_over(struct shell_world *w, size_t steps)
{
	w->steps += steps + 1;
	return w->steps > SHELL_STEPS_MAX || w->code != OK || w->j->a->failed;
}

struct slice shell_join(struct shell_world *w, struct slice a, struct slice b)
{
	uint8_t *p = a.n + b.n <= SHELL_VALUE_MAX ? arena_alloc(w->j->a, a.n + b.n + 1) : NULL;
	if (!p)
		return SLICE_NULL;
	if (a.n)
		memcpy(p, a.p, a.n);
	if (b.n)
		memcpy(p + a.n, b.p, b.n);
	return slice_of(p, a.n + b.n);
}

static struct slice rest_of(const struct shell *sh) { return slice_from(sh->text, sh->at); }

static void put_words(struct shell *sh)
{
	for (size_t i = 0; i < sh->n_words; i++) {
		if (i)
			buf_putc(sh->out, ' ');
		buf_put_slice(sh->out, sh->words[i].text);
	}
}

/* The command is complete; op is what follows it. */
static void finish(struct shell *sh, bool pipe)
{
	struct shell_value out = { 0 };
	put_words(sh);
	if (sh->n_words)
		out = shell_command(sh);
	if (sh->redirect.n) {
		struct shell_value all = out;
		struct shell_value old = sh->append ? shell_get(&sh->w->files, sh->redirect) : (struct shell_value){ 0 };
		if (old.known && out.known)
			all.text = shell_join(sh->w, old.text, out.text);
		all.decoded |= old.decoded;
		if (all.known)
			shell_set(&sh->w->files, sh->redirect, all);
		if (all.known && all.decoded)
			shell_nested(sh->w, all.text, LANG_SHELL, true);
		refs_add(sh->w->refs, 'w', sh->redirect);
		out = (struct shell_value){ 0 };
	}
	if (!pipe && out.known) {
		struct shell_value *r = &sh->result;
		r->text = r->text.n ? shell_join(sh->w, r->text, out.text) : out.text;
		r->known = true;
		r->decoded |= out.decoded;
	}
	sh->in = pipe ? out : (struct shell_value){ 0 };
	sh->n_words = 0;
	sh->redirect = SLICE_NULL;
}

/* << WORD: the body starts on the next line and is read at once; it is jumped over when the line ends. */
static void here_document(struct shell *sh)
{
	bool tabs = sh->at < sh->text.n && sh->text.p[sh->at] == '-';
	sh->at += tabs;
	while (sh->at < sh->text.n && (sh->text.p[sh->at] == ' ' || sh->text.p[sh->at] == '\t'))
		sh->at++;
	bool quoted = sh->at < sh->text.n && strchr("'\"\\", sh->text.p[sh->at]);
	size_t before = sh->n_words;
	shell_word(sh);
	if (sh->n_words == before)
		return;
	struct slice mark = sh->words[--sh->n_words].text, line;
	size_t from = sh->skip_to > sh->at ? sh->skip_to : sh->at;
	if (sh->skip_to <= sh->at) {
		ptrdiff_t nl = slice_find_byte(rest_of(sh), '\n');
		if (nl < 0)
			return;
		sh->skip_from = sh->at + (size_t)nl + 1;
		from = sh->skip_from;
	}
	struct slice body = slice_from(sh->text, from), rest = body;
	while (slice_next_line(&rest, &line)) {
		while (tabs && line.n && line.p[0] == '\t')
			line = slice_from(line, 1);
		if (slice_eq(line, mark)) {
			body.n = (size_t)(line.p - body.p);
			break;
		}
	}
	shell_over(sh->w, body.n);
	sh->skip_to = rest.p ? (size_t)(rest.p - sh->text.p) : sh->text.n;
	sh->in = (struct shell_value){ body, true, false };
	if (!quoted && slice_find_byte(body, '$') >= 0 && sh->nest < SHELL_NEST_MAX) {
		/* expanded like a text in double quotes */
		struct slice text = shell_join(sh->w, SL("\""), shell_join(sh->w, body, SL("\"")));
		struct shell sub = { .w = sh->w, .text = text, .nest = sh->nest + 1, .out = sh->out };
		shell_word(&sub);
		if (sub.n_words == 1)
			sh->in.text = sub.words[0].text;
	}
}

/* Programs that run what comes from standard input. */
static bool reads_code(struct slice program)
{
	struct slice name = slice_from(program, (size_t)(slice_rfind_byte(program, '/') + 1));
	return slice_has_suffix(name, SL("sh")) || slice_has_prefix(name, SL("python")) || slice_eqs(name, "perl") || slice_eqs(name, "node") ||
	       slice_eqs(name, "php") || slice_eqs(name, "ruby");
}

/* At '<' or '>', file descriptor numbers before it already taken as part of a word. */
static void redirection(struct shell *sh)
{
	struct slice s = rest_of(sh);
	if (slice_has_prefix(s, SL("<<<"))) {
		sh->at += 3;
		while (sh->at < sh->text.n && sh->text.p[sh->at] == ' ')
			sh->at++;
		size_t before = sh->n_words;
		shell_word(sh);
		if (sh->n_words > before) {
			sh->in = sh->words[before];
			sh->n_words = before;
			shell_add_word(sh, SL("<<<"), false, false);
			shell_add_word(sh, sh->in.text, false, false);
		}
		return;
	}
	if (slice_has_prefix(s, SL("<<"))) {
		sh->at += 2;
		here_document(sh);
		return;
	}
	if (s.n > 1 && s.p[1] == '(') {	/* process substitution: read as a command of its own */
		shell_add_word(sh, slice_upto(s, 2), false, false);
		sh->at += 2;
		return;
	}
	bool out = s.p[0] == '>', append = slice_has_prefix(s, SL(">>")), amp = false;
	size_t n = append ? 2 : 1;
	while (n < s.n && (s.p[n] == '&' || s.p[n] == '|' || s.p[n] == '>')) {
		amp |= s.p[n] == '&';
		n++;
	}
	sh->at += n;
	shell_add_word(sh, slice_upto(s, n), false, false);
	while (sh->at < sh->text.n && (sh->text.p[sh->at] == ' ' || sh->text.p[sh->at] == '\t'))
		sh->at++;
	size_t before = sh->n_words;
	shell_word(sh);
	if (sh->n_words == before || amp)
		return;
	if (out) {
		sh->redirect = sh->words[before].text;
		sh->append = append;
	} else {
		sh->in = shell_get(&sh->w->files, sh->words[before].text);
		if (before && reads_code(sh->words[0].text))
			refs_add(sh->w->refs, 's', sh->words[before].text);
	}
}

static void newline(struct shell *sh)
{
	finish(sh, false);
	buf_putc(sh->out, '\n');
	sh->at++;
	if (sh->skip_to > sh->skip_from && sh->at >= sh->skip_from && sh->at < sh->skip_to) {
		buf_put_slice(sh->out, slice_sub(sh->text, sh->at, sh->skip_to - sh->at));
		sh->at = sh->skip_to;
	}
}

static void operator(struct shell *sh, uint8_t c)
{
	struct slice s = rest_of(sh);
	bool twice = s.n > 1 && s.p[1] == c;
	bool pipe = c == '|' && !twice;
	finish(sh, pipe);
	buf_putc(sh->out, ' ');
	buf_put_slice(sh->out, slice_upto(s, twice ? 2 : 1));
	buf_putc(sh->out, ' ');
	sh->at += twice || (pipe && s.n > 1 && s.p[1] == '&') ? 2 : 1;
}

struct shell_value shell_run(struct shell_world *w, struct slice text, unsigned nest, struct buf *out)
{
	struct shell shell = { .w = w, .text = text, .nest = nest, .out = out }, *sh = &shell;
	if (shell_over(w, text.n))
		return (struct shell_value){ 0 };
	while (sh->at < text.n && !shell_over(w, 0)) {
		uint8_t c = text.p[sh->at];
		if (c == ' ' || c == '\t' || c == '\r') {
			sh->at++;
		} else if (c == '\n') {
			newline(sh);
		} else if (c == '#') {
			ptrdiff_t nl = slice_find_byte(rest_of(sh), '\n');
			sh->at = nl < 0 ? text.n : sh->at + (size_t)nl;
		} else if (c == '&' && sh->at + 1 < text.n && text.p[sh->at + 1] == '>') {
			shell_add_word(sh, SL("&"), false, false);
			sh->at++;
		} else if (strchr(";|&()", c)) {
			operator(sh, c);
		} else if (c == '<' || c == '>') {
			redirection(sh);
		} else {
			size_t before = sh->at;
			shell_word(sh);
			sh->at += sh->at == before;
		}
	}
	finish(sh, false);
	return sh->result;
}
