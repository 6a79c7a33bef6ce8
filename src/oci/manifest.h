/* Manifests, indexes, configs and platforms, parsed strictly; nothing here reads files or the network. */
#pragma once
#include "json_strict.h"
#include "oci.h"

struct oci_platform { struct slice os, arch, variant; };

struct oci_descriptor {
	struct slice media_type, digest;
	uint64_t size;
	struct slice_list urls;
	bool has_platform;
	struct oci_platform platform;
	struct slice ref_name;		/* org.opencontainers.image.ref.name */
	struct slice image_name;	/* io.containerd.image.name */
	bool attestation;		/* vnd.docker.reference.type, or platform unknown/unknown */
};
struct oci_descriptor_list { struct oci_descriptor *items; size_t n, cap; };

enum oci_doc_kind { OCI_DOC_MANIFEST, OCI_DOC_INDEX };
struct oci_doc {
	enum oci_doc_kind kind;
	struct slice media_type;		/* as the document says; may be empty */
	bool artifact;				/* a manifest whose config is of no image: a chart, a signature… */
	struct oci_descriptor config;		/* of a manifest */
	struct oci_descriptor_list layers;	/* of a manifest */
	struct oci_descriptor_list manifests;	/* of an index */
};

/* `served_as`: the media type of the answer or descriptor, empty when none; one that contradicts the body is ERR_FORMAT.
 * ERR_UNSUPPORTED for schema 1. */
[[nodiscard]] enum err_code oci_doc_parse(struct slice bytes, struct slice served_as, const char *what, struct arena *a,
					 struct oci_doc *ret,
					  struct err *e);

/* Fills img->config, platform, diff_ids, history. `diff_ids` must be as many as n_layers, and so must non-empty history entries. */
[[nodiscard]] enum err_code oci_config_parse(struct slice bytes, size_t n_layers, const char *what, struct arena *a,
					 struct image_config *ret,
					     struct err *e);
/* index into the history for each layer, or -1. */
int *oci_config_layer_history(const struct image_config *c, size_t n_layers, struct arena *a);

bool oci_media_type_is_index(struct slice t);
bool oci_media_type_is_manifest(struct slice t);
/* Sets known_type and distributable of a layer from its media type. */
void oci_layer_classify(struct oci_layer *l);

/* "linux/arm64/v8", aliases such as x86_64 understood; NULL: the machine's. */
[[nodiscard]] enum err_code oci_platform_parse(const char *text, struct oci_platform *ret, struct arena *a, struct err *e);
struct oci_platform oci_platform_normalise(struct oci_platform p);
/* How well `have` serves `want`: 0 not at all, more is better. */
unsigned oci_platform_match(struct oci_platform want, struct oci_platform have);
struct slice oci_platform_text(struct oci_platform p, struct arena *a);
