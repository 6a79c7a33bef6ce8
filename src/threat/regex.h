/* Small regular expressions for the few bytes around a hit. Vectorscan takes half a second to compile expressions of this shape; these
 * compile in microseconds and run in time proportional to text times expression, whatever the text (no backtracking).
 *
 * Syntax: bytes, '.', [classes], groups, '|', * + ? {n,m}, ^ and $ at lines, \s \S \w \W \d \b \n \t \xNN; (?s) and (?i) in front. */
#pragma once
#include "base.h"

struct regex_inst { uint8_t op, byte; uint16_t x, y; };
struct regex {
	struct regex_inst *insts;
	uint8_t (*classes)[32];
	size_t n, n_classes;
	uint8_t first[32];	/* bytes a match may start with */
};
enum { REGEX_INST_MAX = 1500 };

/* Everything lives in the arena. */
[[nodiscard]] enum err_code regex_compile(struct arena *a, struct slice text, bool nocase, struct regex *ret, struct err *e);
/* True when the expression matches somewhere in text. */
bool regex_search(const struct regex *re, struct slice text);
