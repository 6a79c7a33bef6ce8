/* The accounts file (docs/accounts.md) and htpasswd files. */
#include <errno.h>
#include <sys/stat.h>
#include "inside.h"
#include "yml.h"

static const char *const top_keys[] = { "users", "robots", "certificates", NULL };
static const char *const user_keys[] = { "name", "hash", "grants", "disabled", NULL };
static const char *const robot_keys[] = { "name", "sha256", "grants", "expires", "disabled", NULL };
static const char *const certificate_keys[] = { "name", "user", NULL };

struct reading { struct accounts *s; struct yml_doc doc; };

/* Puts an error's message behind the place of node. */
static enum err_code at_node(const struct reading *r, const struct yml_node *node, struct err *e)
{
	struct err inner = *e;
	return yml_error(&r->doc, node, e, "%s", inner.msg);
}

static enum err_code need(const struct reading *r, const struct yml_node *map, const char *key, const char *what,
			  struct yml_node **ret_node,
			  struct slice *ret, struct err *e)
{
	struct yml_node *n = yml_get(map, key);
	if (yml_is_null(n))
		return yml_error(&r->doc, map, e, "%s needs '%s'", what, key);
	*ret_node = n;
	return yml_text(&r->doc, n, ret, e);
}

static enum err_code read_grants(struct reading *r, const struct yml_node *list, struct account *a, struct err *e)
{
	if (yml_is_null(list))
		return OK;
	if (list->kind != YML_LIST)
		return yml_error(&r->doc, list, e, "'grants' is a list such as [\"team/**:pull,push\"]");
	for (const struct yml_node *n = list->first; n; n = n->next) {
		struct access_grant g;
		struct slice text;
		TRY(yml_text(&r->doc, n, &text, e));
		if (access_grant_parse(text, &r->s->arena, &g, e) != OK || access_grant_add(r->s, a, g.pattern, g.rights, e) != OK)
			return at_node(r, n, e);
	}
	return OK;
}

static enum err_code read_account(struct reading *r, const struct yml_node *map, bool robot, struct account **ret, struct err *e)
{
	struct yml_node *node = NULL;
	struct slice name;
	const char *what = robot ? "a robot" : "a user";
	TRY(yml_check_map(&r->doc, map, robot ? robot_keys : user_keys, what, e));
	TRY(need(r, map, "name", what, &node, &name, e));
	if (!access_name_is_account(name))
		return yml_error(&r->doc, node, e,
				 "an account's name has 1 to %d letters, digits and ._@+$-, and is not 'token' or 'anonymous'",
				 ACCESS_MAX_NAME);
	for (size_t i = 0; i < r->s->n; i++)
		if (slice_eq(r->s->items[i].name, name))
			return yml_error(&r->doc, node, e, "there are two accounts of the name '%.*s'", SLICE_ARG(name));
	struct account *a = access_accounts_add(r->s);
	if (!a)
		return err_set(e, ERR_LIMIT, 0, "%s has too many accounts", r->doc.name);
	a->name = name;
	a->robot = robot;
	a->origin = FROM_FILE;
	*ret = a;
	struct yml_node *disabled = yml_get(map, "disabled");
	if (!yml_is_null(disabled))
		TRY(yml_bool(&r->doc, disabled, &a->disabled, e));
	return read_grants(r, yml_get(map, "grants"), a, e);
}

static enum err_code read_user(struct reading *r, const struct yml_node *map, struct err *e)
{
	struct yml_node *node = NULL;
	struct account *a = NULL;
	bool weak;
	TRY(read_account(r, map, false, &a, e));
	TRY(need(r, map, "hash", "a user", &node, &a->hash, e));
	if (access_secret_check_hash(a->hash, &weak, e) != OK)
		return at_node(r, node, e);
	if (weak)
		(void)yml_error(&r->doc, node, &r->s->doubt,
				"{SHA} is an unsalted hash that can be guessed fast; use `htpasswd -B`");
	return OK;
}

static enum err_code read_robot(struct reading *r, const struct yml_node *map, struct err *e)
{
	struct yml_node *node = NULL, *expires = yml_get(map, "expires");
	struct slice sum, text;
	struct account *a = NULL;
	TRY(read_account(r, map, true, &a, e));
	TRY(need(r, map, "sha256", "a robot", &node, &sum, e));
	if (!hex_decode(sum, a->sha256, 32, false))
		return yml_error(&r->doc, node, e, "'sha256' is the SHA-256 of the robot's token, 64 hex digits in lower case");
	if (yml_is_null(expires))
		return OK;
	TRY(yml_text(&r->doc, expires, &text, e));
	if (!os_parse_time(text, &a->expires_s) || !a->expires_s)
		return yml_error(&r->doc, expires, e, "'expires' is a date such as 2027-01-31 or 2027-01-31T12:00:00Z");
	return OK;
}

