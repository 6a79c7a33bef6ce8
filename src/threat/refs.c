#include "refs.h"

static bool is_plain(struct slice w)
{
	for (size_t i = 0; i < w.n; i++)
		if (w.p[i] <= ' ' || w.p[i] >= 0x7f || strchr("$`*?[](){}<>|;&\"'\\", w.p[i]))
			return false;
	return w.n > 0 && w.n <= REF_BYTES_MAX;
}

/* Words of the shell that lead to no file. */
static bool is_keyword(struct slice w)
{
	static const char *const words[] = { "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "{", "}",
		"!", "[", "[[", "]]", "test", "echo", "printf", "cd", "exit", "return", "set", "unset", "shift", "true", "false", ":", "read", "eval",
		"exec", "export", "local", "trap", "wait", "break", "continue", "function", "command", "builtin", "declare", "umask", "type", "getopts" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_eqs(w, words[i]))
			return true;
	return false;
}

void refs_add(struct refs *r, char kind, struct slice word)
{
	if (r->only_paths && slice_find_byte(word, '/') < 0)
		return;
	if (!is_plain(word) || (kind == 'x' && is_keyword(word)) || slice_has_suffix(word, SL(";;")))
		return;
	uint64_t h = slice_hash(word) * 31 + (uint8_t)kind;
	h += !h;
	for (size_t i = h % ARRAY_LEN(r->seen);; i = (i + 1) % ARRAY_LEN(r->seen)) {
		if (r->seen[i].hash == h)
			return;
		if (!r->seen[i].hash) {
			if (r->n < REFS_MAX)
				r->seen[i].hash = h;
			break;
		}
	}
	if (r->n++ >= REFS_MAX) {
		r->full = true;
		return;
	}
	uint8_t item[REF_BYTES_MAX + 2] = { (uint8_t)kind, ':' };
	memcpy(item + 2, word.p, word.n);
	fact_list_put(&r->list, slice_of(item, word.n + 2));
}

static struct slice word_at(struct slice s, const char *more)
{
	size_t n = 0;
	while (n < s.n && ((uint8_t)((s.p[n] | 0x20) - 'a') < 26 || (uint8_t)(s.p[n] - '0') < 10 || (s.p[n] && strchr(more, s.p[n]))))
		n++;
	return slice_upto(s, n);
}

static void python_line(struct refs *r, struct slice line)
{
	line = slice_trim(line);
	if (slice_has_prefix(line, SL("from "))) {
		refs_add(r, 'm', word_at(slice_trim(slice_from(line, 5)), "._"));
	} else if (slice_has_prefix(line, SL("import "))) {
		struct slice rest = slice_from(line, 7), part;
		while (slice_next_piece(&rest, ',', &part))
			refs_add(r, 'm', word_at(slice_trim(part), "._"));
	}
}

/* The string literal that starts at s. */
static struct slice literal_at(struct slice s)
{
	if (s.n < 2 || (s.p[0] != '"' && s.p[0] != '\'' && s.p[0] != '`'))
		return SLICE_NULL;
	ptrdiff_t end = slice_find_byte(slice_sub(s, 1, REF_BYTES_MAX + 1), s.p[0]);
	return end < 0 ? SLICE_NULL : slice_sub(s, 1, (size_t)end);
}

struct caller { const char *text; char kind; };
static void calls(struct refs *r, struct slice text, const struct caller *callers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice rest = text, what = slice_str(callers[i].text);
		for (ptrdiff_t hit; !r->full && (hit = slice_find(rest, what)) >= 0;) {
			rest = slice_from(rest, (size_t)hit + what.n);
			struct slice arg = slice_trim(slice_upto(rest, 300));
			if (arg.n && arg.p[0] == '[')
				arg = slice_trim(slice_from(arg, 1));
			struct slice word = literal_at(arg);
			ptrdiff_t space = slice_find_byte(word, ' ');
			refs_add(r, callers[i].kind, space > 0 ? slice_upto(word, (size_t)space) : word);
		}
	}
}

