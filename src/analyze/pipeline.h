/* Within the room: a layer's bytes through three threads. One reads and decompresses into slots of a ring, one takes the diff_id's
 * digest and matches patterns over the whole stream, the caller's own thread reads the tar. */
#pragma once
#include "codec.h"
#include "context.h"

enum { SLOT_BYTES = 512 << 10, SLOTS = 10 };

struct slot {
	uint8_t *bytes;
	size_t n;
	uint64_t offset;	/* of bytes[0] in the decompressed stream */
	struct hit_list hits;	/* `end` counts from the stream's start */
};

struct pipeline;
/* Starts the threads (before the seal; they wait for pipeline_go). set may be NULL: no patterns. */
[[nodiscard]] enum err_code pipeline_start(int in_fd, const struct threat_set *set, struct pipeline **ret, struct err *e);
void pipeline_go(struct pipeline *p);
/* The next slot in order, NULL at the end; the one before is given back. An error of the reader or the matcher ends the layer. */
[[nodiscard]] enum err_code pipeline_next(struct pipeline *p, const struct slot **ret, struct err *e);

struct pipeline_result {
	struct decompress_info info;
	uint8_t diff_id[32];
	uint64_t bytes, ns_read, ns_digest, ns_match;
};
/* After pipeline_next gave NULL: joins the threads. */
void pipeline_finish(struct pipeline *p, struct pipeline_result *ret);
