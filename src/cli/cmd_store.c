/* The state as a whole. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "gateway_store.h"
#include "inside.h"
#include "os.h"
#include "serve_setup.h"

struct report {
	struct cli *c;
	struct buf out;
	bool json, terminal, drawn;
	size_t lines;
	uint64_t last_ns;
};

static const char *const formats[] = { "table", "json", NULL };

static void clear(struct report *r)
{
	if (r->drawn)
		fputs("\r\x1b[K", stderr);
	r->drawn = false;
}

/* --- check ----------------------------------------------------------------------------------------------------------------------- */

static void json_text(struct buf *b, const char *key, struct slice value)
{
	buf_printf(b, ",\"%s\":\"", key);
	text_json_escape(b, value);
	buf_putc(b, '"');
}

static void on_problem(void *arg, const struct store_problem *p)
{
	struct report *r = arg;
	char shown[600];
	clear(r);
	if (r->json) {
		buf_printf(&r->out, "%s\n    {\"kind\":\"%s\",\"note\":%s,\"repaired\":%s", r->lines ? "," : "", p->kind,
			   p->note ? "true" : "false", p->repaired ? "true" : "false");
		json_text(&r->out, "repository", p->repository);
		json_text(&r->out, "subject", p->subject);
		json_text(&r->out, "text", slice_str(p->text));
		buf_puts(&r->out, "}");
	} else {
		buf_printf(&r->out, "%s  %-16s %s%s%s: %s\n", p->note ? "note    " : p->repaired ? "repaired" : "PROBLEM ",
			   p->kind,
			   p->repository.n ? text_escape_to(shown, sizeof(shown), p->repository) : "", p->repository.n ? " " : "",
			   text_escape_to(shown + 300, sizeof(shown) - 300, p->subject), p->text);
	}
	r->lines++;
}

static void on_progress(void *arg, uint64_t bytes, uint64_t total)
{
	struct report *r = arg;
	char a[24], b[24];
	uint64_t now = os_monotonic_ns();
	if (!r->terminal || now - r->last_ns < 100000000)
		return;
	r->last_ns = now;
	r->drawn = true;
	fprintf(stderr, "\rreading blobs: %s of %s, %llu %%\x1b[K", text_format_size(a, sizeof(a), bytes),
		text_format_size(b, sizeof(b), total), (unsigned long long)(total ? bytes * 100 / total : 100));
}

static void summary(struct report *r, const struct store_check_counts *n)
{
	const struct { const char *name; uint64_t n; } t[] = {
		{ "blobs", n->blobs }, { "bytes", n->bytes }, { "manifests", n->manifests }, { "tags", n->tags },
		{ "reports", n->reports }, { "problems", n->problems }, { "repaired", n->repaired }, { "notes", n->notes },
	};
	char size[24];
	if (r->json) {
		buf_puts(&r->out, r->lines ? "\n  ]" : "]");
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			buf_printf(&r->out, ",\n  \"%s\": %llu", t[i].name, (unsigned long long)t[i].n);
		buf_puts(&r->out, "\n}\n");
		return;
	}
	buf_printf(&r->out, "%llu blobs (%s), %llu manifests, %llu tags, %llu reports: %llu problems%s\n",
		   (unsigned long long)n->blobs, text_format_size(size, sizeof(size), n->bytes), (unsigned long long)n->manifests,
		   (unsigned long long)n->tags, (unsigned long long)n->reports, (unsigned long long)n->problems,
		   n->repaired ? ", repaired" : n->problems ? "; pabean store check --repair" : "");
}

