/* Commands whose effect on text is known. Nothing is run: echo, printf and filters are computed, interpreters are given to the judge. */
#include "shell.h"

static const struct shell_value unknown;

static struct slice base_name(struct slice s)
{
	ptrdiff_t slash = slice_rfind_byte(s, '/');
	return slice_from(s, (size_t)(slash + 1));
}

static bool is_one_of(struct slice s, const char *const *words)
{
	for (; *words; words++)
		if (slice_eqs(s, *words))
			return true;
	return false;
}

static struct shell_value made(struct shell *sh, struct buf *b, bool decoded)
{
	struct slice text = b->failed ? SLICE_NULL : arena_dup(sh->w->j->a, buf_slice(b));
	return (struct shell_value){ text, text.p != NULL, decoded };
}

static struct shell_value cmd_echo(struct shell *sh, const struct shell_value *args, size_t n)
{
	AUTO_BUF b = BUF(SHELL_VALUE_MAX);
	bool escapes = false, end = true, decoded = false;
	while (n && args->text.n > 1 && args->text.p[0] == '-' && strspn((const char *)args->text.p + 1, "neE") == args->text.n - 1) {
		escapes |= slice_find_byte(args->text, 'e') >= 0;
		end &= slice_find_byte(args->text, 'n') < 0;
		args++;
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		if (!args[i].known)
			return unknown;
		if (i)
			buf_putc(&b, ' ');
		if (escapes)
			filter_escapes(&b, args[i].text);
		else
			buf_put_slice(&b, args[i].text);
		decoded |= args[i].decoded || (escapes && slice_find_byte(args[i].text, '\\') >= 0);
	}
	if (end)
		buf_putc(&b, '\n');
	return made(sh, &b, decoded);
}

static struct shell_value cmd_printf(struct shell *sh, const struct shell_value *args, size_t n)
{
	AUTO_BUF b = BUF(SHELL_VALUE_MAX), format = BUF(SHELL_VALUE_MAX);
	struct slice var = SLICE_NULL;
	if (n > 2 && slice_eqs(args[0].text, "-v")) {
		var = args[1].text;
		args += 2;
		n -= 2;
	}
	if (n && slice_eqs(args[0].text, "--")) {
		args++;
		n--;
	}
	if (!n || !args[0].known)
		return unknown;
	bool decoded = slice_find_byte(args[0].text, '\\') >= 0;
	filter_escapes(&format, args[0].text);
	struct slice f = buf_slice(&format);
	size_t used = 1;
	do {
		for (size_t i = 0; i < f.n; i++) {
			if (f.p[i] != '%' || i + 1 >= f.n) {
				buf_putc(&b, f.p[i]);
				continue;
			}
			uint8_t kind = f.p[++i];
			if (kind == '%') {
				buf_putc(&b, '%');
			} else if (used < n) {
				if (!args[used].known)
					return unknown;
				if (kind == 'b')
					filter_escapes(&b, args[used].text);
				else
					buf_put_slice(&b, args[used].text);
				used++;
			}
		}
	} while (used > 1 && used < n && !b.failed && slice_find_byte(f, '%') >= 0);
	struct shell_value v = made(sh, &b, decoded);
	if (!var.n)
		return v;
	shell_set(&sh->w->vars, var, v);
	return unknown;
}

/* Standard input, or the files named, as far as they were written by this script. */
static struct shell_value input(struct shell *sh, const struct shell_value *args, size_t n)
{
	struct shell_value all = { SLICE_NULL, true, false };
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		if (args[i].text.n > 1 && args[i].text.p[0] == '-')
			continue;
		if (args[i].text.n && strchr("<>&", args[i].text.p[0]))
			break;
		struct shell_value v = slice_eqs(args[i].text, "-") || slice_eqs(args[i].text, "/dev/stdin") ? sh->in :
			shell_get(&sh->w->files, args[i].text);
		if (!v.known)
			return unknown;
		all.text = any ? shell_join(sh->w, all.text, v.text) : v.text;
		all.decoded |= v.decoded;
		any = true;
	}
	return any ? all : sh->in;
}

