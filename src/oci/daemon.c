/* docker-daemon:NAME: what `docker save` gives, over the Docker Engine API's GET /images/NAME/get. */
#include <stdio.h>
#include <stdlib.h>
#include "archive.h"
#include "registry.h"

/* Starts with the archive, which is what the archive code takes s->impl for. */
struct daemon_source { struct archive archive; struct net_client *net; const char *base; struct slice name; };

static enum err_code by_host(struct oci_source *s, const char *host, struct net_options *o, const char **ret_base, struct err *e)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY"), *certs = getenv("DOCKER_CERT_PATH");
	bool tls = verify && *verify;
	*ret_base = "http://localhost";
	if (!strncmp(host, "unix://", 7)) {
		o->unix_socket = host + 7;
		return OK;
	}
	if (strncmp(host, "tcp://", 6) && strncmp(host, "http://", 7) && strncmp(host, "https://", 8))
		return err_set(e, ERR_UNSUPPORTED, 0, "DOCKER_HOST is '%s'; only unix://, tcp:// and https:// are known; use docker save and "
			       "docker-archive:- instead", ESC(slice_str(host)));
	tls |= !strncmp(host, "https://", 8);
	if (tls && certs && *certs) {
		o->ca_file = (const char *)arena_printf(&s->arena, "%s/ca.pem", certs).p;
		o->client_cert = (const char *)arena_printf(&s->arena, "%s/cert.pem", certs).p;
		o->client_key = (const char *)arena_printf(&s->arena, "%s/key.pem", certs).p;
	}
	*ret_base = (const char *)arena_printf(&s->arena, "%s://%s", tls ? "https" : "http", strstr(host, "://") + 3).p;
	return arena_ok(&s->arena, "find the daemon", e);
}

static bool is_image_id(struct slice t)
{
	for (size_t i = 0; i < t.n; i++)
		if (!(t.p[i] >= '0' && t.p[i] <= '9') && !(t.p[i] >= 'a' && t.p[i] <= 'f'))
			return false;
	return t.n == 64;
}

static enum err_code daemon_open(struct oci_source *s, struct err *e)
{
	struct daemon_source *d = arena_new(&s->arena, struct daemon_source);
	const char *host = getenv("DOCKER_HOST");
	struct net_options o = { .user_agent = s->o.user_agent, .timeout_ms = s->o.timeout_ms, .retries = s->o.retries };
	struct oci_reference r;
	TRY(arena_ok(&s->arena, "open the daemon", e));
	s->stream = true;
	s->archive_kind = OCI_ARCHIVE_DOCKER;
	if (oci_digest_valid(s->text) || is_image_id(s->text)) {
		d->name = s->text;
	} else {
		TRY(oci_reference_parse(s->text, &s->arena, &r, e));
		d->name = r.text;
	}
	TRY(by_host(s, host && *host ? host : "unix:///var/run/docker.sock", &o, &d->base, e));
	TRY(net_client_open(&o, &d->net, e));
	s->impl = d;
	return OK;
}

static void daemon_close(struct oci_source *s)
{
	struct daemon_source *d = s->impl;
	if (!d)
		return;
	stream_close(d->archive.in.st);
	net_client_close(d->net);
}

static enum err_code daemon_pump(struct oci_source *s, oci_blob_fn *fn, void *arg, struct err *e)
{
	struct daemon_source *d = s->impl;
	char url[1400], said[160];
	AUTO_STREAM in = NULL;
	const struct net_response *r;
	struct net_request q = { .url = url };
	snprintf(url, sizeof(url), "%.200s/images/%.*s/get", d->base, SLICE_ARG(d->name));
	if (net_open(d->net, &q, &r, &in, e))
		return err_prefix(e, "ask the Docker daemon for '%s'", ESC(s->text));
	if (r->status != 200) {
		AUTO_BUF body = BUF(64 * KIB);
		struct err ignored = { 0 };
		(void)!stream_read_all(in, &body, &ignored);
		registry_message(buf_slice(&body), said, sizeof(said));
		return err_set(e, r->status == 404 || strstr(said, "No such image") ? ERR_NOT_FOUND : ERR_NET, 0,
			       "the Docker daemon does not give '%s' (status %d)%s%s", ESC(s->text), r->status, *said ? ": " : "", said);
	}
	struct stream *below = in;
	in = NULL;
	d->archive.in.fd = -1;
	TRY(stream_decompress(below, false, &d->archive.info, &d->archive.in.st, e));
	return archive_pump(s, fn, arg, e);
}

const struct oci_transport oci_transport_daemon = {
	.name = "docker-daemon", .open = daemon_open, .pump = daemon_pump, .resolve = archive_resolve, .get = archive_get,
	.check_layer = archive_check_layer, .close = daemon_close, .partial = true, .path_keys = true,
};
