#include "make.h"

static void put(struct fixture *f, struct slice content, char digest[72])
{
	char name[100];
	digest_text(content, digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	write_file(f->dir, name, content);
}

struct entry { char digest[72]; size_t size; const char *arch; };

/* An image of one layer; returns its manifest. */
static struct entry put_image(struct fixture *f, const char *arch, const char *layer_type, size_t lie)
{
	struct image m;
	struct entry r = { .arch = arch };
	char layer[72], config[72];
	AUTO_BUF b = BUF(4096);
	make_image(&m, arch, arch);
	put(f, buf_slice(&m.layer), layer);
	put(f, buf_slice(&m.config), config);
	buf_printf(&b,
			"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		   "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}", config, m.config.n, layer_type, layer,
				m.layer.n + lie);
	put(f, buf_slice(&b), r.digest);
	r.size = b.n;
	free_image(&m);
	return r;
}

static void entry_json(struct buf *b, const struct entry *n, bool index, const char *name)
{
	buf_printf(b, "{\"mediaType\":\"application/vnd.oci.image.%s.v1+json\",\"digest\":\"%s\",\"size\":%zu", index ? "index"
			: "manifest", n->digest,
		   n->size);
	if (n->arch && !name)
		buf_printf(b, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}", n->arch);
	if (name)
		buf_printf(b, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", name);
	buf_putc(b, '}');
}

static struct entry put_index(struct fixture *f, const struct entry *of, size_t n, bool of_indexes)
{
	struct entry r = { 0 };
	AUTO_BUF b = BUF(8192);
	buf_puts(&b, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i ? "," : "");
		entry_json(&b, &of[i], of_indexes, NULL);
	}
	buf_puts(&b, "]}");
	put(f, buf_slice(&b), r.digest);
	r.size = b.n;
	return r;
}

static void put_root(struct fixture *f, const struct entry *n, bool index, const char *name)
{
	AUTO_BUF b = BUF(8192);
	buf_puts(&b, "{\"schemaVersion\":2,\"manifests\":[");
	entry_json(&b, n, index, name);
	buf_puts(&b, "]}");
	write_file(f->dir, "index.json", buf_slice(&b));
	write_file(f->dir, "oci-layout", SL("{\"imageLayoutVersion\":\"1.0.0\"}"));
}

static const char TAR[] = "application/vnd.oci.image.layer.v1.tar";

static void choose(void **state)
{
	struct fixture *f = *state;
	struct entry e3[3] = { put_image(f, "amd64", TAR, 0), put_image(f, "arm64", TAR, 0), put_image(f, "s390x", TAR, 0) };
	struct entry inner = put_index(f, e3, 3, false), outer = put_index(f, &inner, 1, true);
	char ref[256];
	struct err e = { 0 };
	put_root(f, &outer, true, "v1");
	snprintf(ref, sizeof(ref), "oci:%s:v1", f->dir);
	for (size_t i = 0; i < 4; i++) {
		static const char *const want[] = { "linux/amd64", "linux/arm64", "linux/s390x", "linux/riscv64" };
		AUTO_OCI_SOURCE s = NULL;
		const struct oci_image *img;
		size_t n;
		struct oci_options o = OCI_OPTIONS_DEFAULT;
		o.platform = want[i];
		enum err_code rc = scan(ref, &o, &s, &img, &n, &e);
		if (i == 3) {
			assert_int_equal(rc, ERR_NOT_FOUND);
			assert_non_null(strstr(e.msg, "it has linux/amd64, linux/arm64/v8, linux/s390x"));
			continue;
		}
		assert_int_equal(rc, OK);
		assert_true(n == 1 && slice_eqs(img->digest, e3[i].digest) && slice_eqs(img->index_digest, outer.digest));
		assert_int_equal(img->other_platforms.n, 2);
	}
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t n;
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	o.all_platforms = true;
	assert_int_equal(scan(ref, &o, &s, &img, &n, &e), OK);
	assert_int_equal(n, 3);
	/* by the digest of a manifest that index.json does not name */
	snprintf(ref, sizeof(ref), "oci:%s@%s", f->dir, e3[2].digest);
	oci_source_close(s);
	s = NULL;
	o.all_platforms = false;
	assert_int_equal(scan(ref, &o, &s, &img, &n, &e), OK);
	assert_true(slice_eqs(img->platform, "linux/s390x"));
}

