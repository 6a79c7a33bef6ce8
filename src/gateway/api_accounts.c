/* /api/v1/accounts and /api/v1/robots: who may do what. Only for the state directory's socket, and for accounts with the right
 * `admin` on all repositories that come with their own secret: a Bearer token of the token endpoint holds scopes, and no scope
  * is everything. */
#include <jansson.h>
#include <stdlib.h>
#include "inside.h"
#include "os.h"

enum { BODY_MAX = 64 << 10 };

struct change {
	struct call *c;
	const char *action;
	struct slice name, grants_text;
	struct access_grant *grants;
	size_t n_grants;
	struct access_record record;
};

/* --- Answers ------------------------------------------------------------------------------------------------------------- */

static void fail(struct call *c, const struct err *e)
{
	switch (e->code) {
	case ERR_USAGE:
	case ERR_FORMAT:
	case ERR_LIMIT:
		answer_api_error(c, 400, "invalid", "%s", e->msg);
		break;
	case ERR_NOT_FOUND:
		answer_api_error(c, 404, "not_found", "%s", e->msg);
		break;
	case ERR_UNSUPPORTED:
		answer_api_error(c, 501, "unsupported", "%s", e->msg);
		break;
	default:
		gateway_log(c->g, LOG_ERROR, "accounts", "zz", "error", e->msg);
		answer_api_error(c, 503, "unavailable", "accounts cannot be changed just now");
	}
}

static void answer(struct call *c, int status, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	if (!text) {
		answer_api_error(c, 503, "unavailable", "out of memory");
		return;
	}
	http_add_header(c->r, "Cache-Control", SL("no-store"));
	http_respond(c->r, status, "application/json", slice_str(text));
	explicit_bzero(text, strlen(text));	/* it may hold a token */
	free(text);
}

static json_t *text_of(struct slice s) { return json_stringn((const char *)s.p, s.n); }

static json_t *time_of(uint64_t s)
{
	char text[21];
	if (!s)
		return json_null();
	os_format_time(s, text);
	return json_string(text);
}

static json_t *grants_of(const struct access_account *a)
{
	json_t *list = json_array();
	for (size_t i = 0; i < a->n_grants; i++) {
		AUTO_BUF text = BUF(KIB);
		buf_put_slice(&text, a->grants[i].pattern);
		for (unsigned right = 1, first = 1; right <= ACCESS_ALL; right <<= 1)
			if (a->grants[i].rights & right) {
				buf_printf(&text, "%s%s", first ? ":" : ",", access_right_name(right));
				first = 0;
			}
		json_array_append_new(list, text_of(buf_slice(&text)));
	}
	return list;
}

static void list(struct http_request *r, void *arg)
{
	struct call *c = arg;
	AUTO_ARENA arena = ARENA(64 * MIB);
	struct access_account *accounts;
	struct err e;
	size_t n;
	(void)r;
	if (access_list(c->g->access, &arena, &accounts, &n, &e) != OK) {
		fail(c, &e);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, json_pack("{s:o, s:s, s:s, s:b, s:o, s:o, s:o}", "name", text_of(accounts[i].name), "kind",
						       accounts[i].robot ? "robot" : "user", "origin", accounts[i].origin, "disabled",
						       accounts[i].disabled, "created", time_of(accounts[i].created_s), "expires",
						       time_of(accounts[i].expires_s), "grants", grants_of(&accounts[i])));
	answer(c, 200, json_pack("{s:o}", "accounts", items));
}

/* --- What is asked ----------------------------------------------------------------------------------------------------------- */

static enum err_code put_record(struct sql_tx *tx, void *arg, struct err *e)
{
	const struct change *ch = arg;
	return audit_put(ch->c->g, tx, &ch->c->who, ch->action, e, "ztzt", "account", ch->name, "grants", ch->grants_text);
}

static struct change change_of(struct call *c, const char *action)
{
	struct change ch = { .c = c, .action = action };
	return ch;
}

