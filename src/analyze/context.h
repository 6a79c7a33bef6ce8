/* Within the room: the state of one worker. */
#pragma once
#include "analyze.h"
#include "os.h"
#include "threat.h"
#include "worker.h"

enum { WHOLE_BYTES = 16 << 20,	/* files up to this size are held in memory, larger ones in the scratch file */
       HITS_PER_FILE = 200000, KEPT_SLOTS = 16, MOST_ANALYZERS = 64 };

struct frame_out {		/* facts on their way to the parent */
	int fd;
	struct buf pending;
	uint64_t counts[FACT_TYPE_COUNT];
	bool limit_told[FACT_TYPE_COUNT];
};

struct nested_budget { uint64_t bytes, members; bool told; };

struct kept { struct slice key, bytes; void *memory; };

struct hit_list { struct threat_hit *items; size_t n, cap; uint64_t dropped; };

struct analyze_ctx {
	struct fact_sink sink;		/* first: analyze_sink() is a cast */
	struct frame_out out;
	struct arena scratch, layer_arena;
	struct arena_mark scratch_start;	/* its first block stays: a file costs no allocation */
	void *slots[MOST_ANALYZERS + 1];
	struct worker_settings set;
	struct threat_stream *blocks;	/* for nested files; NULL without patterns */
	struct yara_set *yara;		/* NULL without rules */
	struct dispatch *dispatch;
	struct nested_budget budget;	/* of the outermost file in work */
	struct kept kept[KEPT_SLOTS];
	size_t n_kept, kept_bytes;
	int scratch_fd;
	uint64_t scratch_used;		/* bytes of the scratch file taken by open spools */
	struct digest *sha256, *sha1, *md5;
	uint64_t nested_bytes, hashed_bytes, ns_hash, ns_threat, ns_analyzers, ns_yara;
};

/* From `pabean parse name=value ...`; false when these are not a worker's arguments. */
bool worker_settings_parse(int argc, char **argv, struct worker_settings *ret);
[[nodiscard]] enum err_code context_init(struct analyze_ctx *ctx, const struct worker_settings *set, int out_fd, int scratch_fd, struct err *e);
void context_free(struct analyze_ctx *ctx);
[[nodiscard]] enum err_code frame_put(struct frame_out *o, const struct fact *f, struct err *e);
[[nodiscard]] enum err_code frame_flush(struct frame_out *o, struct err *e);

/* A file whose whole content is in memory: digests, patterns, analyzers, YARA. ret_entry's digests and class are filled; its slices point
 * into `digests` (at least 96 bytes). `hits` are relative to the content, or NULL: then it is scanned here. */
struct inspect { struct slice path, inner, content; uint64_t mode; unsigned depth; const struct hit_list *hits; bool have_digests; };
[[nodiscard]] enum err_code inspect_file(struct analyze_ctx *ctx, const struct inspect *in, struct fact_entry *entry, uint8_t *digests,
					 struct err *e);
/* Which digests a file of this class gets (SCAN.md 4): bit 1 sha256, 2 md5, 4 sha1. */
enum { WANT_SHA256 = 1, WANT_MD5 = 2, WANT_SHA1 = 4 };
unsigned digests_wanted(const struct analyze_ctx *ctx, enum file_class cls, uint64_t mode);

/* Analyzers by path and class, compiled from their tables. */
struct dispatch;
[[nodiscard]] enum err_code dispatch_build(struct dispatch **ret, struct err *e);
void dispatch_free(struct dispatch *d);
typedef enum err_code dispatch_fn(void *arg, const struct analyzer *a, struct err *e);
/* Calls fn for each analyzer that wants the file, in list order. */
[[nodiscard]] enum err_code dispatch_each(const struct dispatch *d, struct slice path, enum file_class cls, bool nested, dispatch_fn *fn, void *arg,
					  struct err *e);
/* Does any analyzer want this path whatever its class? */
bool dispatch_wants_path(const struct dispatch *d, struct slice path, uint64_t *ret_max_bytes);
