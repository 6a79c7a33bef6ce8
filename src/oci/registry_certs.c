/* certs.d: HOST[:PORT]/ with *.crt (CAs), NAME.cert and NAME.key (containers-certs.d(5), Docker's certificates). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "registry.h"

enum { MAX_CA_BYTES = 1 << 20 };

struct certs { char *cert, *key; struct buf ca; unsigned n_ca; char *only_ca; };

static enum err_code add_file(const char *dir, const char *name, struct arena *a, struct certs *c, struct err *e)
{
	struct slice n = slice_str(name);
	struct slice path = arena_printf(a, "%s/%s", dir, name);
	TRY(arena_ok(a, "read certificates", e));
	if (slice_has_suffix(n, SL(".crt"))) {
		AUTO_BUF b = BUF(MAX_CA_BYTES);
		TRY(os_read_file((const char *)path.p, &b, e));
		buf_put_slice(&c->ca, buf_slice(&b));
		buf_putc(&c->ca, '\n');
		c->only_ca = (char *)path.p;
		c->n_ca++;
	} else if (slice_has_suffix(n, SL(".cert")) && !c->cert) {
		c->cert = (char *)path.p;
		c->key = (char *)arena_printf(a, "%s/%.*s.key", dir, (int)n.n - 5, name).p;
	}
	return buf_ok(&c->ca, "the CA certificates", e);
}

static enum err_code read_dir(const char *dir, struct arena *a, struct certs *c, struct err *e)
{
	struct dirent *de;
	DIR *d = opendir(dir);
	enum err_code rc = OK;
	if (!d)
		return err_set(e, ERR_IO, errno, "open the certificates' directory '%s'", dir);
	while (!rc && (de = readdir(d)))
		rc = add_file(dir, de->d_name, a, c, e);
	closedir(d);
	return rc;
}

/* libcurl takes one file: several CAs are put together in memory. s->fd keeps it open. */
static enum err_code join_cas(struct oci_source *s, struct certs *c, struct net_options *o, struct err *e)
{
	char path[40];
	if (c->n_ca <= 1) {
		o->ca_file = c->only_ca;
		return OK;
	}
	s->fd = memfd_create("ca-certificates", MFD_CLOEXEC);
	if (s->fd < 0)
		return err_set(e, ERR_IO, errno, "join the CA certificates");
	TRY(os_write_all(s->fd, c->ca.p, c->ca.n, "the CA certificates", e));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	o->ca_file = arena_strdup(&s->arena, path);
	return arena_ok(&s->arena, "join the CA certificates", e);
}

static bool use(const char *base, struct slice host, char *dst, size_t cap)
{
	return *base && snprintf(dst, cap, "%s/%.*s", base, SLICE_ARG(host)) < (int)cap && access(dst, X_OK) == 0;
}

enum err_code registry_certificates(struct oci_source *s, struct slice host, struct net_options *o, struct err *e)
{
	char dir[600], mine[512] = "";
	struct certs c = { .ca = BUF(MAX_CA_BYTES) };
	const char *home = getenv("HOME");
	if (home && *home)
		snprintf(mine, sizeof(mine), "%.400s/.config/containers/certs.d", home);
	if (s->o.cert_dir) {
		if (!use(s->o.cert_dir, host, dir, sizeof(dir)))
			snprintf(dir, sizeof(dir), "%.590s", s->o.cert_dir);
	} else if (!use(mine, host, dir, sizeof(dir)) && !use("/etc/containers/certs.d", host, dir, sizeof(dir)) &&
		   !use("/etc/docker/certs.d", host, dir, sizeof(dir))) {
		return OK;
	}
	enum err_code rc = read_dir(dir, &s->arena, &c, e);
	if (!rc)
		rc = join_cas(s, &c, o, e);
	buf_free(&c.ca);
	TRY(rc);
	o->client_cert = c.cert;
	o->client_key = c.key;
	return arena_ok(&s->arena, "read certificates", e);
}
