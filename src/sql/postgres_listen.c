/* PostgreSQL: listening, on a connection of its own that never blocks, so that the sign of life comes every second whatever the server does. */
#include <poll.h>
#include <sys/eventfd.h>
#include "postgres_inside.h"

#define SECOND 1000000000ull
#define RETRY_NS (SECOND / 5)
#define GIVE_UP_NS (5 * SECOND)	/* on a connection or an answer */

struct watch {
	struct pg *db;
	PGconn *h;
	PostgresPollingStatusType want;	/* OK once it is connected */
	bool asked, listening;		/* an answer is awaited; LISTEN was answered */
	uint64_t since;			/* of the connection's start, or the question */
	uint64_t retry_at, told;
	bool announced, alive;
};

static void drop(struct watch *w)
{
	if (w->h)
		PQfinish(w->h);
	w->h = NULL;
	w->asked = w->listening = w->alive = false;
	w->retry_at = os_monotonic_ns() + RETRY_NS;
}

static void start(struct watch *w)
{
	w->h = sql_pg_connect_start(w->db->url);
	w->want = PGRES_POLLING_WRITING;
	w->since = os_monotonic_ns();
	if (!w->h || PQstatus(w->h) == CONNECTION_BAD)
		drop(w);
}

static void ask(struct watch *w, const char *sql)
{
	w->asked = true;
	w->since = os_monotonic_ns();
	if (!PQsendQuery(w->h, sql))
		drop(w);
}

static void take_answers(struct watch *w)
{
	if (!PQconsumeInput(w->h)) {
		drop(w);
		return;
	}
	while (w->asked && !PQisBusy(w->h)) {
		PGresult *r = PQgetResult(w->h);
		ExecStatusType st = r ? PQresultStatus(r) : PGRES_COMMAND_OK;
		PQclear(r);
		if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
			drop(w);
			return;
		}
		if (!r) {
			w->asked = false;
			/* What was announced before LISTEN did not come here. */
			w->announced |= !w->listening;
			w->listening = w->alive = true;
		}
	}
	for (PGnotify *n; (n = PQnotifies(w->h)); PQfreemem(n))
		w->announced = true;
}

static void work(struct watch *w, bool ready)
{
	uint64_t now = os_monotonic_ns();
	if (!w->h) {
		if (now >= w->retry_at)
			start(w);
	} else if (w->want != PGRES_POLLING_OK) {
		if (ready)
			w->want = PQconnectPoll(w->h);
		if (w->want == PGRES_POLLING_FAILED || now - w->since > GIVE_UP_NS)
			drop(w);
		else if (w->want == PGRES_POLLING_OK)
			ask(w, "LISTEN " PG_CHANNEL);
	} else if (ready)
		take_answers(w);
	if (w->h && w->asked && now > w->since + SECOND)
		w->alive = false;
	if (w->h && w->asked && now > w->since + GIVE_UP_NS)
		drop(w);
}

static bool wait_for_news(struct watch *w, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = w->db->wake, .events = POLLIN },
		{ .fd = w->h ? PQsocket(w->h) : -1, .events = w->h && w->want == PGRES_POLLING_WRITING ? POLLOUT : POLLIN } };
	(void)poll(p, 2, timeout_ms);
	return p[1].revents != 0;
}

static void *listener(void *arg)
{
	struct watch w = { .db = arg, .told = os_monotonic_ns() };
	bool was_alive = true, was_told = false;
	start(&w);
	while (!atomic_load(&w.db->stop)) {
		uint64_t now = os_monotonic_ns();
		uint64_t next = w.told + SECOND > now ? w.told + SECOND - now : 0;
		work(&w, wait_for_news(&w, (int)(MIN(next, (uint64_t)RETRY_NS) / 1000000 + 1)));
		now = os_monotonic_ns();
		bool tick = now - w.told >= SECOND;
		if (!tick && !w.announced && (was_alive == w.alive || !was_told))
			continue;
		bool announced = w.announced && w.alive;
		w.announced &= !announced;
		if (tick && w.listening && !w.asked)
			ask(&w, "SELECT 1");
		w.told = now;
		was_alive = w.alive;
		was_told = true;
		sql_tell_listeners(&w.db->base, announced, w.alive);
	}
	drop(&w);
	return NULL;
}

enum err_code sql_pg_listen(struct sql *base, struct err *e)
{
	struct pg *db = (struct pg *)base;
	TRY(sql_thread(&db->listener, listener, db, e));
	db->listening = true;
	return OK;
}
