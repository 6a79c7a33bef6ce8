/* Accounts in the database, and the key that all nodes sign with. */
#include "inside.h"

const char access_schema[] =
	"CREATE TABLE account (\n"
	"	name TEXT PRIMARY KEY,\n"
	"	kind TEXT NOT NULL,\n"			/* 'user' or 'robot' */
	"	secret TEXT NOT NULL,\n"		/* crypt(5); of a robot SHA-256 in hex */
	"	disabled $INT NOT NULL DEFAULT 0,\n"
	"	created_s $INT NOT NULL,\n"
	"	expires_s $INT NOT NULL DEFAULT 0\n"	/* 0: never */
	");\n"
	"CREATE TABLE account_grant (\n"
	"	account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,\n"
	"	position $INT NOT NULL,\n"
	"	pattern TEXT NOT NULL,\n"
	"	rights $INT NOT NULL,\n"		/* bits of ACCESS_PULL and so on */
	"	PRIMARY KEY (account, position)\n"
	");\n"
	"CREATE TABLE access_key (name TEXT PRIMARY KEY, value TEXT NOT NULL);\n";	/* 'signing': 64 hex digits; 'changes': a counter */

static void keep_text(struct slice s, char *dst, size_t cap)
{
	size_t n = MIN(s.n, cap - 1);
	if (n)
		memcpy(dst, s.p, n);
	dst[n] = '\0';
}

static enum err_code key_value(struct sql_tx *tx, const char *name, char *dst, size_t cap, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT value FROM access_key WHERE name = ?1", "z", name));
	TRY(sql_next(rows, &row, e));
	keep_text(row ? sql_text(rows, 0) : SLICE_NULL, dst, cap);
	return OK;
}

static enum err_code read_changes(struct sql_tx *tx, void *arg, struct err *e) { return key_value(tx, "changes", arg, 32, e); }

enum err_code access_database_changes(struct sql *db, char ret_changes[32], struct err *e) { return sql_read(db, read_changes,
	ret_changes, e); }

struct reading { struct accounts *s; size_t before; char key[80], changes[32]; };

static enum err_code read_row(struct reading *r, struct sql_rows *rows, struct err *e)
{
	struct account *a = access_accounts_add(r->s);
	char shown[80];
	bool weak;
	if (!a)
		return err_set(e, ERR_LIMIT, 0, "too many accounts");
	a->name = arena_dup(&r->s->arena, sql_text(rows, 0));
	a->robot = slice_eqs(sql_text(rows, 1), "robot");
	a->origin = FROM_DATABASE;
	a->disabled = sql_int(rows, 3) != 0;
	a->created_s = (uint64_t)sql_int(rows, 4);
	a->expires_s = (uint64_t)sql_int(rows, 5);
	bool good = a->robot ? hex_decode(sql_text(rows, 2), a->sha256, 32, false) : access_secret_check_hash(sql_text(rows, 2), &weak,
		e) == OK;
	if (!good || !access_name_is_account(a->name))
		return err_set(e, ERR_FORMAT, 0, "the account '%s' in the database is not what it should be", text_escape_to(shown,
			sizeof(shown), a->name));
	if (!a->robot)
		a->hash = arena_dup(&r->s->arena, sql_text(rows, 2));
	return arena_ok(&r->s->arena, "accounts", e);
}

/* Both lists are sorted in SQL by bytes or by the database's collation alike, but only looked up here by name. */
static enum err_code read_grants(struct reading *r, struct sql_tx *tx, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct account *a = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT account, pattern, rights FROM account_grant ORDER BY account, position", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct slice name = sql_text(rows, 0);
		for (size_t i = r->before; (!a || !slice_eq(a->name, name)) && i < r->s->n; i++)
			if (slice_eq(r->s->items[i].name, name))
				a = &r->s->items[i];
		if (!a || !slice_eq(a->name, name))
			continue;
		struct slice pattern = arena_dup(&r->s->arena, sql_text(rows, 1));
		TRY(arena_ok(&r->s->arena, "accounts", e));
		TRY(access_pattern_check(pattern, e));
		TRY(access_grant_add(r->s, a, pattern, (unsigned)sql_int(rows, 2) & ACCESS_ALL, e));
	}
}

static enum err_code read_all(struct sql_tx *tx, void *arg, struct err *e)
{
	struct reading *r = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	r->s->n = r->before;	/* a second try begins anew */
	TRY(key_value(tx, "signing", r->key, sizeof(r->key), e));
	TRY(key_value(tx, "changes", r->changes, sizeof(r->changes), e));
	TRY(sql_query(tx, &rows, e, "SELECT name, kind, secret, disabled, created_s, expires_s FROM account ORDER BY name", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return read_grants(r, tx, e);
		TRY(read_row(r, rows, e));
	}
}

static enum err_code make_key(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO access_key (name, value) VALUES ('signing', ?1) ON CONFLICT (name) DO NOTHING", "z",
		       (const char *)arg);
}

enum err_code access_accounts_read_database(struct accounts *s, struct sql *db, uint8_t ret_key[SECRET_BYTES], char ret_changes[32],
					    struct err *e)
{
	struct reading r = { .s = s, .before = s->n };
	TRY(sql_read(db, read_all, &r, e));
	if (!r.key[0]) {
		uint8_t key[SECRET_BYTES];
		char hex[2 * SECRET_BYTES + 1];
		TRY(access_secret_random(key, sizeof(key), e));
		hex_encode(hex, key, sizeof(key));
		TRY(sql_write(db, make_key, hex, e));
		TRY(sql_read(db, read_all, &r, e));
		explicit_bzero(hex, sizeof(hex));
		explicit_bzero(key, sizeof(key));
	}
	bool good = hex_decode(slice_str(r.key), ret_key, SECRET_BYTES, false);
	explicit_bzero(r.key, sizeof(r.key));
	memcpy(ret_changes, r.changes, sizeof(r.changes));
	return good ? OK : err_set(e, ERR_FORMAT, 0, "the key in the database that tokens are signed with is no key");
}
