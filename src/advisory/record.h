/* OSV records (ossf.github.io/osv-schema) as the database keeps them: parsed from JSON, written as rows, read back from rows. */
#pragma once
#include "db.h"
#include "json.h"

enum { OSV_MAX_NAMES = 4096, OSV_MAX_AFFECTED = 32768, OSV_MAX_EVENTS = 4096, OSV_MAX_VERSIONS = 65536, OSV_KEPT_REFERENCES = 4, OSV_MAX_SUMMARY = 300,
       OSV_MAX_DETAILS = 700, OSV_MAX_NAME = 256 };

/* How grave, as far as a source says: a CVSS vector, a score, a word. */
struct grade { struct slice vector, word; unsigned score_tenths; };

enum event_kind { EVENT_FIXED, EVENT_INTRODUCED, EVENT_LAST_AFFECTED, EVENT_LIMIT };	/* in the order of events of one version */
struct event { enum event_kind kind; struct slice version; };
struct event_list { struct event *items; size_t n, cap; };
struct event_lists { struct event_list *items; size_t n, cap; };
struct osv_affected { struct slice ecosystem, name; struct event_lists ranges; struct slice_list versions; struct grade grade; };
struct osv_affected_list { struct osv_affected *items; size_t n, cap; };
struct osv_record {
	struct slice id, summary, details;
	uint64_t published_s, modified_s;
	bool withdrawn;
	struct slice_list aliases, upstream, related, references;
	struct osv_affected_list affected;
	struct grade grade;
};
/* The object that comes next. Text borrows from j and its arena. False when j became bad or it is no OSV record (*ret_why). */
bool osv_parse(struct json *j, struct osv_record *ret, const char **ret_why);
/* What a JSON object says of how grave: OSV "severity" entries. */
void osv_parse_severity(struct json *j, struct grade *g);

/* --- Rows --------------------------------------------------------------------------------------------------------- */

/* Emits the record's rows. *ret_rows 0: nothing in it concerns a package (or it is about a bug only). */
[[nodiscard]] enum err_code record_emit(struct sorter *s, struct osv_record *r, struct arena *scratch, size_t *ret_rows, struct err *e);

/* A name as it stands in keys: PyPI names by PEP 503; others unchanged. */
struct slice package_key(struct arena *a, struct slice ecosystem_base, struct slice name);
/* A key of parts, NUL between; in the arena. */
struct slice row_key_make(struct arena *a, char kind, struct slice p0, struct slice p1, struct slice p2, struct slice p3);

struct record {			/* of an "R" row */
	uint64_t published_s, modified_s;
	struct slice summary, details;
	struct grade grade;
	struct slice names;	/* varint-size-prefixed: 'a' 'u' 'r' (alias, upstream, related) and the name */
	struct slice references;
};
bool record_decode(struct slice value, struct record *ret);
bool name_next(struct slice *rest, struct slice *ret);	/* both lists; false at the end or when malformed */

void grade_encode(struct buf *b, const struct grade *g);
struct grade grade_decode(struct rd *r);

struct affected { struct grade grade; bool all_ordered; struct slice ranges, versions; };	/* of an "A" row */
bool affected_decode(struct slice value, struct affected *ret);
struct affected_answer { bool affected, undecided; struct slice fixed; };	/* undecided: a version in it has no order */
/* Does it affect v? `fixed` is the version that ends the interval v stands in. */
struct affected_answer affected_judge(const struct affected *a, enum version_order order, struct slice v);

bool is_cve(struct slice id);
/* "DEBIAN-CVE-2024-1" -> "CVE-2024-1"; empty when there is no CVE at the end. */
struct slice cve_at_end(struct slice id);
bool is_distribution(struct slice ecosystem_base);
enum severity severity_of_word(struct slice word);
