/* Completion scripts for shells, made from the descriptors. */
#include <stdio.h>
#include "inside.h"

/* Calls fn for every leaf command with its path. */
typedef void leaf_fn(struct buf *out, const struct cli_command *cmd, const char *path);

static void each_leaf(struct buf *out, const struct cli_command *const *list, const char *prefix, leaf_fn *fn)
{
	for (size_t i = 0; list[i]; i++) {
		char path[64];
		if (list[i]->hidden)
			continue;
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? " " : "", list[i]->name);
		if (list[i]->sub)
			each_leaf(out, list[i]->sub, path, fn);
		if (list[i]->run)
			fn(out, list[i], path);
	}
}

static void names(struct buf *out, const struct cli_command *const *list)
{
	bool first = true;
	for (size_t i = 0; list[i]; i++) {
		if (list[i]->hidden)
			continue;
		buf_printf(out, "%s%s", first ? "" : " ", list[i]->name);
		first = false;
	}
}

/* --- bash --------------------------------------------------------------------------------------------------------------- */

static void bash_options(struct buf *out, const struct cli_option *o)
{
	for (; o && o->name; o++)
		buf_printf(out, " --%s", o->name);
}

static void bash_values(struct buf *out, const char *path, const struct cli_option *o)
{
	for (; o && o->name; o++) {
		if (o->type == CLI_CHOICE) {
			buf_printf(out, "\t\t'%s --%s') words='", path, o->name);
			for (unsigned i = 0; o->choices[i]; i++)
				buf_printf(out, "%s%s", i ? " " : "", o->choices[i]);
			buf_puts(out, "';;\n");
		} else if (o->type == CLI_DIR) {
			buf_printf(out, "\t\t'%s --%s') compopt -o dirnames; return;;\n", path, o->name);
		} else if (o->type == CLI_FILE) {
			buf_printf(out, "\t\t'%s --%s') compopt -o default; return;;\n", path, o->name);
		} else if (o->type != CLI_FLAG) {
			buf_printf(out, "\t\t'%s --%s') return;;\n", path, o->name);
		}
	}
}

static void bash_leaf_values(struct buf *out, const struct cli_command *cmd, const char *path)
{
	bash_values(out, path, cmd->options);
	bash_values(out, path, cli_common_options);
}

static void bash_leaf_options(struct buf *out, const struct cli_command *cmd, const char *path)
{
	buf_printf(out, "\t\t'%s') words='", path);
	bash_options(out, cmd->options);
	bash_options(out, cli_common_options);
	buf_puts(out, "';;\n");
}

static void bash(struct buf *out)
{
	buf_puts(out, "# bash completion of pabean; made by `pabean completion bash`\n_pabean() {\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= words= w\n\tCOMPREPLY=()\n"
		      "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase \"$path $w\" in\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		if (cli_commands[i]->hidden)
			continue;
		buf_printf(out, "\t\t' %s') path=%s;;\n", cli_commands[i]->name, cli_commands[i]->name);
		for (size_t k = 0; cli_commands[i]->sub && cli_commands[i]->sub[k]; k++)
			buf_printf(out, "\t\t'%s %s') path='%s %s';;\n", cli_commands[i]->name, cli_commands[i]->sub[k]->name, cli_commands[i]->name,
				   cli_commands[i]->sub[k]->name);
	}
	buf_puts(out, "\t\tesac\n\tdone\n\tcase \"$path $prev\" in\n");
	each_leaf(out, cli_commands, "", bash_leaf_values);
	buf_puts(out, "\tesac\n\tif [[ -z $words && $cur == -* ]]; then\n\t\tcase $path in\n");
	each_leaf(out, cli_commands, "", bash_leaf_options);
	buf_puts(out, "\t\tesac\n\telif [[ -z $words ]]; then\n\t\tcase $path in\n\t\t'') words='");
	names(out, cli_commands);
	buf_puts(out, "';;\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		if (cli_commands[i]->hidden || !cli_commands[i]->sub)
			continue;
		buf_printf(out, "\t\t%s) words='", cli_commands[i]->name);
		names(out, cli_commands[i]->sub);
		buf_puts(out, "';;\n");
	}
	buf_puts(out, "\t\t*) compopt -o default; return;;\n\t\tesac\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
		      "complete -F _pabean pabean\n");
}

/* --- zsh ---------------------------------------------------------------------------------------------------------------- */

static void zsh_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_puts(out, "'\\''");
		else if (*text == '[' || *text == ']' || *text == ':')
			buf_printf(out, "\\%c", *text);
		else
			buf_putc(out, (uint8_t)*text);
	}
}

static void zsh_options(struct buf *out, const struct cli_option *o)
{
	for (; o && o->name; o++) {
		buf_printf(out, " \\\n\t\t\t'%s--%s%s[", o->repeated ? "*" : "", o->name, o->type == CLI_FLAG ? "" : "=");
		zsh_text(out, o->help);
		buf_putc(out, ']');
		if (o->type == CLI_CHOICE) {
			buf_printf(out, ":%s:(", o->arg);
			for (unsigned i = 0; o->choices[i]; i++)
				buf_printf(out, "%s%s", i ? " " : "", o->choices[i]);
			buf_putc(out, ')');
		} else if (o->type != CLI_FLAG) {
			buf_puts(out, ":");
			zsh_text(out, o->arg ? o->arg : "VALUE");
			buf_puts(out, o->type == CLI_FILE ? ":_files" : o->type == CLI_DIR ? ":_files -/" : ": ");
		}
		buf_putc(out, '\'');
	}
}

