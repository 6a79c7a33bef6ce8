/* Is everything there, and as it should be? Works beside a running server: what only passes by is not reported. */
#pragma once
#include "store_content.h"

struct store_problem {
	/* "blob-missing", "blob-damaged", "manifest-damaged", "tag", "content-missing", "report", "stuck", "upload", … */
	const char *kind;
	const char *text;
	struct slice repository, subject;	/* may be empty; subject: a digest, a tag, an upload */
	bool note;			/* nothing is wrong, and garbage collection or the next pull will see to it */
	bool repaired;
};
struct store_check_options {
	/* broken blobs go to quarantine, what cannot be trusted is inspected again, what points nowhere is cut off */
	bool repair;
	bool quick;	/* sizes only, no hashing */
	unsigned threads;	/* that hash; 0: one a processor, at most 8 */
	uint64_t leftover_s;	/* age from which bytes and uploads that no row knows are noted */
	void (*problem)(void *arg, const struct store_problem *p);
	void (*progress)(void *arg, uint64_t bytes, uint64_t total);	/* may be NULL; always from the calling thread */
	bool (*enforced)(void *arg, struct slice repository);	/* NULL: everywhere */
	void *arg;
};
struct store_check_counts { uint64_t blobs, bytes, manifests, tags, reports, uploads, problems, notes, repaired; };
/* ERR_CANCELLED: told to stop by a signal. */
[[nodiscard]] enum err_code store_check(struct store *s, const struct store_check_options *o, struct store_check_counts *ret,
					struct err *e);
