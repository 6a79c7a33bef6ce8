/* One asks, the others wait for its answer; a failure is remembered for a short time, so that something that is not there, or does not answer, does not
 * cost every pull a time-out. */
#include <errno.h>
#include <stdlib.h>
#include "gate.h"
#include "upstream_inside.h"

enum { WAIT_MS = 60000 };

bool upstream_key(char key[UPSTREAM_KEY], char kind, struct slice repository, struct slice what)
{
	return snprintf(key, UPSTREAM_KEY, "%c%.*s:%.*s", kind, SLICE_ARG(repository), SLICE_ARG(what)) < UPSTREAM_KEY;
}

static struct upstream_miss **miss_place(struct upstreams *us, const char *key)
{
	return &us->misses[slice_hash(slice_str(key)) % UPSTREAM_MISSES];
}

static bool remembered(struct upstreams *us, const char *key, struct err *e)
{
	struct upstream_miss *m = *miss_place(us, key);
	if (!m || strcmp(m->key, key) || os_monotonic_ns() >= m->until_ns)
		return false;
	*e = m->e;
	return true;
}

static void remember(struct upstreams *us, const char *key, enum err_code rc, const struct err *e)
{
	struct upstream_miss **m = miss_place(us, key);
	if (!rc || rc == ERR_CANCELLED || rc == ERR_NOMEM || rc == ERR_IO) {
		if (!rc && *m && !strcmp((*m)->key, key))
			(*m)->key[0] = 0;
		return;
	}
	if (!*m)
		*m = calloc(1, sizeof(**m));
	if (!*m)
		return;
	snprintf((*m)->key, UPSTREAM_KEY, "%s", key);
	(*m)->e = *e;
	(*m)->until_ns = os_monotonic_ns() + (uint64_t)(rc == ERR_NOT_FOUND ? UPSTREAM_ABSENT_MS : UPSTREAM_FAILED_MS) * 1000000;
}

static void wait_for(struct upstreams *us, struct upstream_flight *f)
{
	uint64_t until = os_monotonic_ns() + WAIT_MS * UINT64_C(1000000);
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000) };
	us->waiting++;
	f->waiting++;
	while (!f->done && os_monotonic_ns() < until && !os_cancelled())
		pthread_cond_timedwait(&us->changed, &us->lock, &ts);
	us->waiting--;
}

/* The last one to leave frees it: the leader took it off the list. */
static void leave(struct upstream_flight *f)
{
	if (!--f->waiting && f->done)
		free(f);
}

static enum upstream_turn join(struct upstreams *us, struct upstream_flight *f, enum err_code *ret_rc, char warning[512], struct err *e)
{
	if (us->waiting >= UPSTREAM_MOST_WAITING) {
		(void)!err_set(e, ERR_LIMIT, 0, "others wait for the same answer of the upstream already; ask again");
		e->sys = EAGAIN;
		f->turned_away = true;
		*ret_rc = ERR_LIMIT;
		return TURN_BUSY;
	}
	wait_for(us, f);
	if (f->done) {
		*ret_rc = f->rc;
		*e = f->e;
		memcpy(warning, f->warning, sizeof(f->warning));
	} else {
		*ret_rc = err_set(e, ERR_TIMEOUT, 0, "the upstream takes too long to answer");
	}
	leave(f);
	return TURN_JOINED;
}

enum upstream_turn upstream_flight_begin(struct upstreams *us, const char *key, struct upstream_flight **ret, enum err_code *ret_rc, char warning[512], struct err *e)
{
	enum upstream_turn turn = TURN_LEAD;
	struct upstream_flight *f;
	pthread_mutex_lock(&us->lock);
	for (f = us->flights; f && strcmp(f->key, key); f = f->next)
		;
	if (f) {
		turn = join(us, f, ret_rc, warning, e);
	} else if (remembered(us, key, e)) {
		*ret_rc = e->code;
		turn = TURN_JOINED;
	} else if (!(f = calloc(1, sizeof(*f)))) {
		*ret_rc = err_set(e, ERR_NOMEM, 0, "ask an upstream");
		turn = TURN_JOINED;
	} else {
		snprintf(f->key, sizeof(f->key), "%s", key);
		f->next = us->flights;
		us->flights = f;
		*ret = f;
	}
	pthread_mutex_unlock(&us->lock);
	return turn;
}

void upstream_flight_end(struct gateway *g, struct upstream_flight *f, enum err_code rc, const char *warning, const struct err *e)
{
	struct upstreams *us = g->upstreams;
	pthread_mutex_lock(&us->lock);
	for (struct upstream_flight **at = &us->flights; *at; at = &(*at)->next)
		if (*at == f) {
			*at = f->next;
			break;
		}
	remember(us, f->key, rc, e);
	f->done = true;
	f->rc = rc;
	f->e = *e;
	snprintf(f->warning, sizeof(f->warning), "%s", warning);
	bool alone = !f->waiting, turned_away = f->turned_away;
	pthread_cond_broadcast(&us->changed);
	pthread_mutex_unlock(&us->lock);
	if (alone)
		free(f);
	if (turned_away && g->gate) {	/* they sleep until something changes */
		atomic_fetch_add(&g->changes, 1);
		gate_changed(g);
	}
}
