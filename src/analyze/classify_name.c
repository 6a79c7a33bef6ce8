/* What a name says: languages by extension, documentation, package indexes, configuration. */
#include "classify.h"

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

static struct slice next_word(struct slice *line)
{
	size_t at = 0, end;
	while (at < line->n && is_blank(line->p[at]))
		at++;
	for (end = at; end < line->n && !is_blank(line->p[end]) && line->p[end] != '\r'; end++)
		;
	struct slice w = slice_sub(*line, at, end - at);
	*line = slice_from(*line, end);
	return w;
}

static struct slice base_name(struct slice path) { return slice_from(path, (size_t)(slice_rfind_byte(path, '/') + 1)); }

static const struct { const char *prefix; enum script_lang lang; } interpreters[] = {
	{ "python", LANG_PYTHON }, { "pypy", LANG_PYTHON }, { "perl", LANG_PERL }, { "nodejs", LANG_JS }, { "node", LANG_JS },
	{ "deno", LANG_JS }, { "bun", LANG_JS }, { "gjs", LANG_JS }, { "qjs", LANG_JS }, { "ts-node", LANG_JS }, { "tsx", LANG_JS },
	{ "ruby", LANG_RUBY }, { "jruby", LANG_RUBY }, { "php", LANG_PHP }, { "lua", LANG_LUA }, { "tclsh", LANG_TCL }, { "wish", LANG_TCL },
	{ "expect", LANG_TCL }, { "awk", LANG_AWK }, { "gawk", LANG_AWK }, { "mawk", LANG_AWK }, { "nawk", LANG_AWK },
	{ "pwsh", LANG_POWERSHELL }, { "powershell", LANG_POWERSHELL }, { "busybox", LANG_SHELL },
};

static enum script_lang lang_of_interpreter(struct slice name)
{
	/* sh, bash, dash, ash, zsh, ksh, mksh, csh, tcsh, fish, rbash, bash5 */
	while (name.n && ((name.p[name.n - 1] >= '0' && name.p[name.n - 1] <= '9') || name.p[name.n - 1] == '.' || name.p[name.n - 1] == '-'))
		name.n--;
	for (size_t i = 0; i < ARRAY_LEN(interpreters); i++)
		if (slice_has_prefix(name, slice_str(interpreters[i].prefix)))
			return interpreters[i].lang;
	return slice_has_suffix(name, SL("sh")) ? LANG_SHELL : LANG_OTHER;
}

/* "env [-i] [-S] [-u NAME] [NAME=VALUE]... PROGRAM" */
static struct slice env_program(struct slice *line)
{
	struct slice w;
	while ((w = next_word(line)).n) {
		if (slice_has_prefix(w, SL("-S")) || slice_has_prefix(w, SL("-vS"))) {
			w = slice_from(w, w.p[1] == 'S' ? 2 : 3);
			if (w.n)
				return w;
		} else if (slice_has_prefix(w, SL("--split-string="))) {
			return slice_from(w, 15);
		} else if (slice_eqs(w, "-u") || slice_eqs(w, "-C")) {
			next_word(line);
		} else if (w.p[0] != '-' && slice_find_byte(w, '=') < 0) {
			return w;
		}
	}
	return w;
}

enum script_lang classify_shebang(struct slice c)
{
	if (c.n >= 3 && c.p[0] == 0xef && c.p[1] == 0xbb && c.p[2] == 0xbf)
		c = slice_from(c, 3);	/* a shell that is given the file reads it all the same */
	if (c.n < 3 || c.p[0] != '#' || c.p[1] != '!')
		return LANG_NONE;
	struct slice line = slice_sub(c, 2, 254);
	ptrdiff_t nl = slice_find_byte(line, '\n');
	if (nl >= 0)
		line.n = (size_t)nl;
	struct slice prog = next_word(&line);
	/* Rust's inner attributes "#![...]" are not a shebang */
	if (!prog.n || !(prog.p[0] == '/' || prog.p[0] == '.' || prog.p[0] == '@' || (prog.p[0] >= 'A' && prog.p[0] <= 'z' && prog.p[0] != '[')))
		return LANG_NONE;
	prog = base_name(prog);
	if (slice_eqs(prog, "env"))
		prog = base_name(env_program(&line));
	return lang_of_interpreter(prog);
}

/* Extensions of up to eight characters, lower case, padded with NUL: one comparison of eight bytes each. */
static bool pack_ext(struct slice ext, char key[8])
{
	memset(key, 0, 8);
	if (!ext.n || ext.n > 8)
		return false;
	for (size_t i = 0; i < ext.n; i++)
		key[i] = (char)(ext.p[i] >= 'A' && ext.p[i] <= 'Z' ? ext.p[i] + 32 : ext.p[i]);
	return true;
}

