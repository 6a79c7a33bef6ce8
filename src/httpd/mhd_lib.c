#include "mhd_lib.h"

/* With the pointers of lazily opened libraries elsewhere the exception from "no globals": a library is loaded once a process. */
struct mhd_lib httpd_mhd;
struct tls_lib httpd_tls;

enum err_code httpd_mhd_load(struct err *e)
{
#define SYMBOL(name) { #name, &httpd_mhd.name },
	static const struct os_symbol symbols[] = { MHD_LIB_FUNCTIONS(SYMBOL) };
#undef SYMBOL
	if (httpd_mhd.MHD_start_daemon)
		return OK;
	return os_library_load("libmicrohttpd.so.12", "libmicrohttpd12", symbols, ARRAY_LEN(symbols), e);
}

enum err_code httpd_tls_load(struct err *e)
{
#define SYMBOL(name) { #name, &httpd_tls.name },
	static const struct os_symbol symbols[] = { TLS_LIB_FUNCTIONS(SYMBOL) };
#undef SYMBOL
	if (httpd_tls.gnutls_strerror)
		return OK;
	return os_library_load("libgnutls.so.30", "libgnutls30", symbols, ARRAY_LEN(symbols), e);
}
