#include "programs.h"
#include <stdlib.h>

enum { MOST_PROGRAMS = 1 << 20 };

static bool grow(struct programs *s)
{
	size_t cap = s->cap ? s->cap * 2 : 4096;
	uint64_t *grown = calloc(cap, sizeof(*grown));
	if (!grown)
		return false;
	for (size_t i = 0; i < s->cap; i++) {
		size_t at = s->set[i] & (cap - 1);
		while (s->set[i] && grown[at])
			at = (at + 1) & (cap - 1);
		if (s->set[i])
			grown[at] = s->set[i];
	}
	free(s->set);
	s->set = grown;
	s->cap = cap;
	return true;
}

static struct slice base_name(struct slice path) { return slice_from(path, (size_t)(slice_rfind_byte(path, '/') + 1)); }

void programs_note(struct programs *s, struct slice path, const struct fact_entry *en)
{
	bool file = en->kind == ENTRY_FILE && (en->mode & 0111) &&
		    (en->file_class == FILE_ELF || en->file_class == FILE_ELF_LIB || en->file_class == FILE_SCRIPT);
	bool link = (en->kind == ENTRY_SYMLINK || en->kind == ENTRY_HARDLINK) && slice_find(path, SL("bin/")) >= 0;
	if (!(file || link) || s->n >= MOST_PROGRAMS)
		return;
	uint64_t h = slice_hash(base_name(path)) | 1;
	if (s->n * 2 >= s->cap && !grow(s))
		return;
	size_t at = h & (s->cap - 1);
	while (s->set[at] && s->set[at] != h)
		at = (at + 1) & (s->cap - 1);
	if (!s->set[at]) {
		s->set[at] = h;
		s->n++;
	}
}

bool programs_has(const struct programs *s, struct slice name)
{
	uint64_t h = slice_hash(name) | 1;
	if (!s->cap)
		return false;
	size_t at = h & (s->cap - 1);
	while (s->set[at] && s->set[at] != h)
		at = (at + 1) & (s->cap - 1);
	return s->set[at] == h;
}

void programs_free(struct programs *s)
{
	free(s->set);
	*s = (struct programs){ 0 };
}
