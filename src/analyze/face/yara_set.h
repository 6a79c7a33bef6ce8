/* Users' YARA rules. They are compiled once, in the parent, with files opened by name; the worker takes the compiled bytes before it
 * confines itself and afterwards only scans memory. libyara is initialised by whichever of these is called first. */
#pragma once
#include "analyze.h"

struct yara_set;

/* A rule file that does not compile, for people. */
struct yara_problem { struct slice file; uint64_t line; bool warning; struct slice message; };
typedef void yara_problem_fn(void *arg, const struct yara_problem *p);

enum { YARA_MAX_FILES = 20000, YARA_MAX_RULE_BYTES = 16 << 20 /* a file */, YARA_MAX_BYTES = 256 << 20 /* compiled */ };

/* Compiles files and, recursively, directories (names ending in .yar, .yara, .rule, .rules). Each file is a namespace of its own, named
 * by its path below the given one. Rules may use the variables filename, filepath, extension, filetype and owner. Importing the modules
 * magic and cuckoo, and including a file outside the including file's directory, is an error of that file. A file with errors is left
 * out and told; ERR_USAGE when a path cannot be read or nothing compiles. *ret_rules: how many rules are in the bytes. */
[[nodiscard]] enum err_code yara_rules_compile(const char *const *paths, size_t n, struct buf *out, uint64_t *ret_rules, yara_problem_fn *fn,
					       void *arg, struct err *e);
/* The compiled bytes (from this very libyara). */
[[nodiscard]] enum err_code yara_load(struct slice compiled, struct yara_set **ret, struct err *e);
void yara_close(struct yara_set *set);	/* takes NULL */
/* Emits a FACT_YARA for each rule that matches, FACT_SKIPPED "timeout" when the time is over. */
[[nodiscard]] enum err_code yara_scan(struct yara_set *set, const struct file_view *f, unsigned timeout_s, struct fact_sink *sink, struct err *e);
