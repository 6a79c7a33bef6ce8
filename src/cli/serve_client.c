#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gateway.h"
#include "inside.h"
#include "net.h"
#include "os.h"
#include "serve_client.h"

struct serve_client {
	struct arena arena;
	struct net_client *net;
	const char *base;		/* without a final slash */
	const char *authorization;	/* NULL over the socket */
};

/* --- Where the server is ------------------------------------------------------------------------------------------- */

/* Both parts of the path "DIR/pabean.sock", which must be a socket. */
static enum err_code socket_in(struct cli *c, const char *dir, const char **ret, struct err *e)
{
	struct stat st;
	struct slice path = arena_printf(&c->arena, "%s/pabean.sock", dir);
	TRY(arena_ok(&c->arena, "a path", e));
	if (stat((const char *)path.p, &st) != 0)
		return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, errno, "look for a server at %s",
			       (const char *)path.p);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_USAGE, 0, "%s is no socket", (const char *)path.p);
	*ret = (const char *)path.p;
	return OK;
}

/* The state directory that the server of this configuration uses; NULL: the configuration does not say. */
static const char *configured_state(struct cli *c)
{
	AUTO_BUF text = BUF(4 * MIB);
	struct gateway_config *g;
	const char *path, *state = NULL;
	struct err e;
	if (cli_config_part(c, "serve", &path, &text, &e) != OK || !path || gateway_config_parse(buf_slice(&text), path, &g, &e) != OK)
		return NULL;
	state = arena_slice_cstr(&c->arena, gateway_config_state(g));
	gateway_config_free(g);
	return state;
}

static enum err_code socket_find(struct cli *c, const char **ret, struct err *e)
{
	static const char *const usual[] = { "pabean-data", "/var/lib/pabean" };
	const char *given = cli_text(c, "state", NULL);
	if (!given)
		given = configured_state(c);
	enum err_code code = ERR_NOT_FOUND;
	if (given)
		code = socket_in(c, given, ret, e);
	for (size_t i = 0; !given && code == ERR_NOT_FOUND && i < ARRAY_LEN(usual); i++)
		code = socket_in(c, usual[i], ret, e);
	if (code != ERR_NOT_FOUND)
		return code;
	if (given)
		return err_set(e, ERR_NOT_FOUND, 0, "no server runs on the state directory %s (start `pabean serve`)", given);
	return err_set(e, ERR_NOT_FOUND, 0,
		       "no server runs on ./pabean-data or /var/lib/pabean; name its --state directory, or --server URL");
}

/* Only names and addresses that cannot leave this machine. */
static bool stays_here(struct slice url)
{
	static const char *const local[] = { "http://localhost", "http://127.0.0.1", "http://[::1]" };
	if (slice_has_prefix(url, SL("https://")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		struct slice host = slice_str(local[i]), rest = slice_from(url, host.n);
		if (slice_has_prefix(url, host) && (!rest.n || rest.p[0] == ':' || rest.p[0] == '/'))
			return true;
	}
	return false;
}

static enum err_code read_token(struct cli *c, const char **ret, struct err *e)
{
	const char *file = cli_text(c, "token-file", NULL), *env = getenv("PABEAN_TOKEN");
	AUTO_BUF b = BUF(16 * KIB);
	if (file)
		TRY(os_read_file(file, &b, e));
	struct slice token = slice_trim(file ? buf_slice(&b) : slice_str(env));
	if (!token.n)
		return err_set(e, ERR_AUTH, 0, "--server needs a token: --token-file FILE, or the variable PABEAN_TOKEN");
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return err_set(e, ERR_AUTH, 0, "the token holds a character that no token has");
	struct slice header = arena_printf(&c->arena, "Bearer %.*s", SLICE_ARG(token));
	TRY(arena_ok(&c->arena, "the token", e));
	*ret = (const char *)header.p;
	return OK;
}

static enum err_code server_named(struct cli *c, const char *server, struct serve_client *s, struct err *e)
{
	struct slice url = slice_str(server);
	if (!slice_has_prefix(url, SL("https://")) && !slice_has_prefix(url, SL("http://")))
		return err_set(e, ERR_USAGE, 0, "--server must be a URL such as https://registry.example");
	if (!stays_here(url))
		return err_set(e, ERR_AUTH, 0,
			       "the token would cross the network in the clear; --server must be https:// (or localhost)");
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	s->base = arena_slice_cstr(&s->arena, url);
	TRY(arena_ok(&s->arena, "a URL", e));
	return read_token(c, &s->authorization, e);
}

enum err_code serve_client_open(struct cli *c, struct serve_client **ret, struct err *e)
{
	struct net_options o = { .user_agent = "pabean/" PABEAN_VERSION, .ca_file = cli_text(c, "server-ca", NULL), .retries = 1 };
	const char *server = cli_text(c, "server", NULL);
	AUTO_SERVE_CLIENT s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "memory for a client");
	s->arena = ARENA(64 * KIB);
	if (server && *server) {
		TRY(server_named(c, server, s, e));
	} else {
		s->base = "http://localhost";
		TRY(socket_find(c, &o.unix_socket, e));
	}
	/* What the server is asked may be a pull or a verdict: it answers in its own time. */
	o.timeout_ms = 10 * 60 * 1000;
	TRY(net_client_open(&o, &s->net, e));
	*ret = s;
	s = NULL;
	return OK;
}

