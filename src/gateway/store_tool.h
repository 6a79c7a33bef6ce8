/* Within the tools for people (store_*.c). */
#pragma once
#include "gateway_store.h"
#include "inside.h"
#include "store_layout.h"

/* Images as people write them: HOST:PORT/ (this registry's own, or any with a port) is cut off. tag or digest is set; "latest"
 * when neither is written. In the arena. */
[[nodiscard]] enum err_code store_tool_reference(const struct gateway *g, const char *text, struct arena *a,
						 struct slice *ret_repository, struct slice *ret_tag, struct slice *ret_digest,
						 struct err *e);
/* A call of nobody in particular in this repository: what anybody may pull. ERR_USAGE: no such name is possible here. */
[[nodiscard]] enum err_code store_tool_call(struct gateway *g, struct slice repository, struct call *ret, struct err *e);
