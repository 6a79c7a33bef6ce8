/* One node asks for what none has yet: a row that lives as long as the question, or a few seconds when its node died. SQLite: one node only, nothing to do. */
#include <unistd.h>
#include "upstream_inside.h"

enum { CLAIM_MS = 20000, LOOK_AGAIN_MS = 100 };

struct claim { struct slice what; bool mine; };

static enum err_code claim_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct claim *c = arg;
	int64_t n, now = (int64_t)store_now_ms();
	TRY(sql_run(tx, &n, e, "INSERT INTO upstream_cache (repo_id, what, body, at_ms) VALUES (0, ?1, ?2, ?3) ON CONFLICT (repo_id, what) DO UPDATE SET"
		    " at_ms = excluded.at_ms WHERE upstream_cache.at_ms < ?4", "tbii", c->what, SL(""), now, now - CLAIM_MS));
	c->mine = n > 0;
	return OK;
}

static enum err_code release_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct claim *c = arg;
	return sql_run(tx, NULL, e, "DELETE FROM upstream_cache WHERE repo_id = 0 AND what = ?1", "t", c->what);
}

enum err_code upstream_node_claim(struct gateway *g, const char *key, upstream_there_fn *there, void *arg, bool *ret_ours, struct err *e)
{
	struct claim c = { .what = slice_str(key) };
	*ret_ours = true;
	if (sql_kind_of(g->store.sql) != SQL_POSTGRES)
		return OK;
	for (unsigned waited = 0; waited < 2 * CLAIM_MS; waited += LOOK_AGAIN_MS) {
		bool yes = false;
		TRY(sql_write(g->store.sql, claim_tx, &c, e));
		TRY(there(arg, &yes, e));
		if (yes) {
			if (c.mine)
				upstream_node_release(g, key);
			*ret_ours = false;
			return OK;
		}
		if (c.mine)
			return OK;
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		usleep(LOOK_AGAIN_MS * 1000);
	}
	return err_set(e, ERR_TIMEOUT, 0, "another node asks the upstream for this and does not come to an end");
}

void upstream_node_release(struct gateway *g, const char *key)
{
	struct claim c = { .what = slice_str(key) };
	struct err ignored = { 0 };
	if (sql_kind_of(g->store.sql) == SQL_POSTGRES)
		(void)!sql_write(g->store.sql, release_tx, &c, &ignored);
}
