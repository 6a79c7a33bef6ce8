#include "url.h"

/* A joined URL must be one that parses; the first line is the reference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char ref[4096];
	AUTO_BUF out = BUF(16 * KIB);
	struct err e = { 0 };
	struct url u;
	(void)!url_parse(slice_of(data, size), &u, &e);
	if (size >= sizeof(ref) || (size && memchr(data, 0, size)))
		return 0;
	memcpy(ref, size ? (const void *)data : "", size);
	ref[size] = 0;
	if (net_url_join("https://host:1/a/b?c", ref, &out, &e) == OK && url_parse(buf_slice(&out), &u, &e) != OK)
		__builtin_trap();
	return 0;
}
