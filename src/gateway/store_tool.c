/* Check and garbage collection for people: the configured database and blob store, without a server. */
#include <stdio.h>
#include <unistd.h>
#include "gateway_store.h"
#include "inside.h"
#include "keep.h"
#include "os.h"

static enum err_code open_tool(struct gateway *g, const struct gateway_run *r, struct err *e)
{
	*g = (struct gateway){ .run = r, .config = r->config, .role = "tool", .arena = ARENA(4 * MIB) };
	snprintf(g->node, sizeof(g->node), "tool/%d", (int)getpid());
	return gateway_open_store(g, e);
}

static void close_tool(struct gateway *g)
{
	store_close(&g->store);
	arena_free(&g->arena);
}

struct outer { const struct store_check_options *o; const struct gateway_config *c; };

static void on_problem(void *arg, const struct store_problem *p)
{
	struct outer *w = arg;
	if (w->o->problem)
		w->o->problem(w->o->arg, p);
}

static void on_progress(void *arg, uint64_t bytes, uint64_t total)
{
	struct outer *w = arg;
	if (w->o->progress)
		w->o->progress(w->o->arg, bytes, total);
}

static bool is_enforced(void *arg, struct slice repository) { return config_repository_for(((struct outer *)arg)->c,
		repository)->gate == GATE_ENFORCE; }

enum err_code gateway_store_check(const struct gateway_run *r, const struct store_check_options *o,
				  struct store_check_counts *ret, struct err *e)
{
	struct gateway g;
	struct outer w = { o, r->config };
	struct store_check_options mine = *o;
	mine.problem = on_problem;
	mine.progress = on_progress;
	mine.enforced = is_enforced;
	mine.arg = &w;
	if (!mine.leftover_s)
		mine.leftover_s = MAX(r->config->gc_grace_s, r->config->upload_keep_s);
	enum err_code code = open_tool(&g, r, e);
	if (code == OK)
		code = store_check(&g.store, &mine, ret, e);
	close_tool(&g);
	return code;
}

enum err_code gateway_store_gc(const struct gateway_run *r, bool dry, struct store_keep_counts *ret, struct err *e)
{
	static const _Atomic bool never;
	struct gateway g;
	struct store_keep_rules rules;
	enum err_code code = open_tool(&g, r, e);
	keep_rules(&g, &rules);
	rules.walk = true;
	rules.dry = dry;
	if (code == OK)
		code = store_keep_run(&g.store, &rules, g.node, &never, ret, e);
	if (code == ERR_NOT_FOUND)
		(void)err_set(e, ERR_TIMEOUT, 0, "the server, or another process, collects garbage at this moment; try again");
	close_tool(&g);
	return code;
}
