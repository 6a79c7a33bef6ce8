/* Slowing down, who is let through, and the memory of known credentials. */
#include "common.h"

static struct throttle_who who(struct throttle *t, const char *name, const char *address)
{
	struct peer p = peer_of(address);
	return access_throttle_who(t, slice_str(name), &p.any);
}

static void growing(void **state)
{
	(void)state;
	struct throttle *t;
	struct err e;
	bool known;
	assert_int_equal(access_throttle_open(&t, &e), OK);
	struct throttle_who w = who(t, "alice", "192.0.2.1");
	for (int i = 0; i < 5; i++)
		assert_int_equal(access_throttle_begin(t, w, 1000), 0);
	assert_int_equal(access_throttle_begin(t, w, 1000), 1000);
	assert_int_equal(access_throttle_begin(t, w, 1999), 1);	/* trying meanwhile costs nothing */
	assert_int_equal(access_throttle_begin(t, w, 2000), 0);
	assert_int_equal(access_throttle_begin(t, w, 2000), 2000);
	assert_int_equal(access_throttle_begin(t, w, 4000), 0);
	assert_int_equal(access_throttle_begin(t, w, 4000), 4000);
	/* many in a row end at five minutes; an hour later all is forgotten */
	uint64_t now = 4000, wait = 0;
	for (int i = 0; i < 40; i++) {
		wait = access_throttle_begin(t, w, now);
		now += wait;
		assert_true(wait <= 300000);
	}
	assert_int_equal(access_throttle_wait(t, w, now + 7200000, &known), 0);
	access_throttle_close(t);
}

/* Guesses at one account from many addresses: counted by account; its owner, from where he was before, passes. */
static void no_lock_out(void **state)
{
	(void)state;
	struct throttle *t;
	struct err e;
	bool known;
	char address[40];
	assert_int_equal(access_throttle_open(&t, &e), OK);
	struct throttle_who owner = who(t, "alice", "203.0.113.7");
	assert_int_equal(access_throttle_begin(t, owner, 0), 0);
	access_throttle_good(t, owner, 0);
	unsigned passed = 0;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i >> 8, i & 255);
		passed += access_throttle_begin(t, who(t, "alice", address), 1) == 0;
	}
	assert_int_equal(passed, 5);
	assert_true(access_throttle_wait(t, who(t, "alice", "198.51.100.1"), 1, &known) > 0 && !known);
	assert_true(access_throttle_wait(t, owner, 1, &known) == 0 && known);
	/* guesses at a thousand other names, from anywhere, do not free alice's counter */
	for (unsigned i = 0; i < 1000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "name%u", i);
		snprintf(address, sizeof(address), "2001:db8:ff:%x::1", i);
		(void)access_throttle_begin(t, who(t, name, address), 1);
	}
	assert_true(access_throttle_wait(t, who(t, "alice", "198.51.100.1"), 1, &known) > 0);
	/* the owner's own mistakes count, too */
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(access_throttle_begin(t, owner, 2), 0);
	assert_true(access_throttle_begin(t, owner, 2) > 0);
	access_throttle_close(t);
}

static void by_address(void **state)
{
	(void)state;
	struct throttle *t;
	struct err e;
	bool known;
	char name[32];
	unsigned passed = 0;
	assert_int_equal(access_throttle_open(&t, &e), OK);
	for (unsigned i = 0; i < 200; i++) {
		char address[40];
		snprintf(name, sizeof(name), "name%u", i);
		snprintf(address, sizeof(address), "2001:db8:1:1::%x", i);	/* one /64 is one place */
		passed += access_throttle_begin(t, who(t, name, address), 5) == 0;
	}
	assert_int_equal(passed, 20);
	assert_int_equal(access_throttle_wait(t, who(t, "zoe", "2001:db8:1:2::1"), 5, &known), 0);
	access_throttle_close(t);
}

static struct access_subject subject(const char *name, unsigned n)
{
	struct access_subject s = { .n_grants = n };
	snprintf(s.name, sizeof(s.name), "%s", name);
	for (unsigned i = 0; i < n; i++)
		snprintf(s.grants[i].pattern, sizeof(s.grants[i].pattern), "p%u", i);
	return s;
}

static void remembering(void **state)
{
	(void)state;
	struct cache *c;
	struct err e;
	char key[32];
	assert_int_equal(access_cache_open(4, &c, &e), OK);
	struct access_subject s = subject("bob", 16), got = { 0 };
	access_cache_put(c, SL("key"), 1, 100, &s);
	assert_true(access_cache_get(c, SL("key"), 1, 99, &got) && !strcmp(got.name, "bob") && !strcmp(got.grants[15].pattern, "p15"));
	assert_false(access_cache_get(c, SL("key"), 1, 100, &got));	/* expired */
	assert_false(access_cache_get(c, SL("key"), 2, 99, &got));	/* something changed */
	assert_false(access_cache_get(c, SL("kez"), 1, 99, &got));
	s = subject("eve", 0);
	access_cache_put(c, SL("key"), 2, 100, &s);	/* takes the old one's place */
	assert_true(access_cache_get(c, SL("key"), 2, 99, &got) && !strcmp(got.name, "eve") && got.n_grants == 0);
	unsigned found = 0;
	for (unsigned i = 0; i < 1000; i++)	/* bounded */
		access_cache_put(c, slice_of(key, (size_t)snprintf(key, sizeof(key), "key%u", i)), 2, 100, &s);
	for (unsigned i = 0; i < 1000; i++)
		found += access_cache_get(c, slice_of(key, (size_t)snprintf(key, sizeof(key), "key%u", i)), 2, 1, &got);
	assert_int_equal(found, 16);
	access_cache_close(c);
}

static void networks(void **state)
{
	(void)state;
	static const struct { const char *net, *address; bool want; } t[] = {
		{ "10.0.0.0/8", "10.1.2.3", true }, { "10.0.0.0/8", "11.1.2.3", false }, { "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.129", true }, { "192.0.2.1", "192.0.2.1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true }, { "2001:db8::/33", "2001:db8:8000::1", false }, { "0.0.0.0/0", "9.9.9.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "2001:db8::1", true },
	};
	struct network n;
	uint8_t address[16];
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct peer p = peer_of(t[i].address);
		assert_true(access_network_parse(slice_str(t[i].net), &n) && access_address_of(&p.any, address));
		if (access_network_has(&n, address) != t[i].want)
			fail_msg("%s %s", t[i].net, t[i].address);
	}
	static const char *const bad[] = { "", "/", "10.0.0.0/33", "::/129", "10.0.0/8", "x", "10.0.0.0/", "10.0.0.0/-1" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(access_network_parse(slice_str(bad[i]), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(growing), cmocka_unit_test(no_lock_out), cmocka_unit_test(by_address),
		cmocka_unit_test(remembering), cmocka_unit_test(networks) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
