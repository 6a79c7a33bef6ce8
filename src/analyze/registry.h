/* Declares every analyzer of analyzers.list. */
#pragma once
#include "analyze.h"

#define ANALYZER(name) extern const struct analyzer analyzer_##name;
#include "analyzers.list"
#undef ANALYZER
