/* Image sources: a reference goes in, manifests and configs come out verified, layers come out as streams of stored bytes.
 *
 * Transports (names as skopeo's): docker://REF, docker-daemon:NAME, docker-archive:FILE[:REF], oci:DIR[:TAG|@DIGEST],
 * oci-archive:FILE[:TAG], dir:DIR, rootfs:DIR, "-" (an archive on standard input, kind found by content), a path that exists
 * (recognised by content), a bare registry reference (Docker Hub's defaults). FILE may be "-".
 *
 * Formats: OCI image-spec 1.1 (manifest, index, config, layout), Docker distribution manifest v2 schema 2, Docker image
 * specification v1.2 (docker save). References: distribution/reference's grammar. Schema 1 is ERR_UNSUPPORTED.
 *
 * What is verified here: every index, manifest and config against the digest it was asked for by (ERR_DIGEST), and the counts of
 * layers, diff_ids and non-empty history entries against each other (ERR_FORMAT). What is not: layer bytes, which the reader hashes
 * and compares with oci_layer.digest (stored bytes) and diff_id (decompressed bytes), each where not empty. */
#pragma once
#include "codec.h"
#include "finding.h"

enum {
	OCI_MAX_MANIFEST_BYTES = 4 << 20,	/* manifests and indexes, also manifest.json of docker archives */
	OCI_MAX_CONFIG_BYTES = 8 << 20,
	OCI_MAX_LAYERS = 1024,
	OCI_MAX_INDEX_DEPTH = 4,
	OCI_MAX_IMAGES = 1024,			/* of one source */
	OCI_MAX_MEMBERS = 100000,		/* of one outer archive */
};

/* Zeroed means defaults; OCI_OPTIONS_DEFAULT has TLS verification on. Strings must outlive the source. */
struct oci_options {
	const char *platform;		/* "linux/arm64/v8"; NULL: the machine's */
	bool all_platforms;
	const char *authfile;		/* NULL: $REGISTRY_AUTH_FILE, containers' auth.json, Docker's config.json */
	bool tls_verify;
	const char *cert_dir;		/* holds *.crt (CAs), client.cert and client.key; NULL: certs.d of containers and Docker */
	uint64_t timeout_ms;		/* of one network step without progress; 0: 60 s */
	const char *user_agent;		/* NULL: "pabean" */
	int stdin_fd;			/* what "-" reads */
	unsigned retries;		/* after a failed attempt; 0: 4 */
};
#define OCI_OPTIONS_DEFAULT ((struct oci_options){ .tls_verify = true, .stdin_fd = 0 })

struct oci_layer {
	struct slice digest;		/* "sha256:…" or "sha512:…" of the blob as stored; empty where the transport has none */
	struct slice diff_id;		/* of the decompressed tar; empty only for rootfs: */
	struct slice media_type;	/* as the manifest says; for archives without a manifest Docker's plain layer type */
	uint64_t size;			/* bytes as stored; 0 with rootfs: means unknown */
	bool distributable;		/* false: foreign layer, its bytes are elsewhere; not opened, a skipped layer */
	bool known_type;		/* false: not a layer type pabean knows; not opened, a skipped layer */
	struct slice blob_key;		/* unique inside the source: equal keys are the same bytes */
	struct slice_list urls;		/* of foreign layers */
};

struct oci_image {
	struct slice reference;		/* registries, daemon, docker archives with a tag: normalised "docker.io/library/nginx:1.27";
					 * else what the person wrote behind the transport */
	struct slice name;		/* "docker.io/library/nginx": what the image is called, without tag; empty when it has no name */
	struct slice tag;		/* or empty */
	struct slice transport;		/* "docker", "docker-daemon", "docker-archive", "oci", "oci-archive", "dir", "rootfs" */
	struct slice digest;		/* of the manifest, "sha256:…"; empty where there is none */
	struct slice index_digest;	/* of the outermost index the manifest was chosen from, or empty */
	struct slice config_digest;	/* always, but for rootfs: */
	struct slice platform;		/* "linux/amd64", "linux/arm64/v8"; from the config */
	struct slice_list other_platforms;	/* of the same index, not inspected; attestations are not among them */
	struct image_config config;	/* slices live as long as the source */
	struct oci_layer *layers;	/* bottom first */
	size_t n_layers;
	int *layer_history;		/* per layer: index into config.history_created_by, -1: the config has no history */
	struct slice raw_config;
	struct slice raw_manifest;	/* empty where there is none */
};

