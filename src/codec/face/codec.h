/* Streams and digests. */
#pragma once
#include "base.h"

/* --- Digests (OpenSSL EVP) ---------------------------------------------------------------------------------------- */

enum { DIGEST_NONE, DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };
enum { DIGEST_MAX_BYTES = 64 };
struct digest;	/* one running digest */

size_t digest_size(int algo);			/* 16, 20, 32, 64; 0 for another */
const char *digest_name(int algo);		/* "md5", "sha1", "sha256", "sha512" */
[[nodiscard]] enum err_code digest_open(int algo, struct digest **ret, struct err *e);
void digest_update(struct digest *d, struct slice bytes);
void digest_final(struct digest *d, uint8_t *out);	/* then ready for the next message */
void digest_reset(struct digest *d);
void digest_close(struct digest *d);		/* takes NULL */
static inline void digest_cleanup(struct digest **d) { digest_close(*d); }
#define AUTO_DIGEST [[gnu::cleanup(digest_cleanup)]] struct digest *
/* One message; aborts never, returns false only when OpenSSL has no such digest. */
bool digest_of(int algo, struct slice bytes, uint8_t *out);
/* Loads the algorithms (OpenSSL without its configuration file), so that a confined worker need not open anything later. */
void digest_warm(void);

/* --- Streams ------------------------------------------------------------------------------------------------------ */

/* Bytes come out of a stream; a stream may wrap another and closes it when closed. */
struct stream;
struct stream_ops {
	/* 0 < *ret_n <= cap, or 0 at the end. Errors are sticky. */
	enum err_code (*read)(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e);
	void (*close)(struct stream *s);
};
struct stream { const struct stream_ops *ops; };

[[nodiscard]] enum err_code stream_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e);
/* Reads until cap is full or the end. */
[[nodiscard]] enum err_code stream_read_full(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e);
/* The whole rest into out (whose max is the limit). */
[[nodiscard]] enum err_code stream_read_all(struct stream *s, struct buf *out, struct err *e);
void stream_close(struct stream *s);		/* takes NULL */
static inline void stream_cleanup(struct stream **s) { stream_close(*s); }
#define AUTO_STREAM [[gnu::cleanup(stream_cleanup)]] struct stream *

[[nodiscard]] enum err_code stream_of_fd(int fd, bool close_fd, struct stream **ret, struct err *e);
/* A part of a seekable file by pread; the descriptor stays the caller's. */
[[nodiscard]] enum err_code stream_of_fd_range(int fd, uint64_t offset, uint64_t size, struct stream **ret, struct err *e);
[[nodiscard]] enum err_code stream_of_slice(struct slice bytes, struct stream **ret, struct err *e);
/* At most n bytes of below, which stays the caller's. */
[[nodiscard]] enum err_code stream_limit(struct stream *below, uint64_t n, struct stream **ret, struct err *e);

enum compression { COMP_NONE, COMP_GZIP, COMP_ZSTD, COMP_XZ, COMP_BZIP2, COMP_LZMA, COMP_LZ4 /* recognised, not opened */, COMP_COUNT };
const char *compression_name(enum compression);
enum compression compression_sniff(struct slice first_bytes);	/* by magic; 8 bytes are enough */

/* How a decompressed stream ended, for facts. */
struct decompress_info {
	enum compression kind;
	uint64_t in_bytes, out_bytes;
	uint64_t members;		/* gzip members, zstd frames */
	uint64_t trailing_bytes;	/* bytes behind the last member that are no further member (gzip.trailing); all read */
	bool trailing_nonzero;
};
/* Wraps below and takes it over (also on failure). Sniffs the kind; COMP_NONE passes bytes through. gzip: all members, through isa-l
 * (only ever used in the confined worker when `fast`) or zlib; CRC and length are checked. zstd: all frames, skippable ones skipped,
 * windows up to 128 MiB (`max_window_log` 27; more is ERR_UNSUPPORTED). xz, lzma, bzip2 with a memory limit of 128 MiB. Truncated or
 * corrupt input is ERR_FORMAT with the offset in the compressed bytes. *info is the caller's and is valid after the end was read. */
[[nodiscard]] enum err_code stream_decompress(struct stream *below, bool fast, struct decompress_info *info, struct stream **ret, struct err *e);
