/* What a file read as code leads to: FACT_SCRIPT.refs. */
#pragma once
#include "view.h"

struct refs { struct arena *a; struct buf list; struct { uint64_t hash; } seen[1024]; size_t n; bool full, only_paths; };
enum { REFS_MAX = 512, REF_BYTES_MAX = 256 };

/* kind: 'x' runs, 's' sources, 'm' imports, 'w' writes. Words with variables or spaces in them are not kept. */
void refs_add(struct refs *r, char kind, struct slice word);
/* What the text says by its language or its place (crontab, systemd unit, .pth, package.json). */
void refs_of_language(struct refs *r, struct slice text, enum script_lang lang);
/* Commands in a configuration file, one a line, as shell text; false when the path names none of that kind. */
bool refs_commands(const struct threat_file *f, struct slice text, struct buf *ret_commands, struct refs *r);
