#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "inside.h"
#include "os.h"
#include "serve_setup.h"

enum { MAX_PASSED_FDS = 64 };

/* A service manager that does not hear does not stop the service. */
static void tell_systemd(const char *text)
{
	struct err e;
	(void)!os_notify(text, &e);
}

static enum err_code passed_fds(struct gateway_run *r, int *fds, struct err *e)
{
	TRY(os_listen_fds(fds, MAX_PASSED_FDS, &r->n_listen_fds, e));
	r->listen_fds = fds;
	return OK;
}

static void on_ready(void *arg)
{
	struct serve_setup *s = arg;
	tell_systemd("READY=1");
	if (cli_flag(s->c, "quiet", false) || !isatty(STDERR_FILENO))
		return;
	AUTO_BUF b = BUF(16 * KIB);
	gateway_config_hints(s->config, &b);
	fprintf(stderr, "%s", buf_cstr(&b));
}

static int serve(struct cli *c)
{
	struct serve_setup s;
	struct err e;
	int status = CLI_OK, fds[MAX_PASSED_FDS];
	if (serve_setup_open(c, &s, &e) != OK)
		return cli_fail_err(&e);
	if (cli_flag(c, "print-config", false)) {
		AUTO_BUF b = BUF(16 * MIB);
		status = gateway_config_print(s.config, &b, &e) == OK ? cli_print_buf(&b) : cli_fail_err(&e);
		serve_setup_close(&s);
		return status;
	}
	s.run.insecure_no_tls = cli_flag(c, "insecure-no-tls", false);
	s.run.insecure_no_accounts = cli_flag(c, "insecure-no-accounts", false);
	s.run.ready = on_ready;
	if (passed_fds(&s.run, fds, &e) != OK || gateway_serve(&s.run, &e) != OK)
		status = e.code == ERR_CANCELLED ? CLI_OK : cli_fail_err(&e);
	tell_systemd("STOPPING=1");
	serve_setup_close(&s);
	/* Asked to stop, and stopped in good order: that is success to systemd and to scripts. */
	fflush(stdout);
	_exit(status);
}

static const struct cli_option options[] = {
	{ "listen", 'l', CLI_TEXT, .repeated = true, .arg = "ADDRESS", .group = "Server", .help = "Where to listen: 127.0.0.1:5000 (the default), [::1]:5000, :5000 (all "
	  "addresses), unix:PATH" },
	{ "public-url", 0, CLI_TEXT, .arg = "URL", .help = "By which address clients know this registry; needed beyond loopback" },
	{ "workers", 0, CLI_COUNT, .arg = "N", .help = "Worker processes that fetch and inspect (default 2; 0: only those started with pabean worker)" },
	{ "print-config", 0, CLI_FLAG, .help = "Print the whole configuration as it would be used, all keys with their values, and end" },
	{ "insecure-no-tls", 0, CLI_FLAG, .help = "Listen beyond loopback without TLS: passwords and images cross the network unprotected" },
	{ "insecure-no-accounts", 0, CLI_FLAG, .help = "Listen beyond loopback without accounts: whoever reaches it may do what 'anonymous' says" },
	SERVE_SETUP_OPTIONS,
	{ 0 },
};

const struct cli_command cli_cmd_serve = {
	"serve", serve, .help = "Run the curated registry: nothing unseen can be pulled", .options = options, .own_part = true,
	.details = "Images come by push, or from the upstreams of the configuration; each is inspected like by pabean scan and judged by the policy before anybody gets it.\n\n"
		   "  pabean serve\n  docker pull localhost:5000/docker.io/library/nginx:1.27\n  docker push localhost:5000/team/app:1.4\n"
		   "  pabean verdict localhost:5000/team/app:1.4\n\n"
		   "The part 'serve:' of the configuration file holds everything else (docs/serve-configuration.md); --print-config shows it with all defaults. "
		   "SIGHUP reads policies, certificates and upstreams' credentials again, SIGTERM stops in good order: running pulls finish.\n",
};
