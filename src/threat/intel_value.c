/* Values: what kind one is by its shape, its normal form and its key. */
#include "intel_private.h"
#include <stdio.h>
#include <strings.h>

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static uint64_t turn(uint64_t v, unsigned by) { return v << by | v >> (64 - by); }

/* Two lanes over 8-byte words; no secret, only spread: who makes two of his own values collide gains nothing. tools/intel-seed and
 * the tables on disk rest on it: it never changes within TABLE_MAGIC. */
void intel_key(enum intel_kind kind, struct slice text, uint8_t key[INTEL_KEY_BYTES])
{
	uint64_t a = 0x9e3779b97f4a7c15u ^ (uint64_t)kind, b = 0xc2b2ae3d27d4eb4fu + text.n;
	for (size_t i = 0; i < text.n; i += 8) {
		uint64_t w = 0;
		for (size_t k = 0; k < 8 && i + k < text.n; k++)
			w |= (uint64_t)text.p[i + k] << (8 * k);
		a = (a ^ w) * 0xff51afd7ed558ccdu;
		a ^= a >> 31;
		b = (b + turn(w, 23)) * 0xd6e8feb86659fd93u;
		b ^= turn(a, 17) ^ b >> 29;
	}
	for (unsigned round = 0; round < 2; round++) {
		a = (a ^ a >> 32) * 0xd6e8feb86659fd93u + b;
		b = (b ^ b >> 30) * 0xff51afd7ed558ccdu ^ turn(a, 29);
	}
	for (unsigned i = 0; i < 8; i++) {
		key[i] = (uint8_t)(a >> (56 - 8 * i));
		key[8 + i] = (uint8_t)(b >> (56 - 8 * i));
	}
}

/* Digests are spread by themselves; the kind is mixed in, so that an MD5 is never taken for a SHA-256 that starts like it. */
void intel_key_digest(enum intel_kind kind, const uint8_t *raw, uint8_t key[INTEL_KEY_BYTES])
{
	memcpy(key, raw, INTEL_KEY_BYTES);
	key[INTEL_KEY_BYTES - 1] ^= (uint8_t)(kind * 0x3b);
}

/* hxxp, [.], (.), [:] and quotes as people write them in reports. */
static bool refang(struct slice raw, struct intel_norm *v)
{
	raw = slice_trim(raw);
	while (raw.n >= 2 && (raw.p[0] == '"' || raw.p[0] == '\'') && raw.p[raw.n - 1] == raw.p[0])
		raw = slice_sub(raw, 1, raw.n - 2);
	if (!raw.n || raw.n > INTEL_TEXT_MAX)
		return false;
	v->n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		uint8_t c = raw.p[i];
		struct slice at = slice_from(raw, i);
		if (c <= ' ' || c == 0x7f)
			return false;
		if (c != '[' && c != '(') {
			v->text[v->n++] = (char)c;
			continue;
		}
		if (slice_has_prefix(at, SL("[.]")) || slice_has_prefix(at, SL("(.)")) || slice_has_prefix(at, SL("[:]"))) {
			c = at.p[1];
			i += 2;
		} else if (slice_has_prefix(at, SL("[://]"))) {
			memcpy(v->text + v->n, "://", 3);
			v->n += 3;
			i += 4;
			continue;
		}
		v->text[v->n++] = (char)c;
	}
	if (v->n > 4 && !strncasecmp(v->text, "hxxp", 4))
		memcpy(v->text, "http", 4);
	v->text[v->n] = 0;
	return v->n > 0;
}

static struct slice text_of(const struct intel_norm *v) { return slice_of(v->text, v->n); }

static void set_text(struct intel_norm *v, struct slice s)
{
	memmove(v->text, s.p, s.n);
	v->n = s.n;
	v->text[s.n] = 0;
}

static void make_lower(struct intel_norm *v, size_t n)
{
	for (size_t i = 0; i < n && i < v->n; i++)
		v->text[i] = (char)lower((uint8_t)v->text[i]);
}

static enum value_code norm_digest(struct intel_norm *v)
{
	size_t bytes = v->kind == INTEL_MD5 ? 16 : v->kind == INTEL_SHA1 ? 20 : 32;
	uint8_t raw[32];
	if (!hex_decode(text_of(v), raw, bytes, true))
		return VALUE_UNKNOWN;
	make_lower(v, v->n);
	intel_key_digest(v->kind, raw, v->key);
	/* The digest of nothing is in everything. */
	static const char *const empty[] = { "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" };
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		if (slice_eqs(text_of(v), empty[i]))
			return VALUE_REFUSED;
	return VALUE_OK;
}

static enum value_code norm_addr(struct intel_norm *v)
{
	if (!intel_addr_parse(text_of(v), &v->addr))
		return VALUE_UNKNOWN;
	v->kind = INTEL_IP;
	intel_key_addr(&v->addr, v->key);
	if (intel_addr_private(&v->addr) || v->addr.prefix < (v->addr.v6 ? 32u : 12u))
		return VALUE_REFUSED;
	return VALUE_OK;
}

