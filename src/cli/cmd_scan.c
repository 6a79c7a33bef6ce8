#include <errno.h>
#include <stdio.h>
#include "policy.h"
#include "scan_inside.h"

static const char *const formats[] = { "table", "json", "jsonl", "sarif", NULL };
static const char *const severities[] = { "critical", "high", "medium", "low", "info", "unknown", NULL };

static const struct cli_option options[] = {
	{ "format", 'f', CLI_CHOICE, .repeated = true, .arg = "FORMAT", .group = "Report", .choices = formats,
	  .help = "table, json, jsonl or sarif; each may be followed by its own --output" },
	{ "output", 'o', CLI_FILE, .repeated = true, .arg = "FILE", .help = "Write the report of the --format before it to this file, complete or not at all" },
	{ "severity", 's', CLI_CHOICE, .arg = "LEVEL", .choices = severities,
	  .help = "Show findings of this severity and above; the verdict still counts all" },
	{ "kind", 'k', CLI_TEXT, .repeated = true, .arg = "KIND,...", .help = "Show only these kinds of findings; the verdict still counts all" },
	{ "ignore-unfixed", 0, CLI_FLAG, .help = "Vulnerabilities without a fixed version neither count nor are shown; those that will not be fixed or are "
	  "known to be exploited stay visible" },
	{ "stats", 0, CLI_FLAG, .help = "Report bytes, files and time of each stage" },

	{ "policy", 'p', CLI_FILE, .arg = "FILE", .group = "Verdict", .help = "Judge by this policy instead of the one compiled in (pabean policy show)" },
	{ "waivers", 0, CLI_FILE, .repeated = true, .arg = "FILE", .help = "Accept the findings that this file of waivers names" },
	{ "fail-on", 0, CLI_TEXT, .repeated = true, .arg = "KIND:LEVEL", .help = "Refuse images with such findings, whatever the policy says: vulnerability:high, "
	  "any:critical" },
	{ "now", 0, CLI_TIME, .arg = "TIME", .help = "Judge ages and ends at this time instead of the clock's (also SOURCE_DATE_EPOCH)" },

	{ "platform", 0, CLI_TEXT, .arg = "OS/ARCH[/VARIANT]", .group = "Images", .help = "Choose this platform of a multi-platform image; default: this machine's" },
	{ "all-platforms", 0, CLI_FLAG, .help = "Inspect every platform of an image index, one report each" },
	{ "input-list", 0, CLI_FILE, .arg = "FILE", .help = "Inspect the images that this file names, one a line; - is standard input" },
	{ "authfile", 0, CLI_FILE, .arg = "FILE", .help = "Credentials for registries; default: containers' auth.json, then Docker's config.json" },
	{ "tls-verify", 0, CLI_FLAG, .help = "Verify registries' certificates (default true)" },
	{ "cert-dir", 0, CLI_DIR, .arg = "DIR", .help = "Certificates for registries: *.crt, client.cert, client.key" },

	{ "db", 0, CLI_DIR, .arg = "DIR", .group = "Data", .help = "Where advisories and indicators are" },
	{ "db-max-age", 0, CLI_DURATION, .arg = "TIME", .help = "Advisories older than this are reported (default 7d)" },
	{ "intel", 0, CLI_FILE, .repeated = true, .arg = "FILE", .help = "More indicators, beside the installed ones: table, STIX 2.1, MISP, CSV or list" },
	{ "yara", 0, CLI_FILE, .repeated = true, .arg = "PATH", .help = "YARA rules, a file or a directory" },
	{ "protected-names", 0, CLI_TEXT, .repeated = true, .arg = "NAME", .help = "Names of your own images: whatever only looks like one of them is reported" },

	{ "skip-path", 0, CLI_TEXT, .repeated = true, .arg = "PATTERN", .group = "Inspection", .help = "Do not inspect these files; recorded as skipped, which holds the image" },
	{ "packages-only", 0, CLI_FLAG, .help = "Only what vulnerabilities need: no patterns, indicators or nested archives" },
	{ "include-owned", 0, CLI_FLAG, .help = "Match language packages also by their own ecosystem when a distribution's package owns them" },
	{ "declared", 0, CLI_FLAG, .help = "Match packages that lock files only declare" },
	{ "jobs", 'j', CLI_COUNT, .arg = "N", .help = "Layers inspected at once (default: one a processor)" },
	{ "timeout", 0, CLI_DURATION, .arg = "TIME", .help = "Longest time for one layer (default 30m)" },
	{ "memory", 0, CLI_SIZE, .arg = "SIZE", .help = "Most memory of one worker (default 1G)" },
	{ "expand-bytes", 0, CLI_SIZE, .arg = "SIZE", .help = "Most bytes expanded of one file's nested archives (default 2G)" },
	{ "expand-entries", 0, CLI_COUNT, .arg = "N", .help = "Most entries of one file's nested archives (default 1000000)" },
	{ "expand-depth", 0, CLI_COUNT, .arg = "N", .help = "Archives in archives are opened to this depth (default 4)" },
	{ "cache-dir", 0, CLI_DIR, .arg = "DIR", .help = "Where facts of inspected layers are kept" },
	{ "no-cache", 0, CLI_FLAG, .help = "Neither use nor fill the cache" },
	{ 0 },
};

