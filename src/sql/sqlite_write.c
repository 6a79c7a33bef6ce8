/* SQLite: one writer thread, and one commit for what waits. */
#include <semaphore.h>
#include "sqlite_inside.h"

#define BATCH_MAX 512
#define BATCH_NS 10000000	/* no more join a transaction that has run this long */
#define CHECKPOINT_FRAMES 1000
#define BUSY_LEAST_NS 50000000	/* also for what has waited long in the queue already */

struct lite_write {
	struct lite_write *next;
	sql_tx_fn *fn;
	void *arg;
	struct err *e;
	enum err_code rc;
	uint64_t since_ns;
	bool announced;
	bool alone;		/* is run again in a transaction of its own */
	sem_t done;
};

struct batch { struct lite_write *first, **last; unsigned n; bool announced; };

static void append(struct batch *b, struct lite_write *w)
{
	w->next = NULL;
	*b->last = w;
	b->last = &w->next;
	b->n++;
}

static void answer_all(struct batch *b)
{
	for (struct lite_write *w = b->first, *next; w; w = next) {
		next = w->next;	/* gone with its caller's stack once it is posted */
		sem_post(&w->done);
	}
}

static void fail_all(struct batch *b, const struct err *e)
{
	for (struct lite_write *w = b->first; w; w = w->next) {
		w->rc = e->code;
		*w->e = *e;
	}
	answer_all(b);
}

/* Puts them before all that wait, each to run in a transaction of its own. */
static void requeue_alone(struct lite *db, struct batch *b)
{
	if (!b->first)
		return;
	for (struct lite_write *w = b->first; w; w = w->next)
		w->alone = true;
	pthread_mutex_lock(&db->mutex);
	*b->last = db->first;
	if (!db->first)
		db->last = b->last;
	db->first = b->first;
	pthread_mutex_unlock(&db->mutex);
}

/* The next one for this batch, or NULL. */
static struct lite_write *take(struct lite *db, const struct batch *b, bool wait)
{
	pthread_mutex_lock(&db->mutex);
	while (wait && !db->first && !db->stop)
		pthread_cond_wait(&db->work, &db->mutex);
	struct lite_write *w = db->first;
	if (w && b->n && (w->alone || b->first->alone))
		w = NULL;
	if (w) {
		db->first = w->next;
		if (!db->first)
			db->last = &db->first;
	}
	pthread_mutex_unlock(&db->mutex);
	return w;
}

/* In a savepoint of its own. False: SQLite gave up the whole transaction (a full disk, no memory). */
static bool run_one(struct lite_conn *c, struct lite *db, struct lite_write *w)
{
	struct err e;
	sql_tx_begin(&c->tx, &db->base, false);
	w->rc = sql_lite_exec(c, "SAVEPOINT one", w->e);
	if (w->rc == OK)
		w->rc = sql_tx_run(&c->tx, w->fn, w->arg, w->e);
	w->announced = c->tx.announced;
	if (sqlite3_get_autocommit(c->h))
		return false;
	if (w->rc != OK && (sql_lite_exec(c, "ROLLBACK TO one", &e) != OK))
		return false;
	if (sql_lite_exec(c, "RELEASE one", &e) == OK)
		return true;
	if (w->rc == OK) {
		*w->e = e;
		w->rc = e.code;
	}
	return false;
}

static void rollback(struct lite_conn *c)
{
	struct err e;
	if (!sqlite3_get_autocommit(c->h))
		(void)sql_lite_exec(c, "ROLLBACK", &e);
}

static void after_commit(struct lite *db, const struct batch *b)
{
	atomic_fetch_add(&db->commits, 1);
	bool checkpoint = atomic_load(&db->wal_frames) >= CHECKPOINT_FRAMES;
	if (!checkpoint && !b->announced)
		return;
	pthread_mutex_lock(&db->mutex);
	if (checkpoint) {
		db->want_checkpoint = true;
		pthread_cond_signal(&db->keep);
	}
	if (b->announced && db->listening) {
		db->want_look = true;
		pthread_cond_signal(&db->changed);
	}
	pthread_mutex_unlock(&db->mutex);
}

