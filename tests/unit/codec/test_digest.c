#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec.h"

/* FIPS 180-4 and RFC 1321: the digests of "abc". */
static const struct { int algo; const char *hex; } abc[] = {
	{ DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72" },
	{ DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ DIGEST_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

static void check(int algo, const uint8_t *out, const char *want)
{
	char hex[2 * DIGEST_MAX_BYTES + 1];
	hex_encode(hex, out, digest_size(algo));
	assert_string_equal(hex, want);
}

static void known_digests(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(abc); i++) {
		AUTO_DIGEST d = NULL;
		struct err e;
		uint8_t out[DIGEST_MAX_BYTES];
		assert_true(digest_of(abc[i].algo, SL("abc"), out));
		check(abc[i].algo, out, abc[i].hex);
		assert_int_equal(digest_open(abc[i].algo, &d, &e), OK);
		for (int round = 0; round < 2; round++) {	/* final makes it ready again */
			digest_update(d, SL("a"));
			digest_update(d, SLICE_NULL);
			digest_update(d, SL("bc"));
			digest_final(d, out);
			check(abc[i].algo, out, abc[i].hex);
		}
		digest_update(d, SL("noise"));
		digest_reset(d);
		digest_update(d, SL("abc"));
		digest_final(d, out);
		check(abc[i].algo, out, abc[i].hex);
	}
}

static void unknown_digests(void **)
{
	struct digest *d = NULL;
	struct err e;
	uint8_t out[DIGEST_MAX_BYTES];
	digest_warm();
	assert_int_equal(digest_open(99, &d, &e), ERR_UNSUPPORTED);
	assert_int_equal(digest_open(DIGEST_NONE, &d, &e), ERR_UNSUPPORTED);
	assert_false(digest_of(DIGEST_NONE, SL("abc"), out));
	assert_int_equal(digest_size(-1), 0);
	assert_string_equal(digest_name(99), "none");
	digest_close(NULL);
	assert_true(digest_of(DIGEST_MD5, SLICE_NULL, out));
	check(DIGEST_MD5, out, "d41d8cd98f00b204e9800998ecf8427e");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_digests), cmocka_unit_test(unknown_digests) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
