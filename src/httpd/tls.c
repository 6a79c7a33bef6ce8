/* TLS through libmicrohttpd's GnuTLS. Certificates are handed out by a callback, so a renewed one counts from the next handshake on; a generation that was
 * replaced stays while connections hold it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "private.h"

enum { MAX_CHAIN = 16, MAX_PEM = 1 << 20 };
#define POLL_NS (5 * (uint64_t)1000000000)

struct generation {
	unsigned refs;			/* under tls_config.lock */
	gnutls_pcert_st certs[MAX_CHAIN];
	unsigned n_certs;
	gnutls_privkey_t key;
	gnutls_x509_trust_list_t trust;
};

struct file_stamp { struct timespec at[3]; off_t size[3]; };

struct tls_config {
	char *cert, *key, *client_ca;
	bool required;
	char *trust_pem;
	pthread_mutex_t lock;
	struct generation *now;
	struct file_stamp stamp;
	uint64_t polled_ns;
};

static void generation_free(struct generation *g)
{
	for (unsigned i = 0; i < g->n_certs; i++)
		TLS_FN(pcert_deinit)(&g->certs[i]);
	if (g->key)
		TLS_FN(privkey_deinit)(g->key);
	if (g->trust)
		TLS_FN(x509_trust_list_deinit)(g->trust, 1);
	free(g);
}

/* With the lock held. */
static void generation_unref(struct generation *g)
{
	if (g && !--g->refs)
		generation_free(g);
}

static gnutls_datum_t datum(struct buf *b) { return (gnutls_datum_t){ b->p, (unsigned)b->n }; }

static enum err_code failed(const char *what, const char *path, int code, struct err *e)
{
	return err_set(e, ERR_USAGE, 0, "%s %s: %s", what, path, TLS_FN(strerror)(code));
}

