/* Pages of an SQLite file with its log laid over. */
#pragma once
#include "sqlite.h"

struct wal_page { uint32_t number, frame; };
struct sqlite_pages {
	struct slice db, wal;
	uint32_t page_bytes, usable_bytes, n_pages;
	struct wal_page *over;	/* sorted by number: the pages whose newest version is in the log */
	size_t n_over;
};

/* Finds the log's committed frames and reads the file's header; `a` holds the overlay. */
[[nodiscard]] enum err_code sqlite_pages_open(struct slice db, struct slice wal, struct arena *a, struct sqlite_pages *ret,
					      struct sqlite_wal_info *ret_wal, struct err *e);
/* Page 1 is the first; {NULL,0} when there is no such page. */
struct slice sqlite_page(const struct sqlite_pages *p, uint32_t number);
