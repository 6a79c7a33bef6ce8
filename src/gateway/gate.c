/* Asking the gate: one answer from what is known, and a start for what is not. */
#include "gate_inside.h"
#include "os.h"
#include "upstream.h"
#include <stdio.h>
#include <stdlib.h>

enum { LOOK_ARENA = 32 << 20, MOST_ROUNDS = 4, PUSHER_SEES_S = 3600 };

struct look {
	struct call *c;
	struct gateway *g;
	struct slice repository, digest;
	int64_t repo_id;
	struct arena *arena;
	struct gate_view view;
	bool own;			/* the caller pushed it within the last hour */
	bool absent, crowded;
	uint64_t young_s;		/* admitted, but too young at its upstream for that long still */
	const struct slice_items *start;
};

static enum err_code own_push(struct sql_tx *tx, struct look *k, struct err *e)
{
	if (!k->c || k->c->who.anonymous)
		return OK;
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM repo_manifest WHERE repo_id = ?1 AND digest = ?2 AND account = ?3 AND created_s > ?4 AND origin = 0",
			"itzi", k->repo_id, k->digest, k->c->who.name, (int64_t)(os_now_s() - PUSHER_SEES_S)));
	k->own = n > 0;
	return OK;
}

static enum err_code look_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct look *k = arg;
	k->view = (struct gate_view){ 0 };
	k->absent = false;
	enum err_code code = store_repo(tx, k->repository, SLICE_NULL, false, &k->repo_id, e);
	if (code == ERR_NOT_FOUND) {
		k->absent = true;
		return OK;
	}
	if (code != OK)
		return code;
	k->young_s = 0;
	TRY(gate_look(k->g, tx, k->repo_id, k->repository, k->digest, 0, k->arena, &k->view, e));
	if (k->view.result == GATE_YES && k->c)		/* pulls by digest obey the cool-down, too */
		TRY(upstream_young(k->c, tx, k->repo_id, k->digest, &k->young_s, e));
	return own_push(tx, k, e);
}

/* --- Starting an inspection ------------------------------------------------------------------------------------------------ */

/* One account, or all the anonymous, cannot fill the queue for everybody (GATE.md 21). */
static enum err_code too_many(struct sql_tx *tx, struct look *k, struct err *e)
{
	int64_t n;
	unsigned most = k->g->config->max_inspections_account;
	k->crowded = false;
	if (!k->c || !most || k->c->who.socket)
		return OK;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM job WHERE account = ?1 AND state < 2 AND kind = 'inspect'", "z", k->c->who.name));
	k->crowded = n >= (int64_t)most;
	return OK;
}

static enum err_code start_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct look *k = arg;
	TRY(too_many(tx, k, e));
	if (k->crowded)
		return OK;
	for (size_t i = 0; i < k->start->n; i++)
		TRY(gate_start(tx, k->repo_id, k->start->items[i], k->c ? slice_str(k->c->who.name) : SL(""), 10, false, e));
	return sql_announce(tx, e);
}

/* Children of an index that are not here yet come from upstream; what is here gets a job. */
static enum err_code start_missing(struct look *k, struct err *e)
{
	for (size_t i = 0; k->c && k->c->upstream && i < k->view.missing.n; i++)
		if (!slice_eq(k->view.missing.items[i], k->digest))
			TRY(upstream_manifest(k->c, k->view.missing.items[i], e));
	k->start = &k->view.missing;
	return sql_write(k->g->store.sql, start_tx, k, e);
}

static enum err_code judge_stale(struct look *k, bool *ret_again, struct err *e)
{
	*ret_again = false;
	for (size_t i = 0; i < k->view.stale.n; i++) {
		bool queued;
		TRY(gate_judge_again(k->g, k->repo_id, k->repository, k->view.stale.items[i], true, &queued, e));
		*ret_again = *ret_again || !queued;
	}
	return OK;
}

/* --- Answers --------------------------------------------------------------------------------------------------------------- */

