/* All accounts at one moment. */
#include <stdlib.h>
#include "inside.h"

enum { MAX_ACCOUNTS = 100000 };

enum err_code access_accounts_new(struct accounts **ret, struct err *e)
{
	struct accounts *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "memory for accounts");
	s->arena = ARENA(128 * MIB);
	*ret = s;
	return OK;
}

void access_accounts_free(struct accounts *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
	free(s);
}

struct account *access_accounts_add(struct accounts *s) { return s->n < MAX_ACCOUNTS ? ARENA_PUSH(&s->arena, s) : NULL; }

enum err_code access_grant_add(struct accounts *s, struct account *to, struct slice pattern, unsigned rights, struct err *e)
{
	struct { struct access_grant *items; size_t n, cap; } list = { to->grants, to->n_grants, to->cap_grants };
	if (list.n == ACCESS_MAX_GRANTS)
		return err_set(e, ERR_USAGE, 0, "an account has at most %d grants", ACCESS_MAX_GRANTS);
	struct access_grant *g = ARENA_PUSH(&s->arena, &list);
	if (!g)
		return arena_ok(&s->arena, "accounts", e);
	*g = (struct access_grant){ pattern, rights };
	to->grants = list.items;
	to->n_grants = list.n;
	to->cap_grants = list.cap;
	return OK;
}

bool access_account_usable(const struct account *a, uint64_t now_s) { return !a->disabled && (!a->expires_s || now_s < a->expires_s); }

static int by_name(const void *a, const void *b)
{
	const struct account *x = a, *y = b;
	int c = slice_cmp(x->name, y->name);
	return c ? c : (x->origin > y->origin) - (x->origin < y->origin);
}

static int by_secret(const void *a, const void *b)
{
	return memcmp((*(const struct account *const *)a)->sha256, (*(const struct account *const *)b)->sha256, 32);
}

static void stamp(struct account *a, const struct hmac_key *signing)
{
	uint8_t sum[32], created[8];
	for (unsigned i = 0; i < 8; i++)
		created[i] = (uint8_t)(a->created_s >> (8 * i));
	const struct slice parts[] = { SL("stamp"), slice_of(created, 8), slice_of(a->sha256, 32), a->hash, a->name };
	access_hmac_of(signing, parts, ARRAY_LEN(parts), sum);
	memcpy(a->stamp, sum, sizeof(a->stamp));
}

enum err_code access_accounts_finish(struct accounts *s, const struct hmac_key *signing, struct err *e)
{
	size_t kept = 0;
	if (s->n)
		qsort(s->items, s->n, sizeof(*s->items), by_name);
	for (size_t i = 0; i < s->n; i++)
		if (!kept || !slice_eq(s->items[kept - 1].name, s->items[i].name))
			s->items[kept++] = s->items[i];
	s->n = kept;
	s->robots = arena_calloc(&s->arena, s->n + 1, sizeof(*s->robots));
	TRY(arena_ok(&s->arena, "accounts", e));
	for (size_t i = 0; i < s->n; i++) {
		stamp(&s->items[i], signing);
		if (s->items[i].robot)
			s->robots[s->n_robots++] = &s->items[i];
	}
	qsort(s->robots, s->n_robots, sizeof(*s->robots), by_secret);
	return OK;
}

const struct account *access_accounts_find(const struct accounts *s, struct slice name)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = slice_cmp(s->items[mid].name, name);
		if (!c)
			return &s->items[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct account *access_accounts_find_robot(const struct accounts *s, const uint8_t sha256[32])
{
	size_t low = 0, high = s->n_robots;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(s->robots[mid]->sha256, sha256, 32) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_robots && access_secret_equal(s->robots[low]->sha256, sha256, 32) ? s->robots[low] : NULL;
}

const struct account *access_accounts_find_certificate(const struct accounts *s, struct slice name)
{
	if (!s->certificates.n)
		return access_accounts_find(s, name);
	for (size_t i = 0; i < s->certificates.n; i++)
		if (slice_eq(s->certificates.items[i].name, name))
			return access_accounts_find(s, s->certificates.items[i].user);
	return NULL;
}

struct slice access_accounts_decoy(const struct accounts *s, uint64_t hash_of_name)
{
	for (size_t i = 0, at = s->n ? hash_of_name % s->n : 0; i < s->n; i++, at = at + 1 == s->n ? 0 : at + 1)
		if (s->items[at].hash.n)
			return s->items[at].hash;
	return SLICE_NULL;
}
