/* What `serve` and `worker` have in common: the configuration from its file and the command line, and how lines get out. */
#pragma once
#include "cli.h"
#include "gateway.h"

struct serve_setup {
	struct gateway_config *config;
	struct gateway_run run;
	struct cli *c;
};
#define SERVE_SETUP_OPTIONS \
	{ "state", 0, CLI_DIR, .arg = "DIR", .group = "Registry", .help = "Where the database, blobs and keys are (default ./pabean-data)" }, \
	{ "database", 0, CLI_TEXT, .arg = "URL", .help = "postgresql://USER@HOST/NAME, or sqlite:PATH (default: in --state)" }, \
	{ "policy", 'p', CLI_FILE, .arg = "FILE", .help = "Judge by this policy where the configuration names none (default: pabean policy show)" }, \
	{ "log", 0, CLI_CHOICE, .arg = "FORMAT", .choices = serve_log_formats, .help = "Lines of the log on standard error: logfmt or json" }, \
	{ "db", 0, CLI_DIR, .arg = "DIR", .help = "Where advisories and indicators are (pabean db update)" }, \
	{ "cache-dir", 0, CLI_DIR, .arg = "DIR", .help = "Where facts of inspected layers are kept" }
extern const char *const serve_log_formats[];

[[nodiscard]] enum err_code serve_setup_open(struct cli *c, struct serve_setup *ret, struct err *e);
void serve_setup_close(struct serve_setup *s);
