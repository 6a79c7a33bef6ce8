#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "inside.h"

/* Every row of every command: complete, unique, and its texts come out whole. */
static void check_options(const struct cli_command *cmd, const struct cli_option *o)
{
	for (const struct cli_option *first = o; o && o->name; o++) {
		assert_non_null(o->help);
		if (o->help[strlen(o->help) - 1] == '.')
			fail_msg("%s --%s: the help ends with a dot", cmd->name, o->name);
		assert_true((o->type == CLI_FLAG) == !o->arg);
		assert_true((o->type == CLI_CHOICE) == (o->choices != NULL));
		for (const struct cli_option *other = first; other < o; other++)
			assert_string_not_equal(other->name, o->name);
		for (const struct cli_option *c = cli_common_options; first != cli_common_options && c->name; c++)
			assert_string_not_equal(c->name, o->name);
	}
}

static void check_command(const struct cli_command *cmd, const char *path)
{
	AUTO_BUF help = BUF(MIB);
	AUTO_BUF man = BUF(MIB);
	assert_non_null(cmd->help);
	assert_true(cmd->run || cmd->sub);
	check_options(cmd, cmd->options);
	cli_help(&help, cmd, path, 80);
	cli_man(&man, cmd, path);
	assert_false(help.failed || man.failed);
	struct slice rest = buf_slice(&help), line;
	while (slice_next_line(&rest, &line))
		if (line.n > 80)
			fail_msg("too wide: %.*s", SLICE_ARG(line));
	assert_true(slice_has_prefix(buf_slice(&man), SL(".TH ")));
	for (size_t i = 0; cmd->sub && cmd->sub[i]; i++) {
		char below[64];
		snprintf(below, sizeof(below), "%s %s", path, cmd->sub[i]->name);
		check_command(cmd->sub[i], below);
	}
}

static void rows(void **state)
{
	(void)state;
	check_options(cli_commands[0], cli_common_options);
	for (size_t i = 0; cli_commands[i]; i++)
		if (!cli_commands[i]->hidden)
			check_command(cli_commands[i], cli_commands[i]->name);
}

static void completion(void **state)
{
	(void)state;
	static const char *const shells[] = { "bash", "zsh", "fish" };
	for (size_t i = 0; i < 3; i++) {
		AUTO_BUF b = BUF(4 * MIB);
		assert_true(cli_complete(&b, shells[i]));
		assert_false(b.failed);
		assert_true(slice_find(buf_slice(&b), SL("policy")) > 0);
	}
	AUTO_BUF b = BUF(KIB);
	assert_false(cli_complete(&b, "tcsh"));
}

static void wrapping(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(KIB);
	cli_wrap(&b, "aaa bbb ccc ddd", 2, 2, 10);
	assert_string_equal(buf_cstr(&b), "aaa bbb\n  ccc ddd\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rows), cmocka_unit_test(completion), cmocka_unit_test(wrapping) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
