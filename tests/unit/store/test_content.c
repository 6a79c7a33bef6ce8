#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <cmocka.h>
#include "os.h"
#include "store_content.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define DA D("aaaa")
#define DB D("bbbb")
#define DC D("cccc")
#define DD D("dddd")

struct bench { struct sql *db; char dir[64], url[96]; };

static int set_up(void **state)
{
	static struct bench b;
	struct err e = { 0 };
	strcpy(b.dir, "/tmp/store_content_XXXXXX");
	assert_non_null(mkdtemp(b.dir));
	snprintf(b.url, sizeof(b.url), "sqlite:%s/a.db", b.dir);
	struct sql_options o = { .url = b.url, .migrations = store_migrations, .n_migrations = store_migrations_n };
	if (sql_open(&o, &b.db, &e) != OK)
		fail_msg("%s", e.msg);
	*state = &b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	sql_close(b->db);
	return os_remove_tree(b->dir, &e) == OK ? 0 : -1;
}

#define WRITE(b, fn, arg) do { struct err e_ = { 0 }; if (sql_write((b)->db, fn, arg, &e_) != OK) fail_msg("%s", e_.msg); } while (0)
/* Transactions run on a thread of the database's, where cmocka's assertions do not work. */
#define CHECK(x) do { if (!(x)) return err_set(e, ERR_INTERNAL, 0, "line %d: %s", __LINE__, #x); } while (0)
#define MUST(x) CHECK((x) == OK)

static void names(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "a/b", "docker.io/library/nginx", "a__b", "a---b", "a.b_c-d/e" };
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "-a", "a-", "a b", "../x", "a/../b", "a:b" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(store_name_valid(slice_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(store_name_valid(slice_str(bad[i])));
	assert_true(store_tag_valid(SL("V1.2-x_y")) && store_tag_valid(SL("_")));
	assert_false(store_tag_valid(SL("")) || store_tag_valid(SL(".a")) || store_tag_valid(SL("-a")) || store_tag_valid(SL("a/b")) || store_tag_valid(SL("a:b")));
}

static struct store_manifest manifest(const char *digest, const char *subject)
{
	static struct store_ref refs[2] = { { .kind = STORE_REF_CONFIG, .size = 5 }, { .kind = STORE_REF_LAYER, .size = 7, .foreign = true } };
	refs[0].digest = slice_str(DA);
	refs[0].media_type = SL("c/d");
	refs[1].digest = slice_str(DB);
	refs[1].media_type = SL("e/f");
	return (struct store_manifest){ .digest = slice_str(digest), .media_type = SL("m/n"), .artifact_type = SL("x/y"), .config_type = SL("c/d"), .subject = slice_str(subject),
		.annotations = SL("{}"), .body = SL("{}"), .kind = STORE_ARTIFACT, .refs = refs, .n_refs = 2 };
}

static enum err_code collect(void *arg, struct slice name, struct err *e)
{
	(void)e;
	buf_put_slice(arg, name);
	buf_putc(arg, ' ');
	return OK;
}

static enum err_code collect_referrer(void *arg, const struct store_referrer *r, struct err *e) { return collect(arg, slice_sub(r->digest, 7, 1), e); }

static enum err_code manifests_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	AUTO_BUF out = BUF(1000);
	struct store_manifest m = manifest(DC, ""), got;
	int64_t repo, other, again;
	bool is_new, yes;
	(void)arg;
	CHECK(store_repo(tx, SL("t/r"), SL(""), false, &repo, e) == ERR_NOT_FOUND);
	MUST(store_repo(tx, SL("t/r"), SL(""), true, &repo, e));
	MUST(store_repo(tx, SL("t/r"), SL(""), true, &again, e));
	MUST(store_repo(tx, SL("t/Other"), SL(""), true, &other, e));
	CHECK(repo == again && other != repo);
	MUST(store_manifest_put(tx, repo, &m, 0, SL("me"), &is_new, e));
	CHECK(is_new);
	MUST(store_manifest_put(tx, repo, &m, 0, SL("you"), &is_new, e));
	CHECK(!is_new);
	MUST(store_manifest_get(tx, repo, SL(DC), STORE_WITH_BODY | STORE_WITH_REFS, &a, &got, e));
	CHECK(got.n_refs == 2 && got.refs[1].foreign && got.refs[1].size == 7 && slice_eqs(got.body, "{}") && slice_eqs(got.config_type, "c/d") &&
		    got.kind == STORE_ARTIFACT);
	CHECK(store_manifest_get(tx, other, SL(DC), 0, &a, &got, e) == ERR_NOT_FOUND);
	/* a foreign layer: naming it shows nothing before it was brought */
	MUST(store_blob_named(tx, repo, SL(DB), &yes, e));
	CHECK(!yes);
	MUST(store_blob_link(tx, repo, SL(DB), SL("me"), e));
	MUST(store_blob_named(tx, repo, SL(DB), &yes, e));
	CHECK(yes);
	MUST(store_blob_named(tx, other, SL(DB), &yes, e));
	CHECK(!yes);
	m = manifest(DA, DC);
	MUST(store_manifest_put(tx, repo, &m, 0, SL("me"), &is_new, e));
	MUST(store_referrers(tx, repo, SL(DC), SL(""), collect_referrer, &out, e));
	MUST(store_referrers(tx, repo, SL(DC), SL("x/y"), collect_referrer, &out, e));
	MUST(store_referrers(tx, repo, SL(DC), SL("z"), collect_referrer, &out, e));
	MUST(store_referrers(tx, other, SL(DC), SL(""), collect_referrer, &out, e));
	CHECK(!strcmp(buf_cstr(&out), "a a "));
	buf_clear(&out);
	MUST(store_repos(tx, SL(""), 10, collect, &out, e));
	MUST(store_repos(tx, SL("t/Other"), 1, collect, &out, e));
	CHECK(!strcmp(buf_cstr(&out), "t/Other t/r t/r "));
	return OK;
}

