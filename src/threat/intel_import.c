/* From rows of any source to records: the kind, the normal form, the texts. */
#include "intel_private.h"
#include <stdio.h>
#include <stdlib.h>

struct type_word { const char *word; enum intel_kind kind; bool space; };
/* Words that STIX, MISP, CSV exports and people use. INTEL_NONE here means: by shape. */
static const struct type_word type_words[] = {
	{ "md5", INTEL_MD5 }, { "filehash-md5", INTEL_MD5 }, { "filename|md5", INTEL_MD5 }, { "malware-sample", INTEL_MD5 }, { "hash_md5", INTEL_MD5 },
	{ "sha1", INTEL_SHA1 }, { "sha-1", INTEL_SHA1 }, { "filehash-sha1", INTEL_SHA1 }, { "filename|sha1", INTEL_SHA1 },
	{ "sha256", INTEL_SHA256 }, { "sha-256", INTEL_SHA256 }, { "filehash-sha256", INTEL_SHA256 }, { "filename|sha256", INTEL_SHA256 },
	{ "sha256_hash", INTEL_SHA256 }, { "md5_hash", INTEL_MD5 }, { "sha1_hash", INTEL_SHA1 },
	{ "domain", INTEL_DOMAIN }, { "hostname", INTEL_DOMAIN }, { "host", INTEL_DOMAIN }, { "domain-name", INTEL_DOMAIN }, { "fqdn", INTEL_DOMAIN },
	{ "ip", INTEL_IP }, { "ipv4", INTEL_IP }, { "ipv6", INTEL_IP }, { "ipv4-addr", INTEL_IP }, { "ipv6-addr", INTEL_IP }, { "ip-src", INTEL_IP },
	{ "ip-dst", INTEL_IP }, { "ip-dst|port", INTEL_IP }, { "ip-src|port", INTEL_IP }, { "ip:port", INTEL_IP }, { "cidr", INTEL_IP },
	{ "dst_ip", INTEL_IP }, { "url", INTEL_URL }, { "uri", INTEL_URL },
	{ "wallet", INTEL_WALLET }, { "btc", INTEL_WALLET }, { "xmr", INTEL_WALLET }, { "eth", INTEL_WALLET }, { "monero-wallet", INTEL_WALLET },
	{ "bitcoin-wallet", INTEL_WALLET }, { "ethereum-wallet", INTEL_WALLET }, { "dash", INTEL_WALLET },
	{ "image", INTEL_IMAGE }, { "image-tag", INTEL_IMAGE }, { "docker image", INTEL_IMAGE }, { "docker-image", INTEL_IMAGE },
	{ "container-image", INTEL_IMAGE }, { "namespace", INTEL_IMAGE, true }, { "image-namespace", INTEL_IMAGE, true },
	{ "package", INTEL_PACKAGE }, { "pypi package", INTEL_PACKAGE }, { "npm package", INTEL_PACKAGE },
};

enum intel_kind intel_type_kind(struct slice type, bool *ret_namespace)
{
	type = slice_trim(type);
	for (size_t i = 0; i < ARRAY_LEN(type_words); i++) {
		if (slice_eq_nocase(type, slice_str(type_words[i].word))) {
			*ret_namespace = type_words[i].space;
			return type_words[i].kind;
		}
	}
	*ret_namespace = false;
	return INTEL_NONE;
}

/* Text for people in a fixed array: control and broken characters become '?', cut between characters. */
static void clean_text(char *dst, size_t cap, struct slice s)
{
	size_t n = 0;
	s = slice_trim(s);
	while (s.n) {
		uint32_t cp = 0;
		unsigned len = text_utf8_next(s, &cp);
		bool bad = !len || cp < 0x20 || cp == 0x7f || (cp >= 0x80 && cp < 0xa0);
		len = len ? len : 1;
		if (n + (bad ? 1 : len) >= cap)
			break;
		if (bad) {
			dst[n++] = '?';
		} else {
			memcpy(dst + n, s.p, len);
			n += len;
		}
		s = slice_from(s, len);
	}
	dst[n] = 0;
}

static bool says(struct slice s, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= s.n; i++)
		if (slice_eq_nocase(slice_sub(s, i, n), slice_str(word)))
			return true;
	return false;
}

