/* The compiled set and its running streams, shared inside the room. */
#pragma once
#include <hs/hs.h>
#include "regex.h"
#include "table.h"

/* Rows of hints.list, looked up once. */
enum threat_hint { HINT_URL, HINT_RUN, HINT_DECODE, HINT_COUNT };

struct threat_set {
	hs_database_t *stream;
	struct arena arena;
	struct regex *confirms;		/* by pattern number; only those with PATTERN_F_CONFIRM are made */
	int hints[HINT_COUNT];		/* sign numbers */
	uint16_t *first_confirm;	/* by sign: number of its first confirming pattern */
};
struct threat_stream {
	const struct threat_set *set;
	hs_stream_t *stream, *block;	/* of the layer; for blocks, reset before each */
	hs_scratch_t *scratch;
};

/* True when one of the sign's confirming expressions matches in text, or it has none. */
bool threat_confirm(const struct threat_set *set, int sign, struct slice text);

/* Opens vectorscan; its functions must not be called before. */
[[nodiscard]] enum err_code threat_library_load(struct err *e);