void serve_client_close(struct serve_client *s)
{
	if (!s)
		return;
	net_client_close(s->net);
	arena_free(&s->arena);
	free(s);
}

/* --- Asking ----------------------------------------------------------------------------------------------------------- */

static enum err_code code_of(int status)
{
	if (status == 401 || status == 403)
		return ERR_AUTH;
	return status == 404 ? ERR_NOT_FOUND : status == 408 || status == 429 ? ERR_TIMEOUT : status < 500 ? ERR_USAGE : ERR_NET;
}

enum err_code serve_client_error(int status, struct slice body, struct err *e)
{
	json_t *j = body.n ? json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	json_t *message = json_object_get(json_object_get(j, "error"), "message");
	char text[256];
	if (json_is_string(message))
		text_escape_to(text, sizeof(text), slice_of(json_string_value(message), json_string_length(message)));
	else
		snprintf(text, sizeof(text), "the server answered %d", status);
	json_decref(j);
	return err_set(e, code_of(status), 0, "%s", text);
}

static enum err_code ask(struct serve_client *s, const char *method, const char *path, struct slice json, struct net_request *ret,
			 struct err *e)
{
	struct slice url = arena_printf(&s->arena, "%s%s", s->base, path);
	TRY(arena_ok(&s->arena, "the URLs of one command", e));
	*ret = (struct net_request){
		.method = method, .url = (const char *)url.p, .accept = "application/json", .authorization = s->authorization,
		.content_type = json.n ? "application/json" : NULL, .body = json, .no_redirect = true,
	};
	return OK;
}

enum err_code serve_client_call(struct serve_client *s, const char *method, const char *path, struct slice json, struct buf *out,
				int *ret_status,
				struct err *e)
{
	struct arena_mark mark = arena_mark(&s->arena);
	struct net_request q;
	int status = 0;
	enum err_code code = ask(s, method, path, json, &q, e);
	if (code == OK)
		code = net_fetch(s->net, &q, out, &status, e);
	arena_rewind(&s->arena, mark);
	if (code != OK)
		return code;
	if (ret_status)
		*ret_status = status;
	else if (status >= 300)
		return serve_client_error(status, buf_slice(out), e);
	return OK;
}

enum err_code serve_client_stream(struct serve_client *s, const char *method, const char *path, struct slice json, struct stream **ret,
				  struct err *e)
{
	struct net_request q;
	const struct net_response *r;
	AUTO_STREAM body = NULL;
	TRY(ask(s, method, path, json, &q, e));
	q.accept = "*/*";
	TRY(net_open(s->net, &q, &r, &body, e));
	if (r->status >= 300) {
		AUTO_BUF text = BUF(64 * KIB);
		int status = r->status;
		if (stream_read_all(body, &text, e) != OK)
			buf_clear(&text);
		return serve_client_error(status, buf_slice(&text), e);
	}
	*ret = body;
	body = NULL;
	return OK;
}

void serve_client_escape(struct buf *path, struct slice s)
{
	buf_putc(path, '/');
	net_url_escape(path, s);
}
