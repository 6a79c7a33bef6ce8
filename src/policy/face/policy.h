/* Policy: ordered rules over findings, waivers, and the verdict they give. The file's format is docs/policy.md. */
#pragma once
#include "finding.h"

struct policy;

/* The policy that is used when a person names none: YAML with comments, as printed by `pabean policy show`. */
struct slice policy_text_default(void);

/* Reads a policy; NULL is the default one. Errors are ERR_USAGE "file:line:column: what, and what would be right", or ERR_IO,
 * ERR_NOT_FOUND for the file itself. Limits: 4 MiB, 10,000 rules, 100,000 waivers. */
[[nodiscard]] enum err_code policy_load(const char *path, struct policy **ret, struct err *e);
[[nodiscard]] enum err_code policy_parse(struct slice text, const char *name, struct policy **ret, struct err *e);
void policy_free(struct policy *p);	/* takes NULL */
static inline void policy_cleanup(struct policy **p) { policy_free(*p); }
#define AUTO_POLICY [[gnu::cleanup(policy_cleanup)]] struct policy *

/* Adds the waivers of another file (a map with `waivers:`, or only the list). */
[[nodiscard]] enum err_code policy_add_waivers(struct policy *p, const char *path, struct err *e);
/* The same from memory; `name` is for messages and must outlive the policy. */
[[nodiscard]] enum err_code policy_parse_waivers(struct policy *p, struct slice text, const char *name, struct err *e);

struct policy_problem { unsigned line, column; bool fatal; char text[320]; };
/* Checks a file as people want it explained: *ret_n problems at most cap; fatal ones are what policy_load refuses, the others are
 * doubts (a rule that can never be reached, a waiver that has ended by now_s). Only an unreadable file is an error. */
[[nodiscard]] enum err_code policy_check(const char *path, uint64_t now_s, struct policy_problem *ret, size_t cap, size_t *ret_n, struct err *e);

/* "sha256:..." over the rules and waivers in canonical form: comments, order of keys and spelling do not count. 72 bytes with NUL. */
void policy_digest(const struct policy *p, char dst[72]);
size_t policy_rule_count(const struct policy *p);
size_t policy_waiver_count(const struct policy *p);

/* --fail-on KIND:SEVERITY, KIND, or any:SEVERITY: like a first rule that refuses. */
struct policy_fail_on { uint32_t kinds; enum severity severity; };
[[nodiscard]] enum err_code policy_fail_on_parse(struct slice text, struct policy_fail_on *ret, struct err *e);

struct policy_options {
	uint64_t now_s;			/* seconds since 1970: waivers end by it, ages count from it */
	enum severity min_severity;	/* what is shown; SEV_UNKNOWN: everything. Never changes the verdict */
	uint32_t kinds;			/* bits 1 << enum finding_kind to show; 0: all. Never changes the verdict */
	// Vulnerabilities without a fixed version neither count for the verdict nor are shown, except that those which the
	// distribution will not fix (`wont-fix`) and those known to be exploited stay visible. Malicious packages are no vulnerabilities.
	bool ignore_unfixed;
	const struct policy_fail_on *fail_on;
	size_t n_fail_on;
};

/* Judges: sets disposition, waived_by and shown of every finding, and r->verdict. For each finding the first matching rule decides;
 * the gravest decision is the image's. Incomplete inspection (r->complete false) without a coverage finding that says so holds.
 * On an error the verdict is left at REFUSE and must not be used: an error never admits. */
[[nodiscard]] enum err_code policy_apply(const struct policy *p, struct report *r, const struct policy_options *o, struct err *e);
