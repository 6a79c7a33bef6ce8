/* What an upstream can take: our own rate limit and number of fetches, its answers 429, and whether it answers at all. */
#include <errno.h>
#include "upstream_inside.h"

enum { LIMITED_S = 30, MOST_LIMITED_S = 900, DOWN_MS = 5000, MOST_DOWN_MS = 60000, FAILURES_UNTIL_DOWN = 2 };

static uint64_t ms_ns(uint64_t ms) { return ms * 1000000; }

/* Takes one request out of the budget; else how long until there is one. */
static uint64_t budget_wait_ns(struct upstream_one *o, uint64_t now)
{
	if (!o->requests_s)
		return 0;
	o->budget += (double)(now - o->filled_ns) / 1e9 * o->requests_s;
	o->budget = MIN(o->budget, (double)o->requests_s);
	o->filled_ns = now;
	if (o->budget >= 1) {
		o->budget -= 1;
		return 0;
	}
	return (uint64_t)((1 - o->budget) / o->requests_s * 1e9) + 1000000;
}

static void sleep_until(struct upstream_one *o, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	pthread_cond_timedwait(&o->freed, &o->lock, &ts);
}

static enum err_code begin(struct upstreams *us, struct upstream_one *o, uint64_t until, struct err *e)
{
	for (;;) {
		uint64_t now = os_monotonic_ns(), wait;
		if (now < o->limited_until_ns) {
			atomic_fetch_add(&us->limited, 1);
			return err_set(e, ERR_LIMIT, 0, "%s limits how often it may be asked; it is asked again in %llu s", o->name,
				       (unsigned long long)((o->limited_until_ns - now) / 1000000000 + 1));
		}
		if (now < o->down_until_ns)
			return err_set(e, ERR_NET, 0, "%s did not answer a moment ago (%.160s); it is asked again in %llu s", o->name, o->why,
				       (unsigned long long)((o->down_until_ns - now) / 1000000000 + 1));
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		if (o->max_fetches && o->running >= o->max_fetches)
			wait = ms_ns(200);
		else
			wait = budget_wait_ns(o, now);
		if (!wait)
			return OK;
		if (now + MIN(wait, ms_ns(200)) > until) {
			atomic_fetch_add(&us->limited, 1);
			return err_set(e, ERR_LIMIT, 0, "too much is asked of %s at once (requests_per_second, max_fetches)", o->name);
		}
		sleep_until(o, now + MIN(wait, ms_ns(200)));
	}
}

enum err_code upstream_begin(struct upstreams *us, struct upstream_one *o, uint64_t wait_ms, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	enum err_code rc = begin(us, o, os_monotonic_ns() + ms_ns(wait_ms), e);
	if (!rc)
		o->running++;
	pthread_mutex_unlock(&o->lock);
	if (!rc)
		atomic_fetch_add(&us->requests, 1);
	return rc;
}

/* An answer of whatever kind shows that it lives; an address that was refused, or a certificate, says nothing about that. */
static void learn(struct upstream_one *o, enum err_code rc, const struct oci_answer *a, const struct err *e)
{
	uint64_t now = os_monotonic_ns();
	if (a->status)
		o->failures = 0;
	if (a->status == 429) {
		uint64_t s = a->retry_s ? MIN(a->retry_s, (uint64_t)MOST_LIMITED_S) : LIMITED_S;
		o->limited_until_ns = now + ms_ns(s * 1000);
	}
	if (a->status || !rc || (rc != ERR_NET && rc != ERR_TIMEOUT) || e->sys == EACCES || ++o->failures < FAILURES_UNTIL_DOWN)
		return;
	uint64_t ms = DOWN_MS;
	for (unsigned i = FAILURES_UNTIL_DOWN; i < o->failures && ms < MOST_DOWN_MS; i++)
		ms *= 2;
	o->down_until_ns = now + ms_ns(MIN(ms, (uint64_t)MOST_DOWN_MS));
	snprintf(o->why, sizeof(o->why), "%.199s", e->msg);
}

void upstream_end(struct upstreams *us, struct upstream_one *o, enum err_code rc, const struct oci_answer *a, const struct err *e)
{
	pthread_mutex_lock(&o->lock);
	o->running--;
	learn(o, rc, a, e);
	pthread_cond_signal(&o->freed);
	pthread_mutex_unlock(&o->lock);
	if (rc && rc != ERR_NOT_FOUND && rc != ERR_CANCELLED)
		atomic_fetch_add(&us->errors, 1);
}
