/* Who is asking. */
#include <stdlib.h>
#include "inside.h"

enum { BASIC_TEXT_MAX = 1024, REMEMBER_S = 600, STRANGERS_WAITING = 8, ALL_WAITING = 48 };

void access_subject_of_account(const struct account *account, struct access_subject *ret)
{
	memset(ret, 0, offsetof(struct access_subject, grants));
	memcpy(ret->name, account->name.p, account->name.n);
	ret->robot = account->robot;
	ret->expires_s = account->expires_s;
	ret->n_grants = 0;
	for (size_t i = 0; i < account->n_grants; i++) {
		struct access_grant g = account->grants[i];
		ptrdiff_t at = slice_find(g.pattern, SL("{user}"));
		if (slice_eqs(g.pattern, "**")) {
			ret->everywhere |= g.rights;
			continue;
		}
		char *to = ret->grants[ret->n_grants].pattern;
		struct slice before = at < 0 ? g.pattern : slice_upto(g.pattern, (size_t)at), behind = at < 0 ? SLICE_NULL
			: slice_from(g.pattern, (size_t)at + 6);
		memcpy(to, before.p, before.n);
		if (at >= 0)
			memcpy(to + before.n, account->name.p, account->name.n);
		size_t n = before.n + (at < 0 ? 0 : account->name.n);
		if (behind.n)
			memcpy(to + n, behind.p, behind.n);
		to[n + behind.n] = '\0';
		ret->grants[ret->n_grants++].rights = g.rights;
	}
}
_Static_assert(ACCESS_MAX_PATTERN + ACCESS_MAX_NAME < sizeof(((struct access_subject *)0)->grants[0].pattern),
	       "an expanded pattern fits");

/* --- Without credentials ------------------------------------------------------------------------------------------------- */

unsigned access_anonymous_rights(const struct access *a, const struct sockaddr *peer)
{
	uint8_t address[16];
	bool inside = !a->o.n_anonymous_from, known = access_address_of(peer, address);
	for (size_t i = 0; i < a->o.n_anonymous_from && known && !inside; i++)
		inside = access_network_has(&a->networks[i], address);
	if (!inside)
		return 0;
	return a->o.anonymous & (known && access_address_is_loopback(address) ? ACCESS_ALL : ACCESS_PULL | ACCESS_PUSH);
}

static enum access_result without_credentials(struct access *a, const struct sockaddr *peer, struct slice certificate,
					      struct access_subject *ret)
{
	bool found = false;
	if (certificate.n) {
		pthread_rwlock_rdlock(&a->lock);
		const struct account *account = access_accounts_find_certificate(a->accounts, certificate);
		found = account && access_account_usable(account, os_now_s());
		if (found)
			access_subject_of_account(account, ret);
		pthread_rwlock_unlock(&a->lock);
	}
	if (found)
		return ACCESS_OK;
	memset(ret, 0, offsetof(struct access_subject, grants));
	ret->socket = peer && peer->sa_family == AF_UNIX;
	ret->anonymous = !ret->socket;
	ret->everywhere = ret->socket ? ACCESS_ALL : access_anonymous_rights(a, peer);
	return ACCESS_OK;
}

/* --- Tokens and robots' secrets --------------------------------------------------------------------------------------------- */

static bool is_robot_secret(struct slice s) { return s.n == ROBOT_SECRET_CHARS && slice_has_prefix(s, SL("pbn_")); }

/* name: as given with Basic, or empty. */
static enum access_result robot(struct access *a, struct slice secret, struct slice name, struct access_subject *ret)
{
	uint8_t sum[32];
	digest_of(DIGEST_SHA256, secret, sum);
	pthread_rwlock_rdlock(&a->lock);
	const struct account *account = access_accounts_find_robot(a->accounts, sum);
	bool good = account && access_account_usable(account, os_now_s()) && (!name.n || slice_eq(name, account->name) || slice_eqs(name,
		"token"));
	if (good)
		access_subject_of_account(account, ret);
	pthread_rwlock_unlock(&a->lock);
	return good ? ACCESS_OK : ACCESS_DENIED;
}

