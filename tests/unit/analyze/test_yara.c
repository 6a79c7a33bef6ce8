#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "yara_set.h"

static char dir[64];

static void write_file(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	(void)state;
	char sub[100];
	snprintf(dir, sizeof(dir), "/tmp/pabean-yara-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	mkdir(sub, 0700);
	write_file("sub/part.inc", "rule Included { strings: $a = \"included words\" condition: $a }\n");
	write_file("sub/good.yar", "include \"part.inc\"\nimport \"elf\"\nimport \"hash\"\n"
		   "rule Sample : miner test { meta: author = \"us\" score = 80 sure = true strings: $a = \"stratum+tcp\" $b = { 0d 0a } "
		   "condition: ($a or $b) and filename == \"x.bin\" and extension == \".bin\" and filepath == \"opt/d\" }\n");
	write_file("wrong.yara", "rule ok { condition: true }\nrule Broken { condition: $missing }\n");
	write_file("magic.yar", "// import \"cuckoo\"\nrule a { strings: $s = \"import \\\"magic\\\"\" condition: $s }\nimport /* x */ \"magic\"\n");
	write_file("outside.yar", "include \"../../../../etc/passwd\"\n");
	write_file("slow.yar", "rule Slow { condition: for all i in (1..filesize) : ( for all j in (1..filesize) : "
		   "( for all k in (1..filesize): ( uint8(i) + uint8(j) + uint8(k) >= 0 ) ) ) }\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void on_problem(void *arg, const struct yara_problem *p)
{
	if (!p->warning)
		buf_printf(arg, "%.*s:%llu: %.*s\n", SLICE_ARG(p->file), (unsigned long long)p->line, SLICE_ARG(p->message));
}

struct lines { struct fact_sink sink; struct buf out; };

static enum err_code emit(struct fact_sink *sink, const struct fact *f, struct err *e)
{
	struct lines *l = (struct lines *)sink;
	AUTO_BUF b = BUF(MIB);
	TRY(fact_encode(&b, f, e));
	fact_to_json(&l->out, f);
	buf_putc(&l->out, '\n');
	return OK;
}

[[gnu::noinline]] static void has(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("no %s in\n%s", want, text);
}

static struct yara_set *compile(const char *path, uint64_t *rules, struct buf *problems)
{
	AUTO_BUF out = BUF(YARA_MAX_BYTES);
	struct err e;
	struct yara_set *set;
	const char *const paths[] = { path };
	if (yara_rules_compile(paths, 1, &out, rules, on_problem, problems, &e) != OK)
		fail_msg("%s", e.msg);
	if (yara_load(buf_slice(&out), &set, &e) != OK)
		fail_msg("%s", e.msg);
	return set;
}

static void rules_compile_and_match(void **state)
{
	(void)state;
	AUTO_BUF problems = BUF(64 * KIB);
	struct lines l = { { emit }, BUF(64 * KIB) };
	uint64_t rules;
	struct err e;
	struct yara_set *set = compile(dir, &rules, &problems);
	const char *p = buf_cstr(&problems);
	if (rules != 3)
		fail_msg("%u rules\n%s", (unsigned)rules, p);
	has(p, "wrong.yara:2: undefined string");
	has(p, "only files below the rules' own directory");
	has(p, "magic.yar:3: the module \"magic\"");
	has(p, "outside.yar:1: callback failed to provide include");
	struct file_view f = { .path = SL("opt/d/x.bin"), .content = SL("xx stratum+tcp://a included words"), .cls = FILE_DATA };
	f.content.n = 33;
	/* three nested loops over 33 bytes are quick: Slow matches, too */
	assert_int_equal(yara_scan(set, &f, 10, &l.sink, &e), OK);
	has(buf_cstr(&l.out), "\"rule\":\"Sample\",\"space\":\"sub/good.yar\",\"tags\":[\"miner\",\"test\"]");
	has(buf_cstr(&l.out), "score=80");
	has(buf_cstr(&l.out), "sure=true");
	has(buf_cstr(&l.out), "\"offset\":3");
	has(buf_cstr(&l.out), "\"rule\":\"Included\"");
	buf_clear(&l.out);
	f.path = SL("opt/d/y.bin");
	assert_int_equal(yara_scan(set, &f, 10, &l.sink, &e), OK);
	assert_null(strstr(buf_cstr(&l.out), "\"rule\":\"Sample\""));
	buf_clear(&l.out);
	uint8_t *big = calloc(1, 1 << 20);
	f.content = slice_of(big, 1 << 20);
	f.cls = FILE_ELF;
	assert_int_equal(yara_scan(set, &f, 1, &l.sink, &e), OK);
	has(buf_cstr(&l.out), "\"reason\":\"timeout\"");
	free(big);
	buf_free(&l.out);
	yara_close(set);
}

static void nothing_to_compile(void **state)
{
	(void)state;
	char path[128];
	AUTO_BUF out = BUF(MIB);
	AUTO_BUF problems = BUF(MIB);
	uint64_t rules;
	struct err e;
	snprintf(path, sizeof(path), "%s/wrong.yara", dir);
	const char *paths[] = { path };
	assert_int_equal(yara_rules_compile(paths, 1, &out, &rules, on_problem, &problems, &e), ERR_USAGE);
	paths[0] = "/does/not/exist";
	assert_int_equal(yara_rules_compile(paths, 1, &out, &rules, on_problem, &problems, &e), ERR_USAGE);
	has(e.msg, "No such file");
	struct yara_set *set;
	assert_int_equal(yara_load(SL("garbage garbage garbage"), &set, &e), ERR_FORMAT);
}

int main(int argc, char **argv)
{
	if (argc > 1) {	/* by hand: load what a user would load */
		AUTO_BUF problems = BUF(MIB);
		uint64_t rules;
		yara_close(compile(argv[1], &rules, &problems));
		printf("%llu rules\n%s", (unsigned long long)rules, buf_cstr(&problems));
		return 0;
	}
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules_compile_and_match), cmocka_unit_test(nothing_to_compile) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
