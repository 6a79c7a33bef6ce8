/* Secrets: hashes of passwords by libcrypt (opened when first used), comparisons, rules for new ones. */
#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/random.h>
#include "inside.h"

#define FUNCTIONS(X) \
	X(char *, crypt_r, (const char *phrase, const char *setting, struct crypt_data *data), (phrase, setting, data)) \
	X(char *, crypt_gensalt_rn, (const char *prefix, unsigned long count, const char *rbytes, int n, char *out, int out_n), \
	  (prefix, count, rbytes, n, out, out_n))

FUNCTIONS(OS_LAZY_POINTER)

enum err_code access_secret_library_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) };
	return crypt_r_ptr ? OK : os_library_load("libcrypt.so.1", "libcrypt1", symbols, ARRAY_LEN(symbols), e);
}

enum err_code access_secret_random(void *p, size_t n, struct err *e)
{
	size_t got = 0;
	while (got < n) {
		ssize_t r = getrandom((uint8_t *)p + got, n - got, 0);
		if (r < 0 && errno != EINTR)
			return err_set(e, ERR_IO, errno, "ask the kernel for random bytes");
		got += r > 0 ? (size_t)r : 0;
	}
	return OK;
}

bool access_secret_equal(const void *a, const void *b, size_t n) { return CRYPTO_memcmp(a, b, n) == 0; }

/* crypt(3) of a password and a setting (a hash is one, too); false when libcrypt takes neither. */
static bool crypt_to(struct slice password, const char *setting, char dst[HASH_MAX])
{
	char phrase[ACCESS_MAX_PASSWORD + 1];
	struct crypt_data *data = password.n < sizeof(phrase) ? calloc(1, sizeof(*data)) : NULL;
	if (!data)
		return false;
	if (password.n)
		memcpy(phrase, password.p, password.n);
	phrase[password.n] = '\0';
	const char *made = crypt_r_ptr(phrase, setting, data);
	size_t n = made && made[0] != '*' ? strlen(made) : 0;
	bool good = n && n < HASH_MAX;
	if (good)
		memcpy(dst, made, n + 1);
	explicit_bzero(phrase, sizeof(phrase));
	explicit_bzero(data, sizeof(*data));
	free(data);
	return good;
}

enum err_code access_secret_hash(struct slice password, char dst[HASH_MAX], struct err *e)
{
	uint8_t salt[32];
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	TRY(access_secret_library_load(e));
	TRY(access_secret_random(salt, sizeof(salt), e));
	if (!crypt_gensalt_rn_ptr("$y$", 0, (const char *)salt, sizeof(salt), setting, sizeof(setting)) || !crypt_to(password, setting,
		dst))
		return err_set(e, ERR_INTERNAL, 0, "libcrypt makes no yescrypt hash");
	return OK;
}

/* "{SHA}" and base64 of the SHA-1, as htpasswd -s writes it. */
static bool matches_sha1(struct slice password, struct slice hash)
{
	AUTO_BUF want = BUF(64);
	uint8_t sum[20];
	if (!base64_decode(&want, slice_from(hash, 5), false) || want.n != sizeof(sum) || !digest_of(DIGEST_SHA1, password, sum))
		return false;
	return access_secret_equal(want.p, sum, sizeof(sum));
}

bool access_secret_matches(struct slice password, struct slice hash)
{
	char setting[HASH_MAX], made[HASH_MAX];
	if (memchr(password.p ? (const char *)password.p : "", 0, password.n) || password.n > ACCESS_MAX_PASSWORD)
		return false;
	if (slice_has_prefix(hash, SL("{SHA}")))
		return matches_sha1(password, hash);
	if (hash.n >= sizeof(setting))
		return false;
	memcpy(setting, hash.p, hash.n);
	setting[hash.n] = '\0';
	return crypt_to(password, setting, made) && strlen(made) == hash.n && access_secret_equal(made, setting, hash.n);
}

