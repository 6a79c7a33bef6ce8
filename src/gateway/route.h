/* Within routing. */
#pragma once
#include "inside.h"

/* A page of an attacker whose name was rebound to this address would say its own name. Addresses cannot be rebound. */
bool route_host_is_ours(struct gateway *g, struct slice host);
/* A change that another site's page asks for. */
bool route_is_foreign_page(struct call *c);
/* Sets c->peer: behind a proxy that is trusted, the nearest address in X-Forwarded-For that is no such proxy. */
void route_find_peer(struct call *c);
