#include "inside.h"

enum err_code sql_pg_open(const struct sql_options *o, const char *where, struct sql **ret, struct err *e)
{
	(void)o, (void)where, (void)ret;
	return err_set(e, ERR_UNSUPPORTED, 0, "PostgreSQL is not there yet");
}