static const struct { char ext[9]; uint8_t cls, lang; } ext_table[] = {
	{ "js", FILE_SCRIPT, LANG_JS }, { "py", FILE_SCRIPT, LANG_PYTHON }, { "json", FILE_CONFIG }, { "md", FILE_DOC }, { "map", FILE_DOC },
	{ "mjs", FILE_SCRIPT, LANG_JS }, { "cjs", FILE_SCRIPT, LANG_JS }, { "ts", FILE_SCRIPT, LANG_JS }, { "mts", FILE_SCRIPT, LANG_JS },
	{ "cts", FILE_SCRIPT, LANG_JS }, { "jsx", FILE_SCRIPT, LANG_JS }, { "tsx", FILE_SCRIPT, LANG_JS },
	{ "sh", FILE_SCRIPT, LANG_SHELL }, { "bash", FILE_SCRIPT, LANG_SHELL }, { "zsh", FILE_SCRIPT, LANG_SHELL }, { "ksh", FILE_SCRIPT, LANG_SHELL },
	{ "csh", FILE_SCRIPT, LANG_SHELL }, { "fish", FILE_SCRIPT, LANG_SHELL }, { "ash", FILE_SCRIPT, LANG_SHELL },
	{ "pyw", FILE_SCRIPT, LANG_PYTHON }, { "pth", FILE_SCRIPT, LANG_PYTHON },
	{ "pl", FILE_SCRIPT, LANG_PERL }, { "pm", FILE_SCRIPT, LANG_PERL }, { "rb", FILE_SCRIPT, LANG_RUBY }, { "rake", FILE_SCRIPT, LANG_RUBY },
	{ "gemspec", FILE_SCRIPT, LANG_RUBY }, { "php", FILE_SCRIPT, LANG_PHP }, { "phtml", FILE_SCRIPT, LANG_PHP }, { "php5", FILE_SCRIPT, LANG_PHP },
	{ "phar", FILE_SCRIPT, LANG_PHP }, { "lua", FILE_SCRIPT, LANG_LUA }, { "tcl", FILE_SCRIPT, LANG_TCL }, { "tk", FILE_SCRIPT, LANG_TCL },
	{ "exp", FILE_SCRIPT, LANG_TCL }, { "awk", FILE_SCRIPT, LANG_AWK }, { "ps1", FILE_SCRIPT, LANG_POWERSHELL },
	{ "psm1", FILE_SCRIPT, LANG_POWERSHELL }, { "psd1", FILE_SCRIPT, LANG_POWERSHELL }, { "bat", FILE_SCRIPT, LANG_OTHER },
	{ "cmd", FILE_SCRIPT, LANG_OTHER }, { "vbs", FILE_SCRIPT, LANG_OTHER }, { "groovy", FILE_SCRIPT, LANG_OTHER },
	{ "jsp", FILE_SCRIPT, LANG_OTHER }, { "cgi", FILE_SCRIPT, LANG_OTHER },
	{ "yaml", FILE_CONFIG }, { "yml", FILE_CONFIG }, { "ini", FILE_CONFIG }, { "toml", FILE_CONFIG }, { "conf", FILE_CONFIG }, { "cfg", FILE_CONFIG },
	{ "cnf", FILE_CONFIG }, { "config", FILE_CONFIG }, { "env", FILE_CONFIG }, { "service", FILE_CONFIG }, { "timer", FILE_CONFIG },
	{ "socket", FILE_CONFIG }, { "path", FILE_CONFIG }, { "mount", FILE_CONFIG }, { "target", FILE_CONFIG }, { "desktop", FILE_CONFIG },
	{ "json5", FILE_CONFIG }, { "jsonc", FILE_CONFIG }, { "cron", FILE_CONFIG },
	{ "markdown", FILE_DOC }, { "rst", FILE_DOC }, { "adoc", FILE_DOC }, { "po", FILE_DOC }, { "mo", FILE_DOC }, { "pot", FILE_DOC },
	{ "pod", FILE_DOC },
};

static bool class_of_extension(struct slice base, enum file_class *ret_cls, enum script_lang *ret_lang)
{
	ptrdiff_t dot = slice_rfind_byte(base, '.');
	if (dot < 0)
		return false;
	if (slice_has_suffix(base, SL("ts")) && (slice_has_suffix(base, SL(".d.ts")) || slice_has_suffix(base, SL(".d.mts")) ||
						 slice_has_suffix(base, SL(".d.cts")))) {
		*ret_cls = FILE_DOC;
		return true;
	}
	char key[8];
	if (!pack_ext(slice_from(base, (size_t)dot + 1), key))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ext_table); i++) {
		if (memcmp(ext_table[i].ext, key, 8) != 0)
			continue;
		*ret_cls = ext_table[i].cls;
		*ret_lang = ext_table[i].lang;
		return true;
	}
	return false;
}

static bool has_any_prefix(struct slice s, const char *const *list)
{
	if (!s.n)
		return false;
	for (; *list; list++)
		if ((uint8_t)**list == s.p[0] && slice_has_prefix(s, slice_str(*list)))
			return true;
	return false;
}

