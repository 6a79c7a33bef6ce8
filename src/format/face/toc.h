/* Tables of contents of lazily pulled layers (eStargz's stargz.index.json, zstd:chunked's manifest: the same JSON). A runtime that
 * pulls lazily believes the table, all others believe the tar; so both must say the same. Comparison in constant memory: a sum over
 * hashes of what each entry says (name, type, size, link), and exact digests for files whose SHA-256 is known. */
#pragma once
#include "base.h"

/* Independent of order; addition, so that an entry that stands twice counts twice. */
struct toc_sum { uint64_t a, b, entries; };

struct toc_row {
	struct slice name;	/* cleaned: no "./", no slashes at its ends; whiteouts: the path that is removed */
	uint8_t type;		/* as ENTRY_... of facts.h */
	uint64_t size;		/* of regular files, else 0 */
	struct slice link;	/* raw target of symbolic links, cleaned one of hard links */
	bool has_sha256;
	uint8_t sha256[32];
};

void toc_sum_add(struct toc_sum *s, const struct toc_row *row);
static inline bool toc_sum_eq(const struct toc_sum *x, const struct toc_sum *y) { return x->a == y->a && x->b == y->b && x->entries == y->entries; }
/* A hash of a name for tables of the caller's. */
uint64_t toc_name_hash(struct slice name);

/* The table itself: in the tar, but not in the table. */
bool toc_is_own_entry(struct slice name);

/* Calls fn for each entry of the table; ERR_FORMAT when it is no table. Slices live until fn returns. `scratch` is for names with
 * escapes; it is rewound after each row. */
typedef enum err_code toc_row_fn(void *arg, const struct toc_row *row, struct err *e);
[[nodiscard]] enum err_code toc_parse(struct slice json, struct arena *scratch, toc_row_fn *fn, void *arg, struct err *e);
