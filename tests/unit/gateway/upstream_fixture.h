/* An upstream with content that behaves as the repository's name says, and a gateway around it; the gate is played: everything is admitted. */
#pragma once
#include "fake_upstream.h"
#include "gate_inside.h"
#include "oci.h"
#include "upstream_inside.h"
#include <errno.h>

#define IMAGE "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"

static struct fake fake;
static struct gateway g;
static struct gateway_config config;
static struct config_upstream ups[3];
static struct config_repository rule;
static struct gateway_run run;
static char dir[64];
static char urls[3][80];

/* --- What it serves ----------------------------------------------------------------------------------------------------- */

static char image[3][600], image_digest[3][80], index_body[1500], index_digest_text[80], referrer[900], referrer_digest[80];
static unsigned latest;			/* which image the tag "t" is */
static bool dead;
static char blob[200000];

static void digest_text(const void *p, size_t n, char dst[80])
{
	uint8_t d[32];
	char hex[65];
	digest_of(DIGEST_SHA256, slice_of(p, n), d);
	hex_encode(hex, d, 32);
	snprintf(dst, 80, "sha256:%s", hex);
}

static void make_content(void)
{
	char zero[80];
	digest_text("", 0, zero);
	for (int i = 0; i < 3; i++) {
		snprintf(image[i], sizeof(image[i]), "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE "\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
			 "\"digest\":\"%s\",\"size\":%d},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\",\"size\":%d}]}", zero, i, zero,
			 1000 + i);
		digest_text(image[i], strlen(image[i]), image_digest[i]);
	}
	snprintf(index_body, sizeof(index_body), "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[{\"mediaType\":\"" IMAGE "\",\"digest\":\"%s\",\"size\":%zu,"
		 "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},{\"mediaType\":\"" IMAGE "\",\"digest\":\"%s\",\"size\":%zu,\"platform\":{\"os\":\"linux\","
		 "\"architecture\":\"arm64\"}}]}", image_digest[0], strlen(image[0]), image_digest[1], strlen(image[1]));
	digest_text(index_body, strlen(index_body), index_digest_text);
	snprintf(referrer, sizeof(referrer), "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE "\",\"artifactType\":\"application/vnd.test\",\"config\":{\"mediaType\":"
		 "\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[],"
		 "\"subject\":{\"mediaType\":\"" IMAGE "\",\"digest\":\"%s\",\"size\":%zu}}", image_digest[0], strlen(image[0]));
	digest_text(referrer, strlen(referrer), referrer_digest);
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (char)(i * 7 + i / 251);
}

static void give(struct fake_answer *a, const char *type, const void *body, size_t n, const char *digest)
{
	a->status = 200;
	a->body = body;
	a->n = n;
	snprintf(a->headers, sizeof(a->headers), "Content-Type: %s\r\n%s%s%s", type, digest ? "Docker-Content-Digest: " : "", digest ? digest : "", digest ? "\r\n" : "");
}

static bool manifests(const char *what, struct fake_answer *a)
{
	for (unsigned i = 0; i < 3; i++)
		if (strstr(what, image_digest[i]) || (i == latest && !strcmp(what, "t"))) {
			give(a, IMAGE, image[i], strlen(image[i]), image_digest[i]);
			return true;
		}
	if (!strcmp(what, "multi") || !strcmp(what, index_digest_text))
		give(a, INDEX, index_body, strlen(index_body), index_digest_text);
	else if (!strcmp(what, referrer_digest))
		give(a, IMAGE, referrer, strlen(referrer), NULL);
	return a->status == 200;
}

static void referrers_of(struct fake_answer *a)
{
	static char body[600];
	snprintf(body, sizeof(body), "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[{\"mediaType\":\"" IMAGE "\",\"digest\":\"%s\",\"size\":%zu}]}",
		 referrer_digest, strlen(referrer));
	give(a, INDEX, body, strlen(body), NULL);
}

static void tag_page(const struct fake_request *q, struct fake_answer *a)
{
	if (strstr(q->path, "last=")) {
		give(a, "application/json", "{\"name\":\"x\",\"tags\":[\"a\",\"../evil\",\"c\"]}", 40, NULL);
		a->n = strlen(a->body);
		return;
	}
	give(a, "application/json", "{\"name\":\"x\",\"tags\":[\"b\",\"a\"]}", 0, NULL);
	a->n = strlen(a->body);
	strcat(a->headers, strstr(q->path, "elsewhere") ? "Link: <http://127.0.0.1:1/v2/x/tags/list?last=b>; rel=\"next\"\r\n"
							: "Link: </v2/app/tags/list?last=b&n=1000>; rel=\"next\"\r\n");
}

