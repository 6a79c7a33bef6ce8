/* The configuration, read. Everything lives in its arena. */
#pragma once
#include "base.h"
#include "gateway.h"

enum gate_mode { GATE_ENFORCE, GATE_WARN, GATE_OFF };
enum rollback_mode { ROLLBACK_HOLD, ROLLBACK_WARN, ROLLBACK_ALLOW };

struct slice_items { struct slice *items; size_t n, cap; };

struct config_listen { struct slice address, tls_cert, tls_key, client_ca; bool client_required; struct slice mirror; /* upstream's name: a read-only mirror */ };

struct config_upstream {
	struct slice name;		/* "docker.io": the first part of repository names */
	struct slice url;		/* without a final slash */
	bool insecure;			/* http, or https without verification; also makes private addresses fine */
	struct slice ca_file, client_cert, client_key, proxy;
	struct slice username, password_file;
	uint64_t tag_ttl_ms, cool_down_ms, timeout_ms;
	struct slice_items platforms, allow, refuse, watch;
	bool wait_on_new;		/* on_new: wait; else last_admitted */
	bool tags_admitted;		/* tags: admitted; else upstream's merged with ours */
	enum rollback_mode rollback;
	unsigned requests_s;		/* rate limit; 0: none */
	unsigned max_fetches;		/* at once */
	uint64_t max_image_bytes;	/* compressed */
};
struct config_repository {
	struct slice match;		/* glob */
	enum gate_mode gate;
	struct slice policy;		/* name in policies; "default" */
	struct slice_items platforms;	/* n 0: the upstream's, or all */
	bool immutable_tags;
	enum rollback_mode rollback;
	uint64_t quota_bytes;		/* 0: none */
	unsigned keep_last; uint64_t keep_for_s;	/* retention; 0: none */
};
struct config_webhook { struct slice url, secret_file; struct slice_items events; };
struct config_policy { struct slice name, file; };

struct gateway_config {
	struct arena arena;
	const char *name;		/* of the file, for messages */
	struct config_listen *listens; size_t n_listens, cap_listens;
	bool listens_set;		/* by the file or the command line */
	struct slice state, database;	/* directory; "sqlite:STATE/pabean.db" by default */
	bool database_set;
	struct slice s3_endpoint, s3_bucket, s3_region, s3_prefix, s3_credentials_file, s3_ca_file;	/* endpoint empty: a directory */
	bool s3_redirect;
	struct slice public_url;	/* without a final slash */
	struct slice_items trusted_proxies;
	uint64_t pull_wait_ms, max_staleness_ms;
	struct slice_items anonymous_from;
	unsigned anonymous;		/* ACCESS_* */
	bool anonymous_set;
	struct slice accounts_file, htpasswd_file;
	struct config_upstream *upstreams; size_t n_upstreams, cap_upstreams;
	struct config_repository *repositories; size_t n_repositories, cap_repositories;	/* the last one always matches all */
	struct config_policy *policies; size_t n_policies, cap_policies;	/* "default" is always there; file empty: the one compiled in */
	struct config_webhook *webhooks; size_t n_webhooks, cap_webhooks;
	struct slice_items protected_names, yara, intel;
	unsigned workers;		/* processes started by serve; 0 with own workers elsewhere */
	bool audit_heads;
	uint64_t keep_refused_s, keep_unpulled_s, keep_untagged_s, max_bytes, gc_every_ms, gc_grace_s, upload_keep_s, keep_pulls_s;
	uint64_t max_manifest_bytes, max_blob_bytes, quarantine_bytes;
	unsigned max_uploads_account, max_waiters, max_inspections_account;
	unsigned log_json;
	uint64_t approve_max_s;		/* longest --until */
};

/* The rule for a repository: never NULL. The upstream of a name's first part, or of a name itself; NULL: none. */
const struct config_repository *config_repository_for(const struct gateway_config *c, struct slice name);
const struct config_upstream *config_upstream_named(const struct gateway_config *c, struct slice name);
/* Given "docker.io/library/nginx": the upstream, and the rest "library/nginx". NULL: a local name (GATE.md 15: a first part with a dot, colon or "localhost" that is no upstream is no local name either: *ret_reserved). */
const struct config_upstream *config_upstream_of(const struct gateway_config *c, struct slice repository, struct slice *ret_rest, bool *ret_reserved);
/* Allowed by allow/refuse? */
bool config_upstream_allows(const struct config_upstream *u, struct slice rest);
