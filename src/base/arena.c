#include "base.h"
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	_Alignas(16) uint8_t data[];
};

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 1 << 20 };

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ .max_bytes = a->max_bytes };
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->head ? a->head->used : 0, a->used_bytes };
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	while (a->head && a->head != mark.head) {
		struct arena_block *next = a->head->next;
		free(a->head);
		a->head = next;
	}
	if (a->head) {	/* what is handed out again must be zero again */
		memset(a->head->data + mark.used, 0, a->head->used - mark.used);
		a->head->used = mark.used;
	}
	a->used_bytes = mark.used_bytes;
	a->failed = false;
}

static void *refuse(struct arena *a)
{
	a->failed = true;
	return NULL;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t need;
	if (!add_ok(size, (size_t)15, &need))
		return refuse(a);
	need &= ~(size_t)15;
	if (!need)
		need = 16;
	struct arena_block *b = a->head;
	if (!b || b->cap - b->used < need) {
		size_t cap = b ? MIN(b->cap * 2, (size_t)LARGEST_BLOCK) : (size_t)FIRST_BLOCK, total;
		cap = MAX(cap, need);
		if (!add_ok(cap, sizeof(*b), &total) || total > a->max_bytes - MIN(a->used_bytes, a->max_bytes)) {
			/* Near the budget's end a block of just the needed size may still fit. */
			cap = need;
			if (!add_ok(cap, sizeof(*b), &total) || total > a->max_bytes - MIN(a->used_bytes, a->max_bytes))
				return refuse(a);
		}
		/* calloc: fresh pages come zeroed without being touched. */
		struct arena_block *fresh = calloc(1, total);
		if (!fresh)
			return refuse(a);
		fresh->cap = cap;
		fresh->next = b;
		a->head = b = fresh;
		a->used_bytes += total;
	}
	void *p = b->data + b->used;
	b->used += need;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t total;
	return mul_ok(count, size, &total) ? arena_alloc(a, total) : refuse(a);
}

struct slice arena_dup(struct arena *a, struct slice s)
{
	size_t total;
	uint8_t *p = add_ok(s.n, (size_t)1, &total) ? arena_alloc(a, total) : refuse(a);
	if (!p)
		return SLICE_NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

char *arena_slice_cstr(struct arena *a, struct slice s) { return (char *)(uintptr_t)arena_dup(a, s).p; }
char *arena_strdup(struct arena *a, const char *s) { return arena_slice_cstr(a, slice_str(s)); }

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
	char brief[256];	/* most are: formatted once only */
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(brief, sizeof(brief), fmt, ap);
	char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
	if (p && (size_t)n < sizeof(brief))
		memcpy(p, brief, (size_t)n + 1);
	else if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p ? slice_of(p, (size_t)n) : SLICE_NULL;
}

enum err_code arena_ok(const struct arena *a, const char *what, struct err *e)
{
	if (!a->failed)
		return OK;
	return err_set(e, ERR_NOMEM, 0, "%s needs more than its memory budget of %zu bytes", what, a->max_bytes);
}

void *arena_push(struct arena *a, void *items_ptr, size_t *count, size_t *cap, size_t item_size)
{
	void *items;
	memcpy(&items, items_ptr, sizeof(items));
	if (*count == *cap) {
		size_t more = *cap ? *cap * 2 : 8;
		void *fresh = arena_calloc(a, more, item_size);
		if (!fresh)
			return NULL;
		if (*count)
			memcpy(fresh, items, *count * item_size);
		items = fresh;
		memcpy(items_ptr, &items, sizeof(items));
		*cap = more;
	}
	return (uint8_t *)items + (*count)++ * item_size;
}
