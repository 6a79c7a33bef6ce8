#include "table.h"
#include <stdio.h>

void t_style(struct table *t, enum style s)
{
	static const char *const codes[] = {
		[PLAIN] = "0", [BOLD] = "1", [DIM] = "2", [RED] = "1;31", [YELLOW] = "33", [GREEN] = "32", [CYAN] = "36", [MAGENTA] = "35",
		[ON_RED] = "1;97;41", [ON_YELLOW] = "1;30;43", [ON_GREEN] = "1;97;42",
	};
	if (t->o->color)
		out_printf(t->out, "\x1b[%sm", codes[s]);
}

void t_spaces(struct table *t, unsigned n) { out_printf(t->out, "%*s", (int)n, ""); }

void t_newline(struct table *t, unsigned indent)
{
	out_putc(t->out, '\n');
	t_spaces(t, indent);
}

const char *t_dot(const struct table *t) { return t->o->ascii ? " - " : " · "; }
const char *t_arrow(const struct table *t) { return t->o->ascii ? "->" : "→"; }

static unsigned cp_columns(uint32_t cp)
{
	if ((cp >= 0x300 && cp < 0x370) || (cp >= 0x1ab0 && cp < 0x1b00) || (cp >= 0x20d0 && cp < 0x2100) || (cp >= 0xfe00 && cp < 0xfe10))
		return 0;
	bool wide = (cp >= 0x1100 && cp < 0x1160) || (cp >= 0x2e80 && cp < 0xa4d0) || (cp >= 0xac00 && cp < 0xd7a4) ||
		    (cp >= 0xf900 && cp < 0xfb00) || (cp >= 0xfe30 && cp < 0xfe70) || (cp >= 0xff00 && cp < 0xff61) ||
		    (cp >= 0x1f300 && cp < 0x1f650) || (cp >= 0x1f900 && cp < 0x1fa00) || (cp >= 0x20000 && cp < 0x40000);
	return wide ? 2 : 1;
}

/* Columns of text that is already clean; *ret_bytes is how much of it fits into max. */
static unsigned clean_columns(struct slice s, unsigned max, size_t *ret_bytes)
{
	unsigned columns = 0;
	size_t at = 0;
	while (at < s.n) {
		uint32_t cp = 0;
		unsigned n = text_utf8_next(slice_from(s, at), &cp);
		unsigned w = n ? cp_columns(cp) : 1;
		if (columns + w > max)
			break;
		columns += w;
		at += n ? n : 1;
	}
	if (ret_bytes)
		*ret_bytes = at;
	return columns;
}

/* One line: white space of any kind is one space, the rest escaped. */
static void clean(struct buf *b, struct slice s)
{
	bool space = false;
	s = slice_trim(slice_upto(s, 16 * KIB));
	for (size_t i = 0; i < s.n; ) {
		size_t n = 0;
		while (i + n < s.n && s.p[i + n] != ' ' && s.p[i + n] != '\n' && s.p[i + n] != '\t' && s.p[i + n] != '\r')
			n++;
		if (!n) {
			space = true;
			i++;
			continue;
		}
		if (space && b->n)
			buf_putc(b, ' ');
		space = false;
		/* Backslashes in our own output stay readable: only what is hostile is written \xNN. */
		struct slice word = slice_sub(s, i, n), piece;
		for (struct slice rest = word; slice_next_piece(&rest, '\\', &piece);) {
			text_escape(b, piece);
			if (rest.p)
				buf_putc(b, '\\');
		}
		i += n;
	}
}

unsigned t_columns(struct slice s)
{
	AUTO_BUF b = BUF(128 * KIB);
	clean(&b, s);
	return clean_columns(buf_slice(&b), UINT32_MAX, NULL);
}

unsigned t_fit(struct table *t, struct slice s, unsigned max)
{
	AUTO_BUF b = BUF(128 * KIB);
	size_t bytes;
	clean(&b, s);
	unsigned w = clean_columns(buf_slice(&b), max, &bytes);
	if (bytes == b.n) {
		out_put(t->out, buf_slice(&b));
		return w;
	}
	unsigned dots = t->o->ascii ? 3 : 1;
	w = clean_columns(buf_slice(&b), max > dots ? max - dots : 0, &bytes);
	out_put(t->out, slice_upto(buf_slice(&b), bytes));
	out_puts(t->out, t->o->ascii ? "..." : "…");
	return w + dots;
}

