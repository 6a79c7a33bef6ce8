/* Adding, changing and listing accounts: rows of the database. Each change counts `changes` up, which all nodes look at. */
#include <stdlib.h>
#include "inside.h"

struct change {
	struct slice name;
	const char *kind, *secret;	/* secret NULL: stays as it is */
	const struct access_grant *grants;
	size_t n_grants;
	uint64_t expires_s;
	const struct access_record *record;
	bool found;
};

static enum err_code announce(struct sql_tx *tx, const struct change *c, struct err *e)
{
	if (c->record)
		TRY(c->record->put(tx, c->record->arg, e));
	TRY(sql_run(tx, NULL, e,
		    "INSERT INTO access_key (name, value) VALUES ('changes', '1') ON CONFLICT (name) DO UPDATE "
		    "SET value = CAST(CAST(access_key.value AS BIGINT) + 1 AS TEXT)", ""));
	return sql_announce(tx, e);
}

static enum err_code replace_grants(struct sql_tx *tx, const struct change *c, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "DELETE FROM account_grant WHERE account = ?1", "t", c->name));
	for (size_t i = 0; i < c->n_grants; i++)
		TRY(sql_run(tx, NULL, e, "INSERT INTO account_grant (account, position, pattern, rights) VALUES (?1, ?2, ?3, ?4)", "titi",
			    c->name, (int64_t)i,
			    c->grants[i].pattern, (int64_t)c->grants[i].rights));
	return OK;
}

static enum err_code insert(struct sql_tx *tx, void *arg, struct err *e)
{
	struct change *c = arg;
	int64_t changes;
	TRY(sql_run(tx, &changes, e,
		    "INSERT INTO account (name, kind, secret, created_s, expires_s) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING", "tzzii",
		    c->name, c->kind, c->secret, (int64_t)os_now_s(), (int64_t)c->expires_s));
	c->found = !changes;
	if (c->found)
		return OK;
	TRY(replace_grants(tx, c, e));
	return announce(tx, c, e);
}

static enum err_code set_secret(struct sql_tx *tx, void *arg, struct err *e)
{
	struct change *c = arg;
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "UPDATE account SET secret = ?2 WHERE name = ?1 AND kind = 'user'", "tz", c->name, c->secret));
	c->found = changes > 0;
	return c->found ? announce(tx, c, e) : OK;
}

static enum err_code set_grants(struct sql_tx *tx, void *arg, struct err *e)
{
	struct change *c = arg;
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT COUNT(*) FROM account WHERE name = ?1", "t", c->name));
	c->found = n > 0;
	if (!c->found)
		return OK;
	TRY(replace_grants(tx, c, e));
	return announce(tx, c, e);
}

static enum err_code delete(struct sql_tx *tx, void *arg, struct err *e)
{
	struct change *c = arg;
	int64_t changes;
	TRY(sql_run(tx, NULL, e, "DELETE FROM account_grant WHERE account = ?1", "t", c->name));
	TRY(sql_run(tx, &changes, e, "DELETE FROM account WHERE name = ?1", "t", c->name));
	c->found = changes > 0;
	return c->found ? announce(tx, c, e) : OK;
}

/* --- What all of them check --------------------------------------------------------------------------------------------- */

static enum err_code check(struct access *a, const struct change *c, struct err *e)
{
	if (!a->o.db)
		return err_set(e, ERR_UNSUPPORTED, 0, "accounts cannot be changed without a database");
	if (!access_name_is_account(c->name))
		return err_set(e, ERR_USAGE, 0,
			       "an account's name has 1 to %d letters, digits and ._@+$-, and is not 'token' or 'anonymous'",
				       ACCESS_MAX_NAME);
	if (c->n_grants > ACCESS_MAX_GRANTS)
		return err_set(e, ERR_USAGE, 0, "an account has at most %d grants", ACCESS_MAX_GRANTS);
	for (size_t i = 0; i < c->n_grants; i++) {
		TRY(access_pattern_check(c->grants[i].pattern, e));
		if (!c->grants[i].rights || (c->grants[i].rights & ~(unsigned)ACCESS_ALL))
			return err_set(e, ERR_USAGE, 0, "a grant has no right, or one that is not known");
	}
	return OK;
}

/* Does a file have the account? Those are changed there. */
static enum err_code not_in_file(struct access *a, const struct change *c, struct err *e)
{
	pthread_rwlock_rdlock(&a->lock);
	const struct account *account = access_accounts_find(a->accounts, c->name);
	bool in_file = account && account->origin != FROM_DATABASE;
	pthread_rwlock_unlock(&a->lock);
	return in_file ? err_set(e, ERR_USAGE, 0, "the account '%.*s' stands in a file and is changed there", SLICE_ARG(c->name)) : OK;
}

