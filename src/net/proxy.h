/* Which proxy the environment wants for a URL; the rules are curl's. */
#pragma once
#include "url.h"

typedef const char *proxy_env_fn(const char *name);	/* getenv, or a test's */
/* "" for none. The text is the environment's. */
const char *proxy_for(const struct url *u, proxy_env_fn *env);
