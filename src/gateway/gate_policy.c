/* The policies in force, and the generation that verdicts are judged by. */
#include "gate_inside.h"
#include "codec.h"
#include "os.h"
#include <stdio.h>
#include <stdlib.h>

void policy_set_release(struct policy_set *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	for (size_t i = 0; i < s->n; i++)
		policy_free(s->items[i].policy);
	free(s->waivers);
	free(s);
}

struct policy_set *gate_policies(struct gateway *g)
{
	pthread_mutex_lock(&g->gate->lock);
	struct policy_set *s = g->gate->set;
	if (s)
		atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&g->gate->lock);
	return s;
}

const struct policy_item *policy_set_find(const struct policy_set *s, struct slice name)
{
	for (size_t i = 0; i < s->n; i++)
		if (slice_eqs(name, s->items[i].name))
			return &s->items[i];
	return &s->items[0];	/* the configuration was checked: a rule names a policy that exists, or none */
}

static enum err_code load_one(struct policy_set *s, const struct config_policy *c, struct buf *all, struct err *e)
{
	struct policy_item *item = &s->items[s->n];
	char path[4096];
	snprintf(item->name, sizeof(item->name), "%.*s", SLICE_ARG(c->name));
	snprintf(path, sizeof(path), "%.*s", SLICE_ARG(c->file));
	TRY(policy_load(c->file.n ? path : NULL, &item->policy, e));
	s->n++;
	policy_digest(item->policy, item->digest);
	buf_printf(all, "%s=%s\n", item->name, item->digest);
	if (!s->waivers)
		return OK;
	TRY(policy_parse_waivers(item->policy, slice_str(s->waivers), "the waivers of the database", e));
	policy_digest(item->policy, item->digest);
	return OK;
}

enum err_code policy_set_load(struct gateway *g, struct slice waivers, struct policy_set **ret, struct err *e)
{
	const struct gateway_config *c = g->config;
	struct policy_set *s = calloc(1, sizeof(*s));
	AUTO_BUF all = BUF(64 << 10);
	uint8_t raw[32];
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	atomic_store(&s->refs, 1);
	enum err_code code = OK;
	if (waivers.n && !(s->waivers = strndup((const char *)waivers.p, waivers.n)))
		code = err_set(e, ERR_NOMEM, 0, "out of memory");
	for (size_t i = 0; code == OK && i < c->n_policies && s->n < ARRAY_LEN(s->items); i++)
		code = load_one(s, &c->policies[i], &all, e);
	if (code == OK && !s->n)
		code = load_one(s, &(struct config_policy){ .name = SL("default") }, &all, e);
	if (code == OK)
		code = buf_ok(&all, "the policies' digest", e);
	if (code != OK) {
		policy_set_release(s);
		return code;
	}
	digest_of(DIGEST_SHA256, buf_slice(&all), raw);
	hex_encode(s->digest, raw, 32);
	*ret = s;
	return OK;
}

/* --- The generation ---------------------------------------------------------------------------------------------------- */

struct refresh {
	struct gateway *g;
	struct store_generation now;	/* of the database */
	struct arena *arena;
	struct buf *waivers;		/* YAML list of those in force */
	const char *policies, *advisories, *intel;
};

static enum err_code one_waiver(void *arg, const struct store_decision *d, struct err *e)
{
	struct refresh *f = arg;
	if (slice_eqs(d->kind, "waive"))
		buf_put_slice(f->waivers, d->waiver);
	return buf_ok(f->waivers, "the waivers", e);
}

static enum err_code read_waivers(struct sql_tx *tx, void *arg, struct err *e)
{
	struct refresh *f = arg;
	buf_clear(f->waivers);
	TRY(store_generation_get(tx, f->arena, &f->now, e));
	return store_decisions(tx, SL(""), false, one_waiver, f, e);
}

static bool same_inputs(const struct refresh *f, const struct store_generation *s)
{
	return slice_eqs(s->policies, f->policies) && slice_eqs(s->advisories, f->advisories) && slice_eqs(s->intel, f->intel);
}

/* Ours are other policies or newer data: from now on everything is judged by them. */
static enum err_code propose(struct sql_tx *tx, void *arg, struct err *e)
{
	struct refresh *f = arg;
	struct store_generation s;
	TRY(store_generation_get(tx, f->arena, &s, e));
	if (s.number && same_inputs(f, &s)) {
		f->now = s;
		return OK;
	}
	f->now = (struct store_generation){ .policies = arena_dup(f->arena, slice_str(f->policies)), .advisories = arena_dup(f->arena, slice_str(f->advisories)),
					    .intel = arena_dup(f->arena, slice_str(f->intel)), .waivers = s.waivers };
	TRY(arena_ok(f->arena, "the generation", e));
	TRY(store_generation_add(tx, &f->now, f->g->node, &f->now.number, e));
	TRY(audit_put(f->g, tx, NULL, "generation.new", e, "ziztzt", "number", f->now.number, "policies", f->now.policies, "advisories", f->now.advisories));
	return sql_announce(tx, e);
}

