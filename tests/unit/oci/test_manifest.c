#include "make.h"
#include "manifest.h"

#define D1 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CONFIG "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" D1 "\",\"size\":1}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" D1 "\",\"size\":7}"
#define OCI "application/vnd.oci.image."

static enum err_code doc(const char *json, const char *served_as, struct arena *a, struct oci_doc *d, struct err *e)
{
	return oci_doc_parse(slice_str(json), slice_str(served_as), "it", a, d, e);
}

static void good(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_doc d;
	struct err e = { 0 };
	assert_int_equal(doc("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(OCI "layer.v1.tar+gzip") "]}", "", &a, &d, &e), OK);
	assert_int_equal(d.kind, OCI_DOC_MANIFEST);
	assert_int_equal(d.layers.n, 1);
	assert_int_equal(doc("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1,\"platform\":{\"os\":\"unknown\","
			     "\"architecture\":\"unknown\"}},{\"digest\":\"" D1 "\",\"size\":1,\"annotations\":{\"vnd.docker.reference.type\":"
			     "\"attestation-manifest\"}},{\"digest\":\"" D1 "\",\"size\":1,\"annotations\":{\"Version\":\"1\",\"version\":\"2\"}}]}",
			     "", &a, &d, &e), OK);
	assert_true(d.kind == OCI_DOC_INDEX && d.manifests.items[0].attestation && d.manifests.items[1].attestation &&
		    !d.manifests.items[2].attestation);
}

static void bad(void **state)
{
	(void)state;
	static const struct { const char *json, *served_as; enum err_code want; } t[] = {
		/* CVE-2021-41190 */
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":null,\"layers\":null,\"manifests\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", OCI "index.v1+json", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"manifests\":[]}", OCI "manifest.v1+json", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\"," CONFIG ",\"layers\":[]}", "", ERR_FORMAT },
		/* schema 1 */
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "", ERR_UNSUPPORTED },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"fsLayers\":[]}", "", ERR_UNSUPPORTED },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "application/vnd.docker.distribution.manifest.v1+prettyjws",
				ERR_UNSUPPORTED },
		/* two readers, two meanings (CVE-2014-8179) */
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"Layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG ",\"LAYERS\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"Digest\":\"" D1 "\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		/* digests (CVE-2024-3727) */
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../../x\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"md5:x\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":-1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":1.5},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":99999999999999999999},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\"},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":[],\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[1]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2}", "", ERR_FORMAT }, { "[]", "", ERR_FORMAT }, { "", "", ERR_FORMAT }, { "{", "", ERR_FORMAT }, {
				"{}x", "", ERR_FORMAT },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "", ERR_LIMIT },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 20);
		struct oci_doc d;
		struct err e = { 0 };
		enum err_code rc = doc(t[i].json, t[i].served_as, &a, &d, &e);
		if (rc != t[i].want)
			fail_msg("%zu %s: %s %s", i, t[i].json, err_code_name(rc), e.msg);
	}
}

static void too_much(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(64 << 20);
	AUTO_BUF b = BUF(16 << 20);
	struct oci_doc d;
	struct err e = { 0 };
	buf_puts(&b, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
	for (int i = 0; i < OCI_MAX_LAYERS + 1; i++)
		buf_printf(&b, "%s" LAYER("x"), i ? "," : "");
	buf_puts(&b, "]}");
	assert_int_equal(oci_doc_parse(buf_slice(&b), SLICE_NULL, "it", &a, &d, &e), ERR_LIMIT);
	buf_clear(&b);
	buf_puts(&b, "{\"x\":[0");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, ",0");
	assert_int_equal(oci_doc_parse(buf_slice(&b), SLICE_NULL, "it", &a, &d, &e), ERR_LIMIT);
	buf_clear(&b);
	while (b.n <= OCI_MAX_MANIFEST_BYTES)
		buf_puts(&b, "                                                                ");
	assert_int_equal(oci_doc_parse(buf_slice(&b), SLICE_NULL, "it", &a, &d, &e), ERR_LIMIT);
}

