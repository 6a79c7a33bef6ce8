/* rpm header blobs into facts, whatever database they came from. */
#pragma once
#include "analyze.h"

struct rpm_job {
	struct analyze_ctx *ctx;
	const struct file_view *f;	/* the database file */
	uint64_t damaged;		/* headers that could not be read */
	struct buf text;
};
#define RPM_JOB(c, file) ((struct rpm_job){ .ctx = (c), .f = (file), .text = BUF(64 * KIB) })
void rpm_job_free(struct rpm_job *j);

/* An rpm_blob_fn; arg is a struct rpm_job. */
[[nodiscard]] enum err_code rpm_emit_blob(void *arg, struct slice blob, struct err *e);
/* Says how much could not be read, if anything. */
[[nodiscard]] enum err_code rpm_emit_damage(struct rpm_job *j, uint64_t more, struct err *e);