static void blobs(const struct fake_request *q, struct fake_answer *a)
{
	size_t from = q->has_range ? (size_t)q->range : 0;
	give(a, "application/octet-stream", blob + from, sizeof(blob) - from, NULL);
	if (q->has_range) {
		a->status = 206;
		snprintf(a->headers + strlen(a->headers), 200, "Content-Range: bytes %zu-%zu/%zu\r\n", from, sizeof(blob) - 1, sizeof(blob));
	}
	if (strstr(q->path, "/broken/") && !q->has_range) {
		a->promise = sizeof(blob);
		a->n = sizeof(blob) / 3;
	}
	if (strstr(q->path, "/endless/"))
		a->endless = true;
}

static void evil(const struct fake_request *q, struct fake_answer *a, const char *what)
{
	char url[64];
	manifests(what, a);
	if (strstr(q->path, "/lying/"))
		give(a, IMAGE, image[0], strlen(image[0]), image_digest[1]);
	if (strstr(q->path, "/other/"))
		give(a, IMAGE, image[2], strlen(image[2]), NULL);
	if (strstr(q->path, "/both/"))
		give(a, IMAGE, "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", 46, NULL);
	if (strstr(q->path, "/schema1/"))
		give(a, "application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1,\"name\":\"x\"}", 30, NULL);
	if (strstr(q->path, "/endless/"))
		a->status = 200, a->endless = true;
	if (strstr(q->path, "/limit/"))
		*a = (struct fake_answer){ .status = 429, .promise = UINT64_MAX, .headers = "Retry-After: 2\r\n" };
	if (strstr(q->path, "/error/"))
		*a = (struct fake_answer){ .status = 500, .promise = UINT64_MAX };
	if (strstr(q->path, "/stall/"))
		a->stall_ms = 3000;
	if (strstr(q->path, "/slow/"))
		a->stall_ms = 300;
	snprintf(url, sizeof(url), "http://%s/x", strstr(q->path, "/mapped/") ? "[::ffff:169.254.169.254]" : "169.254.169.254");
	if (strstr(q->path, "/moved/") || strstr(q->path, "/mapped/")) {
		*a = (struct fake_answer){ .status = 307, .promise = UINT64_MAX };
		snprintf(a->headers, sizeof(a->headers), "Location: %s\r\n", url);
	}
	if (strstr(q->path, "/realm/")) {
		*a = (struct fake_answer){ .status = 401, .promise = UINT64_MAX };
		snprintf(a->headers, sizeof(a->headers), "WWW-Authenticate: Bearer realm=\"%s\",service=\"s\"\r\n", url);
	}
}

static void on_request(const struct fake_request *q, struct fake_answer *a)
{
	const char *what = strrchr(q->path, '/') + 1;
	if (dead) {
		*a = (struct fake_answer){ .status = 503, .promise = UINT64_MAX };
		return;
	}
	if (!strncmp(q->path, "/token", 6)) {
		give(a, "application/json", "{\"token\":\"good\",\"expires_in\":300}", 33, NULL);
		return;
	}
	if (strstr(q->path, "/private/") && strcmp(q->authorization, "Bearer good")) {
		*a = (struct fake_answer){ .status = 401, .promise = UINT64_MAX };
		snprintf(a->headers, sizeof(a->headers), "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%u/token\",service=\"s\"\r\n", fake.port);
		return;
	}
	if (strstr(q->path, "/tags/list"))
		tag_page(q, a);
	else if (strstr(q->path, "/referrers/") && !strstr(q->path, "/old/"))
		referrers_of(a);
	else if (strstr(q->path, "/manifests/sha256-") && strstr(q->path, "/old/"))
		referrers_of(a);
	else if (strstr(q->path, "/blobs/"))
		blobs(q, a);
	else if (strstr(q->path, "/manifests/"))
		evil(q, a, what);
}

/* --- The gateway around it ---------------------------------------------------------------------------------------------------- */

/* In place of the gate: everything is admitted, so that what is tested here is upstream's part. */
static bool admit_all = true;