static enum value_code norm_host(struct intel_norm *v)
{
	struct intel_addr a;
	make_lower(v, v->n);
	struct slice s = text_of(v);
	if (slice_has_prefix(s, SL("*.")))
		s = slice_from(s, 2);
	while (s.n && s.p[s.n - 1] == '.')
		s.n--;
	set_text(v, s);
	if (intel_addr_parse(s, &a))
		return norm_addr(v);
	ptrdiff_t colon = slice_find_byte(s, ':');
	uint64_t port;
	if (colon > 0 && slice_to_u64(slice_from(s, (size_t)colon + 1), &port))
		set_text(v, slice_upto(s, (size_t)colon));
	if (!intel_host_shape(text_of(v)))
		return VALUE_UNKNOWN;
	v->kind = INTEL_DOMAIN;
	intel_key(INTEL_DOMAIN, text_of(v), v->key);
	return VALUE_OK;	/* generic ones are refused on import, and on a hit */
}

/* host[:port]/path?query, the scheme, user, default port and fragment gone. */
static enum value_code norm_url(struct intel_norm *v)
{
	struct slice s = text_of(v);
	ptrdiff_t at = slice_find(s, SL("://"));
	if (at >= 0)
		s = slice_from(s, (size_t)at + 3);
	at = slice_find_byte(s, '#');
	if (at >= 0)
		s = slice_upto(s, (size_t)at);
	size_t host_n = 0;
	while (host_n < s.n && s.p[host_n] != '/' && s.p[host_n] != '?')
		host_n++;
	at = slice_rfind_byte(slice_upto(s, host_n), '@');
	if (at >= 0) {
		s = slice_from(s, (size_t)at + 1);
		host_n -= (size_t)at + 1;
	}
	struct slice host = slice_upto(s, host_n), path = slice_from(s, host_n);
	size_t cut = slice_has_suffix(host, SL(":80")) ? 3 : slice_has_suffix(host, SL(":443")) ? 4 : 0;
	if (!path.n || slice_eqs(path, "/")) {
		set_text(v, host);
		return norm_host(v);
	}
	char copy[INTEL_TEXT_MAX + 1];
	memcpy(copy, path.p, path.n);
	set_text(v, slice_upto(host, host_n - cut));
	make_lower(v, v->n);
	struct intel_addr a;
	struct slice bare = text_of(v);
	at = slice_rfind_byte(bare, ':');
	if (at > 0 && bare.p[0] != '[')
		bare = slice_upto(bare, (size_t)at);
	bool addr = intel_addr_parse(text_of(v), &a);
	if (!addr && !intel_host_shape(bare))
		return slice_eqs(bare, "localhost") ? VALUE_REFUSED : VALUE_UNKNOWN;
	memcpy(v->text + v->n, copy, path.n);
	v->n += path.n;
	while (v->n && v->text[v->n - 1] == '/')
		v->n--;
	v->text[v->n] = 0;
	v->kind = INTEL_URL;
	intel_key(INTEL_URL, text_of(v), v->key);
	return addr && intel_addr_private(&a) ? VALUE_REFUSED : VALUE_OK;
}

