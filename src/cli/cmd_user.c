/* People's accounts on a running server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>
#include "accounts.h"
#include "codec.h"
#include "os.h"

/* --- Passwords ------------------------------------------------------------------------------------------------------------ */

/* One line from the terminal that is not shown. */
static enum err_code read_hidden(int tty, const char *prompt, struct buf *out, struct err *e)
{
	struct termios before, hidden;
	uint8_t byte;
	ssize_t n;
	if (tcgetattr(tty, &before) != 0)
		return err_set(e, ERR_IO, errno, "hide what is typed");
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO);
	hidden.c_lflag |= ECHONL | ICANON;
	TRY(os_write_all(tty, prompt, strlen(prompt), "the terminal", e));
	if (tcsetattr(tty, TCSAFLUSH, &hidden) != 0)
		return err_set(e, ERR_IO, errno, "hide what is typed");
	while ((n = read(tty, &byte, 1)) == 1 && byte != '\n')
		buf_putc(out, byte);
	int sys = errno;
	tcsetattr(tty, TCSAFLUSH, &before);
	return n < 0 ? err_set(e, os_cancelled() ? ERR_CANCELLED : ERR_IO, sys, "read the password") : buf_ok(out, "a password", e);
}

static enum err_code ask_twice(struct buf *out, struct err *e)
{
	AUTO_BUF again = BUF(KIB);
	AUTO_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(e, ERR_USAGE, 0,
			       "there is no terminal to ask for the password; use --password-file (- is standard input)");
	TRY(read_hidden(tty, "Password: ", out, e));
	TRY(read_hidden(tty, "Again: ", &again, e));
	bool same = slice_eq(buf_slice(out), buf_slice(&again));
	if (again.p)
		explicit_bzero(again.p, again.n);
	return same ? OK : err_set(e, ERR_USAGE, 0, "these were two different passwords");
}

/* The first line of the file, or what is typed twice. out must have its whole size, so that no copy is left behind. */
static enum err_code read_password(const struct cli *c, struct buf *out, struct err *e)
{
	const char *file = cli_text(c, "password-file", NULL);
	struct slice rest, line;
	if (!file)
		return ask_twice(out, e);
	if (strcmp(file, "-")) {
		TRY(os_read_file(file, out, e));
	} else {
		AUTO_STREAM in = NULL;
		TRY(stream_of_fd(STDIN_FILENO, false, &in, e));
		TRY(stream_read_all(in, out, e));
	}
	rest = buf_slice(out);
	if (!slice_next_line(&rest, &line) || !line.n)
		return err_set(e, ERR_USAGE, 0, "the password is empty");
	if (rest.n)
		return err_set(e, ERR_USAGE, 0, "the password is one line");
	out->n = line.n;
	return OK;
}

static enum err_code put_password(const struct cli *c, struct buf *json, struct err *e)
{
	AUTO_BUF password = BUF(4 * KIB);
	if (!buf_reserve(&password, 4 * KIB))
		return buf_ok(&password, "a password", e);
	enum err_code code = read_password(c, &password, e);
	if (code == OK && !text_is_utf8(buf_slice(&password)))
		code = err_set(e, ERR_USAGE, 0, "the password is no UTF-8");
	buf_puts(json, "\"password\":\"");
	if (code == OK)
		text_json_escape(json, buf_slice(&password));
	buf_puts(json, "\"");
	explicit_bzero(password.p, password.cap);
	return code;
}

/* --- Commands --------------------------------------------------------------------------------------------------------------- */

static int add(struct cli *c)
{
	AUTO_BUF json = BUF(64 * KIB), out = BUF(64 * KIB);
	struct err e;
	buf_reserve(&json, 16 * KIB);
	buf_puts(&json, "{\"name\":\"");
	text_json_escape(&json, slice_str(c->args[0]));
	buf_puts(&json, "\",");
	if (put_password(c, &json, &e) != OK)
		return cli_fail_err(&e);
	buf_puts(&json, ",");
	accounts_grants(c, &json);
	buf_puts(&json, "}");
	if (buf_ok(&json, "the request", &e) != OK)
		return cli_fail_err(&e);
	int status = accounts_call(c, "POST", "/api/v1/accounts", buf_slice(&json), &out);
	explicit_bzero(json.p, json.n);
	if (status == CLI_OK)
		cli_note(c, cli_given(c, "grant") ? "%s added" : "%s added, without any right; `pabean user grant` gives some",
			 c->args[0]);
	return status;
}

