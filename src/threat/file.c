/* One file: raw hits become signs when what stands around them confirms it. */
#include "view.h"

enum err_code judge_skip(struct file_judge *j, enum skip_class cls, const char *reason, const char *detail, struct err *e)
{
	return FACT_EMIT(j->sink, e, .type = FACT_SKIPPED, .path = j->f->path, .inner = j->f->inner,
		.skipped = { .reason = slice_str(reason), .detail = slice_str(detail), .cls = cls, .bytes = 0 });
}

enum err_code judge_sign(struct file_judge *j, const struct view *v, int sign, size_t at, struct slice excerpt, struct slice subject,
			 struct err *e)
{
	if (sign < 0 || j->facts_of_sign[sign] >= SIGN_FACTS_MAX || !(threat_signs[sign].classes & j->classes))
		return OK;
	/* what the raw text showed already need not be told again of a text derived from it */
	if (v->derived && sign_set_has(&j->seen, sign))
		return OK;
	j->facts_of_sign[sign]++;
	sign_set_add(&j->seen, sign);
	return FACT_EMIT(j->sink, e, .type = FACT_SIGN, .path = j->f->path, .inner = j->f->inner, .sign = {
		.rule = slice_str(threat_signs[sign].id), .offset = v->derived ? v->offset : v->offset + at,
		.excerpt = slice_upto(excerpt, 200), .subject = slice_upto(subject, 256),
		.flags = (v->derived ? SIGN_F_DECODED : 0) | (threat_signs[sign].weak ? SIGN_F_WEAK : 0) });
}

/* The line around end, at most 512 bytes to each side; in binaries also ended by NUL. `around` widens it across lines. */
static struct slice window_of(struct slice text, size_t end, const struct threat_judge_by *by)
{
	enum { LINE_SIDE = 512 };
	size_t from = MIN(end, text.n), to = from;
	if (by->before || by->after)
		return slice_sub(text, from - MIN(from, (size_t)by->before), MIN(from, (size_t)by->before) + by->after);
	if (from)
		from--;		/* the hit's last byte may be the newline itself */
	while (from && end - from < LINE_SIDE && text.p[from - 1] != '\n' && text.p[from - 1])
		from--;
	while (to < text.n && to - end < LINE_SIDE && text.p[to] != '\n' && text.p[to])
		to++;
	return slice_sub(text, from, to - from);
}

static enum err_code judge_hit(struct file_judge *j, const struct view *v, int sign, size_t end, size_t *ret_window_end,
			       struct err *e)
{
	const struct threat_judge_by *by = &threat_judge_by[sign];
	struct slice window = window_of(v->text, end, by), subject = SLICE_NULL;
	size_t at = (size_t)(window.p - v->text.p), hit = end - MIN(end, at);
	*ret_window_end = at + window.n;
	j->confirm_bytes += window.n * by->confirms;
	if (!threat_confirm(j->s->set, sign, window))
		return OK;
	if (!check_hit(by->check, window, hit, &subject))
		return OK;
	struct slice excerpt = slice_sub(window, hit > 120 ? hit - 120 : 0, 200);
	return judge_sign(j, v, sign, end, excerpt, subject, e);
}

/* regex.exec(, model.eval(: no code is run. */
static bool is_method(struct slice text, size_t end)
{
	size_t i = end;
	while (i && end - i < 8 && ((uint8_t)(text.p[i - 1] - 'a') < 26 || text.p[i - 1] == '('))
		i--;
	struct slice word = slice_sub(text, i, end - i);
	return i && text.p[i - 1] == '.' && (slice_eqs(word, "exec(") || slice_eqs(word, "eval("));
}

/* The last hit of a sign that was looked at, and how far its window went. */
struct looked { size_t end, window_end; };

/* Too much to confirm: told once, and what is left is not looked at. */
static enum err_code confirm_limit(struct file_judge *j, struct err *e)
{
	bool told = j->skipped_hits;
	j->skipped_hits = true;
	return told ? OK : judge_skip(j, j->f->executable || j->f->cls == FILE_SCRIPT ? SKIP_EXECUTABLE : SKIP_DATA, "limit: pattern hits",
				      "patterns hit so often that not all places were looked at", e);
}

enum err_code judge_hits(struct file_judge *j, const struct view *v, const struct threat_hit *hits, size_t n, struct err *e)
{
	if (!n)
		return OK;
	struct looked *last = arena_calloc(j->a, SIGN_SET_MAX, sizeof(*last));
	TRY(arena_ok(j->a, "matched signs", e));
	for (size_t i = 0; i < n; i++) {
		if (hits[i].id >= threat_pattern_count || hits[i].end > v->text.n)
			continue;
		int sign = threat_patterns[hits[i].id].sign;
		size_t end = (size_t)hits[i].end;
		const struct threat_judge_by *by = &threat_judge_by[sign];
		if (by->hint) {
			if (sign == j->s->set->hints[HINT_RUN] && is_method(v->text, end))
				continue;
			sign_set_add(&j->hints, sign);
			if (sign == j->s->set->hints[HINT_URL])
				TRY(judge_url(j, v, end, e));
			continue;
		}
		if (!(threat_signs[sign].classes & j->classes) || j->facts_of_sign[sign] >= SIGN_FACTS_MAX)
			continue;
		if (by->confirms && end <= last[sign].window_end && end - last[sign].end < HIT_NEAR)
			continue;
		if (j->confirm_bytes > CONFIRM_BYTES_MAX)
			return confirm_limit(j, e);
		last[sign].end = end;
		TRY(judge_hit(j, v, sign, end, &last[sign].window_end, e));
	}
	return OK;
}

static bool is_library(struct slice path, struct slice inner)
{
	static const char *const parts[] = { "node_modules/", "site-packages/", "dist-packages/", "usr/share/", "usr/lib/python", "usr/include/",
		"usr/lib/ruby", "usr/share/perl" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (slice_find(path, slice_str(parts[i])) >= 0 || slice_find(inner, slice_str(parts[i])) >= 0)
			return true;
	return false;
}

static bool is_code(const struct threat_file *f)
{
	return f->cls == FILE_SCRIPT ? f->content.n <= SCRIPT_BYTES_MAX :
	       (f->cls == FILE_TEXT || f->cls == FILE_CONFIG) && f->size <= CODE_BYTES_MAX;
}

enum err_code threat_file(struct threat_stream *s, const struct threat_file *f, struct fact_sink *sink, struct arena *scratch, struct err *e)
{
	bool code = is_code(f);
	if (!f->content.n || f->cls == FILE_EMPTY || (!code && !f->n_hits && f->cls != FILE_ELF && f->cls != FILE_ELF_LIB))
		return OK;
	struct file_judge j = { .s = s, .f = f, .sink = sink, .a = scratch, .classes = 1u << f->cls,
		.facts_of_sign = arena_calloc(scratch, SIGN_SET_MAX, 1), .library = is_library(f->path, f->inner) };
	struct view raw = { .text = f->content, .offset = f->content_offset };
	TRY(arena_ok(scratch, "matched signs", e));
	TRY(judge_hits(&j, &raw, f->hits, f->n_hits, e));
	TRY(judge_tokens(&j, &raw, e));
	return code ? judge_code(&j, &raw, e) : OK;
}
