/* Garbage collection, retention, expiry: what happens by itself. */
#pragma once
#include "inside.h"

/* Called a few times a second by the keeper thread: does what is due, a bounded piece at a time. */
void keep_tick(struct gateway *g, const _Atomic bool *stop);
