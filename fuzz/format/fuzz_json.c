#include "json_pull.h"
#include "npm.h"

static enum err_code on_package(void *arg, const struct npm_package *p, struct err *)
{
	*(volatile uint64_t *)arg += slice_hash(p->name) + slice_hash(p->version) + slice_hash(p->license);
	return OK;
}

/* package.json and lock files, and every string of the input unescaped. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(4 * MIB);
	struct slice s = slice_of(data, size), raw;
	struct json_pull j = json_pull_of(s);
	struct npm_package p;
	struct err e = {};
	uint64_t n = npm_is_installed_path(s);
	if (npm_package_parse(s, &a, &p, &e) == OK)
		(void)!on_package(&n, &p, &e);
	(void)!npm_lock_parse(s, &a, on_package, &n, &e);
	while (json_pull_string(&j, &raw))
		n += slice_hash(json_pull_unescape(raw, &a));
	return 0;
}