/* A change that is written but cannot be read back here at once is seen by the watching thread. */
static enum err_code change(struct access *a, sql_tx_fn *fn, struct change *c, struct err *e)
{
	struct err later;
	TRY(not_in_file(a, c, e));
	TRY(sql_write(a->o.db, fn, c, e));
	if (fn == insert && c->found)
		return err_set(e, ERR_USAGE, 0, "there is an account '%.*s' already", SLICE_ARG(c->name));
	if (fn != insert && !c->found)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no account '%.*s'", SLICE_ARG(c->name));
	(void)access_reload(a, &later);
	return OK;
}

/* --- The face ------------------------------------------------------------------------------------------------------------ */

enum err_code access_user_add(struct access *a, struct slice name, struct slice password, const struct access_grant *g, size_t n,
			      const struct access_record *record, struct err *e)
{
	char hash[HASH_MAX];
	struct change c = { .name = name, .kind = "user", .secret = hash, .grants = g, .n_grants = n, .record = record };
	TRY(check(a, &c, e));
	TRY(access_secret_check_password(name, password, e));
	TRY(access_secret_hash(password, hash, e));
	return change(a, insert, &c, e);
}

enum err_code access_user_password(struct access *a, struct slice name, struct slice password, const struct access_record *record,
				   struct err *e)
{
	char hash[HASH_MAX];
	struct change c = { .name = name, .secret = hash, .record = record };
	TRY(check(a, &c, e));
	TRY(access_secret_check_password(name, password, e));
	TRY(access_secret_hash(password, hash, e));
	return change(a, set_secret, &c, e);
}

enum err_code access_user_grant(struct access *a, struct slice name, const struct access_grant *g, size_t n,
				const struct access_record *record, struct err *e)
{
	struct change c = { .name = name, .grants = g, .n_grants = n, .record = record };
	TRY(check(a, &c, e));
	return change(a, set_grants, &c, e);
}

enum err_code access_account_remove(struct access *a, struct slice name, const struct access_record *record, struct err *e)
{
	struct change c = { .name = name, .record = record };
	TRY(check(a, &c, e));
	return change(a, delete, &c, e);
}

enum err_code access_robot_create(struct access *a, struct slice name, const struct access_grant *g, size_t n, uint64_t expires_s,
				  char *ret_secret,
				  const struct access_record *record, struct err *e)
{
	uint8_t random[32], sum[32];
	char hex[65];
	AUTO_BUF text = BUF(64);
	struct change c = { .name = name, .kind = "robot", .secret = hex, .grants = g, .n_grants = n, .expires_s = expires_s,
		.record = record };
	TRY(check(a, &c, e));
	if (expires_s && expires_s <= os_now_s())
		return err_set(e, ERR_USAGE, 0, "the token would have expired already");
	TRY(access_secret_random(random, sizeof(random), e));
	buf_puts(&text, "pbn_");
	access_base64url_put(&text, slice_of(random, sizeof(random)));
	TRY(buf_ok(&text, "a token", e));
	digest_of(DIGEST_SHA256, buf_slice(&text), sum);
	hex_encode(hex, sum, sizeof(sum));
	TRY(change(a, insert, &c, e));
	memcpy(ret_secret, text.p, text.n);
	ret_secret[text.n] = '\0';
	explicit_bzero(text.p, text.n);
	explicit_bzero(random, sizeof(random));
	return OK;
}

static const char *const origin_names[] = { [FROM_FILE] = "file", [FROM_HTPASSWD] = "htpasswd", [FROM_DATABASE] = "database" };

static void copy_account(const struct account *from, struct arena *arena, struct access_account *to)
{
	*to = (struct access_account){
		.name = arena_dup(arena, from->name), .robot = from->robot, .disabled = from->disabled, .created_s = from->created_s,
		.expires_s = from->expires_s, .n_grants = from->n_grants, .origin = origin_names[from->origin],
	};
	to->grants = arena_calloc(arena, from->n_grants + 1, sizeof(*to->grants));
	for (size_t i = 0; to->grants && i < from->n_grants; i++)
		to->grants[i] = (struct access_grant){ arena_dup(arena, from->grants[i].pattern), from->grants[i].rights };
}

enum err_code access_list(struct access *a, struct arena *arena, struct access_account **ret, size_t *ret_n, struct err *e)
{
	pthread_rwlock_rdlock(&a->lock);
	size_t n = a->accounts->n;
	struct access_account *list = arena_calloc(arena, n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		copy_account(&a->accounts->items[i], arena, &list[i]);
	pthread_rwlock_unlock(&a->lock);
	TRY(arena_ok(arena, "the list of accounts", e));
	*ret = list;
	*ret_n = n;
	return OK;
}
