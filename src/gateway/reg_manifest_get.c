/* GET and HEAD of manifests: upstream first, then the gate, then the bytes (GATE.md 3, 4, 12, 19). */
#include "registry.h"
#include "os.h"
#include "upstream.h"
#include <errno.h>

enum { LOAD_ARENA = 20 << 20 };

struct get {
	struct call *c;
	struct slice digest;
	struct gate_answer answer;
	char warning[512];		/* of the upstream */
	uint64_t changes;		/* g->changes before the gate was asked */
};

static const char *const absent = "no such manifest in this repository";

static void send_body(struct call *c, struct mem_body *b)
{
	struct slice digest = mem_body_digest(b);
	c->digest = arena_dup(http_arena(c->r), digest);
	c->outcome = "admitted";
	reg_digest_headers(c, digest);
	if (reg_not_modified(c, digest))
		mem_body_release(b);
	else
		http_respond_shared(c->r, 200, mem_body_type(b), mem_body_bytes(b), mem_body_release, b);
}

bool reg_manifest_known(struct call *c)
{
	struct gateway *g = c->g;
	uint64_t limit = g->config->max_staleness_ms ? g->config->max_staleness_ms : 5000;
	if (!g->registry || store_now_ms() > atomic_load(&g->store_seen_ms) + limit)
		return false;
	struct mem_body *b = mem_manifest_known(g->registry->manifests, c->repository, c->reference, atomic_load(&g->changes));
	if (b)
		send_body(c, b);
	return b != NULL;
}

struct load { struct call *c; struct slice digest; struct arena *arena; struct store_manifest m; };

static enum err_code load_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct load *l = arg;
	int64_t repo_id;
	TRY(store_repo(tx, l->c->repository, SLICE_NULL, false, &repo_id, e));
	return store_manifest_get(tx, repo_id, l->digest, STORE_WITH_BODY, l->arena, &l->m, e);
}

/* From memory (any repository's: the gate has said that it may go out of this one), or from the database. */
static enum err_code load_body(struct call *c, struct slice digest, struct mem_body **ret, struct err *e)
{
	struct mem_body *b = mem_manifest_body(c->g->registry->manifests, digest);
	if (!b) {
		AUTO_ARENA arena = ARENA(LOAD_ARENA);
		struct load l = { .c = c, .digest = digest, .arena = &arena };
		TRY(sql_read(c->g->store.sql, load_tx, &l, e));
		b = mem_manifest_add(c->g->registry->manifests, &l.m);
		if (!b)
			return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	*ret = b;
	return OK;
}

static void give(struct get *q)
{
	struct call *c = q->c;
	struct mem_body *b = NULL;
	struct err e = { 0 };
	enum err_code code = load_body(c, q->digest, &b, &e);
	if (code == ERR_NOT_FOUND) {
		reg_gate_answer(c, &(struct gate_answer){ .result = GATE_ABSENT }, "MANIFEST_UNKNOWN", absent);
		return;
	}
	if (code != OK) {
		answer_fault(c, &e);
		return;
	}
	/* A warning is for this caller or this moment; an answer without one is anybody's. */
	if (!q->answer.own && !q->answer.warning[0] && !q->warning[0])
		mem_manifest_remember(c->g->registry->manifests, c->repository, c->reference, b, q->changes);
	if (q->answer.warning[0])
		answer_warning(c, "%s", q->answer.warning);
	if (q->warning[0])
		answer_warning(c, "%s", q->warning);
	send_body(c, b);
}

static void ask(struct http_request *r, void *arg)
{
	struct get *q = arg;
	struct call *c = q->c;
	struct err e = { 0 };
	(void)r;
	q->answer = (struct gate_answer){ 0 };
	q->changes = atomic_load(&c->g->changes);
	enum err_code code;
	if (c->is_digest) {
		q->digest = c->reference;
		code = gate_manifest(c, q->digest, &q->answer, &e);
	} else {
		code = gate_tag(c, c->reference, &q->digest, &q->answer, &e);
	}
	if (code != OK) {
		answer_fault(c, &e);
		return;
	}
	if (q->answer.result == GATE_YES) {
		give(q);
		return;
	}
	uint64_t left = reg_wait_left_ms(c);
	if (q->answer.result == GATE_WAIT && left && !http_stopping(c->r)) {
		if (gate_wait(c, q->changes, left, ask, q))
			return;
		q->answer.result = GATE_BUSY;
		q->answer.text[0] = 0;
	}
	reg_gate_answer(c, &q->answer, "MANIFEST_UNKNOWN", absent);
}

/* What upstream's failure means to the client. false: answered. */
static bool upstream_said(struct get *q, enum err_code code, const struct err *e)
{
	struct call *c = q->c;
	if (code == OK)
		return true;
	if (code == ERR_NOT_FOUND) {
		c->outcome = "absent";
		answer_error(c, 404, "MANIFEST_UNKNOWN", "%s", absent);
	} else if (code == ERR_LIMIT) {
		c->outcome = "busy";
		http_add_header(c->r, "Retry-After", SL("30"));
		answer_error(c, 429, "TOOMANYREQUESTS", "%s; ask again", e->msg);
	} else if (code == ERR_FORMAT || code == ERR_DIGEST || code == ERR_UNSUPPORTED) {
		c->outcome = "refused";
		answer_error(c, 403, "PABEAN_REFUSED", "upstream gave what cannot be checked: %s", e->msg);
	} else {
		answer_fault(c, e);
	}
	return false;
}

static void first(struct http_request *r, void *arg)
{
	struct get *q = arg;
	struct call *c = q->c;
	struct err e = { 0 };
	if (c->upstream) {
		q->changes = atomic_load(&c->g->changes);
		enum err_code code = c->is_digest ? upstream_manifest(c, c->reference, &e) : upstream_tag(c, c->reference, q->warning, &e);
		uint64_t left = code == ERR_LIMIT && e.sys == EAGAIN ? reg_wait_left_ms(c) : 0;
		if (left && !http_stopping(c->r) && gate_wait(c, q->changes, left, first, q))	/* others wait for the same already */
			return;
		if (!upstream_said(q, code, &e))
			return;
	}
	ask(r, q);
}

void reg_manifest_get(struct call *c)
{
	if (!reg_reference_valid(c, 404, "MANIFEST_UNKNOWN"))
		return;
	if (reg_manifest_known(c))
		return;
	struct get *q = arena_new(http_arena(c->r), struct get);
	if (!q) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
		return;
	}
	q->c = c;
	http_defer(c->r, first, q);
}
