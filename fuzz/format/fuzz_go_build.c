#include "go_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct go_build b;
	struct go_module m;
	char text[64];
	volatile uint64_t n = 0;
	if (!go_build_read(slice_of(data, size), &b)) {
		b.modules = slice_of(data, size);
		b.go_version = slice_of(data, size);
	}
	n += go_stdlib_version(b.go_version, text).n;
	while (go_module_next(&b.modules, &m))
		n += slice_hash(m.path) + slice_hash(m.version) + slice_hash(m.by_path) + slice_hash(m.by_version);
	(void)n;
	return 0;
}