static void finish(struct lite *db, struct batch *b)
{
	struct lite_conn *c = db->write_conn;
	struct err e;
	if (sql_lite_exec(c, "COMMIT", &e) == OK) {
		after_commit(db, b);
		answer_all(b);
		sql_lite_checkpoint_inline(db);
		return;
	}
	rollback(c);
	/* A deferred constraint shows only now, and not whose it is. */
	if (e.code == ERR_USAGE && b->n > 1)
		requeue_alone(db, b);
	else
		fail_all(b, &e);
}

static void run_batch(struct lite *db, struct lite_write *w)
{
	struct lite_conn *c = db->write_conn;
	struct batch b = { .last = &b.first };
	struct err e;
	/* Many that wait for a lock which is never given up all give up when their own time has passed, not one after the other. */
	c->deadline_ns = MAX(w->since_ns + c->busy_ms * 1000000, os_monotonic_ns() + BUSY_LEAST_NS);
	enum err_code rc = sql_lite_exec(c, "BEGIN IMMEDIATE", &e);
	c->deadline_ns = 0;
	if (rc != OK) {
		append(&b, w);
		fail_all(&b, &e);
		return;
	}
	uint64_t until = os_monotonic_ns() + BATCH_NS;
	do {
		if (!run_one(c, db, w)) {
			/* What this one broke is tried again without it; it is told at once. */
			rollback(c);
			if (w->rc == OK)
				w->rc = err_set(w->e, ERR_IO, 0, "the database gave up the transaction");
			requeue_alone(db, &b);
			sem_post(&w->done);
			return;
		}
		append(&b, w);
		b.announced |= w->announced && w->rc == OK;
	} while (b.n < BATCH_MAX && os_monotonic_ns() < until && (w = take(db, &b, false)));
	finish(db, &b);
}

static void *writer(void *arg)
{
	struct lite *db = arg;
	const struct batch none = { 0 };
	for (struct lite_write *w; (w = take(db, &none, true));)
		run_batch(db, w);
	return NULL;
}

static int on_wal(void *arg, sqlite3 *h, const char *name, int frames)
{
	(void)h, (void)name;
	atomic_store(&((struct lite *)arg)->wal_frames, frames);
	return SQLITE_OK;
}

/* Called with the mutex held. Who only reads pays for no thread. */
static enum err_code start_writing(struct lite *db, struct err *e)
{
	if (!db->write_conn)
		TRY(sql_lite_connect(db, false, &db->write_conn, e));
	sqlite3_wal_hook(db->write_conn->h, on_wal, db);
	TRY(sql_thread(&db->writer, writer, db, e));
	db->writing = true;
	/* Without a keeper the writer checkpoints by itself. */
	struct err ignored;
	if (sql_thread(&db->keeper, sql_lite_keeper, db, &ignored) != OK)
		db->keeper = db->writer;
	return OK;
}

enum err_code sql_lite_write(struct sql *base, sql_tx_fn *fn, void *arg, struct err *e)
{
	struct lite *db = (struct lite *)base;
	struct lite_write w = { .fn = fn, .arg = arg, .e = e, .since_ns = os_monotonic_ns() };
	enum err_code rc = OK;
	pthread_mutex_lock(&db->mutex);
	if (!db->writing)
		rc = start_writing(db, e);
	else if (pthread_equal(pthread_self(), db->writer))
		rc = err_set(e, ERR_INTERNAL, 0, "a write transaction inside another");
	if (rc == OK) {
		sem_init(&w.done, 0, 0);
		*db->last = &w;
		db->last = &w.next;
		pthread_cond_signal(&db->work);
	}
	pthread_mutex_unlock(&db->mutex);
	TRY(rc);
	while (sem_wait(&w.done))
		;
	sem_destroy(&w.done);
	return w.rc;
}

void sql_lite_stop_writing(struct lite *db)
{
	pthread_mutex_lock(&db->mutex);
	db->stop = true;
	pthread_cond_signal(&db->work);
	pthread_cond_signal(&db->keep);
	pthread_mutex_unlock(&db->mutex);
	if (db->writing) {
		pthread_join(db->writer, NULL);
		if (!pthread_equal(db->keeper, db->writer))
			pthread_join(db->keeper, NULL);
	}
	sql_lite_disconnect(db->write_conn);
}
