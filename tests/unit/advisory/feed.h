/* A zip with stored members, and a directory that goes away: for tests of the database. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include "advisory.h"
#include "os.h"

struct feed { struct buf bytes, dir; unsigned n; };
#define FEED() ((struct feed){ BUF(64 * MIB), BUF(16 * MIB), 0 })

static void feed_put(struct feed *f, const char *json)
{
	char name[32];
	size_t n = strlen(json), at = f->bytes.n;
	int k = snprintf(name, sizeof(name), "r%u.json", f->n++);
	uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)json, n);
	struct buf *both[] = { &f->bytes, &f->dir };
	for (int i = 0; i < 2; i++) {
		buf_put_le32(both[i], i ? 0x02014b50 : 0x04034b50);
		if (i)
			buf_put_le16(both[i], 20);
		buf_put_le16(both[i], 20);
		buf_put_le64(both[i], 0);
		buf_put_le32(both[i], crc);
		buf_put_le32(both[i], (uint32_t)n);
		buf_put_le32(both[i], (uint32_t)n);
		buf_put_le16(both[i], (uint16_t)k);
		buf_put_le16(both[i], 0);
		if (i) {
			buf_put(both[i], "\0\0\0\0\0\0\0\0\0\0", 10);
			buf_put_le32(both[i], (uint32_t)at);
		}
		buf_put(both[i], name, (size_t)k);
	}
	buf_put(&f->bytes, json, n);
}

static void write_file(const char *path, struct slice s)
{
	struct err e;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, s.p, s.n, path, &e), OK);
	close(fd);
}

static void feed_write(struct feed *f, const char *path)
{
	size_t at = f->bytes.n, size = f->dir.n;
	buf_put_slice(&f->bytes, buf_slice(&f->dir));
	buf_put_le32(&f->bytes, 0x06054b50);
	buf_put_le32(&f->bytes, 0);
	buf_put_le16(&f->bytes, (uint16_t)f->n);
	buf_put_le16(&f->bytes, (uint16_t)f->n);
	buf_put_le32(&f->bytes, (uint32_t)size);
	buf_put_le32(&f->bytes, (uint32_t)at);
	buf_put_le16(&f->bytes, 0);
	assert_false(f->bytes.failed);
	write_file(path, buf_slice(&f->bytes));
	buf_free(&f->bytes);
	buf_free(&f->dir);
}

static char test_dir[64];
static const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned i;
	char *p = path[i++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", test_dir, name);
	return p;
}

static int dir_make(void **state)
{
	(void)state;
	strcpy(test_dir, "/tmp/pabean-advisory-XXXXXX");
	return mkdtemp(test_dir) ? 0 : -1;
}

static int dir_remove(void **state)
{
	struct err e;
	(void)state;
	return os_remove_tree(test_dir, &e) == OK ? 0 : -1;
}

static struct advisory_import_stats import_ok(const char *path)
{
	struct err e = { 0 };
	struct advisory_import_stats s;
	if (advisory_db_import(in_dir("db"), &path, 1, &(struct advisory_import_options){ .unconfined = true }, &s, &e) != OK)
		fail_msg("import %s: %s", path, e.msg);
	return s;
}

static struct advisory_db *open_ok(void)
{
	struct err e = { 0 };
	struct advisory_db *db = NULL;
	if (advisory_db_open(in_dir("db"), &db, &e) != OK)
		fail_msg("open: %s", e.msg);
	return db;
}
