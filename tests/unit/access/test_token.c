/* Scopes, tokens, challenges. */
#include "common.h"

static struct access *open_bob(const char *dir)
{
	struct access *a;
	struct err e;
	struct access_options o = {
		.service = "registry.example", .anonymous = ACCESS_PULL,
		.accounts_file = write_file(dir, "accounts.yaml", "users:\n  - {name: bob, hash: \"" BOB_BCRYPT "\", grants: "
			"[\"team/**:pull,push,delete,sign\", \"localhost:5000/**:pull\", \"open/**:pull\", \"signed/**:pull,sign\"]}\n"),
	};
	if (access_open(&o, &a, &e) != OK)
		fail_msg("%s", e.msg);
	return a;
}

static void scopes(void **state)
{
	(void)state;
	static const struct { const char *text, *name; unsigned rights; bool catalog; } t[] = {
		{ "repository:team/app:pull,push", "team/app", ACCESS_PULL | ACCESS_PUSH }, { "repository:localhost:5000/team/app:pull", "localhost:5000/team/app", ACCESS_PULL },
		{ "repository:a:*", "a", ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE }, { "registry:catalog:*", "catalog", 0, true },
		{ "repository:a:pull,fly", "a", ACCESS_PULL }, { "repository(plugin):a:pull", NULL }, { "registry:other:*", NULL }, { "repository::pull", NULL },
		{ "repository:a:", NULL }, { "repository:a", NULL }, { "", NULL }, { ":", NULL }, { "::", NULL }, { "repository:../a:pull", NULL },
		{ "repository:a//b:pull", NULL }, { "repository:/a:pull", NULL }, { "repository:a/:pull", NULL }, { "repository:A:pull", NULL },
		{ "repository:a*:pull", NULL }, { "repository:team/a:b:pull", NULL }, { "repository:a\"b:pull", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice rest = slice_str(t[i].text);
		struct scope s;
		bool got = access_scope_next(&rest, &s);
		if (got != (t[i].name != NULL))
			fail_msg("'%s'", t[i].text);
		if (got)
			assert_true(slice_eqs(s.name, t[i].name) && s.rights == t[i].rights && s.catalog == t[i].catalog);
	}
	AUTO_BUF out = BUF(KIB);
	access_query_scopes(SL("service=x&scope=repository%3Aa%3Apull&scope=repository:b:pull,push+registry:catalog:*&account=y&scope=%zz%"), &out);
	assert_string_equal(buf_cstr(&out), "repository:a:pull repository:b:pull,push registry:catalog:* %zz%");
}

static void tokens(void **state)
{
	(void)state;
	char *dir = directory(), token[8192], other[8192];
	struct access *a = open_bob(dir);
	struct access_subject bob, s;
	struct err e;
	AUTO_BUF out = BUF(64 * KIB);
	assert_int_equal(ask(a, basic_of("bob", PASSWORD), "192.0.2.1", &bob), ACCESS_OK);
	token_of(a, &bob, "repository:team/app:pull,push repository:other/x:pull repository:localhost:5000/a:*", token, sizeof(token));
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	assert_true(s.from_token && !strcmp(s.name, "bob") && s.n_grants == 2);
	assert_true(access_may(&s, ACCESS_PULL | ACCESS_PUSH | ACCESS_SIGN, SL("team/app")));
	assert_false(access_may(&s, ACCESS_DELETE, SL("team/app")));		/* not asked for */
	assert_false(access_may(&s, ACCESS_PULL, SL("team/other")));		/* not asked for */
	assert_false(access_may(&s, ACCESS_PULL, SL("other/x")));		/* asked, may not */
	assert_true(access_may(&s, ACCESS_PULL, SL("localhost:5000/a")) && !access_may(&s, ACCESS_PUSH, SL("localhost:5000/a")));
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);	/* remembered */
	assert_int_equal(s.n_grants, 2);
	/* signing goes along with push where only signing is allowed */
	token_of(a, &bob, "repository:signed/x:pull,push", other, sizeof(other));
	assert_int_equal(ask(a, slice_str(other), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PULL | ACCESS_SIGN, SL("signed/x")) && !access_may(&s, ACCESS_PUSH, SL("signed/x")));
	/* a token does not make a token */
	assert_int_equal(access_token_answer(a, &s, SL(""), &out, &e), ERR_AUTH);
	/* the catalogue */
	token_of(a, &bob, "registry:catalog:*", other, sizeof(other));
	assert_int_equal(ask(a, slice_str(other), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may_list(&s, SL("open/x")) && !access_may_list(&s, SL("secret/x")) && !access_may(&s, ACCESS_PULL, SL("open/x")));
	/* time */
	os_set_now(os_now_s() + 299);
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	os_set_now(os_now_s() + 1);
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_DENIED);
	os_set_now(os_now_s() - 500);
	assert_int_equal(access_reload(a, &e), OK);
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_DENIED);	/* of the future */
	/* of another server, that is, another key */
	struct access *b = open_bob(dir);
	os_set_now(os_now_s() + 200);
	assert_int_equal(ask(b, slice_str(token), "192.0.2.1", &s), ACCESS_DENIED);
	access_close(b);
	access_close(a);
	remove_directory(dir);
}

