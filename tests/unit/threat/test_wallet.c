#include "util.h"
#include "wallet.h"

static void keccak(void **state)
{
	(void)state;
	static const struct { const char *text, *hex; } t[] = {
		{ "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
		{ "abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t sum[32];
		char hex[65];
		keccak256(slice_str(t[i].text), sum);
		hex_encode(hex, sum, 32);
		assert_string_equal(hex, t[i].hex);
	}
}

#define XMR "44hSy2RenbgUDr65yWQRX3cb7DGezWqbtS1X2BiodiUoRwUGmbiLSeZLYxC6aBYMRdfnqgS28ZGkXDbu93w2cGhb7ERjC6H"

static void kinds(void **state)
{
	(void)state;
	static const struct { const char *text; int kind; } t[] = {
		{ XMR, TOKEN_WALLET_XMR },
		{ "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H", TOKEN_WALLET_XMR },
		{ "4LL9oSLmtpccfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2bYXZKKQePHES9khPK", TOKEN_WALLET_XMR },
		{ "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", TOKEN_WALLET_BTC },
		{ "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", TOKEN_WALLET_BTC },
		{ "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", 0 },
		{ "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", TOKEN_WALLET_BTC },
		{ "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", TOKEN_WALLET_BTC },
		{ "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", TOKEN_WALLET_BTC },
		{ "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", 0 },
		{ "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", 0 },	/* bech32 where bech32m belongs */
		{ "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", TOKEN_WALLET_ETH },
		{ "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", 0 },
		{ "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", 0 },
		{ "", 0 }, { "4", 0 }, { "1", 0 }, { "bc1", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if ((int)wallet_kind(slice_str(t[i].text)) != t[i].kind)
			fail_msg("%s", t[i].text);
	char bad[] = XMR;
	for (size_t i = 0; i < sizeof(bad) - 1; i++) {
		char was = bad[i];
		bad[i] = was == 'z' ? 'x' : 'z';
		assert_int_equal(wallet_kind(slice_of(bad, 95)), 0);
		bad[i] = was;
	}
}

static enum err_code on_found(void *arg, enum token_kind kind, size_t at, struct slice address, struct err *e)
{
	(void)e;
	buf_printf(arg, "%d@%zu+%zu ", kind, at, address.n);
	return OK;
}

static void found_anywhere(void **state)
{
	(void)state;
	char text[256];
	struct err e;
	for (size_t before = 0; before < 40; before++) {
		AUTO_BUF b = BUF(1024), want = BUF(1024);
		int n = snprintf(text, sizeof(text), "%.*s%s %s", (int)before, "  -u . a b c d e f g h i j k l m n o p q r s ", "\"" XMR "\"",
				 "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2");
		assert_int_equal(wallet_find(slice_of(text, (size_t)n), 26, on_found, &b, &e), OK);
		buf_printf(&want, "%d@%zu+95 %d@%zu+34 ", TOKEN_WALLET_XMR, before + 1, TOKEN_WALLET_BTC, before + 98);
		assert_string_equal(buf_cstr(&b), buf_cstr(&want));
	}
	AUTO_BUF b = BUF(1024);
	assert_int_equal(wallet_find(SL("x -u" XMR " y"), 26, on_found, &b, &e), OK);
	assert_string_equal(buf_cstr(&b), "4@4+95 ");
	buf_clear(&b);
	assert_int_equal(wallet_find(SL("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 " XMR), 95, on_found, &b, &e), OK);
	assert_string_equal(buf_cstr(&b), "4@35+95 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keccak), cmocka_unit_test(kinds), cmocka_unit_test(found_anywhere) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
