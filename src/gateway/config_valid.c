/* What single values of the configuration may look like. */
#include <arpa/inet.h>
#include "access.h"
#include "config_field.h"

static bool is_alnum_lower(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* Everything is printable text of one line: nothing of it can forge a line of a log or a header. */
static bool printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

bool config_valid_url(struct slice s)
{
	struct slice rest = slice_has_prefix(s, SL("https://")) ? slice_from(s, 8) : slice_has_prefix(s, SL("http://")) ? slice_from(s, 7) : SLICE_NULL;
	if (!rest.n || rest.p[0] == '/' || rest.p[0] == ':' || s.n > 2048)
		return false;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f || strchr("@?#\\\"<>^`{|}", rest.p[i]))
			return false;
	return true;
}

static bool is_port(struct slice s)
{
	uint64_t port;
	return s.n <= 5 && slice_to_u64(s, &port) && port <= 65535;
}

bool config_valid_address(struct slice s)
{
	char host[INET6_ADDRSTRLEN + 1];
	struct in6_addr any;
	ptrdiff_t colon = slice_rfind_byte(s, ':');
	if (slice_has_prefix(s, SL("unix:")))
		return s.n > 5 && s.n < 5 + 100 && printable(s);
	if (colon < 0 || !is_port(slice_from(s, (size_t)colon + 1)))
		return false;
	struct slice h = slice_upto(s, (size_t)colon);
	bool v6 = h.n > 2 && h.p[0] == '[' && h.p[h.n - 1] == ']';
	if (!h.n)
		return true;
	if (v6)
		h = slice_sub(h, 1, h.n - 2);
	if (h.n >= sizeof(host) || memchr(h.p, 0, h.n))
		return false;
	memcpy(host, h.p, h.n);
	host[h.n] = '\0';
	return inet_pton(v6 ? AF_INET6 : AF_INET, host, &any) == 1;
}

bool config_is_loopback(struct slice a)
{
	return slice_has_prefix(a, SL("127.")) || slice_has_prefix(a, SL("[::1]:")) || slice_has_prefix(a, SL("unix:"));
}

