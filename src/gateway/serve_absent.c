/* Until the handlers are here; goes with their arrival. */
#include "inside.h"

static void absent(struct call *c) { http_respond(c->r, 501, "text/plain", SL("not in this build\n")); }

[[gnu::weak]] void api_dispatch(struct call *c) { absent(c); }
