/* A store of its own (SQLite, or PostgreSQL where PABEAN_TEST_PG names an empty database), with what garbage collection looks
 * at. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "os.h"
#include "store_gate.h"
#include "store_keep.h"

enum { NOW = 1900000000, DAY = 86400 };
struct bench { struct store s; char dir[64], url[300]; };
struct sentence { const char *sql; const char *a, *b; int64_t n, result; };

static _Atomic bool never;

/* The parameters that the sentence has: ?1, ?2 text, ?3 a number. */
static inline enum err_code run_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sentence *s = arg;
	const char *a = s->a ? s->a : "", *b = s->b ? s->b : "";
	if (strstr(s->sql, "?3"))
		return sql_run(tx, NULL, e, s->sql, "zzi", a, b, s->n);
	return strstr(s->sql, "?2") ? sql_run(tx, NULL, e, s->sql, "zz", a, b) : strstr(s->sql, "?1") ? sql_run(tx, NULL, e,
			s->sql, "z", a) : sql_run(tx, NULL, e, s->sql, "");
}
static inline enum err_code one_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct sentence *s = arg;
	const char *a = s->a ? s->a : "", *b = s->b ? s->b : "";
	return strstr(s->sql, "?2") ? sql_one_int(tx, &s->result, e, s->sql, "zz", a, b) : strstr(s->sql, "?1") ? sql_one_int(tx,
			&s->result, e, s->sql, "z", a) :
	       sql_one_int(tx, &s->result, e, s->sql, "");
}
#define DO(b, ...) do { struct err e_ = { 0 }; struct sentence s_ = { __VA_ARGS__ }; if (sql_write((b)->s.sql, run_tx, &s_, &e_) != OK) fail_msg("%s", e_.msg); } while (0)
static inline int64_t count(struct bench *b, const char *sql, const char *a, const char *c)
{
	struct err e = { 0 };
	struct sentence s = { sql, a, c, 0, 0 };
	if (sql_read(b->s.sql, one_tx, &s, &e) != OK)
		fail_msg("%s", e.msg);
	return s.result;
}

static inline int set_up(void **state)
{
	static struct bench b;
	struct err e = { 0 };
	b = (struct bench){ 0 };
	strcpy(b.dir, "/tmp/store_keep_XXXXXX");
	if (!mkdtemp(b.dir))
		return -1;
	const char *pg = getenv("PABEAN_TEST_PG");
	snprintf(b.url, sizeof(b.url), pg ? "%s" : "sqlite:%s/a.db", pg ? pg : b.dir);
	struct blob_options bo = { .dir = b.dir, .no_sync = true };
	struct store_options o = { .database_url = b.url, .blobs = &bo, .connections = 8 };
	os_set_now(NOW);
	if (store_open(&o, &b.s, &e) != OK) {
		print_error("%s\n", e.msg);
		return -1;
	}
	static const char *const tables[] = { "DELETE FROM repo_manifest", "DELETE FROM manifest_ref", "DELETE FROM manifest",
					      "DELETE FROM repo_blob", "DELETE FROM blob",
		"DELETE FROM tag", "DELETE FROM verdict", "DELETE FROM report", "DELETE FROM job", "DELETE FROM upload",
			"DELETE FROM pull", "DELETE FROM repo",
		"DELETE FROM setting" };
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		DO(&b, tables[i]);
	*state = &b;
	return 0;
}

static inline int tear_down(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	store_close(&b->s);
	return os_remove_tree(b->dir, &e) == OK ? 0 : -1;
}

/* --- What is put into it ------------------------------------------------------------------------------------------------------ */

/* A blob of this text, its digest. */
static inline void blob(struct bench *b, const char *text, char digest[136])
{
	struct blob_upload *u;
	struct err e = { 0 };
	uint64_t size;
	if (blob_upload_begin(b->s.blobs, DIGEST_SHA256, &u, &e) != OK || blob_upload_append(u, slice_str(text), &e) != OK ||
	    blob_upload_finish(u, SLICE_NULL, digest, &size, &e) != OK || store_blob_settle(&b->s, 0, slice_str(digest), size,
			    SL(""), &e) != OK)
		fail_msg("%s", e.msg);
}

struct image {
	const char *repository, *digest, *subject, *tag;
	const char *blobs[3], *children[2];
	int kind, origin;
};

static inline enum err_code image_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	const struct image *i = arg;
	struct store_ref refs[8];
	struct store_manifest m = { .digest = slice_str(i->digest), .media_type = SL("m/n"), .artifact_type = SL(""),
				    .config_type = SL(""), .annotations = SL("{}"),
				    .subject = slice_str(i->subject ? i->subject : ""), .body = SL("{}"),
					    .kind = (enum store_kind)i->kind, .refs = refs };
	int64_t repo, seq;
	bool is_new;
	for (size_t n = 0; n < 3 && i->blobs[n]; n++)
		refs[m.n_refs++] = (struct store_ref){ .kind = n ? STORE_REF_LAYER : STORE_REF_CONFIG,
						       .digest = slice_str(i->blobs[n]), .media_type = SL("x/y"), .size = 1 };
	for (size_t n = 0; n < 2 && i->children[n]; n++)
		refs[m.n_refs++] = (struct store_ref){ .kind = STORE_REF_CHILD, .digest = slice_str(i->children[n]),
						       .media_type = SL("x/y"), .size = 1 };
	TRY(store_repo(tx, slice_str(i->repository ? i->repository : "a/b"), SL(""), true, &repo, e));
	for (size_t n = 0; n < m.n_refs; n++)
		TRY(refs[n].kind == STORE_REF_CHILD ? store_manifest_pin(tx, repo, refs[n].digest, e) : store_blob_pin(tx,
				refs[n].digest, NULL, e));
	TRY(store_manifest_put(tx, repo, &m, i->origin, SL("me"), &is_new, e));
	return i->tag ? store_tag_push(tx, repo, slice_str(i->tag), m.digest, 0, SL("me"), &seq, e) : OK;
}
#define IMAGE(b, ...) do { struct err e_ = { 0 }; struct image i_ = { __VA_ARGS__ }; if (sql_write((b)->s.sql, image_tx, &i_, &e_) != OK) fail_msg("%s", e_.msg); } while (0)

static inline struct store_keep_counts keep_with(struct bench *b, struct store_keep_rules r)
{
	struct store_keep_counts n;
	struct err e = { 0 };
	if (store_keep_run(&b->s, &r, "here", &never, &n, &e) != OK)
		fail_msg("%s", e.msg);
	return n;
}
static const struct store_keep_rules RULES = { .grace_s = 7200, .upload_keep_s = DAY, .keep_refused_s = 7 * DAY,
					       .keep_unpulled_s = 90 * DAY, .keep_untagged_s = 30 * DAY,
					       .keep_pulls_s = 90 * DAY };

static inline bool has_bytes(struct bench *b, const char *digest)
{
	struct err e;
	uint64_t n;
	return blob_stat(b->s.blobs, slice_str(digest), &n, &e) == OK;
}
#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define MANIFESTS(b, d) count(b, "SELECT count(*) FROM repo_manifest WHERE digest = ?1", d, NULL)
