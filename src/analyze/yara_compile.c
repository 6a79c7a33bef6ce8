/* Rule files to compiled bytes: the only part that opens files, and it runs in the parent. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yara.h>
#include "os.h"
#include "yara_private.h"

enum { MOST_DEPTH = 16 };

struct rule_file { char *path, *space; size_t root_bytes /* of path: the directory that includes must not leave */; bool bad; };
struct rule_files { struct rule_file *items; size_t n, cap; };
struct compile {
	struct rule_files files;
	struct rule_file *now;
	YR_COMPILER *yr;
	yara_problem_fn *fn;
	void *arg;
	bool mute;
};

const char *const yara_variables[] = { "filename", "filepath", "extension", "filetype", "owner", NULL };

/* --- Finding the files --- */

static bool is_rule_name(struct slice name)
{
	return slice_has_suffix(name, SL(".yar")) || slice_has_suffix(name, SL(".yara")) || slice_has_suffix(name, SL(".rule")) ||
	       slice_has_suffix(name, SL(".rules"));
}

static enum err_code add_file(struct compile *c, const char *path, const char *space, size_t root_bytes, struct err *e)
{
	if (c->files.n == YARA_MAX_FILES)
		return err_set(e, ERR_LIMIT, 0, "more than %u YARA rule files", (unsigned)YARA_MAX_FILES);
	if (c->files.n == c->files.cap) {
		size_t cap = c->files.cap ? c->files.cap * 2 : 64;
		struct rule_file *more = reallocarray(c->files.items, cap, sizeof(*more));
		if (!more)
			return err_set(e, ERR_NOMEM, 0, "out of memory");
		c->files.items = more;
		c->files.cap = cap;
	}
	struct rule_file *f = &c->files.items[c->files.n];
	*f = (struct rule_file){ .path = strdup(path), .space = strdup(space), .root_bytes = root_bytes };
	c->files.n++;
	return f->path && f->space ? OK : err_set(e, ERR_NOMEM, 0, "out of memory");
}

static int visible(const struct dirent *d) { return d->d_name[0] != '.'; }

static enum err_code add_dir(struct compile *c, const char *path, size_t root_bytes, unsigned depth, struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, visible, alphasort);
	enum err_code code = OK;
	if (n < 0)
		return err_set(e, ERR_USAGE, errno, "read the YARA rules in '%s'", path);
	for (int i = 0; i < n; i++) {
		char full[4096];
		struct stat st;
		if (code == OK && (size_t)snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name) < sizeof(full) && stat(full, &st) == 0) {
			if (S_ISDIR(st.st_mode) && depth < MOST_DEPTH)
				code = add_dir(c, full, root_bytes, depth + 1, e);
			else if (S_ISREG(st.st_mode) && is_rule_name(slice_str(names[i]->d_name)))
				code = add_file(c, full, full + root_bytes + 1, root_bytes, e);
		}
		free(names[i]);
	}
	free(names);
	return code;
}

static enum err_code add_path(struct compile *c, const char *path, struct err *e)
{
	struct stat st;
	char clean[4096];
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if ((size_t)snprintf(clean, sizeof(clean), "%.*s", (int)n, path) >= sizeof(clean) || stat(clean, &st) < 0)
		return err_set(e, ERR_USAGE, errno, "open the YARA rules '%s'", path);
	if (S_ISDIR(st.st_mode))
		return add_dir(c, clean, strlen(clean), 0, e);
	const char *slash = strrchr(clean, '/');
	return add_file(c, clean, slash ? slash + 1 : clean, slash ? (size_t)(slash - clean) : 0, e);
}

/* --- Reading them --- */

