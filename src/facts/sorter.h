/* Within the room: an external merge sort of encoded facts by path, stable, with bounded memory. */
#pragma once
#include "block.h"

struct sort_item { uint32_t offset, size; };
struct sort_run { struct block_index index; struct block_dup *dups; size_t n_dups; uint64_t dup_count; };	/* blocks of one ascending run in the spill file */
struct sort_runs { struct sort_run *items; size_t n, cap; };

struct sorter {
	const char *dir;		/* for the unnamed spill file */
	struct arena *arena;
	struct buf chunk;		/* encoded facts that are not yet in a run */
	struct sort_item *items;	/* of the chunk, in arrival order */
	size_t n_items, cap_items;
	bool chunk_sorted;
	int spill_fd;
	struct block_writer run;	/* the run being written */
	bool run_open;
	struct sort_runs runs;
	uint64_t count;
};
void fact_sorter_init(struct sorter *s, const char *dir, struct arena *arena);
[[nodiscard]] enum err_code fact_sorter_add(struct sorter *s, struct slice encoded, struct err *e);
/* Gives everything in order, once. */
typedef enum err_code fact_sorter_fn(void *arg, struct slice encoded, struct err *e);
[[nodiscard]] enum err_code fact_sorter_drain(struct sorter *s, fact_sorter_fn *fn, void *arg, struct err *e);
/* After the last add: true when all is one ascending run on disk, whose blocks can be copied as they are (then no drain). */
[[nodiscard]] enum err_code fact_sorter_single_run(struct sorter *s, bool *ret, struct err *e);
void fact_sorter_free(struct sorter *s);