static void deep_nesting(void **state)
{
	struct fixture *f = *state;
	char ref[256];
	struct entry n = put_image(f, "amd64", TAR, 0);
	for (int i = 0; i < OCI_MAX_INDEX_DEPTH + 3; i++)
		n = put_index(f, &n, 1, i > 0);
	put_root(f, &n, true, NULL);
	snprintf(ref, sizeof(ref), "oci:%s", f->dir);
	expect_bad(ref, ERR_LIMIT, "nests indexes deeper");
}

static void damaged(void **state)
{
	struct fixture *f = *state;
	char ref[256], path[200];
	struct entry n = put_image(f, "amd64", TAR, 0);
	snprintf(ref, sizeof(ref), "oci:%s", f->dir);
	expect_bad(ref, ERR_NOT_FOUND, "index.json");
	put_root(f, &n, false, "a");
	/* other bytes under the manifest's name */
	snprintf(path, sizeof(path), "blobs/sha256/%s", n.digest + 7);
	AUTO_BUF b = BUF(4096);
	for (size_t i = 0; i < n.size; i++)
		buf_putc(&b, ' ');
	write_file(f->dir, path, buf_slice(&b));
	expect_bad(ref, ERR_DIGEST, "another digest");
	write_file(f->dir, path, SL("short"));
	expect_bad(ref, ERR_DIGEST, "bytes where");
	n = put_image(f, "amd64", TAR, 1);
	put_root(f, &n, false, "a");
	expect_bad(ref, ERR_DIGEST, "where its descriptor says");
	write_file(f->dir, "index.json", SL("{\"schemaVersion\":2,\"manifests\":[]}"));
	expect_bad(ref, ERR_NOT_FOUND, "holds no image");
	write_file(f->dir, "oci-layout", SL("{\"imageLayoutVersion\":\"9\"}"));
	expect_bad(ref, ERR_UNSUPPORTED, "version '9'");
	snprintf(path, sizeof(path), "%s/index.json", f->dir);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	write_file(f->dir, "oci-layout", SL("{\"imageLayoutVersion\":\"1.0.0\"}"));
	expect_bad(ref, ERR_FORMAT, "not a regular file");
}

static void foreign(void **state)
{
	struct fixture *f = *state;
	struct entry n = put_image(f, "amd64", "application/vnd.oci.image.layer.nondistributable.v1.tar", 5);
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t count;
	struct err e = { 0 };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	put_root(f, &n, false, "x");
	if (scan(f->dir, &o, &s, &img, &count, &e))	/* recognised by its content */
		fail_msg("%s", e.msg);
	assert_false(img->layers[0].distributable);
	assert_true(slice_eqs(img->transport, "oci"));
}

static void usage(void **state)
{
	struct fixture *f = *state;
	char ref[160];
	expect_bad("", ERR_USAGE, "empty");
	expect_bad("oci:", ERR_USAGE, "names nothing");
	expect_bad("docker://", ERR_USAGE, "names nothing");
	expect_bad("docker://UPPER/x@sha256:../../x", ERR_USAGE, "a digest is");
	expect_bad("/no/such/thing", ERR_NOT_FOUND, "no file or directory");
	expect_bad("oci:/no/such/thing", ERR_NOT_FOUND, "open the image directory");
	expect_bad("docker-archive:/no/such/thing", ERR_NOT_FOUND, "open the archive");
	expect_bad(f->dir, ERR_USAGE, "rootfs:");
	snprintf(ref, sizeof(ref), "docker-archive:%s", f->dir);
	expect_bad(ref, ERR_USAGE, "is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(choose, setup, teardown), cmocka_unit_test_setup_teardown(deep_nesting, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged, setup, teardown), cmocka_unit_test_setup_teardown(foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(usage, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