static char *read_text(int fd, size_t *ret_n)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > YARA_MAX_RULE_BYTES)
		return NULL;
	char *p = malloc((size_t)st.st_size + 1);
	size_t n = 0;
	while (p && n < (size_t)st.st_size) {
		ssize_t got = read(fd, p + n, (size_t)st.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (p)
		p[n] = 0;
	*ret_n = n;
	return p;
}

/* `name` below the directory of the including file, which is below the root; links that lead outside are not followed. */
static int open_include(const struct rule_file *f, const char *calling, const char *name)
{
	char rel[4096];
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	char *root = f->root_bytes ? strndup(f->path, f->root_bytes) : strdup(".");
	const char *below = calling + (f->root_bytes ? f->root_bytes + 1 : 0), *slash;
	AUTO_FD dir = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	free(root);
	if (dir < 0 || name[0] == '/' || strncmp(calling, f->path, f->root_bytes) != 0)
		return -1;
	slash = strrchr(below, '/');
	if ((size_t)snprintf(rel, sizeof(rel), "%.*s%s", slash ? (int)(slash - below + 1) : 0, below, name) >= sizeof(rel))
		return -1;
	int fd = (int)syscall(SYS_openat2, (int)dir, rel, &how, sizeof(how));
	/* An older kernel: then by the name alone. */
	return fd < 0 && errno == ENOSYS && !strstr(rel, "..") ? openat(dir, rel, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : fd;
}

static void tell(struct compile *c, const char *file, int line, bool warning, const char *text)
{
	if (!c->mute && c->fn)
		c->fn(c->arg, &(struct yara_problem){ .file = slice_str(file ? file : c->now->path), .line = line > 0 ? (uint64_t)line : 0,
						      .warning = warning, .message = slice_str(text) });
}

static bool imports_forbidden(struct compile *c, const char *file, struct slice text)
{
	uint64_t line;
	const char *module = yara_forbidden_import(text, &line);
	char msg[100];
	if (!module)
		return false;
	snprintf(msg, sizeof(msg), "the module \"%s\" cannot be used: it needs what a confined worker does not have", module);
	tell(c, file, (int)line, false, msg);
	c->now->bad = true;
	return true;
}

static const char *on_include(const char *name, const char *calling, const char *space, void *arg)
{
	(void)space;
	struct compile *c = arg;
	size_t n;
	char path[4096];
	const char *from = calling ? calling : c->now->path;
	AUTO_FD fd = open_include(c->now, from, name);
	char *text = read_text(fd, &n);
	snprintf(path, sizeof(path), "%s", name);
	if (!text)
		tell(c, from, 0, false, "an included file cannot be read: only files below the rules' own directory can be included");
	if (text && imports_forbidden(c, path, slice_of(text, n))) {
		free(text);
		text = NULL;
	}
	return text;
}

static void free_include(const char *text, void *arg)
{
	(void)arg;
	free((void *)(uintptr_t)text);
}

static void on_message(int level, const char *file, int line, const YR_RULE *rule, const char *text, void *arg)
{
	(void)rule;
	struct compile *c = arg;
	tell(c, file, line, level != YARA_ERROR_LEVEL_ERROR, text);
	if (level == YARA_ERROR_LEVEL_ERROR)
		c->now->bad = true;
}

/* --- Compiling --- */

static enum err_code fresh_compiler(struct compile *c, struct err *e)
{
	if (c->yr)
		yr_compiler_destroy(c->yr);
	c->yr = NULL;
	if (yr_compiler_create(&c->yr) != ERROR_SUCCESS)
		return err_set(e, ERR_NOMEM, 0, "prepare libyara");
	yr_compiler_set_callback(c->yr, on_message, c);
	yr_compiler_set_include_callback(c->yr, on_include, free_include, c);
	for (size_t i = 0; yara_variables[i]; i++)
		yr_compiler_define_string_variable(c->yr, yara_variables[i], "");
	return OK;
}

static void compile_file(struct compile *c, struct rule_file *f)
{
	size_t n = 0;
	AUTO_FD fd = open(f->path, O_RDONLY | O_CLOEXEC);
	char *text = read_text(fd, &n);
	c->now = f;
	if (!text) {
		f->bad = true;
		tell(c, f->path, 0, false, "cannot be read, or is larger than 16 MiB");
	} else if (n && !imports_forbidden(c, f->path, slice_of(text, n))) {
		FILE *stream = fmemopen(text, n, "r");	/* the call that takes text takes no file name for messages */
		f->bad |= !stream || yr_compiler_add_file(c->yr, stream, f->space, f->path) != 0;
		if (stream)
			fclose(stream);
	}
	free(text);
}

/* After an error a compiler takes no more files. So: all in one go; from the first bad file on each one alone; then the good ones again. */
static enum err_code compile_all(struct compile *c, struct err *e)
{
	size_t i = 0;
	TRY(fresh_compiler(c, e));
	for (; i < c->files.n; i++) {
		compile_file(c, &c->files.items[i]);
		if (c->files.items[i].bad)
			break;
	}
	if (i == c->files.n)
		return OK;
	for (i++; i < c->files.n; i++) {
		TRY(fresh_compiler(c, e));
		compile_file(c, &c->files.items[i]);
	}
	c->mute = true;
	TRY(fresh_compiler(c, e));
	for (i = 0; i < c->files.n; i++)
		if (!c->files.items[i].bad)
			compile_file(c, &c->files.items[i]);
	return OK;
}

static size_t write_rules(const void *p, size_t size, size_t count, void *arg) { return buf_put(arg, p, size * count) ? count : 0; }

static enum err_code save(struct compile *c, struct buf *out, uint64_t *ret_rules, struct err *e)
{
	YR_RULES *rules;
	YR_STREAM stream = { .user_data = out, .write = write_rules };
	if (yr_compiler_get_rules(c->yr, &rules) != ERROR_SUCCESS)
		return err_set(e, ERR_NOMEM, 0, "finish the YARA rules");
	uint64_t n = rules->num_rules;
	int r = n ? yr_rules_save_stream(rules, &stream) : ERROR_SUCCESS;
	yr_rules_destroy(rules);
	if (!n)
		return err_set(e, ERR_USAGE, 0, "none of the %zu YARA rule files holds a rule that compiles", c->files.n);
	if (r != ERROR_SUCCESS)
		return err_set(e, ERR_LIMIT, 0, "the compiled YARA rules are larger than %zu bytes", out->max);
	*ret_rules = n;
	return OK;
}

enum err_code yara_rules_compile(const char *const *paths, size_t n, struct buf *out, uint64_t *ret_rules, yara_problem_fn *fn, void *arg,
				 struct err *e)
{
	struct compile c = { .fn = fn, .arg = arg };
	enum err_code code = OK;
	TRY(yara_library_load(e));
	if (yr_initialize() != ERROR_SUCCESS)
		return err_set(e, ERR_NOMEM, 0, "start libyara");
	for (size_t i = 0; code == OK && i < n; i++)
		code = add_path(&c, paths[i], e);
	if (code == OK)
		code = compile_all(&c, e);
	if (code == OK)
		code = save(&c, out, ret_rules, e);
	if (c.yr)
		yr_compiler_destroy(c.yr);
	for (size_t i = 0; i < c.files.n; i++) {
		free(c.files.items[i].path);
		free(c.files.items[i].space);
	}
	free(c.files.items);
	yr_finalize();
	return code;
}