static bool has_option(const struct shell_value *args, size_t n, const char *letters, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		struct slice s = args[i].text;
		if (s.n < 2 || s.p[0] != '-')
			continue;
		if (word && slice_eqs(s, word))
			return true;
		for (size_t k = 1; letters && s.p[1] != '-' && k < s.n; k++)
			if (strchr(letters, s.p[k]))
				return true;
	}
	return false;
}

typedef bool simple_filter(struct buf *out, struct slice s);
static struct shell_value through(struct shell *sh, simple_filter *fn, struct shell_value in)
{
	AUTO_BUF b = BUF(SHELL_VALUE_MAX);
	if (!in.known || !fn(&b, in.text))
		return unknown;
	return made(sh, &b, true);
}

static struct shell_value cmd_tr(struct shell *sh, const struct shell_value *args, size_t n)
{
	AUTO_BUF b = BUF(SHELL_VALUE_MAX);
	bool remove = n && has_option(args, 1, "d", "--delete");
	if (remove) {
		args++;
		n--;
	}
	if (!sh->in.known || n < (remove ? 1 : 2) || !filter_tr(&b, sh->in.text, args[0].text, remove ? SLICE_NULL : args[1].text, remove))
		return unknown;
	return made(sh, &b, true);
}

/* s/literal/text/g, with any separator. */
static struct shell_value cmd_sed(struct shell *sh, const struct shell_value *args, size_t n)
{
	AUTO_BUF b = BUF(SHELL_VALUE_MAX);
	struct slice script = n ? args[n - 1].text : SLICE_NULL, rest, from, to, text = sh->in.text;
	if (!sh->in.known || script.n < 4 || script.p[0] != 's')
		return unknown;
	rest = slice_from(script, 2);
	if (!slice_next_piece(&rest, script.p[1], &from) || !from.n || !slice_next_piece(&rest, script.p[1], &to))
		return unknown;
	for (size_t i = 0; i < from.n; i++)
		if (strchr("[]*.^$\\", from.p[i]))
			return unknown;
	for (ptrdiff_t hit; (hit = slice_find(text, from)) >= 0 && !b.failed; text = slice_from(text, (size_t)hit + from.n)) {
		buf_put_slice(&b, slice_upto(text, (size_t)hit));
		buf_put_slice(&b, to);
	}
	buf_put_slice(&b, text);
	return made(sh, &b, true);
}

static enum script_lang interpreter(struct slice name)
{
	static const struct { const char *name; enum script_lang lang; } all[] = { { "sh", LANG_SHELL }, { "bash", LANG_SHELL },
		{ "dash", LANG_SHELL }, { "ash", LANG_SHELL }, { "zsh", LANG_SHELL }, { "ksh", LANG_SHELL }, { "mksh", LANG_SHELL },
		{ "rbash", LANG_SHELL }, { "python", LANG_PYTHON }, { "perl", LANG_PERL }, { "ruby", LANG_RUBY }, { "node", LANG_JS },
		{ "nodejs", LANG_JS }, { "php", LANG_PHP }, { "lua", LANG_LUA } };
	while (name.n && ((name.p[name.n - 1] >= '0' && name.p[name.n - 1] <= '9') || name.p[name.n - 1] == '.'))
		name.n--;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (slice_eqs(name, all[i].name))
			return all[i].lang;
	return LANG_NONE;
}

