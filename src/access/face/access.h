/* Who may do what: accounts, their secrets and rights, Basic and Bearer credentials, the token endpoint's answers.
 *
 * Accounts come from the accounts file (YAML, docs/accounts.md), from an htpasswd file (bcrypt, SHA-crypt, yescrypt) and from the database
 * (`pabean user`, `pabean token`). Secrets are kept as crypt(5) hashes (yescrypt); robots' tokens are random ("pbn_" + 43 base64url characters) and
 * kept as SHA-256. Bearer tokens are JWTs (RFC 7519, HS256, fixed header) signed with a key that all nodes share (database), 5 minutes. Comparisons of secrets
 * take constant time; an unknown account costs what a known one does. Thread-safe. Logs nothing; no secret ever is in an error. */
#pragma once
#include "base.h"
#include "sql.h"
#include <sys/socket.h>

enum { ACCESS_PULL = 1, ACCESS_PUSH = 2, ACCESS_DELETE = 4, ACCESS_APPROVE = 8, ACCESS_ADMIN = 16, ACCESS_SIGN = 32, ACCESS_ALL = 63 };
/* What a token for "registry:catalog:*" may: see names in `_catalog` that the account may pull (access_may_list). No right that can be given. */
enum { ACCESS_LIST = 64 };
/* "pull", …; 0 when unknown. */
unsigned access_right_parse(struct slice);
const char *access_right_name(unsigned one);

/* The tables of this room, for the store's first migration. */
extern const char access_schema[];

enum { ACCESS_MAX_GRANTS = 16, ACCESS_MAX_PATTERN = 128, ACCESS_MAX_NAME = 64, ACCESS_MAX_PASSWORD = 512, ACCESS_MIN_PASSWORD = 8 };
/* Rights by repository pattern (slice_glob; `{user}` stands for the account's own name). Names of accounts: letters, digits and "._@+$-", at most 64,
 * beginning with a letter or digit; "token" and "anonymous" are taken. */
struct access_grant { struct slice pattern; unsigned rights; };

struct access_options {
	struct sql *db;			/* NULL: files only (tests) */
	const char *accounts_file, *htpasswd_file;	/* NULL: none; read again when they change */
	unsigned htpasswd_rights;	/* of its accounts, everywhere; 0: pull */
	unsigned anonymous;		/* rights without credentials; never delete, approve or admin beyond loopback */
	const char *const *anonymous_from;	/* CIDRs; n 0: from anywhere */
	size_t n_anonymous_from;
	const char *service;		/* of tokens: the public host name */
	uint64_t token_ttl_s;		/* 0: 300 */
};
struct access;
[[nodiscard]] enum err_code access_open(const struct access_options *o, struct access **ret, struct err *e);
void access_close(struct access *a);		/* takes NULL; no call may be running */
/* Reads files and tables again now, as a thread of its own does within two seconds of a change. On error what was known before goes on to count. */
[[nodiscard]] enum err_code access_reload(struct access *a, struct err *e);
/* True when the last reading failed (the accounts file is wrong, the database is away), or what was read deserves a word (a weak hash); for log and status. */
bool access_trouble(struct access *a, struct err *ret);
/* True when some right needs an account: then `/v2/` without credentials is 401 (GATE.md 14). */
bool access_has_accounts(const struct access *a);

/* Who is asking. By value; no pointers into a. */
struct access_subject {
	char name[128];			/* "" anonymous */
	bool anonymous, robot, socket;	/* socket: over the state directory's Unix socket, all rights */
	bool from_token;		/* a Bearer token: `scopes` bound what it may do */
	uint64_t expires_s;		/* of the token */
	unsigned everywhere;		/* rights on all repositories */
	unsigned n_grants;
	/* Effective; more than 16 for one token: the first 16. Last, since those behind n_grants are neither set nor copied. */
	struct { char pattern[256]; unsigned rights; } grants[16];
};

enum access_result {
	ACCESS_OK,
	ACCESS_SLOW,			/* hashing is needed: call access_identify_slow on a thread that may block */
	ACCESS_DENIED,			/* wrong, expired or malformed credentials: 401 */
	ACCESS_WAIT,			/* too many failures from this account or address: 429, Retry-After *ret_wait_s */
};
/* The Authorization header ({NULL,0}: none), where from, and the verified client certificate's name ("" none; it names an account). Never blocks:
 * verified Bearer tokens and recently verified Basic credentials are remembered (under a keyed hash, for at most 60 s after a change). */