/* A key of another certificate would only show in handshakes. */
static enum err_code check_pair(const struct tls_config *t, struct generation *g, struct err *e)
{
	gnutls_pubkey_t k;
	uint8_t a[64], b[64];
	size_t na = sizeof(a), nb = sizeof(b);
	int r = TLS_FN(pubkey_init)(&k);
	if (r < 0)
		return failed("key", t->key, r, e);
	r = TLS_FN(pubkey_import_privkey)(k, g->key, 0, 0);
	if (r >= 0)
		r = TLS_FN(pubkey_get_key_id)(k, GNUTLS_KEYID_USE_SHA256, a, &na);
	if (r >= 0)
		r = TLS_FN(pubkey_get_key_id)(g->certs[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &nb);
	TLS_FN(pubkey_deinit)(k);
	if (r < 0)
		return failed("key", t->key, r, e);
	return slice_eq(slice_of(a, na), slice_of(b, nb)) ? OK : err_set(e, ERR_USAGE, 0, "key %s is not that of certificate %s", t->key, t->cert);
}

static enum err_code load(const struct tls_config *t, struct generation *g, struct err *e)
{
	AUTO_BUF cert = BUF(MAX_PEM);
	AUTO_BUF key = BUF(MAX_PEM);
	AUTO_BUF ca = BUF(MAX_PEM);
	TRY(os_read_file(t->cert, &cert, e));
	TRY(os_read_file(t->key, &key, e));
	gnutls_datum_t d = datum(&cert);
	unsigned n = MAX_CHAIN;
	int r = TLS_FN(pcert_list_import_x509_raw)(g->certs, &n, &d, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (r < 0)
		return failed("certificate", t->cert, r, e);
	g->n_certs = n;
	d = datum(&key);
	r = TLS_FN(privkey_init)(&g->key);
	if (r >= 0)
		r = TLS_FN(privkey_import_x509_raw)(g->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
	explicit_bzero(key.p, key.n);
	if (r < 0)
		return failed("key", t->key, r, e);
	TRY(check_pair(t, g, e));
	if (!t->client_ca)
		return OK;
	TRY(os_read_file(t->client_ca, &ca, e));
	d = datum(&ca);
	r = TLS_FN(x509_trust_list_init)(&g->trust, 0);
	if (r >= 0)
		r = TLS_FN(x509_trust_list_add_trust_mem)(g->trust, &d, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	return r > 0 ? OK : r < 0 ? failed("client CA", t->client_ca, r, e) : err_set(e, ERR_USAGE, 0, "no certificate in %s", t->client_ca);
}

static struct file_stamp stamp_of(const struct tls_config *t)
{
	struct file_stamp s = { 0 };
	const char *paths[3] = { t->cert, t->key, t->client_ca };
	for (unsigned i = 0; i < 3; i++) {
		struct stat st;
		if (paths[i] && !stat(paths[i], &st)) {
			s.at[i] = st.st_mtim;
			s.size[i] = st.st_size;
		}
	}
	return s;
}

enum err_code httpd_tls_reload(struct tls_config *t, struct err *e)
{
	struct file_stamp stamp = stamp_of(t);
	struct generation *g = calloc(1, sizeof(*g));
	if (!g)
		return err_set(e, ERR_NOMEM, 0, "no memory for certificates");
	enum err_code code = load(t, g, e);
	if (code != OK) {
		generation_free(g);
		return code;
	}
	pthread_mutex_lock(&t->lock);
	t->stamp = stamp;
	generation_unref(t->now);
	t->now = g;
	g->refs = 1;
	pthread_mutex_unlock(&t->lock);
	return OK;
}

void httpd_tls_poll(struct tls_config *t, uint64_t now_ns)
{
	if (now_ns - t->polled_ns < POLL_NS)
		return;
	t->polled_ns = now_ns;
	struct file_stamp stamp = stamp_of(t);
	pthread_mutex_lock(&t->lock);
	bool same = !memcmp(&stamp, &t->stamp, sizeof(stamp));
	pthread_mutex_unlock(&t->lock);
	struct err e;
	if (!same && httpd_tls_reload(t, &e) != OK)
		return;	/* half-written, perhaps: tried again at the next look */
}

enum err_code httpd_tls_open(const struct httpd_listen *o, struct tls_config **ret, struct err *e)
{
	if (!o->tls_key || (o->client_required && !o->client_ca))
		return err_set(e, ERR_USAGE, 0, "%s: TLS needs %s", o->address ? o->address : "the socket", o->tls_key ? "a client CA" : "a key");
	TRY(httpd_tls_load(e));
	struct tls_config *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_NOMEM, 0, "no memory for certificates");
	pthread_mutex_init(&t->lock, NULL);
	t->cert = strdup(o->tls_cert);
	t->key = strdup(o->tls_key);
	t->client_ca = o->client_ca ? strdup(o->client_ca) : NULL;
	t->required = o->client_required;
	enum err_code code = httpd_tls_reload(t, e);
	AUTO_BUF ca = BUF(MAX_PEM);
	if (code == OK && t->client_ca) {
		code = os_read_file(t->client_ca, &ca, e);
		t->trust_pem = code == OK ? strdup(buf_cstr(&ca)) : NULL;
	}
	if (code != OK)
		httpd_tls_close(t);
	else
		*ret = t;
	return code;
}

void httpd_tls_close(struct tls_config *t)
{
	if (!t)
		return;
	generation_unref(t->now);
	pthread_mutex_destroy(&t->lock);
	free(t->cert);
	free(t->key);
	free(t->client_ca);
	free(t->trust_pem);
	free(t);
}

const char *httpd_tls_trust(const struct tls_config *t) { return t->trust_pem; }
bool httpd_tls_required(const struct tls_config *t) { return t->required; }

static struct conn *conn_of(gnutls_session_t session)
{
	struct MHD_Connection *m = TLS_FN(session_get_ptr)(session);	/* libmicrohttpd puts it there */
	const union MHD_ConnectionInfo *i = m ? httpd_mhd.MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
	return i ? i->socket_context : NULL;
}

int httpd_tls_certificate(gnutls_session_t session, const gnutls_datum_t *req_ca, int n_req, const gnutls_pk_algorithm_t *pk, int n_pk,
			  gnutls_pcert_st **ret_certs, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
	(void)req_ca;
	(void)n_req;
	(void)pk;
	(void)n_pk;
	struct conn *c = conn_of(session);
	if (!c)
		return -1;
	struct tls_config *t = c->l->tls;
	pthread_mutex_lock(&t->lock);
	generation_unref(c->generation);
	c->generation = t->now;
	c->generation->refs++;
	*ret_certs = t->now->certs;
	*ret_n = t->now->n_certs;
	*ret_key = t->now->key;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

void httpd_tls_ended(struct conn *c)
{
	if (!c->generation)
		return;
	pthread_mutex_lock(&c->l->tls->lock);
	generation_unref(c->generation);
	c->generation = NULL;
	pthread_mutex_unlock(&c->l->tls->lock);
}

/* The name of a certificate that the CA of now has signed for clients. */
static void verified_name(const struct tls_config *t, const gnutls_datum_t *peers, unsigned n, struct conn *c)
{
	gnutls_x509_crt_t chain[MAX_CHAIN];
	unsigned have = 0, status = ~0u;
	for (; have < MIN(n, (unsigned)MAX_CHAIN); have++) {
		if (TLS_FN(x509_crt_init)(&chain[have]) < 0)
			break;
		if (TLS_FN(x509_crt_import)(chain[have], &peers[have], GNUTLS_X509_FMT_DER) < 0) {
			TLS_FN(x509_crt_deinit)(chain[have]);
			break;
		}
	}
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	size_t size = sizeof(c->name);
	if (have && TLS_FN(x509_trust_list_verify_crt2)(t->now->trust, chain, have, &purpose, 1, 0, &status, NULL) >= 0 && !status &&
	    (TLS_FN(x509_crt_get_dn_by_oid)(chain[0], GNUTLS_OID_X520_COMMON_NAME, 0, 0, c->name, &size) < 0 || strlen(c->name) != size))
		c->name[0] = 0;	/* too long, or with a NUL inside */
	for (unsigned i = 0; i < have; i++)
		TLS_FN(x509_crt_deinit)(chain[i]);
}

void httpd_tls_name(struct conn *c)
{
	struct tls_config *t = c->l->tls;
	if (c->name_known || !t->client_ca)
		return;
	c->name_known = true;
	const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(c->m, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned n = 0;
	const gnutls_datum_t *peers = i ? TLS_FN(certificate_get_peers)(i->tls_session, &n) : NULL;
	if (!peers || !n)
		return;
	pthread_mutex_lock(&t->lock);
	verified_name(t, peers, n, c);
	pthread_mutex_unlock(&t->lock);
}
