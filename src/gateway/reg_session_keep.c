/* Rows of uploads, and the thread that writes them. */
#include "reg_session_inside.h"
#include "os.h"
#include <stdlib.h>
#include <time.h>

struct session **session_place(struct sessions *t, struct slice id)
{
	struct session **at = &t->buckets[slice_hash(id) % SESSION_BUCKETS];
	while (*at && !slice_eqs(id, (*at)->id))
		at = &(*at)->next;
	return at;
}

void session_unlink(struct sessions *t, struct session *s)
{
	struct session **at = session_place(t, slice_str(s->id));
	if (*at == s) {
		*at = s->next;
		t->n--;
	}
	pthread_cond_broadcast(&t->change);
}

void session_free(struct session *s)
{
	blob_upload_close(s->upload);
	free(s);
}

/* --- Rows -------------------------------------------------------------------------------------------------------------------- */

struct row { struct slice repository; struct store_upload u; uint64_t old_bytes; bool was_there; };

static enum err_code save_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct row *w = arg;
	TRY(store_repo(tx, w->repository, SL(""), true, &w->u.repo_id, e));
	return w->was_there ? store_upload_advance(tx, &w->u, w->old_bytes, e) : store_upload_put(tx, &w->u, e);
}

enum err_code session_save(struct sessions *t, struct session *s, struct err *e)
{
	AUTO_BUF state = BUF(SESSION_STATE);
	TRY(blob_upload_save(s->upload, &state, e));
	TRY(buf_ok(&state, "an upload's state", e));
	struct row w = { .repository = slice_str(s->repository), .old_bytes = s->row_bytes, .was_there = s->has_row,
			 .u = { .id = slice_str(s->id), .account = slice_str(s->account), .state = state.n ? buf_slice(&state) : SL(""), .bytes = session_offset(s) } };
	TRY(sql_write(t->g->store.sql, save_tx, &w, e));
	s->has_row = true;
	s->row_bytes = w.u.bytes;
	return OK;
}

/* --- The saving thread --------------------------------------------------------------------------------------------------------- */

static bool is_dirty(const struct session *s) { return !s->has_row || s->row_bytes != session_offset(s); }

static struct session *due(struct sessions *t, uint64_t now)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = t->buckets[i]; s; s = s->next) {
			uint64_t idle_s = (now - s->used_ns) / 1000000000u;
			if (!s->busy && (idle_s >= SESSION_CLOSE_S || (idle_s >= SESSION_SAVE_S && is_dirty(s))))
				return s;
		}
	return NULL;
}

void session_work(struct sessions *t, struct session *s)
{
	struct err e = { 0 };
	bool close_it = (os_monotonic_ns() - s->used_ns) / 1000000000u >= SESSION_CLOSE_S;
	s->busy = true;
	pthread_mutex_unlock(&t->lock);
	enum err_code code = is_dirty(s) ? session_save(t, s, &e) : OK;
	if (code != OK)
		gateway_log(t->g, LOG_WARN, "an upload was not saved", "zzzz", "id", s->id, "error", e.msg);
	pthread_mutex_lock(&t->lock);
	s->busy = false;
	if (code != OK)
		s->used_ns = os_monotonic_ns();	/* not again at once */
	pthread_cond_broadcast(&t->change);
	if (close_it || code == ERR_CANCELLED) {
		session_unlink(t, s);
		session_free(s);
	}
}

static void *saver(void *arg)
{
	struct sessions *t = arg;
	struct session *s;
	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&t->change, &t->lock, &until);
		for (int i = 0; i < SESSIONS_OPEN && !t->stop && (s = due(t, os_monotonic_ns())); i++)
			session_work(t, s);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

struct sessions *sessions_open(struct gateway *g, struct err *e)
{
	struct sessions *t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;
	if (!t) {
		(void)err_set(e, ERR_NOMEM, 0, "out of memory");
		return NULL;
	}
	*t = (struct sessions){ .g = g, .shared = blob_is_shared(g->store.blobs) };
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->change, &attr);
	pthread_condattr_destroy(&attr);
	t->has_saver = !pthread_create(&t->saver, NULL, saver, t);
	if (t->has_saver)
		return t;
	sessions_close(t);
	(void)err_set(e, ERR_NOMEM, 0, "no thread");
	return NULL;
}

void sessions_close(struct sessions *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->change);
	pthread_mutex_unlock(&t->lock);
	if (t->has_saver)
		pthread_join(t->saver, NULL);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = t->buckets[i], *next; s; s = next) {
			struct err e = { 0 };
			next = s->next;
			if (is_dirty(s) && session_save(t, s, &e) != OK)
				gateway_log(t->g, LOG_WARN, "an upload was not saved", "zzzz", "id", s->id, "error", e.msg);
			session_free(s);
		}
	pthread_cond_destroy(&t->change);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

uint64_t sessions_count(const struct sessions *t) { return t->n; }
