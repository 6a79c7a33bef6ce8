/* An opened set of tables, and what is asked of it. */
#include "intel_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { IMPORT_MAX_BYTES = 1 << 30, URL_STEPS = 16, HOST_STEPS = 12 };

struct intel {
	size_t n;
	struct intel_table tables[INTEL_MAX_TABLES];
};

const char *intel_kind_name(enum intel_kind kind)
{
	static const char *const names[] = { "none", "md5", "sha1", "sha256", "domain", "ip", "url", "wallet", "image", "package" };
	return (unsigned)kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}

const char *intel_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

enum err_code intel_map_path(const char *path, struct os_map *ret, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open indicators '%s'", path);
	return os_map_file(fd, path, ret, e);
}

static enum err_code read_source(struct intel_build *b, const char *path, struct slice bytes, struct err *e)
{
	struct intel_reader r = { .build = b, .now_s = os_now_s() };
	snprintf(r.feed, sizeof(r.feed), "%s", intel_base_name(path));
	return reader_bytes(&r, bytes, path, e);
}

/* A file that is no table is imported into memory. */
static enum err_code import_in_memory(const char *path, struct slice bytes, struct intel_table *ret, struct err *e)
{
	struct intel_build b;
	AUTO_BUF out = BUF(IMPORT_MAX_BYTES);
	TRY(build_open(&b, e));
	enum err_code code = read_source(&b, path, bytes, e);
	/* The time must not depend on when it was imported: reports are deterministic. */
	if (code == OK)
		code = build_finish(&b, 0, &out, e);
	if (code == OK && !b.n && b.stats.read)
		code = err_set(e, ERR_FORMAT, 0, "'%s' holds no indicator that pabean knows; the first line not understood is '%s'", path,
			       b.stats.first_unknown);
	build_close(&b);
	TRY(code);
	TRY(table_open(buf_slice(&out), path, ret, e));
	ret->own = out;
	out = BUF(0);
	return OK;
}

static enum err_code open_one(const char *path, struct intel_table *ret, struct err *e)
{
	struct os_map map;
	TRY(intel_map_path(path, &map, e));
	if (table_is(map.bytes)) {
		enum err_code code = table_open(map.bytes, path, ret, e);
		if (code == OK)
			ret->map = map;
		else
			os_unmap(&map);
		return code;
	}
	enum err_code code = import_in_memory(path, map.bytes, ret, e);
	os_unmap(&map);
	return code;
}

enum err_code intel_open(const char *const *files, size_t n_files, struct intel **ret, struct err *e)
{
	AUTO_INTEL in = calloc(1, sizeof(*in));
	if (!in)
		return err_set(e, ERR_NOMEM, 0, "open the indicators");
	if (n_files >= INTEL_MAX_TABLES)
		return err_set(e, ERR_LIMIT, 0, "more than %d indicator files", INTEL_MAX_TABLES - 1);
	for (size_t i = 0; i < n_files; i++) {
		TRY(open_one(files[i], &in->tables[in->n], e));
		in->n++;
	}
	TRY(table_open(intel_seed_bytes(), "compiled in", &in->tables[in->n], e));
	in->tables[in->n++].seed = true;
	*ret = in;
	in = NULL;
	return OK;
}

void intel_close(struct intel *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->n; i++)
		table_close(&in->tables[i]);
	free(in);
}

/* --- Looking up ---------------------------------------------------------------------------------------------------- */

static enum err_code find_key(const struct intel *in, enum intel_kind kind, const uint8_t key[INTEL_KEY_BYTES], struct slice text,
			      bool *ret_found, struct intel_hit *ret, struct err *e)
{
	*ret_found = false;
	for (size_t i = 0; i < in->n; i++) {
		struct intel_table *t = (struct intel_table *)&in->tables[i];	/* only the page marks change */
		struct table_meta m;
		uint32_t at;
		bool found;
		if (!t->h.per_kind[kind])	/* a million hashes cost a host nothing */
			continue;
		TRY(table_find(t, key, &found, &at, e));
		if (!found)
			continue;
		TRY(table_meta(t, at, &m, e));
		if (m.kind != kind)
			continue;
		*ret = (struct intel_hit){ .kind = m.kind, .threat = m.threat, .grade = m.grade, .seed = t->seed };
		memcpy(ret->what, m.what, sizeof(m.what));
		memcpy(ret->source, m.source, sizeof(m.source));
		memcpy(ret->feed, m.feed, sizeof(m.feed));
		text_escape_to(ret->value, sizeof(ret->value), text);
		*ret_found = true;
		break;
	}
	return OK;
}

