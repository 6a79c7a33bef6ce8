/* The worker process: takes jobs from the queue, one a slot, and keeps their leases. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "gate_inside.h"
#include "metrics.h"
#include "os.h"
#include "upstream.h"
#include "work.h"

/* Two a process: one fetches while the other one computes. */
enum { SLOTS = 2, MOST_SLOTS = SLOTS, LEASE_MS = 30000, BEAT_MS = 5000, IDLE_MS = 1000, GIVE_UP = 8, GIVE_UP_BROKEN = 3 };

struct slot {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	int64_t job;			/* 0: idle; under lock */
	_Atomic bool lost;
};
/* An engine with the strings that its options point to. */
struct engine_box {
	struct arena arena;
	const char *yara[64], *intel[64], *names[64];
	struct scan_engine *engine;
	char data_id[330];		/* what it has loaded */
};
struct worker {
	struct gateway *g;
	struct engine_box *box;
	pthread_rwlock_t engine_lock;	/* written when it is opened anew */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t announced;		/* under lock */
	struct slot slots[MOST_SLOTS];
	unsigned n_slots;
	int parent_fd;
	_Atomic bool stop;
};

static bool stopping(struct worker *k)
{
	struct pollfd p = { .fd = k->parent_fd, .events = POLLIN };
	if (os_cancelled() || (k->parent_fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR))))
		atomic_store(&k->stop, true);
	return atomic_load(&k->stop);
}

static void on_change(void *arg, bool announced, bool alive)
{
	struct worker *k = arg;
	struct err why;
	if (alive)
		(void)!gate_refresh(k->g, false, &why);	/* the job itself refreshes again and reports */
	pthread_mutex_lock(&k->lock);
	k->announced += announced;
	pthread_cond_broadcast(&k->wake);
	pthread_mutex_unlock(&k->lock);
}

/* --- The engine follows the data ----------------------------------------------------------------------------------------------- */

static void on_engine_log(void *arg, enum scan_log_level level, const char *text)
{
	struct worker *k = arg;
	gateway_log(k->g, level == SCAN_LOG_WARNING ? LOG_WARN : LOG_DEBUG, text, "");
}

static size_t strings(struct engine_box *b, const struct slice_items *from, const char **to, size_t cap)
{
	size_t n = 0;
	for (; n < from->n && n < cap; n++)
		to[n] = arena_slice_cstr(&b->arena, from->items[n]);
	return n;
}

static void close_box(struct engine_box *b)
{
	if (!b)
		return;
	scan_engine_close(b->engine);
	arena_free(&b->arena);
	free(b);
}

/* After an upgrade, or with other rules, what older analyzers saw stays in force while it is read again, behind everything that people wait for. */
static enum err_code queue_older(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO job (kind, repo_id, digest, state, priority, attempts, run_after_ms, owner, lease_until_ms, created_ms, account, error)"
		       " SELECT 'inspect', p.repo_id, p.digest, 0, 0, 0, 0, '', 0, ?2, '', '' FROM report p JOIN manifest m ON m.digest = p.digest WHERE p.facts_id <> ?1"
		       " AND m.kind = 0 ON CONFLICT (kind, repo_id, digest) DO NOTHING", "zi", (const char *)arg, (int64_t)store_now_ms());
}

static enum err_code open_box(struct worker *k, struct engine_box **ret, struct err *e)
{
	const struct gateway_config *c = k->g->config;
	struct engine_box *b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	b->arena = ARENA(1 << 20);
	gate_data_id(k->g, b->data_id);
	struct scan_options o = { .oci = OCI_OPTIONS_DEFAULT, .judge_diff_ids = true, .db_dir = arena_strdup(&b->arena, k->g->run->db_dir),
				  .cache_dir = arena_strdup(&b->arena, k->g->run->cache_dir), .log = on_engine_log, .arg = k };
	o.intel_file = (const char *)arena_printf(&b->arena, "%s/intel.table", k->g->run->db_dir).p;
	o.yara_paths = b->yara;
	o.n_yara_paths = strings(b, &c->yara, b->yara, ARRAY_LEN(b->yara));
	o.intel_files = b->intel;
	o.n_intel_files = strings(b, &c->intel, b->intel, ARRAY_LEN(b->intel));
	o.protected_names = b->names;
	o.n_protected_names = strings(b, &c->protected_names, b->names, ARRAY_LEN(b->names));
	enum err_code code = arena_ok(&b->arena, "the engine's options", e);
	if (code == OK)
		code = scan_engine_open(&o, &b->engine, e);
	if (code == OK)
		code = sql_write(k->g->store.sql, queue_older, (void *)(uintptr_t)scan_engine_facts_id(b->engine), e);
	if (code != OK) {
		close_box(b);
		return code;
	}
	*ret = b;
	return OK;
}

