/* A gateway without HTTP: SQLite and blobs in a directory of its own, real policies, reports made by hand. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "catalogue.h"
#include "events.h"
#include "gate_inside.h"
#include "oci.h"
#include "os.h"
#include "report_store.h"
#include "store_content.h"

enum { NOW = 1900000000, DAY = 86400 };
#define IMAGE_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OK_(call) do { struct err e = { 0 }; if ((call) != OK) fail_msg("%s:%d: %s", __FILE__, __LINE__, e.msg); } while (0)

struct bench { struct gateway g; struct gateway_config *c; struct gateway_run run; char dir[64], db[96], policy[96], cache[96]; };
static const struct access_subject ann = { .name = "ann" };

static const char usual_policy[] = "version: 1\nrules:\n  - {name: malware, when: {kind: malware}, then: refuse, because: It carries malware}\n"
	"  - {name: odd, when: {kind: integrity}, then: hold, because: It is odd}\n"
	"  - {name: flaw, when: {kind: vulnerability}, then: refuse, because: It has a flaw}\n";
static const char usual_config[] = "serve:\n  upstreams:\n    up: {url: \"http://127.0.0.1:1\", insecure: true, platforms: [linux/amd64]}\n  repositories:\n"
	"    - {match: \"off/**\", gate: off}\n    - {match: \"some/**\", platforms: [linux/arm64, linux/amd64]}\n    - {match: \"free/**\", tag_rollback: allow}\n"
	"    - {match: \"**\"}\n";

static inline void no_log(void *arg, struct slice line)
{
	(void)arg;
	if (getenv("TEST_LOG"))
		fprintf(stderr, "%.*s\n", SLICE_ARG(line));
}

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

/* A node of its own over the same records. */
static inline void node_open(struct bench *b, struct gateway *g, const char *role)
{
	struct err e = { 0 };
	if (gateway_open_common(g, &b->run, role, &e) != OK)
		fail_msg("%s", e.msg);
}

static inline int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	os_set_now(NOW);
	strcpy(b->dir, "/tmp/gate_XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->db, sizeof(b->db), "%s/data", b->dir);
	snprintf(b->cache, sizeof(b->cache), "%s/cache", b->dir);
	snprintf(b->policy, sizeof(b->policy), "%s/policy.yaml", b->dir);
	write_file(b->policy, usual_policy);
	OK_(os_private_dir(b->db, &e));
	OK_(gateway_config_parse(slice_str(usual_config), "f", &b->c, &e));
	char sub[96];
	snprintf(sub, sizeof(sub), "%s/state", b->dir);
	OK_(gateway_config_set(b->c, "state", slice_str(sub), &e));
	OK_(gateway_config_set(b->c, "policy", slice_str(b->policy), &e));
	b->run = (struct gateway_run){ .config = b->c, .version = "test", .db_dir = b->db, .cache_dir = b->cache, .log = no_log };
	node_open(b, &b->g, "serve");
	*state = b;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	gateway_close_common(&b->g);
	gateway_config_free(b->c);
	int failed = os_remove_tree(b->dir, &e) != OK;
	free(b);
	return failed;
}

/* --- Records -------------------------------------------------------------------------------------------------------------------- */

