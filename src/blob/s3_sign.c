/* libcurl can sign, too, but not reliably across its versions: up to 7.88 the headers of a part's copy are sorted wrongly, older
 * ones leave x-amz-* headers unsigned, and strict servers refuse both. Pre-signed addresses need all of this anyway. */
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>
#include "s3.h"

struct mac { uint8_t b[32]; };

static struct mac mac_of(struct slice key, struct slice text)
{
	struct mac m = { 0 };
	unsigned n = sizeof(m.b);
	HMAC(EVP_sha256(), key.p, (int)key.n, text.p, text.n, m.b, &n);
	return m;
}

void s3_time(uint64_t now_s, char dst[17])
{
	time_t t = (time_t)now_s;
	struct tm tm = { 0 };
	if (!gmtime_r(&t, &tm) || !strftime(dst, 17, "%Y%m%dT%H%M%SZ", &tm))
		dst[0] = 0;
}

static void hex_of(struct slice text, char dst[65])
{
	uint8_t d[32] = { 0 };
	(void)digest_of(DIGEST_SHA256, text, d);
	hex_encode(dst, d, sizeof(d));
}

/* The scope "20261122/us-east-1/s3/aws4_request". */
static void put_scope(const struct s3_store *s, const char *time, const char *slash, struct buf *out)
{
	buf_printf(out, "%.8s%s%s%ss3%saws4_request", time, slash, s->region, slash, slash);
}

static void signature(const struct s3_store *s, const char *time, struct slice canonical, char dst[65])
{
	AUTO_BUF text = BUF(4096), secret = BUF(4096);
	char hash[65];
	hex_of(canonical, hash);
	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n", time);
	put_scope(s, time, "/", &text);
	buf_printf(&text, "\n%s", hash);
	buf_printf(&secret, "AWS4%s", s->cred.secret_key);
	struct mac m = mac_of(buf_slice(&secret), slice_of(time, 8));
	m = mac_of(slice_of(m.b, sizeof(m.b)), slice_str(s->region));
	m = mac_of(slice_of(m.b, sizeof(m.b)), SL("s3"));
	m = mac_of(slice_of(m.b, sizeof(m.b)), SL("aws4_request"));
	m = mac_of(slice_of(m.b, sizeof(m.b)), buf_slice(&text));
	hex_encode(dst, m.b, sizeof(m.b));
	if (secret.p)
		explicit_bzero(secret.p, secret.n);
}

void s3_sign_header(const struct s3_store *s, const struct s3_signing *q, uint64_t now_s, struct buf *out)
{
	AUTO_BUF canonical = BUF(32 << 10), names = BUF(256);
	char time[17], sig[65];
	s3_time(now_s, time);
	/* In the order of their names. */
	const struct { const char *name, *value; } headers[] = {
		{ "host", s->host }, { "x-amz-content-sha256", q->payload }, { "x-amz-copy-source", q->copy_source },
		{ "x-amz-copy-source-range", q->copy_range }, { "x-amz-date", time }, { "x-amz-security-token", s->cred.session_token },
	};
	buf_printf(&canonical, "%s\n%s\n%s\n", q->method, q->path, q->query);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (headers[i].value) {
			buf_printf(&canonical, "%s:%s\n", headers[i].name, headers[i].value);
			buf_printf(&names, "%s%s", names.n ? ";" : "", headers[i].name);
		}
	buf_printf(&canonical, "\n%s\n%s", buf_cstr(&names), q->payload);
	signature(s, time, buf_slice(&canonical), sig);
	buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/", s->cred.access_key);
	put_scope(s, time, "/", out);
	buf_printf(out, ",SignedHeaders=%s,Signature=%s", buf_cstr(&names), sig);
}

void s3_sign_query(const struct s3_store *s, const char *path, unsigned seconds, uint64_t now_s, struct buf *out)
{
	AUTO_BUF canonical = BUF(32 << 10), query = BUF(16 << 10);
	char time[17], sig[65];
	s3_time(now_s, time);
	buf_puts(&query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
	net_url_escape(&query, slice_str(s->cred.access_key));
	buf_puts(&query, "%2F");
	put_scope(s, time, "%2F", &query);
	buf_printf(&query, "&X-Amz-Date=%s&X-Amz-Expires=%u", time, seconds);
	if (s->cred.session_token) {
		buf_puts(&query, "&X-Amz-Security-Token=");
		net_url_escape(&query, slice_str(s->cred.session_token));
	}
	buf_puts(&query, "&X-Amz-SignedHeaders=host");
	buf_printf(&canonical, "GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", path, buf_cstr(&query), s->host);
	signature(s, time, buf_slice(&canonical), sig);
	buf_put_slice(out, buf_slice(&query));
	buf_printf(out, "&X-Amz-Signature=%s", sig);
	/* A query that did not fit would be a wrong signature, not a crash; say so here. */
	out->failed |= canonical.failed || query.failed;
}
