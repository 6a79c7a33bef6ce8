/* Pull-through: tags, manifests, lists and blobs of the configured upstreams. Blocks on the network: pool threads and workers only. */
#pragma once
#include "codec.h"
#include "inside.h"
#include "store_content.h"

[[nodiscard]] enum err_code upstreams_open(struct gateway *g, struct err *e);
void upstreams_close(struct gateway *g);
/* After g->config was replaced: connections made by the old one are not used any more (its memory is not touched any more once this returns and calls under way ended). */
void upstreams_reload(struct gateway *g);
struct upstream_counts { uint64_t requests, errors, limited, fetched, waiting, blobs; };
void upstreams_count(struct gateway *g, struct upstream_counts *ret);	/* over all upstreams, for metrics */

/* Makes sure that what is known of a tag is at most tag_ttl old: HEAD (or GET) at the upstream, the manifest fetched, verified, parsed, stored and put through gate_put, when it is new to
 * us. One request however many ask (single flight in this process, a row's checked_ms across nodes). ret_warning: "" or a sentence (upstream is down or limits us, and what
 * is known is used). ERR_NOT_FOUND: upstream has no such tag (and none is known); ERR_NET, ERR_TIMEOUT: upstream failed and nothing is known; ERR_AUTH: it
 * wants credentials that are not configured; ERR_LIMIT: rate limit (ours or theirs); with sys EAGAIN: too many threads wait for the same already (gate_wait, and ask again: a
 * change wakes when the answer is there). */
[[nodiscard]] enum err_code upstream_tag(struct call *c, struct slice tag, char ret_warning[512], struct err *e);
/* Makes sure that the manifest with this digest is in the repository, likewise. For an index also its children of platforms of interest (recursively, with limits). */
[[nodiscard]] enum err_code upstream_manifest(struct call *c, struct slice digest, struct err *e);
/* A blob's bytes as they come, not verified; resumed when the connection breaks. For workers: repository by its row. */
[[nodiscard]] enum err_code upstream_blob(struct gateway *g, struct slice repository, struct slice digest, uint64_t size, struct stream **ret, struct err *e);
/* Upstream's tags, cached tag_ttl, bounded, sorted; in the arena. */
[[nodiscard]] enum err_code upstream_tags(struct call *c, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e);
/* Fetches upstream's referrers (API and fallback tag) of a digest into the repository when they are not known as of tag_ttl; failure is no error but a warning. */
void upstream_referrers(struct call *c, struct slice digest, char ret_warning[512]);
/* Is the digest old enough at this upstream (cool_down)? In the caller's transaction. *ret_wait_s: how long still. An approval overrides it. */
[[nodiscard]] enum err_code upstream_cooled(struct gateway *g, struct sql_tx *tx, const struct config_upstream *u, int64_t repo_id, struct slice digest, bool *ret,
					    uint64_t *ret_wait_s, struct err *e);
/* For a call: 0, or how long still. */
[[nodiscard]] enum err_code upstream_young(struct call *c, struct sql_tx *tx, int64_t repo_id, struct slice digest, uint64_t *ret_wait_s, struct err *e);
/* Called every few seconds by the maintenance thread: polls watched tags, serves digests that have cooled down. */
void upstream_poll(struct gateway *g);
