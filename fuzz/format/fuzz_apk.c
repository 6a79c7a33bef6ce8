#include "apk.h"

static enum err_code on_package(void *arg, const struct apk_package *p, struct err *)
{
	*(volatile uint64_t *)arg += slice_hash(p->name) + slice_hash(p->version) + slice_hash(p->arch) + slice_hash(p->origin) + slice_hash(p->license);
	return OK;
}

static enum err_code on_file(void *arg, const struct apk_package *, const struct apk_file *f, struct err *)
{
	*(volatile uint64_t *)arg += slice_hash(f->dir) + slice_hash(f->name) + f->sha1[19];
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {};
	uint64_t n = 0, malformed;
	if (apk_installed_parse(slice_of(data, size), &(struct apk_handler){ on_package, on_file, &n }, &malformed, &e) != OK)
		__builtin_trap();
	return 0;
}