static void manifests(void **state) { WRITE((struct bench *)*state, manifests_tx, NULL); }

static enum err_code tags_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	AUTO_BUF out = BUF(1000);
	struct store_manifest m1 = manifest(DA, ""), m2 = manifest(DB, "");
	struct store_tag t;
	int64_t repo, s1, s2, s3;
	bool yes;
	(void)arg;
	MUST(store_repo(tx, SL("t/tags"), SL(""), true, &repo, e));
	MUST(store_manifest_put(tx, repo, &m1, 0, SL("me"), &yes, e));
	MUST(store_manifest_put(tx, repo, &m2, 0, SL("me"), &yes, e));
	MUST(store_tag_push(tx, repo, SL("v"), SL(DA), 0, SL("me"), &s1, e));
	MUST(store_tag_push(tx, repo, SL("v"), SL(DA), 0, SL("me"), &s3, e));
	CHECK(s1 == s3);
	MUST(store_tag_push(tx, repo, SL("v"), SL(DB), 0, SL("me"), &s2, e));
	CHECK(s2 > s1);
	/* the older push is admitted later: it does not win */
	MUST(store_tag_serve(tx, repo, SL("v"), SL(DB), s2, &yes, e));
	CHECK(yes);
	MUST(store_tag_serve(tx, repo, SL("v"), SL(DA), s1, &yes, e));
	CHECK(!yes);
	MUST(store_tag_get(tx, repo, SL("v"), &a, &t, e));
	CHECK(slice_eqs(t.served_digest, DB) && slice_eqs(t.pushed_digest, DB));
	/* what is not in the repository is never served */
	MUST(store_tag_push(tx, repo, SL("v"), SL(DC), 0, SL("me"), &s3, e));
	MUST(store_tag_serve(tx, repo, SL("v"), SL(DC), s3, &yes, e));
	CHECK(!yes);
	MUST(store_tag_is_rollback(tx, repo, SL("v"), SL(DA), &yes, e));
	CHECK(!yes);
	MUST(store_tag_push(tx, repo, SL("v"), SL(DA), 0, SL("me"), &s3, e));
	MUST(store_tag_serve(tx, repo, SL("v"), SL(DA), s3, &yes, e));
	CHECK(yes);
	MUST(store_tag_is_rollback(tx, repo, SL("v"), SL(DB), &yes, e));
	CHECK(yes);
	MUST(store_tag_push(tx, repo, SL("B"), SL(DB), 0, SL("me"), &s3, e));
	MUST(store_tag_push(tx, repo, SL("_"), SL(DB), 0, SL("me"), &s3, e));
	MUST(store_tags(tx, repo, SL(""), 100, false, collect, &out, e));
	MUST(store_tags(tx, repo, SL(""), 100, true, collect, &out, e));
	MUST(store_tags(tx, repo, SL("B"), 1, false, collect, &out, e));
	CHECK(!strcmp(buf_cstr(&out), "B _ v v _ "));
	/* with a manifest go the tags that have nothing else */
	MUST(store_manifest_delete(tx, repo, SL(DB), SL("me"), e));
	CHECK(store_tag_get(tx, repo, SL("B"), &a, &t, e) == ERR_NOT_FOUND);
	MUST(store_tag_get(tx, repo, SL("v"), &a, &t, e));
	MUST(store_tag_delete(tx, repo, SL("v"), SL("me"), e));
	CHECK(store_tag_delete(tx, repo, SL("v"), SL("me"), e) == ERR_NOT_FOUND);
	CHECK(store_manifest_delete(tx, repo, SL(DB), SL("me"), e) == ERR_NOT_FOUND);
	return OK;
}

