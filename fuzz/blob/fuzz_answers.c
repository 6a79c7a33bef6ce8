/* What comes from outside the program: a store's answers, a file of credentials, the state of an upload, names. */
#include <stdlib.h>
#include "s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void xml(struct slice s)
{
	struct s3_element el;
	char text[S3_KEY_MAX];
	while (s3_xml_next(&s, &el))
		if (s3_xml_text(el.text, text, sizeof(text)) && strlen(text) > el.text.n)
			abort();
}

static void hash(struct slice s)
{
	struct blob_hash h, again;
	AUTO_BUF out = BUF(400);
	char digest[BLOB_DIGEST_MAX];
	if (!blob_hash_load(s, &h))
		return;
	blob_hash_save(&h, &out);
	if (!blob_hash_load(buf_slice(&out), &again) || again.bytes != h.bytes)
		abort();
	blob_hash_update(&again, SL("more"));
	blob_hash_final(&again, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size);
	AUTO_ARENA a = ARENA(1 << 20);
	struct s3_credentials c;
	struct blob_name n;
	struct err e = { 0 };
	xml(s);
	hash(s);
	(void)s3_credentials_parse(s, SL("default"), &a, &c);
	if (blob_name_parse(s, &n, &e) == OK && slice_find_byte(n.hex, '/') >= 0)
		abort();
	return 0;
}