unsigned t_wrap(struct table *t, struct slice s, unsigned at, unsigned indent, unsigned max_lines)
{
	AUTO_BUF b = BUF(128 * KIB);
	unsigned lines = 1;
	clean(&b, s);
	struct slice rest = buf_slice(&b), word;
	for (bool first = true; slice_next_piece(&rest, ' ', &word); first = false) {
		unsigned w = clean_columns(word, UINT32_MAX, NULL);
		if (!first && at + 1 + w > t->width) {
			if (max_lines && lines++ >= max_lines) {
				out_puts(t->out, t->o->ascii ? "..." : "…");
				return at + 3;
			}
			t_newline(t, indent);
			at = indent;
		} else if (!first) {
			out_putc(t->out, ' ');
			at++;
		}
		/* A word wider than the line is cut into lines. */
		while (w > t->width - at && t->width > at) {
			size_t bytes;
			clean_columns(word, t->width - at, &bytes);
			out_put(t->out, slice_upto(word, bytes));
			word = slice_from(word, bytes);
			if (max_lines && lines++ >= max_lines)
				return t->width;
			t_newline(t, indent);
			at = indent;
			w = clean_columns(word, UINT32_MAX, NULL);
		}
		out_put(t->out, word);
		at += w;
	}
	return at;
}

void t_number(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_putc(b, ',');
		buf_putc(b, (uint8_t)digits[i]);
	}
}

void t_severity(struct table *t, enum severity s)
{
	static const enum style styles[SEV_COUNT] = { DIM, DIM, CYAN, YELLOW, RED, ON_RED };
	const char *name = severity_name(s);
	t_spaces(t, SEVERITY_COLUMN);
	t_style(t, styles[s]);
	out_puts(t->out, name);
	t_style(t, PLAIN);
	t_spaces(t, TEXT_COLUMN - SEVERITY_COLUMN - (unsigned)strlen(name));
}

void t_counts(struct buf *b, const uint64_t counts[SEV_COUNT])
{
	static const enum severity order[] = { SEV_CRITICAL, SEV_HIGH, SEV_MEDIUM, SEV_LOW, SEV_INFO, SEV_UNKNOWN };
	bool first = true;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!counts[order[i]])
			continue;
		if (!first)
			buf_puts(b, ", ");
		t_number(b, counts[order[i]]);
		buf_printf(b, " %s", severity_name(order[i]));
		first = false;
	}
}

void t_instruction(struct buf *b, struct slice s)
{
	static const char shell[] = "/bin/sh -c ", nop[] = "#(nop)";
	bool run = false;
	ptrdiff_t mark = slice_find(s, SL("# buildkit"));
	if (mark >= 0)
		s = slice_upto(s, (size_t)mark);
	s = slice_trim(s);
	bool named = slice_has_prefix(s, SL("RUN "));
	if (named)
		s = slice_trim(slice_from(s, 4));
	/* "|2 A=1 B=2 /bin/sh -c ...": build arguments before the shell. */
	ptrdiff_t at = s.n && (s.p[0] == '|' || named) ? slice_find(s, SL("/bin/sh -c ")) : slice_has_prefix(s, slice_str(shell)) ? 0 : -1;
	if (at >= 0 && (!named || at == 0 || s.p[0] == '|')) {
		s = slice_trim(slice_from(s, (size_t)at + sizeof(shell) - 1));
		run = !slice_has_prefix(s, slice_str(nop));
	}
	if (slice_has_prefix(s, slice_str(nop)))
		s = slice_trim(slice_from(s, sizeof(nop) - 1));
	if (run || named)
		buf_puts(b, "RUN ");
	buf_put_slice(b, slice_upto(s, 4096));
}

void t_layer(struct table *t, int layer, unsigned at)
{
	AUTO_BUF b = BUF(16 * KIB);
	if (layer < 0 || (size_t)layer >= t->r->layers.n)
		return;
	const struct layer_info *l = &t->r->layers.items[layer];
	buf_printf(&b, "%slayer %d", l->base ? "base image, " : "", layer + 1);
	if (l->created_by.n) {
		buf_puts(&b, ": ");
		t_instruction(&b, l->created_by);
	}
	t_style(t, DIM);
	t_fit(t, buf_slice(&b), t->width > at ? t->width - at : 20);
	t_style(t, PLAIN);
}
