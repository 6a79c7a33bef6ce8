/* Findings, packages and the report of one image: what engines build, policy judges and reports print.
 * Everything lives in the report's arena. */
#pragma once
#include "base.h"

enum finding_kind { KIND_MALWARE, KIND_MINER, KIND_ATTACK_TOOL, KIND_VULNERABILITY, KIND_MISCONFIGURATION, KIND_NAME, KIND_INTEGRITY,
		    KIND_COVERAGE, KIND_COUNT };
enum severity { SEV_UNKNOWN, SEV_INFO, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL, SEV_COUNT };
const char *finding_kind_name(enum finding_kind);	/* "attack-tool", ... */
const char *severity_name(enum severity);		/* "critical", ... */
bool finding_kind_parse(struct slice, enum finding_kind *ret);
bool severity_parse(struct slice, enum severity *ret);

struct evidence {
	int layer;		/* index into report layers, -1: none (config, image name) */
	struct slice path;	/* "/app/a.jar!/x", "config:Entrypoint", "history:3"; raw bytes */
	bool has_offset;
	uint64_t offset;
	struct slice sha256;	/* 64 hex digits or empty */
	struct slice excerpt;	/* raw bytes, printers escape */
	bool hidden;		/* not in the file system a container sees, but still shipped */
};
struct evidence_list { struct evidence *items; size_t n, cap; };
struct slice_list { struct slice *items; size_t n, cap; };

struct finding {
	char id[33];		/* stable: 32 hex digits of SHA-256 over rule, diff_id, path, subject */
	struct slice rule;	/* "miner.stratum-url", "vuln.CVE-2024-1", "config.root-user" */
	enum finding_kind kind;
	enum severity severity;
	struct slice title;	/* one line */
	struct slice description, advice;
	struct evidence_list evidence;
	struct slice subject;	/* what the id rests on beside rule and place: CVE, indicator, wallet */
	/* vulnerabilities and malicious packages */
	struct slice package;	/* purl of the installed package */
	struct slice package_name, package_type, installed_version, fixed_version, fix_state /* "fixed" "not-fixed" "wont-fix" "unknown" */;
	struct slice_list aliases, references;
	struct slice cvss_vector;
	double cvss_score;	/* 0: none */
	bool exploited;		/* in CISA KEV */
	struct slice kev_added, kev_due;
	bool kev_ransomware;
	bool has_epss;
	double epss_score, epss_percentile;
	struct slice epss_date;
	uint64_t published_s;	/* seconds since 1970, 0: unknown */
	/* where it stands */
	bool hidden;		/* every piece of evidence is hidden */
	bool reachable;		/* the image's entrypoint leads to it */
	bool base_layer;	/* comes from the base image */
	bool owned;		/* file belongs to a distribution package with matching digest */
	bool weak;		/* a sign that counts only together */
	enum skip_class_copy { FINDING_SKIP_NONE, FINDING_SKIP_LAYER, FINDING_SKIP_EXECUTABLE, FINDING_SKIP_DATA, FINDING_SKIP_BUDGET } skip_class;
	bool from_advisories;	/* of advisory_match: made anew when advisories change */
	/* set by policy */
	struct slice disposition;	/* "refuse" "hold" "warn" "ignore", or empty */
	struct slice waived_by;		/* text of the waiver, or empty */
	bool shown;			/* passes --severity, --kind, --ignore-unfixed */
};
struct finding_list { struct finding *items; size_t n, cap; };

struct package {
	struct slice purl, type, name, version, source_name, source_version, arch, license, module, vendor, path, location, owner;
	int layer;
	bool declared, go_stdlib;
};
struct package_list { struct package *items; size_t n, cap; };

struct layer_info {
	struct slice digest;		/* "sha256:…" or empty where the transport has none */
	struct slice diff_id, media_type, created_by;	/* created_by: the Dockerfile instruction, from history */
	uint64_t size_bytes, uncompressed_bytes, files;
	int history_index;		/* -1 when unknown */
	bool base;			/* belongs to the base image, as far as known */
};
struct layer_info_list { struct layer_info *items; size_t n, cap; };

struct skipped_item { int layer; struct slice path, reason, detail; uint64_t bytes; int cls; };
struct skipped_list { struct skipped_item *items; size_t n, cap; };

enum decision { DECISION_ADMIT, DECISION_HOLD, DECISION_REFUSE };
const char *decision_name(enum decision);
struct verdict_reason { struct slice rule, text; struct slice_list findings; enum decision decision; };
struct verdict_reason_list { struct verdict_reason *items; size_t n, cap; };
struct verdict {
	enum decision decision;
	struct verdict_reason_list reasons;
	struct slice policy_digest;
	struct slice expires;		/* RFC 3339, or empty */
	struct slice_list notes;	/* expired waivers and the like */
};

struct os_info { struct slice id, version_id, name, codename; bool known; bool end_of_life; struct slice eol_date; };

struct ecosystem_info { struct slice name; uint64_t records; };
struct ecosystem_list { struct ecosystem_info *items; size_t n, cap; };
struct analyzer_version { struct slice name; unsigned version; };
struct analyzer_version_list { struct analyzer_version *items; size_t n, cap; };
struct stat_item { struct slice name; uint64_t value; struct slice unit; };
struct stat_list { struct stat_item *items; size_t n, cap; };

struct image_config {		/* what the image's config says, for analyzers and reports */
	struct slice os, architecture, variant, created, author, user, working_dir, stop_signal;
	struct slice_list entrypoint, cmd, env, exposed_ports, volumes, on_build, shell, healthcheck;
	struct slice_list label_keys, label_values, diff_ids;
	struct slice_list history_created_by; bool *history_empty; size_t history_n;
};

struct report {
	struct arena *arena;
	struct slice reference, transport, digest, index_digest, config_digest, platform;	/* digest "sha256:…" */
	struct slice_list other_platforms;	/* of the index, not inspected */
	struct os_info os;
	struct image_config config;
	struct layer_info_list layers;
	struct finding_list findings;
	struct package_list packages;
	bool complete;
	struct skipped_list skipped;
	struct verdict verdict;
	uint64_t total_files, total_bytes;
	/* data */
	uint64_t unmatched_jars, unmatched_gems, unmatched_crates;	/* seen, but not matched with advisories */
	struct slice advisories_digest;		/* 32 hex digits of the database that was matched with (advisory_db_digest), or empty */
	struct slice advisories_built, advisories_source, intel_built, intel_digest, yara_digest;
	uint64_t advisories_records, intel_records, yara_rules;
	struct ecosystem_list ecosystems;
	struct analyzer_version_list analyzers;
	struct stat_list stats;			/* only under --stats */
};

/* A new finding in the report, zeroed; NULL when the arena is full (which is an error, never fewer findings). */
struct finding *report_add_finding(struct report *r);
struct evidence *finding_add_evidence(struct report *r, struct finding *f);
/* Computes id from rule, the first evidence's diff_id (or the image), path and subject. Call once all of these are set. */
void finding_seal(struct report *r, struct finding *f);
/* Severity descending, then kind, rule, package, path: the order of every report. */
void report_sort(struct report *r);
/* purl text for a package (percent-encoding, namespace by OS id, qualifiers arch, epoch, distro), in the arena. */
struct slice package_purl(struct arena *a, const struct package *p, const struct os_info *os);
