/* Matching, between its files. */
#pragma once
#include "distro.h"
#include "record.h"

/* What all sources say of one CVE. */
enum grade_rank { RANK_GHSA, RANK_OSV, RANK_NVD, RANK_DISTRIBUTION, RANK_COUNT };	/* the order they are asked in */
struct cve_info {
	struct slice id;
	struct grade grades[RANK_COUNT];
	bool has[RANK_COUNT];
	uint64_t published_s;
	struct slice text;		/* NVD's description */
	bool kev, ransomware, epss;
	struct slice kev_added, kev_due, epss_date;
	uint32_t epss_score, epss_percentile;	/* millionths */
	struct cve_info *next;		/* in the same bucket */
};

enum { CVE_BUCKETS = 4096 };
struct matcher {
	struct advisory_db *db;
	struct report *r;
	const struct advisory_match_options *o;
	struct distro distro;
	struct cve_info **cves;
	struct arena scratch;		/* keys and hits of one package */
	uint64_t undecided, unmatched[4];
};

[[nodiscard]] enum err_code cve_info_get(struct matcher *m, struct slice id, struct cve_info **ret, struct err *e);
/* The row of exactly that key, or *ret_found false. */
[[nodiscard]] enum err_code db_get(struct advisory_db *db, struct slice key, struct row *ret, bool *ret_found, struct err *e);

/* One (package, CVE) found. */
struct hit {
	struct slice subject;		/* the CVE, or the record's id when it names none */
	struct slice record_id, base;
	struct slice fixed, pro_fixed;
	bool affects_plain;		/* a record other than Ubuntu Pro's says so */
	struct grade own;		/* the distribution's word */
	struct record record;
	struct slice_list aliases;
};
struct hit_list { struct hit *items; size_t n, cap; uint32_t *slots; size_t n_slots; };	/* slots: 1 + index by hash of the subject, 0 free */
/* The hits of a package, one per subject. */
[[nodiscard]] enum err_code match_package(struct matcher *m, const struct package *p, struct hit_list *ret, struct err *e);
/* One finding per hit. */
[[nodiscard]] enum err_code report_hit(struct matcher *m, const struct package *p, const struct hit *h, struct err *e);

enum severity grade_severity(const struct grade *g);
/* Coverage and end of life. */
[[nodiscard]] enum err_code match_coverage(struct matcher *m, struct err *e);