static void zsh_leaf(struct buf *out, const struct cli_command *cmd, const char *path)
{
	buf_printf(out, "\t'%s')\n\t\t_arguments -S", path);
	zsh_options(out, cmd->options);
	zsh_options(out, cli_common_options);
	buf_puts(out, " \\\n\t\t\t'*:file:_files'\n\t\t;;\n");
}

static void zsh_describe(struct buf *out, const struct cli_command *const *list)
{
	buf_puts(out, "\t\tlocal -a list=(");
	for (size_t i = 0; list[i]; i++) {
		if (list[i]->hidden)
			continue;
		buf_printf(out, "'%s:", list[i]->name);
		zsh_text(out, list[i]->help);
		buf_puts(out, "' ");
	}
	buf_puts(out, ")\n\t\t_describe command list\n\t\t;;\n");
}

static void zsh(struct buf *out)
{
	buf_puts(out, "#compdef pabean\n# zsh completion of pabean; made by `pabean completion zsh`\nlocal path_=\n"
		      "if (( CURRENT > 2 )); then path_=$words[2]; fi\n");
	for (size_t i = 0; cli_commands[i]; i++)
		if (!cli_commands[i]->hidden && cli_commands[i]->sub)
			buf_printf(out, "if [[ $path_ == %s ]] && (( CURRENT > 3 )); then path_=\"%s $words[3]\"; shift words; (( CURRENT-- )); fi\n",
				   cli_commands[i]->name, cli_commands[i]->name);
	buf_puts(out, "if [[ -n $path_ ]]; then shift words; (( CURRENT-- )); fi\ncase $path_ in\n\t'')\n");
	zsh_describe(out, cli_commands);
	for (size_t i = 0; cli_commands[i]; i++) {
		if (cli_commands[i]->hidden || !cli_commands[i]->sub)
			continue;
		buf_printf(out, "\t%s)\n", cli_commands[i]->name);
		zsh_describe(out, cli_commands[i]->sub);
	}
	each_leaf(out, cli_commands, "", zsh_leaf);
	buf_puts(out, "esac\n");
}

/* --- fish --------------------------------------------------------------------------------------------------------------- */

static void fish_text(struct buf *out, const char *text)
{
	buf_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_putc(out, '\\');
		buf_putc(out, (uint8_t)*text);
	}
	buf_putc(out, '\'');
}

static void fish_options(struct buf *out, const char *when, const struct cli_option *o)
{
	for (; o && o->name; o++) {
		buf_printf(out, "complete -c pabean -n '%s' -l %s", when, o->name);
		if (o->letter)
			buf_printf(out, " -s %c", o->letter);
		if (o->type != CLI_FLAG)
			buf_puts(out, o->type == CLI_FILE || o->type == CLI_DIR ? " -r -F" : " -x");
		if (o->type == CLI_CHOICE) {
			buf_puts(out, " -a '");
			for (unsigned i = 0; o->choices[i]; i++)
				buf_printf(out, "%s%s", i ? " " : "", o->choices[i]);
			buf_putc(out, '\'');
		}
		buf_puts(out, " -d ");
		fish_text(out, o->help);
		buf_putc(out, '\n');
	}
}

static void fish_leaf(struct buf *out, const struct cli_command *cmd, const char *path)
{
	char when[160];
	const char *space = strchr(path, ' ');
	if (space)
		snprintf(when, sizeof(when), "__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s", (int)(space - path), path,
			 space + 1);
	else
		snprintf(when, sizeof(when), "__fish_seen_subcommand_from %s", path);
	fish_options(out, when, cmd->options);
	fish_options(out, when, cli_common_options);
}

static void fish(struct buf *out)
{
	buf_puts(out, "# fish completion of pabean; made by `pabean completion fish`\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *cmd = cli_commands[i];
		if (cmd->hidden)
			continue;
		buf_printf(out, "complete -c pabean -f -n __fish_use_subcommand -a %s -d ", cmd->name);
		fish_text(out, cmd->help);
		buf_putc(out, '\n');
		for (size_t k = 0; cmd->sub && cmd->sub[k]; k++) {
			buf_printf(out, "complete -c pabean -f -n '__fish_seen_subcommand_from %s' -a %s -d ", cmd->name, cmd->sub[k]->name);
			fish_text(out, cmd->sub[k]->help);
			buf_putc(out, '\n');
		}
	}
	each_leaf(out, cli_commands, "", fish_leaf);
}

bool cli_complete(struct buf *out, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash(out);
	else if (!strcmp(shell, "zsh"))
		zsh(out);
	else if (!strcmp(shell, "fish"))
		fish(out);
	else
		return false;
	return true;
}
