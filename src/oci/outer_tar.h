/* The outer tar of docker-archive: and oci-archive:. Small and strict (ustar, PAX, GNU long names); layers have a reader of their own. */
#pragma once
#include "source.h"

enum { OUTER_MAX_NAME = 4096, OUTER_MAX_PAX = 1 << 20, OUTER_MAX_LINKS = 8 };

/* Where bytes come from: a seekable file (fd >= 0) or a stream. */
struct outer_in {
	int fd;
	uint64_t file_size;	/* of fd */
	struct stream *st;
	uint64_t pos;
};
/* All n bytes or ERR_FORMAT; `what` is named in the message. */
[[nodiscard]] enum err_code outer_read(struct outer_in *in, void *dst, size_t n, struct slice what, struct err *e);
[[nodiscard]] enum err_code outer_skip(struct outer_in *in, uint64_t n, struct slice what, struct err *e);

struct outer_member {
	struct slice name;	/* clean: no leading "/" or "./", no "..", no empty piece */
	struct slice link;	/* where a symbolic or hard link leads, clean, from the archive's root */
	uint64_t offset, size;	/* of the content */
	enum { OUTER_FILE, OUTER_LINK, OUTER_OTHER } kind;
	struct slice kept;	/* streams: JSON that was kept */
	bool pumped;		/* streams: on_blob was called with it */
};
struct outer_index { struct outer_member *items; size_t n, cap; bool sorted; };

/* The next file or link, with in at the start of its content; *ret_end when there is no more. */
[[nodiscard]] enum err_code outer_next(struct outer_in *in, struct arena *a, struct outer_member *ret, bool *ret_end,
					 struct err *e);
static inline uint64_t outer_padding(uint64_t size) { return (512 - size % 512) % 512; }
/* Sorts by name; two files of one name are ERR_FORMAT. */
[[nodiscard]] enum err_code outer_index_sort(struct outer_index *x, struct err *e);
/* The file of that (clean) name, through at most OUTER_MAX_LINKS links. ERR_NOT_FOUND when there is none. */
[[nodiscard]] enum err_code outer_find(const struct outer_index *x, struct slice name, const struct outer_member **ret,
					 struct err *e);
/* Takes "./a//b/../c" apart relative to `dir`; ERR_FORMAT when it is absolute, leads out, or has a NUL. `dir` empty: no ".." is taken. */
[[nodiscard]] enum err_code outer_clean(struct slice dir, struct slice path, struct arena *a, struct slice *ret, struct err *e);
