/* Within the room: what hard links mean across layers. A file that a later layer deleted or replaced at its own path may still be shown by
 * a link; a link to what is not there is one that runtimes fail at. Goes along with effective_walk, so that no path is looked up twice. */
#pragma once
#include "effective.h"

struct hard_links;
/* A link of `layer` at `path` whose target neither that layer nor those below it have. */
typedef enum err_code hard_link_missing_fn(void *arg, int layer, struct slice path, struct err *e);

/* ERR_LIMIT: more links than are looked at. */
[[nodiscard]] enum err_code hard_links_open(struct facts_file *const *files, int n_layers, struct hard_links **ret, struct err *e);
void hard_links_close(struct hard_links *h);	/* takes NULL */
/* For every path that effective_walk visits, in its order; NULL after the last. */
[[nodiscard]] enum err_code hard_links_visit(struct hard_links *h, const struct effective_path *p, hard_link_missing_fn *missing, void *arg,
					     struct err *e);
/* Whether a link that a container sees leads to what `layer` has at the path visited last. */
bool hard_links_show(const struct hard_links *h, int layer);
