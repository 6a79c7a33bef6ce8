/* An incremental tar reader that reads as Go's archive/tar does, because dockerd, containerd and podman read layers with it.
 * Sources: POSIX.1-2017 pax(1) (ustar, pax), GNU tar manual "Basic Tar Format" (base-256, L/K, sparse), star(5), Go's archive/tar. */
#pragma once
#include "base.h"

enum { TAR_MAX_NAME = 1 << 20 };	/* bytes of a name, a link target, a pax value; more is ERR_LIMIT */

enum {	/* tar_entry.flags: readers that differ would see something else here */
	TAR_F_PAX = 1, TAR_F_GNU_LONG = 2,
	TAR_F_PAX_AND_GNU = 4,		/* a pax path (or link) and a GNU long one for the same entry */
	TAR_F_PAX_SIZE = 8,		/* a pax size that differs from the header's */
	TAR_F_DIR_WITH_SLASH_AS_FILE = 16,	/* a regular entry whose name ends in "/": a directory to Go when its type is NUL ('5' then) */
	TAR_F_SPARSE = 32,
	TAR_F_GNU_PREFIX = 64,		/* a GNU header whose time fields were read as a ustar prefix of the name */
	TAR_F_PAX_TWICE = 128,		/* a pax path, linkpath or size given twice with different values: the last one counts */
	TAR_F_SIZE_WITHOUT_DATA = 256,	/* a link, device or directory whose header claims a size: Go sees no content */
	TAR_F_SIGNED_SUM = 512,		/* its checksum is right only as a sum of signed bytes */
};

enum { TAR_MAX_SPARSE_PARTS = 1 << 20 };	/* of one file */
#define TAR_MAX_HOLE_BYTES (64 * GIB)		/* of all sparse files in one archive, as zeros are brought; more is ERR_LIMIT */

struct tar_entry {		/* slices live until the handler returns; the name's until the entry's last data */
	struct slice name, link;	/* raw */
	uint8_t type;		/* typeflag as Go reports it: '0' regular, '1' hard link, '2', '3', '4', '5' directory, '6', ...
				 * 'g' is a global pax header, which Go shows and runtimes skip; its content is not brought */
	uint32_t mode;		/* permission bits with setuid, setgid, sticky */
	uint64_t uid, gid, dev_major, dev_minor;
	int64_t mtime;		/* seconds */
	uint64_t size;		/* bytes that data() will bring (for sparse files: with the holes filled) */
	struct slice caps;	/* SCHILY.xattr.security.capability, raw; or empty */
	uint64_t header_offset, content_offset;	/* in the stream */
	unsigned flags;
};

struct tar_handler {
	enum err_code (*entry)(void *arg, const struct tar_entry *entry, struct err *e);
	/* The entry's content in order. `stream_offset` is where chunk stands in the stream (holes of sparse files: SIZE_MAX). Called at least
	 * once when size > 0, with last = true at the end; never when size is 0. Chunks borrow from what was fed. */
	enum err_code (*data)(void *arg, struct slice chunk, uint64_t stream_offset, bool last, struct err *e);
	void *arg;
};

enum tar_end { TAR_END_CLEAN /* two zero blocks */, TAR_END_NO_ZERO_BLOCKS /* after an entry: Go takes it */, TAR_END_LONE_ZERO_BLOCK };
struct tar_result {
	enum tar_end end;
	uint64_t entries;
	uint64_t trailing_bytes;	/* behind the end marker */
	bool trailing_nonzero;
	uint64_t trailing_offset;	/* of the first byte there that is not zero */
};

struct tar_reader;
[[nodiscard]] enum err_code tar_reader_open(const struct tar_handler *h, struct tar_reader **ret, struct err *e);
/* Errors (ERR_FORMAT with the stream's offset; ERR_LIMIT) are sticky; errors of the handler end the reading, too. */
[[nodiscard]] enum err_code tar_reader_feed(struct tar_reader *r, struct slice bytes, struct err *e);
/* At the end of the stream; ERR_FORMAT when it ends within an entry. */
[[nodiscard]] enum err_code tar_reader_finish(struct tar_reader *r, struct tar_result *ret, struct err *e);
void tar_reader_close(struct tar_reader *r);	/* takes NULL */
