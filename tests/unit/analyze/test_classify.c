#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "analyze.h"

struct row { const char *path; struct slice content; bool exec; enum file_class cls; enum script_lang lang; };

static void expect(const struct row *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum script_lang lang;
		/* exactly as many bytes as there are: an overread is seen under the sanitizer */
		uint8_t *copy = malloc(r[i].content.n ? r[i].content.n : 1);
		memcpy(copy, r[i].content.p, r[i].content.n);
		enum file_class cls = analyze_classify(slice_str(r[i].path), slice_of(copy, r[i].content.n), r[i].exec, &lang);
		free(copy);
		if (cls != r[i].cls || lang != r[i].lang)
			fail_msg("row %zu %s: class %d lang %d, wanted %d %d", i, r[i].path, cls, lang, r[i].cls, r[i].lang);
	}
}

static void shebangs(void **state)
{
	(void)state;
	static const struct row t[] = {
		{ "a", SL("#!/bin/sh\necho"), false, FILE_SCRIPT, LANG_SHELL },
		{ "a", SL("#! /bin/bash -e\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "a", SL("#!/usr/bin/env python3\n"), false, FILE_SCRIPT, LANG_PYTHON },
		{ "a", SL("#!/usr/bin/env -S node --x\n"), false, FILE_SCRIPT, LANG_JS },
		{ "a", SL("#!/usr/bin/env -Spython3 -u\n"), false, FILE_SCRIPT, LANG_PYTHON },
		{ "a", SL("#!/usr/bin/env -i -u HOME A=b ruby\n"), false, FILE_SCRIPT, LANG_RUBY },
		{ "a", SL("#!/usr/bin/python3.11\r\n"), false, FILE_SCRIPT, LANG_PYTHON },
		{ "a", SL("#!/usr/bin/perl -w"), false, FILE_SCRIPT, LANG_PERL },
		{ "a", SL("#!/usr/bin/gawk -f\n"), false, FILE_SCRIPT, LANG_AWK },
		{ "a", SL("#!/opt/thing\n"), false, FILE_SCRIPT, LANG_OTHER },
		{ "a", SL("#!/bin/busybox sh\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "a", SL("\xef\xbb\xbf#!/bin/sh\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "src/lib.rs", SL("#![allow(x)]\n"), false, FILE_TEXT, LANG_NONE },
		{ "a", SL("#!"), false, FILE_TEXT, LANG_NONE },
		{ "a", SL("#! \n"), false, FILE_TEXT, LANG_NONE },
		{ "README.md", SL("#!/bin/sh\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "var/lib/dpkg/info/x.postinst", SL("#!/bin/sh\nset -e"), true, FILE_SCRIPT, LANG_SHELL },
		{ "a", SL("<?php echo 1;"), false, FILE_SCRIPT, LANG_PHP },
	};
	expect(t, ARRAY_LEN(t));
}

static void names(void **state)
{
	(void)state;
	static const struct row t[] = {
		{ "app/x.py", SL("import os\n"), false, FILE_SCRIPT, LANG_PYTHON },
		{ "usr/lib/python3/dist-packages/x.pth", SL("import x"), false, FILE_SCRIPT, LANG_PYTHON },
		{ "app/x.JS", SL("var a"), false, FILE_SCRIPT, LANG_JS },
		{ "app/x.d.ts", SL("declare"), false, FILE_DOC, LANG_NONE },
		{ "app/x.ts", SL("let a"), false, FILE_SCRIPT, LANG_JS },
		{ "app/x.js.map", SL("{}"), false, FILE_DOC, LANG_NONE },
		{ "app/package.json", SL("{}"), false, FILE_CONFIG, LANG_NONE },
		{ "usr/share/doc/x/copyright", SL("text"), false, FILE_DOC, LANG_NONE },
		{ "usr/share/doc/x/logo.png", SL("\x89PNG\r\n\x1a\n\0\0\0\1"), false, FILE_DOC, LANG_NONE },
		{ "usr/share/locale/de/LC_MESSAGES/x.mo", SL("\xde\x12\x04\x95\0\0\0\0"), false, FILE_DOC, LANG_NONE },
		{ "x/LICENSE.txt", SL("text"), false, FILE_DOC, LANG_NONE },
		{ "x/README", SL("text"), true, FILE_DOC, LANG_NONE },
		{ "var/lib/apt/lists/x_Packages", SL("Package: masscan\n"), false, FILE_PKG_INDEX, LANG_NONE },
		{ "var/lib/dpkg/status", SL("Package: x\n"), false, FILE_PKG_INDEX, LANG_NONE },
		{ "lib/apk/db/installed", SL("C:Q1\n"), false, FILE_PKG_INDEX, LANG_NONE },
		{ "var/lib/rpm/rpmdb.sqlite", SL("SQLite format 3\0\1\1\1"), false, FILE_PKG_INDEX, LANG_NONE },
		{ "var/lib/apt/lists/x.gz!/x", SL("Package: masscan\n"), false, FILE_PKG_INDEX, LANG_NONE },
		{ "etc/cron.d/x", SL("* * * * * root x\n"), false, FILE_CONFIG, LANG_NONE },
		{ "var/spool/cron/crontabs/root", SL("* * * * * x\n"), false, FILE_CONFIG, LANG_NONE },
		{ "lib/systemd/system/x.service", SL("[Unit]\n"), false, FILE_CONFIG, LANG_NONE },
		{ "root/.bashrc", SL("alias a=b\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "etc/profile.d/x.sh", SL("A=b\n"), false, FILE_SCRIPT, LANG_SHELL },
		{ "usr/local/bin/run", SL("exec x\n"), true, FILE_SCRIPT, LANG_SHELL },
		{ "usr/local/bin/run", SL("exec x\n"), false, FILE_TEXT, LANG_NONE },
		{ "x", SL("caf\xe9 \xc3\xa9\n"), false, FILE_TEXT, LANG_NONE },
		{ "x.ps1", SL("\xff\xfe" "I\0E\0X\0"), false, FILE_SCRIPT, LANG_POWERSHELL },
		{ "x", SL("e\0c\0h\0o\0 \0a\0b\0"), false, FILE_TEXT, LANG_NONE },
		{ "x.sh", SL("\0e\0c\0h\0o\0 \0a\0b"), false, FILE_SCRIPT, LANG_SHELL },
		{ "x", SL("a\0b"), false, FILE_DATA, LANG_NONE },
		{ "x", SL(""), false, FILE_EMPTY, LANG_NONE },
		{ "x.py", SL("\0\1\2\3"), false, FILE_DATA, LANG_NONE },
	};
	expect(t, ARRAY_LEN(t));
}

static void magics(void **state)
{
	(void)state;
	static uint8_t tar[1024], oldtar[1024], iso[0x9100], pe[256];
	memcpy(tar, "a.txt", 5);
	memcpy(tar + 257, "ustar\0" "00", 8);
	memcpy(oldtar, "a", 1);
	unsigned sum = 'a' + 8 * ' ';
	oldtar[148 + 0] = '0';
	oldtar[149] = (uint8_t)('0' + sum / 64 % 8);
	oldtar[150] = (uint8_t)('0' + sum / 8 % 8);
	oldtar[151] = (uint8_t)('0' + sum % 8);
	memcpy(iso + 0x8001, "CD001", 5);
	memcpy(pe, "MZ", 2);
	pe[60] = 0x80;
	memcpy(pe + 0x80, "PE\0\0", 4);
	const struct row t[] = {
		{ "x", SL("PK\3\4aaaa"), false, FILE_ARCHIVE }, { "x", SL("PK\5\6aaaa"), false, FILE_ARCHIVE },
		{ "x", SL("\x1f\x8b\x08\0"), false, FILE_ARCHIVE }, { "x", SL("\xfd" "7zXZ\0"), false, FILE_ARCHIVE },
		{ "x", SL("\x28\xb5\x2f\xfd"), false, FILE_ARCHIVE }, { "x", SL("\x51\x2a\x4d\x18\0\0\0\0"), false, FILE_ARCHIVE },
		{ "x", SL("BZh91AY&SY"), false, FILE_ARCHIVE }, { "x", SL("BZhang is a name"), false, FILE_TEXT },
		{ "x", SL("!<arch>\ndebian-binary"), false, FILE_ARCHIVE }, { "x", SL("\xed\xab\xee\xdb\3"), false, FILE_ARCHIVE },
		{ "x", SL("MSCF\0\0\0\0"), false, FILE_ARCHIVE }, { "x", SL("7z\xbc\xaf\x27\x1c"), false, FILE_ARCHIVE },
		{ "x", SL("Rar!\x1a\x07\1"), false, FILE_ARCHIVE }, { "x", SL("hsqs"), false, FILE_ARCHIVE },
		{ "x", SL("0707010000"), false, FILE_ARCHIVE }, { "x", SL("\x04\x22\x4d\x18"), false, FILE_ARCHIVE },
		{ "x.asar", SL("\4\0\0\0\x20\0\0\0\x1c\0\0\0\x10\0\0\0{\"files\":{}}1234"), false, FILE_ARCHIVE },
		{ "x", slice_of(tar, sizeof(tar)), false, FILE_ARCHIVE }, { "x", slice_of(oldtar, sizeof(oldtar)), false, FILE_ARCHIVE },
		{ "x", slice_of(iso, sizeof(iso)), false, FILE_ARCHIVE }, { "x", slice_of(pe, sizeof(pe)), false, FILE_PE },
		{ "x", SL("MZ is text"), false, FILE_TEXT },
		{ "x", SL("\xca\xfe\xba\xbe\0\0\0\x34\0\1"), false, FILE_BYTECODE }, { "x", SL("\xca\xfe\xba\xbe\0\0\0\2\0\1"), false, FILE_DATA },
		{ "x", SL("\0asm\1\0\0\0"), false, FILE_BYTECODE }, { "x", SL("\xa7\x0d\r\n\0\0\0\0"), false, FILE_BYTECODE },
		{ "x.pyc", SL("\1\2\3\4\0\0\0\0"), false, FILE_BYTECODE }, { "x", SL("ab\r\ncdef"), false, FILE_TEXT },
	};
	expect(t, ARRAY_LEN(t));
}

static struct slice elf(uint8_t *b, unsigned type, unsigned ph_type, uint64_t flags1)
{
	memset(b, 0, 64 + 56 + 32);
	memcpy(b, "\x7f" "ELF\2\1\1", 7);
	b[16] = (uint8_t)type;
	b[32] = 64;
	b[54] = 56;
	b[56] = ph_type ? 1 : 0;
	b[64] = (uint8_t)ph_type;
	b[64 + 8] = 120;
	b[64 + 32] = 32;
	uint64_t tag = 0x6ffffffb;
	memcpy(b + 120, &tag, 8);
	memcpy(b + 128, &flags1, 8);
	return slice_of(b, 64 + 56 + 32);
}

static void elfs(void **state)
{
	(void)state;
	uint8_t b[9][200];
	const struct row t[] = {
		{ "x", elf(b[0], 2, 0, 0), true, FILE_ELF }, { "x.o", elf(b[1], 1, 0, 0), false, FILE_ELF_OBJ },
		{ "core", elf(b[2], 4, 0, 0), false, FILE_ELF_OBJ }, { "x", elf(b[3], 3, 3, 0), false, FILE_ELF },
		{ "libx.so.1", elf(b[4], 3, 2, 0), true, FILE_ELF_LIB }, { "libx.so.1", elf(b[5], 3, 2, 0x08000000), true, FILE_ELF },
		{ "x", elf(b[6], 3, 2, 0), true, FILE_ELF }, { "x", elf(b[7], 3, 2, 0), false, FILE_ELF_LIB },
		{ "x", SL("\x7f" "ELF"), true, FILE_ELF }, { "x", slice_upto(elf(b[8], 3, 2, 0), 70), false, FILE_ELF_LIB },
	};
	expect(t, ARRAY_LEN(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(shebangs), cmocka_unit_test(names), cmocka_unit_test(magics), cmocka_unit_test(elfs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
