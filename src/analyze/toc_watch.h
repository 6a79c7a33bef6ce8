/* Within the room: what is remembered of a layer's entries, in case a table of contents for lazy pulling comes with them. */
#pragma once
#include "analyze.h"

struct toc_watch;
/* In the layer's arena; NULL without memory. */
struct toc_watch *toc_watch_open(struct analyze_ctx *ctx);
void toc_watch_entry(struct toc_watch *w, const struct fact *entry);