static enum finding_kind threat_of(const struct intel_row *row, const struct intel_norm *v, const char *feed)
{
	static const char *const miner[] = { "miner", "mining", "xmrig", "cryptojack", "monero", "coinhive", "stratum" };
	static const char *const tool[] = { "denial-of-service", "denial of service", "ddos", "dos tool", "flooder", "brute-force", "brute force" };
	enum finding_kind said;
	if (row->threat.n && finding_kind_parse(slice_trim(row->threat), &said) && said <= KIND_ATTACK_TOOL)
		return said;
	for (size_t i = 0; i < ARRAY_LEN(tool); i++)
		if (says(row->what, tool[i]))
			return KIND_ATTACK_TOOL;
	for (size_t i = 0; i < ARRAY_LEN(miner); i++)
		if (says(row->what, miner[i]) || says(slice_str(feed), miner[i]))
			return KIND_MINER;
	return v->kind == INTEL_WALLET ? KIND_MINER : KIND_MALWARE;
}

enum err_code reader_norm(struct intel_reader *r, const struct intel_norm *v, const struct intel_row *row, struct err *e)
{
	struct table_meta m = { .kind = (uint8_t)v->kind, .threat = (uint8_t)threat_of(row, v, r->feed), .grade = 'u' };
	clean_text(m.what, sizeof(m.what), row->what);
	clean_text(m.source, sizeof(m.source), row->source);
	clean_text(m.feed, sizeof(m.feed), slice_str(r->feed));
	if (slice_eqs(slice_trim(row->grade), "v") || slice_eqs(slice_trim(row->grade), "s"))
		m.grade = (char)slice_trim(row->grade).p[0];
	if (v->kind == INTEL_IP) {
		if (v->addr.v6)
			r->build->v6_prefixes[v->addr.prefix / 64] |= (uint64_t)1 << v->addr.prefix % 64;
		else
			r->build->v4_prefixes |= (uint64_t)1 << v->addr.prefix;
	}
	r->build->stats.added++;
	return build_add_key(r->build, v->key, &m, e);
}

void reader_unknown(struct intel_reader *r, struct slice value)
{
	struct intel_import_stats *st = &r->build->stats;
	if (!st->unknown++)
		text_escape_to(st->first_unknown, sizeof(st->first_unknown), value);
}

static enum err_code add_one(struct intel_reader *r, enum intel_kind kind, struct slice value, const struct intel_row *row, struct err *e)
{
	struct intel_norm v;
	enum value_code c = kind ? intel_norm(kind, value, &v) : VALUE_UNKNOWN;
	/* A feed's word for the type is sometimes wrong ("url" for a bare host, "domain" for an address): the shape decides then. */
	if (c == VALUE_UNKNOWN && kind != INTEL_IMAGE && kind != INTEL_PACKAGE) {
		enum intel_kind shape = intel_shape(value);
		if (shape && shape != kind)
			c = intel_norm(shape, value, &v);
	}
	if (c == VALUE_OK && v.kind == INTEL_DOMAIN && intel_host_generic(slice_of(v.text, v.n)))
		c = VALUE_REFUSED;
	if (c == VALUE_UNKNOWN)
		reader_unknown(r, value);
	else if (c == VALUE_REFUSED)
		r->build->stats.refused++;
	return c == VALUE_OK ? reader_norm(r, &v, row, e) : OK;
}

/* "1.82.7, 1.82.8" beside a name: one record a version; anything that is no plain version list: the name alone, all versions. */
static enum err_code add_versions(struct intel_reader *r, enum intel_kind kind, struct slice name, const struct intel_row *row, struct err *e)
{
	struct slice rest = slice_trim(row->versions), one;
	char text[INTEL_TEXT_MAX];
	for (size_t i = 0; i < rest.n; i++) {
		uint8_t c = rest.p[i];
		if (!(c >= '0' && c <= '9') && c != '.' && c != ',' && c != ' ' && c != '-' && c != '+' && !(c >= 'a' && c <= 'z')) {
			reader_unknown(r, name);
			return OK;
		}
	}
	if (!rest.n || rest.p[0] < '0' || rest.p[0] > '9' || slice_find(rest, SL(" to ")) >= 0) {
		if (!rest.n)
			return add_one(r, kind, name, row, e);
		reader_unknown(r, name);
		return OK;
	}
	while (slice_next_piece(&rest, ',', &one)) {
		one = slice_trim(one);
		int n = snprintf(text, sizeof(text), "%.*s%c%.*s", SLICE_ARG(name), kind == INTEL_IMAGE ? ':' : '@', SLICE_ARG(one));
		if (one.n && n > 0 && (size_t)n < sizeof(text))
			TRY(add_one(r, kind, slice_of(text, (size_t)n), row, e));
	}
	return OK;
}

