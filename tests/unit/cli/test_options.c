#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "inside.h"

static int nothing(struct cli *c) { (void)c; return 0; }

static const struct cli_option options[] = {
	{ "format", 'f', CLI_CHOICE, .repeated = true, .arg = "F", .help = "x", .choices = (const char *const[]){ "json", "table", NULL } },
	{ "memory", 0, CLI_SIZE, .arg = "SIZE", .help = "x" }, { "timeout", 0, CLI_DURATION, .arg = "T", .help = "x" },
	{ "jobs", 'j', CLI_COUNT, .arg = "N", .help = "x" }, { "no-cache", 'n', CLI_FLAG, .help = "x" }, { "intel", 0, CLI_FILE, .repeated = true, .help = "x" },
	{ 0 },
};
static const struct cli_command command = { "policy", nothing, "X", "x", .options = options };

struct fixture { struct cli c; struct err e; };

static void start(struct fixture *f)
{
	*f = (struct fixture){ .c = { .arena = ARENA(MIB), .path = "policy show" } };
	assert_int_equal(cli_setup(&f->c, &command, &f->e), OK);
}

static enum err_code parse(struct fixture *f, const char *const *argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	start(f);
	return cli_parse_args(&f->c, argc, (char **)argv, 0, &f->e);
}

static void forms(void **state)
{
	(void)state;
	struct fixture f;
	size_t n;
	assert_int_equal(parse(&f, (const char *[]){ "--memory", "2G", "a", "--timeout=90s", "-nj4", "--format=json", "-f", "table", "--", "--b", NULL }), OK);
	assert_int_equal(cli_number(&f.c, "memory", 0), 2ull << 30);
	assert_int_equal(cli_number(&f.c, "timeout", 0), 90000);
	assert_int_equal(cli_number(&f.c, "jobs", 0), 4);
	assert_true(cli_flag(&f.c, "no-cache", false));
	assert_string_equal(cli_list(&f.c, "format", &n)[1], "table");
	assert_int_equal(n, 2);
	assert_int_equal(f.c.n_args, 2);
	assert_string_equal(f.c.args[1], "--b");
	assert_false(cli_given(&f.c, "intel"));
	assert_int_equal(cli_number(&f.c, "nowhere", 7), 7);
	arena_free(&f.c.arena);
	assert_int_equal(parse(&f, (const char *[]){ "-", "--no-cache=false", NULL }), OK);
	assert_false(cli_flag(&f.c, "no-cache", true));
	assert_string_equal(f.c.args[0], "-");
	arena_free(&f.c.arena);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct { const char *a, *b, *want; } t[] = {
		{ "--formt", "x", "there is no option --formt, did you mean --format?" }, { "--memory", NULL, "--memory needs a value" },
		{ "--memory", "lots", "--memory: 'lots' is not a size" }, { "--jobs=-1", NULL, "--jobs: '-1' is not a number" },
		{ "--timeout", "5", "is not a time such as" }, { "--format", "xml", "--format: 'xml' is not one of json or table" },
		{ "-x", NULL, "there is no option -x" }, { "--no-cache=maybe", NULL, "must be true or false" }, { "--intel=", NULL, "empty" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture f;
		assert_int_equal(parse(&f, (const char *[]){ t[i].a, t[i].b, NULL }), ERR_USAGE);
		if (!strstr(f.e.msg, t[i].want))
			fail_msg("%s: %s", t[i].a, f.e.msg);
		arena_free(&f.c.arena);
	}
}

static void precedence(void **state)
{
	(void)state;
	struct fixture f;
	size_t n;
	assert_int_equal(parse(&f, (const char *[]){ "--jobs", "1", NULL }), OK);
	setenv("PABEAN_JOBS", "2", 1);
	setenv("PABEAN_MEMORY", "3M", 1);
	setenv("PABEAN_INTEL", "a, b", 1);
	assert_int_equal(cli_env_load(&f.c, &f.e), OK);
	unsetenv("PABEAN_JOBS");
	unsetenv("PABEAN_MEMORY");
	unsetenv("PABEAN_INTEL");
	assert_int_equal(cli_config_parse(&f.c, SL("digest: yes\n"), "s.yaml", CLI_FROM_SYSTEM_FILE, &f.e), OK);
	assert_int_equal(cli_number(&f.c, "jobs", 0), 1);
	assert_int_equal(cli_number(&f.c, "memory", 0), 3 << 20);
	assert_string_equal(cli_list(&f.c, "intel", &n)[1], "b");
	assert_int_equal(n, 2);
	arena_free(&f.c.arena);
}

/* The configuration knows the options of the program's own commands: policy and color. */
static void configuration(void **state)
{
	(void)state;
	static const struct { const char *text, *want; } t[] = {
		{ "color: never\n", NULL }, { "", NULL }, { "color: never\npolicy: {digest: true}\n", NULL },
		{ "colour: never\n", "f:1:1: the configuration has no key 'colour', did you mean 'color'?" },
		{ "\ncolor: sometimes\n", "f:2:8: 'color': 'sometimes' is not one of" }, { "color: [a, b]\n", "f:1:8: 'color' needs one value" },
		{ "color:\n", "'color' has no value" }, { "- a\n", "must be lines of" }, { "policy: {digst: 1}\n", "f:1:10: the part 'policy'" },
		{ "help: true\n", "no key 'help'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture f;
		start(&f);
		enum err_code code = cli_config_parse(&f.c, slice_str(t[i].text), "f", CLI_FROM_USER_FILE, &f.e);
		if ((code == OK) != !t[i].want || (t[i].want && !strstr(f.e.msg, t[i].want)))
			fail_msg("%s: %s", t[i].text, f.e.msg);
		arena_free(&f.c.arena);
	}
}

static void part_beats_top(void **state)
{
	(void)state;
	struct fixture f;
	start(&f);
	assert_int_equal(cli_config_parse(&f.c, SL("policy: {color: always}\ncolor: never\n"), "f", CLI_FROM_USER_FILE, &f.e), OK);
	assert_string_equal(cli_text(&f.c, "color", ""), "always");
	assert_int_equal(cli_config_parse(&f.c, SL("color: auto\n"), "s", CLI_FROM_SYSTEM_FILE, &f.e), OK);
	assert_string_equal(cli_text(&f.c, "color", ""), "always");
	arena_free(&f.c.arena);
}

static void env_names(void **state)
{
	(void)state;
	char name[64];
	cli_env_name("db-max-age", name);
	assert_string_equal(name, "PABEAN_DB_MAX_AGE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms), cmocka_unit_test(mistakes), cmocka_unit_test(precedence), cmocka_unit_test(configuration),
		cmocka_unit_test(part_beats_top), cmocka_unit_test(env_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
