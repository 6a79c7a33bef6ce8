/* A policy in memory; private to this room. */
#pragma once
#include "policy.h"
#include "yml.h"

enum effect { EFFECT_NONE, EFFECT_IGNORE, EFFECT_WARN, EFFECT_HOLD, EFFECT_REFUSE };
enum tri { ANY = 0, YES, NO };

/* All conditions must hold; an empty one always does. Of several values in one condition any may. */
struct when {
	uint32_t kinds, severities, skips;	/* bits; 0: any */
	struct slice_list rules, packages, paths, images, types;
	enum tri fixed, exploited, ransomware, base, hidden, reachable, owned;
	bool has_epss, has_age, age_younger;
	double epss_min;
	uint64_t age_s;
};

struct rule {
	struct slice name, because;
	struct when when;
	enum effect effect;
	unsigned line, column;
};
struct rule_list { struct rule *items; size_t n, cap; };

struct waiver {
	struct slice_list findings, packages, images;
	struct slice until, reason, by;
	uint64_t until_s;	/* last second it holds; UINT64_MAX: no end */
	unsigned line, column;
};
struct waiver_list { struct waiver *items; size_t n, cap; };

struct policy {
	struct arena arena;
	struct rule_list rules;
	struct waiver_list waivers;
};

const char *effect_name(enum effect);

/* Parsing. */
[[nodiscard]] enum err_code rule_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct err *e);
[[nodiscard]] enum err_code when_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct when *ret, struct err *e);
[[nodiscard]] enum err_code waivers_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *list, struct err *e);
/* One text or a list of texts. */
[[nodiscard]] enum err_code texts_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct slice_list *ret,
					struct err *e);

/* Matching. */
bool when_matches(const struct when *w, const struct report *r, const struct finding *f, uint64_t now_s);
bool waiver_matches(const struct waiver *w, const struct report *r, const struct finding *f);
bool image_matches(const struct slice_list *patterns, const struct report *r);
bool package_matches(const struct slice_list *patterns, const struct finding *f);
