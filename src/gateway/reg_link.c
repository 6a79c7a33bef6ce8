/* Who has which blob where: publishing, mounting, quota. */
#include "registry.h"
#include "oci.h"
#include "os.h"
#include <time.h>

enum { RENEW_S = 600, GOING_TRIES = 100, MOST_PLACES = 32 };

struct link {
	struct call *c;
	struct slice digest, upload_id;
	uint64_t size, since_s, used_s;
	bool yes, own;
};

void reg_blob_created(struct call *c, struct slice digest)
{
	c->outcome = "pushed";
	http_add_headerf(c->r, "Location", "/v2/%.*s/blobs/%.*s", SLICE_ARG(c->repository), SLICE_ARG(digest));
	http_add_header(c->r, "Docker-Content-Digest", digest);
	http_respond(c->r, 201, NULL, SLICE_NULL);
}

/* --- Publishing -------------------------------------------------------------------------------------------------------------- */

static enum err_code publish_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	int64_t repo_id;
	TRY(store_repo(tx, l->c->repository, SL(""), true, &repo_id, e));
	TRY(store_blob_put(tx, repo_id, l->digest, l->size, reg_account(l->c), e));
	if (l->upload_id.n)
		TRY(store_upload_delete(tx, l->upload_id, e));
	return OK;
}

static enum err_code going_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	return store_blob_going(tx, l->digest, &l->yes, e);
}

/* Garbage collection is about to remove these very bytes: until it is done nobody knows whether they are there. */
static enum err_code wait_until_gone(struct link *l, struct err *e)
{
	for (int i = 0; i < GOING_TRIES; i++) {
		uint64_t size;
		TRY(sql_read(l->c->g->store.sql, going_tx, l, e));
		if (!l->yes)
			return blob_stat(l->c->g->store.blobs, l->digest, &size, e) == OK ? OK : err_set(e, ERR_TIMEOUT, 0, "the content was removed while it came");
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	return err_set(e, ERR_TIMEOUT, 0, "the content is being removed");
}

enum err_code reg_blob_publish(struct call *c, struct slice digest, uint64_t size, struct slice upload_id, struct err *e)
{
	struct link l = { .c = c, .digest = digest, .size = size, .upload_id = upload_id };
	enum err_code code = sql_write(c->g->store.sql, publish_tx, &l, e);
	if (code != ERR_CANCELLED)
		return code;
	TRY(wait_until_gone(&l, e));
	return sql_write(c->g->store.sql, publish_tx, &l, e);
}

/* --- Questions ----------------------------------------------------------------------------------------------------------------- */

static enum err_code own_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	int64_t repo_id;
	l->yes = false;
	enum err_code code = store_repo(tx, l->c->repository, SLICE_NULL, false, &repo_id, e);
	if (code == OK)
		code = store_blob_size(tx, l->digest, &l->size, e);
	if (code == ERR_NOT_FOUND)
		return OK;
	return code == OK ? store_blob_linked(tx, repo_id, l->digest, reg_account(l->c), false, l->since_s, &l->yes, e) : code;
}

enum err_code reg_blob_own(struct call *c, struct slice digest, uint64_t since_s, bool *ret, uint64_t *ret_size, struct err *e)
{
	struct link l = { .c = c, .digest = digest, .since_s = since_s };
	*ret = false;
	/* The anonymous are one account with nothing of its own, but docker asks with HEAD for what it has just uploaded, and gives up without. */
	if (c->who.anonymous && (!slice_eqs(http_method(c->r), "HEAD") || c->upstream || !access_may(&c->who, ACCESS_PUSH, c->repository)))
		return OK;
	TRY(sql_read(c->g->store.sql, own_tx, &l, e));
	*ret = l.yes;
	if (l.yes)
		*ret_size = l.size;
	return OK;
}

enum err_code reg_blob_usable(struct call *c, struct slice digest, bool *ret, struct err *e)
{
	struct link l = { .c = c, .digest = digest };
	struct gate_answer answer = { 0 };
	uint64_t size;
	TRY(sql_read(c->g->store.sql, own_tx, &l, e));
	*ret = l.yes;
	if (l.yes)
		return OK;
	if (!access_may(&c->who, ACCESS_PULL, c->repository))
		return OK;
	TRY(gate_blob(c, digest, &answer, &size, e));
	*ret = answer.result == GATE_YES;
	return OK;
}

static enum err_code used_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	return store_blob_used(tx, l->digest, &l->used_s, e);
}

