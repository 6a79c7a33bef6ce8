#include <dlfcn.h>
#include "curl_lib.h"

enum err_code curl_lib_load(struct curl_lib *ret, struct err *e)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so" };
	struct curl_lib c = { 0 };
	for (size_t i = 0; !c.handle && i < ARRAY_LEN(names); i++)
		c.handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!c.handle)
		return err_set(e, ERR_UNSUPPORTED, 0, "the network needs libcurl, which is not installed (package libcurl4)");
	const struct { const char *name; void *to; } symbols[] = {
		{ "curl_global_init", &c.global_init }, { "curl_easy_init", &c.easy_init }, { "curl_easy_setopt", &c.easy_setopt },
		{ "curl_easy_getinfo", &c.easy_getinfo }, { "curl_easy_cleanup", &c.easy_cleanup }, { "curl_easy_reset", &c.easy_reset },
		{ "curl_easy_pause", &c.easy_pause }, { "curl_easy_strerror", &c.easy_strerror }, { "curl_multi_init", &c.multi_init },
		{ "curl_multi_add_handle", &c.multi_add_handle }, { "curl_multi_remove_handle", &c.multi_remove_handle },
		{ "curl_multi_perform", &c.multi_perform }, { "curl_multi_poll", &c.multi_poll },
		{ "curl_multi_info_read", &c.multi_info_read }, { "curl_multi_cleanup", &c.multi_cleanup },
		{ "curl_slist_append", &c.slist_append }, { "curl_slist_free_all", &c.slist_free_all },
	};
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *p = dlsym(c.handle, symbols[i].name);
		if (!p)
			return err_set(e, ERR_UNSUPPORTED, 0, "the installed libcurl is too old: it has no %s", symbols[i].name);
		memcpy(symbols[i].to, &p, sizeof(p));
	}
	/* The library stays loaded: TLS libraries do not take being unloaded. */
	if (c.global_init(CURL_GLOBAL_DEFAULT))
		return err_set(e, ERR_INTERNAL, 0, "libcurl does not start");
	*ret = c;
	return OK;
}
