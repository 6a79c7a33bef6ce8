/* An image source whose bytes a caller provides: a registry's own store, or what it fetches from upstream while it is inspected. Names, limits and
 * checks are those of docker://. Reports say transport "docker". */
#pragma once
#include "oci.h"

/* Everything may be called from several threads at once, plan excepted. */
struct oci_provider {
	/* A manifest, index or config by digest, appended to out (whose max is the limit). Verified by oci. ERR_NOT_FOUND: there is none. */
	enum err_code (*get)(void *arg, struct slice digest, bool manifest, struct buf *out, struct err *e);
	/* The stored bytes of a layer. `size` is what the manifest says; more bytes are an error while reading. The stream belongs to the thread that
	 * opened it, and is closed before the scan returns. */
	enum err_code (*blob_open)(void *arg, struct slice digest, uint64_t size, struct stream **ret, struct err *e);
	/* May be NULL. Called once per image before any layer is opened, with those that will be, in that order, each digest once: so that bytes can be
	 * fetched ahead of the inspection. What cached facts spare is not among them. */
	void (*plan)(void *arg, const struct oci_layer *const *layers, size_t n);
	/* blob_open's streams check the digest themselves: the end is reached only by right bytes, anything else is an error of read (ERR_DIGEST).
	 * Then they are not hashed a second time. */
	bool verified;
	/* Inspected as an image whatever the config's media type says (some runtimes do not look at it). */
	bool as_image;
	void *arg;
};

/* reference: "registry/repository:tag", as resolved: gives the name that the image is judged by; with Docker Hub's defaults. root_digest: of the
 * manifest or index to look at. The provider and arg must outlive the source. ERR_USAGE: not a reference, not a digest. */
[[nodiscard]] enum err_code oci_source_open_provider(const char *reference, const char *root_digest, const struct oci_provider *p,
						     const struct oci_options *o, struct oci_source **ret, struct err *e);
/* Do streams of this source check digests themselves? */
bool oci_source_verified(const struct oci_source *s);
/* To be called before layers are opened (see plan). Does nothing for other sources. */
void oci_source_plan(struct oci_source *s, const struct oci_layer *const *layers, size_t n);
