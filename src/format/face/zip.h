/* The zip family (APPNOTE 6.3): directory, local headers, zip64, data descriptors, and archives that stand behind other content.
 * Works on a contiguous slice and allocates nothing but a stream's state. */
#pragma once
#include "base.h"
#include "codec.h"

struct zip {
	struct slice content;
	uint64_t base;			/* added to every offset that the archive names: length of what stands before it */
	uint64_t dir_offset, dir_bytes;	/* of the central directory in content */
	uint64_t count;			/* entries by the end record; a hint */
};

struct zip_entry {
	struct slice name;		/* raw */
	uint64_t mode;			/* permission bits; 0 when none are told */
	uint64_t header;		/* offset of the local header in content */
	uint64_t packed, size;		/* bytes */
	uint32_t crc;
	uint16_t method, flags;
	bool directory, symlink, encrypted;
	bool sizes_unknown;		/* of a local header: they follow the data */
	struct slice data;		/* packed bytes, cut at the content's end; set by zip_entry_locate and zip_local_at */
};

/* By the end record in the last 64 KiB, which must lead to a directory; false when this is no zip. */
bool zip_find(struct slice content, struct zip *ret);
/* The directory's entries: *pos starts at 0. False at the end; *ret_damaged (set, never cleared) when what stands there is no entry. */
bool zip_next(const struct zip *z, uint64_t *pos, struct zip_entry *ret, bool *ret_damaged);
/* Reads the local header of a directory entry and sets data. Returns NULL, or what is wrong: "name", "method", "size", "checksum",
 * "encryption" when they disagree, "missing" when no header is there (data is then empty). */
const char *zip_entry_locate(const struct zip *z, struct zip_entry *en);
/* An entry by its local header alone; data reaches to `end` when its size is not told. */
bool zip_local_at(struct slice content, uint64_t at, uint64_t end, struct zip_entry *ret);
/* First local header in [from, to), or -1. */
int64_t zip_find_local(struct slice content, uint64_t from, uint64_t to);

/* The entry's content. ERR_UNSUPPORTED for methods other than stored, deflate, bzip2, xz and zstd. *info: as for stream_decompress. */
[[nodiscard]] enum err_code zip_entry_stream(const struct zip_entry *en, struct decompress_info *info, struct stream **ret, struct err *e);
/* Raw deflate, or zlib's wrapping when `zlib`; info->in_bytes is how much of the input was used. isa-l: only in the confined worker. */
[[nodiscard]] enum err_code stream_inflate(struct slice packed, bool zlib, struct decompress_info *info, struct stream **ret, struct err *e);
