/* What a person may type next. */
#include "config_field.h"

static void base_url(const struct gateway_config *c, struct buf *out)
{
	const struct config_listen *l = NULL;
	if (c->public_url.n) {
		buf_put_slice(out, c->public_url);
		return;
	}
	for (size_t i = c->n_listens; i-- > 0;)
		if (!c->listens[i].mirror.n && !slice_has_prefix(c->listens[i].address, SL("unix:")))
			l = &c->listens[i];
	if (!l)
		return;
	bool all = l->address.p[0] == ':';
	buf_printf(out, "%s://%s%.*s", l->tls_cert.n ? "https" : "http", all ? "localhost" : "", SLICE_ARG(l->address));
}

void gateway_config_hints(const struct gateway_config *c, struct buf *out)
{
	AUTO_BUF url = BUF(4 * KIB);
	base_url(c, &url);
	struct slice host = buf_slice(&url);
	ptrdiff_t at = slice_find(host, SL("://"));
	host = at < 0 ? host : slice_from(host, (size_t)at + 3);
	buf_puts(out, "pabean serves ");
	text_escape(out, url.n ? buf_slice(&url) : SL("a Unix socket"));
	buf_puts(out, ", state in ");
	text_escape(out, c->state);
	buf_puts(out, "\n");
	for (size_t i = 0; i < c->n_repositories; i++) {
		if (c->repositories[i].gate == GATE_ENFORCE)
			continue;
		buf_puts(out, "  ATTENTION: the gate is ");
		buf_puts(out, c->repositories[i].gate == GATE_OFF ? "OFF for " : "only warning for ");
		text_escape(out, c->repositories[i].match);
		buf_putc(out, '\n');
	}
	if (!url.n)
		return;
	buf_puts(out, "Try:\n");
	if (config_upstream_named(c, SL("docker.io")))
		buf_printf(out, "  docker pull %.*s/docker.io/library/nginx:1.27\n", SLICE_ARG(host));
	buf_printf(out, "  docker push %.*s/team/app:1.4\n  pabean verdict %.*s/team/app:1.4\n  pabean status\n", SLICE_ARG(host), SLICE_ARG(host));
	for (size_t i = 0; i < c->n_listens; i++) {
		if (c->listens[i].mirror.n) {
			buf_puts(out, "  a mirror of ");
			text_escape(out, c->listens[i].mirror);
			buf_puts(out, " is at ");
			text_escape(out, c->listens[i].address);
			buf_putc(out, '\n');
		}
	}
}
