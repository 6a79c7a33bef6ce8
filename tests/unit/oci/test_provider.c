/* A source whose bytes the caller provides. */
#include "make.h"
#include "oci_provider.h"

struct item { char digest[72]; struct slice bytes; };
struct store { struct item items[8]; size_t n; unsigned gets, opens, planned; };

static enum err_code find(struct store *s, struct slice digest, struct slice *ret, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (slice_eqs(digest, s->items[i].digest)) {
			*ret = s->items[i].bytes;
			return OK;
		}
	return err_set(e, ERR_NOT_FOUND, 0, "no such bytes");
}

static enum err_code get(void *arg, struct slice digest, bool manifest, struct buf *out, struct err *e)
{
	struct store *s = arg;
	struct slice bytes;
	(void)manifest;
	s->gets++;
	TRY(find(s, digest, &bytes, e));
	buf_put_slice(out, bytes);
	return buf_ok(out, "a document", e);
}

static enum err_code blob_open(void *arg, struct slice digest, uint64_t size, struct stream **ret, struct err *e)
{
	struct store *s = arg;
	struct slice bytes;
	(void)size;
	s->opens++;
	TRY(find(s, digest, &bytes, e));
	return stream_of_slice(bytes, ret, e);
}

static void plan(void *arg, const struct oci_layer *const *layers, size_t n)
{
	(void)layers;
	((struct store *)arg)->planned += (unsigned)n;
}

static const char *put(struct store *s, struct slice bytes)
{
	struct item *i = &s->items[s->n++];
	digest_text(bytes, i->digest);
	i->bytes = bytes;
	return i->digest;
}

struct made { struct image m; struct buf manifest; struct store store; const char *root; };

static void make(struct made *t, const char *config_type, size_t lie)
{
	*t = (struct made){ .manifest = BUF(4096) };
	make_image(&t->m, "hello", "amd64");
	const char *config = put(&t->store, buf_slice(&t->m.config)), *layer = put(&t->store, buf_slice(&t->m.layer));
	buf_printf(&t->manifest, "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
		   "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]}", config_type, config, t->m.config.n, layer, t->m.layer.n - lie);
	t->root = put(&t->store, buf_slice(&t->manifest));
}

static void unmake(struct made *t)
{
	free_image(&t->m);
	buf_free(&t->manifest);
}

static const char image_config[] = "application/vnd.oci.image.config.v1+json";

static void test_image(void **state)
{
	struct made t;
	struct err e = { 0 };
	const struct oci_image *img;
	size_t n;
	(void)state;
	make(&t, image_config, 0);
	struct oci_provider p = { .get = get, .blob_open = blob_open, .plan = plan, .verified = true, .arg = &t.store };
	AUTO_OCI_SOURCE s = NULL;
	assert_int_equal(oci_source_open_provider("localhost:5000/team/app:1.4", t.root, &p, &OCI_OPTIONS_DEFAULT, &s, &e), OK);
	assert_int_equal(t.store.gets, 0);
	assert_int_equal(oci_source_images(s, &img, &n, &e), OK);
	assert_int_equal(n, 1);
	assert_true(slice_eqs(img->reference, "localhost:5000/team/app:1.4"));
	assert_true(slice_eqs(img->name, "localhost:5000/team/app"));
	assert_true(slice_eqs(img->tag, "1.4"));
	assert_true(slice_eqs(img->transport, "docker"));
	assert_true(slice_eqs(img->digest, t.root));
	assert_true(oci_source_verified(s));
	layer_is(s, img, 0, buf_slice(&t.m.layer));
	oci_source_plan(s, (const struct oci_layer *[]){ &img->layers[0] }, 1);
	assert_int_equal(t.store.planned, 1);
	unmake(&t);
}

static enum err_code images(struct made *t, struct oci_provider *p, const char *ref, const char *root, struct err *e)
{
	AUTO_OCI_SOURCE s = NULL;
	const struct oci_image *img;
	size_t n;
	p->get = get;
	p->blob_open = blob_open;
	p->arg = &t->store;
	TRY(oci_source_open_provider(ref, root, p, &OCI_OPTIONS_DEFAULT, &s, e));
	return oci_source_images(s, &img, &n, e);
}

static void test_refused(void **state)
{
	struct made t;
	struct err e = { 0 };
	struct oci_provider p = { 0 };
	(void)state;
	make(&t, image_config, 0);
	assert_int_equal(images(&t, &p, "Not a reference", t.root, &e), ERR_USAGE);
	assert_int_equal(images(&t, &p, "a/b:1", "sha256:12", &e), ERR_USAGE);
	assert_int_equal(images(&t, &p, "a/b:1", "sha256:0000000000000000000000000000000000000000000000000000000000000000", &e), ERR_NOT_FOUND);
	/* Other bytes than asked for. */
	t.store.items[0].bytes = SL("{}");
	assert_int_equal(images(&t, &p, "a/b:1", t.root, &e), ERR_DIGEST);
	unmake(&t);
}

static void test_artifact(void **state)
{
	struct made t;
	struct err e = { 0 };
	(void)state;
	make(&t, "application/octet-stream", 0);
	struct oci_provider p = { 0 };
	assert_int_equal(images(&t, &p, "a/b:1", t.root, &e), ERR_UNSUPPORTED);
	p.as_image = true;
	assert_int_equal(images(&t, &p, "a/b:1", t.root, &e), OK);
	unmake(&t);
}

static void test_too_long(void **state)
{
	struct made t;
	struct err e = { 0 };
	const struct oci_image *img;
	size_t n;
	(void)state;
	make(&t, image_config, 1);
	struct oci_provider p = { .get = get, .blob_open = blob_open, .arg = &t.store };
	AUTO_OCI_SOURCE s = NULL;
	AUTO_STREAM in = NULL;
	AUTO_BUF b = BUF(1 << 20);
	assert_int_equal(oci_source_open_provider("a/b", t.root, &p, &OCI_OPTIONS_DEFAULT, &s, &e), OK);
	assert_int_equal(oci_source_images(s, &img, &n, &e), OK);
	assert_false(oci_source_verified(s));
	assert_int_equal(oci_layer_open(s, img, 0, &in, &e), OK);
	assert_int_equal(stream_read_all(in, &b, &e), ERR_FORMAT);
	unmake(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image), cmocka_unit_test(test_refused), cmocka_unit_test(test_artifact), cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
