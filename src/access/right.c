/* Rights, and the names that they are about. */
#include "inside.h"

static const struct { unsigned right; const char *name; } rights[] = {
	{ ACCESS_PULL, "pull" }, { ACCESS_PUSH, "push" }, { ACCESS_DELETE, "delete" }, { ACCESS_APPROVE, "approve" }, { ACCESS_ADMIN,
		"admin" },
	{ ACCESS_SIGN, "sign" },
};

unsigned access_right_parse(struct slice s)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (slice_eqs(s, rights[i].name))
			return rights[i].right;
	return 0;
}

const char *access_right_name(unsigned one)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (rights[i].right == one)
			return rights[i].name;
	return "none";
}

void access_rights_put(struct buf *out, unsigned set)
{
	bool first = true;
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (set & rights[i].right) {
			buf_printf(out, "%s%s", first ? "" : ",", rights[i].name);
			first = false;
		}
}

enum err_code access_rights_parse(struct slice list, unsigned *ret, struct err *e)
{
	unsigned set = 0;
	struct slice word;
	char text[64];
	while (slice_next_piece(&list, ',', &word)) {
		word = slice_trim(word);
		unsigned one = slice_eqs(word, "*") ? ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE : access_right_parse(word);
		if (!one)
			return err_set(e, ERR_USAGE, 0, "'%s' is no right; there are pull, push, delete, approve, admin and sign",
				       text_escape_to(text, sizeof(text), word));
		set |= one;
	}
	*ret = set;
	return OK;
}

static bool is_alnum(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool access_name_is_account(struct slice name)
{
	if (!name.n || name.n > ACCESS_MAX_NAME || !is_alnum(name.p[0]) || slice_eqs(name, "token") || slice_eqs(name, "anonymous"))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum(name.p[i]) && !memchr("._@+$-", name.p[i], 6))
			return false;
	return true;
}

static bool is_component(struct slice c, bool host)
{
	if (!c.n || c.p[0] == '.' || c.p[0] == '-' || slice_eqs(c, ".."))
		return false;
	for (size_t i = 0; i < c.n; i++) {
		uint8_t x = c.p[i];
		bool fine = (x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') || x == '.' || x == '_' || x == '-' || (host && x == ':');
		if (!fine)
			return false;
	}
	return true;
}

bool access_name_is_repository(struct slice name)
{
	struct slice rest = name, part;
	if (!name.n || name.n > 255)
		return false;
	for (bool first = true; slice_next_piece(&rest, '/', &part); first = false)
		if (!is_component(part, first && rest.p))
			return false;
	return true;
}

enum err_code access_pattern_check(struct slice p, struct err *e)
{
	static const char user[] = "{user}";
	char text[80];
	ptrdiff_t at = slice_find(p, SL("{user}"));
	struct slice behind = at < 0 ? SLICE_NULL : slice_from(p, (size_t)at + sizeof(user) - 1);
	text_escape_to(text, sizeof(text), p);
	if (!p.n || p.n > ACCESS_MAX_PATTERN)
		return err_set(e, ERR_USAGE, 0, "a repository pattern has 1 to %d characters: '%s'", ACCESS_MAX_PATTERN, text);
	if (slice_find(behind, SL("{user}")) >= 0 && behind.n)
		return err_set(e, ERR_USAGE, 0, "{user} may stand once in a pattern: '%s'", text);
	for (size_t i = 0; i < p.n; i++)
		if (p.p[i] <= ' ' || p.p[i] > '~' || p.p[i] == '"' || p.p[i] == '\\')
			return err_set(e, ERR_USAGE, 0,
				       "a repository pattern has letters, digits, . _ - / : and the wildcards * ** ? [..]: '%s'", text);
	return OK;
}

enum err_code access_grant_parse(struct slice text, struct arena *arena, struct access_grant *ret, struct err *e)
{
	struct slice s = slice_trim(text);
	ptrdiff_t at = slice_rfind_byte(s, ':');
	struct access_grant g;
	char shown[96];
	if (at <= 0)
		return err_set(e, ERR_USAGE, 0, "'%s' must be PATTERN:RIGHT,…, for instance team/**:pull,push", text_escape_to(shown,
			sizeof(shown), s));
	struct slice pattern = slice_upto(s, (size_t)at);
	TRY(access_pattern_check(pattern, e));
	TRY(access_rights_parse(slice_from(s, (size_t)at + 1), &g.rights, e));
	g.pattern = arena_dup(arena, pattern);
	TRY(arena_ok(arena, "a grant", e));
	*ret = g;
	return OK;
}

/* --- What a subject may ----------------------------------------------------------------------------------------------- */

static unsigned rights_on(const struct access_subject *s, struct slice repository, unsigned wanted)
{
	unsigned got = s->everywhere;
	for (unsigned i = 0; i < s->n_grants && (got & wanted) != wanted; i++)
		if ((s->grants[i].rights & wanted & ~got) && slice_glob(slice_str(s->grants[i].pattern), repository))
			got |= s->grants[i].rights;
	return got;
}

bool access_may(const struct access_subject *s, unsigned right, struct slice repository)
{
	return right && (rights_on(s, repository, right) & right) == right;
}

static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("*?[]{}\\", s.p[i]))
			return false;
	return true;
}

bool access_may_pattern(const struct access_subject *s, unsigned right, struct slice pattern)
{
	unsigned got = s->everywhere;
	if (is_plain(pattern))
		return access_may(s, right, pattern);
	for (unsigned i = 0; i < s->n_grants; i++) {
		struct slice grant = slice_str(s->grants[i].pattern), prefix = slice_upto(grant, grant.n - MIN(grant.n, (size_t)2));
		bool below = slice_has_suffix(grant, SL("/**")) && is_plain(prefix) && slice_has_prefix(pattern, prefix);
		if (below || slice_eq(grant, pattern))
			got |= s->grants[i].rights;
	}
	return right && (got & right) == right;
}

bool access_may_list(const struct access_subject *s, struct slice repository)
{
	return access_may(s, s->from_token ? ACCESS_LIST : ACCESS_PULL, repository);
}

bool access_may_somewhere(const struct access_subject *s, unsigned right)
{
	unsigned got = s->everywhere;
	for (unsigned i = 0; i < s->n_grants; i++)
		got |= s->grants[i].rights;
	return right && (got & right) == right;
}
