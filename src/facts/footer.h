/* Within the room: the end of a facts file. Layout of the whole file:
 *   "PBNFACT1" · blocks of the three sections · footer · u32 CRC of the footer · u64 its length · "PBNFACTE"  */
#pragma once
#include "block.h"

enum { FOOTER_VERSION = 1, MAGIC_BYTES = 8, TRAILER_BYTES = 20 };

struct footer_sources { struct slice *items; size_t n, cap; };
struct footer {
	uint64_t offset;		/* end of the blocks */
	struct block_index index[SECTION_COUNT];
	uint64_t counts[FACT_TYPE_COUNT];
	struct slice hello, end;	/* encoded facts */
	struct footer_sources sources;
};
[[nodiscard]] enum err_code footer_write_magic(int fd, struct footer *f, struct err *e);
/* Footer and trailer; sorts f->sources. */
[[nodiscard]] enum err_code footer_encode(struct buf *out, struct footer *f, struct err *e);
/* Checks everything of a mapped file but the blocks' content; slices borrow from file, arrays from the arena. */
[[nodiscard]] enum err_code footer_decode(struct slice file, struct arena *arena, struct footer *ret, struct err *e);
/* As facts_file_open; the descriptor stays the caller's. */
[[nodiscard]] enum err_code facts_file_open_fd(int fd, const char *name, struct facts_file **ret, struct err *e);
