/* The compiled set and its running streams, shared inside the room. */
#pragma once
#include <hs/hs.h>
#include "table.h"

struct threat_set { hs_database_t *stream, *block, *confirm; };
struct threat_stream {
	const struct threat_set *set;
	hs_stream_t *stream;
	hs_scratch_t *scratch;
};

/* Which signs have a confirming regex that matches somewhere in text. */
[[nodiscard]] enum err_code threat_confirm(struct threat_stream *s, struct slice text, struct sign_set *ret, struct err *e);
