#include "make.h"

struct fixture { char dir[64]; };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->dir, "/tmp/pabean-test-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int rc = os_remove_tree(f->dir, &e);
	free(f);
	return rc;
}

static void layer_tar(struct buf *b, const char *name)
{
	tar_file(b, name, SL("hello"));
	tar_end(b);
}

/* {"architecture":…} for layers with these diff_ids */
static void config_for(struct buf *out, const char *arch, const char *const *diff_ids, size_t n, const char *more)
{
	buf_printf(out, "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]%s},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		   arch, more ? more : "");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : "", diff_ids[i]);
	buf_puts(out, "]}}");
}

struct image { struct buf layer, config; char diff_id[72], config_digest[72]; };

static void make_image(struct image *m, const char *file, const char *arch)
{
	m->layer = BUF(1 << 16);
	m->config = BUF(1 << 16);
	layer_tar(&m->layer, file);
	digest_text(buf_slice(&m->layer), m->diff_id);
	config_for(&m->config, arch, (const char *const[]){ m->diff_id }, 1, NULL);
	digest_text(buf_slice(&m->config), m->config_digest);
}

static void free_image(struct image *m)
{
	buf_free(&m->layer);
	buf_free(&m->config);
}

static enum err_code scan(const char *ref, const struct oci_options *o, struct oci_source **s, const struct oci_image **img, size_t *n, struct err *e)
{
	TRY(oci_source_open(ref, o, s, e));
	return oci_source_images(*s, img, n, e);
}

static void expect_bad(const char *ref, enum err_code want, const char *words)
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

static void layer_is(struct oci_source *s, const struct oci_image *img, size_t i, struct slice want)
{
	AUTO_STREAM in = NULL;
	AUTO_BUF b = BUF(1 << 20);
	struct err e = { 0 };
	assert_int_equal(oci_layer_open(s, img, i, &in, &e), OK);
	if (stream_read_all(in, &b, &e) != OK)
		fail_msg("%s", e.msg);
	assert_true(slice_eq(buf_slice(&b), want));
}

/* docker save v1.2 with a layer that is a link to another image's, and manifest.json at the end. */
static void docker_archive(void **state)
{
	struct fixture *f = *state;
	struct image a;
	AUTO_BUF tar = BUF(1 << 20);
	AUTO_BUF manifest = BUF(4096);
	char ref[128], name[128];
	make_image(&a, "etc/x", "amd64");
	tar_file(&tar, "./aaa/VERSION", SL("1.0"));
	tar_file(&tar, "aaa/layer.tar", buf_slice(&a.layer));
	tar_add(&tar, "bbb/layer.tar", '2', SL(""), "../aaa/layer.tar");
	snprintf(name, sizeof(name), "%s.json", a.config_digest + 7);
	tar_file(&tar, name, buf_slice(&a.config));
	buf_printf(&manifest, "[{\"Config\":\"%s\",\"RepoTags\":[\"nginx:1.27\"],\"Layers\":[\"bbb/layer.tar\"]}]", name);
	tar_file(&tar, "manifest.json", buf_slice(&manifest));
	tar_end(&tar);
	write_file(f->dir, "a.tar", buf_slice(&tar));
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t n;
	struct err e = { 0 };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	snprintf(ref, sizeof(ref), "docker-archive:%s/a.tar", f->dir);
	if (scan(ref, &o, &s, &img, &n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 1);
	assert_false(oci_source_is_stream(s));
	assert_true(slice_eqs(img->reference, "docker.io/library/nginx:1.27"));
	assert_true(slice_eqs(img->name, "docker.io/library/nginx"));
	assert_true(slice_eqs(img->config_digest, a.config_digest));
	assert_true(slice_eqs(img->platform, "linux/amd64"));
	assert_int_equal(img->layers[0].digest.n, 0);
	assert_true(slice_eqs(img->layers[0].blob_key, "aaa/layer.tar"));
	assert_true(slice_eqs(img->layers[0].diff_id, a.diff_id));
	layer_is(s, img, 0, buf_slice(&a.layer));
	struct oci_file_identity id;
	assert_true(oci_layer_identity(s, img, 0, &id));
	snprintf(ref, sizeof(ref), "docker-archive:%s/a.tar:other", f->dir);
	expect_bad(ref, ERR_NOT_FOUND, "holds no image 'other'");
	snprintf(ref, sizeof(ref), "oci-archive:%s/a.tar", f->dir);
	expect_bad(ref, ERR_FORMAT, "docker-archive:");
	/* truncated in the middle of the layer */
	write_file(f->dir, "cut.tar", slice_upto(buf_slice(&tar), 1500));
	snprintf(ref, sizeof(ref), "docker-archive:%s/cut.tar", f->dir);
	expect_bad(ref, ERR_FORMAT, "ends in the middle");
	free_image(&a);
}

static enum err_code on_blob(void *arg, struct slice key, uint64_t size, struct stream *bytes, struct err *e)
{
	struct buf *seen = arg;
	AUTO_BUF b = BUF(1 << 20);
	if (slice_eqs(key, "skip"))
		return OK;
	TRY(stream_read_all(bytes, &b, e));
	buf_printf(seen, "%.*s=%zu/%llu ", SLICE_ARG(key), b.n, (unsigned long long)size);
	return OK;
}

static void as_stream(void **state)
{
	struct fixture *f = *state;
	struct image a;
	AUTO_BUF tar = BUF(1 << 20);
	AUTO_BUF manifest = BUF(4096);
	AUTO_BUF seen = BUF(4096);
	char path[128];
	make_image(&a, "{looks-like-json", "amd64");
	tar_file(&tar, "skip", SL("something nobody reads"));
	tar_file(&tar, "aaa/VERSION", SL("1.0"));
	tar_file(&tar, "aaa/layer.tar", buf_slice(&a.layer));
	tar_file(&tar, "config.json", buf_slice(&a.config));
	buf_printf(&manifest, "[{\"Config\":\"config.json\",\"RepoTags\":null,\"Layers\":[\"aaa/layer.tar\"]}]");
	tar_file(&tar, "manifest.json", buf_slice(&manifest));
	tar_end(&tar);
	write_file(f->dir, "a.tar", buf_slice(&tar));
	int p[2];
	assert_int_equal(pipe(p), 0);
	assert_true(tar.n < 60000);
	assert_int_equal(write(p[1], tar.p, tar.n), (ssize_t)tar.n);
	close(p[1]);
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t n;
	struct err e = { 0 };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	o.stdin_fd = p[0];
	assert_int_equal(oci_source_open("-", &o, &s, &e), OK);
	assert_true(oci_source_is_stream(s));
	if (oci_source_pump(s, on_blob, &seen, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "aaa/layer.tar=%zu/%zu ", a.layer.n, a.layer.n);
	assert_string_equal(buf_cstr(&seen), path);
	if (oci_source_images(s, &img, &n, &e))
		fail_msg("%s", e.msg);
	assert_true(slice_eqs(img->transport, "docker-archive"));
	assert_true(slice_eqs(img->layers[0].blob_key, "aaa/layer.tar"));
	close(p[0]);
	free_image(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(docker_archive, setup, teardown),
		cmocka_unit_test_setup_teardown(as_stream, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
