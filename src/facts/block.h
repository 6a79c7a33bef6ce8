/* Within the room: front-coded blocks and their index. */
#pragma once
#include "facts_file.h"

enum { BLOCK_BYTES = 4 << 10 };	/* what a look-up of one path decodes half of on average */

struct block_ref {
	uint64_t offset;	/* in the file the blocks were written to */
	uint32_t size, crc;
	struct slice first;	/* path of its first record */
};
enum { MOST_DUPS = 64, KINDS_PLAIN = 1, KINDS_WHITEOUT = 2, KINDS_OPAQUE = 4 };
struct block_dup { struct slice path; bool whiteout; /* a path and its own whiteout */ };
struct block_index { struct block_ref *items; size_t n, cap; };

/* Builds blocks and appends them to fd. */
struct block_writer {
	int fd;
	uint64_t offset;	/* where the next block goes */
	struct buf block, last;	/* the block being built; the last path put */
	struct arena *arena;	/* first paths and the index */
	struct block_index index;
	uint64_t count;
	/* Entries with the same path: a layer that means different things to different readers (SCAN.md 7). */
	unsigned last_kinds;		/* KINDS_... of the entries seen under the last path */
	struct block_dup *dups;		/* the first MOST_DUPS */
	size_t n_dups;
	uint64_t dup_count;
};
[[nodiscard]] enum err_code block_writer_init(struct block_writer *w, int fd, uint64_t offset, struct arena *arena, struct err *e);
/* One fact as fact_encode wrote it. */
[[nodiscard]] enum err_code block_writer_put(struct block_writer *w, struct slice encoded, struct err *e);
[[nodiscard]] enum err_code block_writer_flush(struct block_writer *w, struct err *e);
void block_writer_free(struct block_writer *w);

uint32_t block_crc(struct slice bytes);
/* The next record of a block; *path holds the previous path and gets this one's. ret's slices borrow from the block and *path. */
bool block_next(struct rd *r, struct buf *path, struct fact *ret);
/* Path of an encoded fact, and what follows it (inner, bitmap, fields). */
bool block_split(struct slice encoded, uint8_t *ret_type, struct slice *ret_path, struct slice *ret_body);
