#include "make.h"

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

/* One archive of these members and a manifest.json, which must fail so. */
static void bad_archive(struct fixture *f, struct buf *tar, enum err_code want, const char *words)
{
	char ref[128];
	tar_end(tar);
	write_file(f->dir, "bad.tar", buf_slice(tar));
	snprintf(ref, sizeof(ref), "docker-archive:%s/bad.tar", f->dir);
	expect_bad(ref, want, words);
	buf_clear(tar);
}

static void add_manifest(struct buf *tar, const char *layer)
{
	AUTO_BUF m = BUF(4096);
	buf_printf(&m, "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:1\"],\"Layers\":[\"%s\"]}]", layer);
	tar_file(tar, "manifest.json", buf_slice(&m));
}

static void bad_archives(void **state)
{
	struct fixture *f = *state;
	struct image a;
	AUTO_BUF tar = BUF(1 << 20);
	char name[160];
	make_image(&a, "x", "amd64");
	tar_file(&tar, "../x", SL("a"));
	bad_archive(f, &tar, ERR_FORMAT, "leads out");
	tar_file(&tar, "a/../../x", SL("a"));
	bad_archive(f, &tar, ERR_FORMAT, "leads out");
	tar_file(&tar, "x", SL("a"));
	tar_file(&tar, "./x", SL("b"));
	bad_archive(f, &tar, ERR_FORMAT, "two members 'x'");
	tar_add(&tar, "x", '2', SL(""), "/etc/passwd");
	bad_archive(f, &tar, ERR_FORMAT, "absolute path");
	tar_add(&tar, "a/x", '2', SL(""), "../../etc/passwd");
	bad_archive(f, &tar, ERR_FORMAT, "leads out");
	tar_add(&tar, "l/layer.tar", '2', SL(""), "../m/layer.tar");
	tar_add(&tar, "m/layer.tar", '2', SL(""), "../l/layer.tar");
	tar_file(&tar, "c.json", buf_slice(&a.config));
	add_manifest(&tar, "l/layer.tar");
	bad_archive(f, &tar, ERR_FORMAT, "in a circle");
	tar_file(&tar, "c.json", buf_slice(&a.config));
	add_manifest(&tar, "missing.tar");
	bad_archive(f, &tar, ERR_NOT_FOUND, "no member 'missing.tar'");
	add_manifest(&tar, "l");
	bad_archive(f, &tar, ERR_NOT_FOUND, "no member 'c.json'");
	tar_file(&tar, "c.json", SL("{"));
	tar_file(&tar, "l", SL("x"));
	add_manifest(&tar, "l");
	bad_archive(f, &tar, ERR_FORMAT, "not strict JSON");
	tar_file(&tar, "manifest.json", SL("{}"));
	bad_archive(f, &tar, ERR_FORMAT, "is no list");
	tar_file(&tar, "manifest.json", SL("[{\"Config\":\"c\",\"config\":\"d\",\"Layers\":[]}]"));
	bad_archive(f, &tar, ERR_FORMAT, "which some programs read as");
	tar_file(&tar, "nothing", SL("x"));
	bad_archive(f, &tar, ERR_FORMAT, "no manifest.json");
	tar_add(&tar, "pax", 'x', SL("99 path=x\n"), NULL);
	bad_archive(f, &tar, ERR_FORMAT, "damaged PAX");
	tar_add(&tar, "pax", 'x', SL("20 size=-5\n"), NULL);
	bad_archive(f, &tar, ERR_FORMAT, "PAX");
	tar_add(&tar, "pax", 'x', SL("12 path=a\0b\n"), NULL);
	tar_file(&tar, "y", SL("x"));
	bad_archive(f, &tar, ERR_FORMAT, "NUL");
	tar_add(&tar, "sparse", 'S', SL(""), NULL);
	bad_archive(f, &tar, ERR_UNSUPPORTED, "sparse");
	buf_puts(&tar, "this is no tar at all");
	bad_archive(f, &tar, ERR_FORMAT, "");
	/* a config under another config's digest */
	snprintf(name, sizeof(name), "blobs/sha256/%s", a.diff_id + 7);
	tar_file(&tar, name, buf_slice(&a.config));
	tar_file(&tar, "l", buf_slice(&a.layer));
	AUTO_BUF m = BUF(4096);
	buf_printf(&m, "[{\"Config\":\"%s\",\"Layers\":[\"l\"]}]", name);
	tar_file(&tar, "manifest.json", buf_slice(&m));
	bad_archive(f, &tar, ERR_DIGEST, "damaged or replaced");
	free_image(&a);
}

