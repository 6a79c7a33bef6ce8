/* Help, made from the descriptors. */
#include <stdio.h>
#include "inside.h"

enum { OPTION_COLUMN = 30 };

static unsigned columns(const char *word, size_t n)
{
	unsigned w = 0;
	for (size_t i = 0; i < n; i++)
		w += ((uint8_t)word[i] & 0xc0) != 0x80;	/* one per character: our own texts have no wide ones */
	return w;
}

void cli_wrap(struct buf *out, const char *text, unsigned at, unsigned indent, unsigned width)
{
	bool first = true;
	while (*text) {
		size_t n = strcspn(text, " ");
		unsigned w = columns(text, n);
		if (!first && at + 1 + w > width) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			buf_putc(out, ' ');
			at++;
		}
		buf_put(out, text, n);
		at += w;
		first = false;
		text += n + strspn(text + n, " ");
	}
	buf_putc(out, '\n');
}

void cli_option_usage(struct buf *out, const struct cli_option *o)
{
	if (o->letter)
		buf_printf(out, "-%c, ", o->letter);
	else
		buf_puts(out, "    ");
	buf_printf(out, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static void options(struct buf *out, const struct cli_option *o, unsigned width)
{
	for (; o && o->name; o++) {
		AUTO_BUF usage = BUF(256);
		AUTO_BUF text = BUF(4 * KIB);
		if (o->group)
			buf_printf(out, "\n%s:\n", o->group);
		cli_option_usage(&usage, o);
		buf_printf(&text, "%s%s", o->help, o->repeated ? "; may be repeated" : "");
		buf_printf(out, "  %s", buf_cstr(&usage));
		unsigned at = 2 + (unsigned)usage.n;
		if (at + 2 > OPTION_COLUMN) {
			buf_putc(out, '\n');
			at = 0;
		}
		buf_printf(out, "%*s", (int)(OPTION_COLUMN - at), "");
		cli_wrap(out, buf_cstr(&text), OPTION_COLUMN, OPTION_COLUMN, width);
	}
}

static void paragraphs(struct buf *out, const char *text, unsigned width)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char line[1024];
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (line[0] == ' ' || !line[0])
			buf_printf(out, "%s\n", line);
		else
			cli_wrap(out, line, 0, 0, width);
		text += n + (text[n] == '\n');
	}
}

static void subcommands(struct buf *out, const struct cli_command *const *list, unsigned width)
{
	unsigned longest = 0;
	for (size_t i = 0; list[i]; i++)
		if (!list[i]->hidden)
			longest = MAX(longest, (unsigned)strlen(list[i]->name));
	for (size_t i = 0; list[i]; i++) {
		if (list[i]->hidden)
			continue;
		buf_printf(out, "  %-*s  ", (int)longest, list[i]->name);
		cli_wrap(out, list[i]->help, longest + 4, longest + 4, width);
	}
}

void cli_help(struct buf *out, const struct cli_command *command, const char *path, unsigned width)
{
	width = MIN(width, 110u);
	buf_printf(out, "Usage: pabean %s%s%s%s\n\n", path, command->sub ? " COMMAND" : " [options]", command->args ? " " : "",
		   command->args ? command->args : "");
	AUTO_BUF line = BUF(KIB);
	buf_printf(&line, "%s.", command->help);
	cli_wrap(out, buf_cstr(&line), 0, 0, width);
	if (command->details) {
		buf_putc(out, '\n');
		paragraphs(out, command->details, width);
	}
	if (command->sub) {
		buf_puts(out, "\nCommands:\n");
		subcommands(out, command->sub, width);
	}
	if (command->run) {
		options(out, command->options, width);
		options(out, cli_common_options, width);
	}
	if (command->sub)
		buf_printf(out, "\n`pabean %s COMMAND --help` says more.\n", path);
}

void cli_help_program(struct buf *out, unsigned width)
{
	width = MIN(width, 110u);
	buf_puts(out, "Usage: pabean COMMAND [options] ...\n\n");
	cli_wrap(out, "Inspects container images and gives one verdict each: admit, hold or refuse. As a registry it gives out only what was admitted.", 0, 0, width);
	buf_puts(out, "\n  pabean scan nginx:1.27          an image of a registry\n"
		      "  docker save app | pabean scan - an image of the local Docker\n"
		      "  pabean serve                    the registry: nothing unseen can be pulled\n"
		      "  pabean db update                fetch the advisories first\n\nCommands:\n");
	subcommands(out, cli_commands, width);
	buf_puts(out, "\n`pabean COMMAND --help` says more.\n");
}
