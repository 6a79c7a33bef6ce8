/* Within the room: names of tar entries as paths of facts. */
#pragma once
#include "base.h"

/* The cleaned path: no leading or trailing slash, no empty, "." or ".." component (".." never climbs above the root). Borrows from raw
 * where nothing had to change, else writes to scratch. *ret_odd: cleaning changed more than a leading "./" or a trailing "/". */
[[nodiscard]] enum err_code path_clean(struct slice raw, struct buf *scratch, struct slice *ret, bool *ret_odd, struct err *e);

/* Leads above the root at some point: "../x", "a/../../x". */
bool path_escapes(struct slice raw);

/* What a base name starting with ".wh." means (OCI image-spec, layer.md; aufs metadata as dockerd skips it). */
enum whiteout { WHITEOUT_NONE, WHITEOUT_PLAIN, WHITEOUT_OPAQUE, WHITEOUT_META };
/* For PLAIN *ret_target is the path removed, for OPAQUE the directory; built in scratch when needed. */
enum whiteout path_whiteout(struct slice path, struct buf *scratch, struct slice *ret_target);
