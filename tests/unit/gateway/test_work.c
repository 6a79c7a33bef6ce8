/* Artifacts by their type, and the last step of an inspection (GATE.md 1, 6). */
#include "gate_fixture.h"
#include "store_keep.h"
#include "work.h"

static const char milder[] = "version: 1\nrules:\n  - {name: known, when: {kind: integrity, rule: artifact.known}, then: hold, because: Not today}\n";

static void blob(struct bench *b, struct slice bytes, char digest[140])
{
	struct blob_upload *u;
	uint64_t size;
	OK_(blob_upload_begin(b->g.store.blobs, DIGEST_SHA256, &u, &e));
	OK_(blob_upload_append(u, bytes, &e));
	OK_(blob_upload_finish(u, SLICE_NULL, digest, &size, &e));
	OK_(store_blob_settle(&b->g.store, 0, slice_str(digest), size, SL(""), &e));
}

struct item { struct bench *b; struct work w; struct arena arena; _Atomic bool lost; char body[1500]; char rule[64]; bool change, follow; };

static enum err_code put_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct item *k = arg;
	struct work *w = &k->w;
	static const char *const kinds[] = { "inspect", NULL };
	bool is_new;
	TRY(store_manifest_parse(slice_str(k->body), SLICE_NULL, SLICE_NULL, &k->arena, &w->manifest, e));
	TRY(store_repo(tx, SL("a/b"), SL(""), true, &w->job.repo_id, e));
	TRY(store_manifest_put(tx, w->job.repo_id, &w->manifest, 0, SL("ann"), &is_new, e));
	TRY(gate_start(tx, w->job.repo_id, w->manifest.digest, SL("ann"), 5, true, e));
	return store_job_lease(tx, kinds, k->b->g.node, 60000, &k->arena, &w->job, e);
}

/* One manifest of this config and layer, leased. */
static void begin(struct bench *b, struct item *k, const char *config_type, const char *layer_type, struct slice layer)
{
	char config_digest[140], layer_digest[140];
	*k = (struct item){ .b = b, .arena = ARENA(MIB), .w = { .g = &b->g, .repository = SL("a/b") } };
	k->w.arena = &k->arena;
	k->w.lost = &k->lost;
	blob(b, SL("{}"), config_digest);
	blob(b, layer, layer_digest);
	snprintf(k->body, sizeof(k->body), "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE_TYPE "\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2},\"layers\":"
		 "[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}", config_type, config_digest, layer_type, layer_digest, layer.n);
	OK_(sql_write(b->g.store.sql, put_tx, k, &e));
}

static enum err_code on_report(void *arg, struct report *r, struct err *e)
{
	struct item *k = arg;
	(void)e;
	snprintf(k->rule, sizeof(k->rule), "%.*s", SLICE_ARG(r->findings.n ? r->findings.items[0].rule : SL("")));
	return OK;
}

