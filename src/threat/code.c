/* A file read as code: its text made plain, normalised, decoded; whatever comes out is matched again. */
#include "shell.h"

struct hit_list { struct arena *a; struct threat_hit *items; size_t n, cap; };
static void on_hit(void *arg, uint32_t id, uint64_t end)
{
	enum { HITS_MAX = 1 << 15 };
	struct hit_list *l = arg;
	struct threat_hit *h = l->n < HITS_MAX ? ARENA_PUSH(l->a, l) : NULL;
	if (h)
		*h = (struct threat_hit){ id, end };
}

static enum err_code match(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, struct err *e)
{
	struct hit_list hits = { .a = j->a };
	struct view v = { .text = text, .offset = offset, .depth = depth, .derived = true };
	TRY(threat_block_scan(j->s, text, on_hit, &hits, e));
	TRY(judge_hits(j, &v, hits.items, hits.n, e));
	return judge_tokens(j, &v, e);
}

void shell_nested(struct shell_world *w, struct slice text, enum script_lang lang, bool decoded)
{
	if (w->code != OK || !text.n)
		return;
	if (decoded)
		w->j->decoded = true;
	if (decoded && !looks_like_text(text)) {
		bool useful;
		w->code = judge_decoded(w->j, text, w->offset, w->depth, lang, &useful, w->e);
		return;
	}
	w->code = judge_derived(w->j, text, w->offset, w->depth + decoded, lang, w->e);
}

static enum err_code read_shell(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, struct err *e)
{
	struct shell_world *w = arena_new(j->a, struct shell_world);
	AUTO_BUF out = BUF(2 * SCRIPT_BYTES_MAX);
	TRY(arena_ok(j->a, "script", e));
	w->j = j;
	w->refs = j->refs;
	w->offset = offset;
	w->depth = depth;
	w->e = e;
	shell_run(w, text, 0, &out);
	TRY(w->code);
	if (w->changed)
		TRY(match(j, buf_slice(&out), offset, depth, e));
	return judge_encoded(j, buf_slice(&out), offset, depth, LANG_SHELL, e);
}

/* Text in escapes or pieces: \xNN, \NNN, \u00NN twice in a row, 'a'+'b'. */
static bool has_escapes(struct slice s)
{
	for (size_t i = 0; i + 8 < s.n;) {
		const uint8_t *p = memchr(s.p + i, '\\', s.n - 8 - i);
		if (!p)
			break;
		i = (size_t)(p - s.p) + 1;
		if ((p[1] == 'x' && p[4] == '\\' && p[5] == 'x') || (p[1] >= '0' && p[1] < '8' && p[2] >= '0' && p[2] < '8' && (p[3] == '\\' || p[4] == '\\')) ||
		    (p[1] == 'u' && p[6] == '\\' && p[7] == 'u'))
			return true;
	}
	static const char *const joints[] = { "'+'", "\"+\"", "' + '", "\" + \"", "'.'", "\".\"", "' . '", "\" . \"", ".join(", "chr(" };
	for (size_t i = 0; i < ARRAY_LEN(joints); i++)
		if (slice_find(s, slice_str(joints[i])) >= 0)
			return true;
	return false;
}

static enum err_code read_other(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang, struct err *e)
{
	AUTO_BUF out = BUF(2 * SCRIPT_BYTES_MAX);
	bool runs = judge_hint(j, HINT_RUN), hides = judge_hint(j, HINT_DECODE) || (runs && has_escapes(text));
	/* a library's file is read closely only when it both runs and hides something; there are tens of thousands of them */
	if (!depth && j->nest <= 1 && (j->library ? !(runs && hides) : !runs && !hides))
		return OK;
	bool changed = lang_normalise(j, text, lang, &out);
	TRY(arena_ok(j->a, "script", e));
	if (changed)
		TRY(match(j, buf_slice(&out), offset, depth, e));
	return hides || depth ? judge_encoded(j, buf_slice(&out), offset, depth, lang, e) : OK;
}

static enum err_code read_code(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang, struct err *e)
{
	if (j->nest >= VIEW_NEST_MAX) {
		j->opaque = true;
		return OK;
	}
	j->nest++;
	enum err_code code = lang == LANG_SHELL ? read_shell(j, text, offset, depth, e) : read_other(j, text, offset, depth, lang, e);
	j->nest--;
	return code;
}

