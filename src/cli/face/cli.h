/* The command line: one descriptor per command, from which come dispatch, parsing, help, man pages, completion, environment and the
 * configuration file. A command is one file cmd_NAME.c and one line in commands.list.
 *
 * Where a value comes from, strongest first: the command line; the environment (`--db-max-age` is PABEAN_DB_MAX_AGE; repeatable
 * options are separated by commas); the file of --config, else $XDG_CONFIG_HOME/pabean/pabean.yaml; /etc/pabean/pabean.yaml. */
#pragma once
#include "base.h"

/* Exit statuses of every command; only scan uses 1 and 3 for verdicts. */
enum { CLI_OK = 0, CLI_REFUSED = 1, CLI_ERROR = 2, CLI_HELD = 3 };

enum cli_type {
	CLI_FLAG,	/* --x, or --x=true|false */
	CLI_TEXT,
	CLI_FILE, CLI_DIR,	/* text; completion knows the difference */
	CLI_COUNT,	/* a decimal number */
	CLI_SIZE,	/* 128M, 2G */
	CLI_DURATION,	/* 90s, 10m, 7d */
	CLI_TIME,	/* 2026-11-22 or 2026-11-22T18:00:00Z */
	CLI_CHOICE,	/* one of choices */
};

struct cli_option {
	const char *name;		/* long name without dashes */
	char letter;			/* short name, or 0 */
	enum cli_type type;
	bool repeated;			/* may be given several times; a list in the configuration */
	const char *arg;		/* "FILE"; NULL for flags */
	const char *group;		/* heading in help; NULL: that of the option before */
	const char *help;		/* one or two sentences without a final dot */
	const char *const *choices;	/* CLI_CHOICE; NULL-terminated */
};

struct cli;
typedef int cli_run_fn(struct cli *c);	/* gives the exit status */

struct cli_command {
	const char *name;
	cli_run_fn *run;		/* NULL: only subcommands */
	const char *args;		/* "IMAGE...", or NULL */
	const char *help;		/* one line */
	const char *details;		/* paragraphs; lines that begin with two spaces are kept as they are; or NULL */
	unsigned min_args, max_args;	/* max_args 0 with args given: any number */
	const struct cli_option *options;	/* ends with an empty name; the common ones are added */
	const struct cli_command *const *sub;	/* NULL-terminated, or NULL */
	bool hidden;			/* not in help and completion */
	bool own_part;			/* its part of the configuration is read by the command itself (cli_config_part); its options there are not looked for */
	bool plain;			/* reads neither configuration nor environment */
};

enum cli_origin { CLI_UNSET, CLI_FROM_SYSTEM_FILE, CLI_FROM_USER_FILE, CLI_FROM_ENV, CLI_FROM_ARGS };
struct cli_value {
	const char **items;
	unsigned *positions;		/* index in argv, for options whose order counts */
	size_t n, cap;
	enum cli_origin origin;
};

struct cli {
	struct arena arena;
	const struct cli_command *command;	/* the innermost */
	const char *path;			/* "db update" */
	const struct cli_option *const *options;	/* own and common, NULL-terminated */
	struct cli_value *values;		/* beside options */
	const char **args;
	size_t n_args;
};

/* The whole program: parses, dispatches, gives the exit status. */
int cli_main(int argc, char **argv);
/* All commands, NULL-terminated. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_option cli_common_options[];

/* --- Values. An option that the command does not have is unset. --- */
const struct cli_value *cli_value(const struct cli *c, const char *name);	/* never NULL */
bool cli_given(const struct cli *c, const char *name);
const char *cli_text(const struct cli *c, const char *name, const char *standard);	/* the last one given */
bool cli_flag(const struct cli *c, const char *name, bool standard);
/* Already checked when the command runs; the unit is that of the base room's parser (bytes, milliseconds, seconds since 1970). */
uint64_t cli_number(const struct cli *c, const char *name, uint64_t standard);
/* All values of a repeated option; *ret_n may be 0. */
const char *const *cli_list(const struct cli *c, const char *name, size_t *ret_n);

/* The strongest configuration file that has the part `name:`, as it is read now; *ret_path NULL and an empty text when none has. The path is in c's arena. */
[[nodiscard]] enum err_code cli_config_part(struct cli *c, const char *name, const char **ret_path, struct buf *text, struct err *e);

/* --- Messages and output --- */

/* "pabean: ..." on standard error, escaped; returns CLI_ERROR. */
[[gnu::format(printf, 1, 2)]] int cli_fail(const char *fmt, ...);
int cli_fail_err(const struct err *e);
[[gnu::format(printf, 2, 3)]] void cli_note(const struct cli *c, const char *fmt, ...);	/* not under --quiet */
/* Bytes to standard output; CLI_OK, or CLI_ERROR with a message (a closed pipe is silent). */
int cli_print(struct slice text);
int cli_print_buf(struct buf *b);	/* also checks that the buffer did not overflow */
unsigned cli_width(int fd);		/* of the terminal, else $COLUMNS, else 80; 40..400 */
bool cli_color(const struct cli *c, int fd);	/* --color, NO_COLOR, TERM, a terminal */

/* --- Places --- */

/* Where advisories are: --db, else /var/lib/pabean for root, else $XDG_DATA_HOME/pabean. In c's arena. */
[[nodiscard]] enum err_code cli_db_dir(struct cli *c, const char **ret, struct err *e);
/* Where other data is (intelligence); like the above without --db. */
[[nodiscard]] enum err_code cli_data_dir(struct cli *c, const char **ret, struct err *e);
[[nodiscard]] enum err_code cli_cache_dir(struct cli *c, const char **ret, struct err *e);	/* --cache-dir, else as the Base Directory specification says */
/* The time of --now, SOURCE_DATE_EPOCH or the clock. */
uint64_t cli_now_s(const struct cli *c);
