/* Judging: the facts of an image become findings. Runs in the parent, over facts only; never looks at file contents.
 *
 * Order: threat_judge_open, threat_judge_file for every regular file that has facts or digests (and for each pseudo file of the config),
 * threat_judge_config, threat_judge_finish. Findings are added to the report by finish only. */
#pragma once
#include "facts.h"
#include "finding.h"
#include "intel.h"

struct judge_options {
	unsigned max_evidence;	/* pieces of evidence kept for one finding; 0: 50 */
};

/* One file of one layer, or a part of the image's config ("config:Entrypoint", "history:3": layer -1, reachable). All slices live until
 * threat_judge_file returns. Facts of nested files come with their outermost file's path and their own `inner`: one call each.
 * Device nodes and other entries that are no files are told by their mode and numbers: pass them, too. */
struct judge_file {
	int layer;			/* index into report->layers, -1: the config */
	struct slice path, inner;	/* as in facts.h */
	const struct fact_entry *entry;	/* this very file's (a nested file's own), or NULL */
	const struct fact_elf *elf;	/* or NULL */
	const struct fact_script *script;	/* or NULL */
	const struct fact *facts;	/* signs, tokens, yara, integrity, skipped of this file */
	size_t n_facts;
	bool hidden;			/* a later layer overwrote or deleted it */
	bool reachable;			/* the entrypoint, a cron table, a unit ... leads to it */
	bool owned;			/* a distribution's package claims it and the digest matches */
	bool owned_mismatch;		/* a package claims it, the digest differs (conffiles and diversions excluded) */
	struct slice owner;		/* "deb:curl" when owned or owned_mismatch */
};

struct threat_judge;

[[nodiscard]] enum err_code threat_judge_open(struct report *r, const struct intel *in, const struct judge_options *opt,
					      struct threat_judge **ret, struct err *e);
[[nodiscard]] enum err_code threat_judge_file(struct threat_judge *j, const struct judge_file *f, struct err *e);
/* A FACT_SKIPPED or FACT_INTEGRITY of a whole layer (no file). */
[[nodiscard]] enum err_code threat_judge_layer_fact(struct threat_judge *j, int layer, const struct fact *f, struct err *e);
/* User, ports, environment, labels of report->config. */
[[nodiscard]] enum err_code threat_judge_config(struct threat_judge *j, struct err *e);
/* Joins what belongs together over the whole image, joins report->packages and ->reference with intelligence, adds all findings (sealed).
 * report->skipped and ->complete are not touched. */
[[nodiscard]] enum err_code threat_judge_finish(struct threat_judge *j, struct err *e);
void threat_judge_close(struct threat_judge *j);	/* takes NULL */
static inline void threat_judge_cleanup(struct threat_judge **j) { threat_judge_close(*j); }
#define AUTO_JUDGE [[gnu::cleanup(threat_judge_cleanup)]] struct threat_judge *

/* The whole image as names_judge sees it. The callbacks answer for the file system that a container sees. */
struct image_view {
	struct report *report;		/* reference, config, packages, os */
	bool (*has_program)(void *arg, struct slice basename);	/* any visible executable file or link with that base name */
	bool (*has_path)(void *arg, struct slice path);		/* any visible entry with this path ("usr/lib/jvm") */
	void *arg;
};