struct scan_run {
	struct cli *c;
	struct scan_options o;
	struct policy *policy;
	struct policy_options judge;
	struct scan_outputs outputs;
	struct scan_line line;
	unsigned reports, refused, held, failed;
	bool output_failed;
};

static void on_progress(void *arg, const struct scan_progress *p)
{
	struct scan_run *s = arg;
	scan_line_draw(&s->line, p);
}

static void on_log(void *arg, enum scan_log_level level, const char *text)
{
	struct scan_run *s = arg;
	if (level == SCAN_LOG_INFO && !cli_flag(s->c, "verbose", false))
		return;
	scan_line_clear(&s->line);
	cli_note(s->c, "%s", text);
}

static enum err_code on_report(void *arg, struct report *r, struct err *e)
{
	struct scan_run *s = arg;
	TRY(policy_apply(s->policy, r, &s->judge, e));
	if (s->o.packages_only) {
		struct slice *note = ARENA_PUSH(r->arena, &r->verdict.notes);
		if (!note)
			return arena_ok(r->arena, "the verdict", e);
		*note = SL("only packages were inspected: malware, miners and scripts were not looked for");
	}
	scan_line_clear(&s->line);
	if (scan_outputs_add(&s->outputs, r, e) != OK) {
		s->output_failed = true;
		return e->code;
	}
	s->reports++;
	s->refused += r->verdict.decision == DECISION_REFUSE;
	s->held += r->verdict.decision == DECISION_HOLD;
	return OK;
}

/* --- Options ------------------------------------------------------------------------------------------------------------- */

static enum err_code kinds(struct scan_run *s, struct err *e)
{
	size_t n;
	const char *const *list = cli_list(s->c, "kind", &n);
	char word[80];
	for (size_t i = 0; i < n; i++) {
		struct slice rest = slice_str(list[i]), one;
		while (slice_next_piece(&rest, ',', &one)) {
			enum finding_kind kind;
			if (!finding_kind_parse(slice_trim(one), &kind))
				return err_set(e, ERR_USAGE, 0, "--kind: '%s' is no kind of finding; known are malware, miner, attack-tool, vulnerability, "
					       "misconfiguration, name, integrity, coverage", text_escape_to(word, sizeof(word), one));
			s->judge.kinds |= 1u << kind;
		}
	}
	return OK;
}