struct oci_source;

/* Understands the reference and opens what is local; reads no stream and asks no network yet. ERR_USAGE: not a reference. */
[[nodiscard]] enum err_code oci_source_open(const char *ref, const struct oci_options *o, struct oci_source **ret, struct err *e);
void oci_source_close(struct oci_source *s);	/* takes NULL */
static inline void oci_source_cleanup(struct oci_source **s) { oci_source_close(*s); }
#define AUTO_OCI_SOURCE [[gnu::cleanup(oci_source_cleanup)]] struct oci_source *

/* True when the bytes come once, in order (standard input, pipes, the daemon, compressed archives): pump, then images. */
bool oci_source_is_stream(const struct oci_source *s);

/* One member that may be a layer (whatever is not JSON). It is called in archive order, before anybody knows which image names the
 * member, if any: errors in the bytes are for the callee to keep until an image turns out to have the key. What the callee
 * leaves unread is skipped. `size` is exact. An error returned ends the pump. The stream is not closed by the callee. */
typedef enum err_code oci_blob_fn(void *arg, struct slice blob_key, uint64_t size, struct stream *bytes, struct err *e);
[[nodiscard]] enum err_code oci_source_pump(struct oci_source *s, oci_blob_fn *on_blob, void *arg, struct err *e);

/* All images the reference and the platform choose, at least one. The array is the source's. For streams: after the pump. That every
 * layer which is to be opened exists is checked, for streams: that on_blob was called with its key. */
[[nodiscard]] enum err_code oci_source_images(struct oci_source *s, const struct oci_image **ret, size_t *ret_n, struct err *e);

/* The stored bytes, not verified; not for streams. Longer than oci_layer.size is ERR_FORMAT while reading. Several threads may open
 * and read layers of one source at once; each stream belongs to one thread. The source must outlive the streams. */
[[nodiscard]] enum err_code oci_layer_open(struct oci_source *s, const struct oci_image *img, size_t layer, struct stream **ret,
					   struct err *e);

/* Where the bytes stand on disk (oci:, dir:, plain archive files: with the offset in the archive); false for other transports.
 * SCAN.md 1 says when an equal identity may spare hashing. */
struct oci_file_identity { uint64_t dev, ino, offset, size; int64_t mtime_ns, ctime_ns; };
bool oci_layer_identity(struct oci_source *s, const struct oci_image *img, size_t layer, struct oci_file_identity *ret);

/* Files a rootfs: walk could not read, complete once its stream was read to the end. `path` relative, raw bytes. */
struct oci_unreadable { struct slice path; int sys; };
size_t oci_source_unreadable(const struct oci_source *s, const struct oci_unreadable **ret);

/* --- References (also for policy and names) ---------------------------------------------------------------------------- */

/* "nginx" -> docker.io, library/nginx, latest. tag is "latest" only when neither tag nor digest was given. Slices are the arena's. */
struct oci_reference {
	struct slice domain;		/* "docker.io", "localhost:5000" */
	struct slice path;		/* "library/nginx" */
	struct slice tag;		/* or empty */
	struct slice digest;		/* "sha256:…", or empty */
	struct slice text;		/* domain/path[:tag][@digest] */
};
[[nodiscard]] enum err_code oci_reference_parse(struct slice text, struct arena *a, struct oci_reference *ret, struct err *e);

/* "sha256:<64 lower-case hex>" or "sha512:<128 lower-case hex>", nothing else. */
bool oci_digest_valid(struct slice digest);
/* Has `bytes` this (valid) digest? */
bool oci_digest_matches(struct slice digest, struct slice bytes);