static enum value_code norm_wallet(struct intel_norm *v)
{
	struct slice s = text_of(v);
	static const char *const prefixes[] = { "bitcoin:", "monero:", "ethereum:" };
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_has_prefix(s, slice_str(prefixes[i])))
			set_text(v, slice_from(s, strlen(prefixes[i])));
	if (v->n < 25 || v->n > 128)
		return VALUE_UNKNOWN;
	for (size_t i = 0; i < v->n; i++) {
		uint8_t c = lower((uint8_t)v->text[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			return VALUE_UNKNOWN;
	}
	if (!strncasecmp(v->text, "0x", 2) || !strncasecmp(v->text, "bc1", 3) || !strncasecmp(v->text, "ltc1", 4))
		make_lower(v, v->n);
	intel_key(INTEL_WALLET, text_of(v), v->key);
	return VALUE_OK;
}

/* "pypi:name", "npm:@s/x@1.2.3": the type in lower case, PyPI names by PEP 503. */
static enum value_code norm_package(struct intel_norm *v)
{
	ptrdiff_t colon = slice_find_byte(text_of(v), ':');
	if (colon <= 0 || (size_t)colon + 1 >= v->n)
		return VALUE_UNKNOWN;
	make_lower(v, (size_t)colon);
	if (slice_has_prefix(text_of(v), SL("pypi:"))) {
		size_t out = 5;
		bool version = false, dash = false;
		for (size_t i = 5; i < v->n; i++) {
			uint8_t c = (uint8_t)v->text[i];
			version |= c == '@';
			if (!version && (c == '-' || c == '_' || c == '.')) {
				dash = true;
				continue;
			}
			if (dash)
				v->text[out++] = '-';
			dash = false;
			v->text[out++] = (char)(version ? c : lower(c));
		}
		v->n = out;
		v->text[out] = 0;
	}
	intel_key(INTEL_PACKAGE, text_of(v), v->key);
	return VALUE_OK;
}

/* "docker.io/ns/name", "docker.io/ns/name:tag", "docker.io/ns/" for a namespace. */
static enum value_code norm_image(struct intel_norm *v)
{
	if (v->n && v->text[v->n - 1] == '/') {
		make_lower(v, v->n);
		intel_key(INTEL_IMAGE, text_of(v), v->key);
		return slice_has_suffix(text_of(v), SL("/library/")) ? VALUE_REFUSED : VALUE_OK;
	}
	AUTO_ARENA a = ARENA(64 * KIB);
	struct image_name name;
	struct err e;
	if (image_name_parse(&a, text_of(v), &name, &e) != OK)
		return VALUE_UNKNOWN;
	bool digest = name.digest.n, tagged = name.has_tag && !digest;
	int n = snprintf(v->text, sizeof(v->text), "%.*s/%.*s%s%.*s%s%.*s", SLICE_ARG(name.registry), SLICE_ARG(name.space), name.space.n ? "/" : "",
			 SLICE_ARG(name.base), digest ? "@" : tagged ? ":" : "", SLICE_ARG(digest ? name.digest : tagged ? name.tag : SLICE_NULL));
	if (n < 0 || (size_t)n >= sizeof(v->text))
		return VALUE_UNKNOWN;
	v->n = (size_t)n;
	intel_key(INTEL_IMAGE, text_of(v), v->key);
	return slice_eqs(name.space, "library") && !tagged && !digest ? VALUE_REFUSED : VALUE_OK;
}

enum value_code intel_norm(enum intel_kind kind, struct slice raw, struct intel_norm *ret)
{
	ret->kind = kind;
	if (!refang(raw, ret))
		return VALUE_UNKNOWN;
	switch (kind) {
	case INTEL_MD5: case INTEL_SHA1: case INTEL_SHA256: return norm_digest(ret);
	case INTEL_DOMAIN: return norm_host(ret);
	case INTEL_IP: return norm_addr(ret);
	case INTEL_URL: return norm_url(ret);
	case INTEL_WALLET: return norm_wallet(ret);
	case INTEL_IMAGE: return norm_image(ret);
	case INTEL_PACKAGE: return norm_package(ret);
	default: return VALUE_UNKNOWN;
	}
}

static bool all_of(struct slice s, const char *set)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(set, s.p[i]))
			return false;
	return true;
}

static enum intel_kind package_shape(struct slice s)
{
	static const char *const types[] = { "pypi:", "npm:", "golang:", "cargo:", "gem:", "deb:", "apk:", "rpm:", "github:" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (slice_has_prefix(s, slice_str(types[i])))
			return INTEL_PACKAGE;
	return slice_has_prefix(s, SL("docker.io/")) || slice_has_prefix(s, SL("ghcr.io/")) || slice_has_prefix(s, SL("quay.io/")) ||
	       slice_has_prefix(s, SL("public.ecr.aws/")) ? INTEL_IMAGE : INTEL_NONE;
}

enum intel_kind intel_shape(struct slice raw)
{
	static const char base58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	struct intel_norm v;
	if (!refang(raw, &v))
		return INTEL_NONE;
	struct slice s = text_of(&v);
	if (all_of(s, "0123456789abcdefABCDEF") && (s.n == 32 || s.n == 40 || s.n == 64))
		return s.n == 32 ? INTEL_MD5 : s.n == 40 ? INTEL_SHA1 : INTEL_SHA256;
	if (slice_find(s, SL("://")) >= 0)
		return INTEL_URL;
	if (intel_addr_parse(s, &v.addr))
		return INTEL_IP;
	if ((s.n == 95 || s.n == 106) && (s.p[0] == '4' || s.p[0] == '8') && all_of(s, base58))
		return INTEL_WALLET;
	if (s.n == 42 && slice_has_prefix(s, SL("0x")) && all_of(slice_from(s, 2), "0123456789abcdefABCDEF"))
		return INTEL_WALLET;
	if (s.n >= 26 && s.n <= 35 && (s.p[0] == '1' || s.p[0] == '3') && all_of(s, base58))
		return INTEL_WALLET;
	if (s.n >= 42 && s.n <= 62 && slice_has_prefix(s, SL("bc1")))
		return INTEL_WALLET;
	enum intel_kind kind = package_shape(s);
	if (kind)
		return kind;
	ptrdiff_t slash = slice_find_byte(s, '/');
	if (slash > 0)
		return norm_url(&v) == VALUE_UNKNOWN ? INTEL_NONE : INTEL_URL;
	return norm_host(&v) == VALUE_UNKNOWN ? INTEL_NONE : INTEL_DOMAIN;
}
