/* Between compiling and scanning. */
#pragma once
#include "yara_set.h"

/* The external variables that rules may use, NULL-terminated. */
extern const char *const yara_variables[];
/* "magic" or "cuckoo" when the text imports it (comments and strings are looked through), else NULL. */
const char *yara_forbidden_import(struct slice text, uint64_t *ret_line);

/* Opens libyara; its functions must not be called before. */
[[nodiscard]] enum err_code yara_library_load(struct err *e);
