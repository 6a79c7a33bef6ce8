#pragma once
#include "advisory.h"

struct cvss_metric { const char *name, *values; bool required; };	/* values NULL: any */
/* "AV:N/AC:L/…" -> first letter of each metric's value, 0 where absent. False for an unknown or repeated metric, an unknown value, a missing one. */
bool cvss_split(struct slice vector, const struct cvss_metric *metrics, size_t n_metrics, uint8_t *values);
bool cvss4_score(struct slice metrics, double *ret);
