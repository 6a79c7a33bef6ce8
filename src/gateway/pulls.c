#include "pulls.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "os.h"

enum { MOST = 1024, SLOTS = 2048, BATCH = 256 };

struct pull { char repository[256], digest[136], account[128], address[64]; uint64_t last_s, count; };
struct pulls {
	pthread_mutex_t lock;
	struct pull *items;		/* in order of arrival; n of MOST */
	size_t n;
	uint16_t slots[SLOTS];		/* index + 1 into items */
	uint64_t lost;
};

enum err_code pulls_open(struct pulls **ret, struct err *e)
{
	struct pulls *p = calloc(1, sizeof(*p));
	if (p)
		p->items = calloc(MOST, sizeof(*p->items));	/* pages come as they are used */
	if (!p || !p->items) {
		free(p);
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return OK;
}

void pulls_close(struct pulls *p)
{
	if (!p)
		return;
	free(p->items);
	free(p);
}

static void put(char *dst, size_t cap, struct slice s)
{
	size_t n = MIN(s.n, cap - 1);
	if (n)
		memcpy(dst, s.p, n);
	dst[n] = '\0';
}

void pulls_note(struct pulls *p, struct slice repository, struct slice digest, const char *account, const char *address)
{
	uint64_t hash = slice_hash(digest) ^ slice_hash(slice_str(account)) * 3 ^ slice_hash(slice_str(address)) * 5 ^ slice_hash(repository) * 7;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < SLOTS; i++) {
		uint16_t *slot = &p->slots[(hash + i) % SLOTS];
		struct pull *one = *slot ? &p->items[*slot - 1] : NULL;
		if (one && !(slice_eqs(digest, one->digest) && slice_eqs(repository, one->repository) && !strcmp(account, one->account) && !strcmp(address, one->address)))
			continue;
		if (!one && p->n == MOST) {
			p->lost++;
			break;
		}
		if (!one) {
			one = &p->items[p->n++];
			*slot = (uint16_t)p->n;
			put(one->repository, sizeof(one->repository), repository);
			put(one->digest, sizeof(one->digest), digest);
			put(one->account, sizeof(one->account), slice_str(account));
			put(one->address, sizeof(one->address), slice_str(address));
			one->count = 0;
		}
		one->count++;
		one->last_s = os_now_s();
		break;
	}
	pthread_mutex_unlock(&p->lock);
}

struct flush { struct pull *items; size_t n; };

static enum err_code flush_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct flush *f = arg;
	for (size_t i = 0; i < f->n; i++) {
		const struct pull *p = &f->items[i];
		TRY(sql_run(tx, NULL, e, "INSERT INTO pull (repo_id, digest, account, address, day, last_s, count) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM repo WHERE name = ?1"
			    " ON CONFLICT (repo_id, digest, account, address, day) DO UPDATE SET last_s = excluded.last_s, count = pull.count + excluded.count", "zzzziii",
			    p->repository, p->digest, p->account, p->address, (int64_t)(p->last_s / 86400), (int64_t)p->last_s, (int64_t)p->count));
		TRY(sql_run(tx, NULL, e, "UPDATE repo_manifest SET pulled_s = ?3 WHERE digest = ?2 AND repo_id = (SELECT id FROM repo WHERE name = ?1) AND pulled_s < ?3", "zzi",
			    p->repository, p->digest, (int64_t)p->last_s));
	}
	return OK;
}

enum err_code pulls_flush(struct gateway *g, struct pulls *p, struct err *e)
{
	struct pull *fresh = calloc(MOST, sizeof(*fresh));
	if (!fresh)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	pthread_mutex_lock(&p->lock);
	struct flush f = { .items = p->items, .n = p->n };
	if (p->n) {
		p->items = fresh;
		p->n = 0;
		for (size_t i = 0; i < ARRAY_LEN(p->slots); i++)
			p->slots[i] = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (!f.n) {
		free(fresh);
		return OK;
	}
	enum err_code code = OK;
	for (size_t at = 0; code == OK && at < f.n; at += BATCH) {
		struct flush part = { f.items + at, MIN(f.n - at, (size_t)BATCH) };
		code = sql_write(g->store.sql, flush_tx, &part, e);
	}
	free(f.items);
	return code;
}

uint64_t pulls_lost(struct pulls *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->lost;
	pthread_mutex_unlock(&p->lock);
	return n;
}
