/* What people do to the state as a whole: check it, collect garbage, carry images over. All of it works on the configured
 * database and blob store itself, whether a server runs on them or not. */
#pragma once
#include "gateway.h"
#include "store_check.h"
#include "store_keep.h"

/* o->enforced and o->arg of `enforced` are the configuration's; the rest is the caller's (problem and progress get o->arg). */
[[nodiscard]] enum err_code gateway_store_check(const struct gateway_run *r, const struct store_check_options *o,
						struct store_check_counts *ret, struct err *e);
/* Once, by the configuration's rules, with the look for bytes and uploads that no row knows. */
[[nodiscard]] enum err_code gateway_store_gc(const struct gateway_run *r, bool dry, struct store_keep_counts *ret, struct err *e);

struct gateway_moved { uint64_t images, manifests, blobs, bytes, left_out; };
/* one image, or what was left out and why */
typedef void gateway_moved_fn(void *arg, struct slice reference, struct slice digest, const char *text);
/* Admitted images as an OCI layout (a directory) or archive (a name that ends in .tar; "-": standard output), with their
 * referrers and verdicts. The gate holds: what a pull would not get is an error (ERR_AUTH). references: as people write them; n
 * of them. */
[[nodiscard]] enum err_code gateway_store_export(const struct gateway_run *r, const char *const *references, size_t n,
						 const char *output, gateway_moved_fn *fn, void *arg,
						 struct gateway_moved *ret, struct err *e);
/* Everything is hashed and judged again: an inspection is queued; verdicts that came along count for nothing. into: the
 * repository; NULL: as the archive says. */
[[nodiscard]] enum err_code gateway_store_import(const struct gateway_run *r, const char *path, const char *into,
						 gateway_moved_fn *fn, void *arg, struct gateway_moved *ret,
						 struct err *e);