static void make(struct access *a, const char *header, const char *claims, char *dst, size_t cap)
{
	AUTO_BUF out = BUF(16 * KIB);
	uint8_t mac[32];
	access_base64url_put(&out, slice_str(header));
	buf_putc(&out, '.');
	access_base64url_put(&out, slice_str(claims));
	struct slice text = buf_slice(&out);
	access_hmac_of(&a->signing, &text, 1, mac);
	buf_putc(&out, '.');
	access_base64url_put(&out, slice_of(mac, 32));
	snprintf(dst, cap, "Bearer %s", buf_cstr(&out));
}

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS(iss, aud, more) "{\"iss\":\"" iss "\",\"aud\":\"" aud "\",\"sub\":\"\",\"iat\":1795388400,\"nbf\":1795388400," more ",\"pbn\":\"\",\"access\":[]}"
#define GOOD CLAIMS("registry.example", "registry.example", "\"exp\":1795388500")

/* Signed with the right key, yet wrong: only what this program makes is taken. */
static void forged(void **state)
{
	(void)state;
	char *dir = directory(), token[8192];
	struct access *a = open_bob(dir);
	struct access_subject s;
	os_set_now(1795388400);
	static const struct { const char *header, *claims; bool want; } t[] = {
		{ HEADER, GOOD, true }, { "{\"alg\":\"none\",\"typ\":\"JWT\"}", GOOD }, { "{\"typ\":\"JWT\",\"alg\":\"HS256\"}", GOOD },
		{ "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", GOOD }, { HEADER, CLAIMS("evil", "registry.example", "\"exp\":1795388500") },
		{ HEADER, CLAIMS("registry.example", "evil", "\"exp\":1795388500") }, { HEADER, CLAIMS("registry.example", "registry.example", "\"exp\":1795388400") },
		{ HEADER, CLAIMS("registry.example", "registry.example", "\"exp\":\"1795388500\"") },
		{ HEADER, CLAIMS("registry.example", "registry.example", "\"exp\":-1") },
		{ HEADER, CLAIMS("registry.example", "registry.example", "\"exp\":1795388500,\"exp\":1895388500") },
		{ HEADER, CLAIMS("registry.example", "registry.example", "\"exp\":1795388500,\"x\":1") }, { HEADER, "{}" }, { HEADER, "[]" }, { HEADER, "" },
		{ HEADER, "{\"iss\":\"registry.example\",\"aud\":\"registry.example\",\"sub\":\"bob\",\"iat\":1,\"nbf\":1,\"exp\":1795388500,"
			  "\"pbn\":\"0000000000000000\",\"access\":[]}" },
		{ HEADER, "{\"iss\":\"registry.example\",\"aud\":\"registry.example\",\"sub\":\"\",\"iat\":1,\"nbf\":1,\"exp\":1795388500,"
			  "\"pbn\":\"\",\"access\":[{\"type\":\"repository\",\"name\":\"**\",\"actions\":[\"push\"]}]}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		make(a, t[i].header, t[i].claims, token, sizeof(token));
		if ((ask(a, slice_str(token), "192.0.2.1", &s) == ACCESS_OK) != t[i].want)
			fail_msg("token %zu", i);
	}
	/* every flipped byte */
	make(a, HEADER, GOOD, token, sizeof(token));
	for (size_t i = 7, n = strlen(token); i < n; i++) {
		token[i] ^= 1;
		if (ask(a, slice_str(token), "192.0.2.1", &s) == ACCESS_OK)
			fail_msg("byte %zu", i);
		token[i] ^= 1;
	}
	token[strlen(token) - 1] = '\0';
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_DENIED);
	access_close(a);
	remove_directory(dir);
}

