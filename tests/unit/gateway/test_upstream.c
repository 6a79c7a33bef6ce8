#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "upstream_fixture.h"

/* --- Tests -------------------------------------------------------------------------------------------------------------------- */

static void tags(void **state)
{
	(void)state;
	char w[512];
	unsigned before = fake_count(&fake, "/app/manifests/t");
	assert_int_equal(ask_tag("up/app", "t", w), OK);
	assert_string_equal(tag_now("up/app", "t").pushed, image_digest[0]);
	assert_int_equal(ask_tag("up/app", "t", w), OK);
	assert_int_equal(fake_count(&fake, "/app/manifests/t"), before + 1);		/* within tag_ttl: not asked again */
	ttl_passes();
	assert_int_equal(ask_tag("up/app", "t", w), OK);
	assert_int_equal(fake_count(&fake, "HEAD /v2/app/manifests/t"), 1);
	assert_int_equal(fake_count(&fake, "GET /v2/app/manifests/t"), 1);
	ttl_passes();
	latest = 1;
	assert_int_equal(ask_tag("up/app", "t", w), OK);
	assert_string_equal(tag_now("up/app", "t").pushed, image_digest[1]);
	assert_string_equal(w, "");
	assert_int_equal(ask_tag("up/app", "none", w), ERR_NOT_FOUND);
	before = fake.n;
	assert_int_equal(ask_tag("up/app", "none", w), ERR_NOT_FOUND);
	assert_int_equal(fake.n, before);		/* remembered */
	assert_int_equal(ask_tag("up/bad/x", "t", w), ERR_NOT_FOUND);
	assert_int_equal(ask_tag("app", "t", w), ERR_NOT_FOUND);
	assert_int_equal(ask_tag("up/app", "../t", w), ERR_NOT_FOUND);
	assert_int_equal(fake.n, before);		/* not a request for what is refused, local, or no name */
	assert_int_equal(ask_tag("up/private/app", "t", w), OK);
}

static void roll_back(void **state)
{
	(void)state;
	char w[512];
	latest = 0;
	events = 0;
	assert_int_equal(ask_tag("up/rb", "t", w), OK);
	latest = 1;
	ttl_passes();
	assert_int_equal(ask_tag("up/rb", "t", w), OK);
	assert_string_equal(tag_now("up/rb", "t").served, image_digest[1]);
	latest = 0;
	for (int i = 0; i < 3; i++) {
		ttl_passes();
		assert_int_equal(ask_tag("up/rb", "t", w), OK);
		assert_non_null(strstr(w, "went back"));
		assert_string_equal(tag_now("up/rb", "t").served, image_digest[1]);
		assert_string_equal(tag_now("up/rb", "t").pushed, image_digest[1]);
		assert_int_equal(events, 1);
	}
	assert_int_equal(ask_tag("up/rb", "t", w), OK);
	assert_non_null(strstr(w, "went back"));	/* also while it is not asked again */
	latest = 2;
	ttl_passes();
	assert_int_equal(ask_tag("up/rb", "t", w), OK);
	assert_string_equal(w, "");
	assert_string_equal(tag_now("up/rb", "t").served, image_digest[2]);
	latest = 0;
}

static void down(void **state)
{
	(void)state;
	char w[512];
	latest = 0;
	assert_int_equal(ask_tag("up/down", "t", w), OK);
	ttl_passes();
	dead = true;
	assert_int_equal(ask_tag("up/down", "t", w), OK);
	assert_non_null(strstr(w, "could not be asked"));
	assert_int_equal(ask_tag("up/down", "new", w), ERR_NET);
	unsigned before = fake.n;
	assert_int_equal(ask_tag("up/down", "new", w), ERR_NET);
	assert_int_equal(fake.n, before);
	dead = false;
	assert_int_equal(ask_tag("gone/a", "t", w), ERR_NET);
	assert_int_equal(ask_tag("gone/b", "t", w), ERR_NET);
	assert_int_equal(ask_tag("gone/c", "t", w), ERR_NET);
	assert_non_null(strstr(last.msg, "did not answer a moment ago"));
}

