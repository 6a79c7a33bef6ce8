/* The parse worker as its parent sees it. `pabean parse` is this program again, confined:
 *   descriptor 0  the layer's stored bytes (pipe)          1  fact frames: u32 length (little endian), fact_encode bytes
 *   descriptor 2  standard error (only for a crash)        3  unnamed scratch file for large files
 *   descriptor 4  the compiled pattern set, or /dev/null   5  compiled YARA rules, or /dev/null
 * 4 and 5 are read and closed before the worker confines itself. */
#pragma once
#include "facts.h"

enum { WORKER_FDS = 6, FRAME_HEADER_BYTES = 4 };

struct worker_settings {	/* all of one type, so that a table can read and write them */
	uint64_t memory_bytes;		/* private memory the worker may use */
	uint64_t cpu_seconds;		/* 0: no limit */
	uint64_t expand_bytes, expand_entries, expand_depth;
	uint64_t yara_timeout_s;	/* a file */
	uint64_t packages_only;		/* 1: no patterns, nested archives, digests beyond what packages need */
	uint64_t pseudo;		/* 1: the "layer" is the image's config as pseudo files: all are scripts whatever their names say */
	uint64_t probe;			/* not 0, test only: what to try after sealing (probe.h) */
};
void worker_settings_default(struct worker_settings *s);

/* The arguments for os_spawn: argv[0] "pabean", argv[1] "parse", ... NULL-terminated, in the arena. */
[[nodiscard]] enum err_code worker_argv(const struct worker_settings *s, struct arena *a, const char *const **ret, struct err *e);
/* What facts depend on beside the layer: analyzers and versions, patterns, budgets. 64 hex digits into dst; `yara_digest` may be empty. */
void worker_facts_key(const struct worker_settings *s, struct slice yara_digest, char dst[65]);

/* The role itself. Returns the process's exit status. */
int analyze_worker_main(int argc, char **argv);