/* The number between two marks, such as the cost in "$2y$05$". */
static bool cost_over(struct slice hash, struct slice before, uint64_t most)
{
	uint64_t v;
	struct slice rest = slice_from(hash, before.n);
	ptrdiff_t end = slice_find_byte(rest, '$');
	return slice_has_prefix(hash, before) && (end < 0 || !slice_to_u64(slice_upto(rest, (size_t)end), &v) || v > most);
}

enum err_code access_secret_check_hash(struct slice hash, bool *ret_weak, struct err *e)
{
	static const char *const taken[] = { "$y$", "$gy$", "$7$", "$2y$", "$2b$", "$2a$", "$6$", "$5$" };
	*ret_weak = slice_has_prefix(hash, SL("{SHA}"));
	if (*ret_weak && hash.n == 5 + 28)
		return OK;
	if (slice_has_prefix(hash, SL("$apr1$")) || slice_has_prefix(hash, SL("$1$")))
		return err_set(e, ERR_USAGE, 0,
			       "an MD5 hash (apr1) is not taken, it can be guessed too fast; use `htpasswd -B` or `pabean user`");
	if (cost_over(hash, SL("$2y$"), 15) || cost_over(hash, SL("$2b$"), 15) || cost_over(hash, SL("$2a$"), 15) ||
	    cost_over(hash, SL("$6$rounds="), 5000000) || cost_over(hash, SL("$5$rounds="), 5000000))
		return err_set(e, ERR_USAGE, 0, "the cost of the hash is too high to be checked at each login");
	for (size_t i = 0; i < hash.n; i++)
		if (hash.p[i] <= ' ' || hash.p[i] > '~')
			return err_set(e, ERR_USAGE, 0, "a hash has printable characters only");
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (slice_has_prefix(hash, slice_str(taken[i])) && hash.n > 20 && hash.n < HASH_MAX)
			return OK;
	return err_set(e, ERR_USAGE, 0, "the hash is of no kind that is taken: yescrypt $y$, bcrypt $2y$, SHA-crypt $6$ or $5$");
}

/* --- Rules ---------------------------------------------------------------------------------------------------------- */

/* What registries and their tutorials ship with. */
static const char *const default_names[] = { "admin", "administrator", "root", "user", "test", "guest", "pabean", "registry", "docker",
	"testuser" };
static const char *const default_passwords[] = {
	"admin", "administrator", "admin123", "admin1234", "password", "password1", "passw0rd", "Passw0rd", "Harbor12345", "changeme",
		"changeit", "12345678",
	"123456789", "1234567890", "test1234", "testpassword", "secret123", "pabean", "registry", "docker123", "zot12345", "artifactory",
		"nexus123", "qwerty123",
};

enum err_code access_secret_check_password(struct slice name, struct slice password, struct err *e)
{
	if (password.n < ACCESS_MIN_PASSWORD || password.n > ACCESS_MAX_PASSWORD)
		return err_set(e, ERR_USAGE, 0, "a password has %d to %d characters", ACCESS_MIN_PASSWORD, ACCESS_MAX_PASSWORD);
	for (size_t i = 0; i < password.n; i++)
		if (password.p[i] < ' ' || password.p[i] == 0x7f)
			return err_set(e, ERR_USAGE, 0, "a password has no control characters");
	if (slice_eq_nocase(name, password))
		return err_set(e, ERR_USAGE, 0, "the password is the account's name");
	for (size_t i = 0; i < ARRAY_LEN(default_passwords); i++)
		if (slice_eq_nocase(password, slice_str(default_passwords[i])))
			return err_set(e, ERR_USAGE, 0, "the password is one that everybody tries first");
	return OK;
}

bool access_secret_is_default(struct slice name, struct slice hash)
{
	bool usual = false;
	for (size_t i = 0; i < ARRAY_LEN(default_names); i++)
		usual = usual || slice_eq_nocase(name, slice_str(default_names[i]));
	if (!usual)
		return false;
	if (access_secret_matches(name, hash))
		return true;
	/* The first few are what was ever found shipped; all would take seconds for each account. */
	for (size_t i = 0; i < 11; i++)
		if (access_secret_matches(slice_str(default_passwords[i]), hash))
			return true;
	return false;
}
