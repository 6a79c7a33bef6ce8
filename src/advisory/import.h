/* One import, as the process that parses sees it. */
#pragma once
#include "feeds.h"

struct import_job {
	const struct import_input *inputs;
	size_t n_inputs;
	struct import_shared *shared;
	struct advisory_db *old;		/* NULL: none yet */
	int spill_fd, scratch_fd, out_fd;
	uint64_t now_s, max_total_bytes;
	struct slice source;
};
/* Reads all inputs, merges with the old database, writes the new one to out_fd. */
[[nodiscard]] enum err_code import_run(struct import_job *job, struct err *e);
