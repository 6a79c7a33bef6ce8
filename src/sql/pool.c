#include <errno.h>
#include "inside.h"

void sql_pool_init(struct sql_pool *p, unsigned n)
{
	p->n = n;
	atomic_init(&p->free, n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1);
	atomic_init(&p->waiters, 0);
	pthread_mutex_init(&p->mutex, NULL);
	sql_cond_init(&p->freed);
}

void sql_pool_destroy(struct sql_pool *p)
{
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->freed);
}

static bool try_take(struct sql_pool *p, unsigned *ret)
{
	uint64_t free = atomic_load(&p->free);
	while (free) {
		if (!atomic_compare_exchange_weak(&p->free, &free, free & (free - 1)))
			continue;
		*ret = (unsigned)__builtin_ctzll(free);
		return true;
	}
	return false;
}

enum err_code sql_pool_take(struct sql_pool *p, uint64_t wait_ms, unsigned *ret, struct err *e)
{
	if (try_take(p, ret))
		return OK;
	struct timespec until = sql_time(os_monotonic_ns() + wait_ms * 1000000);
	bool got = false;
	int rc = 0;
	pthread_mutex_lock(&p->mutex);
	/* Counted before it looks again: who gives one back from now on sees the waiter. */
	atomic_fetch_add(&p->waiters, 1);
	while (!(got = try_take(p, ret)) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&p->freed, &p->mutex, &until);
	atomic_fetch_sub(&p->waiters, 1);
	pthread_mutex_unlock(&p->mutex);
	if (!got)
		return err_set(e, ERR_TIMEOUT, 0, "all %u database connections were in use for %llu ms", p->n, (unsigned long long)wait_ms);
	return OK;
}

void sql_pool_give(struct sql_pool *p, unsigned i)
{
	atomic_fetch_or(&p->free, (uint64_t)1 << i);
	if (!atomic_load(&p->waiters))
		return;
	pthread_mutex_lock(&p->mutex);
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->mutex);
}