static void challenges(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_bob(dir);
	AUTO_BUF out = BUF(4 * KIB);
	access_challenge(a, "https://r.example", SL("team/app"), ACCESS_PULL | ACCESS_PUSH, "invalid_token", &out);
	assert_string_equal(buf_cstr(&out), "Bearer realm=\"https://r.example/token\",service=\"registry.example\",scope=\"repository:team/app:pull,push\","
					    "error=\"invalid_token\"");
	buf_clear(&out);
	access_challenge(a, "https://r.example", SL("a\"b"), ACCESS_PULL, NULL, &out);
	assert_string_equal(buf_cstr(&out), "Bearer realm=\"https://r.example/token\",service=\"registry.example\"");
	access_close(a);
	remove_directory(dir);
}

/* RFC 4231, test case 1 and 2 of those with keys of at most 32 bytes; and the published SipHash test key gives stable values. */
static void hmac(void **state)
{
	(void)state;
	struct hmac_key k;
	uint8_t key[32] = { 0 }, out[32], want[32];
	memset(key, 0x0b, 20);
	access_hmac_key_set(&k, key);
	const struct slice two[] = { SL("Hi "), SL("There") };
	access_hmac_of(&k, two, 2, out);
	hex_decode(SL("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"), want, 32, false);
	assert_memory_equal(out, want, 32);
	memset(key, 0, 32);
	memcpy(key, "Jefe", 4);
	access_hmac_key_set(&k, key);
	const struct slice one = SL("what do ya want for nothing?");
	access_hmac_of(&k, &one, 1, out);
	hex_decode(SL("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), want, 32, false);
	assert_memory_equal(out, want, 32);
	uint8_t bytes[8];
	size_t n;
	assert_true(access_base64url_decode(SL("_-8"), bytes, 8, &n) && n == 2);
	assert_false(access_base64url_decode(SL("_-9"), bytes, 8, &n));	/* stray bits */
	assert_false(access_base64url_decode(SL("_-8="), bytes, 8, &n));
	assert_false(access_base64url_decode(SL("A"), bytes, 8, &n));
}

struct work { struct access *a; const char *token; atomic_bool stop; atomic_uint good, bad; };

static void *client(void *arg)
{
	struct work *w = arg;
	struct access_subject s;
	struct peer p = peer_of("192.0.2.1");
	while (!atomic_load(&w->stop)) {
		enum access_result r = access_identify(w->a, slice_str(w->token), &p.any, SLICE_NULL, &s);
		atomic_fetch_add(r == ACCESS_OK && access_may(&s, ACCESS_PULL, SL("team/app")) ? &w->good : &w->bad, 1);
	}
	return NULL;
}

/* Many threads while the accounts are read again; a token of an existing account is never refused meanwhile. */
static void threads(void **state)
{
	(void)state;
	char *dir = directory(), token[8192];
	struct access *a = open_bob(dir);
	struct access_subject bob;
	struct err e;
	pthread_t t[3];
	os_set_now(1795388400);
	assert_int_equal(ask(a, basic_of("bob", PASSWORD), "192.0.2.1", &bob), ACCESS_OK);
	token_of(a, &bob, "repository:team/app:pull", token, sizeof(token));
	struct work w = { .a = a, .token = token };
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, client, &w), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(access_reload(a, &e), OK);
		usleep(1000);
	}
	atomic_store(&w.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	assert_true(w.good > 100 && w.bad == 0);
	access_close(a);
	remove_directory(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes), cmocka_unit_test(tokens), cmocka_unit_test(forged), cmocka_unit_test(challenges), cmocka_unit_test(hmac),
		cmocka_unit_test(threads),
	};
	os_set_now(1795388400);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
