/* Feeds -> rows. They run in the confined child: open nothing. */
#pragma once
#include "record.h"

enum { IMPORT_MAX_INPUTS = 1000, IMPORT_MAX_NAME = 160 };

struct import_input { int fd; uint64_t bytes; char name[IMPORT_MAX_NAME]; struct slice base; /* "Debian" of Debian/all.zip, or empty */ };

/* What parent and child share: one anonymous mapping. */
struct import_shared {
	struct advisory_import_stats stats;
	struct err err;
	uint64_t input, done_bytes, total_bytes;	/* progress: which input, how far */
	bool ended;
};

struct base_seen { struct slice base; bool brought; size_t input; };
struct base_seen_list { struct base_seen *items; size_t n, cap; };

struct importer {
	const struct import_input *inputs;
	size_t n_inputs, input;
	int scratch_fd;			/* unpacked .gz */
	struct sorter *sorter;
	struct arena lasting, scratch;	/* scratch: freed after every record */
	struct base_seen_list bases;
	bool named_seen;		/* the input's own ecosystem was found in it */
	bool kev, epss;			/* brought: the old ones go */
	uint64_t max_total_bytes;
	struct import_shared *shared;
};

[[nodiscard]] enum err_code feed_read(struct importer *im, const struct import_input *in, struct err *e);
/* Counts a record that cannot be used. */
void feed_malformed(struct importer *im, struct slice member, const char *why);
[[nodiscard]] enum err_code feed_osv(struct importer *im, const struct import_input *in, struct slice member, struct slice text, struct err *e);
[[nodiscard]] enum err_code feed_kev(struct importer *im, struct json *j, struct err *e);
[[nodiscard]] enum err_code feed_nvd(struct importer *im, struct json *j, struct err *e);
[[nodiscard]] enum err_code feed_epss(struct importer *im, struct slice text, struct err *e);
