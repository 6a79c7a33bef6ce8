/* Within the room: which files the image's own commands lead to (SCAN.md 11). */
#pragma once
#include "effective.h"
#include "finding.h"

struct reach;
struct reach_missing { struct slice word, where; bool volume; };	/* a program that `where` runs and nobody can inspect */
struct reach_missing_list { struct reach_missing *items; size_t n, cap; };

/* Follows Entrypoint, Cmd, Healthcheck, the environment's hooks, cron tables, ld.so.preload, profile.d and what scripts run and source,
 * to depth 8, at most 1,024 files. `pseudo` are the config's facts (may be NULL). */
[[nodiscard]] enum err_code reach_compute(struct facts_file *const *files, int n_layers, const struct facts_file *pseudo,
					  const struct image_config *config, struct arena *a, struct reach **ret, struct err *e);
bool reach_has(const struct reach *r, int layer, struct slice path);
const struct reach_missing_list *reach_missing(const struct reach *r);
void reach_close(struct reach *r);	/* takes NULL */
/* Any visible entry with this path, links followed. */
bool reach_path_exists(struct reach *r, struct slice path);
