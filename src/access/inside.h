/* Between the files of this room. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "access.h"
#include "codec.h"
#include "os.h"

/* --- secret.c, keyed.c: hashes and comparisons --------------------------------------------------------------------- */

enum { SECRET_BYTES = 32, ROBOT_SECRET_CHARS = 47, HASH_MAX = 256 };

[[nodiscard]] enum err_code access_secret_library_load(struct err *e);
[[nodiscard]] enum err_code access_secret_random(void *p, size_t n, struct err *e);
/* In constant time for a given n. */
bool access_secret_equal(const void *a, const void *b, size_t n);
/* A new yescrypt hash; dst HASH_MAX. */
[[nodiscard]] enum err_code access_secret_hash(struct slice password, char dst[HASH_MAX], struct err *e);
/* Takes what the hash costs; false also when the hash is of no known kind. */
bool access_secret_matches(struct slice password, struct slice hash);
/* Is the hash of a kind that is taken? apr1, DES and MD5 are not. *ret_weak: {SHA}. */
[[nodiscard]] enum err_code access_secret_check_hash(struct slice hash, bool *ret_weak, struct err *e);
/* The rules for new passwords: length, not the name, no default one. */
[[nodiscard]] enum err_code access_secret_check_password(struct slice name, struct slice password, struct err *e);
/* Has an account of a name that products ship with one of the passwords they ship with? Slow. */
bool access_secret_is_default(struct slice name, struct slice hash);

struct hmac_key { uint8_t inner[64], outer[64]; };
void access_hmac_key_set(struct hmac_key *k, const uint8_t key[SECRET_BYTES]);
/* Of the concatenation; at most HMAC_MAX bytes in all (longer is cut: callers check). */
enum { HMAC_MAX = 9 << 10 };
void access_hmac_of(const struct hmac_key *k, const struct slice *parts, size_t n, uint8_t out[32]);
struct sip_key { uint64_t a, b; };
uint64_t access_sip_of(const struct sip_key *k, struct slice s);

/* RFC 4648 section 5 without padding; decoding refuses everything that encoding does not give. */
bool access_base64url_put(struct buf *out, struct slice s);
bool access_base64url_decode(struct slice s, uint8_t *dst, size_t cap, size_t *ret_n);

/* --- right.c ------------------------------------------------------------------------------------------------------- */

bool access_name_is_account(struct slice name);
bool access_name_is_repository(struct slice name);	/* also with a host and port before it */
void access_rights_put(struct buf *out, unsigned rights);	/* "pull,push" */
[[nodiscard]] enum err_code access_rights_parse(struct slice list, unsigned *ret, struct err *e);
[[nodiscard]] enum err_code access_pattern_check(struct slice pattern, struct err *e);

/* --- accounts.c: all accounts at one moment, never changed --------------------------------------------------------- */

enum origin { FROM_FILE, FROM_HTPASSWD, FROM_DATABASE };
struct account {
	struct slice name;
	enum origin origin;
	bool robot, disabled;
	struct slice hash;		/* crypt(5) or "{SHA}…"; of a robot empty */
	uint8_t sha256[32];		/* of a robot's secret */
	uint8_t stamp[8];		/* ties tokens to this secret */
	uint64_t created_s, expires_s;
	struct access_grant *grants;
	size_t n_grants, cap_grants;
};
struct certificate { struct slice name, user; };
struct accounts {
	struct arena arena;
	struct account *items;		/* by name, then origin; only the first of a name counts */
	size_t n, cap;
	const struct account **robots;	/* by sha256 */
	size_t n_robots;
	struct { struct certificate *items; size_t n, cap; } certificates;
	struct err doubt;		/* code OK: none */
};
[[nodiscard]] enum err_code access_accounts_new(struct accounts **ret, struct err *e);
void access_accounts_free(struct accounts *s);
struct account *access_accounts_add(struct accounts *s);	/* NULL: too many */
/* After everything was added: sorts, drops what is hidden by a stronger origin, sets the stamps. */
[[nodiscard]] enum err_code access_accounts_finish(struct accounts *s, const struct hmac_key *signing, struct err *e);
const struct account *access_accounts_find(const struct accounts *s, struct slice name);
const struct account *access_accounts_find_robot(const struct accounts *s, const uint8_t sha256[32]);
const struct account *access_accounts_find_certificate(const struct accounts *s, struct slice name);
/* A hash whose cost an unknown name shall have; empty when nobody has one. */
struct slice access_accounts_decoy(const struct accounts *s, uint64_t hash_of_name);
[[nodiscard]] enum err_code access_grant_add(struct accounts *s, struct account *to, struct slice pattern, unsigned rights,
					     struct err *e);
bool access_account_usable(const struct account *a, uint64_t now_s);