/* Leaves the engine locked for reading, loaded with the present data. */
static enum err_code engine_ready(struct worker *k, struct err *e)
{
	for (;;) {
		char now[330];
		gate_data_id(k->g, now);
		pthread_rwlock_rdlock(&k->engine_lock);
		if (k->box && !strcmp(k->box->data_id, now))
			return OK;
		pthread_rwlock_unlock(&k->engine_lock);
		pthread_rwlock_wrlock(&k->engine_lock);
		struct engine_box *b = NULL;
		enum err_code code = OK;
		if (!k->box || strcmp(k->box->data_id, now))
			code = open_box(k, &b, e);
		if (b) {
			close_box(k->box);
			k->box = b;
		}
		pthread_rwlock_unlock(&k->engine_lock);
		if (code != OK)
			return code;
	}
}

/* --- Jobs ------------------------------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = { "inspect", NULL };

static enum err_code any_ready(struct sql_tx *tx, void *arg, struct err *e)
{
	int64_t now = (int64_t)store_now_ms();
	return sql_one_int(tx, arg, e, "SELECT count(*) FROM (SELECT 1 FROM job WHERE (state = 0 AND run_after_ms <= ?1) OR (state = 1 AND lease_until_ms < ?1)"
			   " LIMIT 1) AS ready", "i", now);
}

static enum err_code lease_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;
	return store_job_lease(tx, kinds, w->g->node, LEASE_MS, w->arena, &w->job, e);
}

struct failure { struct work *w; struct err why; bool interrupted; };

static bool is_broken(enum err_code code)
{
	return code == ERR_FORMAT || code == ERR_DIGEST || code == ERR_LIMIT || code == ERR_UNSUPPORTED || code == ERR_USAGE;
}

static enum err_code failed_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	static const uint64_t backoff_s[] = { 2, 10, 60, 300, 900, 3600, 3600, 3600 };
	struct failure *f = arg;
	struct work *w = f->w;
	struct store_verdict v;
	AUTO_ARENA a = ARENA(1 << 20);
	AUTO_BUF reasons = BUF(4096);
	unsigned n = w->job.attempts;
	bool over = n >= (is_broken(f->why.code) ? GIVE_UP_BROKEN : GIVE_UP);
	uint64_t retry = f->interrupted ? 0 : over ? UINT64_MAX : backoff_s[MIN(n, (unsigned)ARRAY_LEN(backoff_s)) - (n > 0)] * 1000;
	int64_t here;
	TRY(sql_one_int(tx, &here, e, "SELECT count(*) FROM repo_manifest WHERE repo_id = ?1 AND digest = ?2", "it", w->job.repo_id, w->job.digest));
	/* Deleted meanwhile: nobody asks for it any more. */
	enum err_code code = here ? store_job_failed(tx, w->job.id, w->g->node, slice_str(f->why.msg), retry, e) : store_job_done(tx, w->job.id, w->g->node, e);
	if (code != OK || !here || f->interrupted)
		return code == ERR_NOT_FOUND ? OK : code;
	code = store_verdict_get(tx, w->job.repo_id, w->job.digest, &a, &v, e);
	if (code != OK)
		return code == ERR_NOT_FOUND ? OK : code;
	/* What was judged before stays in force; its generation says that it is old. */
	if (v.state == STATE_ADMITTED || v.state == STATE_REFUSED || v.state == STATE_HELD)
		return sql_announce(tx, e);
	buf_puts(&reasons, "[{\"rule\":\"inspection-failed\",\"text\":\"");
	text_json_escape(&reasons, slice_str(f->why.msg));
	buf_puts(&reasons, "\",\"decision\":\"hold\",\"findings\":[]}]");
	TRY(buf_ok(&reasons, "a verdict's reasons", e));
	v.state = STATE_FAILED;
	v.reasons = buf_slice(&reasons);
	v.attempts = over ? UINT16_MAX : n;
	v.decided_s = os_now_s();
	TRY(store_verdict_put(tx, &v, e));
	TRY(event_put(w->g, tx, "inspection.failed", w->repository, w->job.digest, SL("{}"), e));
	return sql_announce(tx, e);
}

static void run_job(struct slot *s, struct work *w)
{
	struct worker *k = s->worker;
	struct failure f = { .w = w };
	struct err e = { 0 };
	uint64_t start = os_monotonic_ns();
	enum err_code code = gate_refresh(k->g, false, &e);
	/* A worker that dies cannot say so: the lease's count does. */
	if (code == OK && w->job.attempts > GIVE_UP)
		code = err_set(&e, ERR_CRASHED, 0, "its inspection ended the worker %u times", w->job.attempts - 1);
	if (code == OK)
		code = engine_ready(k, &e);
	if (code == OK) {
		w->engine = k->box->engine;
		code = work_inspect(w, &e);
		pthread_rwlock_unlock(&k->engine_lock);
	}
	int64_t ms = (int64_t)((os_monotonic_ns() - start) / 1000000);
	if (code == OK) {
		gateway_log(k->g, LOG_INFO, "inspected", "ztztzizi", "repository", w->repository, "digest", w->job.digest, "ms", ms, "attempt", (int64_t)w->job.attempts);
		return;
	}
	f.why = e;
	f.interrupted = code == ERR_CANCELLED;
	gateway_log(k->g, f.interrupted ? LOG_INFO : LOG_WARN, "inspection failed", "ztztzizizz", "repository", w->repository, "digest", w->job.digest, "ms", ms,
		    "attempt", (int64_t)w->job.attempts, "error", e.msg);
	if (sql_write(k->g->store.sql, failed_tx, &f, &e) != OK)
		gateway_log(k->g, LOG_ERROR, "a failed job could not be recorded; its lease will end", "zz", "error", e.msg);
}

