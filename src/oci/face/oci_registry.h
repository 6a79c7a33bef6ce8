/* A registry spoken to by a long-lived client (pull-through), over the distribution specification 1.1's API. Thread-safe; logs nothing.
 *
 * Tokens are kept per repository as long as they hold. Credentials go to the registry's own scheme, host and port, and to a token server of the same
 * owner; the scope asked for is always pulling from the one repository. Where redirects and token servers may lead: net.h. */
#pragma once
#include "net.h"

struct oci_registry_options {
	const char *url;		/* "https://registry-1.docker.io", without a final slash */
	struct slice name;		/* for messages: "docker.io" */
	struct slice user, password;	/* user empty: none */
	bool plain_fine;		/* credentials may go over http */
	struct net_options net;
};
struct oci_registry;
[[nodiscard]] enum err_code oci_registry_open(const struct oci_registry_options *o, struct oci_registry **ret, struct err *e);
void oci_registry_close(struct oci_registry *g);	/* takes NULL; after its streams */

/* What an answer was, also when the call fails: status 0: there was none. */
struct oci_answer {
	int status;
	char digest[160];		/* Docker-Content-Digest, as claimed; "" none or not a digest */
	char media_type[128];		/* without parameters */
	char link[1024];		/* the Link header's target with rel="next"; "" none */
	uint64_t retry_s;		/* Retry-After; 0 none */
	uint64_t length;		/* Content-Length; UINT64_MAX: unknown */
};

struct oci_registry_request {
	bool head;
	struct slice repository;	/* a valid name: "library/nginx" */
	struct slice rest;		/* "manifests/1.27", "blobs/sha256:…", "tags/list?n=1000", "referrers/sha256:…"; or a Link's target */
	bool link;			/* rest is a Link's target: only on the registry itself, else ERR_NET */
	const char *accept;		/* NULL: none; OCI_ACCEPT_MANIFESTS */
	const char *if_none_match;
	uint64_t offset;		/* see net.h */
	bool once;			/* see net.h */
	uint64_t head_ms, whole_ms;	/* see net.h; for a login whole_ms, 30 s when there is none */
};
extern const char OCI_ACCEPT_MANIFESTS[];
/* OK for 200, 206 and 304. Else by status: ERR_NOT_FOUND (404), ERR_AUTH (401, 403, and when the login fails), ERR_LIMIT (429), ERR_NET; with what the registry says. */
[[nodiscard]] enum err_code oci_registry_ask(struct oci_registry *g, const struct oci_registry_request *q, struct oci_answer *ret_answer,
					     struct stream **ret, struct err *e);
/* The same into memory, at most out->max (ERR_LIMIT), and within whole_ms. */
[[nodiscard]] enum err_code oci_registry_fetch(struct oci_registry *g, const struct oci_registry_request *q, struct buf *out,
					       struct oci_answer *ret_answer, struct err *e);

/* All tags, page by page; at most max_names, max_bytes of answers and about total_ms: what is beyond is left out (*ret_cut). Unsorted; names are not checked. */
struct oci_tags { struct slice *items; size_t n, cap; };
[[nodiscard]] enum err_code oci_registry_tags(struct oci_registry *g, struct slice repository, size_t max_names, size_t max_bytes, uint64_t total_ms,
					      struct arena *a, struct oci_tags *ret, bool *ret_cut, struct oci_answer *ret_answer, struct err *e);
/* Digests (valid ones) that an index lists, at most max. */
[[nodiscard]] enum err_code oci_index_digests(struct slice body, size_t max, struct arena *a, struct oci_tags *ret, struct err *e);
