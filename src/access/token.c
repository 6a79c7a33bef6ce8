/* Bearer tokens: JWT (RFC 7519) with one fixed header, HS256, and the claims of the distribution token specification ("access").
 * What the header says is never looked at: its bytes are the ones below, or there is no token. */
#include <jansson.h>
#include <stdlib.h>
#include "inside.h"

static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";	/* {"alg":"HS256","typ":"JWT"} */
enum { CLAIMS_MAX = 6 << 10, SKEW_S = 60 };

/* --- Scopes ----------------------------------------------------------------------------------------------------------- */

static unsigned actions_of(struct slice list)
{
	unsigned set = 0;
	struct slice word;
	while (slice_next_piece(&list, ',', &word))
		set |= slice_eqs(word, "*") ? ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE : access_right_parse(word);
	return set;
}

/* type[(class)]:name:action,… where the name may hold colons (a port). */
static bool scope_parse(struct slice text, struct scope *ret)
{
	ptrdiff_t first = slice_find_byte(text, ':'), last = slice_rfind_byte(text, ':');
	if (first <= 0 || last == first)
		return false;
	struct slice type = slice_upto(text, (size_t)first), actions = slice_from(text, (size_t)last + 1);
	struct scope s = { .name = slice_sub(text, (size_t)first + 1, (size_t)(last - first - 1)) };
	if (slice_eqs(type, "registry")) {
		s.catalog = slice_eqs(s.name, "catalog") && slice_eqs(actions, "*");
		*ret = s;
		return s.catalog;
	}
	s.rights = actions_of(actions);
	*ret = s;
	return slice_eqs(type, "repository") && s.rights && access_name_is_repository(s.name);
}

bool access_scope_next(struct slice *rest, struct scope *ret)
{
	struct slice word;
	while (slice_next_piece(rest, ' ', &word))
		if (scope_parse(word, ret))
			return true;
	return false;
}

static int hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put_decoded(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = high < 0 ? -1 : hex_value(s.p[i + 2]);
		buf_putc(out, low >= 0 ? (uint8_t)(high << 4 | low) : s.p[i] == '+' ? ' ' : s.p[i]);
		i += low >= 0 ? 2 : 0;
	}
}

void access_query_scopes(struct slice raw_query, struct buf *out)
{
	struct slice pair;
	for (unsigned n = 0; n < 64 && slice_next_piece(&raw_query, '&', &pair);) {
		if (!slice_has_prefix(pair, SL("scope=")))
			continue;
		if (out->n)
			buf_putc(out, ' ');
		put_decoded(out, slice_from(pair, 6));
		n++;
	}
}

void access_challenge(const struct access *a, const char *public_url, struct slice repository, unsigned rights, const char *error,
		      struct buf *out)
{
	buf_printf(out, "Bearer realm=\"%s/token\",service=\"%s\"", public_url, a->o.service);
	if (repository.n && rights && access_name_is_repository(repository)) {
		buf_printf(out, ",scope=\"repository:%.*s:", SLICE_ARG(repository));
		access_rights_put(out, rights & ACCESS_ALL);
		buf_puts(out, "\"");
	}
	if (error)
		buf_printf(out, ",error=\"%s\"", error);
}

/* --- Making ------------------------------------------------------------------------------------------------------------ */

static void put_scope(struct buf *out, const struct scope *s, unsigned granted, bool first)
{
	struct slice names, word;
	AUTO_BUF list = BUF(128);
	access_rights_put(&list, granted);
	names = buf_slice(&list);
	buf_printf(out, "%s{\"type\":\"%s\",\"name\":\"%.*s\",\"actions\":[", first ? "" : ",", s->catalog ? "registry" : "repository",
		   SLICE_ARG(s->name));
	if (s->catalog)
		buf_puts(out, "\"*\"");
	for (bool one = true; !s->catalog && slice_next_piece(&names, ',', &word); one = false)
		buf_printf(out, "%s\"%.*s\"", one ? "" : ",", SLICE_ARG(word));
	buf_puts(out, "]}");
}

/* The intersection of what is asked and what the subject may; a right to sign goes along with push, which is what clients ask for. */
static void put_scopes(struct buf *out, const struct access_subject *s, struct slice scopes)
{
	struct scope asked;
	unsigned n = 0, looked_at = 0;
	bool catalog = false;
	while (n < ACCESS_MAX_GRANTS && looked_at++ < 64 && access_scope_next(&scopes, &asked)) {
		unsigned granted = 0;
		if (asked.rights & ACCESS_PUSH)
			asked.rights |= ACCESS_SIGN;
		for (unsigned right = 1; right <= ACCESS_ALL; right <<= 1)
			if ((asked.rights & right) && access_may(s, right, asked.name))
				granted |= right;
		if (asked.catalog ? catalog : !granted)
			continue;
		catalog = catalog || asked.catalog;
		put_scope(out, &asked, granted, !n++);
	}
}

static enum err_code sign(const struct access *a, struct slice claims, struct buf *out, struct err *e)
{
	uint8_t mac[32];
	buf_puts(out, header);
	access_base64url_put(out, claims);
	struct slice text = buf_slice(out);
	pthread_rwlock_rdlock((pthread_rwlock_t *)&a->lock);
	access_hmac_of(&a->signing, &text, 1, mac);
	pthread_rwlock_unlock((pthread_rwlock_t *)&a->lock);
	buf_putc(out, '.');
	access_base64url_put(out, slice_of(mac, sizeof(mac)));
	return buf_ok(out, "a token", e);
}

