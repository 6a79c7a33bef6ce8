/* Advisories: OSV feeds -> one read-only mapped file; version orders; matching packages against it. */
#pragma once
#include "finding.h"

/* --- Version orders ----------------------------------------------------------------------------------------------- */

enum version_order {
	VERSION_NONE,	/* no order known: versions are only equal or not */
	VERSION_DPKG,	/* deb-version(7) */
	VERSION_RPM,	/* rpm-version(7): epoch:version-release, '~' and '^'; a missing epoch is 0 */
	VERSION_APK,	/* apk-package(5), as apk-tools 3 orders */
	VERSION_SEMVER,	/* semver.org 2.0; a leading 'v' or '=' and missing or further components are taken */
	VERSION_GO,	/* golang.org/x/mod/semver, 'v' optional; +incompatible and other build metadata do not count */
	VERSION_PEP440,	/* packaging.python.org, version specifiers */
	VERSION_GEM,	/* Gem::Version */
};

/* By OSV ecosystem, release included or not ("Debian:12", "npm"); a purl type ("deb", "pypi") or the order's own name works, too. */
enum version_order version_order_of(struct slice ecosystem);
enum { VERSION_MAX_BYTES = 1024 };	/* longer ones are no versions */
bool version_valid(enum version_order order, struct slice v);
/* <0, 0, >0. A total order on valid versions; on others consistent but without meaning. No memory. */
int version_cmp(enum version_order order, struct slice a, struct slice b);
/* *ret -1, 0 or 1. ERR_UNSUPPORTED for an ecosystem without an order, ERR_FORMAT for what is no version of it. */
[[nodiscard]] enum err_code version_compare(struct slice ecosystem, struct slice a, struct slice b, int *ret, struct err *e);

/* --- The database ------------------------------------------------------------------------------------------------- */

/* One read-only file, DIR/advisories.db (format: src/advisory/db.h). Mapped without a lock; an import replaces it by rename, so an open
 * database stays as it was. */
#define ADVISORY_DB_NAME "advisories.db"
struct advisory_db;

/* ERR_NOT_FOUND: there is none yet; ERR_FORMAT: damaged. Checks header and index; blocks are checked when first used. */
[[nodiscard]] enum err_code advisory_db_open(const char *dir, struct advisory_db **ret, struct err *e);
void advisory_db_close(struct advisory_db *db);	/* takes NULL */

struct advisory_ecosystem { struct slice name, source; uint64_t records, imported_s; };	/* name without release */
struct advisory_release { struct slice name; uint64_t rows; };		/* "Debian:12" and how many (package, advisory) pairs it has */
struct advisory_status {
	uint64_t built_s, bytes, records;	/* records: OSV records, all ecosystems */
	const struct advisory_ecosystem *ecosystems;
	size_t n_ecosystems;
	const struct advisory_release *releases;
	size_t n_releases;
	uint64_t kev, epss, nvd;		/* CVEs in each */
};
/* Borrows from db. */
void advisory_db_status(const struct advisory_db *db, struct advisory_status *ret);
/* What this database is: 32 hex digits over its header, and so over everything in it. The same file has the same on every machine. */
void advisory_db_digest(const struct advisory_db *db, char dst[33]);
/* Reads every block. */
[[nodiscard]] enum err_code advisory_db_verify(struct advisory_db *db, struct err *e);

/* What is known of an identifier ("CVE-…", "GHSA-…", any record's id) or a purl (with a version: what affects that version), as text for a
 * person. ERR_NOT_FOUND when nothing is known. */
[[nodiscard]] enum err_code advisory_db_lookup(struct advisory_db *db, struct slice text, struct buf *out, struct err *e);

/* --- Import and update -------------------------------------------------------------------------------------------- */

struct advisory_progress {
	const char *name;		/* what is being read */
	uint64_t done_bytes, total_bytes;	/* of that; 0: unknown */
	uint64_t records;		/* in all */
};
typedef void advisory_progress_fn(void *arg, const struct advisory_progress *p);

