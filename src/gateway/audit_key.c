#include "audit_key.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include "os.h"

struct audit_key { EVP_PKEY *pkey; };

static enum err_code read_hex(const char *path, uint8_t *dst, size_t n, struct err *e)
{
	AUTO_BUF b = BUF(4 * KIB);
	TRY(os_read_file(path, &b, e));
	if (!hex_decode(slice_trim(buf_slice(&b)), dst, n, false))
		return err_set(e, ERR_FORMAT, 0, "%s is no key of the audit log: %zu bytes in hex are expected", path, n);
	return OK;
}

static enum err_code write_hex(const char *path, mode_t mode, const uint8_t *p, size_t n, struct err *e)
{
	char hex[2 * AUDIT_SIGNATURE_BYTES + 2];
	AUTO_ATOMIC f = { 0 };
	hex_encode(hex, p, n);
	hex[2 * n] = '\n';
	TRY(os_atomic_open(path, mode, &f, e));
	TRY(os_write_all(f.fd, hex, 2 * n + 1, path, e));
	return os_atomic_commit(&f, e);
}

static enum err_code wrap(EVP_PKEY *pkey, struct audit_key **ret, struct err *e)
{
	struct audit_key *k = pkey ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		EVP_PKEY_free(pkey);
		return err_set(e, ERR_NOMEM, 0, "the key of the audit log");
	}
	k->pkey = pkey;
	*ret = k;
	return OK;
}

enum err_code audit_key_open(const char *dir, struct audit_key **ret, struct err *e)
{
	char path[4096];
	uint8_t seed[32], public[AUDIT_PUBLIC_BYTES];
	size_t n = sizeof(public);
	struct audit_key *k = NULL;
	snprintf(path, sizeof(path), "%s/audit.key", dir);
	enum err_code code = read_hex(path, seed, sizeof(seed), e);
	if (code == ERR_NOT_FOUND) {
		if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
			return err_set(e, ERR_IO, 0, "no random bytes for the key of the audit log");
		code = write_hex(path, 0600, seed, sizeof(seed), e);
	}
	if (code == OK)
		code = wrap(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed)), &k, e);
	explicit_bzero(seed, sizeof(seed));
	TRY(code);
	snprintf(path, sizeof(path), "%s/audit.pub", dir);
	if (EVP_PKEY_get_raw_public_key(k->pkey, public, &n) != 1)
		code = err_set(e, ERR_INTERNAL, 0, "the public half of the key of the audit log");
	if (code == OK)
		code = write_hex(path, 0644, public, sizeof(public), e);
	if (code == OK)
		*ret = k;
	else
		audit_key_close(k);
	return code;
}

enum err_code audit_key_public(const char *file, struct audit_key **ret, struct err *e)
{
	uint8_t public[AUDIT_PUBLIC_BYTES];
	TRY(read_hex(file, public, sizeof(public), e));
	return wrap(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, sizeof(public)), ret, e);
}

void audit_key_close(struct audit_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

enum err_code audit_key_sign(const struct audit_key *k, struct slice text, uint8_t ret[AUDIT_SIGNATURE_BYTES], struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = AUDIT_SIGNATURE_BYTES;
	bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 && EVP_DigestSign(ctx, ret, &n, text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? OK : err_set(e, ERR_INTERNAL, 0, "sign a head of the audit log");
}

bool audit_key_verify(const struct audit_key *k, struct slice text, const uint8_t signature[AUDIT_SIGNATURE_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, AUDIT_SIGNATURE_BYTES, text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* --- Lines --------------------------------------------------------------------------------------------------------------- */

void audit_head_text(const struct audit_head *h, struct buf *out)
{
	buf_printf(out, "pabean-audit-head/1\n%lld\n%s\n%s\n", (long long)h->seq, h->hash, h->time);
}

enum err_code audit_head_write(const struct audit_head *h, const struct audit_key *k, struct buf *out, struct err *e)
{
	uint8_t signature[AUDIT_SIGNATURE_BYTES];
	char hex[2 * AUDIT_SIGNATURE_BYTES + 1];
	AUTO_BUF text = BUF(KIB);
	audit_head_text(h, &text);
	TRY(audit_key_sign(k, buf_slice(&text), signature, e));
	hex_encode(hex, signature, sizeof(signature));
	buf_printf(out, "{\"seq\":%lld,\"hash\":\"%s\",\"time\":\"%s\",\"signature\":\"%s\"}", (long long)h->seq, h->hash, h->time, hex);
	return buf_ok(out, "a head of the audit log", e);
}

/* Takes `literal` off the front. */
static bool skip(struct slice *s, const char *literal)
{
	struct slice l = slice_str(literal);
	if (!slice_has_prefix(*s, l))
		return false;
	*s = slice_from(*s, l.n);
	return true;
}

/* Takes what stands before the next quote, and the quote. */
static bool until_quote(struct slice *s, struct slice *ret)
{
	ptrdiff_t at = slice_find_byte(*s, '"');
	if (at < 0)
		return false;
	*ret = slice_upto(*s, (size_t)at);
	*s = slice_from(*s, (size_t)at + 1);
	return true;
}

static bool number(struct slice *s, int64_t *ret)
{
	size_t n = 0;
	uint64_t v;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (!slice_to_u64(slice_upto(*s, n), &v) || v > INT64_MAX)
		return false;
	*s = slice_from(*s, n);
	*ret = (int64_t)v;
	return true;
}

bool audit_line_read(struct slice line, int64_t *ret_seq, struct slice *ret_prev)
{
	return skip(&line, "{\"seq\":") && number(&line, ret_seq) && skip(&line, ",\"prev\":\"") && until_quote(&line, ret_prev) && ret_prev->n == 64;
}

bool audit_head_read(struct slice line, const struct audit_key *k, struct audit_head *ret)
{
	struct slice hash, time, hex;
	uint8_t signature[AUDIT_SIGNATURE_BYTES];
	AUTO_BUF text = BUF(KIB);
	if (!skip(&line, "{\"seq\":") || !number(&line, &ret->seq) || !skip(&line, ",\"hash\":\"") || !until_quote(&line, &hash) || hash.n != 64 ||
	    !skip(&line, ",\"time\":\"") || !until_quote(&line, &time) || time.n >= sizeof(ret->time) || !skip(&line, ",\"signature\":\"") ||
	    !until_quote(&line, &hex) || !hex_decode(hex, signature, sizeof(signature), false))
		return false;
	snprintf(ret->hash, sizeof(ret->hash), "%.*s", SLICE_ARG(hash));
	snprintf(ret->time, sizeof(ret->time), "%.*s", SLICE_ARG(time));
	audit_head_text(ret, &text);
	return !text.failed && audit_key_verify(k, buf_slice(&text), signature);
}
