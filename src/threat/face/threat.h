/* Threats. Two halves that meet only through facts:
 *   in the confined worker   threat_set, threat_stream, threat_file: bytes -> signs and tokens
 *   in the parent            threat_judge, intel, names: facts -> findings (judge.h, intel.h, names.h)
 */
#pragma once
#include "facts.h"

/* --- Patterns, compiled ------------------------------------------------------------------------------------------ */

/* All literal and regular patterns of data/patterns.list as one vectorscan database (stream and block mode). */
struct threat_set;

/* A digest over the pattern table and its code version: part of the facts cache's key. 64 hex digits, static storage. */
const char *threat_pattern_digest(void);

/* Compiles the set (about 60 ms). */
[[nodiscard]] enum err_code threat_set_compile(struct threat_set **ret, struct err *e);
/* The compiled set as bytes that threat_set_load takes in the same version on the same processor. */
[[nodiscard]] enum err_code threat_set_serialize(const struct threat_set *set, struct buf *out, struct err *e);
[[nodiscard]] enum err_code threat_set_load(struct slice bytes, struct threat_set **ret, struct err *e);
void threat_set_free(struct threat_set *set);

/* One raw match: pattern number and the offset just behind its last byte. Means nothing before threat_file judged it. */
struct threat_hit { uint32_t id; uint64_t end; };
typedef void threat_hit_fn(void *arg, uint32_t id, uint64_t end);

/* One pass over a whole layer's tar stream; `end` counts from the stream's start. Not thread-safe; one scratch each. */
struct threat_stream;
[[nodiscard]] enum err_code threat_stream_open(const struct threat_set *set, struct threat_stream **ret, struct err *e);
[[nodiscard]] enum err_code threat_stream_feed(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e);
void threat_stream_close(struct threat_stream *s);	/* takes NULL */

/* The same for one block in memory (nested files, decoded text). Uses the scratch of s. */
[[nodiscard]] enum err_code threat_block_scan(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e);

/* --- One file ----------------------------------------------------------------------------------------------------- */

struct threat_file {
	struct slice path, inner;	/* as in facts.h */
	struct slice content;		/* what is in memory: the whole file, or for a huge one a window */
	uint64_t content_offset;	/* of content[0] in the file; 0 unless a window */
	uint64_t size;			/* of the whole file */
	enum file_class cls;
	enum script_lang lang;
	bool executable;		/* any x bit */
	const struct threat_hit *hits;	/* offsets relative to content[0], ascending; hits that start before content are dropped */
	size_t n_hits;
};

/* Verifies hits and emits FACT_SIGN, FACT_TOKEN and, for code, FACT_SCRIPT; normalises and decodes code (nested up to 4) and
 * looks at what comes out. `scratch` is reset by the caller between files. Limits reached are FACT_SKIPPED. */
[[nodiscard]] enum err_code threat_file(struct threat_stream *s, const struct threat_file *f, struct fact_sink *sink, struct arena *scratch,
					struct err *e);