struct advisory_import_options {
	advisory_progress_fn *progress;	/* called a few times a second, in the caller's process; NULL: none */
	void *arg;
	const char *source;		/* remembered as where it came from; NULL: the path */
	bool unconfined;		/* parse in this process: for tests and sanitizers */
	bool refresh;			/* nothing to read is fine: the database is written anew as of now */
	uint64_t max_total_bytes;	/* of JSON; 0: 64 GiB */
};

enum { ADVISORY_MALFORMED_SHOWN = 8 };
struct advisory_import_stats {
	uint64_t files, records, withdrawn, malformed, ignored;	/* ignored: members that are no JSON, records without a package */
	uint64_t kev, epss, nvd;
	uint64_t json_bytes, unchanged;	/* unchanged: sources of an update that were not fetched again */
	uint64_t elapsed_ns;
	char malformed_text[ADVISORY_MALFORMED_SHOWN][192];	/* the first few: "zip: member: why" */
};

/* Takes OSV zips, OSV directories (every .zip and .json below), single OSV records, CISA KEV JSON, EPSS CSV, NVD 2.0 JSON (the last three also
 * gzipped), recognised by content. Replaces the ecosystems that the zips bring and keeps the others; KEV and EPSS are replaced whole, NVD by CVE.
 * A malformed record is counted and left out; a broken file ends the import and the old database stays. The bytes are parsed in a confined child.
 * Below 300 MiB of memory whatever the feed's size; uses unnamed files in dir. */
[[nodiscard]] enum err_code advisory_db_import(const char *dir, const char *const *paths, size_t n, const struct advisory_import_options *o,
					       struct advisory_import_stats *ret, struct err *e);

struct net_options;
struct advisory_update_options {
	const char *source;			/* NULL: the public bucket */
	const char *const *ecosystems;		/* NULL: those of distributions and languages that pabean matches */
	size_t n_ecosystems;
	const char *kev_url, *epss_url;		/* NULL: the public ones with the public bucket, none with another source; "": none */
	const struct net_options *net;		/* NULL: defaults */
	advisory_progress_fn *progress;
	void *arg;
	bool unconfined;
};
[[nodiscard]] enum err_code advisory_db_update(const char *dir, const struct advisory_update_options *o, struct advisory_import_stats *ret,
					       struct err *e);

/* --- Matching ----------------------------------------------------------------------------------------------------- */

struct advisory_match_options {
	uint64_t now_s;			/* os_now_s() */
	uint64_t max_age_ms;		/* of the database; 0: 7 days */
	bool include_owned;		/* language packages that a distribution package owns, too */
	bool declared;			/* packages that only a lock file names, too */
	/* What the image holds that no advisories are matched for yet, as far as the caller saw: said in a finding. */
	uint64_t unmatched_jars, unmatched_gems, unmatched_crates;
	const char *db_error;		/* why there is no database, when db is NULL; NULL: none was imported yet */
};

/* Takes r->packages and r->os; adds findings of kinds vulnerability, malware (MAL-…) and coverage, and os.end-of-life, all marked
 * from_advisories; fills r->os.known, end_of_life, eol_date, r->advisories_… and r->ecosystems. ERR_FORMAT: the database is damaged.
 * Several threads may match with one database at once. */
[[nodiscard]] enum err_code advisory_match(struct advisory_db *db, struct report *r, const struct advisory_match_options *o, struct err *e);

/* For finding out what an update changed (scan's rejudge.h says what is in them). db may be NULL: then all packages have 0. */
[[nodiscard]] enum err_code advisory_package_hashes(struct advisory_db *db, const struct os_info *os, const struct package *packages, size_t n,
						    const struct advisory_match_options *o, uint64_t *ret_hashes, struct err *e);
[[nodiscard]] enum err_code advisory_system_hash(struct advisory_db *db, const struct os_info *os, const struct advisory_match_options *o,
						 uint64_t *ret_hash, struct err *e);

/* CVSS v2, v3.0, v3.1 or v4.0 vector -> base score (v4: of all its metrics); false when malformed. */
bool advisory_cvss_score(struct slice vector, double *ret_score);
enum severity advisory_cvss_severity(double score, bool v2);