struct sentence { const char *sql, *a, *b; int64_t n; };
static inline enum err_code one_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sentence *s = arg;
	const char *a = s->a ? s->a : "", *b = s->b ? s->b : "";
	return strstr(s->sql, "?2") ? sql_one_int(tx, &s->n, e, s->sql, "zz", a, b) : strstr(s->sql, "?1") ? sql_one_int(tx, &s->n, e, s->sql, "z", a) :
	       sql_one_int(tx, &s->n, e, s->sql, "");
}
static inline enum err_code run_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sentence *s = arg;
	const char *a = s->a ? s->a : "", *b = s->b ? s->b : "";
	return strstr(s->sql, "?2") ? sql_run(tx, NULL, e, s->sql, "zz", a, b) : strstr(s->sql, "?1") ? sql_run(tx, NULL, e, s->sql, "z", a) : sql_run(tx, NULL, e, s->sql, "");
}
static inline int64_t count(struct bench *b, const char *sql, const char *p1, const char *p2)
{
	struct sentence s = { sql, p1, p2, 0 };
	OK_(sql_read(b->g.store.sql, one_tx, &s, &e));
	return s.n;
}
static inline void change(struct bench *b, const char *sql, const char *p1, const char *p2)
{
	struct sentence s = { sql, p1, p2, 0 };
	OK_(sql_write(b->g.store.sql, run_tx, &s, &e));
}
static inline int64_t events(struct bench *b, const char *type) { return count(b, "SELECT count(*) FROM event WHERE type = ?1", type, NULL); }
static inline int64_t audits(struct bench *b, const char *what)
{
	return count(b, "SELECT count(*) FROM audit WHERE line LIKE '%\"' || ?1 || '\"%'", what, NULL);
}

/* --- Manifests -------------------------------------------------------------------------------------------------------------------- */

struct child { const char *digest, *platform; };
struct push {
	const char *repository, *tag, *name;	/* images of one name are one image */
	struct child children[6];
	bool index, upstream;
	char body[4096], digest[140];
	int64_t repo_id;
	enum err_code code;
};

static inline void put_child(struct buf *b, const struct child *c, bool first)
{
	buf_printf(b, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":100", first ? "" : ",", c->platform ? IMAGE_TYPE : INDEX_TYPE, c->digest);
	const char *slash = c->platform ? strchr(c->platform, '/') : NULL, *second = slash ? strchr(slash + 1, '/') : NULL;
	if (slash)
		buf_printf(b, ",\"platform\":{\"os\":\"%.*s\",\"architecture\":\"%.*s\"", (int)(slash - c->platform), c->platform,
			   (int)(second ? second - slash - 1 : (ptrdiff_t)strlen(slash + 1)), slash + 1);
	if (second)
		buf_printf(b, ",\"variant\":\"%s\"", second + 1);
	buf_puts(b, slash ? "}}" : "}");
}

static inline enum err_code push_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct push *p = ((void **)arg)[0];
	struct gateway *g = ((void **)arg)[1];
	AUTO_ARENA a = ARENA(MIB);
	AUTO_BUF b = BUF(sizeof(p->body) - 1);
	struct store_manifest m;
	bool is_new;
	if (p->index) {
		buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\",\"annotations\":{\"name\":\"%s\"},\"manifests\":[", p->name);
		for (size_t i = 0; i < ARRAY_LEN(p->children) && p->children[i].digest; i++)
			put_child(&b, &p->children[i], !i);
		buf_puts(&b, "]}");
	} else {
		static const char zero[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
		buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE_TYPE "\",\"annotations\":{\"name\":\"%s\"},\"config\":{\"mediaType\":"
			   "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":0},\"layers\":[]}", p->name, zero);
	}
	TRY(buf_ok(&b, "a manifest", e));
	snprintf(p->body, sizeof(p->body), "%s", buf_cstr(&b));
	TRY(store_manifest_parse(slice_str(p->body), SLICE_NULL, SLICE_NULL, &a, &m, e));
	snprintf(p->digest, sizeof(p->digest), "%.*s", SLICE_ARG(m.digest));
	TRY(store_repo(tx, slice_str(p->repository), p->upstream ? SL("up") : SL(""), true, &p->repo_id, e));
	TRY(store_manifest_put(tx, p->repo_id, &m, p->upstream, SL("ann"), &is_new, e));
	struct store_put put = { .repo_id = p->repo_id, .repository = slice_str(p->repository), .digest = m.digest, .tag = slice_str(p->tag ? p->tag : ""), .account = SL("ann"),
				 .kind = m.kind, .from_upstream = p->upstream };
	return gate_put(g, tx, &put, e);
}