/* Only keys that are known: one that is misspelt would otherwise be a right that somebody believes to have taken away. */
static enum err_code check_keys(json_t *j, const char *const *known, struct err *e)
{
	const char *key;
	char shown[80];
	json_t *v;
	if (!json_is_object(j))
		return err_set(e, ERR_USAGE, 0, "the body must be a JSON object without duplicate keys");
	json_object_foreach(j, key, v) {
		size_t i = 0;
		while (known[i] && strcmp(key, known[i]))
			i++;
		if (!known[i])
			return err_set(e, ERR_USAGE, 0, "there is no field '%s' here", text_escape_to(shown, sizeof(shown),
				slice_str(key)));
	}
	return OK;
}

/* Absent: *ret stays. */
static enum err_code take_text(json_t *j, const char *key, struct slice *ret, struct err *e)
{
	json_t *v = json_object_get(j, key);
	if (!v || json_is_null(v))
		return OK;
	if (!json_is_string(v))
		return err_set(e, ERR_USAGE, 0, "'%s' must be text", key);
	*ret = slice_of(json_string_value(v), json_string_length(v));
	return OK;
}

static enum err_code take_grants(struct change *ch, json_t *list, struct err *e)
{
	struct arena *arena = http_arena(ch->c->r);
	AUTO_BUF all = BUF(16 * KIB);
	size_t n = json_array_size(list);
	if (list && !json_is_array(list))
		return err_set(e, ERR_USAGE, 0, "'grants' is a list such as [\"team/**:pull,push\"]");
	if (n > ACCESS_MAX_GRANTS)
		return err_set(e, ERR_USAGE, 0, "an account has at most %d grants", ACCESS_MAX_GRANTS);
	ch->grants = arena_calloc(arena, n + 1, sizeof(*ch->grants));
	TRY(arena_ok(arena, "grants", e));
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_array_get(list, i);
		struct slice text = slice_of(json_string_value(v), json_string_length(v));
		TRY(access_grant_parse(text, arena, &ch->grants[i], e));
		buf_puts(&all, i ? " " : "");
		buf_put_slice(&all, text);
	}
	ch->n_grants = n;
	ch->grants_text = arena_dup(arena, buf_slice(&all));
	return arena_ok(arena, "grants", e);
}

static enum err_code add_user(struct call *c, json_t *j, struct err *e)
{
	static const char *const known[] = { "name", "password", "grants", NULL };
	struct change ch = change_of(c, "account.add");
	struct slice password = SLICE_NULL;
	ch.record = (struct access_record){ put_record, &ch };
	TRY(check_keys(j, known, e));
	TRY(take_text(j, "name", &ch.name, e));
	TRY(take_text(j, "password", &password, e));
	TRY(take_grants(&ch, json_object_get(j, "grants"), e));
	TRY(access_user_add(c->g->access, ch.name, password, ch.grants, ch.n_grants, &ch.record, e));
	answer(c, 201, json_pack("{s:o}", "name", text_of(ch.name)));
	return OK;
}

static enum err_code add_robot(struct call *c, json_t *j, struct err *e)
{
	static const char *const known[] = { "name", "expires", "grants", NULL };
	struct change ch = change_of(c, "robot.add");
	struct slice expires = SLICE_NULL;
	uint64_t expires_s = 0;
	char secret[64];
	ch.record = (struct access_record){ put_record, &ch };
	TRY(check_keys(j, known, e));
	TRY(take_text(j, "name", &ch.name, e));
	TRY(take_text(j, "expires", &expires, e));
	if (expires.n && !os_parse_time(expires, &expires_s))
		return err_set(e, ERR_USAGE, 0, "'expires' is a date such as 2027-01-31 or 2027-01-31T12:00:00Z");
	TRY(take_grants(&ch, json_object_get(j, "grants"), e));
	TRY(access_robot_create(c->g->access, ch.name, ch.grants, ch.n_grants, expires_s, secret, &ch.record, e));
	answer(c, 201, json_pack("{s:o, s:s, s:o}", "name", text_of(ch.name), "secret", secret, "expires", time_of(expires_s)));
	explicit_bzero(secret, sizeof(secret));
	return OK;
}

static int hex_value(uint8_t x) { return x >= '0' && x <= '9' ? x - '0' : x >= 'a' && x <= 'f' ? x - 'a' + 10 : x >= 'A' && x <= 'F'
	? x - 'A' + 10 : -1; }

