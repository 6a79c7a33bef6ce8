#include "rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(MIB);
	struct rpm_header h;
	struct rpm_files files;
	struct rpm_file f;
	struct slice name, version;
	struct err e = {};
	volatile uint64_t n = 0;
	(void)n;
	if (rpm_header_parse(slice_of(data, size), &h, &e) != OK)
		return 0;
	n += slice_hash(h.name) + slice_hash(h.version) + slice_hash(h.release) + slice_hash(h.vendor) + slice_hash(h.module);
	if (rpm_split_source(h.source_rpm, &name, &version))
		n += slice_hash(name) + slice_hash(version);
	if (rpm_files_open(&h, &a, &files, &e) == OK)
		while (rpm_files_next(&files, &f))
			n += slice_hash(f.dir) + slice_hash(f.name) + f.digest_n;
	return 0;
}