static bool valid_platform(struct slice s)
{
	unsigned slashes = 0;
	for (size_t i = 0; i < s.n; i++) {
		slashes += s.p[i] == '/';
		if (s.p[i] != '/' && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_' && !is_alnum_lower(s.p[i]))
			return false;
		if (s.p[i] == '/' && (!i || i + 1 == s.n || s.p[i - 1] == '/'))
			return false;
	}
	return slashes == 1 || slashes == 2;
}

/* ADDRESS/BITS, or one address. */
static bool valid_cidr(struct slice s)
{
	char host[INET6_ADDRSTRLEN + 1];
	struct in6_addr any;
	uint64_t bits;
	ptrdiff_t slash = slice_find_byte(s, '/');
	struct slice h = slash < 0 ? s : slice_upto(s, (size_t)slash);
	if (!h.n || h.n >= sizeof(host) || memchr(h.p, 0, h.n))
		return false;
	memcpy(host, h.p, h.n);
	host[h.n] = '\0';
	bool v4 = inet_pton(AF_INET, host, &any) == 1;
	if (!v4 && inet_pton(AF_INET6, host, &any) != 1)
		return false;
	return slash < 0 || (slice_to_u64(slice_from(s, (size_t)slash + 1), &bits) && bits <= (v4 ? 32 : 128));
}

static bool valid_pattern(struct slice s) { return s.n && s.n <= 255 && printable(s); }
static bool valid_text(struct slice s) { return s.n && s.n <= 4096 && printable(s); }
static bool valid_database(struct slice s)
{
	return valid_text(s) && (slice_has_prefix(s, SL("sqlite:")) || slice_has_prefix(s, SL("postgresql://")) || slice_has_prefix(s, SL("postgres://")));
}

const struct config_right config_rights[6] = {
	{ "pull", ACCESS_PULL }, { "push", ACCESS_PUSH }, { "delete", ACCESS_DELETE }, { "approve", ACCESS_APPROVE }, { "admin", ACCESS_ADMIN },
	{ "sign", ACCESS_SIGN },
};

static const char *const gate_words[] = { "enforce", "warn", "off", NULL };
static const char *const rollback_words[] = { "hold", "warn", "allow", NULL };
static const char *const on_new_words[] = { "last_admitted", "wait", NULL };
static const char *const tags_words[] = { "upstream", "admitted", NULL };
static const char *const log_words[] = { "logfmt", "json", NULL };

#define DAY ((uint64_t)86400)
#define AT(type, member) offsetof(struct type, member)
#define TEXT(key, at) { key, FIELD_TEXT, at, .valid = valid_text, .expected = "a text of one line" }
#define URL(key, at) { key, FIELD_URL, at, .valid = config_valid_url, .expected = "a URL such as https://registry.example, without user, query and fragment" }

const struct config_field config_fields_top[] = {
	{ "state", FIELD_TEXT, AT(gateway_config, state), "./pabean-data", .valid = valid_text, .expected = "a directory" },
	{ "database", FIELD_TEXT, AT(gateway_config, database), .valid = valid_database, .expected = "sqlite:PATH or postgresql://USER@HOST/NAME" },
	URL("public_url", AT(gateway_config, public_url)),
	{ "trusted_proxies", FIELD_LIST, AT(gateway_config, trusted_proxies), .valid = valid_cidr, .expected = "an address or a network such as 10.0.0.0/8" },
	{ "pull_wait", FIELD_MS, AT(gateway_config, pull_wait_ms), "50s", .max = 3600000 },
	{ "max_staleness", FIELD_MS, AT(gateway_config, max_staleness_ms), "5s", .min = 1000, .max = 3600000 },
	{ "anonymous_from", FIELD_LIST, AT(gateway_config, anonymous_from), .valid = valid_cidr, .expected = "an address or a network such as 10.0.0.0/8" },
	{ "protected_names", FIELD_LIST, AT(gateway_config, protected_names), .valid = valid_text, .expected = "a name" },
	{ "yara", FIELD_LIST, AT(gateway_config, yara), .valid = valid_text, .expected = "a file or directory" },
	{ "intel", FIELD_LIST, AT(gateway_config, intel), .valid = valid_text, .expected = "a file or directory" },
	{ "workers", FIELD_COUNT, AT(gateway_config, workers), "2", .max = 64 },
	{ "approve_max", FIELD_S, AT(gateway_config, approve_max_s), "90d", .min = 60, .max = 3660 * DAY },
	{ "keep_refused", FIELD_S, AT(gateway_config, keep_refused_s), "7d" },
	{ "keep_unpulled", FIELD_S, AT(gateway_config, keep_unpulled_s), "90d" },
	{ "keep_untagged", FIELD_S, AT(gateway_config, keep_untagged_s), "30d" },
	{ "keep_uploads", FIELD_S, AT(gateway_config, upload_keep_s), "1d", .min = 60 },
	{ "keep_pulls", FIELD_S, AT(gateway_config, keep_pulls_s), "90d" },
	{ "max_bytes", FIELD_BYTES, AT(gateway_config, max_bytes), "0" },
	{ "gc_every", FIELD_MS, AT(gateway_config, gc_every_ms), "10m", .min = 1000 },
	{ "gc_grace", FIELD_S, AT(gateway_config, gc_grace_s), "2h" },
	{ "max_manifest_bytes", FIELD_BYTES, AT(gateway_config, max_manifest_bytes), "4M", .min = 4096, .max = 64 * MIB },
	{ "max_blob_bytes", FIELD_BYTES, AT(gateway_config, max_blob_bytes), "100G", .min = 1 },
	{ "quarantine_bytes", FIELD_BYTES, AT(gateway_config, quarantine_bytes), "200G", .min = 1 },
	{ "max_uploads_account", FIELD_COUNT, AT(gateway_config, max_uploads_account), "64", .min = 1, .max = 100000 },
	{ "max_waiters", FIELD_COUNT, AT(gateway_config, max_waiters), "2000", .min = 1, .max = 100000 },
	{ "max_inspections_account", FIELD_COUNT, AT(gateway_config, max_inspections_account), "64", .min = 1, .max = 100000 },
	{ "audit_heads", FIELD_BOOL, AT(gateway_config, audit_heads), "true" },
	{ "log", FIELD_WORD, AT(gateway_config, log_json), "logfmt", log_words },
	{ 0 },
};

const struct config_field config_fields_upstream[] = {
	URL("url", AT(config_upstream, url)),
	{ "insecure", FIELD_BOOL, AT(config_upstream, insecure), "false" },
	TEXT("ca_file", AT(config_upstream, ca_file)),
	TEXT("client_cert", AT(config_upstream, client_cert)),
	TEXT("client_key", AT(config_upstream, client_key)),
	URL("proxy", AT(config_upstream, proxy)),
	TEXT("username", AT(config_upstream, username)),
	TEXT("password_file", AT(config_upstream, password_file)),
	{ "tag_ttl", FIELD_MS, AT(config_upstream, tag_ttl_ms), "5m" },
	{ "cool_down", FIELD_MS, AT(config_upstream, cool_down_ms), "0s" },
	{ "timeout", FIELD_MS, AT(config_upstream, timeout_ms), "30s", .min = 100, .max = 3600000 },
	{ "platforms", FIELD_LIST, AT(config_upstream, platforms), "linux/amd64", .valid = valid_platform, .expected = "a platform such as linux/amd64" },
	{ "allow", FIELD_LIST, AT(config_upstream, allow), .valid = valid_pattern, .expected = "a pattern such as library/*" },
	{ "refuse", FIELD_LIST, AT(config_upstream, refuse), .valid = valid_pattern, .expected = "a pattern such as library/*" },
	{ "watch", FIELD_LIST, AT(config_upstream, watch), .valid = valid_pattern, .expected = "a pattern such as library/nginx:1.*" },
	{ "on_new", FIELD_WORD_BOOL, AT(config_upstream, wait_on_new), "last_admitted", on_new_words },
	{ "tags", FIELD_WORD_BOOL, AT(config_upstream, tags_admitted), "upstream", tags_words },
	{ "tag_rollback", FIELD_WORD, AT(config_upstream, rollback), "warn", rollback_words },
	{ "requests_per_second", FIELD_COUNT, AT(config_upstream, requests_s), "0", .max = 100000 },
	{ "max_fetches", FIELD_COUNT, AT(config_upstream, max_fetches), "8", .min = 1, .max = 1000 },
	{ "max_image_bytes", FIELD_BYTES, AT(config_upstream, max_image_bytes), "20G", .min = 1 },
	{ 0 },
};

const struct config_field config_fields_repository[] = {
	{ "match", FIELD_TEXT, AT(config_repository, match), .valid = valid_pattern, .expected = "a pattern such as team/**" },
	{ "gate", FIELD_WORD, AT(config_repository, gate), "enforce", gate_words },
	{ "policy", FIELD_TEXT, AT(config_repository, policy), "default", .valid = valid_text, .expected = "a name in 'policies'" },
	{ "platforms", FIELD_LIST, AT(config_repository, platforms), .valid = valid_platform, .expected = "a platform such as linux/amd64" },
	{ "immutable_tags", FIELD_BOOL, AT(config_repository, immutable_tags), "false" },
	{ "tag_rollback", FIELD_WORD, AT(config_repository, rollback), "hold", rollback_words },
	{ "quota", FIELD_BYTES, AT(config_repository, quota_bytes), "0" },
	{ 0 },
};

const struct config_field config_fields_s3[] = {
	URL("endpoint", AT(gateway_config, s3_endpoint)),
	TEXT("bucket", AT(gateway_config, s3_bucket)),
	TEXT("region", AT(gateway_config, s3_region)),
	TEXT("prefix", AT(gateway_config, s3_prefix)),
	TEXT("credentials_file", AT(gateway_config, s3_credentials_file)),
	TEXT("ca_file", AT(gateway_config, s3_ca_file)),
	{ "redirect", FIELD_BOOL, AT(gateway_config, s3_redirect), "false" },
	{ 0 },
};

const struct config_field config_fields_webhook[] = {
	URL("url", AT(config_webhook, url)),
	TEXT("secret_file", AT(config_webhook, secret_file)),
	{ "events", FIELD_LIST, AT(config_webhook, events), .valid = valid_pattern, .expected = "an event such as verdict.refused, or verdict.*" },
	{ 0 },
};

const struct config_field config_fields_tls[] = {
	TEXT("cert", AT(config_listen, tls_cert)),
	TEXT("key", AT(config_listen, tls_key)),
	TEXT("client_ca", AT(config_listen, client_ca)),
	{ "client_required", FIELD_BOOL, AT(config_listen, client_required), "false" },
	{ 0 },
};
