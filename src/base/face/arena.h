/* A budgeted arena: one per job; everything in it is freed at once. Not thread-safe. */
#pragma once
#include "err.h"
#include "slice.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used_bytes;	/* what was handed out and what the blocks cost */
	size_t max_bytes;
	bool failed;		/* sticky: an allocation was refused */
};

#define ARENA(budget_bytes) ((struct arena){ .max_bytes = (budget_bytes) })
void arena_free(struct arena *a);
#define AUTO_ARENA [[gnu::cleanup(arena_free)]] struct arena

/* Frees at once what was allocated behind a mark, and clears `failed`. Marks nest. */
struct arena_mark { struct arena_block *head; size_t used, used_bytes; };
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* Zeroed, aligned to 16; NULL (and failed is set) when over budget or out of memory. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size);	/* checked multiplication */
/* Copies; the copy is NUL-terminated behind its n bytes. {NULL,0} on failure. */
struct slice arena_dup(struct arena *a, struct slice s);
char *arena_strdup(struct arena *a, const char *s);
char *arena_slice_cstr(struct arena *a, struct slice s);
[[gnu::format(printf, 2, 3)]] struct slice arena_printf(struct arena *a, const char *fmt, ...);
[[nodiscard]] enum err_code arena_ok(const struct arena *a, const char *what, struct err *e);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Grows an arena-backed array of *count items; returns the new item, zeroed, or NULL. Doubles; the old copies stay in the arena. */
void *arena_push(struct arena *a, void *items_ptr, size_t *count, size_t *cap, size_t item_size);
/* ARENA_PUSH(&arena, v) for a struct with fields `.items`, `.n`, `.cap`. */
#define ARENA_PUSH(a, v) ((typeof((v)->items))arena_push((a), &(v)->items, &(v)->n, &(v)->cap, sizeof(*(v)->items)))
