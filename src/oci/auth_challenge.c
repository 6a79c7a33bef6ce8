#include "auth.h"

static bool is_token(uint8_t c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static struct slice take_token(struct slice *rest)
{
	size_t i = 0;
	while (i < rest->n && is_token(rest->p[i]))
		i++;
	struct slice t = slice_upto(*rest, i);
	*rest = slice_from(*rest, i);
	return t;
}

static void skip(struct slice *rest, const char *chars)
{
	while (rest->n && rest->p[0] && strchr(chars, rest->p[0]))
		*rest = slice_from(*rest, 1);
}

static struct slice take_value(struct slice *rest, struct arena *a)
{
	if (!rest->n || rest->p[0] != '"') {
		size_t i = 0;
		while (i < rest->n && rest->p[i] != ',' && rest->p[i] != ' ')
			i++;
		struct slice v = arena_dup(a, slice_upto(*rest, i));
		*rest = slice_from(*rest, i);
		return v;
	}
	uint8_t *out = arena_alloc(a, rest->n);
	size_t n = 0, i = 1;
	for (; out && i < rest->n && rest->p[i] != '"'; i++) {
		if (rest->p[i] == '\\' && i + 1 < rest->n)
			i++;
		out[n++] = rest->p[i];
	}
	*rest = slice_from(*rest, i + 1);
	return slice_of(out, out ? n : 0);
}

/* Bearer realm="…",service="…",scope="…", Basic realm="…" */
void oci_challenge_parse(struct slice header, struct arena *a, struct oci_challenge *c)
{
	struct slice rest = slice_upto(header, 8192);
	bool bearer = false;
	while (rest.n) {
		skip(&rest, " \t,");
		struct slice word = take_token(&rest);
		if (!word.n)
			return;
		skip(&rest, " \t");
		if (!rest.n || rest.p[0] != '=') {	/* a scheme */
			bearer = slice_eq_nocase(word, SL("Bearer")) && !c->bearer;
			c->bearer |= bearer;
			c->basic |= slice_eq_nocase(word, SL("Basic"));
			continue;
		}
		skip(&rest, "= \t");
		struct slice value = take_value(&rest, a);
		if (bearer && slice_eq_nocase(word, SL("realm")))
			c->realm = value;
		else if (bearer && slice_eq_nocase(word, SL("service")))
			c->service = value;
	}
}

static bool is_address(struct slice h)
{
	ptrdiff_t dot = slice_rfind_byte(h, '.');
	struct slice last = slice_from(h, (size_t)(dot + 1));
	return (h.n && h.p[0] == '[') || (last.n && last.p[0] >= '0' && last.p[0] <= '9');
}

/* The last labels that one owner registers: two, or three below "co.uk" and the like. Without the public suffix list this is a rule of
 * thumb; where it is wrong it separates owners by at most the suffixes below. */
static struct slice owner_part(struct slice h)
{
	static const char *const second[] = { "co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go" };
	static const char *const shared[] = { "github.io", "amazonaws.com", "azurewebsites.net", "cloudfront.net", "herokuapp.com",
			"web.app",
		"run.app", "workers.dev", "pages.dev", "vercel.app", "netlify.app", "fly.dev", "duckdns.org", "ngrok.io", "gitlab.io",
				"azurecr.io",
		"appspot.com", "googleapis.com", "windows.net", "cloudapp.net", "nip.io", "sslip.io" };
	ptrdiff_t last = slice_rfind_byte(h, '.');
	ptrdiff_t before = last < 0 ? -1 : slice_rfind_byte(slice_upto(h, (size_t)last), '.');
	if (last < 0 || before < 0)
		return h;
	struct slice two = slice_from(h, (size_t)before + 1), label = slice_sub(h, (size_t)before + 1, (size_t)(last - before - 1));
	bool deeper = false;
	for (size_t i = 0; h.n - (size_t)last - 1 == 2 && i < ARRAY_LEN(second); i++)
		deeper |= slice_eq_nocase(label, slice_str(second[i]));
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (slice_eq_nocase(two, slice_str(shared[i])))
			return h;
	ptrdiff_t third = deeper ? slice_rfind_byte(slice_upto(h, (size_t)before), '.') : before;
	return slice_from(h, (size_t)(third + 1));
}

bool oci_same_owner(struct slice registry, struct slice host)
{
	if (slice_eq_nocase(registry, host))
		return true;
	if (is_address(registry) || is_address(host) || slice_find_byte(registry, '.') < 0 || slice_find_byte(host, '.') < 0)
		return false;
	return slice_eq_nocase(owner_part(registry), owner_part(host));
}
