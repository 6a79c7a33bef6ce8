/* Parts of the scan command. */
#pragma once
#include "inside.h"
#include "os.h"
#include "report.h"
#include "scan.h"

/* --format X --output Y pairs: where reports go. Nothing appears under a file's name before scan_outputs_commit. */
struct scan_output { enum report_format format; const char *path; /* NULL: standard output */ struct os_atomic file; struct report_writer *writer; };
struct scan_outputs { struct scan_output *items; size_t n, cap; struct report_options options; };

[[nodiscard]] enum err_code scan_outputs_pair(struct cli *c, struct scan_outputs *o, struct err *e);
[[nodiscard]] enum err_code scan_outputs_open(struct cli *c, struct scan_outputs *o, bool several_images, struct err *e);
[[nodiscard]] enum err_code scan_outputs_add(struct scan_outputs *o, const struct report *r, struct err *e);
[[nodiscard]] enum err_code scan_outputs_commit(struct scan_outputs *o, struct err *e);
void scan_outputs_close(struct scan_outputs *o);	/* whatever was not committed is gone */

/* One line on a terminal's standard error, redrawn at most ten times a second. */
struct scan_line { bool on, drawn; uint64_t last_ns; unsigned width; const struct cli *c; };
void scan_line_init(struct scan_line *l, const struct cli *c);
void scan_line_draw(struct scan_line *l, const struct scan_progress *p);
void scan_line_clear(struct scan_line *l);
