/* The parts of the tar reader. */
#pragma once
#include "tar.h"

enum { TAR_BLOCK = 512 };
#define TAR_MAX_SPECIAL ((uint64_t)TAR_MAX_NAME)	/* bytes of a pax header, a GNU long name or link; Go has the same limit */

/* One header block, decoded. */
struct tar_header {
	enum tar_format { TAR_V7, TAR_USTAR, TAR_GNU, TAR_STAR } format;
	uint8_t type;
	bool signed_sum, gnu_prefix;
	struct slice name, prefix, link;	/* in the block */
	int64_t size, mode, uid, gid, mtime, dev_major, dev_minor;
};

/* NULL, or why it is no header; constant text. */
const char *tar_header_parse(const uint8_t *block, struct tar_header *ret);
bool tar_block_is_zero(const uint8_t *block);
/* Octal or base-256, as Go's parser takes them. */
bool tar_number(const uint8_t *p, size_t n, int64_t *ret);
/* Decimal with an optional sign; as strconv.ParseInt(s, 10, 64). */
bool tar_decimal(struct slice s, int64_t *ret);
/* Up to the first NUL. */
struct slice tar_cstr(const uint8_t *p, size_t n);
static inline bool tar_type_has_no_data(uint8_t type) { return type >= '1' && type <= '6'; }

/* The records of one extended header that count. A record that is absent or empty has n 0: an empty one keeps the header's value. */
enum pax_key {
	PAX_PATH, PAX_LINKPATH, PAX_SIZE, PAX_UID, PAX_GID, PAX_MTIME, PAX_ATIME, PAX_CTIME, PAX_CAPS,
	PAX_SPARSE_NUMBLOCKS, PAX_SPARSE_MAP, PAX_SPARSE_NAME, PAX_SPARSE_MAJOR, PAX_SPARSE_MINOR, PAX_SPARSE_SIZE, PAX_SPARSE_REALSIZE,
	PAX_KEYS
};
struct pax {
	bool present, twice;
	struct slice value[PAX_KEYS];	/* in the bytes parsed, or in map */
	struct buf map;			/* the map of sparse format 0.0, joined */
};
/* NULL, or why it is no pax header. */
const char *pax_parse(struct pax *pax, struct slice records);
void pax_clear(struct pax *pax);
/* Puts the records into the header's fields; false when a number is none. */
bool pax_merge(const struct pax *pax, struct tar_header *h);

/* A sparse file's data parts, in order. */
struct sparse_part { int64_t offset, length; };
struct sparse {
	struct sparse_part *parts;
	size_t n, cap;
	int64_t size;		/* with the holes */
	/* while a map of format 1.0 is read */
	struct buf text;
	uint64_t lines, lines_needed;
};
enum sparse_kind { SPARSE_NO, SPARSE_PAX_0, SPARSE_PAX_1, SPARSE_BAD };
/* Which kind the records say; sets s->size and *name for those. */
enum sparse_kind sparse_of_pax(const struct pax *pax, struct sparse *s, struct slice *name);
[[nodiscard]] enum err_code sparse_add(struct sparse *s, int64_t offset, int64_t length, struct err *e);
/* The n entries of 24 bytes of an old GNU header or extension. */
[[nodiscard]] enum err_code sparse_add_old(struct sparse *s, const uint8_t *p, size_t n, struct err *e);
[[nodiscard]] enum err_code sparse_parse_map_0(struct sparse *s, const struct pax *pax, struct err *e);
/* One block of a 1.0 map; *ret_done when the map is whole and parsed. */
[[nodiscard]] enum err_code sparse_feed_map_1(struct sparse *s, const uint8_t *block, bool *ret_done, struct err *e);
/* Order, overlap, bounds; *ret_data_bytes is their sum. */
bool sparse_valid(const struct sparse *s, uint64_t *ret_data_bytes);
void sparse_clear(struct sparse *s);	/* keeps memory */
void sparse_free(struct sparse *s);

/* --- the reader --- */

enum tar_state {
	HEADER,		/* a header block is next */
	SPECIAL,	/* content of a pax header, a long name or link */
	OLD_SPARSE,	/* an extension block of an old GNU sparse header */
	SPARSE_MAP,	/* blocks of a sparse map in front of the data */
	DATA, SPARSE_DATA,
	PADDING,
	ZERO_BLOCK,	/* one zero block was read */
	END,		/* two were */
};

struct tar_reader {
	struct tar_handler h;
	enum tar_state state;
	struct err failed;		/* sticky */
	uint64_t offset;		/* in the stream, of the next byte */
	uint8_t block[TAR_BLOCK];	/* a block that came in pieces */
	size_t have;
	uint64_t left;			/* content bytes still in the stream */
	uint64_t padding;
	struct tar_header head;
	struct tar_entry entry;
	uint8_t name[100 + 1 + 155], link[100];	/* those of the header, which is gone while the content is read */
	/* what special entries said about the next one; forgotten at the header behind it */
	bool shown;
	struct buf special, pax_text, long_name, long_link;
	struct pax pax;
	struct sparse sparse;
	size_t part;			/* of the sparse file: the next data part */
	uint64_t pos;			/* in the sparse file */
	uint64_t hole_bytes;
	struct tar_result result;
};

/* A whole block in a state that takes blocks; the content of a special entry is whole. */
[[nodiscard]] enum err_code tar_on_block(struct tar_reader *r, const uint8_t *b, struct err *e);
[[nodiscard]] enum err_code tar_on_special(struct tar_reader *r, struct err *e);
static inline void tar_after_content(struct tar_reader *r) { r->state = r->padding ? PADDING : HEADER; }
