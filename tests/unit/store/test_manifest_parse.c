#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "store_content.h"

#define D1 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker.distribution.manifest."
#define CONFIG(type) "\"config\":{\"mediaType\":\"" type "\",\"digest\":\"" D1 "\",\"size\":0}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" D1 "\",\"size\":7}"
#define IMAGE(config, layers) "{\"schemaVersion\":2," CONFIG(config) ",\"layers\":[" layers "]}"
#define CHILD "{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"" D1 "\",\"size\":7,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}}"

static enum err_code parse(const char *json, const char *type, const char *digest, struct arena *a, struct store_manifest *m, struct err *e)
{
	return store_manifest_parse(slice_str(json), slice_str(type), slice_str(digest), a, m, e);
}

static void good(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct store_manifest m;
	struct err e = { 0 };
	assert_int_equal(parse(IMAGE(OCI "config.v1+json", LAYER(OCI "layer.v1.tar+gzip")), OCI "manifest.v1+json; charset=utf-8", "", &a, &m, &e), OK);
	assert_true(m.kind == STORE_IMAGE && m.n_refs == 2 && m.digest.n == 71 && slice_eqs(m.media_type, OCI "manifest.v1+json"));
	assert_true(slice_eqs(m.artifact_type, OCI "config.v1+json") && slice_eqs(m.annotations, "{}") && !m.subject.n);
	assert_int_equal(parse("{\"schemaVersion\":2,\"mediaType\":\"" DOCKER "list.v2+json\",\"manifests\":[" CHILD "]}", "", "", &a, &m, &e), OK);
	assert_true(m.kind == STORE_INDEX && slice_eqs(m.refs[0].platform, "linux/arm64/v8") && slice_eqs(m.media_type, DOCKER "list.v2+json"));
	assert_int_equal(parse("{\"schemaVersion\":2,\"artifactType\":\"a/b\"," CONFIG(OCI "config.v1+json") ",\"layers\":[],\"annotations\":{\"b\":\"2\",\"a\":\"1\"},"
			       "\"subject\":{\"mediaType\":\"x\",\"digest\":\"" D1 "\",\"size\":1}}", "application/json", "", &a, &m, &e), OK);
	assert_true(slice_eqs(m.annotations, "{\"a\":\"1\",\"b\":\"2\"}") && slice_eqs(m.subject, D1) && slice_eqs(m.artifact_type, "a/b"));
	/* the data of a descriptor is its content: "" */
	assert_int_equal(parse("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x/y\",\"digest\":\"" D1 "\",\"size\":0,\"data\":\"\"},\"layers\":[]}", "", "", &a, &m, &e), OK);
	/* foreign layers */
	assert_int_equal(parse(IMAGE(OCI "config.v1+json", LAYER(OCI "layer.nondistributable.v1.tar")), "", "", &a, &m, &e), OK);
	assert_true(m.refs[1].foreign && !m.refs[0].foreign);
}

static void kinds(void **state)
{
	(void)state;
	static const struct { const char *json; enum store_kind want; } t[] = {
		{ IMAGE("application/vnd.cncf.helm.config.v1+json", LAYER("application/vnd.cncf.helm.chart.content.v1.tar+gzip")), STORE_ARTIFACT },
		{ IMAGE("application/vnd.oci.empty.v1+json", LAYER("application/vnd.dev.sigstore.bundle.v0.3+json")), STORE_ARTIFACT },
		/* what dockerd runs all the same */
		{ IMAGE("application/octet-stream", LAYER("a/b")), STORE_IMAGE },
		{ IMAGE("application/json", LAYER("a/b")), STORE_IMAGE },
		{ IMAGE("Text/HTML", LAYER("a/b")), STORE_IMAGE },
		{ IMAGE("", LAYER("a/b")), STORE_IMAGE },
		/* layers of a root file system under a made-up config */
		{ IMAGE("a/b", LAYER(OCI "layer.v1.tar+zstd")), STORE_IMAGE },
		{ IMAGE("a/b", LAYER("c/d") "," LAYER("application/vnd.docker.image.rootfs.diff.tar.gzip")), STORE_IMAGE },
		{ IMAGE("a/b", LAYER("Application/vnd.oci.image.LAYER.v1.tar")), STORE_IMAGE },
		{ IMAGE("a/b", LAYER("")), STORE_IMAGE },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 20);
		struct store_manifest m;
		struct err e = { 0 };
		assert_int_equal(parse(t[i].json, "", "", &a, &m, &e), OK);
		assert_int_equal(m.kind, t[i].want);
	}
}

static void bad(void **state)
{
	(void)state;
	static const struct { const char *json, *type; enum err_code want; } t[] = {
		/* CVE-2021-41190: one body, two readings */
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"manifests\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"layers\":null,\"manifests\":[]}", "", ERR_FORMAT },
		{ IMAGE("a/b", ""), OCI "index.v1+json", ERR_FORMAT },
		{ IMAGE("a/b", ""), DOCKER "v2+json", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\"," CONFIG("a/b") ",\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER "v2+json\"," CONFIG("a/b") ",\"layers\":[]}", OCI "manifest.v1+json", ERR_FORMAT },
		{ IMAGE("a/b", ""), "text/plain", ERR_FORMAT },
		/* CVE-2014-8179: keys twice, in whatever case */
		{ "{\"schemaVersion\":2," CONFIG("a/b") "," CONFIG("a/b") ",\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"Layers\":[" LAYER("a/b") "]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"Digest\":\"" D1 "\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"MANIFESTS\":[]}", "", ERR_FORMAT },
		/* digests and sizes */
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../../x\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":-1},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":1.0},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":99999999999999999999},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\"},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":1,\"data\":\"YQ==\"},\"layers\":[]}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"annotations\":{\"a\":1}}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"annotations\":{\"a\":\"\\u0000\"}}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[],\"subject\":{\"digest\":\"x\",\"size\":1}}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") ",\"layers\":[]} {}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2," CONFIG("a/b") "}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2}", "", ERR_FORMAT },
		{ "{\"schemaVersion\":3," CONFIG("a/b") ",\"layers\":[]}", "", ERR_FORMAT },
		{ "[]", "", ERR_FORMAT },
		{ "", "", ERR_FORMAT },
		{ "{\"schemaVersion\":2,\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "", ERR_LIMIT },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "", ERR_UNSUPPORTED },
		{ IMAGE("a/b", ""), DOCKER "v1+prettyjws", ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_ARENA a = ARENA(1 << 20);
		struct store_manifest m;
		struct err e = { 0 };
		if (parse(t[i].json, t[i].type, "", &a, &m, &e) != t[i].want)
			fail_msg("%s: %s", t[i].json, e.msg);
	}
}

static void digests(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct store_manifest m;
	struct err e = { 0 };
	const char *json = IMAGE("a/b", "");
	char text[256] = "sha512:";
	uint8_t sum[64];
	assert_true(digest_of(DIGEST_SHA512, slice_str(json), sum));
	hex_encode(text + 7, sum, 64);
	assert_int_equal(parse(json, "", text, &a, &m, &e), OK);
	assert_true(slice_eqs(m.digest, text));
	assert_int_equal(parse(IMAGE("a/b", "") " ", "", text, &a, &m, &e), ERR_DIGEST);
	assert_int_equal(parse(json, "", "sha256:../../etc/passwd", &a, &m, &e), ERR_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(kinds), cmocka_unit_test(bad), cmocka_unit_test(digests) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
