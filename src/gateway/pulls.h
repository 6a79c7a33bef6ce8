/* Who pulled what: gathered in memory, written once a second (table pull; GATE.md 24). */
#pragma once
#include "inside.h"

struct pulls;
[[nodiscard]] enum err_code pulls_open(struct pulls **ret, struct err *e);
void pulls_close(struct pulls *p);	/* takes NULL */
/* A manifest went out. Never blocks on the database; when more different ones than fit come within a second, the rest of that second's is counted as lost. */
void pulls_note(struct pulls *p, struct slice repository, struct slice digest, const char *account, const char *address);
[[nodiscard]] enum err_code pulls_flush(struct gateway *g, struct pulls *p, struct err *e);
uint64_t pulls_lost(struct pulls *p);
