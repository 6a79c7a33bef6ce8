/* Within the room: the file system that a container sees, computed from the layers' facts (OCI image-spec, layer.md: whiteouts, opaque
 * directories; what replaces what as overlayfs and the runtimes' untar do it). Nothing is ever unpacked. */
#pragma once
#include "facts_file.h"

/* What one layer says about one path. */
struct at_layer {
	int layer;
	bool present, whiteout, opaque;
	struct fact_entry entry;	/* when present: the last of equal names */
};

/* Who is seen at a path. floor: entries of lower layers are hidden (by what stands at the directories above). */
struct seen {
	int layer;		/* -1: nothing is seen */
	int floor;		/* for this path: after its whiteouts */
	int child_floor;	/* for what is below it */
	bool is_dir;
};
/* `at` is ordered by layer, lowest first. */
struct seen effective_resolve(const struct at_layer *at, size_t n, int floor);

/* --- Everything, in path order ------------------------------------------------------------------------------------ */

struct owned_row { int layer; bool current; /* its package list is the visible one */ struct fact_owned owned; };
struct layer_fact { int layer; struct fact fact; };

struct effective_path {		/* all slices live until visit returns; those of facts longer: as long as the facts files */
	struct slice path;
	const struct at_layer *at;	/* by layer */
	size_t n_at;
	struct seen seen;
	bool below_link;		/* an upper layer put something below what a lower one made a link or a file */
	const struct layer_fact *facts;	/* section OTHERS at this path, by layer, then in the worker's order */
	size_t n_facts;
	const struct owned_row *owned;
	size_t n_owned;
};
typedef enum err_code effective_fn(void *arg, const struct effective_path *p, struct err *e);
/* files[i] may be NULL (a layer that was not inspected). */
[[nodiscard]] enum err_code effective_walk(struct facts_file *const *files, int n_layers, effective_fn *visit, void *arg, struct err *e);

/* --- Single paths --------------------------------------------------------------------------------------------------- */

struct effective_fs;
[[nodiscard]] enum err_code effective_fs_open(struct facts_file *const *files, int n_layers, struct effective_fs **ret, struct err *e);
void effective_fs_close(struct effective_fs *fs);	/* takes NULL */
/* Without following links. ret_seen->layer is -1 when nothing is there. The entry's slices live as long as the facts files. */
[[nodiscard]] enum err_code effective_lookup(struct effective_fs *fs, struct slice path, struct seen *ret_seen, struct fact_entry *ret_entry,
					     struct err *e);
/* Follows symbolic and hard links everywhere (at most 40), never out of the root. *ret_path is where the content stands (in *scratch's
 * arena), *ret_layer whose it is; ERR_NOT_FOUND. */
[[nodiscard]] enum err_code effective_follow(struct effective_fs *fs, struct slice path, struct arena *a, struct slice *ret_path, int *ret_layer,
					     struct fact_entry *ret_entry, struct err *e);
