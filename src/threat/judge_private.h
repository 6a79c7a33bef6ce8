/* What the parts of the judge share. A draft is a finding in the making: facts of many files may add to one. */
#pragma once
#include "judge.h"
#include "rules.h"

enum {
	DRAFT_EVIDENCE = 50,		/* default for judge_options.max_evidence */
	FILE_EVIDENCE = 6,		/* pieces one file gives to one finding */
	SEEN_PLACES = 8,		/* places kept for one sign over the whole image */
	LIST_HOSTS = 12,		/* so many listed hosts in one file that nothing runs: a block list */
};

struct draft {
	struct finding f;		/* evidence, texts; in the report's arena */
	uint64_t hash, count;		/* count: pieces seen, also those not kept */
	size_t last_file;		/* number of the file that added last, and how many pieces it gave */
	unsigned from_file;
	bool shown_any, unowned_any, base_all, dropped;
};

/* Where a sign was seen: copies, so that image-wide rules can show it at the end. */
struct place { int layer; struct slice path, sha256, excerpt, subject; uint64_t offset; bool hidden, reachable, owned; uint32_t classes; };
struct seen { struct place places[SEEN_PLACES]; unsigned n; };

struct threat_judge {
	struct report *r;
	const struct intel *intel;
	unsigned max_evidence;
	struct { struct draft **items; size_t n, cap; } drafts;
	uint32_t *slots;		/* hash table over drafts: index + 1 */
	size_t n_slots;
	struct seen **seen;		/* one a sign, NULL when never seen */
	size_t files;			/* calls so far */
	bool finished;
};

/* Texts of a finding that are the same whatever the file. */
struct judge_text { const char *rule; enum finding_kind kind; enum severity severity; const char *title, *description, *advice; };

/* The draft for rule and key (a subject, a file's digest, ...), new or as it is. *ret_new: fill in what the text does not say. */
[[nodiscard]] enum err_code draft_get(struct threat_judge *j, const struct judge_text *t, struct slice key, struct draft **ret, bool *ret_new,
				      struct err *e);
struct spot { bool has_offset; uint64_t offset; struct slice excerpt; };
[[nodiscard]] enum err_code draft_evidence(struct threat_judge *j, struct draft *d, const struct judge_file *f, const struct spot *s,
					   struct err *e);
[[nodiscard]] enum err_code draft_place(struct threat_judge *j, struct draft *d, const struct place *p, struct err *e);
/* Both in one for simple cases: the draft of rule and key with this file as evidence. */
[[nodiscard]] enum err_code draft_add(struct threat_judge *j, const struct judge_text *t, struct slice key, const struct judge_file *f,
				      const struct spot *s, struct draft **ret, struct err *e);
void draft_raise(struct draft *d, enum severity s);
/* "/usr/bin/x", "/a.jar!/b", "config:Env". */
struct slice judge_path(struct threat_judge *j, const struct judge_file *f);
/* Escaped and cut to fit a title, in the arena; NUL-terminated. */
const char *judge_shown(struct threat_judge *j, struct slice s);
static inline bool judge_is_config(const struct judge_file *f) { return f->layer < 0; }
enum file_class judge_class(const struct judge_file *f);
static inline struct slice judge_sha256(const struct judge_file *f) { return f->entry ? f->entry->sha256 : SLICE_NULL; }

/* The judges of one kind of fact each, in files of the same name. */
[[nodiscard]] enum err_code judge_signs(struct threat_judge *j, const struct judge_file *f, struct err *e);
[[nodiscard]] enum err_code judge_signs_image(struct threat_judge *j, struct err *e);
[[nodiscard]] enum err_code judge_token_hits(struct threat_judge *j, const struct judge_file *f, struct err *e);
[[nodiscard]] enum err_code judge_digests(struct threat_judge *j, const struct judge_file *f, struct err *e);
[[nodiscard]] enum err_code judge_packages(struct threat_judge *j, struct err *e);
[[nodiscard]] enum err_code judge_reference(struct threat_judge *j, struct err *e);
[[nodiscard]] enum err_code judge_entry(struct threat_judge *j, const struct judge_file *f, struct err *e);
[[nodiscard]] enum err_code judge_yara(struct threat_judge *j, const struct judge_file *f, const struct fact_yara *y, struct err *e);
[[nodiscard]] enum err_code judge_integrity(struct threat_judge *j, const struct judge_file *f, const struct fact_integrity *i, struct err *e);
[[nodiscard]] enum err_code judge_skipped(struct threat_judge *j, const struct judge_file *f, const struct fact_skipped *s, struct err *e);

/* The reference as docker would write it, without transport and file; empty where the image has no name. */
struct slice image_reference(const struct report *r);