static void hostile(void **state)
{
	(void)state;
	static const struct { const char *repository; enum err_code want; const char *words; } t[] = {
		{ "up/x/lying", ERR_DIGEST, "announced" }, { "up/x/both", ERR_FORMAT, "" }, { "up/x/schema1", ERR_UNSUPPORTED, "" },
		{ "up/x/endless", ERR_LIMIT, "more than" }, { "up/x/error", ERR_NET, "500" }, { "up/x/moved", ERR_NET, "may not lead" },
		{ "up/x/mapped", ERR_NET, "may not lead" }, { "up/x/realm", ERR_NET, "may not lead" }, { "up/x/stall", ERR_TIMEOUT, "in time" },
	};
	char w[512], key[96];
	latest = 0;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		enum err_code rc = ask_tag(t[i].repository, "t", w);
		if (rc != t[i].want || !strstr(last.msg, t[i].words))
			fail_msg("%s: %d %s", t[i].repository, rc, last.msg);
		assert_false(tag_now(t[i].repository, "t").there);
	}
	struct call c = call_of("up/x/other");
	assert_int_equal(upstream_manifest(&c, slice_str(image_digest[1]), &last), ERR_DIGEST);
	assert_false(here("up/x/other", image_digest[1]));
	assert_int_equal(upstream_manifest(&c, SL("sha256:../../x"), &last), ERR_NOT_FOUND);
	snprintf(key, sizeof(key), "a");
	assert_int_equal(ask_tag("up/x/limit", "t", w), ERR_LIMIT);
	unsigned before = fake.n;
	assert_int_equal(ask_tag("up/x/fine", "t", w), ERR_LIMIT);	/* upstream said when to come back */
	assert_int_equal(fake.n, before);
	usleep(2200000);
	assert_int_equal(ask_tag("up/x/fine2", "t", w), OK);
}

static void indexes(void **state)
{
	(void)state;
	char w[512];
	assert_int_equal(ask_tag("up/multi", "multi", w), OK);
	assert_true(here("up/multi", index_digest_text));
	assert_true(here("up/multi", image_digest[0]));
	assert_false(here("up/multi", image_digest[1]));		/* no platform of interest: on demand */
	struct call c = call_of("up/multi");
	assert_int_equal(upstream_manifest(&c, slice_str(image_digest[1]), &last), OK);
	assert_true(here("up/multi", image_digest[1]));
	ups[0].max_image_bytes = 500;
	assert_int_equal(ask_tag("up/large", "t", w), ERR_UNSUPPORTED);
	ups[0].max_image_bytes = 1 << 20;
}

static void *ask_many(void *arg)
{
	char w[512];
	struct err e = { 0 };
	struct call c = call_of("up/x/slow");
	enum err_code rc = upstream_tag(&c, SL("t"), w, &e);
	while (rc == ERR_LIMIT && e.sys == EAGAIN) {
		usleep(50000);
		rc = upstream_tag(&c, SL("t"), w, &e);
	}
	*(enum err_code *)arg = rc;
	return NULL;
}

static void one_fetch(void **state)
{
	(void)state;
	pthread_t t[16];
	enum err_code rc[16];
	ups[0].tag_ttl_ms = 60000;
	for (int i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, ask_many, &rc[i]);
	for (int i = 0; i < 16; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(rc[i], OK);
	}
	ups[0].tag_ttl_ms = 100;
	assert_int_equal(fake_count(&fake, "/x/slow/manifests/"), 1);
}

