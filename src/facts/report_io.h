/* Within the room: reports to bytes and back by one description, so that both directions cannot differ.
 *
 * A table (findings, packages, ...) is written column by column. A string is a varint and what follows:
 *	0 empty     1 size, bytes     2 64 hex digits as 32 bytes     3 "sha256:" and such     4 as in the row before
 *	5 as the row's other column     6 + i: string i of those written by 1, 2, 3 so far
 * Numbers are varints (signed ones zigzag), booleans a byte, fractions a varint 1 + millionths where these are exact, else 0 and 8 bytes. */
#pragma once
#include "finding.h"

struct report_io {
	bool writing;
	struct buf *out;
	struct rd in;
	struct arena *arena;		/* reading: the report's; writing: for the table */
	struct slice *strings;
	size_t n, cap;
	uint32_t *slots;		/* writing: 1 + index by hash, 0 free */
	size_t n_slots;
};

enum col_kind { COL_STR, COL_U64, COL_INT, COL_BOOL, COL_ENUM, COL_FRACTION, COL_LIST, COL_ID };
struct col {
	uint16_t at, like;	/* offsets of the field, and of the string it often equals (0: none) */
	uint8_t kind, count;	/* count: values of an enum */
};
#define COL(type, field, kind) { offsetof(struct type, field), 0, kind, 0 }
#define COL_AS(type, field, other) { offsetof(struct type, field), offsetof(struct type, other), COL_STR, 0 }
#define COL_OF(type, field, count) { offsetof(struct type, field), 0, COL_ENUM, count }

/* All return nothing: failure is sticky (in.bad, buffer, arena). Reading fills, writing only reads. */
void io_str(struct report_io *io, struct slice *s);
void io_u64(struct report_io *io, uint64_t *v);
void io_list(struct report_io *io, struct slice_list *l);
/* rows[i] points to a struct of which the columns are fields. */
void io_rows(struct report_io *io, void *const *rows, size_t n, const struct col *cols, size_t n_cols);
/* The number of items of a table and the items themselves, zeroed when reading; NULL: none, or failed. Returns row pointers, too. */
void *io_items(struct report_io *io, void *items, size_t *n, size_t item_bytes, void ***ret_rows);
/* Makes a string known that stands elsewhere, so that it can be named. */
void io_know(struct report_io *io, struct slice s);
bool io_ok(const struct report_io *io);

/* The parts, in this order and with one io. */
void report_io_judged(struct report_io *io, struct report *r);
void report_io_rest(struct report_io *io, struct report *r);