static struct shell_value cmd_interpreter(struct shell *sh, enum script_lang lang, const struct shell_value *args, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice s = args[i].text;
		bool code = s.n > 1 && s.p[0] == '-' && s.p[1] != '-' &&
			(s.p[s.n - 1] == 'c' || (lang != LANG_SHELL && (s.p[s.n - 1] == 'e' || s.p[s.n - 1] == 'r' || s.p[s.n - 1] == 'E')));
		if (code && i + 1 < n) {
			shell_nested(sh->w, args[i + 1].text, lang, args[i + 1].decoded);
			return unknown;
		}
		if (s.n > 1 && s.p[0] == '-')
			continue;
		if (s.n && strchr("<>&", s.p[0]))
			break;
		if (slice_eqs(s, "-") || slice_eqs(s, "/dev/stdin"))
			continue;
		struct shell_value file = shell_get(&sh->w->files, s);
		refs_add(sh->w->refs, 'x', s);
		if (file.known)
			shell_nested(sh->w, file.text, lang, file.decoded);
		return unknown;
	}
	if (sh->in.known)
		shell_nested(sh->w, sh->in.text, lang, sh->in.decoded);
	return unknown;
}

static struct shell_value cmd_eval(struct shell *sh, const struct shell_value *args, size_t n)
{
	struct slice text = SLICE_NULL;
	bool decoded = false;
	for (size_t i = 0; i < n; i++) {
		text = i ? shell_join(sh->w, shell_join(sh->w, text, SL(" ")), args[i].text) : args[i].text;
		decoded |= args[i].decoded;
	}
	if (text.n)
		shell_nested(sh->w, text, LANG_SHELL, decoded);
	return unknown;
}

/* NAME=VALUE or NAME+=VALUE. */
static bool assign(struct shell *sh, struct shell_value word)
{
	ptrdiff_t eq = slice_find_byte(word.text, '=');
	size_t n = eq > 0 ? (size_t)eq : 0;
	bool more = n > 1 && word.text.p[n - 1] == '+';
	n -= more;
	if (!n || (word.text.p[0] >= '0' && word.text.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)((word.text.p[i] | 0x20) - 'a') >= 26 && (uint8_t)(word.text.p[i] - '0') >= 10 && word.text.p[i] != '_')
			return false;
	struct slice name = slice_upto(word.text, n);
	struct shell_value v = { slice_from(word.text, (size_t)eq + 1), word.known, word.decoded }, old;
	if (more && (old = shell_get(&sh->w->vars, name)).known)
		v.text = shell_join(sh->w, old.text, v.text);
	shell_set(&sh->w->vars, name, v);
	return true;
}

static const char *const prefixes[] = { "sudo", "env", "nohup", "exec", "command", "builtin", "time", "nice", "setsid", "busybox", "then", "do",
	"else", "if", "while", "until", "!", "{", "gosu", "su-exec", "tini", "dumb-init", "timeout", "ionice", "stdbuf", "xargs", NULL };