/* A sentence into a fixed array, cut when too long. */
static void sentence(char *dst, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void sentence(char *dst, size_t cap, const char *fmt, ...)
{
	AUTO_BUF b = BUF(8192);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	size_t n = MIN(b.n, cap - 1);
	if (n)
		memcpy(dst, b.p, n);
	dst[n] = '\0';
}

static void describe(struct look *k, struct gate_answer *a)
{
	AUTO_BUF why = BUF(sizeof(a->text));
	const struct slice url = k->g->public_url;
	gate_reason_text(k->view.reasons, &why);
	if (k->view.result == GATE_WAIT && k->view.failed)
		sentence(a->text, sizeof(a->text), "the inspection failed and is tried again: %s; ask again in %u s", buf_cstr(&why), a->retry_s);
	else if (k->view.result == GATE_WAIT)
		sentence(a->text, sizeof(a->text), "the image is being inspected; ask again in %u s", a->retry_s);
	else
		sentence(a->text, sizeof(a->text), "%s: %.260s; report: %.*s/api/v1/report?reference=%.*s@%.*s", k->view.result == GATE_REFUSED ? "refused" :
			 "held until a person decides", buf_cstr(&why), SLICE_ARG(url), SLICE_ARG(k->repository), SLICE_ARG(k->view.about));
}

static bool stale_node(struct gateway *g)
{
	uint64_t seen = atomic_load(&g->gate->checked_ms), limit = g->config->max_staleness_ms ? g->config->max_staleness_ms : 5000;
	return !atomic_load(&g->gate->generation) || store_now_ms() > seen + limit;
}

/* Without a gate, too, what comes from upstream can go out only once it is here: the inspection brings it. */
static bool unfetched(const struct look *k) { return k->c && k->c->upstream && k->view.unfetched; }

static void answer_of(struct look *k, const struct config_repository *rule, struct gate_answer *a)
{
	a->result = k->view.result;
	a->retry_s = k->view.failed ? 30 : 5;
	if (k->young_s) {
		a->result = GATE_HELD;
		sentence(a->text, sizeof(a->text), "admitted, but too young at its upstream: given out in %llu min (cool_down), or once it is approved",
			 (unsigned long long)(k->young_s / 60 + 1));
	} else if (a->result != GATE_YES) {
		describe(k, a);
	}
	if (a->result != GATE_YES && a->result != GATE_ABSENT && rule->gate == GATE_WARN && !(a->result == GATE_WAIT && unfetched(k))) {
		sentence(a->warning, sizeof(a->warning), "pabean would not give this out (gate: warn): %.400s", a->text);
		a->result = GATE_YES;
	} else if ((a->result == GATE_WAIT || a->result == GATE_HELD) && k->own) {	/* held: so that it can be signed; refused is nobody's */
		sentence(a->warning, sizeof(a->warning), "nobody but you sees this yet: %.400s", a->text);
		a->result = GATE_YES;
		a->own = true;
	} else if (a->result == GATE_YES && k->view.expires_s && k->view.expires_s < os_now_s() + 7 * 86400) {
		char when[21];
		os_format_time(k->view.expires_s, when);
		sentence(a->warning, sizeof(a->warning), "this verdict ends at %s", when);
	}
	if (a->result == GATE_WAIT && k->view.failed)
		a->result = GATE_BUSY;
	if (a->result == GATE_WAIT && k->crowded) {
		a->result = GATE_BUSY;
		sentence(a->text, sizeof(a->text), "too many images of this account wait for their inspection; ask again in %u s", a->retry_s);
	}
}

static enum err_code ask(struct look *k, struct gate_answer *ret, struct err *e)
{
	struct gate_answer a = { 0 };
	const struct config_repository *rule = config_repository_for(k->g->config, k->repository);
	AUTO_ARENA arena = ARENA(LOOK_ARENA);
	k->arena = &arena;
	if (rule->gate == GATE_ENFORCE && stale_node(k->g)) {
		ret->result = GATE_STALE;
		sentence(ret->text, sizeof(ret->text), "this node does not know by what to judge at present; ask again");
		ret->retry_s = 5;
		return OK;
	}
	for (int round = 0; round < MOST_ROUNDS; round++) {
		bool again = false;
		arena_free(&arena);
		arena = ARENA(LOOK_ARENA);
		TRY(sql_read(k->g->store.sql, look_tx, k, e));
		if (k->absent || k->view.result == GATE_ABSENT) {
			ret->result = GATE_ABSENT;
			return OK;
		}
		if (rule->gate == GATE_OFF && !unfetched(k)) {
			*ret = (struct gate_answer){ .result = GATE_YES };
			return OK;
		}
		if (k->view.stale.n)
			TRY(judge_stale(k, &again, e));
		if (k->view.missing.n)
			TRY(start_missing(k, e));
		if (!again)
			break;
	}
	answer_of(k, rule, &a);
	*ret = a;
	return OK;
}

enum err_code gate_manifest(struct call *c, struct slice digest, struct gate_answer *ret, struct err *e)
{
	struct look k = { .c = c, .g = c->g, .repository = c->repository, .digest = digest };
	return ask(&k, ret, e);
}

/* --- Tags -------------------------------------------------------------------------------------------------------------------- */

struct tag_look { struct gateway *g; struct slice repository, tag; struct arena *arena; int64_t repo_id; struct store_tag t; bool absent; };

static enum err_code tag_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_look *k = arg;
	k->absent = false;
	enum err_code code = store_repo(tx, k->repository, SLICE_NULL, false, &k->repo_id, e);
	if (code == OK)
		code = store_tag_get(tx, k->repo_id, k->tag, k->arena, &k->t, e);
	if (code != ERR_NOT_FOUND)
		return code;
	k->absent = true;
	return OK;
}

