/* Upload sessions: begun, taken up, put down, finished. */
#include "reg_session_inside.h"
#include "os.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BUSY_WAIT_S = 2 };

static bool belongs(const struct session *s, const struct call *c)
{
	return slice_eqs(c->repository, s->repository) && slice_eqs(reg_account(c), s->account);
}

struct row { struct slice repository, id; struct arena *arena; struct store_upload u; uint64_t count; };

static enum err_code find_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct row *w = arg;
	int64_t repo_id;
	TRY(store_repo(tx, w->repository, SLICE_NULL, false, &repo_id, e));
	TRY(store_upload_get(tx, w->id, w->arena, &w->u, e));
	return w->u.repo_id == repo_id ? OK : err_set(e, ERR_NOT_FOUND, 0, "no such upload in this repository");
}

static enum err_code delete_tx(struct sql_tx *tx, void *arg, struct err *e) { return store_upload_delete(tx, slice_str(((struct session *)arg)->id), e); }

static enum err_code count_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct row *w = arg;
	return store_upload_count(tx, w->id, &w->count, e);
}

/* --- Taking ----------------------------------------------------------------------------------------------------------------------- */

static struct session *make(struct call *c, struct blob_upload *u)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	snprintf(s->id, sizeof(s->id), "%s", blob_upload_id(u));
	snprintf(s->repository, sizeof(s->repository), "%.*s", SLICE_ARG(c->repository));
	snprintf(s->account, sizeof(s->account), "%.*s", SLICE_ARG(reg_account(c)));
	s->upload = u;
	s->busy = true;
	s->used_ns = os_monotonic_ns();
	return s;
}

/* Room for one more: what has been idle longest is saved and closed. */
static void make_room(struct sessions *t)
{
	pthread_mutex_lock(&t->lock);
	struct session *oldest = NULL;
	for (size_t i = 0; t->n >= SESSIONS_OPEN && i < SESSION_BUCKETS; i++)
		for (struct session *s = t->buckets[i]; s; s = s->next)
			if (!s->busy && (!oldest || s->used_ns < oldest->used_ns))
				oldest = s;
	if (oldest) {
		oldest->used_ns = os_monotonic_ns() - (SESSION_CLOSE_S + 1) * UINT64_C(1000000000);
		session_work(t, oldest);
	}
	pthread_mutex_unlock(&t->lock);
}

static uint64_t unsaved_of(struct sessions *t, struct slice account)
{
	uint64_t n = 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = t->buckets[i]; s; s = s->next)
			n += !s->has_row && slice_eqs(account, s->account);
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* false: there is one already, which two that resume at once can bring about. */
static bool insert(struct sessions *t, struct session *s)
{
	pthread_mutex_lock(&t->lock);
	struct session **at = session_place(t, slice_str(s->id));
	bool first = !*at;
	if (first) {
		*at = s;
		t->n++;
	}
	pthread_mutex_unlock(&t->lock);
	return first;
}