static int check(struct cli *c)
{
	struct serve_setup s;
	struct store_check_counts n;
	struct err e;
	struct report r = { .c = c, .out = BUF(16 * MIB), .json = !strcmp(cli_text(c, "format", "table"), "json"),
			    .terminal = isatty(STDERR_FILENO) && !cli_flag(c, "quiet", false) };
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	struct store_check_options o = { .repair = cli_flag(c, "repair", false), .quick = cli_flag(c, "quick", false),
					 .problem = on_problem, .progress = on_progress, .arg = &r };
	if (r.json)
		buf_puts(&r.out, "{\n  \"found\":[");
	enum err_code code = gateway_store_check(&s.run, &o, &n, &e);
	clear(&r);
	int status = n.problems > n.repaired ? CLI_REFUSED : CLI_OK;
	if (code == OK)
		summary(&r, &n);
	if (code == OK || !r.json)
		status = MAX(status, cli_print_buf(&r.out));
	if (code != OK)
		status = cli_fail_err(&e);
	buf_free(&r.out);
	serve_setup_close(&s);
	return status;
}

/* --- gc ---------------------------------------------------------------------------------------------------------------------------- */

static int gc(struct cli *c)
{
	struct serve_setup s;
	struct store_keep_counts n;
	struct err e;
	char size[24];
	AUTO_BUF out = BUF(KIB);
	bool dry = cli_flag(c, "dry-run", false);
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	enum err_code code = gateway_store_gc(&s.run, dry, &n, &e);
	serve_setup_close(&s);
	if (code != OK)
		return cli_fail_err(&e);
	if (!strcmp(cli_text(c, "format", "table"), "json"))
		buf_printf(&out, "{\"dry_run\":%s,\"tags\":%llu,\"manifests\":%llu,\"contents\":%llu,\"blobs\":%llu,\"bytes\":%llu,\"uploads\":%llu}\n", dry ? "true" : "false",
			   (unsigned long long)n.tags, (unsigned long long)n.manifests, (unsigned long long)n.contents,
				   (unsigned long long)n.blobs, (unsigned long long)n.bytes,
			   (unsigned long long)n.uploads);
	else
		buf_printf(&out, "%s: %llu tags, %llu manifests that nothing kept, the content of %llu more, %llu blobs (%s),"
			   " %llu uploads\n", dry ? "would go" : "gone",
			   (unsigned long long)n.tags, (unsigned long long)n.manifests, (unsigned long long)n.contents,
				   (unsigned long long)n.blobs,
			   text_format_size(size, sizeof(size), n.bytes), (unsigned long long)n.uploads);
	return cli_print_buf(&out);
}

/* --- export, import ----------------------------------------------------------------------------------------------------------------- */

static void on_moved(void *arg, struct slice reference, struct slice digest, const char *why)
{
	struct cli *c = arg;
	char shown[300];
	if (why)
		cli_note(c, "%s@%.19s is left out: %s", text_escape_to(shown, sizeof(shown), reference), (const char *)digest.p,
			 why);
	else
		cli_note(c, "%s (%.19s)", text_escape_to(shown, sizeof(shown), reference), (const char *)digest.p);
}

static int moved(struct cli *c, const struct gateway_moved *n, const char *what)
{
	char size[24];
	cli_note(c, "%s: %llu images, %llu manifests, %llu blobs (%s)%s", what, (unsigned long long)n->images,
		 (unsigned long long)n->manifests, (unsigned long long)n->blobs,
		 text_format_size(size, sizeof(size), n->bytes), n->left_out ? ", some left out" : "");
	return CLI_OK;
}

static int export(struct cli *c)
{
	struct serve_setup s;
	struct gateway_moved n;
	struct err e;
	const char *output = cli_text(c, "output", NULL);
	if (!output)
		return cli_fail("--output FILE.tar or DIR is needed");
	if (!strcmp(output, "-") && isatty(STDOUT_FILENO))
		return cli_fail("an archive is not for a terminal");
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	enum err_code code = gateway_store_export(&s.run, (const char *const *)c->args, c->n_args, output, on_moved, c, &n, &e);
	serve_setup_close(&s);
	if (code != OK)
		return code == ERR_AUTH ? (cli_fail_err(&e), CLI_REFUSED) : cli_fail_err(&e);
	return moved(c, &n, "exported");
}

