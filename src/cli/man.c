/* Manual pages in man(7)'s roff, made from the descriptors. */
#include <stdio.h>
#include "inside.h"

/* Backslashes and hyphens as they are typed, no line that begins like a request. */
static void roff(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
			buf_puts(out, "\\&");
		if (*p == '\\')
			buf_puts(out, "\\e");
		else if (*p == '-')
			buf_puts(out, "\\-");
		else
			buf_putc(out, (uint8_t)*p);
	}
}

static void head(struct buf *out, const char *title, const char *name, const char *help)
{
	buf_printf(out, ".TH \"%s\" 1 \"\" \"pabean %s\" \"pabean\"\n.SH NAME\n", title, cli_version);
	roff(out, name);
	buf_puts(out, " \\- ");
	roff(out, help);
	buf_puts(out, "\n.SH SYNOPSIS\n");
}

static void option_list(struct buf *out, const struct cli_option *o)
{
	for (; o && o->name; o++) {
		if (o->group)
			buf_printf(out, ".SS %s\n", o->group);
		buf_puts(out, ".TP\n");
		if (o->letter)
			buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
		buf_puts(out, "\\fB\\-\\-");
		roff(out, o->name);
		buf_puts(out, "\\fR");
		if (o->arg)
			buf_printf(out, " \\fI%s\\fR", o->arg);
		buf_putc(out, '\n');
		roff(out, o->help);
		buf_puts(out, o->repeated ? "; may be repeated.\n" : ".\n");
	}
}

static void details(struct buf *out, const char *text)
{
	bool literal = false;
	while (*text) {
		size_t n = strcspn(text, "\n");
		char line[1024];
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if ((line[0] == ' ') != literal) {
			literal = !literal;
			buf_puts(out, literal ? ".PP\n.nf\n" : ".fi\n.PP\n");
		}
		if (line[0]) {
			roff(out, line);
			buf_putc(out, '\n');
		} else if (!literal) {
			buf_puts(out, ".PP\n");
		}
		text += n + (text[n] == '\n');
	}
	if (literal)
		buf_puts(out, ".fi\n");
}

/* Some commands say themselves with what they end. */
static bool says_status(const struct cli_command *command)
{
	bool says = command->details && (strstr(command->details, "nds with 0") || strstr(command->details, "is exit 1"));
	for (size_t i = 0; command->sub && command->sub[i]; i++)
		says = says || says_status(command->sub[i]);
	return says;
}

static void tail(struct buf *out, bool statuses, bool said)
{
	if (statuses)
		buf_puts(out, ".SH EXIT STATUS\n.TP\n0\nevery image is admitted\n.TP\n1\nat least one is refused\n.TP\n3\nnone is refused, at least one is held\n"
			      ".TP\n2\nno verdict could be reached; this beats the others\n");
	else
		buf_printf(out, ".SH EXIT STATUS\n%s0 on success, 2 on any error.\n", said ? "As said above; else " : "");
	buf_puts(out, ".SH FILES\n.TP\n/etc/pabean/pabean.yaml, $XDG_CONFIG_HOME/pabean/pabean.yaml\nconfiguration: every option by its long name, and the registry's part serve:\n"
		      ".TP\n/var/lib/pabean, $XDG_DATA_HOME/pabean\nadvisories and indicators\n"
		      ".TP\n/var/cache/pabean, $XDG_CACHE_HOME/pabean\nfacts of layers inspected before\n"
		      ".SH ENVIRONMENT\nEvery option, for example PABEAN_DB_MAX_AGE for \\-\\-db\\-max\\-age; NO_COLOR; SOURCE_DATE_EPOCH.\n");
}

void cli_man(struct buf *out, const struct cli_command *command, const char *path)
{
	char title[64], name[64];
	snprintf(title, sizeof(title), "PABEAN-%s", path);
	snprintf(name, sizeof(name), "pabean-%s", path);
	for (char *p = title; *p; p++)
		*p = *p == ' ' ? '-' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	for (char *p = name; *p; p++)
		*p = *p == ' ' ? '-' : *p;
	head(out, title, name, command->help);
	if (command->run)
		buf_printf(out, "\\fBpabean %s\\fR [options]%s%s\n", path, command->args ? " " : "", command->args ? command->args : "");
	for (size_t i = 0; command->sub && command->sub[i]; i++)
		buf_printf(out, "%s\\fBpabean %s %s\\fR [options]%s%s\n", i ? ".br\n" : "", path, command->sub[i]->name,
			   command->sub[i]->args ? " " : "", command->sub[i]->args ? command->sub[i]->args : "");
	buf_puts(out, ".SH DESCRIPTION\n");
	roff(out, command->help);
	buf_puts(out, ".\n.PP\n");
	if (command->details)
		details(out, command->details);
	for (size_t i = 0; command->sub && command->sub[i]; i++) {
		buf_printf(out, ".SH \"pabean %s %s\"\n", path, command->sub[i]->name);
		roff(out, command->sub[i]->help);
		buf_puts(out, ".\n.PP\n");
		if (command->sub[i]->details)
			details(out, command->sub[i]->details);
		option_list(out, command->sub[i]->options);
	}
	buf_puts(out, ".SH OPTIONS\n");
	option_list(out, command->options);
	option_list(out, cli_common_options);
	tail(out, !strcmp(path, "scan"), says_status(command));
}

void cli_man_program(struct buf *out)
{
	head(out, "PABEAN", "pabean", "inspects container images and gives one verdict each");
	buf_puts(out, "\\fBpabean\\fR COMMAND [options] ...\n.SH DESCRIPTION\n"
		      "Inspects container images and gives one verdict each: admit, hold or refuse. As a registry it gives out only what was admitted.\n"
		      ".SH COMMANDS\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		if (cli_commands[i]->hidden)
			continue;
		buf_printf(out, ".TP\n\\fBpabean\\-%s\\fR(1)\n", cli_commands[i]->name);
		roff(out, cli_commands[i]->help);
		buf_puts(out, ".\n");
	}
	tail(out, false, false);
}
