/* Accounts in the database: managing, another node, the shared key. */
#include "common.h"

static struct sql *open_db(const char *dir)
{
	static char url[256];
	static struct sql_migration step = { 1, "accounts", access_schema };
	struct sql_options o = { .url = url, .migrations = &step, .n_migrations = 1 };
	struct sql *db;
	struct err e;
	const char *pg = getenv("PABEAN_TEST_PG");	/* a database of its own, as for the tests of `sql` */
	snprintf(url, sizeof(url), "%s%s%s", pg ? pg : "sqlite:", pg ? "" : dir, pg ? "" : "/pabean.db");
	if (sql_open(&o, &db, &e) != OK)
		fail_msg("%s", e.msg);
	return db;
}

static struct access *open_on(struct sql *db)
{
	struct access_options o = { .db = db, .service = "registry.example" };
	struct access *a;
	struct err e;
	if (access_open(&o, &a, &e) != OK)
		fail_msg("%s", e.msg);
	return a;
}

static void users(void **state)
{
	(void)state;
	char *dir = directory(), token[8192];
	struct sql *db = open_db(dir);
	struct access *a = open_on(db), *b = open_on(db);
	struct access_subject s;
	struct err e;
	const struct access_grant team = { SL("team/**"), ACCESS_PULL | ACCESS_PUSH }, everything = { SL("**"), ACCESS_ALL };
	assert_int_equal(access_user_add(a, SL("alice"), SL("Harbor12345"), &team, 1, NULL, &e), ERR_USAGE);
	assert_int_equal(access_user_add(a, SL("a b"), SL(PASSWORD), &team, 1, NULL, &e), ERR_USAGE);
	assert_int_equal(access_user_add(a, SL("alice"), SL(PASSWORD), &team, 1, NULL, &e), OK);
	assert_int_equal(access_user_add(a, SL("alice"), SL(PASSWORD), &team, 1, NULL, &e), ERR_USAGE);
	assert_int_equal(ask(a, basic_of("alice", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_PUSH, SL("team/x")) && !access_may(&s, ACCESS_PULL, SL("x")));
	/* a token of one node counts on the other, which sees the account within two seconds */
	token_of(a, &s, "repository:team/x:pull,push", token, sizeof(token));
	enum access_result r = ACCESS_DENIED;
	for (int i = 0; i < 100 && r != ACCESS_OK; i++) {
		r = ask(b, slice_str(token), "192.0.2.1", &s);
		usleep(r == ACCESS_OK ? 0 : 50000);
	}
	assert_int_equal(r, ACCESS_OK);
	assert_int_equal(access_user_grant(a, SL("alice"), &everything, 1, NULL, &e), OK);
	assert_int_equal(ask(a, basic_of("alice", PASSWORD), "192.0.2.1", &s), ACCESS_OK);
	assert_true(access_may(&s, ACCESS_ADMIN, SL("x")));
	/* another password ends tokens given for the old one */
	assert_int_equal(access_user_password(a, SL("alice"), SL("battery staple"), NULL, &e), OK);
	assert_int_equal(ask(a, slice_str(token), "192.0.2.1", &s), ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("alice", PASSWORD), "192.0.2.1", &s), ACCESS_DENIED);
	assert_int_equal(ask(a, basic_of("alice", "battery staple"), "192.0.2.1", &s), ACCESS_OK);
	assert_int_equal(access_account_remove(a, SL("alice"), NULL, &e), OK);
	assert_int_equal(access_account_remove(a, SL("alice"), NULL, &e), ERR_NOT_FOUND);
	assert_int_equal(access_user_password(a, SL("alice"), SL("battery staple"), NULL, &e), ERR_NOT_FOUND);
	assert_int_equal(access_user_grant(a, SL("alice"), &team, 1, NULL, &e), ERR_NOT_FOUND);
	assert_int_equal(ask(a, basic_of("alice", "battery staple"), "192.0.2.1", &s), ACCESS_DENIED);
	access_close(a);
	access_close(b);
	sql_close(db);
	remove_directory(dir);
}

static void robots(void **state)
{
	(void)state;
	char *dir = directory(), secret[64];
	struct sql *db = open_db(dir);
	struct access *a = open_on(db);
	struct access_subject s;
	struct err e;
	AUTO_ARENA arena = ARENA(MIB);
	struct access_account *list;
	size_t n;
	struct access_grant g;
	assert_int_equal(access_grant_parse(SL("team/**:pull,push"), &arena, &g, &e), OK);
	assert_int_equal(access_robot_create(a, SL("ci"), &g, 1, 1, secret, NULL, &e), ERR_USAGE);
	assert_int_equal(access_robot_create(a, SL("ci"), &g, 1, os_now_s() + 100, secret, NULL, &e), OK);
	assert_int_equal(strlen(secret), 47);
	assert_int_equal(access_identify(a, basic_of("ci", secret), NULL, SLICE_NULL, &s), ACCESS_OK);
	assert_true(s.robot && access_may(&s, ACCESS_PUSH, SL("team/a")));
	assert_int_equal(access_list(a, &arena, &list, &n, &e), OK);
	assert_true(n == 1 && list[0].robot && list[0].n_grants == 1 && slice_eqs(list[0].grants[0].pattern, "team/**") && !strcmp(list[0].origin, "database"));
	secret[10] ^= 1;
	assert_int_equal(access_identify(a, basic_of("ci", secret), NULL, SLICE_NULL, &s), ACCESS_DENIED);
	assert_int_equal(access_account_remove(a, SL("ci"), NULL, &e), OK);
	access_close(a);
	sql_close(db);
	/* no secret stands in the database */
	AUTO_BUF bytes = BUF(16 * MIB);
	char path[128];
	secret[10] ^= 1;
	if (getenv("PABEAN_TEST_PG")) {
		remove_directory(dir);
		return;
	}
	snprintf(path, sizeof(path), "%s/pabean.db", dir);
	assert_int_equal(os_read_file(path, &bytes, &e), OK);
	assert_true(slice_find(buf_slice(&bytes), slice_str(secret)) < 0 && slice_find(buf_slice(&bytes), SL(PASSWORD)) < 0);
	remove_directory(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(users), cmocka_unit_test(robots) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