/* What the token was given for, as far as its account still may. */
static void subject_of_token(const struct token *t, const struct access_subject *now, struct access_subject *ret)
{
	memset(ret, 0, offsetof(struct access_subject, grants));
	memcpy(ret->name, now->name, sizeof(ret->name));
	ret->anonymous = now->anonymous;
	ret->robot = now->robot;
	ret->from_token = true;
	ret->expires_s = now->expires_s ? MIN(t->expires_s, now->expires_s) : t->expires_s;
	for (unsigned i = 0; i < t->n; i++) {
		unsigned rights = 0;
		for (unsigned right = 1; right <= ACCESS_ALL; right <<= 1)
			if ((t->scopes[i].rights & right) && access_may(now, right, slice_str(t->scopes[i].name)))
				rights |= right;
		if (!rights)
			continue;
		memcpy(ret->grants[ret->n_grants].pattern, t->scopes[i].name, sizeof(t->scopes[i].name));
		ret->grants[ret->n_grants++].rights = rights;
	}
	if (!t->catalog)
		return;
	ret->everywhere |= now->everywhere & ACCESS_PULL ? ACCESS_LIST : 0;
	for (unsigned i = 0; i < now->n_grants && ret->n_grants < ACCESS_MAX_GRANTS; i++) {
		if (!(now->grants[i].rights & ACCESS_PULL))
			continue;
		memcpy(ret->grants[ret->n_grants].pattern, now->grants[i].pattern, sizeof(now->grants[i].pattern));
		ret->grants[ret->n_grants++].rights = ACCESS_LIST;
	}
}

static bool read_token(struct access *a, struct slice text, uint64_t now_s, struct access_subject *ret)
{
	struct token *t = malloc(sizeof(*t));
	struct access_subject *now = malloc(sizeof(*now));
	bool good = t && now && access_token_verify(a, text, now_s, t);
	if (good && !t->name[0]) {
		memset(now, 0, offsetof(struct access_subject, grants));
		now->anonymous = true;
		now->everywhere = a->o.anonymous;
	} else if (good) {
		pthread_rwlock_rdlock(&a->lock);
		const struct account *account = access_accounts_find(a->accounts, slice_str(t->name));
		good = account && access_account_usable(account, now_s) && access_secret_equal(account->stamp, t->stamp,
			sizeof(t->stamp));
		if (good)
			access_subject_of_account(account, now);
		pthread_rwlock_unlock(&a->lock);
	}
	if (good)
		subject_of_token(t, now, ret);
	free(now);
	free(t);
	return good;
}

static enum access_result bearer(struct access *a, struct slice text, const struct sockaddr *peer, struct access_subject *ret)
{
	uint64_t now_s = os_now_s(), generation = atomic_load(&a->generation);
	if (is_robot_secret(text))
		return robot(a, text, SLICE_NULL, ret);
	if (text.n > TOKEN_MAX)
		return ACCESS_DENIED;
	if (!access_cache_get(a->tokens, text, generation, now_s, ret)) {
		if (!read_token(a, text, now_s, ret))
			return ACCESS_DENIED;
		access_cache_put(a->tokens, text, generation, ret->expires_s, ret);
	}
	if (!ret->anonymous)
		return ACCESS_OK;
	unsigned allowed = access_anonymous_rights(a, peer);	/* a token does not carry an address' rights elsewhere */
	if (allowed & ACCESS_PULL)
		allowed |= ACCESS_LIST;
	ret->everywhere &= allowed;
	for (unsigned i = 0; i < ret->n_grants; i++)
		ret->grants[i].rights &= allowed;
	return ACCESS_OK;
}

/* --- Basic -------------------------------------------------------------------------------------------------------------------- */

struct basic { uint8_t text[BASIC_TEXT_MAX]; size_t n; struct slice name, password; uint8_t key[32]; };

