#pragma once
#include "facts.h"

enum { PROBE_OPEN = 1, PROBE_SOCKET, PROBE_EXEC, PROBE_PTRACE };
/* Says in a FACT_SKIPPED how the attempt ended, if the process is still there to say it. */
[[nodiscard]] enum err_code probe_run(uint64_t which, struct fact_sink *sink, struct err *e);
