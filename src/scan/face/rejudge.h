/* Reports judged again when advisories change, from what was stored: no image, no layer, no engine needed. */
#pragma once
#include "finding.h"

struct rejudge_options {
	const char *db_dir;			/* advisories; never NULL */
	const char *intel_file;			/* the installed table, may not exist; NULL: none. Here only for its generation */
	const char *const *intel_files;		/* beside it, as the engine has them */
	size_t n_intel_files;
	uint64_t db_max_age_ms;			/* the rest as in scan_options: what a fresh scan would use */
	bool include_owned, declared;
};

/* Any number of threads may use one at once. The database is a mapped file: little memory of its own. Strings must outlive it. */
struct rejudge;
[[nodiscard]] enum err_code rejudge_open(const struct rejudge_options *o, struct rejudge **ret, struct err *e);
void rejudge_close(struct rejudge *rj);	/* takes NULL */

/* Opens what was replaced; two calls of stat when nothing was. On an error what is in use stays. */
[[nodiscard]] enum err_code rejudge_refresh(struct rejudge *rj, bool *ret_changed, struct err *e);
/* What is in use: equal to report.advisories_digest (empty without a database) and report.intel_digest of what is judged with it. */
struct rejudge_generation { char advisories[33], intelligence[72]; };
void rejudge_generation(struct rejudge *rj, struct rejudge_generation *ret);

/* Drops what advisories said, matches again as of now_s, and leaves the report as a scan with this database would have made it before a policy saw it: no
 * verdict, no dispositions. Strings go to the report's arena. */
[[nodiscard]] enum err_code rejudge_advisories(struct rejudge *rj, struct report *r, uint64_t now_s, struct err *e);

/* For each package of an image with this os a hash over all that advisories say of it now and a report shows, but for an EPSS score's date and
 * percentile (which change daily for everything, and no policy asks for). Packages that differ only in arch, license, path, location, layer, purl have the same.
 * 0: nothing is known. After an update only images need to be judged again that hold a package whose hash changed, or all of a system whose
 * rejudge_system_hash did. */
[[nodiscard]] enum err_code rejudge_package_hashes(struct rejudge *rj, const struct os_info *os, const struct package *packages, size_t n,
						   uint64_t *ret_hashes, struct err *e);
/* What holds for all images of a system whatever their packages: the ecosystems that have data, end of life, an old database, as of now_s. */
[[nodiscard]] enum err_code rejudge_system_hash(struct rejudge *rj, const struct os_info *os, uint64_t now_s, uint64_t *ret_hash, struct err *e);
