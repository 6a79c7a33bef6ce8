/* Intelligence: lists of known bad hashes, hosts, addresses, URLs, wallets, images and packages, joined with facts after the scan.
 *
 * A table is one file that is mapped and searched in place: sorted 128-bit keys of normalised values, never the values themselves
 * (so neither the table nor this program's own copy of the seed matches itself), each with a short text of what it is and who says so.
 * Its header and page list are checked on opening, each page on first use: a damaged table is an error, never "nothing found".
 *
 * Sources taken by import, recognised by content: STIX 2.1 bundles (OASIS STIX 2.1, section 9 patterns), MISP JSON (MISP core format),
 * CSV with a header or as `type,value[,what[,source]]`, plain lists (kind by shape, "#" comments, `sha256sum` lines, hosts files),
 * and tables. Defanged values (hxxp, [.]) are taken. */
#pragma once
#include "base.h"
#include "codec.h"
#include "finding.h"

enum intel_kind { INTEL_NONE, INTEL_MD5, INTEL_SHA1, INTEL_SHA256, INTEL_DOMAIN, INTEL_IP, INTEL_URL, INTEL_WALLET, INTEL_IMAGE, INTEL_PACKAGE,
		  INTEL_KIND_COUNT };
const char *intel_kind_name(enum intel_kind);	/* "md5", ..., "package" */

enum {
	INTEL_MAX_RECORDS = 16 << 20,	/* in one table */
	INTEL_MAX_TABLES = 64,
	INTEL_MAX_VALUE = 2048,		/* bytes of one value */
};

struct intel;	/* an opened set of tables, searched in order: the person's files, the installed table, the seed */

struct intel_hit {
	enum intel_kind kind;
	enum finding_kind threat;	/* KIND_MALWARE, KIND_MINER or KIND_ATTACK_TOOL */
	char grade;			/* 'v' read in the source itself, 's' from a secondary text, 'u' not graded */
	bool seed;			/* from the compiled-in set */
	char value[256];		/* what is listed: "evil.example" when a.evil.example was asked for; cut when longer */
	char what[160], source[128];	/* for people; UTF-8 without control characters; may be empty */
	char feed[96];			/* base name of the imported file, "seed" for the compiled-in set */
};

/* Opens the compiled-in seed and `files` (each a table, or any file that import takes: it is imported into memory). A missing file is
 * ERR_NOT_FOUND, a damaged table ERR_FORMAT. n_files at most INTEL_MAX_TABLES - 1. */
[[nodiscard]] enum err_code intel_open(const char *const *files, size_t n_files, struct intel **ret, struct err *e);
void intel_close(struct intel *in);	/* takes NULL */
static inline void intel_cleanup(struct intel **in) { intel_close(*in); }
#define AUTO_INTEL [[gnu::cleanup(intel_cleanup)]] struct intel *

/* One value as text: hex digest, host, "ip" or "ip:port", URL, wallet, image reference ("docker.io/library/x:1", "x", with or without a
 * digest), package "pypi:name@version". A listed domain matches its subdomains, a listed network its addresses, a listed URL what is
 * below its path, its host's listing counts, too; a listed image matches all tags unless a tag is listed, a namespace all its images.
 * Public suffixes, generic hosts and private addresses never match. Any number of threads may look up at once. */
[[nodiscard]] enum err_code intel_lookup(const struct intel *in, enum intel_kind kind, struct slice value, bool *ret_found,
					 struct intel_hit *ret, struct err *e);
/* A raw digest of DIGEST_MD5, DIGEST_SHA1 or DIGEST_SHA256. */
[[nodiscard]] enum err_code intel_lookup_digest(const struct intel *in, int algo, struct slice raw, bool *ret_found, struct intel_hit *ret,
						struct err *e);
/* True when some table lists a digest of this algorithm at all (else the report says that the type was not checked). */
bool intel_has_kind(const struct intel *in, enum intel_kind kind);

struct intel_summary {
	uint64_t records, tables, per_kind[INTEL_KIND_COUNT];
	uint64_t built_s;	/* seconds since 1970 of the newest table */
	char digest[65];	/* over all tables, hex */
};
void intel_summarize(const struct intel *in, struct intel_summary *ret);
/* Fills report->intel_built, ->intel_digest and ->intel_records. */
[[nodiscard]] enum err_code intel_describe(const struct intel *in, struct report *r, struct err *e);

/* --- Image names ----------------------------------------------------------------------------------------------------- */

/* A reference taken apart with Docker Hub's defaults; all in the arena. */
struct image_name { struct slice registry, space /* "library", "bitnami", "a/b"; may be empty */, base /* "nginx" */, tag /* "latest" when none */, digest; bool has_tag; };
[[nodiscard]] enum err_code image_name_parse(struct arena *a, struct slice reference, struct image_name *ret, struct err *e);

/* --- Import -------------------------------------------------------------------------------------------------------- */

struct intel_import_stats {
	uint64_t read;		/* values seen */
	uint64_t added;		/* records of these files now in the table, duplicates counted once */
	uint64_t kept;		/* records kept from feeds that were not imported again */
	uint64_t unknown;	/* values of no kind that pabean uses */
	uint64_t refused;	/* generic hosts, private addresses, too wide networks */
	uint64_t total;		/* records in the table written */
	uint64_t per_kind[INTEL_KIND_COUNT];
	char first_unknown[128];/* the first value that was not understood, for the message; escaped */
};
/* Reads files and writes one table (atomically). An existing table at out_path keeps the feeds (base names) that are not imported again. */
[[nodiscard]] enum err_code intel_import(const char *const *paths, size_t n_paths, const char *out_path, struct intel_import_stats *ret,
					 struct err *e);

/* --- For the command line ------------------------------------------------------------------------------------------ */

/* A few lines for people: tables, records per kind, digest, age. */
[[nodiscard]] enum err_code intel_status(const struct intel *in, struct buf *out, struct err *e);
/* Looks a value up under every kind that its shape allows; writes a sentence a hit, or "not listed". */
[[nodiscard]] enum err_code intel_lookup_text(const struct intel *in, struct slice value, struct buf *out, bool *ret_found, struct err *e);