/* "accounts/NAME", percent-decoded; a malformed escape stays, and is then no account's name. */
static struct slice name_in_path(struct call *c)
{
	struct slice s = slice_from(c->reference, sizeof("accounts/") - 1);
	uint8_t *to = arena_alloc(http_arena(c->r), s.n + 1);
	size_t n = 0;
	for (size_t i = 0; to && i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = high < 0 ? -1 : hex_value(s.p[i + 2]);
		to[n++] = low >= 0 ? (uint8_t)(high << 4 | low) : s.p[i];
		i += low >= 0 ? 2 : 0;
	}
	return slice_of(to, n);
}

static enum err_code alter(struct call *c, json_t *j, struct err *e)
{
	static const char *const known[] = { "password", "grants", NULL };
	struct change ch = change_of(c, "account.grant");
	struct slice password = SLICE_NULL;
	json_t *grants = json_object_get(j, "grants");
	ch.name = name_in_path(c);
	ch.record = (struct access_record){ put_record, &ch };
	TRY(check_keys(j, known, e));
	TRY(take_text(j, "password", &password, e));
	TRY(take_grants(&ch, grants, e));
	if (!password.p == !grants)
		return err_set(e, ERR_USAGE, 0, "one of 'password' and 'grants' is needed, not both");
	if (grants) {
		TRY(access_user_grant(c->g->access, ch.name, ch.grants, ch.n_grants, &ch.record, e));
	} else {
		ch.action = "account.password";
		TRY(access_user_password(c->g->access, ch.name, password, &ch.record, e));
	}
	answer(c, 200, json_pack("{s:o}", "name", text_of(ch.name)));
	return OK;
}

static void removing(struct http_request *r, void *arg)
{
	struct call *c = arg;
	struct change ch = change_of(c, "account.remove");
	struct err e;
	ch.name = name_in_path(c);
	ch.record = (struct access_record){ put_record, &ch };
	if (access_account_remove(c->g->access, ch.name, &ch.record, &e) != OK)
		fail(c, &e);
	else
		http_respond(r, 204, NULL, SLICE_NULL);
}

static void with_body(struct http_request *r, void *arg, struct slice body)
{
	struct call *c = arg;
	struct err e;
	json_t *j = json_loadb(body.p ? (const char *)body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
	enum err_code code;
	if (slice_eqs(http_method(r), "PATCH"))
		code = alter(c, j, &e);
	else
		code = slice_eqs(c->reference, "robots") ? add_robot(c, j, &e) : add_user(c, j, &e);
	json_decref(j);
	if (code != OK)
		fail(c, &e);
}

void api_accounts(struct call *c)
{
	static const struct slice above = { (const uint8_t *)"/api/v1/", 8 };
	if (slice_has_prefix(c->reference, above))
		c->reference = slice_from(c->reference, above.n);
	struct slice method = http_method(c->r);
	bool all = slice_eqs(c->reference, "accounts"), robots = slice_eqs(c->reference, "robots"), one = slice_has_prefix(c->reference,
		SL("accounts/"));
	if (!(c->who.everywhere & ACCESS_ADMIN)) {
		if (c->who.anonymous)
			answer_unauthorized(c, ACCESS_ADMIN, NULL);
		else
			answer_api_error(c, 403, "forbidden",
					 "accounts are managed by those with the right admin on all repositories (\"**:admin\")");
	} else if (all && (slice_eqs(method, "GET") || slice_eqs(method, "HEAD"))) {
		http_defer(c->r, list, c);
	} else if (((all || robots) && slice_eqs(method, "POST")) || (one && slice_eqs(method, "PATCH"))) {
		http_take_text(c->r, BODY_MAX, with_body, c);
	} else if (one && slice_eqs(method, "DELETE")) {
		http_defer(c->r, removing, c);
	} else if (all || robots || one) {
		http_add_header(c->r, "Allow", robots ? SL("POST") : all ? SL("GET, HEAD, POST") : SL("PATCH, DELETE"));
		answer_api_error(c, 405, "method", "that method does nothing here");
	} else {
		answer_api_error(c, 404, "not_found", "there is nothing here");
	}
}
