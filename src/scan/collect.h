/* Within the room: facts of all layers become a report's packages, coverage and findings. */
#pragma once
#include "effective.h"
#include "engine.h"
#include "hardlinks.h"
#include "judge.h"
#include "programs.h"
#include "reach.h"

struct collect {
	struct scan_engine *s;
	struct report *r;
	struct threat_judge *judge;
	struct reach *reach;
	struct facts_file *const *files;
	int n_layers;
	unsigned os_rank;		/* of the os-release file taken so far; 0 none */
	struct programs programs;
	bool *skip_path_used;
	struct fact *group;		/* facts of one file, contiguous for the judge */
	size_t cap_group;
	struct hard_links *links;
	uint64_t jars, gems, crates;	/* packages seen of ecosystems that are not matched: an image of them must not read as clean */
};
[[nodiscard]] enum err_code collect_run(struct collect *c, const struct facts_file *pseudo, struct err *e);
/* The facts [from, to) of p, all of one layer and one inner path, given to the judge as f's. `at` is NULL for the config. */
[[nodiscard]] enum err_code collect_judge_group(struct collect *c, const struct effective_path *p, const struct at_layer *at, struct judge_file *f,
						size_t from, size_t to, struct err *e);
[[nodiscard]] enum err_code collect_config(struct collect *c, const struct facts_file *pseudo, struct err *e);
bool collect_has_program(void *arg, struct slice basename);
bool collect_has_path(void *arg, struct slice path);
void collect_free(struct collect *c);
/* "/usr/x" or "/a.jar!/b", in the report's arena. */
struct slice collect_display_path(struct arena *a, struct slice path, struct slice inner);
/* A gap of a layer or a file, in the report and for the judge. */
[[nodiscard]] enum err_code collect_skip(struct collect *c, int layer, struct slice path, const char *reason, const char *detail, int cls,
					 uint64_t bytes, struct err *e);
