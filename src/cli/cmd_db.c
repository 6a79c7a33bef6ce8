#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "advisory.h"
#include "inside.h"
#include "net.h"
#include "os.h"

static void progress(void *arg, const struct advisory_progress *p)
{
	char done[16];
	(void)arg;
	fprintf(stderr, "\r\033[K%.60s %s", p->name, text_format_size(done, sizeof(done), p->done_bytes));
	if (p->total_bytes)
		fprintf(stderr, " of %s", text_format_size(done, sizeof(done), p->total_bytes));
	if (p->records)
		fprintf(stderr, ", %" PRIu64 " records", p->records);
}

static advisory_progress_fn *progress_wanted(const struct cli *c)
{
	return isatty(STDERR_FILENO) && !cli_flag(c, "quiet", false) ? progress : NULL;
}

static int imported(struct cli *c, enum err_code rc, const struct advisory_import_stats *s, const struct err *e)
{
	char size[16];
	if (progress_wanted(c))
		fputs("\r\033[K", stderr);
	if (rc != OK)
		return cli_fail_err(e);
	for (uint64_t i = 0; i < s->malformed && i < ADVISORY_MALFORMED_SHOWN; i++)
		cli_note(c, "left out %s", s->malformed_text[i]);
	if (s->malformed)
		cli_note(c, "%" PRIu64 " malformed records were left out", s->malformed);
	cli_note(c, "%" PRIu64 " advisories, %" PRIu64 " KEV, %" PRIu64 " EPSS, %" PRIu64 " NVD from %" PRIu64 " files (%s of JSON, %.1f s)%s", s->records, s->kev,
		 s->epss, s->nvd, s->files, text_format_size(size, sizeof(size), s->json_bytes), (double)s->elapsed_ns / 1e9,
		 s->unchanged ? "; the others have not changed" : "");
	return CLI_OK;
}

static int import(struct cli *c)
{
	const char *dir;
	struct err e;
	struct advisory_import_stats s = { 0 };
	if (cli_db_dir(c, &dir, &e) != OK)
		return cli_fail_err(&e);
	struct advisory_import_options o = { .progress = progress_wanted(c) };
	enum err_code rc = advisory_db_import(dir, c->args, c->n_args, &o, &s, &e);
	return imported(c, rc, &s, &e);
}

static int update(struct cli *c)
{
	const char *dir;
	struct err e;
	struct advisory_import_stats s = { 0 };
	if (cli_db_dir(c, &dir, &e) != OK)
		return cli_fail_err(&e);
	struct net_options net = { .user_agent = "pabean/" PABEAN_VERSION };
	struct advisory_update_options o = { .source = cli_text(c, "source", NULL), .kev_url = cli_text(c, "kev-url", NULL),
					     .epss_url = cli_text(c, "epss-url", NULL), .net = &net, .progress = progress_wanted(c) };
	o.ecosystems = cli_list(c, "ecosystem", &o.n_ecosystems);
	enum err_code rc = advisory_db_update(dir, &o, &s, &e);
	return imported(c, rc, &s, &e);
}

static int open_db(struct cli *c, struct advisory_db **ret)
{
	const char *dir;
	struct err e;
	if (cli_db_dir(c, &dir, &e) != OK || advisory_db_open(dir, ret, &e) != OK)
		return cli_fail_err(&e);
	return CLI_OK;
}

static int status(struct cli *c)
{
	struct advisory_db *db;
	struct advisory_status s;
	struct err e;
	char when[21], size[16];
	AUTO_BUF b = BUF(4 * MIB);
	int rc = open_db(c, &db);
	if (rc != CLI_OK)
		return rc;
	advisory_db_status(db, &s);
	uint64_t now = cli_now_s(c);
	os_format_time(s.built_s, when);
	buf_printf(&b, "built     %s, %" PRIu64 " days ago\nsize      %s\nrecords   %" PRIu64 "\nKEV       %" PRIu64 "\nEPSS      %" PRIu64 "\nNVD       %" PRIu64 "\n\n",
		   when, now > s.built_s ? (now - s.built_s) / 86400 : 0, text_format_size(size, sizeof(size), s.bytes), s.records, s.kev, s.epss, s.nvd);
	buf_printf(&b, "%-20s %9s  %-20s  %s\n", "ECOSYSTEM", "RECORDS", "IMPORTED", "SOURCE");
	for (size_t i = 0; i < s.n_ecosystems; i++) {
		const struct advisory_ecosystem *eco = &s.ecosystems[i];
		char name[32];
		os_format_time(eco->imported_s, when);
		buf_printf(&b, "%-20s %9" PRIu64 "  %-20s  ", text_escape_to(name, sizeof(name), eco->name), eco->records, when);
		text_escape(&b, eco->source);
		buf_putc(&b, '\n');
	}
	if (cli_flag(c, "releases", false)) {
		buf_printf(&b, "\n%-40s %9s\n", "RELEASE", "ENTRIES");
		for (size_t i = 0; i < s.n_releases; i++) {
			char name[64];
			buf_printf(&b, "%-40s %9" PRIu64 "\n", text_escape_to(name, sizeof(name), s.releases[i].name), s.releases[i].rows);
		}
	}
	bool verify = cli_flag(c, "verify", false);
	if (verify && advisory_db_verify(db, &e) != OK) {
		advisory_db_close(db);
		return cli_fail_err(&e);
	}
	if (verify)
		buf_puts(&b, "\nEvery block has its checksum.\n");
	advisory_db_close(db);
	return cli_print_buf(&b);
}

