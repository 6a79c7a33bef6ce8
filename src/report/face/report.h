/* Reports: the same judged findings as a table for people, JSON (pabean.scan/1, docs/scan.schema.json), JSON lines, SARIF 2.1.0.
 *
 * Output is streamed to a descriptor in pieces, memory does not grow with the report. Text is deterministic: the same reports and
 * options give the same bytes. */
#pragma once
#include "finding.h"

enum report_format { REPORT_TABLE, REPORT_JSON, REPORT_JSONL, REPORT_SARIF };
bool report_format_parse(struct slice, enum report_format *ret);

struct report_options {
	const char *version;	/* of pabean */
	unsigned width;		/* of the table, in columns; 0: 80 */
	bool color;		/* ANSI colours in the table */
	bool ascii;		/* no characters beyond ASCII of the table's own */
	bool verbose;		/* the table shows everything */
	bool stats;		/* report->stats are written */
	bool always_array;	/* JSON: an array even for one image, since several were asked for */
};

struct report_writer;
/* Writes to fd, which stays the caller's. */
[[nodiscard]] enum err_code report_open(int fd, enum report_format format, const struct report_options *o, struct report_writer **ret,
					struct err *e);
/* One image. JSON: the first report is kept in memory until it is known whether a second follows (an array), else nothing is. */
[[nodiscard]] enum err_code report_add(struct report_writer *w, const struct report *r, struct err *e);
/* Completes and flushes what was written. */
[[nodiscard]] enum err_code report_finish(struct report_writer *w, struct err *e);
void report_close(struct report_writer *w);	/* takes NULL; what was not finished stays incomplete */
