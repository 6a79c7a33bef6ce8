#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "s3.h"

static struct err E;

/* AWS' published examples (Authenticating Requests, "Examples: Signature Calculations" and "Authenticating Requests: Using Query
 * Parameters"); their keys are no one's. */
static struct s3_store example(void)
{
	return (struct s3_store){ .host = "examplebucket.s3.amazonaws.com", .region = "us-east-1",
		.cred = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL } };
}

static void signs(void **state)
{
	(void)state;
	struct s3_store s = example();
	AUTO_BUF header = BUF(4096), query = BUF(4096);
	uint64_t at = 0;
	assert_true(os_parse_time(SL("2013-05-24T00:00:00Z"), &at));
	/* GET Bucket lifecycle and a list of objects: the examples without headers beyond ours */
	struct s3_signing q = { "GET", "/", "lifecycle=", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL, NULL };
	s3_sign_header(&s, &q, at, &header);
	assert_string_equal(buf_cstr(&header), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
			    "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
			    "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	buf_clear(&header);
	q.query = "max-keys=2&prefix=J";
	s3_sign_header(&s, &q, at, &header);
	assert_non_null(strstr(buf_cstr(&header), "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
	/* a pre-signed address */
	s3_sign_query(&s, "/test.txt", 86400, at, &query);
	assert_false(query.failed);
	assert_non_null(strstr(buf_cstr(&query), "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

static void xml(void **state)
{
	(void)state;
	static const char page[] = "<?xml version=\"1.0\"?>\n<!-- x --><R a=\"b\"><Key>a&amp;b</Key><Empty/><ETag>&#34;x&quot;</ETag>\n<Key>2</Key></R><open";
	struct slice rest = slice_str(page);
	struct s3_element el;
	char text[16];
	static const char *const names[] = { "R", "Key", "/Key", "Empty", "ETag", "/ETag", "Key", "/Key", "/R" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_true(s3_xml_next(&rest, &el));
		if (!slice_eqs(el.name, names[i]))
			fail_msg("%zu: %.*s", i, SLICE_ARG(el.name));
	}
	assert_false(s3_xml_next(&rest, &el));
	assert_true(s3_xml_text(s3_xml_find(slice_str(page), "Key"), text, sizeof(text)));
	assert_string_equal(text, "a&b");
	assert_true(s3_xml_text(s3_xml_find(slice_str(page), "ETag"), text, sizeof(text)));
	assert_string_equal(text, "\"x\"");
	assert_int_equal(s3_xml_find(slice_str(page), "None").n, 0);
	static const char *const bad[] = { "&", "&;", "&amp", "&nbsp;", "&#10;", "&#xff;", "a\nb", "\xc3\xa4", "0123456789abcdef", "&#99999999999;" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (s3_xml_text(slice_str(bad[i]), text, sizeof(text)))
			fail_msg("taken: %s", bad[i]);
}

static void credentials(void **state)
{
	(void)state;
	static const char file[] = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=B=/+\n\n[profile two]\n[two]\n"
				   "aws_secret_access_key = D\naws_session_token = T\nAWS_ACCESS_KEY_ID = C\r\n[half]\naws_access_key_id = X\n[";
	AUTO_ARENA a = ARENA(4096);
	struct s3_credentials c;
	assert_true(s3_credentials_parse(slice_str(file), SL("default"), &a, &c));
	assert_string_equal(c.access_key, "A");
	assert_string_equal(c.secret_key, "B=/+");
	assert_null(c.session_token);
	assert_true(s3_credentials_parse(slice_str(file), SL("two"), &a, &c));
	assert_string_equal(c.access_key, "C");
	assert_string_equal(c.session_token, "T");
	assert_false(s3_credentials_parse(slice_str(file), SL("half"), &a, &c));
	assert_false(s3_credentials_parse(slice_str(file), SL("none"), &a, &c));
	assert_false(s3_credentials_parse(SLICE_NULL, SL("default"), &a, &c));
}

static void refused(void **state)
{
	(void)state;
	struct blob_store *b = NULL;
	static const struct blob_s3_options bad[] = {
		{ .bucket = "bucket" }, { .endpoint = "ftp://h", .bucket = "bucket" }, { .endpoint = "http://h/path", .bucket = "bucket" },
		{ .endpoint = "http://u:p@h", .bucket = "bucket" }, { .endpoint = "http://h" }, { .endpoint = "http://h", .bucket = "a/b" },
		{ .endpoint = "http://h", .bucket = "a..b" }, { .endpoint = "http://h", .bucket = "bucket", .prefix = "/x" },
		{ .endpoint = "http://h", .bucket = "bucket", .prefix = "a//b" }, { .endpoint = "http://h", .bucket = "bucket", .prefix = "../x" },
		{ .endpoint = "http://h", .bucket = "bucket", .region = "a/b" }, { .endpoint = "http://h", .bucket = "bucket", .access_key = "x" },
		{ .endpoint = "http://h", .bucket = "bucket", .prefix = "a b" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (blob_open(&(struct blob_options){ .dir = "/tmp", .s3 = &bad[i] }, &b, &E) != ERR_USAGE)
			fail_msg("%zu: %s", i, E.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(signs), cmocka_unit_test(xml), cmocka_unit_test(credentials), cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