[[gnu::weak]] void gate_changed(struct gateway *gw) { (void)gw; }
[[gnu::weak]] const struct slice_items *gate_platforms(struct gateway *gw, struct slice repository)
{
	(void)gw, (void)repository;
	return &ups[0].platforms;
}
[[gnu::weak]] bool gate_child_counts(const struct slice_items *platforms, const struct store_manifest *index, const struct store_ref *ref)
{
	(void)index;
	return ref->kind == STORE_REF_CHILD && slice_eq(ref->platform, platforms->items[0]);
}
[[gnu::weak]] enum err_code gate_put(struct gateway *gw, struct sql_tx *tx, const struct store_put *put, struct err *e)
{
	int64_t seq;
	bool changed, cooled;
	uint64_t wait_s;
	(void)gw;
	if (!put->tag.n)
		return OK;
	TRY(store_tag_push(tx, put->repo_id, put->tag, put->digest, 1, put->account, &seq, e));
	TRY(upstream_cooled(&g, tx, &ups[slice_has_prefix(put->repository, SL("cool/"))], put->repo_id, put->digest, &cooled, &wait_s, e));
	return cooled && admit_all ? store_tag_serve(tx, put->repo_id, put->tag, put->digest, seq, &changed, e) : OK;
}
[[gnu::weak]] enum err_code gate_look(struct gateway *gw, struct sql_tx *tx, int64_t repo_id, struct slice repository, struct slice digest, unsigned depth, struct arena *a,
				      struct gate_view *view, struct err *e)
{
	(void)gw, (void)tx, (void)repo_id, (void)repository, (void)digest, (void)depth, (void)a, (void)e;
	view->result = admit_all ? GATE_YES : GATE_WAIT;
	return OK;
}
static unsigned events;
[[gnu::weak]] enum err_code event_put(struct gateway *gw, struct sql_tx *tx, const char *type, struct slice repository, struct slice digest, struct slice body, struct err *e)
{
	(void)gw, (void)tx, (void)repository, (void)digest, (void)body, (void)e;
	events += !strcmp(type, "tag.rollback");
	return OK;
}

static int set_up(void **state)
{
	(void)state;
	struct err e = { 0 };
	char url[128];
	static struct slice platform = { (const uint8_t *)"linux/amd64", 11 };
	make_content();
	fake_start(&fake, on_request);
	snprintf(dir, sizeof(dir), "/tmp/test-upstream-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(urls[0], 80, "http://127.0.0.1:%u", fake.port);
	for (int i = 0; i < 3; i++)
		ups[i] = (struct config_upstream){ .url = slice_str(urls[0]), .insecure = true, .tag_ttl_ms = 100, .timeout_ms = 1000, .rollback = ROLLBACK_WARN,
			.platforms = { .items = &platform, .n = 1 } };
	ups[0].name = SL("up");
	ups[1].name = SL("cool");
	ups[1].cool_down_ms = 3600000;
	ups[2].name = SL("gone");
	ups[2].url = SL("http://127.0.0.1:1");
	static struct slice refuse = { (const uint8_t *)"bad/**", 6 };
	ups[0].refuse = (struct slice_items){ .items = &refuse, .n = 1 };
	ups[0].max_image_bytes = 1 << 20;
	rule = (struct config_repository){ .match = SL("**"), .gate = GATE_ENFORCE };
	config = (struct gateway_config){ .upstreams = ups, .n_upstreams = 3, .repositories = &rule, .n_repositories = 1, .max_manifest_bytes = 1 << 20 };
	run.version = "test";
	g = (struct gateway){ .config = &config, .run = &run };
	snprintf(url, sizeof(url), "sqlite:%s/db", dir);
	struct sql_options o = { .url = url, .migrations = store_migrations, .n_migrations = store_migrations_n };
	if (sql_open(&o, &g.store.sql, &e) || upstreams_open(&g, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	struct err e;
	upstreams_close(&g);
	sql_close(g.store.sql);
	fake_stop(&fake);
	return os_remove_tree(dir, &e) != OK;
}

static struct call call_of(const char *repository)
{
	struct call c = { .g = &g, .repository = slice_str(repository) };
	bool reserved;
	c.upstream = config_upstream_of(&config, c.repository, &c.upstream_name, &reserved);
	return c;
}

static struct err last;
static enum err_code ask_tag(const char *repository, const char *tag, char warning[512])
{
	struct call c = call_of(repository);
	last = (struct err){ 0 };
	return upstream_tag(&c, slice_str(tag), warning, &last);
}

struct asked { const char *repository, *tag; char pushed[160], served[160]; bool there; };
static enum err_code asked_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct asked *k = arg;
	AUTO_ARENA a = ARENA(64 * KIB);
	int64_t id;
	struct store_tag t;
	enum err_code rc = store_repo(tx, slice_str(k->repository), SLICE_NULL, false, &id, e);
	if (!rc)
		rc = store_tag_get(tx, id, slice_str(k->tag), &a, &t, e);
	k->there = !rc;
	if (rc)
		return rc == ERR_NOT_FOUND ? OK : rc;
	snprintf(k->pushed, 160, "%.*s", SLICE_ARG(t.pushed_digest));
	snprintf(k->served, 160, "%.*s", SLICE_ARG(t.served_digest));
	return OK;
}

static struct asked tag_now(const char *repository, const char *tag)
{
	struct asked k = { repository, tag, "", "", false };
	struct err e;
	assert_int_equal(sql_read(g.store.sql, asked_tx, &k, &e), OK);
	return k;
}

static bool here(const char *repository, const char *digest)
{
	struct call c = call_of(repository);
	struct upstream_place p = upstream_place_of(&c);
	struct err e;
	bool yes = false;
	assert_int_equal(upstream_has(&p, slice_str(digest), &yes, &e), OK);
	return yes;
}

static void ttl_passes(void) { usleep(150000); }
