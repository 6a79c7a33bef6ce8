#include <stdio.h>
#include <unistd.h>
#include "inside.h"
#include "intel.h"
#include "os.h"

static enum err_code table_path(struct cli *c, const char **ret_dir, const char **ret, struct err *e)
{
	TRY(cli_db_dir(c, ret_dir, e));
	struct slice path = arena_printf(&c->arena, "%s/intel.table", *ret_dir);
	TRY(arena_ok(&c->arena, "a path", e));
	*ret = (const char *)path.p;
	return OK;
}

static enum err_code open_all(struct cli *c, struct intel **ret, struct err *e)
{
	const char *dir, *installed;
	size_t n, used = 0;
	const char *const *more = cli_list(c, "intel", &n);
	TRY(table_path(c, &dir, &installed, e));
	const char **files = arena_calloc(&c->arena, n + 1, sizeof(*files));
	TRY(arena_ok(&c->arena, "the command line", e));
	for (; used < n; used++)
		files[used] = more[used];
	if (access(installed, F_OK) == 0)
		files[used++] = installed;
	return intel_open(files, used, ret, e);
}

static int import(struct cli *c)
{
	struct intel_import_stats stats = { 0 };
	const char *dir, *path;
	struct err e;
	AUTO_BUF b = BUF(8 * KIB);
	enum err_code code = table_path(c, &dir, &path, &e);
	if (code == OK)
		code = os_mkdirs(dir, 0755, &e);
	if (code == OK)
		code = intel_import(c->args, c->n_args, path, &stats, &e);
	if (code != OK)
		return cli_fail_err(&e);
	if (stats.unknown)
		cli_note(c, "%llu values were not understood, the first is '%s'", (unsigned long long)stats.unknown, stats.first_unknown);
	if (stats.refused)
		cli_note(c, "%llu values are too general to be indicators (private addresses, public suffixes, well-known hosts) and were left out",
			 (unsigned long long)stats.refused);
	buf_printf(&b, "%llu indicators imported, %llu kept from other feeds, %llu in all:", (unsigned long long)stats.added,
		   (unsigned long long)stats.kept, (unsigned long long)stats.total);
	for (unsigned k = INTEL_NONE + 1; k < INTEL_KIND_COUNT; k++)
		if (stats.per_kind[k])
			buf_printf(&b, " %s %llu", intel_kind_name((enum intel_kind)k), (unsigned long long)stats.per_kind[k]);
	buf_printf(&b, "\n%s\n", path);
	return cli_flag(c, "quiet", false) ? CLI_OK : cli_print_buf(&b);
}

static int status(struct cli *c)
{
	AUTO_INTEL in = NULL;
	AUTO_BUF b = BUF(MIB);
	struct err e;
	if (open_all(c, &in, &e) != OK || intel_status(in, &b, &e) != OK)
		return cli_fail_err(&e);
	return cli_print_buf(&b);
}

static int lookup(struct cli *c)
{
	AUTO_INTEL in = NULL;
	AUTO_BUF b = BUF(16 * MIB);
	bool any = false;
	struct err e;
	if (open_all(c, &in, &e) != OK)
		return cli_fail_err(&e);
	for (size_t i = 0; i < c->n_args; i++) {
		bool found = false;
		if (intel_lookup_text(in, slice_str(c->args[i]), &b, &found, &e) != OK)
			return cli_fail_err(&e);
		any = any || found;
	}
	int printed = cli_print_buf(&b);
	return printed != CLI_OK ? printed : any ? CLI_REFUSED : CLI_OK;
}

#define DB_OPTION { "db", 0, CLI_DIR, .arg = "DIR", .group = "Options", .help = "Where the table of indicators is" }
static const struct cli_option import_options[] = { DB_OPTION, { 0 } };
static const struct cli_option read_options[] = {
	DB_OPTION,
	{ "intel", 0, CLI_FILE, .repeated = true, .arg = "FILE", .help = "More indicators, beside the installed ones" },
	{ 0 },
};

static const struct cli_command import_command = {
	"import", import, "FILE...", "Import indicators: STIX 2.1, MISP JSON, CSV, plain lists", .min_args = 1, .options = import_options,
	.details = "A file replaces what was imported from a file of the same name before; other feeds are kept. Images inspected before need no new "
		   "inspection: the next scan joins their facts with the new indicators.\n",
};
static const struct cli_command status_command = { "status", status, .help = "Show which indicators are installed", .options = read_options };
static const struct cli_command lookup_command = {
	"lookup", lookup, "VALUE...", "Look up hashes, hosts, addresses, URLs, wallets, images, packages", .min_args = 1, .options = read_options,
	.details = "Ends with 1 when a value is listed, 0 when none is.\n",
};

const struct cli_command cli_cmd_intel = {
	"intel", .help = "Import, look up and show indicators of compromise",
	.sub = (const struct cli_command *const[]){ &import_command, &status_command, &lookup_command, NULL },
};
