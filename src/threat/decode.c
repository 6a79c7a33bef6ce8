/* Encoded text inside text: found by its shape, decoded, and judged when something readable comes out. */
#include "filter.h"
#include "view.h"

enum { RUN_MIN = 16, RUNS_MAX = 200, DECODED_MAX = 2 << 20 };

static bool is_run_byte(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
}

/* Length of the run at the start of s; wrapped lines belong together. */
static size_t run_length(struct slice s)
{
	size_t n = 0, line = 0;
	for (; n < s.n; n++) {
		if (is_run_byte(s.p[n])) {
			line++;
			continue;
		}
		size_t gap = s.p[n] == '\n' ? 1 : s.p[n] == '\r' && n + 1 < s.n && s.p[n + 1] == '\n' ? 2 : 0;
		while (gap && n + gap < s.n && (s.p[n + gap] == ' ' || s.p[n + gap] == '\t') && gap < 16)
			gap++;
		if (!gap || line < 40 || n + gap >= s.n || !is_run_byte(s.p[n + gap]))
			break;
		n += gap - 1;
		line = 0;
	}
	return n;
}

enum err_code judge_decoded(struct file_judge *j, struct slice bytes, uint64_t offset, unsigned depth, enum script_lang lang,
			    bool *ret_useful, struct err *e)
{
	AUTO_BUF inner = BUF(DECODED_MAX);
	*ret_useful = false;
	for (unsigned i = 0; i < 3 && !looks_like_text(bytes) && !looks_like_program(bytes); i++) {
		AUTO_BUF next = BUF(DECODED_MAX);
		if (!filter_inflate(&next, bytes) && !(filter_plain_text(&next, bytes) && looks_like_text(buf_slice(&next))))
			return OK;
		buf_free(&inner);
		inner = next;
		next = (struct buf){ 0 };
		bytes = buf_slice(&inner);
	}
	if (looks_like_program(bytes)) {
		struct view v = { .offset = offset, .derived = true };
		*ret_useful = true;
		return judge_sign(j, &v, threat_sign_index(SL("dec.embedded-program")), 0, slice_upto(bytes, 64), SLICE_NULL, e);
	}
	if (!looks_like_text(bytes))
		return OK;
	*ret_useful = true;
	j->decoded = true;
	return judge_derived(j, bytes, offset, depth + 1, lang, e);
}

typedef bool decoder_fn(struct buf *out, struct slice s);
static bool reversed_base64(struct buf *out, struct slice s)
{
	AUTO_BUF turned = BUF(DECODED_MAX);
	return filter_reverse(&turned, s) && filter_base64(out, buf_slice(&turned));
}

/* The first bytes tell whether the rest is worth decoding. */
static bool is_promising(decoder_fn *fn, struct slice run)
{
	AUTO_BUF head = BUF(512);
	if (!fn(&head, fn == reversed_base64 ? run : slice_upto(run, run.n > 400 ? 256 : run.n)) && head.n < 16)
		return fn == reversed_base64 && run.n > 500;
	struct slice h = buf_slice(&head);
	return looks_like_text(h) || looks_like_program(h) || (h.n > 2 && h.p[0] == 0x1f && h.p[1] == 0x8b) ||
	       (h.n > 2 && (h.p[0] & 15) == 8 && (h.p[0] << 8 | h.p[1]) % 31 == 0) || (h.n > 16 && h.p[1] == 0) || (h.n > 16 && h.p[0] == 0);
}

static enum err_code judge_run(struct file_judge *j, struct slice run, uint64_t offset, unsigned depth, enum script_lang lang, struct err *e)
{
	decoder_fn *const decoders[] = { filter_hex, filter_base64, filter_base32, reversed_base64 };
	bool useful = false, raw_deflate = judge_hint(j, HINT_DECODE) && lang == LANG_PHP;
	for (size_t i = 0; i < ARRAY_LEN(decoders) && !useful; i++) {
		if (!is_promising(decoders[i], run) && !(raw_deflate && decoders[i] == filter_base64))
			continue;
		AUTO_BUF out = BUF(DECODED_MAX);
		(void)decoders[i](&out, run);
		if (out.n >= 4)
			TRY(judge_decoded(j, buf_slice(&out), offset, depth, lang, &useful, e));
	}
	return OK;
}

enum err_code judge_encoded(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang, struct err *e)
{
	size_t runs = 0;
	if (depth >= VIEW_DEPTH_MAX)
		return OK;
	for (size_t i = 0; i < text.n && runs < RUNS_MAX;) {
		if (!is_run_byte(text.p[i])) {
			i++;
			continue;
		}
		size_t n = run_length(slice_from(text, i));
		if (n >= RUN_MIN) {
			struct slice run = slice_sub(text, i, n);
			TRY(judge_run(j, run, offset, depth, lang, e));
			runs++;
		}
		i += n ? n : 1;
	}
	return OK;
}