enum access_result access_identify(struct access *a, struct slice authorization, const struct sockaddr *peer, struct slice certificate_name,
				   struct access_subject *ret);
/* On anything but ACCESS_OK *ret is anonymous and may nothing. */
enum access_result access_identify_slow(struct access *a, struct slice authorization, const struct sockaddr *peer, struct access_subject *ret,
					unsigned *ret_wait_s);
bool access_may(const struct access_subject *s, unsigned right, struct slice repository);
bool access_may_list(const struct access_subject *s, struct slice repository);	/* see its name */
/* The right in every repository that a pattern can match (a name is a pattern). A grant covers it that counts everywhere, that is the same pattern, or that is PREFIX/xx (xx: two asterisks) of a
 * PREFIX/ that the pattern begins with; nothing cleverer is believed: a grant on "team/x" (x: one asterisk), held against the text of a wider pattern, would seem to fit. */
bool access_may_pattern(const struct access_subject *s, unsigned right, struct slice pattern);
/* A right on some repository, whichever (console, lists). */
bool access_may_somewhere(const struct access_subject *s, unsigned right);

/* The value of WWW-Authenticate: `Bearer realm="URL/token",service="…",scope="repository:NAME:pull,push"`; name empty: no scope. error: "invalid_token",
 * "insufficient_scope" or NULL. */
void access_challenge(const struct access *a, const char *public_url, struct slice repository, unsigned rights, const char *error, struct buf *out);
/* The token endpoint's JSON ({"token","access_token","expires_in","issued_at"}) for who has identified themselves (also anonymous): scopes "repository:NAME:pull,push",
 * "registry:catalog:*", several separated by spaces; granted is the intersection with the subject's rights. At most 64 scopes. */
[[nodiscard]] enum err_code access_token_answer(struct access *a, const struct access_subject *s, struct slice scopes, struct buf *out, struct err *e);

/* All values of `scope` in a raw query, decoded, separated by spaces (Docker sends several for a mount). At most 64 are kept. */
void access_query_scopes(struct slice raw_query, struct buf *out);

/* --- Managing (rows of the database; every change is announced to all nodes and counts within 60 s there, at once here).
 * record may be NULL. --- */

/* Called within the transaction of each change, so that nothing changes without a record of it. */
struct access_record { enum err_code (*put)(struct sql_tx *tx, void *arg, struct err *e); void *arg; };

struct access_account {
	struct slice name;
	bool robot, disabled;
	uint64_t created_s, expires_s;
	struct access_grant *grants;
	size_t n_grants;
	const char *origin;		/* "file", "htpasswd", "database" */
};
[[nodiscard]] enum err_code access_user_add(struct access *a, struct slice name, struct slice password, const struct access_grant *g, size_t n,
					    const struct access_record *record, struct err *e);
[[nodiscard]] enum err_code access_user_password(struct access *a, struct slice name, struct slice password, const struct access_record *record,
						 struct err *e);
/* Replaces all grants, also of a robot. */
[[nodiscard]] enum err_code access_user_grant(struct access *a, struct slice name, const struct access_grant *g, size_t n,
					      const struct access_record *record, struct err *e);
[[nodiscard]] enum err_code access_account_remove(struct access *a, struct slice name, const struct access_record *record, struct err *e);
/* A robot account with a token of its own, printed once: ret_secret needs 64 bytes. expires_s 0: never. Used as password, with the robot's name or
 * "token" as user, or as a Bearer token. */
[[nodiscard]] enum err_code access_robot_create(struct access *a, struct slice name, const struct access_grant *g, size_t n, uint64_t expires_s,
						char *ret_secret, const struct access_record *record, struct err *e);
[[nodiscard]] enum err_code access_list(struct access *a, struct arena *arena, struct access_account **ret, size_t *ret_n, struct err *e);
// "team/**:pull,push"
[[nodiscard]] enum err_code access_grant_parse(struct slice text, struct arena *arena, struct access_grant *ret, struct err *e);
/* Is the peer in one of these networks ("10.0.0.0/8", "::1")? What is no network matches nothing. */
bool access_address_in(const struct slice *networks, size_t n, const struct sockaddr *peer);
void access_count(const struct access *a, uint64_t *ret_denied, uint64_t *ret_slowed);