/* The name and each domain above it. What is listed below a shared suffix counts, the suffix itself never does. */
static enum err_code find_host(const struct intel *in, struct slice host, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	*ret_found = false;
	for (unsigned i = 0; i < HOST_STEPS && slice_find_byte(host, '.') > 0; i++) {
		uint8_t key[INTEL_KEY_BYTES];
		intel_key(INTEL_DOMAIN, host, key);
		TRY(find_key(in, INTEL_DOMAIN, key, host, ret_found, ret, e));
		if (*ret_found)
			*ret_found = !intel_host_generic(host);
		if (*ret_found)
			return OK;
		host = slice_from(host, (size_t)slice_find_byte(host, '.') + 1);
	}
	return OK;
}

static bool prefix_used(const struct intel *in, const struct intel_addr *a, unsigned prefix)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct table_header *h = &in->tables[i].h;
		if ((a->v6 ? h->v6_prefixes[prefix / 64] >> prefix % 64 : h->v4_prefixes >> prefix) & 1)
			return true;
	}
	return false;
}

static enum err_code find_addr(const struct intel *in, struct intel_addr a, struct slice text, bool *ret_found, struct intel_hit *ret,
			       struct err *e)
{
	uint8_t key[INTEL_KEY_BYTES];
	*ret_found = false;
	if (intel_addr_private(&a))
		return OK;
	uint16_t port = a.port;
	for (unsigned prefix = a.v6 ? 128 : 32; prefix; prefix--) {
		if (!prefix_used(in, &a, prefix))
			continue;
		a.prefix = prefix;
		a.port = 0;
		intel_key_addr(&a, key);
		TRY(find_key(in, INTEL_IP, key, text, ret_found, ret, e));
		if (!*ret_found && port && prefix == (a.v6 ? 128u : 32u)) {
			a.port = port;
			intel_key_addr(&a, key);
			TRY(find_key(in, INTEL_IP, key, text, ret_found, ret, e));
		}
		if (*ret_found)
			return OK;
	}
	return OK;
}

static enum err_code find_host_or_addr(const struct intel *in, struct slice host, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	struct intel_addr a;
	if (intel_addr_parse(host, &a))
		return find_addr(in, a, host, ret_found, ret, e);
	ptrdiff_t colon = slice_find_byte(host, ':');
	return find_host(in, colon >= 0 ? slice_upto(host, (size_t)colon) : host, ret_found, ret, e);
}

/* The whole URL, without its query, then what is above it step by step, then its host. */
static enum err_code find_url(const struct intel *in, struct slice url, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	struct slice s = url;
	uint8_t key[INTEL_KEY_BYTES];
	ptrdiff_t host_n = slice_find_byte(url, '/'), query = slice_find_byte(url, '?');
	*ret_found = false;
	for (unsigned i = 0; i < URL_STEPS && host_n > 0 && s.n > (size_t)host_n; i++) {
		intel_key(INTEL_URL, s, key);
		TRY(find_key(in, INTEL_URL, key, s, ret_found, ret, e));
		if (*ret_found)
			return OK;
		if (query >= 0 && s.n > (size_t)query)
			s = slice_upto(s, (size_t)query);
		else
			s = slice_upto(s, (size_t)slice_rfind_byte(s, '/'));
	}
	size_t end = host_n > 0 ? (size_t)host_n : query > 0 ? (size_t)query : url.n;
	return find_host_or_addr(in, slice_upto(url, end), ret_found, ret, e);
}

static enum err_code find_image(const struct intel *in, const struct intel_norm *v, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	struct slice s = slice_of(v->text, v->n);
	uint8_t key[INTEL_KEY_BYTES];
	TRY(find_key(in, INTEL_IMAGE, v->key, s, ret_found, ret, e));
	ptrdiff_t slash = slice_rfind_byte(s, '/'), mark = slice_find_byte(s, '@');
	if (mark < 0)
		mark = slice_rfind_byte(s, ':') > slash ? slice_rfind_byte(s, ':') : (ptrdiff_t)s.n;
	if (!*ret_found && (size_t)mark < s.n) {
		s = slice_upto(s, (size_t)mark);
		intel_key(INTEL_IMAGE, s, key);
		TRY(find_key(in, INTEL_IMAGE, key, s, ret_found, ret, e));
	}
	while (!*ret_found && (slash = slice_rfind_byte(s, '/')) > 0) {
		struct slice space = slice_upto(s, (size_t)slash + 1);
		s = slice_upto(s, (size_t)slash);
		if (slice_find_byte(s, '/') < 0)
			break;
		intel_key(INTEL_IMAGE, space, key);
		TRY(find_key(in, INTEL_IMAGE, key, space, ret_found, ret, e));
	}
	return OK;
}

