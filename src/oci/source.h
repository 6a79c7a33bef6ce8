/* What all transports share. */
#pragma once
#include "manifest.h"
#include "os.h"

enum { OCI_ARENA_BYTES = 96 << 20, OCI_MAX_PROBES = 64 };

struct oci_image_list { struct oci_image *items; size_t n, cap; };

struct oci_transport {
	const char *name;
	enum err_code (*open)(struct oci_source *s, struct err *e);
	enum err_code (*pump)(struct oci_source *s, oci_blob_fn *fn, void *arg, struct err *e);	/* NULL: never a stream */
	enum err_code (*resolve)(struct oci_source *s, struct err *e);
	/* The bytes of a manifest, index or config, not verified; ERR_NOT_FOUND when it is not there. */
	enum err_code (*get)(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct buf *out, struct err *e);
	/* Is the layer there? NULL: cannot be told. */
	enum err_code (*check_layer)(struct oci_source *s, const struct oci_layer *l, struct err *e);
	enum err_code (*layer_open)(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e);
	bool (*identity)(struct oci_source *s, const struct oci_layer *l, struct oci_file_identity *ret);
	void (*close)(struct oci_source *s);
	bool partial;	/* indexes may name manifests that are not there (docker save with the containerd store) */
	bool path_keys;	/* blob keys are "blobs/sha256/…", not digests */
};

extern const struct oci_transport oci_transport_layout, oci_transport_dir, oci_transport_archive, oci_transport_rootfs,
	oci_transport_registry, oci_transport_daemon;

enum oci_archive_kind { OCI_ARCHIVE_ANY, OCI_ARCHIVE_DOCKER, OCI_ARCHIVE_OCI };

struct oci_source {
	const struct oci_transport *t;
	const char *transport;		/* "oci-archive" */
	struct oci_options o;
	struct arena arena;		/* used by open, pump and images only, so by one thread */
	struct slice text;		/* what the person wrote behind the transport */
	struct slice location;		/* path, or registry reference */
	struct slice want;		/* ":TAG", ":REF" or "@DIGEST" without the first character, or empty */
	bool want_digest;
	enum oci_archive_kind archive_kind;
	struct oci_platform platform;
	bool stream, pumped, resolved, saw_artifact;
	int fd;				/* directory or archive; -1 */
	void *impl;			/* of the transport */
	struct oci_image_list images;
};

/* Who an image is, handed down from the reference or the index to the image. */
struct oci_identity { struct slice reference, name, tag, index_digest; };

/* A document whose digest is known and was verified: adds the image, or those that the platform chooses from an index. */
[[nodiscard]] enum err_code oci_resolve_document(struct oci_source *s, struct slice bytes, struct slice digest,
					 struct slice served_as,
						 const struct oci_identity *id, struct err *e);
/* Of an index that was parsed: the image of the wanted platform, or all. */
[[nodiscard]] enum err_code oci_resolve_choose(struct oci_source *s, const struct oci_doc *doc, struct slice digest,
					       const struct oci_identity *id, struct err *e);
/* index.json of a layout or archive. */
[[nodiscard]] enum err_code oci_resolve_layout(struct oci_source *s, struct slice index_json, struct err *e);
/* Fetches by get, verifies size and digest. d->size UINT64_MAX: unknown. The bytes are in the arena. */
[[nodiscard]] enum err_code oci_fetch(struct oci_source *s, const struct oci_descriptor *d, bool manifest, struct slice *ret,
					 struct err *e);
/* Parses the config, fills what depends on it. img->layers without diff_id, n_layers and raw_config are set already. */
[[nodiscard]] enum err_code oci_image_set_config(struct oci_source *s, struct oci_image *img, const char *what, struct err *e);
/* A platform that was asked for by name binds single manifests, too. */
[[nodiscard]] enum err_code oci_check_platform(struct oci_source *s, const struct oci_image *img, struct err *e);
/* Adds the image unless one with its manifest, or without one its config, is there. */
[[nodiscard]] enum err_code oci_image_add(struct oci_source *s, const struct oci_image *img, struct err *e);
/* A provider's wish to have what looks like an artifact inspected as an image. */
bool oci_source_as_image(const struct oci_source *s);
struct slice oci_digest_of(struct slice bytes, struct arena *a);	/* "sha256:…" */
/* "blobs/sha256/<hex>" or the digest itself, as the transport wants it. */
struct slice oci_blob_key(struct oci_source *s, struct slice digest);
/* The stream below with an error when it gives more than size bytes. Takes it over, also on failure. */
[[nodiscard]] enum err_code oci_guard_size(struct stream *below, uint64_t size, struct slice what, struct stream **ret,
					 struct err *e);
/* Opens a regular file below dir for reading (through links, never waiting for a pipe). */
[[nodiscard]] enum err_code oci_open_regular(int dir, const char *name, int *ret_fd, uint64_t *ret_size, struct err *e);
bool oci_fd_identity(int fd, struct oci_file_identity *ret);