static enum err_code renew_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	return store_blob_pin(tx, l->digest, NULL, e);
}

void reg_blob_renew(struct call *c, struct slice digest)
{
	struct link l = { .c = c, .digest = digest };
	struct err e = { 0 };
	if (sql_read(c->g->store.sql, used_tx, &l, &e) == OK && l.used_s + RENEW_S < os_now_s() && sql_write(c->g->store.sql, renew_tx, &l, &e) != OK)
		gateway_log(c->g, LOG_WARN, "a blob's grace was not renewed", "ztzz", "digest", digest, "error", e.msg);
}

struct quota { struct call *c; uint64_t bytes; };

static enum err_code quota_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct quota *q = arg;
	int64_t repo_id;
	q->bytes = 0;
	enum err_code code = store_repo(tx, q->c->repository, SLICE_NULL, false, &repo_id, e);
	return code == OK ? store_repo_bytes(tx, repo_id, &q->bytes, e) : code == ERR_NOT_FOUND ? OK : code;
}

enum err_code reg_quota(struct call *c, uint64_t more, struct err *e)
{
	struct quota q = { c, 0 };
	if (!c->rule->quota_bytes)
		return OK;
	TRY(sql_read(c->g->store.sql, quota_tx, &q, e));
	if (q.bytes > c->rule->quota_bytes || more > c->rule->quota_bytes - q.bytes)
		return err_set(e, ERR_LIMIT, 0, "the repository's quota of %llu bytes would be passed", (unsigned long long)c->rule->quota_bytes);
	return OK;
}

/* --- Mounting -------------------------------------------------------------------------------------------------------------------- */

/* May the caller take the blob from that repository? It pulls there and the blob is admitted there, or brought it there. */
static bool visible_in(struct call *c, struct slice digest, struct slice from)
{
	struct call there;
	struct gate_answer answer = { 0 };
	struct err e = { 0 };
	uint64_t size;
	bool own;
	if (!reg_call_for(c, from, &there) || !access_may(&c->who, ACCESS_PULL, there.repository))
		return false;
	if (gate_blob(&there, digest, &answer, &size, &e) == OK && answer.result == GATE_YES)
		return true;
	return reg_blob_own(&there, digest, 0, &own, &size, &e) == OK && own;
}

static enum err_code link_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	int64_t repo_id;
	TRY(store_blob_pin(tx, l->digest, NULL, e));
	TRY(store_repo(tx, l->c->repository, SL(""), true, &repo_id, e));
	return store_blob_link(tx, repo_id, l->digest, reg_account(l->c), e);
}

static enum err_code size_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct link *l = arg;
	return store_blob_size(tx, l->digest, &l->size, e);
}

struct places { struct slice names[MOST_PLACES]; size_t n; struct slice digest; struct arena *arena; };

static enum err_code add_place(void *arg, struct slice name, struct err *e)
{
	struct places *p = arg;
	if (p->n < MOST_PLACES)
		p->names[p->n++] = arena_dup(p->arena, name);
	return arena_ok(p->arena, "a list of repositories", e);
}

static enum err_code places_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct places *p = arg;
	p->n = 0;
	return store_blob_repos(tx, p->digest, MOST_PLACES, add_place, p, e);
}

/* Without `from`: wherever the caller may see it. */
static bool visible_somewhere(struct call *c, struct slice digest)
{
	AUTO_ARENA a = ARENA(64 << 10);
	struct places p = { .digest = digest, .arena = &a };
	struct err e = { 0 };
	if (sql_read(c->g->store.sql, places_tx, &p, &e) != OK)
		return false;
	for (size_t i = 0; i < p.n; i++)
		if (visible_in(c, digest, p.names[i]))
			return true;
	return false;
}

bool reg_mount(struct call *c, struct slice digest, struct slice from, bool has_from)
{
	struct link l = { .c = c, .digest = digest };
	struct err e = { 0 };
	if (!oci_digest_valid(digest) || !(has_from ? visible_in(c, digest, from) : visible_somewhere(c, digest)))
		return false;
	if (c->rule->quota_bytes && (sql_read(c->g->store.sql, size_tx, &l, &e) != OK || reg_quota(c, l.size, &e) != OK))
		return false;	/* as an upload it is told so */
	if (sql_write(c->g->store.sql, link_tx, &l, &e) != OK)
		return false;	/* it is going: an upload brings it anew */
	reg_blob_created(c, digest);
	return true;
}
