#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "hash.h"

static void whole(int algo, struct slice bytes, char dst[BLOB_DIGEST_MAX])
{
	uint8_t out[DIGEST_MAX_BYTES];
	assert_true(digest_of(algo, bytes, out));
	int n = snprintf(dst, BLOB_DIGEST_MAX, "%s:", digest_name(algo));
	hex_encode(dst + n, out, digest_size(algo));
}

/* Cut at every place, saved, loaded, and gone on with, it is the digest of the whole. */
static void resumed(void **state)
{
	(void)state;
	static const int algos[] = { DIGEST_SHA256, DIGEST_SHA512 };
	uint8_t bytes[600];
	char want[BLOB_DIGEST_MAX], got[BLOB_DIGEST_MAX];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / 7);
	for (size_t a = 0; a < ARRAY_LEN(algos); a++) {
		whole(algos[a], slice_of(bytes, sizeof(bytes)), want);
		for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
			AUTO_BUF text = BUF(400);
			struct blob_hash h, again;
			blob_hash_begin(&h, algos[a]);
			blob_hash_update(&h, slice_of(bytes, cut / 2));
			blob_hash_update(&h, slice_of(bytes + cut / 2, cut - cut / 2));
			blob_hash_save(&h, &text);
			assert_false(text.failed);
			assert_true(blob_hash_load(buf_slice(&text), &again));
			assert_int_equal(again.bytes, cut);
			blob_hash_update(&again, slice_of(bytes + cut, sizeof(bytes) - cut));
			blob_hash_final(&again, got);
			assert_string_equal(got, want);
		}
	}
}

static void large(void **state)
{
	(void)state;
	/* More than 512 MiB, where the count of bits needs its second word, without hashing that much: only the count must survive. */
	AUTO_BUF a = BUF(400), b = BUF(400);
	struct blob_hash h, again;
	blob_hash_begin(&h, DIGEST_SHA256);
	h.bytes = UINT64_C(5) << 30;
	blob_hash_save(&h, &a);
	assert_true(blob_hash_load(buf_slice(&a), &again));
	assert_int_equal(again.s256.Nh, 10);
	blob_hash_save(&again, &b);
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
}

static void refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "sha256", "sha256:0:", "md5:0:00:", "sha256:zz:00:", "sha256:ffffffffffffffff:00:",
		"sha256:1:0000000000000000000000000000000000000000000000000000000000000000:",
		"sha256:0:0000000000000000000000000000000000000000000000000000000000000000:00",
		"sha256:0:000000000000000000000000000000000000000000000000000000000000000g:",
		"sha256:0:0000000000000000000000000000000000000000000000000000000000000000::",
		"sha512:0:0000000000000000000000000000000000000000000000000000000000000000:" };
	struct blob_hash h;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (blob_hash_load(slice_str(bad[i]), &h))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(resumed), cmocka_unit_test(large), cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