static bool basic_parse(const struct access *a, struct slice base64, struct basic *ret)
{
	AUTO_BUF b = BUF(2 * BASIC_TEXT_MAX);
	if (base64.n > BASIC_TEXT_MAX || !buf_reserve(&b, BASIC_TEXT_MAX) || !base64_decode(&b, base64, false) || b.n > BASIC_TEXT_MAX)
		return false;
	memcpy(ret->text, b.p, b.n);
	ret->n = b.n;
	explicit_bzero(b.p, b.n);
	struct slice all = slice_of(ret->text, ret->n);
	ptrdiff_t colon = slice_find_byte(all, ':');
	if (colon < 0)
		return false;
	ret->name = slice_upto(all, (size_t)colon);
	ret->password = slice_from(all, (size_t)colon + 1);
	access_hmac_of(&a->basic_key, &all, 1, ret->key);
	return ret->password.n <= ACCESS_MAX_PASSWORD && slice_find_byte(ret->password, 0) < 0;
}

static enum access_result basic(struct access *a, struct slice base64, struct access_subject *ret)
{
	struct basic b;
	enum access_result result = ACCESS_DENIED;
	if (basic_parse(a, base64, &b)) {
		if (is_robot_secret(b.password))
			result = b.name.n ? robot(a, b.password, b.name, ret) : ACCESS_DENIED;
		else if (access_cache_get(a->basics, slice_of(b.key, sizeof(b.key)), atomic_load(&a->generation), os_now_s(), ret))
			result = ACCESS_OK;
		else
			result = ACCESS_SLOW;
	}
	explicit_bzero(&b, sizeof(b));
	return result;
}

static bool take_scheme(struct slice *s, const char *scheme)
{
	struct slice name = slice_str(scheme);
	if (s->n <= name.n || s->p[name.n] != ' ' || !slice_eq_nocase(slice_upto(*s, name.n), name))
		return false;
	*s = slice_trim(slice_from(*s, name.n));
	return true;
}

/* What was refused is nobody's: without a name and without rights. */
static enum access_result refuse(struct access *a, struct access_subject *ret, enum access_result result)
{
	memset(ret, 0, offsetof(struct access_subject, grants));
	ret->anonymous = true;
	if (result == ACCESS_DENIED)
		atomic_fetch_add_explicit(&a->denied, 1, memory_order_relaxed);
	else if (result == ACCESS_WAIT)
		atomic_fetch_add_explicit(&a->slowed, 1, memory_order_relaxed);
	return result;
}

enum access_result access_identify(struct access *a, struct slice authorization, const struct sockaddr *peer,
				   struct slice certificate_name,
				   struct access_subject *ret)
{
	enum access_result result = ACCESS_DENIED;
	struct slice rest = authorization;
	if (!authorization.n)
		return without_credentials(a, peer, certificate_name, ret);
	if (take_scheme(&rest, "Bearer"))
		result = bearer(a, rest, peer, ret);
	else if (take_scheme(&rest, "Basic"))
		result = basic(a, rest, ret);
	return result == ACCESS_OK ? result : refuse(a, ret, result);
}

/* --- Hashing ---------------------------------------------------------------------------------------------------------------------- */

/* Waits for a turn; false: the line is too long. The same credentials as others in line, and pairs known to be good, may always wait. */
static bool hashing_enter(struct hashing *h, const uint8_t key[32], bool known, size_t *ret_slot)
{
	size_t slot = ARRAY_LEN(h->inside), unused = slot;
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < ARRAY_LEN(h->inside); i++) {
		if (h->inside[i].n && !memcmp(h->inside[i].key, key, 32))
			slot = i;
		else if (!h->inside[i].n)
			unused = i;
	}
	bool same = slot < ARRAY_LEN(h->inside);
	if (h->waiting >= (same || known ? ALL_WAITING : STRANGERS_WAITING) || (!same && unused == ARRAY_LEN(h->inside))) {
		pthread_mutex_unlock(&h->lock);
		return false;
	}
	slot = same ? slot : unused;
	memcpy(h->inside[slot].key, key, 32);
	h->inside[slot].n++;
	h->waiting++;
	while (h->running >= h->max_running)
		pthread_cond_wait(&h->free, &h->lock);
	h->waiting--;
	h->running++;
	pthread_mutex_unlock(&h->lock);
	*ret_slot = slot;
	return true;
}