static void put_blob(struct buf *tar, struct slice content, char digest[72])
{
	char name[160];
	digest_text(content, digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	tar_file(tar, name, content);
}

/* As Docker >= 25 with the containerd store writes it: an index below index.json with an attestation and platforms that were not saved. */
static void docker_with_oci(void **state)
{
	struct fixture *f = *state;
	struct image a;
	AUTO_BUF tar = BUF(1 << 20);
	AUTO_BUF b = BUF(1 << 16);
	char layer[72], config[72], manifest[72], index[72], ref[128];
	static const char gone[] = "sha256:0000000000000000000000000000000000000000000000000000000000000001";
	make_image(&a, "x", "amd64");
	put_blob(&tar, buf_slice(&a.layer), layer);
	put_blob(&tar, buf_slice(&a.config), config);
	buf_printf(&b,
			"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		   "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]}", config,
				a.config.n, layer,
		   a.layer.n);
	size_t manifest_n = b.n;
	put_blob(&tar, buf_slice(&b), manifest);
	buf_clear(&b);
	buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":["
		   "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":9,\"platform\":{\"os\":\"linux\","
		   "\"architecture\":\"arm64\"}},{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":9,"
		   "\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},{\"mediaType\":"
		   "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\","
		   "\"architecture\":\"amd64\"}}]}", gone, gone, manifest, manifest_n);
	size_t index_n = b.n;
	put_blob(&tar, buf_slice(&b), index);
	buf_clear(&b);
	buf_printf(&b,
			"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\","
		   "\"size\":%zu,\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/app:1\"}}]}", index, index_n);
	tar_file(&tar, "index.json", buf_slice(&b));
	buf_clear(&b);
	buf_printf(&b, "[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"blobs/sha256/%s\"]}]", config + 7,
			layer + 7);
	tar_file(&tar, "manifest.json", buf_slice(&b));
	tar_end(&tar);
	write_file(f->dir, "new.tar", buf_slice(&tar));
	for (int i = 0; i < 3; i++) {
		static const char *const as[] = { "docker-archive:", "oci-archive:", "" };
		AUTO_OCI_SOURCE s = NULL;
		const struct oci_image *img;
		size_t n;
		struct err e = { 0 };
		struct oci_options o = OCI_OPTIONS_DEFAULT;
		o.platform = "linux/amd64";
		snprintf(ref, sizeof(ref), "%s%s/new.tar", as[i], f->dir);
		if (scan(ref, &o, &s, &img, &n, &e))
			fail_msg("%s: %s", ref, e.msg);
		assert_int_equal(n, 1);
		assert_true(slice_eqs(img->digest, manifest) && slice_eqs(img->index_digest, index) && slice_eqs(img->layers[0].digest, layer));
		assert_true(slice_eqs(img->name, "docker.io/library/app") && slice_eqs(img->tag, "1"));
		assert_true(img->other_platforms.n == 1 && slice_eqs(img->other_platforms.items[0], "linux/arm64/v8"));
		assert_true(slice_has_prefix(img->layers[0].blob_key, SL("blobs/sha256/")));
		layer_is(s, img, 0, buf_slice(&a.layer));
	}
	free_image(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(docker_archive, setup, teardown),
		cmocka_unit_test_setup_teardown(as_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_archives, setup, teardown),
		cmocka_unit_test_setup_teardown(docker_with_oci, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
