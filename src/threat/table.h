/* The packed pattern tables (made by pack.c): what the worker compiles. Private to the worker half. */
#pragma once
#include "rules.h"

enum threat_check { CHECK_NONE, CHECK_STRATUM, CHECK_PUBLIC_IP, CHECK_POOL, CHECK_WALLET, CHECK_TARGETS };
enum { PATTERN_F_NOCASE = 1, PATTERN_F_CONFIRM = 2 /* a regex for the surroundings of a hit, not for the stream */ };

struct threat_pattern {
	uint32_t at, n;		/* in threat_pattern_blob */
	uint16_t sign;		/* index into threat_signs */
	uint8_t flags;		/* PATTERN_F_... */
};
/* Beside each sign: how a hit is confirmed. */
struct threat_judge_by {
	uint8_t check;		/* enum threat_check */
	uint16_t before, after;	/* bytes around the hit that are looked at; 0,0: the line */
	uint8_t confirms;	/* number of confirming regexes: one must match (0: the hit alone) */
	bool hint;		/* never emitted: tells the code judge to look closer */
};
extern const struct threat_pattern threat_patterns[];
extern const size_t threat_pattern_count;
extern const struct threat_judge_by threat_judge_by[];

/* Patterns and words stand XORed in the program, so that a scan of pabean itself finds none of them. */
extern const uint8_t threat_pattern_blob[];
static inline uint8_t threat_unmask(size_t at) { return (uint8_t)(threat_pattern_blob[at] ^ 0xa5 ^ (at * 29 & 0xff)); }

/* Word lists ("[words pools]"): one blob range, words separated by spaces. */
struct threat_words { const char *name; uint32_t at, n; };
extern const struct threat_words threat_words[];
extern const size_t threat_words_count;

extern const char threat_pattern_digest_text[];	/* 64 hex digits */
