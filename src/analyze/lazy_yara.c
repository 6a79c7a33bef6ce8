/* libyara, opened when it is first used. */
#include <yara.h>
#include "yara_private.h"
#include "os.h"

#define FUNCTIONS(X) \
	X(int, yr_compiler_add_file, (YR_COMPILER *c, FILE *f, const char *space, const char *name), (c, f, space, name)) \
	X(int, yr_compiler_create, (YR_COMPILER **c), (c)) \
	X(int, yr_compiler_define_string_variable, (YR_COMPILER *c, const char *name, const char *value), (c, name, value)) \
	X(void, yr_compiler_destroy, (YR_COMPILER *c), (c)) \
	X(int, yr_compiler_get_rules, (YR_COMPILER *c, YR_RULES **r), (c, r)) \
	X(void, yr_compiler_set_callback, (YR_COMPILER *c, YR_COMPILER_CALLBACK_FUNC fn, void *arg), (c, fn, arg)) \
	X(void, yr_compiler_set_include_callback, (YR_COMPILER *c, YR_COMPILER_INCLUDE_CALLBACK_FUNC fn, YR_COMPILER_INCLUDE_FREE_FUNC free_fn, void *arg), (c, fn, free_fn, arg)) \
	X(int, yr_finalize, (void), ()) \
	X(int, yr_initialize, (void), ()) \
	X(int, yr_rules_destroy, (YR_RULES *r), (r)) \
	X(int, yr_rules_load_stream, (YR_STREAM *s, YR_RULES **r), (s, r)) \
	X(int, yr_rules_save_stream, (YR_RULES *r, YR_STREAM *s), (r, s)) \
	X(int, yr_scanner_create, (YR_RULES *r, YR_SCANNER **s), (r, s)) \
	X(int, yr_scanner_define_string_variable, (YR_SCANNER *s, const char *name, const char *value), (s, name, value)) \
	X(void, yr_scanner_destroy, (YR_SCANNER *s), (s)) \
	X(int, yr_scanner_scan_mem, (YR_SCANNER *s, const uint8_t *p, size_t n), (s, p, n)) \
	X(void, yr_scanner_set_callback, (YR_SCANNER *s, YR_CALLBACK_FUNC fn, void *arg), (s, fn, arg)) \
	X(void, yr_scanner_set_flags, (YR_SCANNER *s, int flags), (s, flags)) \
	X(void, yr_scanner_set_timeout, (YR_SCANNER *s, int seconds), (s, seconds))

FUNCTIONS(OS_LAZY_POINTER)
FUNCTIONS(OS_LAZY_FUNCTION_PLAIN)

enum err_code yara_library_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) };
	static bool loaded;	/* with the pointers above the second exception from "no globals": a library is loaded once a process */
	if (!loaded)
		TRY(os_library_load("libyara.so.9", "libyara9", symbols, ARRAY_LEN(symbols), e));
	loaded = true;
	return OK;
}