static enum err_code judging(struct scan_run *s, struct err *e)
{
	size_t n;
	const char *const *list = cli_list(s->c, "waivers", &n);
	TRY(policy_load(cli_text(s->c, "policy", NULL), &s->policy, e));
	for (size_t i = 0; i < n; i++)
		TRY(policy_add_waivers(s->policy, list[i], e));
	list = cli_list(s->c, "fail-on", &n);
	struct policy_fail_on *fail_on = arena_calloc(&s->c->arena, n + 1, sizeof(*fail_on));
	if (!fail_on)
		return arena_ok(&s->c->arena, "the command line", e);
	for (size_t i = 0; i < n; i++)
		if (policy_fail_on_parse(slice_str(list[i]), &fail_on[i], e) != OK)
			return err_prefix(e, "--fail-on");
	s->judge.now_s = s->o.now_s;
	s->judge.fail_on = fail_on;
	s->judge.n_fail_on = n;
	s->judge.ignore_unfixed = cli_flag(s->c, "ignore-unfixed", false);
	const char *severity = cli_text(s->c, "severity", NULL);
	if (severity && !severity_parse(slice_str(severity), &s->judge.min_severity))
		return err_set(e, ERR_USAGE, 0, "--severity: '%s' is no severity", severity);
	return kinds(s, e);
}

static enum err_code engine_options(struct scan_run *s, struct err *e)
{
	struct cli *c = s->c;
	struct scan_options *o = &s->o;
	TRY(cli_db_dir(c, &o->db_dir, e));
	TRY(cli_cache_dir(c, &o->cache_dir, e));
	struct slice intel = arena_printf(&c->arena, "%s/intel.table", o->db_dir);
	struct slice agent = arena_printf(&c->arena, "pabean/%s", cli_version);
	TRY(arena_ok(&c->arena, "the command line", e));
	o->intel_file = (const char *)intel.p;
	o->oci = OCI_OPTIONS_DEFAULT;
	o->oci.platform = cli_text(c, "platform", NULL);
	o->oci.all_platforms = cli_flag(c, "all-platforms", false);
	o->oci.authfile = cli_text(c, "authfile", NULL);
	o->oci.tls_verify = cli_flag(c, "tls-verify", true);
	o->oci.cert_dir = cli_text(c, "cert-dir", NULL);
	o->oci.user_agent = (const char *)agent.p;
	o->intel_files = cli_list(c, "intel", &o->n_intel_files);
	o->yara_paths = cli_list(c, "yara", &o->n_yara_paths);
	o->protected_names = cli_list(c, "protected-names", &o->n_protected_names);
	o->skip_paths = cli_list(c, "skip-path", &o->n_skip_paths);
	o->jobs = (unsigned)MIN(cli_number(c, "jobs", 0), (uint64_t)1024);
	o->no_cache = cli_flag(c, "no-cache", false);
	o->timeout_ms = cli_number(c, "timeout", 0);
	o->memory_bytes = cli_number(c, "memory", 0);
	o->expand_bytes = cli_number(c, "expand-bytes", 0);
	o->expand_entries = cli_number(c, "expand-entries", 0);
	o->expand_depth = (unsigned)MIN(cli_number(c, "expand-depth", 0), (uint64_t)64);
	o->packages_only = cli_flag(c, "packages-only", false);
	o->include_owned = cli_flag(c, "include-owned", false);
	o->declared = cli_flag(c, "declared", false);
	o->now_s = cli_now_s(c);
	o->db_max_age_ms = cli_number(c, "db-max-age", 0);
	o->stats = cli_flag(c, "stats", false);
	o->progress = on_progress;
	o->log = on_log;
	o->arg = s;
	return OK;
}

/* --- Images ---------------------------------------------------------------------------------------------------------------- */

struct references { const char **items; size_t n, cap; };

static enum err_code read_list(struct cli *c, const char *path, struct buf *b, struct err *e)
{
	return os_read_file(!strcmp(path, "-") ? "/dev/stdin" : path, b, e) == OK ? OK : err_prefix(e, "read --input-list");
	(void)c;
}

static enum err_code collect(struct cli *c, struct references *refs, struct err *e)
{
	const char *path = cli_text(c, "input-list", NULL);
	AUTO_BUF b = BUF(16 * MIB);
	if (path)
		TRY(read_list(c, path, &b, e));
	struct slice rest = buf_slice(&b), line;
	for (size_t i = 0; i < c->n_args || slice_next_line(&rest, &line); i++) {
		bool arg = i < c->n_args;
		if (!arg)
			line = slice_trim(line);
		if (!arg && (!line.n || line.p[0] == '#'))
			continue;
		if (!arg && slice_find_byte(line, 0) >= 0)
			return err_set(e, ERR_USAGE, 0, "--input-list: a line holds a NUL byte");
		const char **slot = ARENA_PUSH(&c->arena, refs);
		if (!slot)
			return arena_ok(&c->arena, "the list of images", e);
		*slot = arg ? c->args[i] : arena_slice_cstr(&c->arena, line);
		if (!*slot)
			return arena_ok(&c->arena, "the list of images", e);
	}
	if (!refs->n)
		return err_set(e, ERR_USAGE, 0, "which image? pabean scan [options] IMAGE...");
	return OK;
}