static int import(struct cli *c)
{
	struct serve_setup s;
	struct gateway_moved n;
	struct err e;
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	enum err_code code = gateway_store_import(&s.run, c->args[0], cli_text(c, "into", NULL), on_moved, c, &n, &e);
	serve_setup_close(&s);
	if (code != OK)
		return cli_fail_err(&e);
	return moved(c, &n, "imported; each is inspected before anybody gets it");
}

#define FORMAT_OPTION { "format", 'f', CLI_CHOICE, .arg = "FORMAT", .help = "table (default) or json", .choices = formats }

static const struct cli_option check_options[] = {
	{ "repair", 0, CLI_FLAG, .group = "Options", .help = "Put broken blobs aside, inspect again what cannot be trusted, cut"
	  " off what points nowhere" },
	{ "quick", 0, CLI_FLAG, .help = "Compare sizes only; do not read the blobs" },
	FORMAT_OPTION,
	SERVE_SETUP_OPTIONS,
	{ 0 },
};
static const struct cli_option gc_options[] = {
	{ "dry-run", 0, CLI_FLAG, .group = "Options", .help = "Only say what would go now" },
	FORMAT_OPTION,
	SERVE_SETUP_OPTIONS,
	{ 0 },
};

static const struct cli_option export_options[] = {
	{ "output", 'o', CLI_FILE, .arg = "PATH", .group = "Options", .help = "Where to: a name that ends in .tar, a directory,"
	  " or - for standard output" },
	SERVE_SETUP_OPTIONS,
	{ 0 },
};
static const struct cli_option import_options[] = {
	{ "into", 0, CLI_TEXT, .arg = "REPOSITORY", .group = "Options", .help = "The repository that gets them (default: as the"
	  " archive says)" },
	SERVE_SETUP_OPTIONS,
	{ 0 },
};

static const struct cli_command check_command = {
	"check", check, .help = "Verify blobs, manifests, tags, verdicts and uploads", .options = check_options, .own_part = true,
	.details = "Reads every blob and compares it with its digest, and every record with what it speaks of; works on a"
		" stopped registry and beside a running one. Ends with 0 "
		   "when all is well or was repaired, 1 when there are problems. Broken blobs are moved to the quarantine"
			   " directory of the store; images that need them are fetched "
		   "again from upstream, or held until they are pushed again.\n",
};
static const struct cli_command gc_command = {
	"gc", gc, .help = "Collect garbage now", .options = gc_options, .own_part = true,
	.details = "The server does this by itself every gc_every (docs/operations.md says what goes when); this does it once,"
		" also without a server.\n",
};

static const struct cli_command export_command = {
	"export", export, "IMAGE...", "Write admitted images to an OCI archive or layout", .min_args = 1,
		.options = export_options, .own_part = true,
	.details = "With their platforms, their referrers (signatures, SBOMs) and their verdicts, as far as the gate gives them"
		" out; what it refuses or holds is not exported, and that "
		   "is exit 1. Works beside a running server or without one.\n\n  pabean store export team/app:1.4 team/web:2"
			   " --output images.tar\n",
};
static const struct cli_command import_command = {
	"import", import, "PATH", "Take images from an OCI archive or layout", .min_args = 1, .max_args = 1,
		.options = import_options, .own_part = true,
	.details = "Every byte is hashed, every image is inspected and judged by this registry's policy before anybody gets it;"
		" verdicts in the archive count for nothing. Also takes "
		   "archives of others (skopeo copy … oci-archive:) with --into.\n\n  pabean store import images.tar\n",
};

const struct cli_command cli_cmd_store = {
	"store", .help = "Check what a registry holds, collect garbage, carry images over",
	.sub = (const struct cli_command *const[]){ &check_command, &gc_command, &export_command, &import_command, NULL },
};
