#include "registry.h"

const struct analyzer *const analyzers[] = {
#define ANALYZER(name) &analyzer_##name,
#include "analyzers.list"
#undef ANALYZER
	NULL
};