static enum err_code adopt(struct gateway *g, const struct refresh *f, struct policy_set *set, struct err *e)
{
	struct gate *gate = g->gate;
	struct arena a = ARENA(64 << 10);
	struct store_generation in = { f->now.number, arena_dup(&a, f->now.policies), arena_dup(&a, f->now.advisories), arena_dup(&a, f->now.intel), f->now.waivers };
	if (arena_ok(&a, "the generation", e) != OK) {
		arena_free(&a);
		return e->code;
	}
	pthread_mutex_lock(&gate->lock);
	struct policy_set *old = gate->set;
	gate->set = set;
	arena_free(&gate->inputs_arena);
	gate->inputs_arena = a;
	gate->inputs = in;
	atomic_store(&gate->generation, in.number);
	pthread_mutex_unlock(&gate->lock);
	policy_set_release(old);
	atomic_store(&gate->sweep, true);
	atomic_fetch_add(&g->changes, 1);
	return OK;
}

/* The number in the database is ours: the usual case, one small query a second. */
static enum err_code read_number(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, arg, e, "SELECT coalesce(max(number), 0) FROM generation", "");
}

/* Servers propose what they read anew; workers follow. Who cannot follow yet, because the files here are still others, says so and keeps the old generation:
 * nothing is judged by one thing and recorded as judged by another. */
static enum err_code renew(struct gateway *g, bool proposes, struct err *e)
{
	AUTO_ARENA a = ARENA(1 * MIB);
	AUTO_BUF waivers = BUF(4 * MIB);
	struct refresh f = { .g = g, .arena = &a, .waivers = &waivers };
	struct rejudge_generation data;
	struct policy_set *set;
	rejudge_generation(g->gate->rejudge, &data);
	TRY(sql_read(g->store.sql, read_waivers, &f, e));
	TRY(policy_set_load(g, buf_slice(&waivers), &set, e));
	f.policies = set->digest;
	f.advisories = data.advisories;
	f.intel = data.intelligence;
	enum err_code code = OK;
	if (!same_inputs(&f, &f.now)) {
		if (proposes || !f.now.number)
			code = data_publish(g, &data, e);
		if (code == OK && (proposes || !f.now.number))
			code = sql_write(g->store.sql, propose, &f, e);
		else if (code == OK)
			code = err_set(e, ERR_NOT_FOUND, 0, "the policies or data here are not those that verdicts are judged by at present (generation %lld)",
				       (long long)f.now.number);
	}
	if (code == OK)
		code = adopt(g, &f, set, e);
	if (code != OK)
		policy_set_release(set);
	return code;
}

/* Another node's newer data, where blobs are shared. */
static enum err_code follow(struct gateway *g, struct err *e)
{
	AUTO_ARENA a = ARENA(64 << 10);
	AUTO_BUF waivers = BUF(4 * MIB);
	struct refresh f = { .g = g, .arena = &a, .waivers = &waivers };
	struct rejudge_generation have;
	bool changed;
	TRY(sql_read(g->store.sql, read_waivers, &f, e));
	rejudge_generation(g->gate->rejudge, &have);
	TRY(data_fetch(g, &f.now, &have, e));
	return rejudge_refresh(g->gate->rejudge, &changed, e);
}

enum err_code gate_refresh(struct gateway *g, bool reload, struct err *e)
{
	struct gate *gate = g->gate;
	bool server = !strcmp(g->role, "serve"), data_changed = false;
	int64_t number;
	/* One at a time: the listener, workers' slots and decisions all call. */
	pthread_mutex_lock(&gate->refresh_lock);
	enum err_code code = sql_read(g->store.sql, read_number, &number, e);
	if (code == OK)
		code = rejudge_refresh(gate->rejudge, &data_changed, e);
	int64_t ours = atomic_load(&gate->generation);
	bool proposes = server && (reload || data_changed || !ours);
	if (code == OK && number != ours && number && !proposes)
		code = follow(g, e);
	if (code == OK && (!number || number != ours || reload || data_changed))
		code = renew(g, proposes, e);
	if (code == OK)
		atomic_store(&gate->checked_ms, store_now_ms());
	pthread_mutex_unlock(&gate->refresh_lock);
	return code;
}
