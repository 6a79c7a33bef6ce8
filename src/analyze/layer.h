/* Within the room: tar entries become facts. */
#pragma once
#include "context.h"
#include "pipeline.h"
#include "tar.h"
#include "toc_watch.h"

struct layer {
	struct analyze_ctx *ctx;
	const struct slot *slot;	/* being fed */
	size_t next_hit;		/* in slot->hits */
	struct tar_reader *tar;
	struct toc_watch *toc;
	uint64_t entries, files, file_bytes, hard_links;
	/* The entry in work. */
	struct buf raw_path, clean, target, link;
	struct fact fact;		/* its FACT_ENTRY */
	bool regular, odd_name, sparse;
	uint64_t got;			/* content bytes so far */
	struct buf whole;		/* content that is not contiguous in one slot */
	struct hit_list hits;
	struct analyze_spool *spool;	/* large files whose analyzers want all of it */
	bool large, decided, streaming;
	unsigned want;
	enum file_class cls;
	enum script_lang lang;
	uint8_t digests[96];
};
[[nodiscard]] enum err_code layer_init(struct layer *l, struct analyze_ctx *ctx, struct err *e);
[[nodiscard]] enum err_code layer_feed(struct layer *l, const struct slot *slot, struct err *e);
/* After the last slot: the archive's end, then the analyzers' finish hooks. */
[[nodiscard]] enum err_code layer_finish(struct layer *l, struct err *e);
void layer_free(struct layer *l);
