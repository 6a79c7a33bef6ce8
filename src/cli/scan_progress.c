#include <stdio.h>
#include <unistd.h>
#include "scan_inside.h"

enum { REDRAW_NS = 100000000 };

void scan_line_init(struct scan_line *l, const struct cli *c)
{
	*l = (struct scan_line){ .c = c, .on = isatty(STDERR_FILENO) && !cli_flag(c, "quiet", false), .width = cli_width(STDERR_FILENO) };
}

static void put(struct buf *b)
{
	struct err e;
	if (os_write_all(STDERR_FILENO, b->p, b->n, "standard error", &e) != OK)
		return;	/* only decoration */
}

void scan_line_clear(struct scan_line *l)
{
	AUTO_BUF b = BUF(64);
	if (!l->drawn)
		return;
	buf_puts(&b, "\r\x1b[K");
	put(&b);
	l->drawn = false;
}

void scan_line_draw(struct scan_line *l, const struct scan_progress *p)
{
	static const char *const stages[] = { "opening", "fetching", "inspecting", "judging" };
	uint64_t now = os_monotonic_ns();
	char size[24], total[24], text[512], name[160];
	if (!l->on || (l->drawn && now - l->last_ns < REDRAW_NS))
		return;
	l->last_ns = now;
	int n = snprintf(text, sizeof(text), "%s %s", stages[p->stage], text_escape_to(name, sizeof(name), slice_str(p->reference)));
	if (p->layers)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", layer %u of %u", MIN(p->layers_done + 1, p->layers), p->layers);
	if (p->bytes_total)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %s of %s", text_format_size(size, sizeof(size), p->bytes),
			      text_format_size(total, sizeof(total), p->bytes_total));
	else if (p->bytes)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %s", text_format_size(size, sizeof(size), p->bytes));
	AUTO_BUF b = BUF(2 * KIB);
	buf_printf(&b, "\r%.*s\x1b[K", (int)MIN((unsigned)n, l->width - 1), text);
	put(&b);
	l->drawn = true;
}
