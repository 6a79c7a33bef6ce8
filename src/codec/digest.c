#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include "codec.h"

static const struct { const char *name, *openssl; size_t size; } algos[] = {
	[DIGEST_MD5] = { "md5", "MD5", 16 },
	[DIGEST_SHA1] = { "sha1", "SHA1", 20 },
	[DIGEST_SHA256] = { "sha256", "SHA256", 32 },
	[DIGEST_SHA512] = { "sha512", "SHA512", 64 },
};

struct digest {
	EVP_MD_CTX *ctx;
	int algo;
};

/* Fetched once and constant from then on: fetching takes locks and a search each time, which shows at a million small files. */
static EVP_MD *fetched[ARRAY_LEN(algos)];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
	/* The configuration file of the machine has no say in what a digest is, and reading it would be a file access. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (size_t i = 0; i < ARRAY_LEN(algos); i++)
		if (algos[i].openssl)
			fetched[i] = EVP_MD_fetch(NULL, algos[i].openssl, NULL);
}

static bool known(int algo) { return algo > DIGEST_NONE && (size_t)algo < ARRAY_LEN(algos); }

static EVP_MD *md_of(int algo)
{
	pthread_once(&fetch_once, fetch_all);
	return known(algo) ? fetched[algo] : NULL;
}

size_t digest_size(int algo) { return known(algo) ? algos[algo].size : 0; }
const char *digest_name(int algo) { return known(algo) ? algos[algo].name : "none"; }

enum err_code digest_open(int algo, struct digest **ret, struct err *e)
{
	EVP_MD *md = md_of(algo);
	struct digest *d;
	if (!md)
		return err_set(e, ERR_UNSUPPORTED, 0, "this OpenSSL has no digest %s", digest_name(algo));
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, 0, "memory for a digest");
	d->algo = algo;
	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || !EVP_DigestInit_ex2(d->ctx, md, NULL)) {
		digest_close(d);
		return err_set(e, ERR_NOMEM, 0, "start a %s digest", digest_name(algo));
	}
	*ret = d;
	return OK;
}

void digest_update(struct digest *d, struct slice bytes)
{
	if (bytes.n)
		EVP_DigestUpdate(d->ctx, bytes.p, bytes.n);
}

void digest_final(struct digest *d, uint8_t *out)
{
	EVP_DigestFinal_ex(d->ctx, out, NULL);
	digest_reset(d);
}

void digest_reset(struct digest *d) { EVP_DigestInit_ex2(d->ctx, NULL, NULL); }

void digest_close(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

bool digest_of(int algo, struct slice bytes, uint8_t *out)
{
	EVP_MD *md = md_of(algo);
	return md && EVP_Digest(bytes.p ? bytes.p : (const uint8_t *)"", bytes.n, out, NULL, md, NULL);
}

void digest_warm(void)
{
	uint8_t out[DIGEST_MAX_BYTES];
	for (int algo = DIGEST_MD5; algo <= DIGEST_SHA512; algo++)
		(void)digest_of(algo, SL("warm"), out);
}
