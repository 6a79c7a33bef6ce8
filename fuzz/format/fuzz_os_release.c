#include "os_release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(MIB);
	struct slice s = slice_of(data, size);
	struct fact_os_release r;
	struct err e = {};
	volatile uint64_t n = 0;
	(void)n;
	if (os_release_parse(s, &a, &r, &e) == OK || lsb_release_parse(s, &a, &r, &e) == OK ||
	    os_release_line_parse(SL("debian_version"), s, &a, &r, &e) == OK || os_release_line_parse(SL("redhat-release"), s, &a, &r, &e) == OK)
		n += slice_hash(r.id) + slice_hash(r.version_id) + slice_hash(r.pretty_name) + slice_hash(r.codename);
	return 0;
}
