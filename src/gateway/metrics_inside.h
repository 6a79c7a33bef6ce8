#pragma once
#include "metrics.h"

enum { METRIC_BUCKETS = 12, METRIC_HANDLERS = 32, METRIC_OUTCOMES = 12, METRIC_CLASSES = 6 };
extern const char *const metric_handlers[METRIC_HANDLERS + 1], *const metric_outcomes[METRIC_OUTCOMES + 1];
extern const double metric_bounds_s[METRIC_BUCKETS];

struct metric_handler {
	_Atomic uint64_t classes[METRIC_CLASSES];	/* answers by the first digit of their status; 0: none */
	_Atomic uint64_t buckets[METRIC_BUCKETS + 1], sum_us, bytes, broken;
	_Atomic uint64_t outcomes[METRIC_OUTCOMES];
};
struct metrics {
	struct metric_handler handlers[METRIC_HANDLERS];
	_Atomic uint64_t counts[METRIC_N];
};
