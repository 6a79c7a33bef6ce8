/* A running SHA-256 or SHA-512 whose state can be written down and taken up elsewhere: that is what spares a resumed upload a
 * second read of all its bytes, and what OpenSSL's EVP interface cannot do. */
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include "name.h"

struct blob_hash {
	int algo;
	uint64_t bytes;		/* taken so far */
	union { SHA256_CTX s256; SHA512_CTX s512; };
};

void blob_hash_begin(struct blob_hash *h, int algo);	/* DIGEST_SHA256 or DIGEST_SHA512 */
void blob_hash_update(struct blob_hash *h, struct slice bytes);
/* "sha256:<hex>" and NUL; the state is used up. */
void blob_hash_final(struct blob_hash *h, char dst[BLOB_DIGEST_MAX]);
/* As text without spaces, at most 400 bytes; the same on every machine. */
void blob_hash_save(const struct blob_hash *h, struct buf *out);
/* false: not what blob_hash_save wrote. */
bool blob_hash_load(struct slice text, struct blob_hash *ret);
