/* Compiled rules over one file in memory, in the confined worker. */
#include <stdlib.h>
#include <yara.h>
#include "yara_private.h"

enum { TAGS_MAX = 2 << 10, META_MAX = 8 << 10, EXCERPT_MAX = 200, NAME_MAX_BYTES = 4096 };

struct yara_set { YR_RULES *rules; YR_SCANNER *scanner; };

struct source { struct slice rest; };
struct scan { const struct file_view *f; struct fact_sink *sink; struct err *e; enum err_code code; };

static size_t read_rules(void *p, size_t size, size_t count, void *arg)
{
	struct source *s = arg;
	size_t n = size ? MIN(s->rest.n / size, count) : 0;
	if (n)
		memcpy(p, s->rest.p, n * size);
	s->rest = slice_from(s->rest, n * size);
	return n;
}

enum err_code yara_load(struct slice compiled, struct yara_set **ret, struct err *e)
{
	struct source source = { compiled };
	YR_STREAM stream = { .user_data = &source, .read = read_rules };
	TRY(yara_library_load(e));
	struct yara_set *set = calloc(1, sizeof(*set));
	if (!set || yr_initialize() != ERROR_SUCCESS) {
		free(set);
		return err_set(e, ERR_NOMEM, 0, "start libyara");
	}
	int r = yr_rules_load_stream(&stream, &set->rules);
	if (r == ERROR_SUCCESS)
		r = yr_scanner_create(set->rules, &set->scanner);
	if (r != ERROR_SUCCESS) {
		yara_close(set);
		return err_set(e, ERR_FORMAT, 0, "the compiled YARA rules cannot be loaded (libyara's error %d)", r);
	}
	*ret = set;
	return OK;
}

void yara_close(struct yara_set *set)
{
	if (!set)
		return;
	if (set->scanner)
		yr_scanner_destroy(set->scanner);
	if (set->rules)
		yr_rules_destroy(set->rules);
	yr_finalize();
	free(set);
}

static void put_meta(struct buf *out, YR_META *m)
{
	AUTO_BUF item = BUF(META_MAX);
	buf_printf(&item, "%s=", m->identifier);
	if (m->type == META_TYPE_INTEGER)
		buf_printf(&item, "%lld", (long long)m->integer);
	else if (m->type == META_TYPE_BOOLEAN)
		buf_puts(&item, m->integer ? "true" : "false");
	else
		buf_printf(&item, "%.1000s", m->string);
	if (!item.failed && out->max - out->n > item.n + 8)
		fact_list_put(out, buf_slice(&item));
}

/* The match that stands first in the file, of all strings. libyara lays its matches out without alignment. */
__attribute__((no_sanitize("alignment"))) static void first_match(YR_SCAN_CONTEXT *ctx, YR_RULE *rule, const struct file_view *f, struct fact_yara *fact)
{
	YR_STRING *s;
	YR_MATCH *m;
	uint64_t first = UINT64_MAX, length = 0;
	yr_rule_strings_foreach(rule, s) {
		yr_string_matches_foreach(ctx, s, m) {
			uint64_t at = (uint64_t)(m->base + m->offset);
			if (at < first) {
				first = at;
				length = (uint64_t)m->match_length;
			}
		}
	}
	if (first >= f->content.n)
		return;
	fact->offset = first;
	fact->excerpt = slice_sub(f->content, (size_t)first, (size_t)MIN(length, (uint64_t)EXCERPT_MAX));
}

static int on_match(struct scan *s, YR_SCAN_CONTEXT *ctx, YR_RULE *rule)
{
	AUTO_BUF tags = BUF(TAGS_MAX);
	AUTO_BUF meta = BUF(META_MAX);
	const char *tag;
	YR_META *m;
	struct fact fact = { .type = FACT_YARA, .path = s->f->path, .inner = s->f->inner };
	yr_rule_tags_foreach(rule, tag)
		if (tags.max - tags.n > strlen(tag) + 8)
			fact_list_put(&tags, slice_str(tag));
	yr_rule_metas_foreach(rule, m)
		put_meta(&meta, m);
	fact.yara = (struct fact_yara){ .rule = slice_str(rule->identifier), .space = slice_str(rule->ns->name), .tags = buf_slice(&tags),
					.meta = buf_slice(&meta) };
	first_match(ctx, rule, s->f, &fact.yara);
	s->code = s->sink->emit(s->sink, &fact, s->e);
	return s->code == OK ? CALLBACK_CONTINUE : CALLBACK_ABORT;
}

