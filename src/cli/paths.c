/* Where data and caches live: /var for root, the XDG Base Directory specification for others. */
#include <stdlib.h>
#include <unistd.h>
#include "inside.h"

static enum err_code place(struct cli *c, const char *root, const char *xdg, const char *below_home, const char **ret, struct err *e)
{
	const char *base = getenv(xdg), *home = getenv("HOME");
	struct slice path;
	if (geteuid() == 0)
		path = arena_printf(&c->arena, "%s/pabean", root);
	else if (base && base[0] == '/')
		path = arena_printf(&c->arena, "%s/pabean", base);
	else if (home && home[0] == '/')
		path = arena_printf(&c->arena, "%s/%s/pabean", home, below_home);
	else
		return err_set(e, ERR_USAGE, 0, "neither %s nor HOME is set to an absolute path: where to keep files is unknown", xdg);
	TRY(arena_ok(&c->arena, "a path", e));
	*ret = (const char *)path.p;
	return OK;
}

enum err_code cli_data_dir(struct cli *c, const char **ret, struct err *e)
{
	return place(c, "/var/lib", "XDG_DATA_HOME", ".local/share", ret, e);
}

enum err_code cli_db_dir(struct cli *c, const char **ret, struct err *e)
{
	const char *given = cli_text(c, "db", NULL);
	if (!given)
		return cli_data_dir(c, ret, e);
	*ret = given;
	return OK;
}

enum err_code cli_cache_dir(struct cli *c, const char **ret, struct err *e)
{
	const char *given = cli_text(c, "cache-dir", NULL);
	if (!given)
		return place(c, "/var/cache", "XDG_CACHE_HOME", ".cache", ret, e);
	*ret = given;
	return OK;
}
