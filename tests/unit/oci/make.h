/* Crafted images for tests: tar archives and layouts made in memory and in a temporary directory. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "oci.h"
#include "os.h"

static inline void tar_add(struct buf *b, const char *name, char type, struct slice content, const char *link)
{
	uint8_t h[512] = { 0 };
	unsigned sum = 0;
	memcpy(h, name, strnlen(name, 100));
	snprintf((char *)h + 100, 8, "%07o", 0644);
	snprintf((char *)h + 108, 8, "%07o", 0);
	snprintf((char *)h + 116, 8, "%07o", 0);
	snprintf((char *)h + 124, 12, "%011zo", content.n);
	snprintf((char *)h + 136, 12, "%011o", 0);
	h[156] = (uint8_t)type;
	if (link)
		memcpy(h + 157, link, strnlen(link, 100));
	memcpy(h + 257, "ustar\0" "00", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	buf_put(b, h, 512);
	buf_put_slice(b, content);
	static const uint8_t zero[512];
	buf_put(b, zero, (512 - content.n % 512) % 512);
}
static inline void tar_file(struct buf *b, const char *name, struct slice content) { tar_add(b, name, '0', content, NULL); }
static inline void tar_end(struct buf *b)
{
	static const uint8_t zero[1024];
	buf_put(b, zero, sizeof(zero));
}
static inline void digest_text(struct slice s, char dst[72])
{
	uint8_t d[32];
	digest_of(DIGEST_SHA256, s, d);
	strcpy(dst, "sha256:");
	hex_encode(dst + 7, d, 32);
}
static inline void write_file(const char *dir, const char *name, struct slice content)
{
	char path[512];
	struct err e;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, content.p, content.n, path, &e), OK);
	close(fd);
}