[[nodiscard]] enum err_code access_accounts_read_file(struct accounts *s, const char *path, struct err *e);
[[nodiscard]] enum err_code access_accounts_read_htpasswd(struct accounts *s, const char *path, unsigned rights, struct err *e);
[[nodiscard]] enum err_code access_accounts_read_database(struct accounts *s, struct sql *db, uint8_t ret_key[SECRET_BYTES],
							  char ret_changes[32], struct err *e);
[[nodiscard]] enum err_code access_database_changes(struct sql *db, char ret_changes[32], struct err *e);

/* --- cache.c: who showed these bytes lately ------------------------------------------------------------------------ */

struct cache;
[[nodiscard]] enum err_code access_cache_open(unsigned sets, struct cache **ret, struct err *e);	/* a power of two; 4 entries each */
void access_cache_close(struct cache *c);
bool access_cache_get(struct cache *c, struct slice key, uint64_t generation, uint64_t now_s, struct access_subject *ret);
void access_cache_put(struct cache *c, struct slice key, uint64_t generation, uint64_t expires_s, const struct access_subject *s);

/* --- throttle.c: slowing down who guesses -------------------------------------------------------------------------- */

struct throttle;
struct throttle_who { uint64_t account, address; };	/* keyed hashes */
[[nodiscard]] enum err_code access_throttle_open(struct throttle **ret, struct err *e);
void access_throttle_close(struct throttle *t);
struct throttle_who access_throttle_who(const struct throttle *t, struct slice name, const struct sockaddr *peer);
/* Milliseconds to wait; 0: go on. *ret_known: this account was used from this address before. */
uint64_t access_throttle_wait(struct throttle *t, struct throttle_who who, uint64_t now_ms, bool *ret_known);
/* As throttle_wait, and when 0 counts a failure, which throttle_good takes back: many guesses at once shall not pass. */
uint64_t access_throttle_begin(struct throttle *t, struct throttle_who who, uint64_t now_ms);
void access_throttle_good(struct throttle *t, struct throttle_who who, uint64_t now_ms);

/* --- address.c ------------------------------------------------------------------------------------------------------ */

struct network { uint8_t bytes[16]; unsigned bits; };	/* IPv4 as ::ffff:a.b.c.d */
bool access_network_parse(struct slice text, struct network *ret);
bool access_address_of(const struct sockaddr *peer, uint8_t ret[16]);	/* false: no internet address */
bool access_network_has(const struct network *n, const uint8_t address[16]);
bool access_address_is_loopback(const uint8_t address[16]);
/* What counts as one place: an IPv4 address, an IPv6 /64. */
void access_address_place(const struct sockaddr *peer, uint8_t ret[17]);

/* --- token.c -------------------------------------------------------------------------------------------------------- */

struct scope { struct slice name; unsigned rights; bool catalog; };
/* The next of a list of scopes separated by spaces; false at the end. What is not understood is left out. */
bool access_scope_next(struct slice *rest, struct scope *ret);
/* The claims of a token that this server, or another with the same key, has signed and that holds now. */
enum { TOKEN_MAX = 8 << 10 };
struct token {
	char name[ACCESS_MAX_NAME + 1];
	uint8_t stamp[8];
	uint64_t expires_s;
	struct { char name[256]; unsigned rights; } scopes[ACCESS_MAX_GRANTS];
	unsigned n;
	bool catalog;
};
bool access_token_verify(const struct access *a, struct slice text, uint64_t now_s, struct token *ret);

/* --- access.c, identify.c ------------------------------------------------------------------------------------------- */

/* Password hashing takes memory and a processor: few at once, and a bounded line before it. */
struct hashing {
	pthread_mutex_t lock;
	pthread_cond_t free;
	unsigned running, waiting, max_running;
	struct { uint8_t key[32]; unsigned n; } inside[64];	/* what is being asked, running or waiting */
};
struct file_stamp { int64_t s, ns, size, inode; };

struct access {
	struct arena arena;		/* what the options point to */
	struct access_options o;
	struct network *networks;	/* of anonymous_from */
	pthread_rwlock_t lock;		/* accounts, signing */
	struct accounts *accounts;
	struct hmac_key signing;
	atomic_uint_fast64_t generation;
	struct hmac_key basic_key;	/* of this process */
	struct cache *tokens, *basics;
	struct throttle *throttle;
	struct hashing hashing;
	pthread_mutex_t reload_lock;	/* one reading at a time; what is below */
	struct file_stamp stamps[2];
	char changes[32];
	struct err trouble;
	bool away;			/* the database did not answer last time */
	pthread_t thread;
	pthread_mutex_t stop_lock;
	pthread_cond_t stop_cond;
	bool stop, has_thread;
	atomic_uint_fast64_t denied, slowed;
};

void access_subject_of_account(const struct account *account, struct access_subject *ret);
unsigned access_anonymous_rights(const struct access *a, const struct sockaddr *peer);
