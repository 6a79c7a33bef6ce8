/* Signs and rules: the two tables between the halves of this room, both made from patterns/(name).list by pack.c.
 *
 * A sign is what the worker emits as FACT_SIGN (fact_sign.rule is its id): a pattern that was found and confirmed. Every sign belongs
 * to one group ("reverse-shell", "miner-trait"). A rule is what the judge makes of signs: which of them, in one file or in the
 * whole image, are a finding of which kind and severity. Sentences in both tables are for people and match no pattern. */
#pragma once
#include "finding.h"
#include "threat.h"

struct threat_sign {
	const char *id;		/* "sh.reverse-dev-tcp" */
	const char *group;	/* what rules ask for; several signs share one */
	const char *text;	/* a sentence for people: what was seen */
	uint32_t classes;	/* 1u << enum file_class: where the worker emits it */
	bool weak;		/* SIGN_F_WEAK: counts only together with others, muted in files owned by a distribution package */
};
extern const struct threat_sign threat_signs[];
extern const size_t threat_sign_count;
/* Index into threat_signs; -1 when there is none of that name. */
int threat_sign_index(struct slice id);

/* A set of signs seen in one place (a file, an image). */
enum { SIGN_SET_WORDS = 6, SIGN_SET_MAX = 64 * SIGN_SET_WORDS };
struct sign_set { uint64_t word[SIGN_SET_WORDS]; };
static inline void sign_set_add(struct sign_set *s, int index)
{
	if (index >= 0 && index < SIGN_SET_MAX)
		s->word[index / 64] |= (uint64_t)1 << index % 64;
}
static inline void sign_set_merge(struct sign_set *s, const struct sign_set *other)
{
	for (unsigned i = 0; i < SIGN_SET_WORDS; i++)
		s->word[i] |= other->word[i];
}
static inline bool sign_set_has(const struct sign_set *s, int index)
{
	return index >= 0 && index < SIGN_SET_MAX && (s->word[index / 64] >> index % 64 & 1);
}

enum {	/* threat_rule.flags */
	RULE_WEAK = 1,		/* may be muted where a distribution package owns the file (SCAN.md 16) */
	RULE_IMAGE = 2,		/* its needs may be met by several files of the image and its config; otherwise by one file alone */
	RULE_REACHABLE = 4,	/* counts only where the image's entrypoint, cron, init, ... leads to (one of) the files, or in the config */
};
enum { RULE_NEEDS_MAX = 4 };

struct threat_rule {
	const char *id;			/* becomes finding.rule: "miner.stratum-url" */
	enum finding_kind kind;
	enum severity severity;
	enum severity severity_reachable;	/* where the entrypoint leads to the file, or the sign stands in the image's config */
	uint32_t classes;		/* file classes where it counts; a file that is reachable counts as FILE_SCRIPT whatever its class */
	unsigned flags;
	/* All must hold; NULL-terminated. Each is alternatives "a|b" of sign ids or groups; "group*3" asks for three different signs. */
	const char *needs[RULE_NEEDS_MAX + 1];
	const char *excepts;		/* a sign that takes the rule back when present in the same place, or NULL */
	const char *supersedes;		/* comma-separated rule ids that are not reported for the same file beside this one, or NULL */
	const char *title, *description, *advice;
};
extern const struct threat_rule threat_rules[];
extern const size_t threat_rule_count;

/* True when the set meets all needs of the rule. *ret_used (may be NULL) gets the signs of the set that count for it. */
bool threat_rule_holds(const struct threat_rule *r, const struct sign_set *seen, struct sign_set *ret_used);
