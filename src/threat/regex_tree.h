/* The parsed form of an expression, between regex_tree.c and regex.c. */
#pragma once
#include "base.h"

enum { REGEX_CLASS_MAX = 64, REGEX_REPEAT_MAX = 64, REGEX_ENDLESS = 0xffff };
enum regex_node_kind { NODE_CLASS, NODE_BOL, NODE_EOL, NODE_WORD_EDGE, NODE_CAT, NODE_ALT, NODE_REPEAT };
struct regex_node {
	enum regex_node_kind kind;
	uint16_t min, max;
	const struct regex_node *left, *right;	/* NULL: nothing to match */
	uint8_t set[32];
};
[[nodiscard]] enum err_code regex_parse(struct arena *a, struct slice text, bool nocase, const struct regex_node **ret, struct err *e);
