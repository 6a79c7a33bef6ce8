/* The table for people; private to this room. Everything from outside passes t_text, t_fit or t_wrap, which escape it. */
#pragma once
#include "out.h"

enum style { PLAIN, BOLD, DIM, RED, YELLOW, GREEN, CYAN, MAGENTA, ON_RED, ON_YELLOW, ON_GREEN };

struct table {
	struct out *out;
	const struct report *r;
	const struct report_options *o;
	unsigned width;
};

enum { SEVERITY_COLUMN = 2, TEXT_COLUMN = 12 };	/* "  critical  text" */

/* --- layout.c --- */
void t_style(struct table *t, enum style s);	/* PLAIN ends it */
void t_spaces(struct table *t, unsigned n);
void t_newline(struct table *t, unsigned indent);
/* Columns that s takes when escaped. */
unsigned t_columns(struct slice s);
/* Escaped, at most `max` columns, an ellipsis where it is cut; returns the columns used. */
unsigned t_fit(struct table *t, struct slice s, unsigned max);
/* Escaped and wrapped from column `at` on, following lines at `indent`; at most max_lines (0: all). Returns the column behind it. */
unsigned t_wrap(struct table *t, struct slice s, unsigned at, unsigned indent, unsigned max_lines);
const char *t_dot(const struct table *t);	/* " · " or " - " */
const char *t_arrow(const struct table *t);	/* "→" or "->" */
void t_number(struct buf *b, uint64_t n);	/* 1,234,567 */
void t_severity(struct table *t, enum severity s);	/* indented, padded to TEXT_COLUMN */
/* "2 critical, 1 high" of the counts that are not 0. */
void t_counts(struct buf *b, const uint64_t counts[SEV_COUNT]);
/* What made a layer, as in a Dockerfile: without shell prefixes, marks of build tools and runs of spaces. */
void t_instruction(struct buf *b, struct slice created_by);
/* "layer 3: RUN ...", with "base image" where known, dimmed; one line from column `at`. */
void t_layer(struct table *t, int layer, unsigned at);

/* --- table_findings.c, table_vulns.c: one group; nothing when none is shown. --- */
void t_findings(struct table *t, enum finding_kind kind);
void t_vulnerabilities(struct table *t);
void t_heading(struct table *t, enum finding_kind kind, const char *extra, const uint64_t counts[SEV_COUNT]);
/* dpkg's way to order, good enough to choose the latest of the versions that fix one package. */
int t_version_cmp(struct slice a, struct slice b);