static void lists(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(MIB);
	struct call c = call_of("up/app");
	struct slice *list;
	size_t n;
	char w[512];
	assert_int_equal(upstream_tags(&c, &a, &list, &n, &last), OK);
	assert_int_equal(n, 3);
	assert_true(slice_eqs(list[0], "a") && slice_eqs(list[1], "b") && slice_eqs(list[2], "c"));
	unsigned before = fake.n;
	assert_int_equal(upstream_tags(&c, &a, &list, &n, &last), OK);
	assert_int_equal(fake.n, before);
	c = call_of("up/elsewhere");
	assert_int_equal(upstream_tags(&c, &a, &list, &n, &last), ERR_NET);	/* a page on another server */
	latest = 0;
	for (int old = 0; old < 2; old++) {
		c = call_of(old ? "up/old/app" : "up/ref");
		assert_int_equal(upstream_tag(&c, SL("t"), w, &last), OK);
		upstream_referrers(&c, slice_str(image_digest[0]), w);
		assert_string_equal(w, "");
		assert_true(here(old ? "up/old/app" : "up/ref", referrer_digest));
		before = fake.n;
		upstream_referrers(&c, slice_str(image_digest[0]), w);
		assert_int_equal(fake.n, before);
	}
}

static enum err_code read_blob(const char *repository, uint64_t size, bool *ret_same)
{
	AUTO_BUF b = BUF(MIB);
	AUTO_STREAM s = NULL;
	char d[80];
	digest_text(blob, sizeof(blob), d);
	enum err_code rc = upstream_blob(&g, slice_str(repository), slice_str(d), size, &s, &last);
	if (!rc)
		rc = stream_read_all(s, &b, &last);
	*ret_same = !rc && b.n == sizeof(blob) && !memcmp(b.p, blob, b.n);
	return rc;
}

static void bytes(void **state)
{
	(void)state;
	bool same;
	assert_int_equal(read_blob("up/app", sizeof(blob), &same), OK);
	assert_true(same);
	assert_int_equal(read_blob("up/x/broken/y", sizeof(blob), &same), OK);
	assert_true(same);
	assert_int_equal(read_blob("up/app", 1000, &same), ERR_FORMAT);
	assert_int_equal(read_blob("up/app", sizeof(blob) + 1, &same), ERR_FORMAT);
	assert_int_equal(read_blob("up/x/endless/y", sizeof(blob), &same), ERR_FORMAT);
	assert_int_equal(read_blob("local/app", 10, &same), ERR_NOT_FOUND);
}

static enum err_code older_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_run(tx, NULL, e, "UPDATE first_seen SET at_s = at_s - 7200", "");
}

struct cooling { const char *digest; bool cooled; uint64_t wait_s; };
static enum err_code cooling_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct cooling *c = arg;
	int64_t id;
	TRY(store_repo(tx, SL("cool/app"), SLICE_NULL, false, &id, e));
	return upstream_cooled(&g, tx, &ups[1], id, slice_str(c->digest), &c->cooled, &c->wait_s, e);
}

static void cool_down(void **state)
{
	(void)state;
	char w[512];
	struct cooling c = { .digest = image_digest[0] };
	latest = 0;
	assert_int_equal(ask_tag("cool/app", "t", w), OK);
	assert_string_equal(tag_now("cool/app", "t").served, "");
	assert_int_equal(sql_read(g.store.sql, cooling_tx, &c, &last), OK);
	assert_false(c.cooled);
	assert_in_range(c.wait_s, 3500, 3600);
	assert_int_equal(sql_write(g.store.sql, older_tx, NULL, &last), OK);
	assert_int_equal(sql_read(g.store.sql, cooling_tx, &c, &last), OK);
	assert_true(c.cooled);
	upstream_poll(&g);
	assert_string_equal(tag_now("cool/app", "t").served, image_digest[0]);
	c.digest = image_digest[2];	/* never seen there */
	assert_int_equal(sql_read(g.store.sql, cooling_tx, &c, &last), OK);
	assert_false(c.cooled);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tags), cmocka_unit_test(roll_back), cmocka_unit_test(down), cmocka_unit_test(hostile),
		cmocka_unit_test(indexes), cmocka_unit_test(one_fetch), cmocka_unit_test(lists), cmocka_unit_test(bytes), cmocka_unit_test(cool_down) };
	os_signals_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