static inline struct push pushed(struct bench *b, struct push p)
{
	void *arg[] = { &p, &b->g };
	struct err e = { 0 };
	p.code = sql_write(b->g.store.sql, push_tx, arg, &e);
	return p;
}
#define PUSH(...) pushed(b, (struct push){ __VA_ARGS__ })

/* --- Reports and verdicts ------------------------------------------------------------------------------------------------------------ */

/* What was found in it: m…: malware of that name (refused), o…: odd (held), anything else: information. */
struct seen { const char *names[6]; bool incomplete; const char *package, *version; struct slice data_id; };
struct judging { struct bench *b; struct gateway *g; const char *repository, *digest; const struct seen *seen; struct store_verdict old; enum store_state state; };

static inline void make_report(struct report *r, struct arena *a, const char *repository, const char *digest, const struct seen *s)
{
	*r = (struct report){ .arena = a, .complete = !s->incomplete, .digest = slice_str(digest), .transport = SL("docker") };
	r->reference = arena_printf(a, "registry.example/%s:1", repository);
	r->os = (struct os_info){ .id = SL("debian"), .version_id = SL("12"), .name = SL("Debian"), .known = true };
	for (size_t i = 0; i < ARRAY_LEN(s->names) && s->names[i]; i++) {
		struct finding *f = report_add_finding(r);
		f->rule = arena_printf(a, "test.%s", s->names[i]);
		f->kind = s->names[i][0] == 'm' ? KIND_MALWARE : s->names[i][0] == 'o' ? KIND_INTEGRITY : KIND_MISCONFIGURATION;
		f->severity = SEV_HIGH;
		f->title = f->subject = slice_str(s->names[i]);
		f->shown = true;
		struct evidence *v = finding_add_evidence(r, f);
		v->layer = -1;
		v->path = SL("/x");
		finding_seal(r, f);
	}
	if (s->package) {
		struct package *p = ARENA_PUSH(a, &r->packages);
		*p = (struct package){ .type = SL("deb"), .name = slice_str(s->package), .version = slice_str(s->version), .source_name = slice_str(s->package),
				       .source_version = slice_str(s->version), .layer = -1 };
		p->purl = arena_printf(a, "pkg:deb/debian/%s@%s", s->package, s->version);
	}
	report_sort(r);
}

static inline enum err_code judging_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct judging *k = arg;
	AUTO_ARENA a = ARENA(4 * MIB);
	struct report r;
	struct judged j;
	int64_t repo;
	char data_id[330];
	make_report(&r, &a, k->repository, k->digest, k->seen);
	TRY(store_repo(tx, slice_str(k->repository), SLICE_NULL, false, &repo, e));
	enum err_code code = store_verdict_get(tx, repo, slice_str(k->digest), &a, &k->old, e);
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	struct policy_set *set = gate_policies(k->g);
	gate_data_id(k->g, data_id);
	enum err_code rc = gate_judge(k->g, tx, set, atomic_load(&k->g->gate->generation), repo, slice_str(k->repository), slice_str(k->digest), &r, &a, &j, e);
	if (rc == OK)
		rc = catalogue_report_put(tx, k->g->gate->rejudge, repo, slice_str(k->digest), k->seen->data_id.n ? k->seen->data_id : slice_str(data_id), &r, e);
	if (rc == OK)
		rc = gate_store_verdict(k->g, tx, slice_str(k->repository), code == OK ? &k->old : NULL, &j, e);
	policy_set_release(set);
	k->state = j.verdict.state;
	return rc;
}

/* As at the end of an inspection. */
static inline enum store_state inspected(struct bench *b, const char *repository, const char *digest, struct seen seen)
{
	struct judging k = { .b = b, .g = &b->g, .repository = repository, .digest = digest, .seen = &seen };
	OK_(sql_write(b->g.store.sql, judging_tx, &k, &e));
	return k.state;
}
#define INSPECTED(repository, digest, ...) inspected(b, repository, digest, (struct seen){ __VA_ARGS__ })
#define CLEAN { "fine" }

