/* The advisory database: one sorted table of rows (key -> value) in checksummed blocks, little endian.
 *
 *	header, DB_HEADER bytes
 *		 0 magic "PABEADV1"       8 u32 version           12 u32 number of blocks
 *		16 u64 built, s          24 u64 file size         32 u64 index offset      40 u64 index size
 *		48 u64 index checksum    56 u64 size of the index's keys                   64 u64 checksum of bytes 0..63
 *	blocks, one behind the other: u32 rows, u32 offset of each row, rows (varint key size, key, varint value size, value)
 *	index: per block u64 offset, u64 checksum, u32 size, u32 offset of its first key in the keys; then the keys; then the summary
 *	summary: lists of ecosystems and releases, counts (db_summary in db_write.c)
 *
 * Keys, parts separated by NUL:
 *	"A" ecosystem-with-release, package, record id, index	-> struct affected (record.h)
 *	"C" CVE or other id, tag 'e' | 'k' | 'n' | 's' + ecosystem, record id
 *								-> EPSS, KEV, NVD, what a record says of that id
 *	"R" ecosystem, record id				-> struct record (record.h)
 */
#pragma once
#include "advisory.h"
#include "os.h"

enum { DB_HEADER = 72, DB_VERSION = 1, DB_INDEX_ENTRY = 24, DB_BLOCK_TARGET = 4 << 10, DB_MAX_ROW = 8 << 20, DB_MAX_KEY = 1024,
       DB_MAX_RELEASES = 16384, DB_MAX_ECOSYSTEMS = 1024 };
#define DB_MAGIC "PABEADV1"
#define DB_NAME ADVISORY_DB_NAME

/* A fast checksum against damage (not against a writer). */
uint64_t db_sum(struct slice s);

struct row { struct slice key, value; };
/* Rows in ascending order of keys; a row borrows until the next call. */
struct row_source {
	enum err_code (*next)(struct row_source *s, struct row *ret, bool *ret_more, struct err *e);
};

/* The base ("Debian") of an ecosystem with release ("Debian:12"). */
static inline struct slice eco_base(struct slice ecosystem)
{
	ptrdiff_t colon = slice_find_byte(ecosystem, ':');
	return colon < 0 ? ecosystem : slice_upto(ecosystem, (size_t)colon);
}
/* The parts of a key; missing ones are empty. Returns how many there are. */
struct row_key { uint8_t kind; struct slice part[4]; };
size_t row_key_split(struct slice key, struct row_key *ret);
/* The ecosystem without release that a row belongs to; empty for 'e', 'k', 'n' rows, whose *ret_tag is set. */
struct slice row_base(struct slice key, uint8_t *ret_tag);

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct advisory_db {
	struct os_map map;
	uint64_t built_s;
	uint32_t n_blocks;
	const uint8_t *entries, *keys;
	uint64_t keys_bytes;
	uint8_t *checked;	/* per block, set when its checksum was found right */
	struct arena arena;	/* the summary */
	struct advisory_status status;
};

/* Waits for the lock file DIR/NAME; the lock goes with the descriptor. */
[[nodiscard]] enum err_code db_lock(const char *dir, const char *name, int *ret_fd, struct err *e);
/* The database in an open file; the descriptor stays the caller's. */
[[nodiscard]] enum err_code db_open_fd(int fd, struct advisory_db **ret, struct err *e);

struct db_iter { struct row_source source; struct advisory_db *db; uint32_t block, row, n_rows; struct slice bytes; };
/* At the first row whose key is not below `key`. */
[[nodiscard]] enum err_code db_seek(struct advisory_db *db, struct slice key, struct db_iter *ret, struct err *e);
[[nodiscard]] enum err_code db_next(struct db_iter *it, struct row *ret, bool *ret_more, struct err *e);
/* The next row whose key starts with prefix. */
[[nodiscard]] enum err_code db_next_of(struct db_iter *it, struct slice prefix, struct row *ret, bool *ret_more, struct err *e);

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* Sorts any number of rows with bounded memory, spilling to fd. Of rows with the same key the one added last stays. */
struct sorter;
[[nodiscard]] enum err_code sorter_open(int spill_fd, struct sorter **ret, struct err *e);
void sorter_close(struct sorter *s);
[[nodiscard]] enum err_code sorter_add(struct sorter *s, struct slice key, struct slice value, struct err *e);
/* Merges what was added with `older` (NULL: none), whose rows give way to newer ones. Then rows come out by sorter_next, without those
 * that keep says no to: such a row hides no other. */
typedef bool sorter_keep_fn(void *arg, struct slice key, bool is_older);
[[nodiscard]] enum err_code sorter_merge(struct sorter *s, struct row_source *older, sorter_keep_fn *keep, void *arg, struct err *e);
[[nodiscard]] enum err_code sorter_next(struct sorter *s, struct row *ret, bool *ret_more, struct err *e);

struct db_writer;
[[nodiscard]] enum err_code db_writer_open(int fd, struct db_writer **ret, struct err *e);
void db_writer_close(struct db_writer *w);	/* takes NULL */
[[nodiscard]] enum err_code db_writer_add(struct db_writer *w, const struct row *r, struct err *e);
struct db_source { struct slice base, text; uint64_t imported_s; };	/* where an ecosystem came from */
[[nodiscard]] enum err_code db_writer_finish(struct db_writer *w, uint64_t built_s, const struct db_source *sources, size_t n, struct err *e);