static int on_message(YR_SCAN_CONTEXT *ctx, int message, void *data, void *arg)
{
	return message == CALLBACK_MSG_RULE_MATCHING ? on_match(arg, ctx, data) : CALLBACK_CONTINUE;
}

/* As other scanners that users' rules were written for define them. */
static void define(struct yara_set *set, const struct file_view *f)
{
	static const char *const types[] = { [FILE_ELF] = "ELF", [FILE_ELF_LIB] = "ELF", [FILE_ELF_OBJ] = "ELF", [FILE_PE] = "EXE",
		[FILE_ARCHIVE] = "ARCHIVE", [FILE_SCRIPT] = "SCRIPT", [FILE_BYTECODE] = "BYTECODE", [FILE_CLASS_COUNT] = NULL };
	char text[NAME_MAX_BYTES + 1];
	struct slice path = f->inner.n ? f->inner : f->path, parts[3];
	ptrdiff_t slash = slice_rfind_byte(path, '/');
	parts[0] = slice_from(path, (size_t)(slash + 1));
	parts[1] = slash > 0 ? slice_upto(path, (size_t)slash) : SLICE_NULL;
	ptrdiff_t dot = slice_rfind_byte(parts[0], '.');
	parts[2] = dot >= 0 ? slice_from(parts[0], (size_t)dot) : SLICE_NULL;
	for (unsigned i = 0; i < 3; i++) {
		struct slice part = slice_upto(parts[i], NAME_MAX_BYTES);
		if (part.n)
			memcpy(text, part.p, part.n);
		text[part.n] = 0;
		yr_scanner_define_string_variable(set->scanner, yara_variables[i], text);
	}
	yr_scanner_define_string_variable(set->scanner, "filetype", types[f->cls] ? types[f->cls] : "");
}

static enum err_code skip(struct scan *s, const char *reason, const char *detail)
{
	bool code = s->f->cls == FILE_ELF || s->f->cls == FILE_ELF_LIB || s->f->cls == FILE_SCRIPT || s->f->cls == FILE_PE;
	return FACT_EMIT(s->sink, s->e, .type = FACT_SKIPPED, .path = s->f->path, .inner = s->f->inner,
			 .skipped = { .reason = slice_str(reason), .detail = slice_str(detail), .cls = code ? SKIP_EXECUTABLE : SKIP_DATA,
				      .bytes = s->f->content.n });
}

enum err_code yara_scan(struct yara_set *set, const struct file_view *f, unsigned timeout_s, struct fact_sink *sink, struct err *e)
{
	struct scan s = { .f = f, .sink = sink, .e = e };
	if (!f->content.n)
		return OK;
	define(set, f);
	yr_scanner_set_callback(set->scanner, on_message, &s);
	/* NO_TRYCATCH: otherwise libyara takes over SIGSEGV and SIGBUS. FAST_MODE would lose where strings matched. */
	yr_scanner_set_flags(set->scanner, SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
	yr_scanner_set_timeout(set->scanner, (int)MIN(timeout_s, 86400u));
	int r = yr_scanner_scan_mem(set->scanner, f->content.p, f->content.n);
	if (s.code != OK)
		return s.code;
	switch (r) {
	case ERROR_SUCCESS: case ERROR_CALLBACK_ERROR:
		return OK;
	case ERROR_SCAN_TIMEOUT:
		return skip(&s, "timeout", "YARA rules took longer than a file may take");
	default:
		return skip(&s, "yara", "the YARA rules could not be applied to the whole file");
	}
}
