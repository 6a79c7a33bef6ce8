/* Within the room: what the images of one run share. Each image in work has a copy of its own, whose progress is the image's. */
#pragma once
#include "advisory.h"
#include "facts_file.h"
#include "intel.h"
#include "names.h"
#include "scan.h"
#include "worker.h"
#include <pthread.h>

struct scan_engine {
	struct scan_options o;
	struct worker_settings settings;
	char facts_key[65];		/* of layers */
	char pseudo_key[65];		/* of configs */
	char *cache_dir;		/* private, exists */
	int patterns_fd, yara_fd, null_fd;
	char yara_digest[65];
	uint64_t yara_rules;
	struct data_holder *holder;
	struct scan_data *data;		/* of an image in work */
	struct arena arena;
	pthread_mutex_t *lock;		/* progress and log; shared by the copies */
	struct scan_progress progress;
};
/* Compiles --yara rules into yara_fd. */
[[nodiscard]] enum err_code engine_open_yara(struct scan_engine *s, struct err *e);
void engine_log(struct scan_engine *s, enum scan_log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Adds to the progress and tells the caller. */
void engine_progress(struct scan_engine *s, uint64_t bytes, unsigned layers_done);

/* --- One layer --------------------------------------------------------------------------------------------------- */

struct layer_result {
	struct facts_file *facts;
	char digest[8 + 128];		/* "sha256:…" of the stored bytes, computed here */
	char diff_id[8 + 65];		/* "sha256:…"; empty when the worker did not get to the end */
	uint64_t stored_bytes;
	bool from_cache;
	bool other_diff_id;		/* not what the config says (judge_diff_ids) */
	bool incomplete;		/* the worker crashed or ran out of time: the facts hold a SKIP_LAYER */
	struct fact_hello hello;
	uint64_t ns;
};
void layer_result_free(struct layer_result *r);

/* Runs one worker over a stream, hashing it on its way. `want`: the digest it must have ("" for unknown). A crash, a time-out or a passed
 * budget is not an error but an incomplete result; broken bytes (gzip, tar) and a wrong digest are errors. `verified`: the stream itself
 * fails when its bytes are not those of `want`, so they are not hashed here. */
[[nodiscard]] enum err_code layer_inspect(struct scan_engine *s, const struct worker_settings *set, const char *key, struct stream *in,
					  struct slice want, bool verified, struct layer_result *ret, struct err *e);
/* The facts of a digest that was hashed before, from the cache. ERR_NOT_FOUND: none. */
[[nodiscard]] enum err_code cache_lookup(struct scan_engine *s, const char *key, struct slice digest, struct layer_result *ret, struct err *e);
/* Where the facts of a digest are kept. */
[[nodiscard]] enum err_code cache_path(struct scan_engine *s, const char *key, struct slice digest, struct buf *ret, struct err *e);
/* Remembers that the bytes at `id` had this digest when they were hashed; says later whether they still must have (SCAN.md 1). */
void identity_remember(struct scan_engine *s, const struct oci_file_identity *id, struct slice digest, uint64_t hashed_ns);
bool identity_known(struct scan_engine *s, const struct oci_file_identity *id, struct slice digest);

/* All layers of an image: facts from the cache or from workers, several at once. results has img->n_layers items; those that cannot be
 * opened (foreign, unknown type) have facts == NULL. `pumped` are the results of a stream's blobs by key, or NULL. */
struct pumped { struct slice key; struct layer_result result; struct err failure; };
struct pumped_list { struct pumped *items; size_t n, cap; };
[[nodiscard]] enum err_code layers_inspect(struct scan_engine *s, struct oci_source *src, const struct oci_image *img, struct pumped_list *pumped,
					   struct layer_result *results, struct err *e);
[[nodiscard]] enum err_code layers_pump(struct scan_engine *s, struct oci_source *src, struct arena *a, struct pumped_list *ret, struct err *e);
/* The image's config as pseudo files (facts of paths "config:Entrypoint", "history:3"). */
[[nodiscard]] enum err_code config_inspect(struct scan_engine *s, const struct oci_image *img, struct layer_result *ret, struct err *e);