static void types(void **state)
{
	struct bench *b = *state;
	static uint8_t tar[1024];
	memcpy(tar + 257, "ustar", 5);
	const struct slice packed = slice_of(tar, sizeof(tar)), gz = slice_of("\x1f\x8b\x08\0\0\0\0\0\0\3", 10), json = SL("{\"a\":1}");
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
	const struct { const char *config, *layer; struct slice bytes; const char *rule; } t[] = {
		{ "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", gz, "artifact.known" },
		{ "application/vnd.cncf.notary.signature", "application/jose+json", json, "artifact.known" },
		{ "application/vnd.cncf.notary.signature", "application/jose+json", gz, "artifact.unknown" },
		{ "application/vnd.cncf.notary.signature", "application/jose+json", packed, "artifact.unknown" },
		{ "application/vnd.acme.rocket", "application/x", json, "artifact.unknown" },
		{ OCI_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json", json, "artifact.known" },
		{ OCI_CONFIG, "application/vnd.in-toto+json", packed, "artifact.unknown" },
		{ OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip", gz, NULL },
		{ "application/octet-stream", "application/vnd.oci.image.layer.v1.tar+gzip", gz, NULL },	/* dockerd runs these */
		{ "application/json", "application/vnd.oci.image.layer.v1.tar", packed, NULL },
		{ "text/html", "application/vnd.oci.image.layer.v1.tar", packed, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct item k;
		begin(b, &k, t[i].config, t[i].layer, t[i].bytes);
		if (work_is_artifact(&k.w) != (t[i].rule != NULL))
			fail_msg("%zu: %s %s", i, t[i].config, t[i].layer);
		if (t[i].rule) {
			OK_(work_artifact(&k.w, on_report, &k, &e));
			assert_string_equal(k.rule, t[i].rule);
		}
		change(b, "DELETE FROM job", NULL, NULL);
		arena_free(&k.arena);
	}
}

static const char helm[] = "application/vnd.cncf.helm.config.v1+json", chart[] = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/* Between the last byte and the verdict others change the policy. */
static enum err_code meanwhile(void *arg, struct report *r, struct err *e)
{
	struct item *k = arg;
	if (k->change) {
		write_file(k->b->policy, milder);
		change(k->b, "INSERT INTO generation (policies, advisories, intel, waivers, at_s, node) SELECT 'other', advisories, intel, waivers, at_s, 'elsewhere' FROM generation"
		       " ORDER BY number DESC LIMIT 1", NULL, NULL);
	}
	if (k->follow)
		OK_(gate_refresh(&k->b->g, true, &e));
	return work_conclude(&k->w, r, e);
}

static void policy_meanwhile(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	struct item k;
	begin(b, &k, helm, chart, SL("text"));
	OK_(work_inspect(&k.w, &e));
	char digest[140];
	snprintf(digest, sizeof(digest), "%.*s", SLICE_ARG(k.w.manifest.digest));
	assert_true(verdict(b, "a/b", digest).v.state == STATE_HELD || verdict(b, "a/b", digest).v.state == STATE_ADMITTED);
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 0);
	int64_t seq = verdict(b, "a/b", digest).v.seq;
	arena_free(&k.arena);
	/* Policies that this worker does not have: nothing is stored, the job stays. */
	begin(b, &k, helm, chart, SL("text"));
	k.w.repository = SL("a/b");
	gate_data_id(&b->g, k.w.data_id);
	k.change = true;
	assert_int_equal(work_artifact(&k.w, meanwhile, &k, &e), ERR_NOT_FOUND);
	assert_true(verdict(b, "a/b", digest).v.seq == seq && count(b, "SELECT count(*) FROM job", NULL, NULL) == 1);
	/* Policies that it can read: judged by these, and recorded as judged by these. */
	k.change = false;
	k.follow = true;
	OK_(work_artifact(&k.w, meanwhile, &k, &e));
	struct stored now = verdict(b, "a/b", digest);
	assert_true(now.v.state == STATE_HELD && strstr(now.reasons, "Not today") && now.v.generation == count(b, "SELECT max(number) FROM generation", NULL, NULL));
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 0);
	arena_free(&k.arena);
}

/* Who lost the lease stores nothing. */
static void lost(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	struct item k;
	begin(b, &k, helm, chart, SL("text"));
	gate_data_id(&b->g, k.w.data_id);
	change(b, "UPDATE job SET owner = 'another'", NULL, NULL);
	assert_int_equal(work_artifact(&k.w, work_conclude, &k.w, &e), ERR_CANCELLED);
	assert_int_equal(count(b, "SELECT count(*) FROM verdict WHERE state = 1", NULL, NULL), 1);
	assert_int_equal(count(b, "SELECT count(*) FROM report", NULL, NULL), 0);
	change(b, "UPDATE job SET owner = ?1", b->g.node, NULL);
	strcpy(k.w.data_id, "advisories of before");
	assert_int_equal(work_artifact(&k.w, work_conclude, &k.w, &e), ERR_CANCELLED);	/* matched with other data than there are now */
	assert_int_equal(count(b, "SELECT count(*) FROM job", NULL, NULL), 1);
	arena_free(&k.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(types, set_up, tear_down), cmocka_unit_test_setup_teardown(policy_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lost, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
