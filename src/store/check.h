/* Within the check.
 *   check.c       blobs, uploads, the order of things
 *   check_rows.c  what rows say of each other            check_bodies.c  manifests, reports */
#pragma once
#include "store_check.h"

struct check {
	struct store *s;
	const struct store_check_options *o;
	struct store_check_counts *n;
};
/* Counts and reports; with `repair` and fn, runs fn as a transaction first. */
[[nodiscard]] enum err_code check_found(struct check *k, struct store_problem *p, sql_tx_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code check_rows(struct check *k, struct err *e);
[[nodiscard]] enum err_code check_bodies(struct check *k, struct err *e);