static void tags(void **state) { WRITE((struct bench *)*state, tags_tx, NULL); }

static enum err_code blobs_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	AUTO_BUF out = BUF(1000);
	struct store_upload u = { .id = SL("0123"), .account = SL("me"), .state = SL(""), .bytes = 5 }, got;
	int64_t repo;
	uint64_t n;
	bool yes;
	(void)arg;
	MUST(store_repo(tx, SL("t/blobs"), SL(""), true, &repo, e));
	CHECK(store_blob_size(tx, SL(DD), &n, e) == ERR_NOT_FOUND);
	CHECK(store_blob_pin(tx, SL(DD), &n, e) == ERR_NOT_FOUND);
	MUST(store_blob_put(tx, repo, SL(DD), 5, SL("me"), e));
	MUST(store_blob_put(tx, repo, SL(DD), 5, SL("me"), e));
	MUST(store_blob_pin(tx, SL(DD), &n, e));
	CHECK(n == 5);
	MUST(store_blob_linked(tx, repo, SL(DD), SL("me"), false, 0, &yes, e));
	CHECK(yes);
	MUST(store_blob_linked(tx, repo, SL(DD), SL("you"), false, 0, &yes, e));
	CHECK(!yes);
	MUST(store_blob_linked(tx, repo, SL(DD), SL(""), true, 0, &yes, e));
	CHECK(yes);
	MUST(store_blob_linked(tx, repo, SL(DD), SL("me"), false, os_now_s() + 5, &yes, e));
	CHECK(!yes);
	MUST(store_blob_repos(tx, SL(DD), 5, collect, &out, e));
	CHECK(!strcmp(buf_cstr(&out), "t/blobs "));
	MUST(store_repo_bytes(tx, repo, &n, e));
	CHECK(n == 5);
	/* being removed: nobody gets hold of it any more */
	MUST(sql_run(tx, NULL, e, "UPDATE blob SET state = 1 WHERE digest = ?1", "t", SL(DD)));
	CHECK(store_blob_pin(tx, SL(DD), NULL, e) == ERR_NOT_FOUND);
	CHECK(store_blob_put(tx, repo, SL(DD), 5, SL("me"), e) == ERR_CANCELLED);
	MUST(store_blob_going(tx, SL(DD), &yes, e));
	CHECK(yes);
	MUST(store_blob_unlink(tx, repo, SL(DD), e));
	CHECK(store_blob_unlink(tx, repo, SL(DD), e) == ERR_NOT_FOUND);
	u.repo_id = repo;
	MUST(store_upload_put(tx, &u, e));
	u.bytes = 9;
	MUST(store_upload_advance(tx, &u, 5, e));
	CHECK(store_upload_advance(tx, &u, 5, e) == ERR_CANCELLED);
	MUST(store_upload_get(tx, SL("0123"), &a, &got, e));
	CHECK(got.bytes == 9 && slice_eqs(got.account, "me"));
	MUST(store_upload_count(tx, SL("me"), &n, e));
	CHECK(n == 1);
	MUST(store_upload_delete(tx, SL("0123"), e));
	CHECK(store_upload_get(tx, SL("0123"), &a, &got, e) == ERR_NOT_FOUND);
	return OK;
}

static void blobs(void **state) { WRITE((struct bench *)*state, blobs_tx, NULL); }

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(manifests), cmocka_unit_test(tags), cmocka_unit_test(blobs) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