enum err_code judge_derived(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang, struct err *e)
{
	j->view_bytes += text.n;
	if (j->views++ >= VIEW_COUNT_MAX || j->view_bytes > VIEW_BYTES_MAX) {
		j->opaque = true;
		return OK;
	}
	TRY(match(j, text, offset, depth, e));
	if (depth > VIEW_DEPTH_MAX) {
		j->opaque = true;
		return OK;
	}
	if (slice_has_prefix(text, SL("#!")) && slice_find(slice_upto(text, 40), SL("sh\n")) > 0)
		lang = LANG_SHELL;
	TRY(read_code(j, text, offset, depth, lang, e));
	/* what a script of another language decodes is often a command */
	if (lang != LANG_SHELL && depth && text.n < 4096)
		TRY(read_code(j, text, offset, depth, LANG_SHELL, e));
	return OK;
}

static bool runs_what_it_decodes(const struct file_judge *j)
{
	for (size_t i = 0; i < threat_sign_count; i++)
		if (sign_set_has(&j->seen, (int)i) && !strcmp(threat_signs[i].group, "decode-exec"))
			return true;
	return false;
}

static enum err_code put_script(struct file_judge *j, const struct view *raw, enum script_lang lang, struct err *e)
{
	const struct threat_file *f = j->f;
	bool opaque = j->opaque || (runs_what_it_decodes(j) && !j->decoded);
	struct slice line = SLICE_NULL, rest = f->content;
	if (slice_has_prefix(rest, SL("#!")) && slice_next_line(&rest, &line))
		line = slice_trim(slice_sub(line, 2, 200));
	if (opaque)
		TRY(judge_sign(j, raw, threat_sign_index(SL("dec.opaque")), 0, slice_upto(f->content, 120), SLICE_NULL, e));
	if (j->refs->full && f->cls == FILE_SCRIPT)
		TRY(judge_skip(j, SKIP_DATA, "limit: references", "a script leads to more files than are followed", e));
	if (j->library && !opaque && f->cls == FILE_SCRIPT && lang != LANG_SHELL)
		return OK;
	if (f->cls != FILE_SCRIPT && !j->refs->list.n && !opaque)
		return OK;
	return FACT_EMIT(j->sink, e, .type = FACT_SCRIPT, .path = f->path, .inner = f->inner,
		.script = { .lang = lang, .interpreter = line, .refs = buf_slice(&j->refs->list), .undecodable = opaque });
}

/* Text and configuration say by their place whether they hold commands; other small text may be run by something: read as shell. */
static enum err_code read_file(struct file_judge *j, struct slice text, enum script_lang lang, struct err *e)
{
	const struct threat_file *f = j->f;
	AUTO_BUF commands = BUF(CODE_BYTES_MAX);
	if (f->cls != FILE_SCRIPT && refs_commands(f, text, &commands, j->refs))
		return commands.n ? read_code(j, arena_dup(j->a, buf_slice(&commands)), 0, 0, LANG_SHELL, e) : OK;
	if (lang == LANG_NONE && (f->executable || (f->cls == FILE_TEXT && !j->library)))
		lang = LANG_SHELL;
	if (lang == LANG_NONE)
		return OK;
	j->refs->only_paths = f->cls == FILE_TEXT && !f->executable;	/* prose has words, too */
	if (!j->library && lang != LANG_SHELL)
		refs_of_language(j->refs, text, lang);
	return read_code(j, text, 0, 0, lang, e);
}

enum err_code judge_code(struct file_judge *j, const struct view *raw, struct err *e)
{
	enum { CODE_ARENA = 48 << 20 };
	AUTO_ARENA own = ARENA(CODE_ARENA);
	AUTO_BUF plain = BUF(2 * SCRIPT_BYTES_MAX);
	struct refs refs = { .a = &own, .list = BUF(256 * KIB) };
	struct arena *outer = j->a;
	enum err_code code = OK;
	struct slice text = raw->text;
	enum script_lang lang = j->f->lang;
	j->a = &own;
	j->refs = &refs;
	if (filter_plain_text(&plain, text)) {
		text = buf_slice(&plain);
		code = match(j, text, raw->offset, 0, e);
	}
	if (code == OK)
		code = read_file(j, text, lang, e);
	if (own.failed) {	/* the arena is the limit on work here; everything raw was matched before */
		j->opaque = true;
		code = judge_skip(j, j->f->cls == FILE_SCRIPT ? SKIP_EXECUTABLE : SKIP_DATA, "limit: script expansion",
				  "expanding this script took more memory than is allowed for one file", e);
	}
	if (code == OK)
		code = put_script(j, raw, lang, e);
	buf_free(&refs.list);
	j->a = outer;
	return code;
}