enum err_code reader_row(struct intel_reader *r, const struct intel_row *row, struct err *e)
{
	bool space;
	struct slice type = slice_trim(row->type), value = slice_trim(row->value);
	enum intel_kind kind = intel_type_kind(type, &space);
	char text[INTEL_TEXT_MAX];
	int n = -1;
	if (!value.n)
		return OK;
	r->build->stats.read++;
	ptrdiff_t bar = slice_find_byte(type, '|');
	if (bar >= 0) {
		ptrdiff_t at = slice_find_byte(value, '|');
		struct slice second = at >= 0 ? slice_from(value, (size_t)at + 1) : SLICE_NULL, first = at >= 0 ? slice_upto(value, (size_t)at) : value;
		if (slice_has_suffix(type, SL("|port")) && second.n)
			n = snprintf(text, sizeof(text), "%.*s:%.*s", SLICE_ARG(first), SLICE_ARG(second));
		else if (slice_has_prefix(type, SL("domain|")))
			return add_one(r, INTEL_DOMAIN, first, row, e);
		else
			value = second.n ? second : first;
	} else if (space) {
		n = snprintf(text, sizeof(text), "%.*s/", SLICE_ARG(value));
	} else if (slice_eq_nocase(type, SL("malware-sample"))) {
		ptrdiff_t at = slice_find_byte(value, '|');
		value = at >= 0 ? slice_from(value, (size_t)at + 1) : value;
	} else if (slice_eq_nocase(type, SL("pypi package")) || slice_eq_nocase(type, SL("npm package"))) {
		n = snprintf(text, sizeof(text), "%s:%.*s", slice_eq_nocase(type, SL("npm package")) ? "npm" : "pypi", SLICE_ARG(value));
	}
	if (n > 0 && (size_t)n < sizeof(text))
		value = slice_of(text, (size_t)n);
	if (row->versions.n)
		return add_versions(r, kind, value, row, e);
	/* A type that pabean has no use for (e-mail, registry key, file name) is not taken for something else by its shape. */
	if (type.n && !kind) {
		reader_unknown(r, value);
		return OK;
	}
	return add_one(r, kind, value, row, e);
}

static bool looks_like_json(struct slice bytes)
{
	if (slice_has_prefix(bytes, SL("\xef\xbb\xbf")))
		bytes = slice_from(bytes, 3);
	bytes = slice_trim(slice_upto(bytes, 4096));
	return bytes.n && (bytes.p[0] == '{' || (bytes.p[0] == '[' && bytes.n > 1 && (slice_find_byte(bytes, '{') > 0 || bytes.p[1] == '"')));
}

/* The records of another table, with their own feeds. */
static enum err_code take_table(struct intel_reader *r, struct slice bytes, const char *name, struct err *e)
{
	struct intel_table t = { 0 };
	TRY(table_open(bytes, name, &t, e));
	enum err_code code = OK;
	for (uint64_t i = 0; i < t.h.records && code == OK; i++) {
		struct table_meta m;
		uint8_t key[INTEL_KEY_BYTES];
		uint32_t at;
		code = table_record(&t, i, key, &at, e);
		if (code == OK)
			code = table_meta(&t, at, &m, e);
		if (code == OK)
			code = build_add_key(r->build, key, &m, e);
		r->build->stats.read++;
		r->build->stats.added += code == OK;
	}
	r->build->v4_prefixes |= t.h.v4_prefixes;
	for (size_t i = 0; i < 3; i++)
		r->build->v6_prefixes[i] |= t.h.v6_prefixes[i];
	t.map = (struct os_map){ 0 };
	table_close(&t);
	return code;
}

enum err_code reader_bytes(struct intel_reader *r, struct slice bytes, const char *name, struct err *e)
{
	enum err_code code = table_is(bytes) ? take_table(r, bytes, name, e)
			   : looks_like_json(bytes) ? reader_json(r, bytes, e)
			   : reader_lines(r, bytes, e);
	return code == OK || table_is(bytes) ? code : err_prefix(e, "import '%s'", name);
}