struct stored { const char *repository, *digest; struct store_verdict v; char reasons[4096], policy[80]; bool there; };
static inline enum err_code stored_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct stored *k = arg;
	AUTO_ARENA a = ARENA(256 * KIB);
	int64_t repo;
	TRY(store_repo(tx, slice_str(k->repository), SLICE_NULL, false, &repo, e));
	enum err_code code = store_verdict_get(tx, repo, slice_str(k->digest), &a, &k->v, e);
	k->there = code == OK;
	if (code != OK)
		return code == ERR_NOT_FOUND ? OK : code;
	snprintf(k->reasons, sizeof(k->reasons), "%.*s", SLICE_ARG(k->v.reasons));
	snprintf(k->policy, sizeof(k->policy), "%.*s", SLICE_ARG(k->v.policy_digest));
	return OK;
}
static inline struct stored verdict(struct bench *b, const char *repository, const char *digest)
{
	struct stored k = { .repository = repository, .digest = digest };
	OK_(sql_read(b->g.store.sql, stored_tx, &k, &e));
	return k;
}

struct looking { struct gateway *g; const char *repository, *digest; struct gate_view view; size_t stale, missing; char about[140], reasons[2000], first_missing[140]; enum err_code code; struct err why; };
static inline enum err_code looking_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct looking *k = arg;
	AUTO_ARENA a = ARENA(32 * MIB);
	int64_t repo;
	TRY(store_repo(tx, slice_str(k->repository), SLICE_NULL, false, &repo, e));
	k->view = (struct gate_view){ 0 };
	k->code = gate_look(k->g, tx, repo, slice_str(k->repository), slice_str(k->digest), 0, &a, &k->view, &k->why);
	k->stale = k->view.stale.n;
	k->missing = k->view.missing.n;
	snprintf(k->about, sizeof(k->about), "%.*s", SLICE_ARG(k->view.about));
	snprintf(k->reasons, sizeof(k->reasons), "%.*s", SLICE_ARG(k->view.reasons));
	snprintf(k->first_missing, sizeof(k->first_missing), "%.*s", SLICE_ARG(k->missing ? k->view.missing.items[0] : SLICE_NULL));
	return OK;
}
static inline struct looking look(struct bench *b, const char *repository, const char *digest)
{
	struct looking k = { .g = &b->g, .repository = repository, .digest = digest };
	OK_(sql_read(b->g.store.sql, looking_tx, &k, &e));
	return k;
}

struct tagged { const char *repository, *tag; char pushed[140], served[140]; };
static inline enum err_code tagged_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tagged *k = arg;
	AUTO_ARENA a = ARENA(8 * KIB);
	struct store_tag t;
	int64_t repo;
	TRY(store_repo(tx, slice_str(k->repository), SLICE_NULL, false, &repo, e));
	TRY(store_tag_get(tx, repo, slice_str(k->tag), &a, &t, e));
	snprintf(k->pushed, sizeof(k->pushed), "%.*s", SLICE_ARG(t.pushed_digest));
	snprintf(k->served, sizeof(k->served), "%.*s", SLICE_ARG(t.served_digest));
	return OK;
}
static inline struct tagged tag(struct bench *b, const char *repository, const char *name)
{
	struct tagged k = { .repository = repository, .tag = name };
	OK_(sql_read(b->g.store.sql, tagged_tx, &k, &e));
	return k;
}

/* The policy's file is another one now. */
static inline void new_policy(struct bench *b, const char *text)
{
	write_file(b->policy, text);
	OK_(gate_refresh(&b->g, true, &e));
}
static inline void sweep(struct bench *b)
{
	static _Atomic bool never;
	gate_sweep_soon(&b->g);
	OK_(gate_sweep(&b->g, &never, &e));
}
