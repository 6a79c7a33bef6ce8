/* A layer's facts on disk: three sections (entries, owned paths, everything else), each sorted by path, cut into front-coded blocks
 * with a checksum, and a footer with the index. Written once, atomically; read through a shared mapping.
 *
 * A file is a cache of our own: 0600 in a directory that only its owner may write. The checksums find damage, not forgery. */
#pragma once
#include "facts.h"

enum facts_section { SECTION_ENTRIES, SECTION_OWNED, SECTION_OTHERS, SECTION_COUNT };

/* --- Writing ----------------------------------------------------------------------------------------------------- */

/* Takes facts in any order with bounded memory: sorted chunks of 4 MiB, spilled to unnamed files in dir and merged at the end. */
struct facts_writer;
/* `path`: where the file appears when it is complete; NULL: it stays unnamed and goes with its reader, unless it is named before the end. */
[[nodiscard]] enum err_code facts_writer_open(const char *dir, const char *path, struct facts_writer **ret, struct err *e);
/* Names the file when its digest is known only now. */
[[nodiscard]] enum err_code facts_writer_name(struct facts_writer *w, const char *path, struct err *e);
/* `encoded` is what fact_encode made of f. Duplicate paths, and a path beside its own whiteout, become FACT_INTEGRITY by themselves. */
[[nodiscard]] enum err_code facts_writer_add(struct facts_writer *w, const struct fact *f, struct slice encoded, struct err *e);
struct facts_file;
/* Ends the file and opens it for reading. In every case w is closed. */
[[nodiscard]] enum err_code facts_writer_finish(struct facts_writer *w, struct facts_file **ret, struct err *e);
void facts_writer_abort(struct facts_writer *w);	/* takes NULL */

/* --- Reading ----------------------------------------------------------------------------------------------------- */

/* ERR_NOT_FOUND: no such file; ERR_FORMAT: damaged or of another version (delete it and compute the facts again). */
[[nodiscard]] enum err_code facts_file_open(const char *path, struct facts_file **ret, struct err *e);
void facts_file_close(struct facts_file *f);	/* takes NULL */
const struct fact_end *facts_file_end(const struct facts_file *f);
const struct fact_hello *facts_file_hello(const struct facts_file *f);
uint64_t facts_file_count(const struct facts_file *f, enum fact_type t);
/* The distinct `source` paths of its owned facts, in path order. */
void facts_file_sources(const struct facts_file *f, const struct slice **ret, size_t *ret_n);

/* Walks one section in path order. A fact's path is valid until the next call, its other slices as long as the file. */
struct facts_cursor {
	const struct facts_file *file;
	enum facts_section section;
	size_t block;		/* index of the next block */
	struct rd rd;		/* within the current one */
	struct buf path;	/* the current path */
	bool checked_ok;
};
void facts_cursor_init(struct facts_cursor *c, const struct facts_file *f, enum facts_section s);
void facts_cursor_free(struct facts_cursor *c);
/* ERR_NOT_FOUND at the end; ERR_FORMAT when a block is damaged. */
[[nodiscard]] enum err_code facts_cursor_next(struct facts_cursor *c, struct fact *ret, struct err *e);
/* Before the block that may hold the first fact with a path >= `path` (the caller skips smaller ones). */
[[nodiscard]] enum err_code facts_cursor_seek(struct facts_cursor *c, struct slice path, struct err *e);