static int lookup(struct cli *c)
{
	struct advisory_db *db = NULL;
	struct err e;
	int rc = open_db(c, &db);
	AUTO_BUF b = BUF(16 * MIB);
	for (size_t i = 0; rc == CLI_OK && i < c->n_args; i++) {
		if (i)
			buf_putc(&b, '\n');
		if (advisory_db_lookup(db, slice_str(c->args[i]), &b, &e) != OK)
			rc = cli_fail_err(&e);
	}
	if (b.n && cli_print_buf(&b) != CLI_OK)
		rc = CLI_ERROR;
	advisory_db_close(db);
	return rc;
}

static const char *sign(int order) { return order < 0 ? "<" : order > 0 ? ">" : "="; }

/* "A B" lines; a line that cannot be compared gives "?" and makes the exit status 2. */
static int compare_lines(const char *ecosystem)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = CLI_OK;
	while ((n = getline(&line, &cap, stdin)) >= 0) {
		struct slice rest = slice_trim(slice_of(line, (size_t)n)), a = rest;
		struct err e;
		int order = 0;
		size_t i = 0;
		while (i < rest.n && rest.p[i] != ' ' && rest.p[i] != '\t')
			i++;
		a = slice_upto(rest, i);
		if (version_compare(slice_str(ecosystem), a, slice_trim(slice_from(rest, i)), &order, &e) != OK) {
			if (e.code == ERR_UNSUPPORTED) {
				free(line);
				return cli_fail_err(&e);
			}
			rc = CLI_ERROR;
			puts("?");
		} else {
			puts(sign(order));
		}
	}
	free(line);
	return fflush(stdout) == 0 ? rc : cli_fail("standard output: %s", strerror(errno));
}

static int compare(struct cli *c)
{
	const char *ecosystem = cli_text(c, "ecosystem", NULL);
	struct err e;
	int order;
	if (!ecosystem)
		return cli_fail("--ecosystem says how versions are ordered: Debian, npm, PyPI, …");
	if (c->n_args == 1 && !strcmp(c->args[0], "-"))
		return compare_lines(ecosystem);
	if (c->n_args != 2)
		return cli_fail("two versions, or - to read \"A B\" lines from standard input");
	if (version_compare(slice_str(ecosystem), slice_str(c->args[0]), slice_str(c->args[1]), &order, &e) != OK)
		return cli_fail_err(&e);
	char text[3] = { sign(order)[0], '\n', 0 };
	return cli_print(slice_str(text));
}

#define DB_OPTION { "db", 0, CLI_DIR, .arg = "DIR", .group = "Options", .help = "Where the database is" }
static const struct cli_option db_options[] = { DB_OPTION, { 0 } };
static const struct cli_option status_options[] = {
	DB_OPTION,
	{ "releases", 0, CLI_FLAG, .help = "Also list every release that there is data for" },
	{ "verify", 0, CLI_FLAG, .help = "Read the whole database and check every block" },
	{ "now", 0, CLI_TIME, .arg = "TIME", .help = "Reckon the age from this time" },
	{ 0 },
};
static const struct cli_option update_options[] = {
	DB_OPTION,
	{ "source", 0, CLI_TEXT, .arg = "URL", .help = "Where ECOSYSTEM/all.zip is (default: the public bucket of osv.dev)" },
	{ "ecosystem", 0, CLI_TEXT, .repeated = true, .arg = "NAME", .help = "Only this one, as OSV names it: Debian, npm, \"Rocky Linux\" (repeatable)" },
	{ "kev-url", 0, CLI_TEXT, .arg = "URL", .help = "CISA's known exploited vulnerabilities; an empty text leaves them out" },
	{ "epss-url", 0, CLI_TEXT, .arg = "URL", .help = "EPSS scores; an empty text leaves them out" },
	{ 0 },
};
static const struct cli_option compare_options[] = {
	{ "ecosystem", 0, CLI_TEXT, .arg = "NAME", .group = "Options", .help = "Whose order: Debian, AlmaLinux, Alpine, npm, Go, PyPI, RubyGems, crates.io" },
	{ 0 },
};
static const struct cli_command update_command = {
	"update", update, .help = "Fetch advisories, known exploited vulnerabilities and EPSS scores", .options = update_options,
	.details = "Takes only what changed since the last time and goes on where it was interrupted. Scans that run meanwhile are not disturbed.\n",
};
static const struct cli_command import_command = {
	"import", import, "PATH...", "Take advisories from files: OSV zips or directories of them, KEV, EPSS, NVD 2.0", .min_args = 1, .options = db_options,
	.details = "What a file is shows from its content. An import replaces the ecosystems that it brings and keeps the others.\n\n"
		   "  pabean db import osv/ kev.json epss_scores-current.csv.gz\n",
};
static const struct cli_command status_command = {
	"status", status, .help = "Say how old the database is and what is in it", .options = status_options,
};
static const struct cli_command lookup_command = {
	"lookup", lookup, "CVE|PURL...", "Say what is known of a vulnerability, or which ones concern a package", .min_args = 1, .options = db_options,
	.details = "  pabean db lookup CVE-2021-44228\n  pabean db lookup 'pkg:deb/debian/curl@7.88.1-10?distro=debian-12'\n  pabean db lookup pkg:pypi/django@4.2.0\n",
};
static const struct cli_command compare_command = {
	"compare", compare, "A B", "Print <, = or > as an ecosystem orders two versions", .min_args = 1, .max_args = 2, .options = compare_options,
	.details = "With - it reads \"A B\" lines from standard input and prints one sign a line, ? for what is no version.\n\n"
		   "  pabean db compare --ecosystem Debian 1.0~rc1 1.0\n",
};

const struct cli_command cli_cmd_db = {
	"db", .help = "Fetch, import and look into the advisory database",
	.sub = (const struct cli_command *const[]){ &update_command, &import_command, &status_command, &lookup_command, &compare_command, NULL },
};
