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

struct fixture { char dir[64]; };

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->dir, "/tmp/pabean-test-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int rc = os_remove_tree(f->dir, &e);
	free(f);
	return rc;
}

static inline void layer_tar(struct buf *b, const char *name)
{
	tar_file(b, name, SL("hello"));
	tar_end(b);
}

/* {"architecture":…} for layers with these diff_ids */
static inline void config_for(struct buf *out, const char *arch, const char *const *diff_ids, size_t n, const char *more)
{
	buf_printf(out,
			"{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		   arch, more ? more : "");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", diff_ids[i]);
	buf_puts(out, "]}}");
}

struct image { struct buf layer, config; char diff_id[72], config_digest[72]; };

static inline void make_image(struct image *m, const char *file, const char *arch)
{
	m->layer = BUF(1 << 16);
	m->config = BUF(1 << 16);
	layer_tar(&m->layer, file);
	digest_text(buf_slice(&m->layer), m->diff_id);
	config_for(&m->config, arch, (const char *const[]){ m->diff_id }, 1, NULL);
	digest_text(buf_slice(&m->config), m->config_digest);
}

static inline void free_image(struct image *m)
{
	buf_free(&m->layer);
	buf_free(&m->config);
}

static inline enum err_code scan(const char *ref, const struct oci_options *o, struct oci_source **s,
					 const struct oci_image **img, size_t *n, struct err *e)
{
	TRY(oci_source_open(ref, o, s, e));
	return oci_source_images(*s, img, n, e);
}

static inline void expect_bad(const char *ref, enum err_code want, const char *words)
{
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t n;
	struct err e = { 0 };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	enum err_code rc = scan(ref, &o, &s, &img, &n, &e);
	if (rc != want || !strstr(e.msg, words))
		fail_msg("%s: code %s, message '%s', wanted %s '%s'", ref, err_code_name(rc), e.msg, err_code_name(want), words);
}

static inline void layer_is(struct oci_source *s, const struct oci_image *img, size_t i, struct slice want)
{
	AUTO_STREAM in = NULL;
	AUTO_BUF b = BUF(1 << 20);
	struct err e = { 0 };
	assert_int_equal(oci_layer_open(s, img, i, &in, &e), OK);
	if (stream_read_all(in, &b, &e) != OK)
		fail_msg("%s", e.msg);
	assert_true(slice_eq(buf_slice(&b), want));
}
