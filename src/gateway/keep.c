/* What happens by itself: verdicts that end. */
#include "keep.h"
#include "gate.h"
#include "os.h"

static enum err_code ended_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, arg, e, "SELECT count(*) FROM (SELECT 1 FROM verdict WHERE expires_s > 0 AND expires_s <= ?1 AND state IN (3, 4, 5) LIMIT 1) AS ended",
			   "i", (int64_t)os_now_s());
}

void keep_tick(struct gateway *g, const _Atomic bool *stop)
{
	int64_t ended = 0;
	struct err e = { 0 };
	if (!atomic_load(stop) && sql_read(g->store.sql, ended_tx, &ended, &e) == OK && ended)
		gate_sweep_soon(g);
}