enum err_code access_token_answer(struct access *a, const struct access_subject *s, struct slice scopes, struct buf *out, struct err *e)
{
	uint64_t now = os_now_s(), end = now + a->o.token_ttl_s;
	char stamp[17] = "", at[21];
	AUTO_BUF claims = BUF(CLAIMS_MAX);
	AUTO_BUF token = BUF(TOKEN_MAX + 1);
	if (s->from_token || s->socket)
		return err_set(e, ERR_AUTH, 0, "a token is given for a password or a robot's secret");
	if (!s->anonymous) {
		pthread_rwlock_rdlock(&a->lock);
		const struct account *account = access_accounts_find(a->accounts, slice_str(s->name));
		if (account)
			hex_encode(stamp, account->stamp, sizeof(account->stamp));
		if (account && account->expires_s)
			end = MIN(end, account->expires_s);
		pthread_rwlock_unlock(&a->lock);
		if (!account)
			return err_set(e, ERR_AUTH, 0, "the account is gone");
	}
	buf_printf(&claims,
		   "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\",\"iat\":%llu,\"nbf\":%llu,\"exp\":%llu,\"pbn\":\"%s\",\"access\":[",
			   a->o.service,
		   a->o.service, s->name, (unsigned long long)now, (unsigned long long)now, (unsigned long long)end, stamp);
	put_scopes(&claims, s, scopes);
	buf_puts(&claims, "]}");
	TRY(buf_ok(&claims, "a token", e));
	TRY(sign(a, buf_slice(&claims), &token, e));
	os_format_time(now, at);
	struct slice t = buf_slice(&token);
	buf_puts(out, "{\"token\":\"");
	buf_put_slice(out, t);
	buf_puts(out, "\",\"access_token\":\"");
	buf_put_slice(out, t);
	buf_printf(out, "\",\"expires_in\":%llu,\"issued_at\":\"%s\"}", (unsigned long long)(end > now ? end - now : 0), at);
	return buf_ok(out, "a token", e);
}

/* --- Reading ----------------------------------------------------------------------------------------------------------- */

static bool text_is(const json_t *j, const char *key, const char *want)
{
	const json_t *v = json_object_get(j, key);
	return json_is_string(v) && slice_eqs(slice_of(json_string_value(v), json_string_length(v)), want);
}

static bool take_time(const json_t *j, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(j, key);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

static bool take_access(const json_t *one, struct token *t)
{
	const json_t *name = json_object_get(one, "name"), *actions = json_object_get(one, "actions"), *action;
	struct slice text = slice_of(json_string_value(name), json_string_length(name));
	size_t i;
	unsigned set = 0;
	if (!json_is_string(name) || !json_is_array(actions) || json_object_size(one) != 3)
		return false;
	json_array_foreach(actions, i, action) {
		if (!json_is_string(action))
			return false;
		set |= access_right_parse(slice_of(json_string_value(action), json_string_length(action)));
	}
	if (text_is(one, "type", "registry") && slice_eqs(text, "catalog"))
		return t->catalog = true;
	if (!text_is(one, "type", "repository") || !access_name_is_repository(text) || t->n == ACCESS_MAX_GRANTS)
		return false;
	memcpy(t->scopes[t->n].name, text.p, text.n);
	t->scopes[t->n].name[text.n] = '\0';
	t->scopes[t->n++].rights = set;
	return true;
}

static bool take_claims(const struct access *a, const json_t *j, uint64_t now_s, struct token *t)
{
	const json_t *sub = json_object_get(j, "sub"), *stamp = json_object_get(j, "pbn"), *list = json_object_get(j, "access"), *one;
	uint64_t iat, nbf;
	size_t i;
	if (!text_is(j, "iss", a->o.service) || !text_is(j, "aud", a->o.service) || !take_time(j, "iat", &iat) || !take_time(j, "nbf",
		&nbf) ||
	    !take_time(j, "exp", &t->expires_s) || !json_is_string(sub) || !json_is_string(stamp) || !json_is_array(list) ||
		    json_object_size(j) != 8)
		return false;
	if (t->expires_s <= now_s || nbf > now_s + SKEW_S || iat > now_s + SKEW_S)
		return false;
	struct slice name = slice_of(json_string_value(sub), json_string_length(sub));
	if (name.n && (!access_name_is_account(name) || !hex_decode(slice_of(json_string_value(stamp), json_string_length(stamp)),
								    t->stamp, 8, false)))
		return false;
	memcpy(t->name, name.p, name.n);
	json_array_foreach(list, i, one)
		if (!take_access(one, t))
			return false;
	return true;
}

bool access_token_verify(const struct access *a, struct slice text, uint64_t now_s, struct token *ret)
{
	static const size_t start = sizeof(header) - 1;
	uint8_t mac[32], given[32], claims[CLAIMS_MAX];
	size_t n;
	ptrdiff_t dot = slice_rfind_byte(text, '.');
	if (text.n > TOKEN_MAX || !slice_has_prefix(text, slice_of(header, start)) || dot <= (ptrdiff_t)start)
		return false;
	struct slice body = slice_upto(text, (size_t)dot);
	if (!access_base64url_decode(slice_from(text, (size_t)dot + 1), given, sizeof(given), &n) || n != sizeof(given))
		return false;
	pthread_rwlock_rdlock((pthread_rwlock_t *)&a->lock);
	access_hmac_of(&a->signing, &body, 1, mac);
	pthread_rwlock_unlock((pthread_rwlock_t *)&a->lock);
	if (!access_secret_equal(mac, given, sizeof(mac)) || !access_base64url_decode(slice_from(body, start), claims, sizeof(claims),
										      &n))
		return false;
	memset(ret, 0, sizeof(*ret));
	json_t *j = json_loadb((const char *)claims, n, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(j) && take_claims(a, j, now_s, ret);
	json_decref(j);
	return good;
}