enum err_code session_begin(struct call *c, int algo, struct session **ret, struct err *e)
{
	struct sessions *t = c->g->registry->sessions;
	struct row w = { .id = reg_account(c) };
	unsigned most = c->g->config->max_uploads_account;
	struct blob_upload *u;
	if (c->rule->gate != GATE_OFF)
		TRY(gate_quarantine_room(c->g, e));
	if (most) {
		TRY(sql_read(c->g->store.sql, count_tx, &w, e));
		if (w.count + unsaved_of(t, w.id) >= most)
			return err_set(e, ERR_LIMIT, 0, "this account has %u uploads open already; finish or cancel some", most);
	}
	make_room(t);
	TRY(blob_upload_begin(c->g->store.blobs, algo, &u, e));
	struct session *s = make(c, u);
	if (!s) {
		blob_upload_close(u);
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	(void)insert(t, s);	/* its id is new */
	*ret = s;
	return OK;
}

struct session *session_try(struct call *c, struct slice id)
{
	struct sessions *t = c->g->registry->sessions;
	if (t->shared)
		return NULL;
	pthread_mutex_lock(&t->lock);
	struct session *s = *session_place(t, id);
	if (s && (s->busy || !belongs(s, c)))
		s = NULL;
	if (s)
		s->busy = true;
	pthread_mutex_unlock(&t->lock);
	return s;
}

/* In memory and ours: busy for us. *ret NULL: not in memory. */
static enum err_code take_from_memory(struct call *c, struct slice id, struct session **ret, struct err *e)
{
	struct sessions *t = c->g->registry->sessions;
	struct timespec until;
	struct session *s;
	enum err_code code = OK;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += BUSY_WAIT_S;
	pthread_mutex_lock(&t->lock);
	while ((s = *session_place(t, id)) && belongs(s, c) && s->busy)
		if (pthread_cond_timedwait(&t->change, &t->lock, &until))
			break;
	if (s && !belongs(s, c))
		code = err_set(e, ERR_NOT_FOUND, 0, "no such upload");
	else if (s && s->busy)
		code = err_set(e, ERR_CANCELLED, 0, "another request works at this upload");
	else if (s)
		s->busy = true;
	*ret = code == OK ? s : NULL;
	pthread_mutex_unlock(&t->lock);
	return code;
}

static enum err_code find_row(struct call *c, struct slice id, struct arena *a, struct row *w, struct err *e)
{
	*w = (struct row){ .repository = c->repository, .id = id, .arena = a };
	TRY(sql_read(c->g->store.sql, find_tx, w, e));
	return slice_eq(w->u.account, reg_account(c)) ? OK : err_set(e, ERR_NOT_FOUND, 0, "no such upload");
}

static enum err_code resume(struct call *c, struct slice id, const struct row *w, struct session **ret, struct err *e)
{
	struct blob_upload *u;
	make_room(c->g->registry->sessions);
	TRY(blob_upload_resume(c->g->store.blobs, arena_slice_cstr(http_arena(c->r), id), w->u.bytes, w->u.state, &u, e));
	struct session *s = make(c, u);
	if (!s) {
		blob_upload_close(u);
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	s->has_row = true;
	s->row_bytes = w->u.bytes;
	if (!insert(c->g->registry->sessions, s)) {
		session_free(s);
		return err_set(e, ERR_CANCELLED, 0, "another request works at this upload");
	}
	*ret = s;
	return OK;
}

enum err_code session_get(struct call *c, struct slice id, struct session **ret, struct err *e)
{
	struct sessions *t = c->g->registry->sessions;
	AUTO_ARENA a = ARENA(256 << 10);
	struct session *s;
	struct row w;
	TRY(take_from_memory(c, id, &s, e));
	if (s && !t->shared) {
		*ret = s;
		return OK;
	}
	enum err_code code = find_row(c, id, &a, &w, e);
	if (code == OK && s && s->has_row && w.u.bytes == session_offset(s)) {
		*ret = s;
		return OK;
	}
	if (s) {	/* another node went on with it, or finished it */
		pthread_mutex_lock(&t->lock);
		session_unlink(t, s);
		pthread_mutex_unlock(&t->lock);
		session_free(s);
	}
	return code == OK ? resume(c, id, &w, ret, e) : code;
}

/* --- Giving back ------------------------------------------------------------------------------------------------------------------- */

void session_release(struct call *c, struct session *s)
{
	struct sessions *t = c->g->registry->sessions;
	pthread_mutex_lock(&t->lock);
	s->busy = false;
	s->used_ns = os_monotonic_ns();
	pthread_cond_broadcast(&t->change);
	pthread_mutex_unlock(&t->lock);
}

static void forget(struct call *c, struct session *s)
{
	struct sessions *t = c->g->registry->sessions;
	pthread_mutex_lock(&t->lock);
	session_unlink(t, s);
	pthread_mutex_unlock(&t->lock);
	session_free(s);
}

enum err_code session_return(struct call *c, struct session *s, struct err *e)
{
	struct sessions *t = c->g->registry->sessions;
	enum err_code code = t->shared ? session_save(t, s, e) : OK;
	if (code == OK)
		session_release(c, s);
	else
		forget(c, s);
	return code;
}

enum err_code session_finish(struct call *c, struct session *s, struct slice digest, struct err *e)
{
	struct slice id = s->has_row ? slice_str(s->id) : SLICE_NULL;
	uint64_t size;
	struct err other = { 0 };
	enum err_code code = blob_upload_finish(s->upload, digest, NULL, &size, e);
	s->upload = NULL;
	if (code == OK)
		code = reg_blob_publish(c, digest, size, id, e);
	else if (s->has_row && sql_write(c->g->store.sql, delete_tx, s, &other) != OK)
		gateway_log(c->g, LOG_WARN, "the row of a failed upload stays", "zzzz", "id", s->id, "error", other.msg);
	forget(c, s);
	return code;
}

void session_remove(struct call *c, struct session *s)
{
	AUTO_BUF state = BUF(SESSION_STATE);
	struct err e = { 0 };
	enum err_code code = blob_upload_save(s->upload, &state, &e);
	blob_upload_close(s->upload);
	s->upload = NULL;
	if (code == OK)
		code = blob_upload_remove(c->g->store.blobs, s->id, state.n ? buf_slice(&state) : SL(""), &e);
	if (code == OK && s->has_row)
		code = sql_write(c->g->store.sql, delete_tx, s, &e);
	if (code != OK)
		gateway_log(c->g, LOG_WARN, "an upload's rest stays for garbage collection", "zzzz", "id", s->id, "error", e.msg);
	forget(c, s);
}