static void scan_all(struct scan_run *s, struct scan_engine *engine, const struct references *refs)
{
	for (size_t i = 0; i < refs->n && !s->output_failed && !os_cancelled(); i++) {
		struct err e = { 0 };
		char name[160];
		enum err_code code = scan_image(engine, refs->items[i], on_report, s, &e);
		scan_line_clear(&s->line);
		if (code == OK || os_cancelled())
			continue;
		s->failed++;
		if (s->output_failed && e.sys == EPIPE)
			return;	/* nobody listens any more */
		if (s->output_failed || strstr(e.msg, refs->items[i]))
			cli_fail_err(&e);
		else
			cli_fail("%s: %s", text_escape_to(name, sizeof(name), slice_str(refs->items[i])), e.msg);
	}
}

static int status_of(const struct scan_run *s)
{
	return s->failed ? CLI_ERROR : s->refused ? CLI_REFUSED : s->held ? CLI_HELD : CLI_OK;
}

static enum err_code prepare(struct scan_run *s, struct references *refs, struct err *e)
{
	TRY(collect(s->c, refs, e));
	TRY(engine_options(s, e));
	TRY(judging(s, e));
	TRY(scan_outputs_pair(s->c, &s->outputs, e));
	return scan_outputs_open(s->c, &s->outputs, refs->n > 1, e);
}

static int run(struct cli *c)
{
	struct scan_run s = { .c = c };
	struct references refs = { 0 };
	struct scan_engine *engine = NULL;
	struct err e = { 0 };
	scan_line_init(&s.line, c);
	enum err_code code = prepare(&s, &refs, &e);
	if (code == OK)
		code = scan_engine_open(&s.o, &engine, &e);
	if (code != OK) {
		cli_fail_err(&e);
		s.failed = 1;
	} else {
		scan_all(&s, engine, &refs);
	}
	/* An image that could not be judged leaves no report; where there is none at all, nothing is written. */
	if (code == OK && s.reports && !s.output_failed && !os_cancelled() && scan_outputs_commit(&s.outputs, &e) != OK) {
		s.failed++;
		if (e.sys != EPIPE)
			cli_fail_err(&e);
	}
	scan_outputs_close(&s.outputs);
	scan_engine_close(engine);
	policy_free(s.policy);
	return status_of(&s);
}

const struct cli_command cli_cmd_scan = {
	"scan", run, "IMAGE...", "Inspect images and give one verdict each: admit, hold or refuse", .options = options,
	.details =
		"IMAGE is one of\n\n"
		"  nginx:1.27, docker://REF        an image of a registry\n"
		"  docker-daemon:NAME              of the local Docker\n"
		"  docker-archive:FILE[:REF]       a file of `docker save`\n"
		"  oci:DIR[:TAG|@DIGEST]           an OCI layout\n"
		"  oci-archive:FILE[:TAG]          the same in one file\n"
		"  dir:DIR                         as skopeo writes it\n"
		"  rootfs:DIR                      a directory taken as a root file system\n"
		"  -                               an archive on standard input\n"
		"  PATH                            any of these files, known by its content\n\n"
		"Ends with 0 when every image is admitted, 1 when one is refused, 3 when none is refused but one is held, and 2 when no verdict could "
		"be reached for one. Reports go to standard output, messages to standard error.\n\n"
		"  pabean scan nginx:1.27\n"
		"  docker save app | pabean scan -\n"
		"  pabean scan oci:./layout:latest --format sarif --output out.sarif\n"
		"  pabean scan app:1 --format table --format json --output app.json\n",
};