static void wait_for_work(struct worker *k, uint64_t seen)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += IDLE_MS / 1000;
	pthread_mutex_lock(&k->lock);
	if (k->announced == seen && !atomic_load(&k->stop))
		pthread_cond_timedwait(&k->wake, &k->lock, &t);
	pthread_mutex_unlock(&k->lock);
}

static void set_job(struct slot *s, int64_t id)
{
	pthread_mutex_lock(&s->lock);
	s->job = id;
	if (id)
		atomic_store(&s->lost, false);
	pthread_mutex_unlock(&s->lock);
}

static void *slot_main(void *arg)
{
	struct slot *s = arg;
	struct worker *k = s->worker;
	while (!atomic_load(&k->stop)) {
		AUTO_ARENA a = ARENA(64 << 20);
		struct err e = { 0 };
		struct work w = { .g = k->g, .arena = &a, .lost = &s->lost };
		int64_t ready = 0;
		pthread_mutex_lock(&k->lock);
		uint64_t seen = k->announced;
		pthread_mutex_unlock(&k->lock);
		enum err_code code = sql_read(k->g->store.sql, any_ready, &ready, &e);
		if (code == OK && ready)
			code = sql_write(k->g->store.sql, lease_tx, &w, &e);
		if (code != OK || !ready) {
			if (code != OK && code != ERR_NOT_FOUND)
				gateway_log(k->g, LOG_WARN, "the queue could not be read", "zz", "error", e.msg);
			wait_for_work(k, seen);
			continue;
		}
		set_job(s, w.job.id);
		run_job(s, &w);
		set_job(s, 0);
	}
	return NULL;
}

/* --- Leases --------------------------------------------------------------------------------------------------------------------- */

struct beat { struct worker *k; int64_t id; };

static enum err_code beat_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct beat *b = arg;
	return store_job_heartbeat(tx, b->id, b->k->g->node, LEASE_MS, e);
}

static void beat(struct worker *k)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		struct slot *s = &k->slots[i];
		struct err e = { 0 };
		pthread_mutex_lock(&s->lock);
		struct beat b = { k, s->job };
		pthread_mutex_unlock(&s->lock);
		if (!b.id || sql_write(k->g->store.sql, beat_tx, &b, &e) != ERR_NOT_FOUND)
			continue;
		pthread_mutex_lock(&s->lock);
		if (s->job == b.id)
			atomic_store(&s->lost, true);
		pthread_mutex_unlock(&s->lock);
	}
}

static enum err_code start(struct worker *k, struct err *e)
{
	k->n_slots = SLOTS;
	TRY(sql_listen(k->g->store.sql, on_change, k, e));
	for (unsigned i = 0; i < k->n_slots; i++) {
		k->slots[i].worker = k;
		pthread_mutex_init(&k->slots[i].lock, NULL);
		if (pthread_create(&k->slots[i].thread, NULL, slot_main, &k->slots[i])) {
			k->n_slots = i;
			return err_set(e, ERR_NOMEM, errno, "start a thread");
		}
	}
	return OK;
}

enum err_code gateway_work(const struct gateway_run *r, int parent_fd, struct err *e)
{
	struct gateway g = { 0 };
	struct worker k = { .g = &g, .parent_fd = parent_fd, .engine_lock = PTHREAD_RWLOCK_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,
			    .wake = PTHREAD_COND_INITIALIZER };
	os_signals_reload();
	enum err_code code = gateway_open_common(&g, r, "worker", e);
	if (code == OK)
		code = start(&k, e);
	unsigned hangups = os_hangups();
	for (uint64_t beats = 0; code == OK && !stopping(&k); beats++) {
		poll(NULL, 0, 200);
		if (os_hangups() != hangups) {
			hangups = os_hangups();
			upstreams_reload(&g);
		}
		if (beats % (BEAT_MS / 200) == 0)
			beat(&k);
	}
	atomic_store(&k.stop, true);
	on_change(&k, true, false);
	for (unsigned i = 0; i < k.n_slots; i++) {
		atomic_store(&k.slots[i].lost, true);
		pthread_join(k.slots[i].thread, NULL);
	}
	if (g.store.sql)
		sql_unlisten(g.store.sql, on_change, &k);
	gateway_close_common(&g);
	close_box(k.box);
	return code;
}
