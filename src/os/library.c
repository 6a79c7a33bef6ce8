#include "os.h"
#include <dlfcn.h>

enum err_code os_library_load(const char *soname, const char *package, const struct os_symbol *symbols, size_t n, struct err *e)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(e, ERR_UNSUPPORTED, 0, "%s is not installed (Debian's package %s)", soname, package);
	for (size_t i = 0; i < n; i++) {
		void *p = dlsym(handle, symbols[i].name);
		if (!p)
			return err_set(e, ERR_UNSUPPORTED, 0, "the installed %s has no %s", soname, symbols[i].name);
		memcpy(symbols[i].to, &p, sizeof(p));
	}
	return OK;
}
