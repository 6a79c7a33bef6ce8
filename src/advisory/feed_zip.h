/* Zip archives of feeds (APPNOTE.TXT 6.3: stored and deflated members, zip64), read member by member with bounded memory. Names are never
 * used as paths. */
#pragma once
#include "base.h"

enum { ZIP_MAX_MEMBER = 32 << 20 };	/* bytes of one member, packed and unpacked; larger ones are reported as bad */

struct feed_zip;
struct feed_zip_member { struct slice name; uint64_t packed_bytes, bytes; };

/* fd stays the caller's and must be seekable. */
[[nodiscard]] enum err_code feed_zip_open(int fd, uint64_t file_bytes, struct feed_zip **ret, struct err *e);
void feed_zip_close(struct feed_zip *z);		/* takes NULL */
uint64_t feed_zip_count(const struct feed_zip *z);
/* The next member's directory entry; *ret_more false at the end. ERR_FORMAT: the directory is broken, nothing more can be read. */
[[nodiscard]] enum err_code feed_zip_next(struct feed_zip *z, struct feed_zip_member *ret, bool *ret_more, struct err *e);
/* The content of the member last returned, until the next call. ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED concern this member only. */
[[nodiscard]] enum err_code feed_zip_content(struct feed_zip *z, struct slice *ret, struct err *e);
