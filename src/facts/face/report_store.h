/* A report as bytes for a database: everything but its stats, compact (strings once, zstd), strictly read. */
#pragma once
#include "finding.h"

enum {
	REPORT_STORE_VERSION = 1,
	REPORT_STORE_MAX_BYTES = 64 << 20,	/* of one part before compression; a larger report is ERR_LIMIT */
};

/* Appends to out, whose max is the limit. The same report gives the same bytes. */
[[nodiscard]] enum err_code report_encode(const struct report *r, struct buf *out, struct err *e);
/* Everything is in the arena, ret->arena is the arena; strings are not NUL-terminated. ERR_FORMAT: damaged; ERR_UNSUPPORTED: of another version of
 * pabean; ERR_NOMEM: the arena's budget (at most about thirty times the bytes before compression are used). */
[[nodiscard]] enum err_code report_decode(struct slice bytes, struct arena *a, struct report *ret, struct err *e);
/* Only what a policy judges: identity, os, complete, verdict and findings without description, advice, references, evidence's excerpts and offsets and the
 * like. No packages, layers, config, skipped. Several times faster. */
[[nodiscard]] enum err_code report_decode_judged(struct slice bytes, struct arena *a, struct report *ret, struct err *e);
