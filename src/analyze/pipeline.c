#include "pipeline.h"
#include <pthread.h>
#include <stdlib.h>

enum stage { STAGE_READ, STAGE_MATCH, STAGE_COUNT };

struct pipeline {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool go, read_ended, match_ended;
	/* Slots 0..read are filled, 0..matched are matched, 0..taken are given back (counted from the start, modulo SLOTS in the ring). */
	uint64_t filled, matched, taken;
	bool holding;			/* the tar thread holds slot `taken` */
	struct err failure[STAGE_COUNT];
	struct slot slots[SLOTS];
	struct stream *in;
	struct threat_stream *patterns;
	struct digest *sha256;
	struct pipeline_result result;
	pthread_t threads[STAGE_COUNT];
	uint8_t *memory;
};

static void wait_go(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->go)
		pthread_cond_wait(&p->moved, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void *read_main(void *arg)
{
	struct pipeline *p = arg;
	bool more = true;
	wait_go(p);
	while (more) {
		pthread_mutex_lock(&p->lock);
		while (p->filled - p->taken >= SLOTS)
			pthread_cond_wait(&p->moved, &p->lock);
		struct slot *s = &p->slots[p->filled % SLOTS];
		pthread_mutex_unlock(&p->lock);
		uint64_t start = os_monotonic_ns();
		struct err e;
		enum err_code code = stream_read_full(p->in, s->bytes, SLOT_BYTES, &s->n, &e);
		p->result.ns_read += os_monotonic_ns() - start;
		pthread_mutex_lock(&p->lock);
		if (code != OK) {
			p->failure[STAGE_READ] = e;
			more = false;
		} else if (s->n) {
			s->offset = p->result.bytes;
			p->result.bytes += s->n;
			p->filled++;
			more = s->n == SLOT_BYTES;
		} else {
			more = false;
		}
		p->read_ended = !more;
		pthread_cond_broadcast(&p->moved);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static void on_hit(void *arg, uint32_t id, uint64_t end)
{
	struct hit_list *l = arg;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 1024;
		struct threat_hit *items = cap <= HITS_PER_FILE ? reallocarray(l->items, cap, sizeof(*items)) : NULL;
		if (!items) {
			l->dropped++;
			return;
		}
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n++] = (struct threat_hit){ id, end };
}

static enum err_code match_slot(struct pipeline *p, struct slot *s, struct err *e)
{
	uint64_t start = os_monotonic_ns();
	digest_update(p->sha256, slice_of(s->bytes, s->n));
	uint64_t middle = os_monotonic_ns();
	p->result.ns_digest += middle - start;
	s->hits.n = 0;
	s->hits.dropped = 0;
	enum err_code code = p->patterns ? threat_stream_feed(p->patterns, slice_of(s->bytes, s->n), on_hit, &s->hits, e) : OK;
	p->result.ns_match += os_monotonic_ns() - middle;
	return code;
}

static void *match_main(void *arg)
{
	struct pipeline *p = arg;
	wait_go(p);
	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (p->matched == p->filled && !p->read_ended)
			pthread_cond_wait(&p->moved, &p->lock);
		bool end = p->matched == p->filled;
		struct slot *s = &p->slots[p->matched % SLOTS];
		pthread_mutex_unlock(&p->lock);
		struct err e;
		enum err_code code = end ? OK : match_slot(p, s, &e);
		if (end)
			digest_final(p->sha256, p->result.diff_id);
		pthread_mutex_lock(&p->lock);
		if (code != OK)
			p->failure[STAGE_MATCH] = e;
		else if (!end)
			p->matched++;
		p->match_ended = end || code != OK;
		bool stop = p->match_ended;
		pthread_cond_broadcast(&p->moved);
		pthread_mutex_unlock(&p->lock);
		if (stop)
			return NULL;
	}
}

enum err_code pipeline_start(int in_fd, const struct threat_set *set, struct pipeline **ret, struct err *e)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	struct stream *raw;
	/* The tar thread looks a little behind a slot's end in no case: no slack is needed. */
	p->memory = p ? malloc((size_t)SLOTS * SLOT_BYTES) : NULL;
	if (!p || !p->memory)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->moved, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		p->slots[i].bytes = p->memory + (size_t)i * SLOT_BYTES;
	TRY(digest_open(DIGEST_SHA256, &p->sha256, e));
	if (set)
		TRY(threat_stream_open(set, &p->patterns, e));
	TRY(stream_of_fd(in_fd, false, &raw, e));
	/* Reads nothing yet: the kind is found at the first read, behind the seal. */
	TRY(stream_decompress(raw, true, &p->result.info, &p->in, e));
	if (pthread_create(&p->threads[STAGE_READ], NULL, read_main, p) || pthread_create(&p->threads[STAGE_MATCH], NULL, match_main, p))
		return err_set(e, ERR_NOMEM, 0, "cannot start the worker's threads");
	*ret = p;
	return OK;
}

void pipeline_go(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	p->go = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

enum err_code pipeline_next(struct pipeline *p, const struct slot **ret, struct err *e)
{
	pthread_mutex_lock(&p->lock);
	if (p->holding) {
		p->taken++;
		p->holding = false;
		pthread_cond_broadcast(&p->moved);
	}
	while (p->taken == p->matched && !p->match_ended)
		pthread_cond_wait(&p->moved, &p->lock);
	enum err_code code = OK;
	*ret = NULL;
	if (p->taken < p->matched) {
		*ret = &p->slots[p->taken % SLOTS];
		p->holding = true;
	} else if (p->failure[STAGE_READ].code != OK || p->failure[STAGE_MATCH].code != OK) {
		*e = p->failure[p->failure[STAGE_READ].code != OK ? STAGE_READ : STAGE_MATCH];
		code = e->code;
	}
	pthread_mutex_unlock(&p->lock);
	return code;
}

void pipeline_finish(struct pipeline *p, struct pipeline_result *ret)
{
	pthread_join(p->threads[STAGE_READ], NULL);
	pthread_join(p->threads[STAGE_MATCH], NULL);
	*ret = p->result;
	for (unsigned i = 0; i < SLOTS; i++)
		free(p->slots[i].hits.items);
	stream_close(p->in);
	threat_stream_close(p->patterns);
	digest_close(p->sha256);
	free(p->memory);
	free(p);
}
