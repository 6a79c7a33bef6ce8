/* Requests that wait for a verdict sleep without a thread until something changed. */
#include "gate_inside.h"

struct gate_sleep { struct call *c; http_fn *fn; void *arg; };

void gate_forget(struct call *c)
{
	struct gate *gate = c->g->gate;
	pthread_mutex_lock(&gate->wait_lock);
	for (size_t i = 0; i < gate->n_waiters; i++) {
		if (gate->waiters[i] == c) {
			gate->waiters[i] = gate->waiters[--gate->n_waiters];
			break;
		}
	}
	pthread_mutex_unlock(&gate->wait_lock);
}

static void awake(struct http_request *r, void *arg)
{
	struct gate_sleep *s = arg;
	gate_forget(s->c);
	s->fn(r, s->arg);
}

bool gate_wait(struct call *c, uint64_t seen_changes, uint64_t deadline_ms, http_fn *fn, void *arg)
{
	struct gate *gate = c->g->gate;
	struct gate_sleep *s = arena_new(http_arena(c->r), struct gate_sleep);
	unsigned most = c->g->config->max_waiters ? MIN(c->g->config->max_waiters, (unsigned)GATE_MOST_WAITERS) : GATE_MOST_WAITERS;
	if (!s)
		return false;
	*s = (struct gate_sleep){ c, fn, arg };
	pthread_mutex_lock(&gate->wait_lock);
	bool room = gate->n_waiters < most;
	if (room)
		gate->waiters[gate->n_waiters++] = c;
	pthread_mutex_unlock(&gate->wait_lock);
	if (!room)
		return false;
	/* What changed between the look and this moment is not lost. */
	if (atomic_load(&c->g->changes) != seen_changes)
		http_wake(c->r);
	http_wait(c->r, deadline_ms, awake, s);
	return true;
}

void gate_changed(struct gateway *g)
{
	struct gate *gate = g->gate;
	pthread_mutex_lock(&gate->wait_lock);
	for (size_t i = 0; i < gate->n_waiters; i++)
		http_wake(gate->waiters[i]->r);
	pthread_mutex_unlock(&gate->wait_lock);
}

uint64_t gate_waiting(struct gateway *g)
{
	pthread_mutex_lock(&g->gate->wait_lock);
	uint64_t n = g->gate->n_waiters;
	pthread_mutex_unlock(&g->gate->wait_lock);
	return n;
}
