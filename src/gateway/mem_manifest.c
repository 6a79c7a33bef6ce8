/* Hot manifests in memory. */
#include "registry.h"
#include "os.h"
#include <stdlib.h>

enum { BODY_BUCKETS = 1024, NAMES = 2048, MOST_KEY = 512 };

struct mem_body {
	atomic_int refs;		/* the memory's own is one of them */
	struct mem_body *chain, *newer, *older;
	size_t n_digest, n_body, cost;
	char type[128], digest[144];
	uint8_t bytes[];
};

/* One place a hash: a newer reference takes it over. */
struct name {
	struct mem_body *body;
	uint64_t changes, until_ns;
	size_t n;
	uint8_t *key;			/* repository, NUL, reference */
};

struct mem_manifest {
	pthread_mutex_t lock;
	struct mem_body *buckets[BODY_BUCKETS];
	struct mem_body *newest, *oldest;
	size_t bytes;
	struct name names[NAMES];
};

struct slice mem_body_digest(const struct mem_body *b) { return slice_of(b->digest, b->n_digest); }
struct slice mem_body_bytes(const struct mem_body *b) { return slice_of(b->bytes, b->n_body); }
const char *mem_body_type(const struct mem_body *b) { return b->type; }

void mem_body_release(void *arg)
{
	struct mem_body *b = arg;
	if (b && atomic_fetch_sub(&b->refs, 1) == 1)
		free(b);
}

struct mem_manifest *mem_manifest_open(void)
{
	struct mem_manifest *m = calloc(1, sizeof(*m));
	if (m)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void unlink_age(struct mem_manifest *m, struct mem_body *b)
{
	*(b->newer ? &b->newer->older : &m->newest) = b->older;
	*(b->older ? &b->older->newer : &m->oldest) = b->newer;
	b->newer = b->older = NULL;
}

static void link_newest(struct mem_manifest *m, struct mem_body *b)
{
	b->older = m->newest;
	*(m->newest ? &m->newest->newer : &m->oldest) = b;
	m->newest = b;
}

static struct mem_body **place_of(struct mem_manifest *m, struct slice digest)
{
	struct mem_body **at = &m->buckets[slice_hash(digest) % BODY_BUCKETS];
	while (*at && !slice_eq(mem_body_digest(*at), digest))
		at = &(*at)->chain;
	return at;
}

static void forget(struct name *n)
{
	mem_body_release(n->body);
	free(n->key);
	*n = (struct name){ 0 };
}

static void drop(struct mem_manifest *m, struct mem_body *b)
{
	struct mem_body **at = place_of(m, mem_body_digest(b));
	for (size_t i = 0; i < NAMES; i++)	/* so that no name keeps what the bound counts no more */
		if (m->names[i].body == b)
			forget(&m->names[i]);
	*at = b->chain;
	unlink_age(m, b);
	m->bytes -= b->cost;
	mem_body_release(b);
}

void mem_manifest_close(struct mem_manifest *m)
{
	if (!m)
		return;
	while (m->newest)
		drop(m, m->newest);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct mem_body *mem_manifest_body(struct mem_manifest *m, struct slice digest)
{
	pthread_mutex_lock(&m->lock);
	struct mem_body *b = *place_of(m, digest);
	if (b) {
		atomic_fetch_add(&b->refs, 1);
		if (m->newest != b) {
			unlink_age(m, b);
			link_newest(m, b);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return b;
}

static struct mem_body *make(const struct store_manifest *s)
{
	size_t cost = sizeof(struct mem_body) + s->body.n;
	if (s->digest.n >= sizeof((struct mem_body){ 0 }.digest) || s->media_type.n >= sizeof((struct mem_body){ 0 }.type))
		return NULL;
	struct mem_body *b = calloc(1, cost + 1);
	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->cost = cost;
	b->n_body = s->body.n;
	b->n_digest = s->digest.n;
	memcpy(b->digest, s->digest.p, s->digest.n);
	memcpy(b->type, s->media_type.p, s->media_type.n);
	if (s->body.n)
		memcpy(b->bytes, s->body.p, s->body.n);
	return b;
}

struct mem_body *mem_manifest_add(struct mem_manifest *m, const struct store_manifest *s)
{
	struct mem_body *b = make(s);
	if (!b)
		return NULL;
	pthread_mutex_lock(&m->lock);
	struct mem_body **at = place_of(m, s->digest);
	if (*at) {	/* another request brought it meanwhile */
		free(b);
		b = *at;
		atomic_fetch_add(&b->refs, 1);
	} else if (b->cost <= MEM_MANIFEST_BYTES / 4) {	/* else it is the caller's alone */
		*at = b;
		atomic_fetch_add(&b->refs, 1);
		link_newest(m, b);
		m->bytes += b->cost;
		while (m->bytes > MEM_MANIFEST_BYTES)
			drop(m, m->oldest);
	}
	pthread_mutex_unlock(&m->lock);
	return b;
}

static size_t make_key(uint8_t key[MOST_KEY], struct slice repository, struct slice reference)
{
	size_t n = repository.n + 1 + reference.n;
	if (n > MOST_KEY)
		return 0;
	memcpy(key, repository.p, repository.n);
	key[repository.n] = 0;
	memcpy(key + repository.n + 1, reference.p, reference.n);
	return n;
}

void mem_manifest_remember(struct mem_manifest *m, struct slice repository, struct slice reference, struct mem_body *b, uint64_t changes)
{
	uint8_t key[MOST_KEY];
	size_t n = make_key(key, repository, reference);
	uint8_t *copy = n ? malloc(n) : NULL;
	if (!copy)
		return;
	memcpy(copy, key, n);
	struct name fresh = { b, changes, os_monotonic_ns() + MEM_MANIFEST_MS * UINT64_C(1000000), n, copy };
	pthread_mutex_lock(&m->lock);
	if (*place_of(m, mem_body_digest(b)) == b) {
		struct name *to = &m->names[slice_hash(slice_of(key, n)) % NAMES];
		forget(to);
		atomic_fetch_add(&b->refs, 1);
		*to = fresh;
		copy = NULL;
	}
	pthread_mutex_unlock(&m->lock);
	free(copy);
}

struct mem_body *mem_manifest_known(struct mem_manifest *m, struct slice repository, struct slice reference, uint64_t changes)
{
	uint8_t key[MOST_KEY];
	size_t n = make_key(key, repository, reference);
	struct name *at = &m->names[slice_hash(slice_of(key, n)) % NAMES];
	struct mem_body *b = NULL;
	uint64_t now = os_monotonic_ns();
	pthread_mutex_lock(&m->lock);
	if (n && at->body && at->changes == changes && now < at->until_ns && at->n == n && !memcmp(at->key, key, n)) {
		b = at->body;
		atomic_fetch_add(&b->refs, 1);
	}
	pthread_mutex_unlock(&m->lock);
	return b;
}
