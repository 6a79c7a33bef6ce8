/* Files, credentials, rights. */
#include "common.h"

#define ROBOT_SECRET "pbn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char accounts_text[] =
	"users:\n"
	"  - {name: bob, hash: \"" BOB_BCRYPT "\", grants: [\"team/**:pull,push\", \"home/{user}/**:*\", \"localhost:5000/x:pull\"]}\n"
	"  - {name: off, hash: \"" BOB_BCRYPT "\", disabled: true, grants: [\"**:pull\"]}\n"
	"robots:\n"
	"  - {name: ci, sha256: \"%s\", grants: [\"**:pull\", \"team/app:push\"], expires: 2100-01-01}\n"
	"  - {name: old, sha256: \"%s\", grants: [\"**:pull\"], expires: 2001-01-01}\n"
	"certificates:\n"
	"  - {name: \"Bob's laptop\", user: bob}\n";

static struct access *open_with(const char *dir, unsigned anonymous, const char *from)
{
	char sum[65], other[65], text[2048];
	uint8_t bytes[32];
	struct access *a;
	struct err e;
	digest_of(DIGEST_SHA256, SL(ROBOT_SECRET), bytes);
	hex_encode(sum, bytes, 32);
	bytes[0] ^= 1;
	hex_encode(other, bytes, 32);
	snprintf(text, sizeof(text), accounts_text, sum, other);
	struct access_options o = {
		.accounts_file = write_file(dir, "accounts.yaml", text), .service = "registry.example", .anonymous = anonymous,
		.anonymous_from = from ? &from : NULL, .n_anonymous_from = from != NULL,
		.htpasswd_file = write_file(dir, "htpasswd",
			"# a comment\n\nsix:$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.\n"
			"sha:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n"
			"bob:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
	};
	if (access_open(&o, &a, &e) != OK)
		fail_msg("%s", e.msg);
	return a;
}

static void passwords(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_with(dir, 0, NULL);
	struct access_subject s;
	struct err e;
	uint64_t denied, slowed;
	assert_true(access_has_accounts(a));
	assert_int_equal(access_identify(a, basic_of("bob", PASSWORD), NULL, SLICE_NULL, &s), ACCESS_SLOW);
	assert_int_equal(ask(a, basic_of("bob", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	assert_string_equal(s.name, "bob");
	assert_true(access_may(&s, ACCESS_PULL | ACCESS_PUSH, SL("team/a/b")));
	assert_false(access_may(&s, ACCESS_DELETE, SL("team/a")));
	assert_true(access_may(&s, ACCESS_DELETE, SL("home/bob/x")));
	assert_false(access_may(&s, ACCESS_PULL, SL("home/alice/x")));
	assert_true(access_may(&s, ACCESS_PULL, SL("localhost:5000/x")));
	assert_true(access_may_somewhere(&s, ACCESS_DELETE) && !access_may_somewhere(&s, ACCESS_ADMIN));
	assert_false(access_may(&s, 0, SL("team/a")));
	assert_int_equal(access_identify(a, basic_of("bob", PASSWORD), NULL, SLICE_NULL, &s), ACCESS_OK);	/* remembered */
	assert_int_equal(ask(a, basic_of("six", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PULL, SL("any/thing")) && !access_may(&s, ACCESS_PUSH, SL("any/thing")));
	assert_int_equal(ask(a, basic_of("sha", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	assert_int_equal(ask(a, basic_of("sha", "wrong"), "192.0.2.1", &s), ACCESS_DENIED);
	assert_true(s.anonymous && !s.name[0] && !s.everywhere && !s.n_grants);	/* nothing of the account stays */
	assert_int_equal(ask(a, basic_of("off", PASSWORD), "192.0.2.1", &s), ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("nobody", PASSWORD), "192.0.2.1", &s), ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("", PASSWORD), "192.0.2.1", &s), ACCESS_DENIED);
	access_count(a, &denied, &slowed);
	assert_int_equal(denied, 4);
	if (!access_trouble(a, &e) || !strstr(e.msg, "htpasswd:4: {SHA}"))
		fail_msg("%s", e.msg);
	access_close(a);
	remove_directory(dir);
}

static void malformed(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_with(dir, 0, NULL);
	struct access_subject s;
	static const char *const bad[] = { "Basic", "Basic ", "Basic !!!", "Basic Ym9i", "Bearer", "Bearer ", "Bearer x.y.z", "Digest abc", "bob:x", "basic\tYm9iOng=",
		"Bearer pbn_", "Bearer ..", "Basic Ym9iOmNvcnJlY3QgaG9yc2UA" /* a NUL behind the right password */ };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ask(a, slice_str(bad[i]), "192.0.2.1", &s) != ACCESS_DENIED)
			fail_msg("'%s' is not refused", bad[i]);
	char *huge = malloc(100000);
	memset(huge, 'A', 100000);
	memcpy(huge, "Basic ", 6);
	assert_int_equal(ask(a, slice_of(huge, 100000), "192.0.2.1", &s), ACCESS_DENIED);
	memcpy(huge, "Bearer ", 7);
	assert_int_equal(ask(a, slice_of(huge, 100000), "192.0.2.1", &s), ACCESS_DENIED);
	free(huge);
	access_close(a);
	remove_directory(dir);
}

static void robots_and_certificates(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_with(dir, 0, NULL);
	struct access_subject s;
	assert_int_equal(access_identify(a, basic_of("ci", ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_OK);
	assert_true(s.robot && access_may(&s, ACCESS_PUSH, SL("team/app")) && access_may(&s, ACCESS_PULL, SL("x")));
	assert_int_equal(access_identify(a, basic_of("token", ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_OK);
	assert_int_equal(access_identify(a, SL("Bearer " ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_OK);
	assert_int_equal(access_identify(a, basic_of("bob", ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_DENIED);
	assert_int_equal(access_identify(a, basic_of("", ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("ci", "not its secret"), "192.0.2.1", &s), ACCESS_DENIED);
	assert_int_equal(access_identify(a, SLICE_NULL, NULL, SL("Bob's laptop"), &s), ACCESS_OK);
	assert_string_equal(s.name, "bob");
	assert_int_equal(access_identify(a, SLICE_NULL, NULL, SL("six"), &s), ACCESS_OK);	/* a list of certificates is closed */
	assert_true(s.anonymous);
	os_set_now(4102444801);	/* 2100-01-01T00:00:01Z */
	assert_int_equal(access_identify(a, SL("Bearer " ROBOT_SECRET), NULL, SLICE_NULL, &s), ACCESS_DENIED);
	os_set_now(1795388400);
	access_close(a);
	remove_directory(dir);
}

static void anonymous(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_with(dir, ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE, NULL);
	struct access_subject s;
	assert_int_equal(ask(a, SLICE_NULL, "127.0.0.1", &s), ACCESS_OK);
	assert_true(s.anonymous && access_may(&s, ACCESS_DELETE, SL("x")));
	assert_int_equal(ask(a, SLICE_NULL, "::ffff:127.0.0.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_DELETE, SL("x")));
	assert_int_equal(ask(a, SLICE_NULL, "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PULL | ACCESS_PUSH, SL("x")) && !access_may(&s, ACCESS_DELETE, SL("x")));
	assert_int_equal(ask(a, SLICE_NULL, "unix", &s), ACCESS_OK);
	assert_true(s.socket && !s.anonymous && access_may(&s, ACCESS_ALL, SL("x")));
	access_close(a);
	a = open_with(dir, ACCESS_PULL, "10.0.0.0/8");
	assert_int_equal(ask(a, SLICE_NULL, "10.9.8.7", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PULL, SL("x")));
	char token[4096];
	token_of(a, &s, "repository:x:pull", token, sizeof(token));
	assert_int_equal(ask(a, slice_str(token), "10.9.8.7", &s), ACCESS_OK);
	assert_true(s.anonymous && access_may(&s, ACCESS_PULL, SL("x")));
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	assert_false(access_may_somewhere(&s, ACCESS_PULL));
	assert_int_equal(ask(a, SLICE_NULL, "2001:db8::1", &s), ACCESS_OK);
	assert_int_equal(s.everywhere, 0);
	access_close(a);
	remove_directory(dir);
}

static void expect_error(const char *dir, const char *accounts, const char *htpasswd, const char *message)
{
	struct access *a;
	struct err e = { 0 };
	struct access_options o = { .accounts_file = accounts ? write_file(dir, "bad.yaml", accounts) : NULL,
		.htpasswd_file = htpasswd ? write_file(dir, "bad.htpasswd", htpasswd) : NULL };
	if (access_open(&o, &a, &e) == OK)
		fail_msg("taken: %s", accounts ? accounts : htpasswd);
	if (!strstr(e.msg, message))
		fail_msg("'%s' does not say '%s'", e.msg, message);
}

static void wrong_files(void **state)
{
	(void)state;
	char *dir = directory();
	expect_error(dir, "users:\n  - {name: bob, hsh: x}\n", NULL, "bad.yaml:2:17");
	expect_error(dir, "users:\n  - {name: bob}\n", NULL, "needs 'hash'");
	expect_error(dir, "users:\n  - {name: \"b b\", hash: x}\n", NULL, "an account's name");
	expect_error(dir, "users:\n  - {name: token, hash: x}\n", NULL, "an account's name");
	expect_error(dir, "users:\n  - name: bob\n    hash: plain\n", NULL, "bad.yaml:3:11: the hash is of no kind");
	expect_error(dir, "users:\n  - {name: bob, hash: \"" BOB_BCRYPT "\", grants: [\"x\"]}\n", NULL, "must be PATTERN:RIGHT");
	expect_error(dir, "users:\n  - {name: bob, hash: \"" BOB_BCRYPT "\", grants: [\"x:fly\"]}\n", NULL, "'fly' is no right");
	expect_error(dir, "users:\n  - {name: b, hash: \"" BOB_BCRYPT "\"}\n  - {name: b, hash: \"" BOB_BCRYPT "\"}\n", NULL, "two accounts");
	expect_error(dir, "users: 3\n", NULL, "'users' is a list");
	expect_error(dir, "robots:\n  - {name: ci, sha256: 12}\n", NULL, "64 hex digits");
	expect_error(dir, "people: []\n", NULL, "bad.yaml:1:1");
	expect_error(dir, NULL, "ok:" BOB_BCRYPT "\nbob:$apr1$3jAusFm8$sODSCCXDo/.g.LNgei.9J1\n", "bad.htpasswd:2: an MD5 hash (apr1)");
	expect_error(dir, NULL, "bob\n", "bad.htpasswd:1: expected NAME:HASH");
	expect_error(dir, NULL, "bob:$2y$20$lMKO5/0n68zai8V8BESgGuh/OvD23rrVv0m4oQlA1PaGeh0Nkpay.\n", "cost");
	expect_error(dir, NULL, "bob:$6$rounds=999999999$abc$defdefdefdefdef\n", "cost");
	/* ATTACKS.md 11: default credentials */
	expect_error(dir, NULL, "admin:$2y$04$cGROT5OvZkGUzuHHpWNSz./CQm90VBdVwAt5fiEDbgcO6KW5zNgHm\n", "products ship with");
	char *path = write_file(dir, "open.yaml", "users: []\n");
	struct access_options o = { .accounts_file = path };
	struct access *a;
	struct err e;
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(access_open(&o, &a, &e), ERR_USAGE);
	o.accounts_file = "/nonexistent/accounts.yaml";
	assert_int_equal(access_open(&o, &a, &e), ERR_NOT_FOUND);
	remove_directory(dir);
}

static void reading_again(void **state)
{
	(void)state;
	char *dir = directory(), token[4096];
	struct access *a = open_with(dir, 0, NULL);
	struct access_subject s;
	struct err e;
	assert_int_equal(ask(a, basic_of("bob", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	token_of(a, &s, "repository:team/app:pull,push", token, sizeof(token));
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PUSH, SL("team/app")));
	/* fewer rights: the token that was given before can do less at once */
	write_file(dir, "accounts.yaml", "users:\n  - {name: bob, hash: \"" BOB_BCRYPT "\", grants: [\"team/**:pull\"]}\n");
	assert_int_equal(access_reload(a, &e), OK);
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PULL, SL("team/app")) && !access_may(&s, ACCESS_PUSH, SL("team/app")));
	/* a wrong file changes nothing, and says so */
	write_file(dir, "accounts.yaml", "users: [\n");
	assert_int_equal(access_reload(a, &e), ERR_USAGE);
	assert_true(access_trouble(a, &e) && strstr(e.msg, "accounts.yaml:"));
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_OK);
	/* gone: so are the token and the remembered password, and the file is noticed without being told */
	write_file(dir, "htpasswd", "");
	write_file(dir, "accounts.yaml", "users: []\n");
	enum access_result r = ACCESS_OK;
	for (int i = 0; i < 100 && r == ACCESS_OK; i++) {
		usleep(50000);
		r = ask(a, slice_str(token), "192.0.2.1", &s);
	}
	assert_int_equal(r, ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("bob", PASSWORD), "192.0.2.1", &s), ACCESS_DENIED);
	access_close(a);
	remove_directory(dir);
}

static void new_passwords(void **state)
{
	(void)state;
	struct err e;
	char hash[HASH_MAX];
	assert_int_equal(access_secret_check_password(SL("bob"), SL("short"), &e), ERR_USAGE);
	assert_int_equal(access_secret_check_password(SL("bobbobbob"), SL("bobbobbob"), &e), ERR_USAGE);
	assert_int_equal(access_secret_check_password(SL("x"), SL("Harbor12345"), &e), ERR_USAGE);
	assert_int_equal(access_secret_check_password(SL("x"), SL("with\nline"), &e), ERR_USAGE);
	assert_int_equal(access_secret_check_password(SL("x"), SL(PASSWORD), &e), OK);
	assert_int_equal(access_secret_hash(SL(PASSWORD), hash, &e), OK);
	assert_memory_equal(hash, "$y$", 3);
	assert_true(access_secret_matches(SL(PASSWORD), slice_str(hash)));
	assert_false(access_secret_matches(SL("correct horsE"), slice_str(hash)));
	assert_false(access_secret_matches(SL(PASSWORD), SL("$2y$04$broken")));
	assert_false(access_secret_matches(SL(PASSWORD), SL("")));
}

struct crowd { struct access *a; const char *name, *password; atomic_uint ok, denied, wait; };

static void *login(void *arg)
{
	struct crowd *c = arg;
	struct access_subject s;
	struct peer p = peer_of("192.0.2.9");
	char text[256];
	unsigned wait_s;
	AUTO_BUF plain = BUF(KIB), coded = BUF(KIB);
	buf_printf(&plain, "%s:%s", c->name, c->password);
	base64_encode(&coded, buf_slice(&plain));
	snprintf(text, sizeof(text), "Basic %s", buf_cstr(&coded));
	enum access_result r = access_identify_slow(c->a, slice_str(text), &p.any, &s, &wait_s);
	atomic_fetch_add(r == ACCESS_OK ? &c->ok : r == ACCESS_DENIED ? &c->denied : &c->wait, 1);
	return NULL;
}

static void run(struct crowd *c, unsigned n)
{
	pthread_t t[24];
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&t[i], NULL, login, c), 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

/* Many clients with one right password at once all get in; many with a wrong one get no more than the free guesses. */
static void crowds(void **state)
{
	(void)state;
	char *dir = directory();
	struct access *a = open_with(dir, 0, NULL);
	struct crowd good = { .a = a, .name = "six", .password = PASSWORD }, bad = { .a = a, .name = "bob", .password = "guess" };
	run(&good, 24);
	assert_int_equal(good.ok, 24);
	run(&bad, 24);
	assert_true(bad.ok == 0 && bad.denied <= 5 && bad.denied + bad.wait == 24);
	assert_int_equal(a->hashing.running, 0);
	assert_int_equal(a->hashing.waiting, 0);
	access_close(a);
	remove_directory(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords), cmocka_unit_test(malformed), cmocka_unit_test(robots_and_certificates), cmocka_unit_test(anonymous),
		cmocka_unit_test(wrong_files), cmocka_unit_test(reading_again), cmocka_unit_test(new_passwords),
		cmocka_unit_test(crowds),
	};
	os_set_now(1795388400);	/* 2026-11-23 */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