static enum err_code find_package(const struct intel *in, const struct intel_norm *v, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	struct slice s = slice_of(v->text, v->n);
	uint8_t key[INTEL_KEY_BYTES];
	TRY(find_key(in, INTEL_PACKAGE, v->key, s, ret_found, ret, e));
	ptrdiff_t at = slice_rfind_byte(s, '@'), colon = slice_find_byte(s, ':');
	if (!*ret_found && at > colon + 1) {
		intel_key(INTEL_PACKAGE, slice_upto(s, (size_t)at), key);
		TRY(find_key(in, INTEL_PACKAGE, key, slice_upto(s, (size_t)at), ret_found, ret, e));
	}
	return OK;
}

enum err_code intel_lookup(const struct intel *in, enum intel_kind kind, struct slice value, bool *ret_found, struct intel_hit *ret,
			   struct err *e)
{
	struct intel_norm v;
	*ret_found = false;
	if (value.n > INTEL_MAX_VALUE)
		value = slice_upto(value, INTEL_MAX_VALUE);
	enum value_code c = intel_norm(kind, value, &v);
	if (c == VALUE_UNKNOWN)
		return OK;
	struct slice text = slice_of(v.text, v.n);
	switch (v.kind) {
	case INTEL_DOMAIN: return find_host(in, text, ret_found, ret, e);
	case INTEL_IP: return find_addr(in, v.addr, text, ret_found, ret, e);
	case INTEL_URL: return find_url(in, text, ret_found, ret, e);
	case INTEL_IMAGE: return find_image(in, &v, ret_found, ret, e);
	case INTEL_PACKAGE: return find_package(in, &v, ret_found, ret, e);
	default: return c == VALUE_OK ? find_key(in, v.kind, v.key, text, ret_found, ret, e) : OK;
	}
}

enum err_code intel_lookup_digest(const struct intel *in, int algo, struct slice raw, bool *ret_found, struct intel_hit *ret, struct err *e)
{
	char hex[65];
	*ret_found = false;
	if (raw.n != digest_size(algo) || raw.n > 32 || raw.n < INTEL_KEY_BYTES)
		return OK;
	enum intel_kind kind = algo == DIGEST_MD5 ? INTEL_MD5 : algo == DIGEST_SHA1 ? INTEL_SHA1 : INTEL_SHA256;
	uint8_t key[INTEL_KEY_BYTES];
	intel_key_digest(kind, raw.p, key);
	TRY(find_key(in, kind, key, SLICE_NULL, ret_found, ret, e));
	if (*ret_found) {
		hex_encode(hex, raw.p, raw.n);
		snprintf(ret->value, sizeof(ret->value), "%s", hex);
	}
	return OK;
}

bool intel_has_kind(const struct intel *in, enum intel_kind kind)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->tables[i].h.per_kind[kind])
			return true;
	return false;
}

/* --- What it is made of ----------------------------------------------------------------------------------------------- */

void intel_summarize(const struct intel *in, struct intel_summary *ret)
{
	struct intel_summary s = { .tables = in->n };
	AUTO_BUF all = BUF(INTEL_MAX_TABLES * 32);
	uint8_t sum[32] = { 0 };
	for (size_t i = 0; i < in->n; i++) {
		const struct table_header *h = &in->tables[i].h;
		s.records += h->records;
		s.built_s = MAX(s.built_s, h->built_s);
		for (size_t k = 0; k < INTEL_KIND_COUNT; k++)
			s.per_kind[k] += h->per_kind[k];
		buf_put(&all, h->digest, 32);
	}
	if (!all.failed)
		digest_of(DIGEST_SHA256, buf_slice(&all), sum);
	hex_encode(s.digest, sum, sizeof(sum));
	*ret = s;
}