static bool is_pkg_index(struct slice path)
{
	static const char *const dirs[] = { "var/lib/apt/", "var/lib/dpkg/", "var/cache/apt/pkgcache", "var/cache/apt/srcpkgcache", "lib/apk/db/",
		"usr/lib/apk/db/", "var/lib/apk/", "var/cache/apk/", "etc/apk/cache/", "var/lib/rpm/", "usr/lib/sysimage/rpm/", "var/cache/yum/",
		"var/cache/dnf/", "var/cache/libdnf5/", "var/cache/zypp/", "var/lib/dnf/", "var/lib/yum/", "usr/share/command-not-found/",
		"var/lib/command-not-found/", "var/lib/swcatalog/", "var/cache/swcatalog/", NULL };
	if (path.n < 12 || (path.p[0] != 'v' && path.p[0] != 'l' && path.p[0] != 'u' && path.p[0] != 'e'))
		return false;
	return has_any_prefix(path, dirs);
}

static bool in_doc_dir(struct slice path)
{
	static const char *const dirs[] = { "doc/", "man/", "info/", "locale/", "licenses/", "common-licenses/", "gtk-doc/", "help/", "groff/", NULL };
	if (slice_has_prefix(path, SL("usr/local/")))
		path = slice_from(path, 10);
	else if (slice_has_prefix(path, SL("usr/")))
		path = slice_from(path, 4);
	else
		return false;
	return slice_has_prefix(path, SL("share/")) ? has_any_prefix(slice_from(path, 6), dirs) : slice_has_prefix(path, SL("man/"));
}

static bool is_doc_name(struct slice base)
{
	static const char *const names[] = { "README", "readme", "Readme", "LICENSE", "LICENCE", "License", "license", "COPYING", "COPYRIGHT",
		"CHANGELOG", "ChangeLog", "Changelog", "changelog", "CHANGES", "AUTHORS", "NOTICE", "CONTRIBUTING", "HISTORY", "NEWS", "THANKS",
		"SECURITY", NULL };
	if (!base.n || !strchr("RrLlCANHTS" "c", base.p[0]))
		return false;
	return has_any_prefix(base, names);
}

static bool is_config_path(struct slice path, struct slice base)
{
	static const char *const dirs[] = { "etc/cron", "var/spool/cron/", "etc/crontabs/", "etc/systemd/", "usr/lib/systemd/", "lib/systemd/",
		"etc/sudoers", NULL };
	static const char *const names[] = { "crontab", "inittab", "ld.so.preload", "authorized_keys", ".env", ".npmrc", ".netrc", ".gitconfig",
		"environment" };
	if (has_any_prefix(path, dirs))
		return true;
	for (size_t i = 0; base.n && i < ARRAY_LEN(names); i++)
		if (base.p[0] == (uint8_t)names[i][0] && slice_eqs(base, names[i]))
			return true;
	return false;
}

static bool is_shell_path(struct slice path, struct slice base, bool executable)
{
	static const char *const names[] = { ".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".zshrc", ".zprofile", ".zshenv",
		".cshrc", ".login", "bash.bashrc", "bashrc", "zshrc", "rc.local" };
	static const char *const dirs[] = { "etc/profile", "etc/init.d/", "etc/rc", "etc/periodic/", "etc/cron.daily/", "etc/cron.hourly/",
		"etc/cron.weekly/", "etc/cron.monthly/", "etc/local.d/", NULL };
	if (has_any_prefix(path, dirs))
		return true;
	if (base.n && (base.p[0] == '.' || strchr("brz", base.p[0])))
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (slice_eqs(base, names[i]))
				return true;
	/* A shell runs an executable text without "#!" line as its own. */
	return executable && slice_find_byte(base, '.') < 0;
}

enum file_class classify_name(struct slice path, bool text, bool executable, enum script_lang *ret_lang)
{
	struct slice base = base_name(path);
	enum file_class cls = FILE_TEXT;
	enum script_lang lang = LANG_NONE;
	bool by_ext = class_of_extension(base, &cls, &lang);
	if (text && by_ext && cls == FILE_SCRIPT) {
		*ret_lang = lang;
		return FILE_SCRIPT;
	}
	if (is_pkg_index(path))
		return FILE_PKG_INDEX;
	if (in_doc_dir(path) || (by_ext && cls == FILE_DOC))
		return FILE_DOC;
	if (!text) {
		if (slice_has_suffix(base, SL(".pyc")) || slice_has_suffix(base, SL(".pyo")))
			return FILE_BYTECODE;
		return FILE_DATA;
	}
	if (is_doc_name(base))
		return FILE_DOC;
	if (by_ext)
		return cls;
	if (is_shell_path(path, base, executable)) {
		*ret_lang = LANG_SHELL;
		return FILE_SCRIPT;
	}
	return is_config_path(path, base) ? FILE_CONFIG : FILE_TEXT;
}
