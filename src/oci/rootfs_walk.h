/* Walks a directory without following links and hands out its entries; directories come before what is in them, names sorted. */
#pragma once
#include <sys/stat.h>
#include "source.h"

enum { WALK_MAX_DEPTH = 400, WALK_MAX_PATH = 64 << 10 };

struct walk_entry {
	struct slice path;	/* relative; valid until the next call */
	struct stat st;
	struct slice link;	/* of a symbolic link */
	int fd;			/* of a regular file, the caller's to close; -1 when it cannot be read (already noted) */
	int sys;		/* why not, or 0 */
};
typedef enum err_code walk_bad_fn(void *arg, struct slice path, int sys, struct err *e);

struct walk;
[[nodiscard]] enum err_code walk_open(int root, walk_bad_fn *bad, void *arg, struct walk **ret,
					 struct err *e);	/* root stays the caller's */
[[nodiscard]] enum err_code walk_next(struct walk *w, struct walk_entry *ret, bool *ret_end, struct err *e);
void walk_close(struct walk *w);
