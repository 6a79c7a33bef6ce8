/* References after distribution/reference: [domain/]path[:tag][@digest]. */
#include "oci.h"

enum { MAX_NAME = 255, MAX_TAG = 128 };

static bool is_lower_alnum(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
static bool is_alnum(uint8_t c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static bool hex_lower(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return true;
}

bool oci_digest_valid(struct slice d)
{
	if (slice_has_prefix(d, SL("sha256:")))
		return d.n == 7 + 64 && hex_lower(slice_from(d, 7));
	return slice_has_prefix(d, SL("sha512:")) && d.n == 7 + 128 && hex_lower(slice_from(d, 7));
}

bool oci_digest_matches(struct slice d, struct slice bytes)
{
	uint8_t want[DIGEST_MAX_BYTES], got[DIGEST_MAX_BYTES];
	int algo = slice_has_prefix(d, SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256;
	size_t n = algo == DIGEST_SHA512 ? 64 : 32;
	return oci_digest_valid(d) && hex_decode(slice_from(d, 7), want, n, false) && digest_of(algo, bytes, got) && !memcmp(want, got,
			n);
}

/* alpha-numeric runs joined by '.', one or two '_', or any number of '-' */
static bool component_valid(struct slice c)
{
	size_t i = 0;
	for (;;) {
		size_t start = i;
		while (i < c.n && is_lower_alnum(c.p[i]))
			i++;
		if (i == start)
			return false;
		if (i == c.n)
			return true;
		if (c.p[i] == '.')
			i++;
		else if (c.p[i] == '_')
			i += i + 1 < c.n && c.p[i + 1] == '_' ? 2 : 1;
		else if (c.p[i] == '-')
			while (i < c.n && c.p[i] == '-')
				i++;
		else
			return false;
	}
}

static bool path_valid(struct slice path)
{
	struct slice rest = path, piece;
	while (slice_next_piece(&rest, '/', &piece))
		if (!component_valid(piece))
			return false;
	return path.n > 0;
}

static bool port_valid(struct slice p)
{
	uint64_t v;
	return p.n >= 1 && p.n <= 5 && slice_to_u64(p, &v) && v >= 1 && v <= 65535;
}

static bool ipv6_valid(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != ':')
			return false;
	return s.n >= 2;
}

static bool domain_valid(struct slice d)
{
	if (d.n && d.p[0] == '[') {
		ptrdiff_t end = slice_find_byte(d, ']');
		if (end < 0 || !ipv6_valid(slice_sub(d, 1, (size_t)end - 1)))
			return false;
		struct slice after = slice_from(d, (size_t)end + 1);
		return !after.n || (after.p[0] == ':' && port_valid(slice_from(after, 1)));
	}
	ptrdiff_t colon = slice_find_byte(d, ':');
	if (colon >= 0 && !port_valid(slice_from(d, (size_t)colon + 1)))
		return false;
	struct slice rest = colon >= 0 ? slice_upto(d, (size_t)colon) : d, label;
	if (!rest.n)
		return false;
	while (slice_next_piece(&rest, '.', &label)) {
		if (!label.n || label.n > 63 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return true;
}

static bool tag_valid(struct slice t)
{
	if (!t.n || t.n > MAX_TAG || !(is_alnum(t.p[0]) || t.p[0] == '_'))
		return false;
	for (size_t i = 1; i < t.n; i++)
		if (!is_alnum(t.p[i]) && t.p[i] != '_' && t.p[i] != '.' && t.p[i] != '-')
			return false;
	return true;
}

/* Docker's rule: the first component is a domain when it has a '.' or ':', is "localhost", or has upper case. */
static void split_domain(struct slice name, struct slice *ret_domain, struct slice *ret_path)
{
	ptrdiff_t slash = slice_find_byte(name, '/');
	struct slice first = slash < 0 ? SLICE_NULL : slice_upto(name, (size_t)slash);
	bool upper = false;
	for (size_t i = 0; i < first.n; i++)
		upper |= first.p[i] >= 'A' && first.p[i] <= 'Z';
	bool domain = slash >= 0 && (upper || slice_find_byte(first, '.') >= 0 || slice_find_byte(first, ':') >= 0 ||
				     slice_eqs(first, "localhost"));
	*ret_domain = domain ? first : SL("docker.io");
	*ret_path = domain ? slice_from(name, (size_t)slash + 1) : name;
	if (slice_eqs(*ret_domain, "index.docker.io"))
		*ret_domain = SL("docker.io");
}

static enum err_code bad(struct slice text, const char *why, struct err *e)
{
	char shown[160];
	return err_set(e, ERR_USAGE, 0, "'%s' is not an image reference: %s", text_escape_to(shown, sizeof(shown), text), why);
}

static enum err_code build(struct slice text, struct slice domain, struct slice path, struct slice tag, struct slice digest,
					 struct arena *a,
			   struct oci_reference *ret, struct err *e)
{
	bool library = slice_eqs(domain, "docker.io") && slice_find_byte(path, '/') < 0;
	struct oci_reference r = { .domain = arena_dup(a, domain), .digest = arena_dup(a, digest), .tag = arena_dup(a, tag) };
	r.path = arena_printf(a, "%s%.*s", library ? "library/" : "", SLICE_ARG(path));
	if (r.domain.n + 1 + r.path.n > MAX_NAME)
		return bad(text, "the name is longer than 255 characters", e);
	r.text = arena_printf(a, "%.*s/%.*s%s%.*s%s%.*s", SLICE_ARG(r.domain), SLICE_ARG(r.path), tag.n ? ":" : "", SLICE_ARG(tag),
			      digest.n ? "@" : "", SLICE_ARG(digest));
	TRY(arena_ok(a, "read an image reference", e));
	*ret = r;
	return OK;
}

enum err_code oci_reference_parse(struct slice text, struct arena *a, struct oci_reference *ret, struct err *e)
{
	struct slice name = text, tag = SLICE_NULL, digest = SLICE_NULL, domain, path;
	if (text.n > 1024)
		return bad(text, "it is longer than 1024 characters", e);
	ptrdiff_t at = slice_find_byte(name, '@');
	if (at >= 0) {
		digest = slice_from(name, (size_t)at + 1);
		name = slice_upto(name, (size_t)at);
		if (!oci_digest_valid(digest))
			return bad(text, "a digest is sha256: and 64, or sha512: and 128 lower-case hexadecimal digits", e);
	}
	ptrdiff_t colon = slice_rfind_byte(name, ':');
	if (colon >= 0 && slice_find_byte(slice_from(name, (size_t)colon), '/') < 0) {
		tag = slice_from(name, (size_t)colon + 1);
		name = slice_upto(name, (size_t)colon);
		if (!tag_valid(tag))
			return bad(text, "a tag is 1 to 128 letters, digits, '_', '.', '-', and does not start with '.' or '-'", e);
	}
	if (!name.n)
		return bad(text, "it has no name", e);
	if (name.n == 64 && hex_lower(name) && !digest.n && !tag.n)
		return bad(text, "64 hexadecimal digits alone cannot be a name; an image id is no registry reference", e);
	split_domain(name, &domain, &path);
	if (!domain_valid(domain))
		return bad(text, "its registry is not a host name with an optional port", e);
	if (!path_valid(path))
		return bad(text, "a name is lower-case letters and digits, with single '.', '_', '__' or '-' between them, and '/'", e);
	if (!tag.n && !digest.n)
		tag = SL("latest");
	return build(text, domain, path, tag, digest, a, ret, e);
}
