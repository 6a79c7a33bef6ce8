/* Garbage collection, retention, expiry: what happens by itself. */
#pragma once
#include "inside.h"

/* The collector's thread: every gc_every, on one node at a time; nobody waits for it. */
[[nodiscard]] enum err_code keep_open(struct gateway *g, struct err *e);
void keep_close(struct gateway *g);
/* Called a few times a second by the keeper thread: does what is due, a bounded piece at a time. */
void keep_tick(struct gateway *g, const _Atomic bool *stop);
/* The configuration's rules, for who collects out of turn. */
struct store_keep_rules;
void keep_rules(struct gateway *g, struct store_keep_rules *ret);
