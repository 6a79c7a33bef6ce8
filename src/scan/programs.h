/* Within the room: base names of the programs a container sees, as a set of hashes. */
#pragma once
#include "facts.h"

struct programs { uint64_t *set; size_t n, cap; };
/* Takes executables and links in some "bin" directory; other entries are none. A set that cannot grow stays as it is: it only helps names. */
void programs_note(struct programs *s, struct slice path, const struct fact_entry *entry);
bool programs_has(const struct programs *s, struct slice base_name);
void programs_free(struct programs *s);