void refs_of_language(struct refs *r, struct slice text, enum script_lang lang)
{
	static const struct caller python[] = { { "os.system(", 'x' }, { "subprocess.run(", 'x' }, { "subprocess.Popen(", 'x' }, { "subprocess.call(", 'x' },
		{ "subprocess.check_call(", 'x' }, { "subprocess.check_output(", 'x' }, { "runpy.run_path(", 's' }, { "execfile(", 's' }, { "os.execv(", 'x' },
		{ "os.popen(", 'x' }, { "os.execvp(", 'x' }, { "CDLL(", 's' } };
	static const struct caller js[] = { { "require(", 's' }, { " from ", 's' }, { "import(", 's' }, { "spawn(", 'x' }, { "exec(", 'x' },
		{ "execSync(", 'x' }, { "execFile(", 'x' }, { "spawnSync(", 'x' }, { "fork(", 's' } };
	static const struct caller other[] = { { "system(", 'x' }, { "exec(", 'x' }, { "require ", 's' }, { "require_relative ", 's' }, { "do ", 's' },
		{ "include ", 's' }, { "include(", 's' }, { "require(", 's' }, { "require_once ", 's' }, { "dofile(", 's' }, { "os.execute(", 'x' } };
	struct slice rest = text, line;
	if (lang == LANG_PYTHON) {
		while (!r->full && slice_next_line(&rest, &line))
			python_line(r, line);
		calls(r, text, python, ARRAY_LEN(python));
	} else if (lang == LANG_JS) {
		calls(r, text, js, ARRAY_LEN(js));
	} else if (lang == LANG_PERL || lang == LANG_RUBY || lang == LANG_PHP || lang == LANG_LUA) {
		calls(r, text, other, ARRAY_LEN(other));
	}
}

/* After five fields, or one that starts with '@', and in system tables the user. */
static void cron_line(struct slice line, bool with_user, struct buf *out)
{
	line = slice_trim(line);
	if (!line.n || line.p[0] == '#' || !strchr("*@0123456789", line.p[0]))
		return;
	unsigned fields = (line.p[0] == '@' ? 1 : 5) + with_user;
	for (; fields && line.n; fields--) {
		while (line.n && line.p[0] != ' ' && line.p[0] != '\t')
			line = slice_from(line, 1);
		line = slice_trim(line);
	}
	buf_put_slice(out, line);
	buf_putc(out, '\n');
}

static void unit_line(struct slice line, struct buf *out)
{
	ptrdiff_t eq = slice_find_byte(line, '=');
	if (eq < 0 || !slice_has_prefix(line, SL("Exec")))
		return;
	line = slice_trim(slice_from(line, (size_t)eq + 1));
	while (line.n && strchr("-@+!:", line.p[0]))
		line = slice_from(line, 1);
	buf_put_slice(out, line);
	buf_putc(out, '\n');
}

/* "postinstall": "command" of package.json, and its kin. */
static void npm_scripts(struct slice text, struct buf *out)
{
	static const char *const keys[] = { "\"preinstall\"", "\"install\"", "\"postinstall\"", "\"prepare\"", "\"start\"" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		ptrdiff_t at = slice_find(text, slice_str(keys[i]));
		struct slice rest = slice_trim(slice_from(text, at < 0 ? text.n : (size_t)at + strlen(keys[i])));
		if (!rest.n || rest.p[0] != ':')
			continue;
		rest = slice_trim(slice_from(rest, 1));
		size_t n = 1;
		while (n < rest.n && rest.p[n] != '"')
			n += rest.p[n] == '\\' ? 2 : 1;
		if (rest.n && rest.p[0] == '"')
			buf_put_slice(out, slice_sub(rest, 1, MIN(n, rest.n) - 1));
		buf_putc(out, '\n');
	}
}

bool refs_commands(const struct threat_file *f, struct slice text, struct buf *ret_commands, struct refs *r)
{
	struct slice path = f->inner.n ? f->inner : f->path, rest = text, line;
	bool user_table = slice_find(path, SL("spool/cron")) >= 0, cron = user_table || slice_find(path, SL("etc/cron")) >= 0;
	bool unit = slice_has_suffix(path, SL(".service")) || slice_has_suffix(path, SL(".timer")) || slice_has_suffix(path, SL(".socket"));
	bool pth = slice_has_suffix(path, SL(".pth"));
	if (slice_has_suffix(path, SL("package.json"))) {
		npm_scripts(text, ret_commands);
		return true;
	}
	if (!cron && !unit && !pth)
		return false;
	while (slice_next_line(&rest, &line)) {
		if (cron)
			cron_line(line, !user_table, ret_commands);
		else if (unit)
			unit_line(line, ret_commands);
		else
			python_line(r, line);
	}
	return true;
}
