#include "dpkg.h"

static enum err_code on_package(void *arg, const struct dpkg_package *p, struct err *)
{
	struct slice rest = p->conffiles;
	struct dpkg_file f;
	unsigned *n = arg;
	*n += dpkg_is_installed(p);
	while (dpkg_conffile_next(&rest, &f))
		*n += f.path.p[0];
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size), rest = s, path;
	struct err e = {};
	struct dpkg_file f;
	struct dpkg_diversion d;
	uint64_t malformed;
	volatile unsigned n = 0;
	if (dpkg_status_parse(s, on_package, (void *)&n, &malformed, &e) != OK)
		__builtin_trap();
	while (dpkg_md5sums_next(&rest, &f))
		n += f.path.p[0];
	for (rest = s; dpkg_list_next(&rest, &path);)
		n += path.p[path.n - 1];
	for (rest = s; dpkg_diversion_next(&rest, &d);)
		n += d.to.p[d.to.n - 1] + d.package.p[0];
	return 0;
}