static void layer_types(void **state)
{
	(void)state;
	static const struct { const char *type; bool known, distributable; } t[] = {
		{ OCI "layer.v1.tar", true, true }, { OCI "layer.v1.tar+zstd", true, true },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", true, true },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true, false }, { OCI "layer.nondistributable.v1.tar+gzip", true,
				false },
		{ OCI "layer.v1.tar+encrypted", false, true }, { "", false, true }, { "application/vnd.in-toto+json", false, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct oci_layer l = { .media_type = slice_str(t[i].type) };
		oci_layer_classify(&l);
		if (l.known_type != t[i].known || l.distributable != t[i].distributable)
			fail_msg("%s", t[i].type);
	}
}

static void config_good(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct image_config c;
	struct err e = { 0 };
	static const char json[] = "{\"os\":\"linux\",\"architecture\":\"arm64\",\"config\":{\"Entrypoint\":\"/a b\",\"Cmd\":[\"x\",\"y\"],\"Env\":null,"
		"\"Labels\":{\"A\":\"1\",\"a\":\"2\"},\"Volumes\":{\"/v\":{}},\"Healthcheck\":{\"Test\":[\"CMD\",\"z\"]}},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"" D1 "\",\"" D1 "\"]},\"history\":[{\"created_by\":\"one\"},{\"created_by\":\"env\",\"empty_layer\":true},{\"created_by\":\"two\"}]}";
	if (oci_config_parse(slice_str(json), 2, "config", &a, &c, &e))
		fail_msg("%s", e.msg);
	assert_true(slice_eqs(c.entrypoint.items[0], "/a b") && c.entrypoint.n == 1 && c.cmd.n == 2 && c.env.n == 0);
	assert_true(c.label_keys.n == 2 && slice_eqs(c.volumes.items[0], "/v") && c.healthcheck.n == 2);
	int *h = oci_config_layer_history(&c, 2, &a);
	assert_true(h[0] == 0 && h[1] == 2);
	assert_int_equal(oci_config_parse(slice_str(json), 1, "config", &a, &c, &e), ERR_FORMAT);
}

static void config_bad(void **state)
{
	(void)state;
	static const char *const t[] = {
		"{}", "[]", "{\"rootfs\":{}, \"RootFS\":{}}", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", "{\"rootfs\":{\"diff_ids\":[1]}}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"history\":[{\"empty_layer\":true}]}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"history\":[{},{}]}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"config\":{\"Cmd\":[],\"cmd\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"config\":{\"Cmd\":{}}}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"config\":{\"User\":0}}",
		"{\"rootfs\":{\"diff_ids\":[\"" D1 "\"]},\"history\":[{\"empty_layer\":1}]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 20);
		struct image_config c;
		struct err e = { 0 };
		if (oci_config_parse(slice_str(t[i]), 1, "config", &a, &c, &e) != ERR_FORMAT)
			fail_msg("%s: %s", t[i], e.msg);
	}
}

static void platforms(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_platform want;
	struct err e = { 0 };
	static const struct { const char *want, *arch, *variant; bool match; } t[] = {
		{ "linux/arm64", "arm64", "", true }, { "linux/arm64/v8", "arm64", "", true }, { "linux/aarch64", "arm64", "v8", true },
		{ "linux/arm", "arm", "v7", true }, { "linux/arm", "arm", "v6", true }, { "linux/arm/v6", "arm", "v7", false },
		{ "linux/amd64", "amd64", "v3", false }, { "linux/amd64", "amd64", "v1", true }, { "linux/amd64/v3", "amd64", "", true },
		{ "linux/x86_64", "amd64", "", true }, { "linux/s390x", "amd64", "", false }, { "linux/riscv64", "riscv64", "", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(oci_platform_parse(t[i].want, &want, &a, &e), OK);
		struct oci_platform have = { SL("linux"), slice_str(t[i].arch), slice_str(t[i].variant) };
		if ((oci_platform_match(want, have) > 0) != t[i].match)
			fail_msg("%s %s/%s", t[i].want, t[i].arch, t[i].variant);
	}
	static const char *const bad[] = { "", "linux", "linux/", "/x", "linux/a/b/c", "Linux/amd64", "linux/a b", "linux/arm64/" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (oci_platform_parse(bad[i], &want, &a, &e) != ERR_USAGE)
			fail_msg("%s", bad[i]);
	assert_int_equal(oci_platform_parse(NULL, &want, &a, &e), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad), cmocka_unit_test(too_much),
			cmocka_unit_test(layer_types),
		cmocka_unit_test(config_good), cmocka_unit_test(config_bad), cmocka_unit_test(platforms) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
