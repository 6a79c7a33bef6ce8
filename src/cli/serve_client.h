/* How commands speak to a running `pabean serve`: over the Unix socket in its state directory (its owner and root may do
 * everything there), or with --server URL and a token ($PABEAN_TOKEN or --token-file). A command that uses it has
 * SERVE_CLIENT_OPTIONS among its options. */
#pragma once
#include "cli.h"
#include "codec.h"

#define SERVE_CLIENT_OPTIONS \
	{ "server", 0, CLI_TEXT, .arg = "URL", .group = "Server", \
	  .help = "The registry to speak to, https://registry.example; default: the socket in --state" }, \
	{ "token-file", 0, CLI_FILE, .arg = "FILE", .help = "A file that holds the token for --server (default: the variable PABEAN_TOKEN)" }, \
	{ "state", 0, CLI_DIR, .arg = "DIR", \
	  .help = "The state directory of the server on this machine (default: what the configuration says under serve:, ./pabean-data, /var/lib/pabean)" }, \
	{ "server-ca", 0, CLI_FILE, .arg = "FILE", .help = "Certificates to trust for --server beside the system's, PEM" }

struct serve_client;
/* ERR_NOT_FOUND: no server runs there; ERR_AUTH: --server without a token, or a token that would leave this machine in the clear. */
[[nodiscard]] enum err_code serve_client_open(struct cli *c, struct serve_client **ret, struct err *e);
void serve_client_close(struct serve_client *s);	/* takes NULL */
static inline void serve_client_cleanup(struct serve_client **s) { serve_client_close(*s); }
#define AUTO_SERVE_CLIENT [[gnu::cleanup(serve_client_cleanup)]] struct serve_client *

/* path: "/api/v1/…", already percent-encoded (serve_client_escape). json: the body, empty for none. What is answered goes to
 * out, whose max is the limit. ret_status NULL: any status of 400 and more is an error with the server's own words (401, 403:
 * ERR_AUTH; 404: ERR_NOT_FOUND; other 4xx: ERR_USAGE; 5xx: ERR_NET); else the status is the caller's business. */
[[nodiscard]] enum err_code serve_client_call(struct serve_client *s, const char *method, const char *path, struct slice json,
					      struct buf *out,
					      int *ret_status, struct err *e);
/* As above, for large or endless answers: reading the stream gives the body. A status of 400 and more is an error. Close the
 * stream before the client. */
[[nodiscard]] enum err_code serve_client_stream(struct serve_client *s, const char *method, const char *path, struct slice json,
						struct stream **ret,
						struct err *e);
/* The error that an answer of that status stands for: {"error":{"code","message"}}, or what of the body can be shown. */
[[nodiscard]] enum err_code serve_client_error(int status, struct slice body, struct err *e);
/* Appends "/" and s percent-encoded as one segment (no slash in it stays). */
void serve_client_escape(struct buf *path, struct slice s);
