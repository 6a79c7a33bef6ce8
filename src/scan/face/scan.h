/* The engine of `pabean scan`: an image goes in, a report with findings comes out. Policy judges the report afterwards. */
#pragma once
#include "finding.h"
#include "oci.h"

enum scan_stage { SCAN_OPENING, SCAN_FETCHING, SCAN_READING, SCAN_JUDGING };
struct scan_progress {
	enum scan_stage stage;
	const char *reference;		/* as given */
	unsigned layers, layers_done;	/* of the image in work */
	uint64_t bytes, bytes_total;	/* compressed bytes read; total 0: unknown */
};

enum scan_log_level { SCAN_LOG_WARNING, SCAN_LOG_INFO /* --verbose */ };

struct scan_options {
	struct oci_options oci;
	const char *db_dir;			/* advisories; never NULL */
	const char *intel_file;			/* the installed table, may not exist; NULL: none */
	const char *const *intel_files;		/* --intel */
	size_t n_intel_files;
	const char *const *yara_paths;		/* --yara */
	size_t n_yara_paths;
	const char *const *protected_names;	/* names beside the official ones */
	size_t n_protected_names;
	const char *const *skip_paths;		/* --skip-path: globs; recorded as skipped, so held */
	size_t n_skip_paths;
	unsigned jobs;				/* 0: one a processor */
	bool no_cache;
	const char *cache_dir;			/* facts cache; made 0700 when missing */
	uint64_t timeout_ms;			/* for one layer's worker; 0: 30 minutes */
	uint64_t memory_bytes;			/* of one worker; 0: 1 GiB address space beyond its patterns */
	uint64_t expand_bytes, expand_entries;	/* nested archives, per outermost file; 0: 2 GiB, 1,000,000 */
	unsigned expand_depth;			/* 0: 4 */
	bool packages_only;			/* no patterns, indicators, nested archives: only what vulnerabilities need */
	bool include_owned, declared;		/* SCAN.md 22 */
	bool judge_diff_ids;			/* a layer that is not what the config says is a finding (integrity, high), not an error: for who must give each image a verdict */
	uint64_t now_s;				/* the time findings are judged at; 0: when each image is */
	uint64_t db_max_age_ms;			/* 0: 7 days */
	bool stats;
	void (*progress)(void *arg, const struct scan_progress *p);	/* may be NULL; called from one thread at a time */
	void (*log)(void *arg, enum scan_log_level level, const char *text);	/* may be NULL; text is escaped */
	void *arg;
};

/* What images of one run share: intelligence, advisories, compiled patterns and rules. Any number of threads may scan with one engine at once. */
struct scan_engine;
/* The options' strings must outlive the engine. */
[[nodiscard]] enum err_code scan_engine_open(const struct scan_options *o, struct scan_engine **ret, struct err *e);
void scan_engine_close(struct scan_engine *s);	/* takes NULL */
/* Opens advisories and the installed intelligence again where their files were replaced (two calls of stat when not). Images in work keep what they
 * began with. On an error what is in use stays. Reports say what they were judged with: advisories_digest, intel_digest. */
[[nodiscard]] enum err_code scan_engine_refresh(struct scan_engine *s, bool *ret_changed, struct err *e);

/* By what layers' facts are made (analyzers, patterns, rules, budgets): facts of another id are older ones. Lives as long as the engine. */
const char *scan_engine_facts_id(const struct scan_engine *s);

/* Called once per image, its findings complete and sorted, verdict not yet set. The report lives until it returns. */
typedef enum err_code scan_report_fn(void *arg, struct report *r, struct err *e);
/* ERR_DIGEST, ERR_FORMAT, ERR_NET, … : no verdict can be reached (exit 2). */
[[nodiscard]] enum err_code scan_image(struct scan_engine *s, const char *ref, scan_report_fn *fn, void *arg, struct err *e);
/* The same for a source that the caller opened (oci_provider.h) and closes. The options' oci part does not count. Layers whose facts are cached are not
 * opened when the source's transport is "docker": such an image costs milliseconds and no blob's bytes. */
[[nodiscard]] enum err_code scan_source(struct scan_engine *s, struct oci_source *src, scan_report_fn *fn, void *arg, struct err *e);