/* Steps over assignments and words that only start another command. */
static size_t command_at(struct shell *sh)
{
	size_t i = 0;
	bool prefixed = false, user_next = false;	/* a user's name comes next */
	for (; i < sh->n_words; i++) {
		struct slice s = sh->words[i].text;
		if (assign(sh, sh->words[i]))
			continue;
		if (prefixed && s.n && (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9'))) {
			user_next = slice_eqs(s, "-u") || slice_eqs(s, "-g");
			continue;
		}
		if (prefixed && user_next) {
			user_next = false;
			continue;
		}
		if (!is_one_of(base_name(s), prefixes))
			break;
		refs_add(sh->w->refs, 'x', s);
		prefixed = true;
		user_next = slice_has_suffix(s, SL("gosu")) || slice_has_suffix(s, SL("su-exec"));
	}
	return i;
}

static struct shell_value text_command(struct shell *sh, struct slice name, const struct shell_value *args, size_t n)
{
	static const char *const unpack[] = { "gunzip", "zcat", "gzip", "gzcat", "pigz", "unpigz", NULL };
	if (slice_eqs(name, "echo"))
		return cmd_echo(sh, args, n);
	if (slice_eqs(name, "printf"))
		return cmd_printf(sh, args, n);
	if (slice_eqs(name, "cat") || slice_eqs(name, "dd"))
		return slice_eqs(name, "dd") ? sh->in : input(sh, args, n);
	if (slice_eqs(name, "tee")) {
		for (size_t i = 0; i < n; i++)
			if (args[i].text.n && args[i].text.p[0] != '-') {
				shell_set(&sh->w->files, args[i].text, sh->in);
				refs_add(sh->w->refs, 'w', args[i].text);
			}
		return sh->in;
	}
	if (slice_eqs(name, "base64") && has_option(args, n, "dD", "--decode"))
		return through(sh, filter_base64, input(sh, args, n));
	if (slice_eqs(name, "base32") && has_option(args, n, "d", "--decode"))
		return through(sh, filter_base32, input(sh, args, n));
	if (slice_eqs(name, "openssl") && has_option(args, n, NULL, "-d") && !has_option(args, n, NULL, "-k") &&
	    (has_option(args, n, NULL, "-base64") || (n && slice_eqs(args[0].text, "base64")) || has_option(args, n, NULL, "-a")))
		return through(sh, filter_base64, sh->in);
	if (slice_eqs(name, "xxd") && has_option(args, n, "r", NULL))
		return through(sh, filter_hex, input(sh, args, n));
	if (slice_eqs(name, "rev"))
		return through(sh, filter_reverse, input(sh, args, n));
	if (slice_eqs(name, "tr"))
		return cmd_tr(sh, args, n);
	if (slice_eqs(name, "sed"))
		return cmd_sed(sh, args, n);
	if (is_one_of(name, unpack))
		return through(sh, filter_inflate, input(sh, args, n));
	return unknown;
}

static void copy_file(struct shell *sh, const struct shell_value *args, size_t n)
{
	while (n && args->text.n && args->text.p[0] == '-') {
		args++;
		n--;
	}
	if (n < 2)
		return;
	struct shell_value v = shell_get(&sh->w->files, args[0].text);
	if (v.known)
		shell_set(&sh->w->files, args[1].text, v);
	refs_add(sh->w->refs, 'w', args[n - 1].text);
}

struct shell_value shell_command(struct shell *sh)
{
	static const char *const setters[] = { "export", "declare", "local", "typeset", "readonly", "alias", NULL };
	static const char *const copiers[] = { "cp", "mv", "ln", "install", NULL };
	size_t at = command_at(sh);
	if (at >= sh->n_words)
		return unknown;
	const struct shell_value *args = sh->words + at + 1;
	size_t n = sh->n_words - at - 1;
	struct slice word = sh->words[at].text, name = base_name(word);
	if (is_one_of(name, setters)) {
		for (size_t i = 0; i < n; i++)
			assign(sh, args[i]);
		return unknown;
	}
	if (slice_eqs(word, ".") || slice_eqs(word, "source")) {
		struct shell_value file = n ? shell_get(&sh->w->files, args[0].text) : unknown;
		if (n && (slice_eqs(args[0].text, "/dev/stdin") || args[0].text.p[0] == '<'))
			file = sh->in;
		if (n)
			refs_add(sh->w->refs, 's', args[0].text);
		if (file.known)
			shell_nested(sh->w, file.text, LANG_SHELL, file.decoded);
		return unknown;
	}
	refs_add(sh->w->refs, 'x', word);
	if (slice_eqs(name, "eval"))
		return cmd_eval(sh, args, n);
	if (is_one_of(name, copiers))
		copy_file(sh, args, n);
	enum script_lang lang = interpreter(name);
	if (lang != LANG_NONE)
		return cmd_interpreter(sh, lang, args, n);
	struct shell_value file = shell_get(&sh->w->files, word);
	if (file.known)	/* ./x that was written above */
		shell_nested(sh->w, file.text, LANG_SHELL, file.decoded);
	return text_command(sh, name, args, n);
}
