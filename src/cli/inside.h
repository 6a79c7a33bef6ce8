/* Between the files of this room. */
#pragma once
#include "cli.h"

extern const char cli_version[];

/* parse.c */
[[nodiscard]] enum err_code cli_parse_args(struct cli *c, int argc, char **argv, int at, struct err *e);
[[nodiscard]] enum err_code cli_value_add(struct cli *c, size_t option, const char *text, unsigned position, enum cli_origin origin,
					  const char *where, struct err *e);
[[nodiscard]] enum err_code cli_value_check(const struct cli_option *o, const char *text, const char *where, struct err *e);
[[nodiscard]] enum err_code cli_setup(struct cli *c, const struct cli_command *command, struct err *e);
ptrdiff_t cli_option_find(const struct cli *c, struct slice name);	/* index, or -1 */

/* config.c */
[[nodiscard]] enum err_code cli_config_load(struct cli *c, struct err *e);
[[nodiscard]] enum err_code cli_config_parse(struct cli *c, struct slice text, const char *name, enum cli_origin origin, struct err *e);
[[nodiscard]] enum err_code cli_env_load(struct cli *c, struct err *e);
/* "PABEAN_DB_MAX_AGE" for "db-max-age". */
void cli_env_name(const char *option, char dst[64]);

/* help.c, man.c, complete.c: `path` is what the person types behind "pabean", "" for the program itself. */
void cli_help(struct buf *out, const struct cli_command *command, const char *path, unsigned width);
void cli_help_program(struct buf *out, unsigned width);
void cli_man(struct buf *out, const struct cli_command *command, const char *path);
void cli_man_program(struct buf *out);
bool cli_complete(struct buf *out, const char *shell);	/* false: no such shell */
/* Text of a paragraph wrapped at width, the following lines indented. */
void cli_wrap(struct buf *out, const char *text, unsigned at, unsigned indent, unsigned width);
/* "-o, --output FILE" */
void cli_option_usage(struct buf *out, const struct cli_option *o);

/* main.c: the command that argv names; *ret_at is the index of its first argument. */
[[nodiscard]] enum err_code cli_command_find(int argc, char **argv, int at, struct arena *a, const struct cli_command **ret, const char **ret_path,
					     int *ret_at, struct err *e);