static enum err_code promote_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct tag_look *k = arg;
	TRY(gate_promote(k->g, tx, k->repo_id, k->repository, k->t.pushed_digest, e));
	TRY(sql_announce(tx, e));
	return store_tag_get(tx, k->repo_id, k->tag, k->arena, &k->t, e);
}

/* What was pushed (or seen upstream) last is not what is served: does that one come, or why not? */
static enum err_code newer(struct call *c, struct tag_look *k, struct gate_answer *a, struct err *e)
{
	TRY(gate_manifest(c, k->t.pushed_digest, a, e));
	if (a->result != GATE_YES || a->own)	/* who pushed it sees it before it is served */
		return OK;
	TRY(sql_write(c->g->store.sql, promote_tx, k, e));
	if (slice_eq(k->t.served_digest, k->t.pushed_digest))
		return OK;
	a->result = GATE_HELD;
	sentence(a->text, sizeof(a->text), "held: %s is admitted, but too young at its upstream (cool_down), or an older one than was served before (tag_rollback)",
		 (const char *)arena_slice_cstr(k->arena, slice_upto(k->t.pushed_digest, 19)));
	return OK;
}

enum err_code gate_tag(struct call *c, struct slice tag, struct slice *ret_digest, struct gate_answer *ret, struct err *e)
{
	struct tag_look k = { .g = c->g, .repository = c->repository, .tag = tag, .arena = http_arena(c->r) };
	struct gate_answer a = { 0 }, last = { 0 };
	TRY(sql_read(c->g->store.sql, tag_tx, &k, e));
	*ret = (struct gate_answer){ .result = GATE_ABSENT };
	if (k.absent)
		return OK;
	bool same = slice_eq(k.t.served_digest, k.t.pushed_digest);
	if (c->rule->gate != GATE_ENFORCE || same) {
		*ret_digest = k.t.pushed_digest;
		return gate_manifest(c, *ret_digest, ret, e);
	}
	TRY(newer(c, &k, &a, e));
	*ret_digest = k.t.pushed_digest;
	*ret = a;
	bool wait = a.result == GATE_WAIT && c->upstream && c->upstream->wait_on_new;
	if (a.result == GATE_YES || !k.t.served_digest.n || wait)
		return OK;
	/* The last admitted one is served, and said to be not the newest. */
	TRY(gate_manifest(c, k.t.served_digest, &last, e));
	*ret_digest = k.t.served_digest;
	if (last.result == GATE_YES)
		sentence(last.warning, sizeof(last.warning), "this is the last admitted image of the tag; the newer %.19s is %.380s", (const char *)k.t.pushed_digest.p, a.text);
	*ret = last;
	return OK;
}

/* --- Life ------------------------------------------------------------------------------------------------------------------------ */

/* What reports are matched with, as the engine of the workers has it. */
static enum err_code open_rejudge(struct gateway *g, struct err *e)
{
	const struct gateway_config *c = g->config;
	const char **files = arena_calloc(&g->arena, c->intel.n + 1, sizeof(*files));
	struct slice table = arena_printf(&g->arena, "%s/intel.table", g->run->db_dir);
	for (size_t i = 0; files && i < c->intel.n; i++)
		files[i] = arena_slice_cstr(&g->arena, c->intel.items[i]);
	TRY(arena_ok(&g->arena, "the configuration", e));
	struct rejudge_options o = { .db_dir = g->run->db_dir, .intel_file = (const char *)table.p, .intel_files = files, .n_intel_files = c->intel.n };
	return rejudge_open(&o, &g->gate->rejudge, e);
}

enum err_code gate_open(struct gateway *g, struct err *e)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	if (!gate)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	pthread_mutex_init(&gate->lock, NULL);
	pthread_mutex_init(&gate->refresh_lock, NULL);
	pthread_mutex_init(&gate->memory_lock, NULL);
	pthread_mutex_init(&gate->wait_lock, NULL);
	g->gate = gate;
	enum err_code code = open_rejudge(g, e);
	if (code == OK)
		code = gate_refresh(g, false, e);
	if (code != OK)
		gate_close(g);
	return code;
}

void gate_close(struct gateway *g)
{
	struct gate *gate = g->gate;
	if (!gate)
		return;
	policy_set_release(gate->set);
	rejudge_close(gate->rejudge);
	arena_free(&gate->inputs_arena);
	free(gate);
	g->gate = NULL;
}