static int passwd(struct cli *c)
{
	AUTO_BUF json = BUF(64 * KIB), out = BUF(64 * KIB), path = BUF(KIB);
	struct err e;
	buf_reserve(&json, 16 * KIB);
	buf_puts(&json, "{");
	if (put_password(c, &json, &e) != OK)
		return cli_fail_err(&e);
	buf_puts(&json, "}");
	accounts_path(c, &path);
	if (buf_ok(&json, "the request", &e) != OK)
		return cli_fail_err(&e);
	int status = accounts_call(c, "PATCH", buf_cstr(&path), buf_slice(&json), &out);
	explicit_bzero(json.p, json.n);
	if (status == CLI_OK)
		cli_note(c, "%s has a new password; tokens given for the old one count no more", c->args[0]);
	return status;
}

static int grant(struct cli *c)
{
	AUTO_BUF json = BUF(64 * KIB), out = BUF(64 * KIB), path = BUF(KIB);
	buf_puts(&json, "{");
	accounts_grants(c, &json);
	buf_puts(&json, "}");
	accounts_path(c, &path);
	int status = accounts_call(c, "PATCH", buf_cstr(&path), buf_slice(&json), &out);
	if (status == CLI_OK)
		cli_note(c, cli_given(c, "grant") ? "%s now has these rights and no others" : "%s has no rights any more", c->args[0]);
	return status;
}

static int remove_user(struct cli *c) { return accounts_remove(c, "removed, with all tokens given to it"); }
static int list(struct cli *c) { return accounts_list(c, false); }

#define PASSWORD_OPTION { "password-file", 0, CLI_FILE, .arg = "FILE", .group = "Options", \
	.help = "Read the password from this file, - for standard input, instead of asking on the terminal" }
static const struct cli_option add_options[] = { PASSWORD_OPTION, ACCOUNTS_GRANT_OPTION(NULL), SERVE_CLIENT_OPTIONS, { 0 } };
static const struct cli_option passwd_options[] = { PASSWORD_OPTION, SERVE_CLIENT_OPTIONS, { 0 } };
static const struct cli_option grant_options[] = { ACCOUNTS_GRANT_OPTION("Options"), SERVE_CLIENT_OPTIONS, { 0 } };
static const struct cli_option remove_options[] = { SERVE_CLIENT_OPTIONS, { 0 } };
static const struct cli_option list_options[] = { ACCOUNTS_FORMAT_OPTION, SERVE_CLIENT_OPTIONS, { 0 } };

static const struct cli_command add_command = {
	"add", add, "NAME", "Add a user", .min_args = 1, .max_args = 1, .options = add_options,
	.details = "Patterns: * stands for one part of a name, ** for any number of them, {user} for the account's own name:\n\n"
		   "  pabean user add alice -g 'team/**:pull,push' -g 'home/{user}/**:*'\n",
};
static const struct cli_command passwd_command = { "passwd", passwd, "NAME", "Give a user another password", .min_args = 1, .max_args = 1,
						   .options = passwd_options };
static const struct cli_command grant_command = { "grant", grant, "NAME", "Replace the rights of a user or a token", .min_args = 1,
	.max_args = 1,
						  .options = grant_options };
static const struct cli_command remove_command = { "remove", remove_user, "NAME", "Remove a user", .min_args = 1, .max_args = 1,
						   .options = remove_options };
static const struct cli_command list_command = { "list", list, .help = "List users and their rights", .options = list_options };

const struct cli_command cli_cmd_user = {
	"user", .help = "Manage the users of a registry",
	.sub = (const struct cli_command *const[]){ &add_command, &passwd_command, &grant_command, &remove_command, &list_command, NULL },
};