static void hashing_leave(struct hashing *h, size_t slot)
{
	pthread_mutex_lock(&h->lock);
	h->inside[slot].n--;
	h->running--;
	pthread_cond_signal(&h->free);
	pthread_mutex_unlock(&h->lock);
}

/* An unknown name, a robot's and a disabled one cost what some user's does. */
static bool check_password(struct access *a, const struct basic *b, uint64_t *ret_generation, struct access_subject *ret)
{
	char hash[HASH_MAX] = "";
	pthread_rwlock_rdlock(&a->lock);
	*ret_generation = atomic_load(&a->generation);
	const struct account *account = access_accounts_find(a->accounts, b->name);
	bool real = account && account->hash.n && access_account_usable(account, os_now_s());
	uint64_t of_name = 0;
	memcpy(&of_name, b->key, sizeof(of_name));
	struct slice from = real ? account->hash : access_accounts_decoy(a->accounts, of_name);
	if (from.n < sizeof(hash))
		memcpy(hash, from.p ? from.p : (const uint8_t *)"", from.n);
	if (real)
		access_subject_of_account(account, ret);
	pthread_rwlock_unlock(&a->lock);
	bool matches = hash[0] && access_secret_matches(b->password, slice_str(hash));
	explicit_bzero(hash, sizeof(hash));
	return matches && real;
}

static enum access_result guess(struct access *a, const struct basic *b, struct throttle_who who, struct access_subject *ret,
				uint64_t *ret_wait_ms)
{
	uint64_t generation;
	if (access_cache_get(a->basics, slice_of(b->key, 32), atomic_load(&a->generation), os_now_s(), ret))
		return ACCESS_OK;	/* somebody before us in line has done the work */
	*ret_wait_ms = access_throttle_begin(a->throttle, who, os_monotonic_ns() / 1000000);
	if (*ret_wait_ms)
		return ACCESS_WAIT;
	if (!check_password(a, b, &generation, ret))
		return ACCESS_DENIED;
	access_throttle_good(a->throttle, who, os_monotonic_ns() / 1000000);
	uint64_t end = os_now_s() + REMEMBER_S;
	access_cache_put(a->basics, slice_of(b->key, 32), generation, ret->expires_s ? MIN(end, ret->expires_s) : end, ret);
	return ACCESS_OK;
}

enum access_result access_identify_slow(struct access *a, struct slice authorization, const struct sockaddr *peer,
					struct access_subject *ret,
					unsigned *ret_wait_s)
{
	struct basic b = { 0 };
	struct slice rest = authorization;
	size_t slot;
	bool known;
	enum access_result result = access_identify(a, authorization, peer, SLICE_NULL, ret);
	if (result != ACCESS_SLOW)
		return result;
	result = ACCESS_DENIED;
	if (take_scheme(&rest, "Basic") && basic_parse(a, rest, &b)) {
		struct throttle_who who = access_throttle_who(a->throttle, b.name, peer);
		uint64_t wait_ms = access_throttle_wait(a->throttle, who, os_monotonic_ns() / 1000000, &known);
		result = ACCESS_WAIT;
		if (!wait_ms && !hashing_enter(&a->hashing, b.key, known, &slot)) {
			wait_ms = 1000;
		} else if (!wait_ms) {
			result = guess(a, &b, who, ret, &wait_ms);
			hashing_leave(&a->hashing, slot);
		}
		*ret_wait_s = (unsigned)((wait_ms + 999) / 1000);
	}
	explicit_bzero(&b, sizeof(b));
	return result == ACCESS_OK ? result : refuse(a, ret, result);
}

void access_count(const struct access *a, uint64_t *ret_denied, uint64_t *ret_slowed)
{
	*ret_denied = atomic_load(&a->denied);
	*ret_slowed = atomic_load(&a->slowed);
}
