/* Analyzers: each takes one file of a layer and emits facts. One file in src/analyze and one line in analyzers.list each.
 * They run only in the confined worker: no file, clock, network or log; memory from ctx->scratch. */
#pragma once
#include "facts.h"

struct analyze_ctx;

/* One regular file, outermost or inside an archive. All slices live until run returns. */
struct file_view {
	struct slice path, inner;	/* as in facts.h */
	struct slice content;		/* the whole file, contiguous (large ones are a private mapping) */
	uint64_t mode;			/* permission bits; 0644 for files in archives that carry none */
	enum file_class cls;
	enum script_lang lang;
	unsigned depth;			/* 0: in the layer itself */
};

typedef enum err_code analyzer_fn(struct analyze_ctx *ctx, const struct file_view *f, struct err *e);
/* Errors are handled as those of run, without a file's name: say it in the message. */
typedef enum err_code analyzer_layer_fn(struct analyze_ctx *ctx, struct err *e);

struct analyzer {
	const char *name;		/* "dpkg-status" */
	unsigned version;		/* raise whenever the facts it emits change */
	uint64_t max_bytes;		/* files larger than this are FACT_SKIPPED with the analyzer's name; 0: no limit */
	// Which files: patterns of slice_glob over the path (for nested files: the inner path), whose last component is a plain name
	// ("var/lib/dpkg/status", "**/METADATA"), a "*.ext", or "*" below a plain directory ("var/lib/dpkg/status.d/*");
	// NULL-terminated; or NULL when `classes` chooses.
	const char *const *paths;
	uint32_t classes;		/* bit set of 1u << enum file_class; 0: paths choose */
	bool nested;			/* also for files inside archives */
	bool deep;			/* needed for threats only: left out when only packages are asked for */
	analyzer_fn *run;		/* an error of code ERR_FORMAT or ERR_LIMIT becomes FACT_SKIPPED; others end the layer */
	analyzer_layer_fn *finish;	/* or NULL; once, after the layer's last entry, for what needs several files */
};

struct fact_sink *analyze_sink(struct analyze_ctx *ctx);
struct arena *analyze_scratch(struct analyze_ctx *ctx);	/* freed after each outermost file */

/* What an analyzer keeps until the layer's end: run sees one file at a time, in the archive's order. */
struct arena *analyze_layer_arena(struct analyze_ctx *ctx);	/* freed after the last finish; scratch is usable in finish, too */
/* A pointer of the analyzer's own, NULL at first; what it points to belongs into the layer's arena. */
void **analyze_slot(struct analyze_ctx *ctx, const struct analyzer *a);
/* Keeps a whole file's content until the layer's end under a key (a path); a later one with the same key replaces it. Content that is
 * already mapped from the scratch file need not be copied. ERR_LIMIT when too much is kept. */
[[nodiscard]] enum err_code analyze_keep(struct analyze_ctx *ctx, struct slice key, struct slice bytes, struct err *e);
bool analyze_kept(struct analyze_ctx *ctx, struct slice key, struct slice *ret_bytes);

/* Emits with path and inner of the file. Fill type and the union member; example:
 *	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("deb"), ... } }, e); */
[[nodiscard]] enum err_code analyze_emit(struct analyze_ctx *ctx, const struct file_view *f, const struct fact *fact, struct err *e);
/* Emits FACT_SKIPPED for the file. */
[[nodiscard]] enum err_code analyze_skip(struct analyze_ctx *ctx, const struct file_view *f, enum skip_class cls, uint64_t bytes,
					 const char *reason, const char *detail, struct err *e);

/* For archive analyzers: one member of f. Classifies it, matches patterns, runs analyzers, opens nested archives (depth 4).
 * `name` is raw; the content must stay valid until the call returns. Charges the outermost file's budget: ERR_LIMIT when it is used
 * up (already reported as FACT_SKIPPED: stop and return OK). */
[[nodiscard]] enum err_code analyze_member(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, uint64_t mode,
					   struct slice content, struct err *e);
/* What may still be expanded for this outermost file, in bytes and members; depth left. */
struct analyze_budget { uint64_t bytes, members; unsigned depth; };
struct analyze_budget analyze_budget(const struct analyze_ctx *ctx, const struct file_view *f);

/* A budget of the outermost file is used up: reports it once (FACT_SKIPPED, SKIP_BUDGET, reason `which`) and lets nothing more of that
 * file be expanded. Always returns ERR_LIMIT. */
enum err_code analyze_over_budget(struct analyze_ctx *ctx, const struct file_view *f, const char *which, struct err *e);

/* For members larger than 64 MiB: bytes appended go to the worker's unnamed scratch file (descriptor 3) and are mapped privately at
 * the end. One spool may be open per depth; its bytes count like any expanded bytes (ERR_LIMIT when the budget or the scratch
 * file's limit is used up, reported as FACT_SKIPPED by the spool). The mapping lives until the spool is closed. */
struct analyze_spool;
[[nodiscard]] enum err_code analyze_spool_open(struct analyze_ctx *ctx, struct analyze_spool **ret, struct err *e);
[[nodiscard]] enum err_code analyze_spool_append(struct analyze_spool *spool, struct slice bytes, struct err *e);
[[nodiscard]] enum err_code analyze_spool_map(struct analyze_spool *spool, struct slice *ret, struct err *e);
void analyze_spool_close(struct analyze_spool *spool);	/* takes NULL; gives the scratch file's space back */
static inline void analyze_spool_cleanup(struct analyze_spool **s) { analyze_spool_close(*s); }
#define AUTO_SPOOL [[gnu::cleanup(analyze_spool_cleanup)]] struct analyze_spool *

/* The list of all analyzers, NULL-terminated, in the order of analyzers.list. */
extern const struct analyzer *const analyzers[];

/* Class and language by content first, then by name; looks at the first and last bytes only (and, for a shared object, at its
 * dynamic section), allocates nothing, about 100 ns. `executable`: any x bit. For a nested file `path` is best the whole
 * "outer!/inner", so that what lies in a package index or documentation stays one. `content` must be the whole file. */
enum file_class analyze_classify(struct slice path, struct slice content, bool executable, enum script_lang *ret_lang);
