/* Slowing down who guesses passwords.
 *
 * Failures are counted by account, by address and by pair of both. By account: in two rows of counters chosen by two keyed
 * hashes of the name, the lesser of both counts. So nothing is ever evicted: guesses at many other names cannot make room, and
   * names that do not exist are slowed like others. By address: a table in which the one longest not seen gives way; many
    * addresses are no help against an account's own counter. A pair that was right before passes both and has a counter of its
     * own: who guesses from elsewhere cannot lock out its owner. Pairs of one account share one set of the table, so that one
      * account used from everywhere does not push out those of the others. */
#include <stdlib.h>
#include "inside.h"

enum { ROWS = 2, COLUMNS = 4096, SETS = 512, WAYS = 8 };

struct bucket { uint32_t failures; uint64_t last_ms; };
struct place { uint64_t hash; struct bucket b; uint64_t seen; };
struct limit { uint32_t free; uint64_t forget_ms, most_ms; };
static const struct limit of_account = { 5, 120000, 300000 }, of_address = { 20, 30000, 300000 }, of_pair = { 10, 30000, 30000 };

struct throttle {
	pthread_mutex_t lock;
	struct sip_key key;
	uint64_t clock;
	struct bucket accounts[ROWS][COLUMNS];
	struct place addresses[SETS][WAYS], pairs[SETS][WAYS];
};

enum err_code access_throttle_open(struct throttle **ret, struct err *e)
{
	struct throttle *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_NOMEM, 0, "memory for counters");
	if (access_secret_random(&t->key, sizeof(t->key), e) != OK) {
		free(t);
		return e->code;
	}
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return OK;
}

void access_throttle_close(struct throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct throttle_who access_throttle_who(const struct throttle *t, struct slice name, const struct sockaddr *peer)
{
	uint8_t place[17];
	access_address_place(peer, place);
	return (struct throttle_who){ access_sip_of(&t->key, name) | 1, access_sip_of(&t->key, slice_of(place, sizeof(place))) | 1 };
}

/* --- Counters ---------------------------------------------------------------------------------------------------------- */

static void forget(struct bucket *b, const struct limit *l, uint64_t now_ms)
{
	uint64_t gone = now_ms > b->last_ms ? (now_ms - b->last_ms) / l->forget_ms : 0;
	if (!gone)
		return;
	b->failures = gone >= b->failures ? 0 : b->failures - (uint32_t)gone;
	b->last_ms += gone * l->forget_ms;
}

/* 1 s after the free ones, doubled with each further one. */
static uint64_t wait_of(const struct bucket *b, const struct limit *l, uint64_t now_ms)
{
	struct bucket now = *b;
	uint64_t delay, gone = now_ms > b->last_ms ? now_ms - b->last_ms : 0;
	forget(&now, l, now_ms);
	if (now.failures < l->free)
		return 0;
	delay = MIN((uint64_t)1000 << MIN(now.failures - l->free, 20u), l->most_ms);
	return gone >= delay ? 0 : delay - gone;
}

static void count(struct bucket *b, const struct limit *l, uint64_t now_ms)
{
	forget(b, l, now_ms);
	if (b->failures < 1000)
		b->failures++;
	b->last_ms = now_ms;
}

static void uncount(struct bucket *b) { b->failures -= b->failures > 0; }

static struct bucket *account_bucket(struct throttle *t, struct throttle_who who, unsigned row)
{
	return &t->accounts[row][(who.account >> (1 + 24 * row)) % COLUMNS];
}

static struct place *place_find(struct place *set, uint64_t hash)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].hash == hash)
			return &set[i];
	return NULL;
}

static struct place *place_make(struct throttle *t, struct place *set, uint64_t hash)
{
	struct place *p = place_find(set, hash), *oldest = set;
	for (unsigned i = 0; i < WAYS && !p; i++)
		if (set[i].seen < oldest->seen)
			oldest = &set[i];
	if (!p) {
		p = oldest;
		*p = (struct place){ .hash = hash };
	}
	p->seen = ++t->clock;
	return p;
}

static struct place *address_set(struct throttle *t, struct throttle_who w) { return t->addresses[(w.address >> 1) % SETS]; }
static struct place *pair_set(struct throttle *t, struct throttle_who w) { return t->pairs[(w.account >> 50) % SETS]; }
static uint64_t pair_hash(struct throttle_who w) { return (w.account * 0x9e3779b97f4a7c15 ^ w.address) | 1; }

static uint64_t wait_locked(struct throttle *t, struct throttle_who who, uint64_t now_ms, bool *ret_known)
{
	const struct place *pair = place_find(pair_set(t, who), pair_hash(who)), *address = place_find(address_set(t, who), who.address);
	uint64_t by_account = UINT64_MAX, by_address = address ? wait_of(&address->b, &of_address, now_ms) : 0;
	*ret_known = pair;
	if (pair)
		return wait_of(&pair->b, &of_pair, now_ms);
	for (unsigned row = 0; row < ROWS; row++)
		by_account = MIN(by_account, wait_of(account_bucket(t, who, row), &of_account, now_ms));
	return MAX(by_account, by_address);
}

uint64_t access_throttle_wait(struct throttle *t, struct throttle_who who, uint64_t now_ms, bool *ret_known)
{
	pthread_mutex_lock(&t->lock);
	uint64_t wait = wait_locked(t, who, now_ms, ret_known);
	pthread_mutex_unlock(&t->lock);
	return wait;
}

uint64_t access_throttle_begin(struct throttle *t, struct throttle_who who, uint64_t now_ms)
{
	bool known;
	pthread_mutex_lock(&t->lock);
	uint64_t wait = wait_locked(t, who, now_ms, &known);
	if (!wait && known)
		count(&place_make(t, pair_set(t, who), pair_hash(who))->b, &of_pair, now_ms);
	for (unsigned row = 0; !wait && !known && row < ROWS; row++)
		count(account_bucket(t, who, row), &of_account, now_ms);
	if (!wait && !known)
		count(&place_make(t, address_set(t, who), who.address)->b, &of_address, now_ms);
	pthread_mutex_unlock(&t->lock);
	return wait;
}

void access_throttle_good(struct throttle *t, struct throttle_who who, uint64_t now_ms)
{
	pthread_mutex_lock(&t->lock);
	struct place *pair = place_find(pair_set(t, who), pair_hash(who)), *address = place_find(address_set(t, who), who.address);
	if (pair) {
		pair->b = (struct bucket){ 0, now_ms };
		pair->seen = ++t->clock;
	} else {
		/* Only what begin has counted is taken back: one right password among guesses resets nothing. */
		for (unsigned row = 0; row < ROWS; row++)
			uncount(account_bucket(t, who, row));
		if (address)
			uncount(&address->b);
		(void)place_make(t, pair_set(t, who), pair_hash(who));
	}
	pthread_mutex_unlock(&t->lock);
}
