#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "helper.h"

struct hash_helper {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	pthread_t thread;
	bool started, taken, stop;
	struct blob_hash *hash;		/* NULL: nothing to do */
	struct slice bytes;
};

static void *run(void *arg)
{
	struct hash_helper *h = arg;
	pthread_mutex_lock(&h->lock);
	for (;;) {
		while (!h->hash && !h->stop)
			pthread_cond_wait(&h->work, &h->lock);
		if (!h->hash)
			break;
		pthread_mutex_unlock(&h->lock);
		blob_hash_update(h->hash, h->bytes);
		pthread_mutex_lock(&h->lock);
		h->hash = NULL;
		pthread_cond_signal(&h->done);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

enum err_code hash_helper_open(struct hash_helper **ret, struct err *e)
{
	struct hash_helper *h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, ERR_NOMEM, 0, "open the blobs");
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	pthread_cond_init(&h->done, NULL);
	*ret = h;
	return OK;
}

void hash_helper_close(struct hash_helper *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
	if (h->started)
		pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->work);
	pthread_cond_destroy(&h->done);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* When first used, so that a store that only reads has none. Signals are other threads' business. */
static bool start(struct hash_helper *h)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	h->started = pthread_create(&h->thread, NULL, run, h) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return h->started;
}

bool hash_helper_begin(struct hash_helper *h, struct blob_hash *hash, struct slice bytes)
{
	pthread_mutex_lock(&h->lock);
	bool mine = !h->taken && (h->started || start(h));
	if (mine) {
		h->taken = true;
		h->hash = hash;
		h->bytes = bytes;
		pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	return mine;
}

void hash_helper_end(struct hash_helper *h)
{
	pthread_mutex_lock(&h->lock);
	while (h->hash)
		pthread_cond_wait(&h->done, &h->lock);
	h->taken = false;
	pthread_mutex_unlock(&h->lock);
}
