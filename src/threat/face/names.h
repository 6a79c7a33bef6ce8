/* Misleading names: an image's name judged against what is in it and against the names that people trust. */
#pragma once
#include "judge.h"

struct names_options {
	const struct slice *protected_names;	/* the person's own, "acme/api" or "registry.acme.example/team/api" or "api" */
	size_t n_protected;
};

/* Adds findings of kind `name` to the report:
 *   name.impersonation    critical  an official image's name under another namespace, with other content
 *   name.lookalike        high      a namespace or name that differs from a trusted one by what the eye does not see
 *   name.content          medium    the name promises a program that is not there, or the entrypoint starts something else
 *   name.label            low       labels claim the source, vendor or title of somebody else's image
 *   name.official-base    info      an official image's name under another namespace; the content fits
 * An image without a reference (rootfs, archive without tags) gets none. */
[[nodiscard]] enum err_code names_judge(struct report *r, const struct names_options *opt, const struct image_view *view, struct err *e);

/* Docker's official images. */
bool names_is_official(struct slice base);
