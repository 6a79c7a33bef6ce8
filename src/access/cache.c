/* Who showed these bytes lately. Four entries a set, the one longest not used gives way; a lock for some sets each. Entries are
 * of an older generation, and thereby void, as soon as any account changed. */
#include <stdlib.h>
#include "inside.h"

enum { WAYS = 4, LOCKS = 64 };

struct entry {
	uint64_t hash, generation, expires_s, used;
	size_t key_n, subject_n;
	uint8_t bytes[];	/* the key, then as much of the subject as it fills */
};

struct cache {
	struct sip_key key;
	unsigned sets;
	struct { _Alignas(64) pthread_mutex_t lock; uint64_t clock; } locks[LOCKS];
	struct entry *entries[];	/* sets × WAYS */
};

enum err_code access_cache_open(unsigned sets, struct cache **ret, struct err *e)
{
	struct cache *c;
	if (posix_memalign((void **)&c, 64, sizeof(*c) + (size_t)sets * WAYS * sizeof(c->entries[0])))
		return err_set(e, ERR_NOMEM, 0, "memory for known credentials");
	memset(c, 0, sizeof(*c) + (size_t)sets * WAYS * sizeof(c->entries[0]));
	if (access_secret_random(&c->key, sizeof(c->key), e) != OK) {
		free(c);
		return e->code;
	}
	c->sets = sets;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&c->locks[i].lock, NULL);
	*ret = c;
	return OK;
}

static void entry_free(struct entry *en)
{
	if (en)
		explicit_bzero(en, sizeof(*en) + en->key_n + en->subject_n);
	free(en);
}

void access_cache_close(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < (size_t)c->sets * WAYS; i++)
		entry_free(c->entries[i]);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&c->locks[i].lock);
	free(c);
}

static bool is_of(const struct entry *en, uint64_t hash, struct slice key)
{
	return en && en->hash == hash && en->key_n == key.n && access_secret_equal(en->bytes, key.p, key.n);
}

bool access_cache_get(struct cache *c, struct slice key, uint64_t generation, uint64_t now_s, struct access_subject *ret)
{
	uint64_t hash = access_sip_of(&c->key, key);
	size_t set = hash & (c->sets - 1);
	struct entry **at = c->entries + set * WAYS;
	bool found = false;
	pthread_mutex_lock(&c->locks[set % LOCKS].lock);
	for (unsigned i = 0; i < WAYS && !found; i++) {
		if (!is_of(at[i], hash, key) || at[i]->generation != generation || at[i]->expires_s <= now_s)
			continue;
		at[i]->used = ++c->locks[set % LOCKS].clock;
		memcpy(ret, at[i]->bytes + key.n, at[i]->subject_n);
		found = true;
	}
	pthread_mutex_unlock(&c->locks[set % LOCKS].lock);
	return found;
}

void access_cache_put(struct cache *c, struct slice key, uint64_t generation, uint64_t expires_s, const struct access_subject *s)
{
	size_t size = offsetof(struct access_subject, grants) + s->n_grants * sizeof(s->grants[0]);
	struct entry *en = malloc(sizeof(*en) + key.n + size), *old;
	if (!en)
		return;
	*en = (struct entry){ .hash = access_sip_of(&c->key, key), .generation = generation, .expires_s = expires_s, .key_n = key.n,
		.subject_n = size };
	memcpy(en->bytes, key.p, key.n);
	memcpy(en->bytes + key.n, s, size);
	size_t set = en->hash & (c->sets - 1);
	struct entry **at = c->entries + set * WAYS, **to = at;
	pthread_mutex_lock(&c->locks[set % LOCKS].lock);
	for (unsigned i = 0; i < WAYS; i++) {
		if (!at[i] || is_of(at[i], en->hash, key)) {
			to = at + i;
			break;
		}
		if (at[i]->used < (*to)->used)
			to = at + i;
	}
	old = *to;
	en->used = ++c->locks[set % LOCKS].clock;
	*to = en;
	pthread_mutex_unlock(&c->locks[set % LOCKS].lock);
	entry_free(old);
}