static enum err_code read_certificate(struct reading *r, const struct yml_node *map, struct err *e)
{
	struct yml_node *node = NULL;
	struct certificate c;
	TRY(yml_check_map(&r->doc, map, certificate_keys, "a certificate", e));
	TRY(need(r, map, "user", "a certificate", &node, &c.user, e));
	TRY(need(r, map, "name", "a certificate", &node, &c.name, e));
	for (size_t i = 0; i < r->s->certificates.n; i++)
		if (slice_eq(r->s->certificates.items[i].name, c.name))
			return yml_error(&r->doc, node, e, "there are two certificates of that name");
	struct certificate *to = ARENA_PUSH(&r->s->arena, &r->s->certificates);
	if (to)
		*to = c;
	return arena_ok(&r->s->arena, "certificates", e);
}

static enum err_code read_list(struct reading *r, const char *key, enum err_code (*one)(struct reading *, const struct yml_node *,
											struct err *),
			       struct err *e)
{
	const struct yml_node *list = yml_get(r->doc.root, key);
	if (yml_is_null(list))
		return OK;
	if (list->kind != YML_LIST)
		return yml_error(&r->doc, list, e, "'%s' is a list", key);
	for (const struct yml_node *n = list->first; n; n = n->next)
		TRY(one(r, n, e));
	return OK;
}

/* Whoever may write the file may do everything here. */
static enum err_code check_mode(const char *path, struct err *e)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "read %s", path);
	if (st.st_mode & S_IWOTH)
		return err_set(e, ERR_USAGE, 0, "%s can be written by everybody (chmod o-w)", path);
	return OK;
}

enum err_code access_accounts_read_file(struct accounts *s, const char *path, struct err *e)
{
	struct reading r = { .s = s };
	TRY(check_mode(path, e));
	TRY(yml_load(path, &s->arena, &r.doc, e));
	if (!r.doc.root)
		return OK;
	TRY(yml_check_map(&r.doc, r.doc.root, top_keys, "an accounts file", e));
	TRY(read_list(&r, "users", read_user, e));
	TRY(read_list(&r, "robots", read_robot, e));
	return read_list(&r, "certificates", read_certificate, e);
}

static enum err_code read_line(struct accounts *s, struct slice line, unsigned rights, struct err *e)
{
	ptrdiff_t colon = slice_find_byte(line, ':');
	struct slice name = colon < 0 ? SLICE_NULL : slice_upto(line, (size_t)colon), hash = slice_from(line, (size_t)(colon + 1));
	bool weak;
	if (!access_name_is_account(name))
		return err_set(e, ERR_USAGE, 0, "expected NAME:HASH with a name of 1 to %d letters, digits and ._@+$-", ACCESS_MAX_NAME);
	TRY(access_secret_check_hash(hash, &weak, e));
	struct account *a = access_accounts_add(s);
	if (!a)
		return err_set(e, ERR_LIMIT, 0, "too many accounts");
	a->name = arena_dup(&s->arena, name);
	a->hash = arena_dup(&s->arena, hash);
	a->origin = FROM_HTPASSWD;
	TRY(access_grant_add(s, a, SL("**"), rights, e));
	if (weak && s->doubt.code == OK)
		(void)err_set(&s->doubt, ERR_USAGE, 0, "{SHA} is an unsalted hash that can be guessed fast; use `htpasswd -B`");
	return arena_ok(&s->arena, "accounts", e);
}

enum err_code access_accounts_read_htpasswd(struct accounts *s, const char *path, unsigned rights, struct err *e)
{
	AUTO_BUF b = BUF(4 * MIB);
	struct slice line;
	unsigned number = 0;
	TRY(check_mode(path, e));
	TRY(os_read_file(path, &b, e));
	struct slice rest = buf_slice(&b);
	while (slice_next_line(&rest, &line)) {
		bool doubt = s->doubt.code != OK;
		number++;
		line = slice_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		if (read_line(s, line, rights, e) != OK)
			return err_prefix(e, "%s:%u", path, number);
		if (!doubt && s->doubt.code != OK)
			(void)err_prefix(&s->doubt, "%s:%u", path, number);
	}
	return OK;
}
