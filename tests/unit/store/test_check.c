#include "keep_test.h"
#include "store_check.h"

#define M1 D("1111")
#define M2 D("2222")

struct seen { char kinds[400]; };
static void on_problem(void *arg, const struct store_problem *p)
{
	struct seen *s = arg;
	if (!p->note)
		snprintf(s->kinds + strlen(s->kinds), sizeof(s->kinds) - strlen(s->kinds), "%s ", p->kind);
}

static struct store_check_counts check(struct bench *b, bool repair, struct seen *s)
{
	struct store_check_counts n;
	struct err e = { 0 };
	*s = (struct seen){ 0 };
	struct store_check_options o = { .repair = repair, .leftover_s = DAY, .problem = on_problem, .arg = s };
	if (store_check(&b->s, &o, &n, &e) != OK)
		fail_msg("%s", e.msg);
	return n;
}

static void overwrite(struct bench *b, const char *digest, bool remove_it)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/blobs/sha256/%.2s/%s", b->dir, digest + 7, digest + 7);
	if (remove_it) {
		assert_int_equal(remove(path), 0);
		return;
	}
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	fputc('!', f);
	fclose(f);
}

/* A real manifest, since its digest is looked at. */
static enum err_code manifest_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct store_manifest m;
	int64_t repo, seq;
	bool is_new;
	char *digest = arg;
	AUTO_BUF body = BUF(4096);
	buf_printf(&body, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		   "\"digest\":\"%s\",\"size\":6},\"layers\":[]}", digest);
	TRY(store_manifest_parse(buf_slice(&body), SLICE_NULL, SLICE_NULL, &a, &m, e));
	m.body = buf_slice(&body);
	TRY(store_repo(tx, SL("a/b"), SL(""), true, &repo, e));
	TRY(store_manifest_put(tx, repo, &m, 0, SL("me"), &is_new, e));
	TRY(store_tag_push(tx, repo, SL("v"), m.digest, 0, SL("me"), &seq, e));
	snprintf(digest, 136, "%.*s", SLICE_ARG(m.digest));
	return OK;
}

static void everything(void **state)
{
	struct bench *b = *state;
	struct seen s;
	struct err e = { 0 };
	char config[136], missing[136], manifest[136];
	blob(b, "config", config);
	blob(b, "missing", missing);
	strcpy(manifest, config);
	assert_int_equal(sql_write(b->s.sql, manifest_tx, manifest, &e), OK);
	struct store_check_counts n = check(b, false, &s);
	assert_string_equal(s.kinds, "");
	assert_true(n.blobs == 2 && n.manifests == 1 && n.tags == 1 && n.bytes == 13 && !n.problems);

	overwrite(b, config, false);
	overwrite(b, missing, true);
	DO(b, "UPDATE tag SET served_digest = ?1, served_seq = 9", M2);
	DO(b, "INSERT INTO verdict (repo_id, digest, state, generation, policy_digest, reasons, expires_s, decided_s,"
	   " decision_id, attempts, seq)"
	   " SELECT repo_id, digest, 2, 1, '', '[]', 0, 0, 0, 0, 1 FROM repo_manifest");
	n = check(b, false, &s);
	assert_true(strstr(s.kinds, "blob-damaged ") && strstr(s.kinds, "blob-missing ") && strstr(s.kinds, "tag ") &&
		    strstr(s.kinds, "stuck "));
	assert_int_equal(n.problems, 4);
	n = check(b, true, &s);
	assert_true(n.problems == 4 && n.repaired == 4);
	n = check(b, false, &s);
	assert_string_equal(s.kinds, "");
	assert_false(has_bytes(b, config));
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 1);
	assert_true(count(b, "SELECT gone_s FROM repo_manifest", NULL, NULL) > 0);
	assert_int_equal(count(b, "SELECT count(*) FROM tag WHERE served_digest = ''", NULL, NULL), 1);

	/* a report that is none, a verdict without report, a manifest with other bytes */
	DO(b, "DELETE FROM job");
	DO(b, "UPDATE verdict SET state = 3");
	assert_int_equal(check(b, false, &s).problems, 1);
	assert_string_equal(s.kinds, "report ");
	DO(b, "INSERT INTO report (repo_id, digest, made_s, data_id, body) SELECT repo_id, digest, 1, ?1, CAST(?2 AS $BLOB)"
	   " FROM repo_manifest",
	   "", "nothing");
	check(b, true, &s);
	assert_string_equal(s.kinds, "report ");
	assert_int_equal(count(b, "SELECT count(*) FROM verdict WHERE state = 1", NULL, NULL), 1);
	DO(b, "UPDATE manifest SET body = CAST('{}' AS $BLOB)");
	check(b, true, &s);
	assert_string_equal(s.kinds, "manifest-damaged ");
	assert_int_equal(MANIFESTS(b, manifest), 0);
	assert_int_equal(check(b, false, &s).problems, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(everything, set_up, tear_down) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
