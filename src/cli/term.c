/* Messages, output and the terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "inside.h"
#include "os.h"

[[gnu::format(printf, 1, 0)]]
static void message(const char *fmt, va_list ap)
{
	AUTO_BUF raw = BUF(8 * KIB);
	AUTO_BUF line = BUF(40 * KIB);
	struct err e;
	buf_vprintf(&raw, fmt, ap);
	buf_puts(&line, "pabean: ");
	/* Errors escape what is hostile in them already; what is left may hold backslashes of that. */
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] < 0x20 || raw.p[i] == 0x7f)
			buf_printf(&line, "\\x%02x", raw.p[i]);
		else
			buf_putc(&line, raw.p[i]);
	}
	buf_putc(&line, '\n');
	if (os_write_all(2, line.p, line.n, "standard error", &e) != OK)
		return;	/* nowhere left to say so */
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	return CLI_ERROR;
}

int cli_fail_err(const struct err *e) { return cli_fail("%s", e->msg); }

void cli_note(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	if (cli_flag(c, "quiet", false))
		return;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

int cli_print(struct slice text)
{
	struct err e;
	if (os_write_all(1, text.p, text.n, "standard output", &e) == OK)
		return CLI_OK;
	return e.sys == EPIPE ? CLI_ERROR : cli_fail("write to standard output: %s", e.msg);
}

int cli_print_buf(struct buf *b)
{
	struct err e;
	if (buf_ok(b, "the output", &e) != OK)
		return cli_fail_err(&e);
	return cli_print(buf_slice(b));
}

unsigned cli_width(int fd)
{
	struct winsize w = { 0 };
	const char *columns = getenv("COLUMNS");
	uint64_t n = 0;
	if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col)
		n = w.ws_col;
	else if (!columns || !slice_to_u64(slice_str(columns), &n) || !n)
		n = 80;
	return (unsigned)MIN(MAX(n, (uint64_t)40), (uint64_t)400);
}

bool cli_color(const struct cli *c, int fd)
{
	const char *when = cli_text(c, "color", "auto"), *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (strcmp(when, "auto"))
		return !strcmp(when, "always");
	return !(no && *no) && isatty(fd) && term && strcmp(term, "dumb");
}
